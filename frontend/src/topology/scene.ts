/** All that a view draws, and at which detail: no canvas, no DOM. */
import type { Rgb } from "../shared/color";
import type { Box } from "./boxes";
import type { EdgeData, Graph } from "./graph";
import type { Placed } from "./layout/compose";
import type { Point, Rect } from "./layout/types";
import type { Drawing, Stretch } from "./levels";
import type { ProcessMark } from "./processes";
import { isWorse, type UnitCondition } from "./states";

export interface SceneBox {
  box: Box;
  rect: Rect;
  /** Marks of the processes that its units run in. */
  marks: ProcessMark[];
  condition: UnitCondition;
}

export interface SceneLine {
  stretch: Stretch;
  points: Point[];
  color: Rgb | null;
  /** The first of its edges that says something of itself: who holds it, what became of it. */
  edge: EdgeData | null;
  /** Whether an arrow stands at its end: not where it only passes a border. */
  arrow: boolean;
  bounds: Rect;
}

export interface SceneLabel {
  topic: string;
  /** Index of an edge whose latency it may show. */
  edge: number;
  at: Point;
  /** How far it may reach to the right. */
  room: number;
}

export interface Scene {
  graph: Graph;
  width: number;
  height: number;
  boxes: Map<string, SceneBox>;
  /** Groups from the outside inwards, then all else. */
  ordered: SceneBox[];
  ports: Map<string, Point>;
  lines: SceneLine[];
  labels: SceneLabel[];
}

const OK: UnitCondition = { state: "ok", reason: "" };

export function buildScene(
  drawing: Drawing,
  placed: Placed,
  marks: ReadonlyMap<string, ProcessMark>,
  conditions: ReadonlyMap<string, UnitCondition>,
): Scene {
  const boxes = new Map<string, SceneBox>();
  for (const box of drawing.boxes.values()) {
    const rect = placed.boxes.get(box.id);
    if (!rect) continue;
    const processes = [...new Set(box.units.map((unit) => unit.process))];
    boxes.set(box.id, {
      box,
      rect,
      marks: processes.flatMap((id) => (id === null ? [] : (marks.get(id) ?? []))),
      condition: conditionOf(box, conditions),
    });
  }
  const ordered = [...boxes.values()].sort(
    (a, b) =>
      Number(a.box.kind !== "group") - Number(b.box.kind !== "group") || a.box.depth - b.box.depth,
  );
  const { edges } = drawing.graph.data;
  const lines: SceneLine[] = [];
  const labels = new Map<string, SceneLabel>();
  for (const { stretches } of drawing.levels) {
    for (const stretch of stretches) {
      const points = placed.routes.get(stretch.id);
      const start = points?.[0];
      if (!points || !start) continue;
      const process = edges[stretch.edges[0] ?? -1]?.process ?? "";
      lines.push({
        stretch,
        points,
        color: marks.get(process)?.color ?? null,
        edge: stretch.edges.flatMap((index) => edges[index] ?? []).find(isSpecial) ?? null,
        arrow: (drawing.boxes.get(stretch.to.node)?.kind ?? "group") !== "group",
        bounds: boundsOf(points),
      });
      if (!stretch.labelled) continue;
      const room = Math.abs((points[1]?.x ?? start.x) - start.x);
      const known = labels.get(stretch.from.port);
      if (known) known.room = Math.min(known.room, room);
      else {
        const edge = stretch.edges[0] ?? -1;
        labels.set(stretch.from.port, { topic: stretch.topic, edge, at: start, room });
      }
    }
  }
  return {
    graph: drawing.graph,
    width: placed.width,
    height: placed.height,
    boxes,
    ordered,
    // Copies: what is drawn moves, what was laid out stays.
    ports: new Map([...placed.ports].map(([key, at]) => [key, { ...at }])),
    lines,
    labels: [...labels.values()],
  };
}

const isSpecial = ({ owner, mark }: EdgeData): boolean => owner !== "pipeline" || !!mark;

/** A unit's own condition; for a collection the worst of what is in it. */
function conditionOf(box: Box, conditions: ReadonlyMap<string, UnitCondition>): UnitCondition {
  if (box.kind === "unit") return conditions.get(box.id) ?? OK;
  if (box.kind !== "folded") return OK;
  let worst = OK;
  for (const unit of box.units) {
    const condition = conditions.get(unit.id) ?? OK;
    if (isWorse(condition.state, worst.state)) {
      worst = { state: condition.state, reason: `${unit.name}: ${condition.reason}` };
    }
  }
  return worst;
}

function boundsOf(points: Point[]): Rect {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** What can be read at a scale, and the sizes (px on the screen) that texts get. */
export interface Detail {
  ports: boolean;
  types: boolean;
  titles: boolean;
  rates: boolean;
  titleSize: number;
  smallSize: number;
  rateSize: number;
}

export function detailAt(scale: number): Detail {
  return {
    ports: scale >= 0.62,
    types: scale >= 0.55,
    titles: scale >= 0.24,
    rates: scale >= 0.5,
    titleSize: Math.max(11, 13 * scale),
    smallSize: Math.max(9.5, 11 * scale),
    rateSize: Math.max(9.5, 11 * scale),
  };
}

/** Speed of the moving dashes for a rate, px/s on the screen: visible at 1 Hz, calm at 1 kHz. */
export function dashSpeed(rate: number): number {
  return rate > 0 ? Math.min(70, 12 + 16 * Math.log10(1 + rate)) : 0;
}

/** The innermost box at a point of the drawing. */
export function boxAt(scene: Scene, point: Point): SceneBox | null {
  for (let i = scene.ordered.length - 1; i >= 0; i--) {
    const one = scene.ordered[i];
    if (one && within(one.rect, point, 0)) return one;
  }
  return null;
}

/** The line nearest to a point, within a distance. */
export function lineAt(scene: Scene, point: Point, distance: number): SceneLine | null {
  let nearest: SceneLine | null = null;
  let least = distance;
  for (const line of scene.lines) {
    if (!within(line.bounds, point, distance)) continue;
    for (let i = 1; i < line.points.length; i++) {
      const [a, b] = [line.points[i - 1], line.points[i]];
      if (!a || !b) continue;
      const dx = Math.max(Math.min(a.x, b.x) - point.x, 0, point.x - Math.max(a.x, b.x));
      const dy = Math.max(Math.min(a.y, b.y) - point.y, 0, point.y - Math.max(a.y, b.y));
      const away = Math.hypot(dx, dy);
      if (away < least) {
        least = away;
        nearest = line;
      }
    }
  }
  return nearest;
}

export function within(rect: Rect, point: Point, margin: number): boolean {
  return (
    point.x >= rect.x - margin &&
    point.x <= rect.x + rect.width + margin &&
    point.y >= rect.y - margin &&
    point.y <= rect.y + rect.height + margin
  );
}

export function intersects(a: Rect, b: Rect): boolean {
  return (
    a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height
  );
}
