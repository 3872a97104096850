import { describe, expect, it } from "vitest";
import { demoTopology, edge, generatedTopology, topology, unit } from "../../../tests/graphs";
import { Graph, type TopologyData } from "../graph";
import { buildDrawing, type Drawing } from "../levels";
import { layoutDrawing, type Placed } from "./compose";
import type { Point, Rect } from "./types";

const VIEW = { width: 900, height: 420 };
const measure = (text: string, style: "title" | "small"): number =>
  text.length * (style === "title" ? 7.4 : 5.6);

function lay(data: TopologyData, folded: string[] = []): { drawing: Drawing; placed: Placed } {
  const drawing = buildDrawing(new Graph(data), new Set(folded), measure);
  return { drawing, placed: layoutDrawing({ drawing, target: VIEW, memory: null }) };
}

const overlaps = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function contains(outer: Rect, inner: Rect): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

/** Whether the inside of a box is touched by a stretch of line. */
function runsThrough(rect: Rect, points: Point[]): boolean {
  const inset = 1;
  return points.slice(1).some((b, i) => {
    const a = points[i] ?? b;
    return (
      Math.min(a.x, b.x) < rect.x + rect.width - inset &&
      Math.max(a.x, b.x) > rect.x + inset &&
      Math.min(a.y, b.y) < rect.y + rect.height - inset &&
      Math.max(a.y, b.y) > rect.y + inset
    );
  });
}

/** All that is wrong with a layout, in words. */
function faults({ drawing, placed }: { drawing: Drawing; placed: Placed }): string[] {
  const found: string[] = [];
  const boxes = [...drawing.boxes.values()];
  const rectOf = (id: string): Rect => {
    const rect = placed.boxes.get(id);
    if (!rect) throw new Error(`${id} has no place`);
    return rect;
  };
  for (const a of boxes) {
    if (a.level !== null && !contains(rectOf(a.level), rectOf(a.id))) {
      found.push(`${a.id} reaches out of ${a.level}`);
    }
    for (const b of boxes) {
      if (a.id < b.id && a.level === b.level && overlaps(rectOf(a.id), rectOf(b.id))) {
        found.push(`${a.id} overlaps ${b.id}`);
      }
    }
  }
  for (const level of drawing.levels) {
    const inLevel = boxes.filter((one) => one.level === level.collection);
    for (const stretch of level.stretches) {
      const route = placed.routes.get(stretch.id) ?? [];
      const [start, end] = [placed.ports.get(stretch.from.port), placed.ports.get(stretch.to.port)];
      const isSame = (a: Point | undefined, b: Point | undefined): boolean =>
        a !== undefined && b !== undefined && a.x === b.x && a.y === b.y;
      if (!isSame(route[0], start) || !isSame(route.at(-1), end)) {
        found.push(`${stretch.id} doesn't join its ports`);
      }
      const skew = route.slice(1).some(({ x, y }, i) => x !== route[i]?.x && y !== route[i]?.y);
      if (skew) found.push(`${stretch.id} isn't at right angles`);
      for (const box of inLevel) {
        if (runsThrough(rectOf(box.id), route)) found.push(`${stretch.id} runs through ${box.id}`);
      }
    }
  }
  return found;
}

function expectSound(laid: { drawing: Drawing; placed: Placed }): void {
  expect(faults(laid)).toEqual([]);
}

describe("layout of a drawing", () => {
  it("is sound for the demo pipeline, unfolded and folded", () => {
    expectSound(lay(demoTopology()));
    expectSound(lay(demoTopology(), ["ECOG"]));
  });

  it.each([
    [20, 1],
    [20, 2],
    [60, 3],
    [60, 4],
    [100, 5],
    [250, 6],
    [1000, 7],
  ])("is sound for %i generated units (seed %i)", (count, seed) => {
    expectSound(lay(generatedTopology(count, seed)));
    expectSound(lay(generatedTopology(count, seed, false)));
  });

  it("is the same each time", () => {
    const one = lay(generatedTopology(60, 7)).placed;
    const two = lay(generatedTopology(60, 7)).placed;
    expect([...one.boxes]).toEqual([...two.boxes]);
    expect([...one.routes]).toEqual([...two.routes]);
  });

  it("fills a notebook's view with the demo pipeline at a readable scale", () => {
    const { placed } = lay(demoTopology());
    expect(Math.min(VIEW.width / placed.width, VIEW.height / placed.height)).toBeGreaterThan(0.75);
  });

  it("draws a loop and a unit that feeds itself", () => {
    const names = ["INPUT_SIGNAL", "OUTPUT_SIGNAL"];
    const units = ["A", "B", "C"].map((id) => unit(id, "lab.Unit", names, "p1"));
    const sound = lay(
      topology(units, [
        edge("A/OUTPUT_SIGNAL", "B/INPUT_SIGNAL"),
        edge("B/OUTPUT_SIGNAL", "C/INPUT_SIGNAL"),
        edge("C/OUTPUT_SIGNAL", "A/INPUT_SIGNAL"),
        edge("B/OUTPUT_SIGNAL", "B/INPUT_SIGNAL"),
      ]),
    );
    expectSound(sound);
  });

  it("is empty for an empty graph", () => {
    const { placed } = lay(topology([], []));
    expect(placed.boxes.size).toBe(0);
    expect(placed.width).toBe(0);
  });
});
