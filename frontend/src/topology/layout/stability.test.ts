import { describe, expect, it } from "vitest";
import { edge, generatedTopology, unit } from "../../../tests/graphs";
import { Graph, type TopologyData } from "../graph";
import { buildDrawing } from "../levels";
import { layoutDrawing, type Placed } from "./compose";
import { cutRows } from "./layering";
import { assignTracks, stackSpans, type Wire } from "./tracks";

const VIEW = { width: 900, height: 420 };
const measure = (text: string): number => text.length * 6;

function lay(data: TopologyData, before: Placed | null): Placed {
  const drawing = buildDrawing(new Graph(data), new Set(), measure);
  return layoutDrawing({ drawing, target: VIEW, memory: before?.memory ?? null });
}

/** Pairs of boxes in a column, and which one stands above. */
function orderInColumns(placed: Placed, ids: string[]): Map<string, boolean> {
  const pairs = new Map<string, boolean>();
  for (const a of ids) {
    for (const b of ids) {
      const [rectA, rectB] = [placed.boxes.get(a), placed.boxes.get(b)];
      if (a >= b || !rectA || !rectB) continue;
      const inColumn = Math.abs(rectA.x - rectB.x) < rectA.width / 2;
      if (inColumn) pairs.set(`${a} ${b}`, rectA.y < rectB.y);
    }
  }
  return pairs;
}

describe("stability", () => {
  it.each([1, 2, 3])("a unit more among 100 changes the order of none (seed %i)", (seed) => {
    const data = generatedTopology(100, seed, false);
    const before = lay(data, null);
    const at = data.units[40];
    const grown: TopologyData = {
      ...data,
      units: [...data.units, unit("NEW", "lab.New", ["INPUT_SIGNAL"], "p1")],
      edges: [...data.edges, edge(`${at?.id}/OUTPUT_SIGNAL`, "NEW/INPUT_SIGNAL")],
    };
    const after = lay(grown, before);
    const ids = data.units.map((one) => one.id);
    const [old, now] = [orderInColumns(before, ids), orderInColumns(after, ids)];
    for (const [pair, isAbove] of now) {
      const was = old.get(pair);
      if (was !== undefined) expect(isAbove, pair).toBe(was);
    }
    expect(after.boxes.has("NEW")).toBe(true);
  });

  it("the same graph again stands where it stood", () => {
    const data = generatedTopology(60, 9);
    const before = lay(data, null);
    const after = lay(data, lay(data, before));
    for (const [id, rect] of before.boxes) expect(after.boxes.get(id), id).toEqual(rect);
  });
});

describe("rows", () => {
  it("are about as wide as each other, and cut where few lines cross", () => {
    expect(cutRows([100, 100, 100, 100], [0, 1, 1, 1, 0], 2)).toEqual([[0], [0, 2]]);
    expect(cutRows([100, 100, 100, 100, 100], [0, 1, 9, 1, 9, 0], 2)[1]).toEqual([0, 3]);
    expect(cutRows([100, 100, 100], [0, 1, 1, 0], 2)[1]).toEqual([0, 2]);
    expect(cutRows([50], [0, 0], 3)).toEqual([[0]]);
  });
});

describe("tracks", () => {
  const wire = (key: string, lefts: number[], rights: number[]): Wire => ({
    key,
    lefts,
    rights,
    low: Math.min(...lefts, ...rights),
    high: Math.max(...lefts, ...rights),
    track: 0,
  });

  it("takes none for straight lines, one for lines apart", () => {
    expect(assignTracks([wire("a", [10], [10])])).toBe(0);
    expect(assignTracks([wire("a", [0], [20]), wire("b", [60], [90])])).toBe(1);
  });

  it("orders lines so that they don't cross", () => {
    const [down, further] = [wire("a", [0], [50]), wire("b", [20], [80])];
    expect(assignTracks([down, further])).toBe(2);
    expect(further.track).toBeLessThan(down.track);
  });

  it("stacks spans that overlap", () => {
    const spans = [
      { key: "long", from: 0, to: 100, track: 0 },
      { key: "short", from: 10, to: 40, track: 0 },
      { key: "beside", from: 60, to: 90, track: 0 },
    ];
    expect(stackSpans(spans)).toBe(2);
    expect(spans.map((span) => span.track)).toEqual([1, 0, 0]);
  });
});
