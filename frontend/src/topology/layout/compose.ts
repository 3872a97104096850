/**
 * The layout of a whole drawing: each level by itself, innermost first, then put into each other.
 * A pure function of its arguments, in the page or in a worker.
 */
import { BOX } from "../boxes";
import type { Level } from "../levels";
import { layoutLevel } from "./level";
import { packParts } from "./pack";
import {
  bestPlan,
  ONE_ROW,
  type Part,
  type Plan,
  type PreparedLevel,
  prepare,
  type RememberedPlan,
} from "./plan";
import type { LayoutNode, LevelInput, LevelLayout, Point, Rect, Side, Size } from "./types";

/** What the layout needs of a drawing. */
export interface ToLayOut {
  levels: Level[];
  boxes: ReadonlyMap<string, { ports: { key: string; side: Side }[] }>;
}

export interface LayoutTask {
  drawing: ToLayOut;
  target: Size;
  memory: LayoutMemory | null;
}

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
export interface LayoutMemory extends RememberedPlan {
  /** Place of each box and passing line in its column. */
  places: ReadonlyMap<string, number>;
}

export function layoutDrawing({ drawing, target, memory }: LayoutTask): Placed {
  const levels = prepare(drawing.levels);
  return compose(drawing, levels, bestPlan(levels, target, memory), target, memory);
}

function compose(
  drawing: ToLayOut,
  levels: PreparedLevel[],
  plan: Plan,
  target: Size,
  memory: LayoutMemory | null,
): Placed {
  const places = new Map<string, number>();
  const nodes = new Map<string, LayoutNode>();
  const inner = new Map<string | null, LevelLayout & { left: number }>();
  let crossings = 0;
  for (const level of levels) {
    const isRoot = level.collection === null;
    const aspect = isRoot ? target.width / target.height : plan.groupAspect;
    const laid = level.parts.map((part) => layoutPart(part, nodes, plan, memory));
    const packed = { ...packParts(laid, aspect), left: level.left };
    crossings += packed.crossings;
    inner.set(level.collection, packed);
    for (const column of packed.order.flat()) {
      column.forEach((id, place) => {
        places.set(id, place);
      });
    }
    if (level.collection !== null) {
      nodes.set(level.collection, groupNode(drawing, level.collection, packed));
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
    memory: { places, ...plan },
  };
  // Outermost first: where a group stands is known before what is in it.
  for (const level of [...drawing.levels].reverse()) {
    const laid = inner.get(level.collection);
    if (!laid) continue;
    const group = level.collection === null ? null : placed.boxes.get(level.collection);
    const origin = group ? { x: group.x + laid.left, y: group.y + BOX.groupTitle } : { x: 0, y: 0 };
    for (const node of level.nodes) {
      const at = laid.positions.get(node.id);
      const { width, height, ports } = nodes.get(node.id) ?? node;
      if (!at || node.role !== "box") continue;
      const rect = { x: origin.x + at.x, y: origin.y + at.y, width, height };
      placed.boxes.set(node.id, rect);
      for (const port of ports) {
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

function layoutPart(
  part: Part,
  nodes: ReadonlyMap<string, LayoutNode>,
  plan: Plan,
  memory: LayoutMemory | null,
): LevelLayout {
  const input: LevelInput = {
    nodes: part.nodes.map((node) => nodes.get(node.id) ?? node),
    edges: part.edges,
  };
  const shape = plan.shapes.get(part.key) ?? ONE_ROW;
  return layoutLevel(input, part.flow, shape, memory?.places ?? null);
}

/** Lines to and from a border end at the border, not at the label beside it. */
function reachBorders(drawing: ToLayOut, placed: Placed): Placed {
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

function groupNode(
  drawing: ToLayOut,
  id: string,
  laid: LevelLayout & { left: number },
): LayoutNode {
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
