/**
 * The layout of a whole drawing: each level by itself, innermost first, then put into each other.
 * A pure function of its arguments; it could run in a worker as it is.
 */
import { BOX, type Drawing, type Level } from "../levels";
import { backEdges } from "./layering";
import { estimateSize, layoutLevel, SPACING } from "./level";
import { packComponents, splitComponents } from "./pack";
import type { LayoutNode, LevelInput, LevelLayout, LevelShape, Point } from "./types";

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Point, Size {}

export interface Placed {
  width: number;
  height: number;
  boxes: Map<string, Rect>;
  /** Port key -> where its line meets the box, by the side in the key. */
  ports: Map<string, Point>;
  /** Stretch id -> its line. */
  routes: Map<string, Point[]>;
  crossings: number;
  memory: LayoutMemory;
}

/** What the next layout keeps from this one, so that little changes when little changed. */
export interface LayoutMemory {
  /** Place of each box and passing line in its column. */
  places: Map<string, number>;
  /** Level and component -> shape. */
  shapes: Map<string, LevelShape>;
  groupAspect: number;
}

const GROUP_ASPECTS = [2.2, 1.2, 4];
/** A remembered shape is kept as long as it is at least this good against the best. */
const KEEP_SHAPE = 0.82;

export function layoutDrawing(drawing: Drawing, target: Size, memory: LayoutMemory | null): Placed {
  const remembered = memory ? [memory.groupAspect] : [];
  const hasGroups = drawing.levels.length > 1 && drawing.boxes.size <= MANY_BOXES;
  const aspects = [...remembered, ...GROUP_ASPECTS.slice(0, hasGroups ? undefined : 1)];
  let best = compose(drawing, target, memory, aspects[0] ?? 1);
  const keep = memory ? KEEP_SHAPE : 0.98;
  for (const aspect of aspects.slice(1)) {
    const scale = fitScale(best, target);
    if (scale > 0.9) break;
    const placed = compose(drawing, target, memory, aspect);
    if (fitScale(placed, target) * keep > scale) best = placed;
  }
  return best;
}

/** Scale at which a drawing fills a view, never above 1. */
export function fitScale(size: Size, view: Size): number {
  if (size.width <= 0 || size.height <= 0) return 1;
  return Math.min(1, view.width / size.width, view.height / size.height);
}

function compose(
  drawing: Drawing,
  target: Size,
  memory: LayoutMemory | null,
  groupAspect: number,
): Placed {
  const next: LayoutMemory = { places: new Map(), shapes: new Map(), groupAspect };
  const nodes = new Map<string, LayoutNode>();
  const inner = new Map<string | null, LevelLayout & { left: number }>();
  let crossings = 0;
  for (const level of drawing.levels) {
    const input: LevelInput = {
      nodes: level.nodes.map((node) => nodes.get(node.id) ?? node),
      edges: level.stretches,
    };
    const laid = layoutOneLevel(level, input, target, memory, next, groupAspect);
    crossings += laid.crossings;
    inner.set(level.collection, laid);
    if (level.collection !== null) {
      nodes.set(level.collection, groupNode(drawing, level.collection, laid));
    }
  }
  const root = inner.get(null);
  const placed: Placed = {
    width: root?.width ?? 0,
    height: root?.height ?? 0,
    boxes: new Map(),
    ports: new Map(),
    routes: new Map(),
    crossings,
    memory: next,
  };
  // Outermost first: where a group stands is known before what is in it.
  for (const level of [...drawing.levels].reverse()) {
    const laid = inner.get(level.collection);
    if (!laid) continue;
    const group = level.collection === null ? null : placed.boxes.get(level.collection);
    const origin = group ? { x: group.x + laid.left, y: group.y + BOX.groupTitle } : { x: 0, y: 0 };
    for (const node of level.nodes) {
      const at = laid.positions.get(node.id);
      const sized = nodes.get(node.id) ?? node;
      if (!at || node.role !== "box") continue;
      const rect = {
        x: origin.x + at.x,
        y: origin.y + at.y,
        width: sized.width,
        height: sized.height,
      };
      placed.boxes.set(node.id, rect);
      for (const port of sized.ports) {
        placed.ports.set(port.key, {
          x: port.side === "west" ? rect.x : rect.x + rect.width,
          y: rect.y + port.y,
        });
      }
    }
    for (const [id, points] of laid.routes) {
      placed.routes.set(
        id,
        points.map(({ x, y }) => ({ x: origin.x + x, y: origin.y + y })),
      );
    }
  }
  return reachBorders(drawing, placed);
}

/** Lines to and from a border end at the border, not at the label beside it. */
function reachBorders(drawing: Drawing, placed: Placed): Placed {
  for (const level of drawing.levels) {
    for (const stretch of level.stretches) {
      const route = placed.routes.get(stretch.id);
      if (!route || level.collection === null) continue;
      const start = placed.ports.get(stretch.from.port);
      const end = placed.ports.get(stretch.to.port);
      if (stretch.from.node.startsWith("border:") && start) route[0] = start;
      if (stretch.to.node.startsWith("border:") && end) route[route.length - 1] = end;
    }
  }
  return placed;
}

function layoutOneLevel(
  level: Level,
  input: LevelInput,
  target: Size,
  memory: LayoutMemory | null,
  next: LayoutMemory,
  groupAspect: number,
): LevelLayout & { left: number } {
  const isRoot = level.collection === null;
  const hasWest = input.nodes.some((node) => node.role === "west");
  const hasEast = input.nodes.some((node) => node.role === "east");
  const parts = hasWest || hasEast ? [input] : splitComponents(input);
  const aspect = isRoot ? target.width / target.height : groupAspect;
  let best: { packed: LevelLayout; shapes: [string, LevelShape][] } | null = null;
  const splits = isRoot && parts.length > 1 && input.nodes.length <= MANY_BOXES;
  for (const split of SPLITS.slice(0, splits ? undefined : 1)) {
    const laid = parts.map((part) => {
      const key = `${level.collection ?? ""}/${part.nodes[0]?.id ?? ""}`;
      const share = sizeOf(part) / sizeOf(input);
      const score = isRoot ? rootScore(split(target, share)) : groupScore(groupAspect);
      return { key, ...bestShape(part, memory?.shapes.get(key), memory, score) };
    });
    const packed = packComponents(
      laid.map(({ layout }) => layout),
      aspect,
      PART_GAP,
    );
    if (best && fitScale(packed, target) <= fitScale(best.packed, target) * 1.01) continue;
    best = { packed, shapes: laid.map(({ key, shape }) => [key, shape]) };
  }
  const packed = best?.packed ?? packComponents([], aspect, PART_GAP);
  for (const [key, shape] of best?.shapes ?? []) next.shapes.set(key, shape);
  for (const column of packed.order.flat()) {
    column.forEach((id, place) => {
      next.places.set(id, place);
    });
  }
  const left = hasWest || isRoot ? 0 : BOX.groupPadding;
  return { ...packed, left };
}

const PART_GAP = 34;

/** Ways to share a view out among parts that nothing joins: side by side, stacked, in between. */
const SPLITS: ((target: Size, share: number) => Size)[] = [
  (target) => target,
  (target, share) => ({ width: target.width, height: target.height * share }),
  (target, share) => ({
    width: target.width * Math.sqrt(share),
    height: target.height * Math.sqrt(share),
  }),
  (target, share) => ({ width: target.width * share, height: target.height }),
];

function sizeOf(input: LevelInput): number {
  return input.nodes.reduce((sum, { width, height }) => sum + (width + 80) * (height + 30), 0);
}

/** How good a size is; `crossings` is 0 where it isn't known yet. */
type Score = (size: Size, rows: number, crossings: number) => number;

const rootScore =
  (target: Size): Score =>
  (size, rows, crossings) =>
    Math.min(1, target.width / size.width, target.height / size.height) * (1 - 0.03 * (rows - 1)) -
    crossings * 1e-4;

/** Inside a group: small, of the wanted proportion, rather in one row. */
const groupScore =
  (aspect: number): Score =>
  (size, rows) =>
    (100 / Math.max(size.width / aspect, size.height, 1)) * (1 - 0.1 * (rows - 1));

const SHAPES_TO_TRY = 3;
const ONE_ROW: LevelShape = { rows: 1, maxLayerHeight: Number.POSITIVE_INFINITY };

function bestShape(
  input: LevelInput,
  remembered: LevelShape | undefined,
  memory: LayoutMemory | null,
  score: Score,
): { layout: LevelLayout; shape: LevelShape } {
  const back = backEdges(input);
  const lay = (shape: LevelShape): { layout: LevelLayout; shape: LevelShape; value: number } => {
    const layout = layoutLevel(input, back, shape, memory?.places ?? null);
    return { layout, shape, value: score(layout, layout.order.length, layout.crossings) };
  };
  const promising = [ONE_ROW, ...candidateShapes(input)]
    .map((shape) => ({ shape, value: score(estimateSize(input, back, shape), shape.rows, 0) }))
    .sort((a, b) => b.value - a.value)
    .slice(0, input.nodes.length > MANY_BOXES ? 1 : SHAPES_TO_TRY);
  let best = remembered ? lay(remembered) : null;
  const keep = remembered ? KEEP_SHAPE : 1;
  for (const { shape, value } of promising) {
    // What is known to do well is kept without trying the rest.
    if (best && value * keep <= best.value) continue;
    const tried = lay(shape);
    if (!best || tried.value * keep > best.value + 1e-9) best = tried;
  }
  return best ?? lay(ONE_ROW);
}

const MANY_BOXES = 150;

function candidateShapes(input: LevelInput): LevelShape[] {
  const boxes = input.nodes.filter((node) => node.role === "box");
  if (boxes.length < 3) return [];
  const total = boxes.reduce((sum, node) => sum + node.height + SPACING.box, 0);
  const parts = boxes.length > 8 ? [2, 3, 4, 6, 9, 14, 20] : [];
  const rows = [2, 3, 4, 5, 6, ...(boxes.length > 30 ? [8, 10, 14] : [])];
  const shapes: LevelShape[] = rows.map((count) => ({ ...ONE_ROW, rows: count }));
  for (const part of parts.filter((count) => count * 2 < boxes.length)) {
    for (const count of [1, 2, 3]) shapes.push({ rows: count, maxLayerHeight: total / part });
  }
  return shapes;
}

function groupNode(drawing: Drawing, id: string, laid: LevelLayout & { left: number }): LayoutNode {
  const box = drawing.boxes.get(id);
  const ports = (box?.ports ?? []).map(({ key, side }) => {
    const at = laid.positions.get(`border:${key}`);
    return { key, side, y: BOX.groupTitle + (at?.y ?? 0) + BOX.portRow / 2 };
  });
  const hasEast = ports.some((port) => port.side === "east");
  return {
    id,
    role: "box",
    width: Math.max(laid.left + laid.width + (hasEast ? 0 : BOX.groupPadding), BOX.minWidth),
    height: BOX.groupTitle + laid.height + BOX.groupPadding,
    ports,
  };
}
