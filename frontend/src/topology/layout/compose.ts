/**
 * The layout of a whole drawing: each level by itself, innermost first, then put into each other.
 * A pure function of its arguments; it could run in a worker as it is.
 */
import { BOX, type Drawing, type Level } from "../levels";
import { layoutLevel, SPACING } from "./level";
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
const MAX_BOXES_TO_TRY_ASPECTS = 150;
/** A remembered shape is kept as long as it is at least this good against the best. */
const KEEP_SHAPE = 0.82;

export function layoutDrawing(drawing: Drawing, target: Size, memory: LayoutMemory | null): Placed {
  const aspects =
    drawing.boxes.size <= MAX_BOXES_TO_TRY_ASPECTS && drawing.levels.length > 1
      ? GROUP_ASPECTS
      : GROUP_ASPECTS.slice(0, 1);
  let best: Placed | null = null;
  let bestScore = 0;
  const first = memory ? [memory.groupAspect] : [];
  for (const aspect of [...first, ...aspects]) {
    const placed = compose(drawing, target, memory, aspect);
    const score = fitScale(placed, target);
    const isRemembered = memory?.groupAspect === aspect && best === null;
    if (best === null || score * KEEP_SHAPE > bestScore) {
      best = placed;
      bestScore = score;
    } else if (!memory && score > bestScore * 1.02) {
      best = placed;
      bestScore = score;
    }
    if (isRemembered && score >= KEEP_SHAPE) break;
  }
  return best ?? compose(drawing, target, memory, GROUP_ASPECTS[0] ?? 2);
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
  const score = isRoot ? rootScore(target) : groupScore(groupAspect);
  const laid = parts.map((part) => {
    const key = `${level.collection ?? ""}/${part.nodes[0]?.id ?? ""}`;
    const { layout, shape } = bestShape(part, memory?.shapes.get(key), memory, score);
    next.shapes.set(key, shape);
    for (const row of layout.order) {
      for (const column of row) {
        column.forEach((id, place) => {
          next.places.set(id, place);
        });
      }
    }
    return layout;
  });
  const packed = packComponents(laid, isRoot ? target.width / target.height : groupAspect, 34);
  const left = hasWest || isRoot ? 0 : BOX.groupPadding;
  return { ...packed, left };
}

type Score = (layout: LevelLayout, rows: number) => number;

const rootScore =
  (target: Size): Score =>
  (layout, rows) =>
    fitScale(layout, target) * (1 - 0.03 * (rows - 1)) - layout.crossings * 1e-4;

/** Inside a group: small, of the wanted proportion, rather in one row. */
const groupScore =
  (aspect: number): Score =>
  (layout, rows) =>
    (100 / Math.max(layout.width / aspect, layout.height, 1)) * (1 - 0.1 * (rows - 1));

function bestShape(
  input: LevelInput,
  remembered: LevelShape | undefined,
  memory: LayoutMemory | null,
  score: Score,
): { layout: LevelLayout; shape: LevelShape } {
  const lay = (shape: LevelShape): { layout: LevelLayout; shape: LevelShape; value: number } => {
    const layout = layoutLevel(input, shape, memory?.places ?? null);
    return { layout, shape, value: score(layout, layout.order.length) };
  };
  let best = lay(remembered ?? { rows: 1, maxLayerHeight: Number.POSITIVE_INFINITY });
  const keep = remembered ? KEEP_SHAPE : 1;
  for (const shape of candidateShapes(input)) {
    const tried = lay(shape);
    if (tried.value * keep > best.value + 1e-9) best = tried;
  }
  return best;
}

/** Large levels get a few shapes to choose from, small ones all that may be good. */
function candidateShapes(input: LevelInput): LevelShape[] {
  const boxes = input.nodes.filter((node) => node.role === "box");
  const total = boxes.reduce((sum, node) => sum + node.height + SPACING.box, 0);
  const unlimited = Number.POSITIVE_INFINITY;
  if (boxes.length < 3) return [];
  const rows = boxes.length > 400 ? [2, 4] : [2, 3, 4, 5, 6];
  const heights =
    boxes.length > 400
      ? [total / Math.sqrt(boxes.length / 2)]
      : boxes.length > 8
        ? [total / 2, total / 3, total / 4, total / 6, total / 9]
        : [];
  const shapes: LevelShape[] = rows.map((count) => ({ rows: count, maxLayerHeight: unlimited }));
  for (const maxLayerHeight of heights) {
    shapes.push({ rows: 1, maxLayerHeight });
    if (boxes.length <= 120) {
      for (const count of [2, 3]) shapes.push({ rows: count, maxLayerHeight });
    }
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
