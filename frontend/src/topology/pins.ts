/** Boxes that the user has put somewhere stand there, with what is in them. */

import { BOX } from "./boxes";
import type { Placed } from "./layout/compose";
import type { Point, Rect } from "./layout/types";
import type { Drawing } from "./levels";

/** Box id -> where: from the left upper corner of the group around it, or of the drawing. */
export type Pins = Record<string, [x: number, y: number]>;

const TURN = 18;

export function withPins(drawing: Drawing, placed: Placed, pins: Pins): Placed {
  if (!Object.keys(pins).some((id) => placed.boxes.has(id))) return placed;
  const boxes = new Map<string, Rect>();
  const ports = new Map(placed.ports);
  const routes = new Map<string, Point[]>();
  const shifts = new Map<string | null, Point>();
  // A group comes before what is in it.
  for (const { id, level, ports: own } of drawing.boxes.values()) {
    const rect = placed.boxes.get(id);
    if (!rect) continue;
    const pin = pins[id];
    let by = shifts.get(level) ?? { x: 0, y: 0 };
    if (pin) {
      const around = level === null ? undefined : boxes.get(level);
      const [x, y] = around ? inside(around, rect, pin) : pin;
      by = { x: x - rect.x, y: y - rect.y };
    }
    shifts.set(id, by);
    boxes.set(id, { ...rect, ...moved(rect, by) });
    for (const { key } of own) {
      const at = placed.ports.get(key);
      if (at) ports.set(key, moved(at, by));
    }
  }
  for (const { collection, stretches } of drawing.levels) {
    for (const { id, from, to } of stretches) {
      const route = placed.routes.get(id);
      const [start, end] = [ports.get(from.port), ports.get(to.port)];
      if (!route || !start || !end) continue;
      const by = (node: string): Point =>
        shifts.get(node) ?? shifts.get(collection) ?? { x: 0, y: 0 };
      const [a, b] = [by(from.node), by(to.node)];
      const isWhole = a.x === b.x && a.y === b.y;
      routes.set(id, isWhole ? route.map((at) => moved(at, a)) : direct(start, end));
    }
  }
  const rects = [...boxes.values()];
  return {
    ...placed,
    boxes,
    ports,
    routes,
    width: Math.max(...rects.map(({ x, width }) => x + width)),
    height: Math.max(...rects.map(({ y, height }) => y + height)),
  };
}

function inside(around: Rect, rect: Rect, [x, y]: [number, number]): [number, number] {
  const keep = (at: number, least: number, most: number): number =>
    Math.max(least, Math.min(at, most - BOX.groupPadding));
  return [
    around.x + keep(x, BOX.groupPadding, around.width - rect.width),
    around.y + keep(y, BOX.groupTitle, around.height - rect.height),
  ];
}

const moved = ({ x, y }: Point, by: Point): Point => ({ x: x + by.x, y: y + by.y });

/** A line with few turns; it may pass other boxes, where the user has put one in its way. */
export function direct(start: Point, end: Point): Point[] {
  const turn = (a: number): number => (start.y + end.y) / 2 + a;
  if (end.x - start.x >= 2 * TURN) {
    const x = (start.x + end.x) / 2;
    return [start, { x, y: start.y }, { x, y: end.y }, end];
  }
  const [right, left] = [start.x + TURN, end.x - TURN];
  return [
    start,
    { x: right, y: start.y },
    { x: right, y: turn(0) },
    { x: left, y: turn(0) },
    { x: left, y: end.y },
    end,
  ];
}
