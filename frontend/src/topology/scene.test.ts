import { describe, expect, it } from "vitest";
import { demoTopology, generatedTopology } from "../../tests/graphs";
import { contrast, mix, readable } from "../shared/color";
import { themeFrom } from "../shared/theme";
import * as camera from "./camera";
import { foldedAfterChange, type Opened, openGraph, READABLE_SCALE } from "./expansion";
import { Graph } from "./graph";
import { layoutDrawing } from "./layout/compose";
import { fitScale } from "./layout/plan";
import { letterOf, ProcessMarks } from "./processes";
import { RateTable } from "./rates";
import { boxAt, buildScene, dashSpeed, detailAt, lineAt, type Scene } from "./scene";

/** Opens a graph with every layout made at once. */
function open(graph: Graph, folded: ReadonlySet<string> | null = null): Opened {
  const run = openGraph(graph, folded, measure, VIEW, null);
  let step = run.next();
  while (!step.done) step = run.next(layoutDrawing(step.value));
  return step.value;
}

const VIEW = { width: 880, height: 370 };
const measure = (text: string): number => text.length * 6;
const base = {
  accent: [25, 118, 210],
  danger: [211, 47, 47],
  warning: [245, 124, 0],
  success: [56, 142, 60],
  font: "sans-serif",
} as const;
const light = themeFrom({ ...base, page: [255, 255, 255], text: [0, 0, 0] });
const dark = themeFrom({ ...base, page: [17, 17, 17], text: [255, 255, 255] });

function scene(): Scene {
  const graph = new Graph(demoTopology());
  const { drawing, placed } = open(graph);
  const conditions = new Map([["LP", { state: "dead", reason: "killed" } as const]]);
  return buildScene(drawing, placed, new ProcessMarks().of(graph, light), conditions);
}

describe("scene", () => {
  it("has each unit with the process that it runs in and its condition", () => {
    const { boxes } = scene();
    expect(boxes.get("SLICE")?.marks.map((mark) => mark.letter)).toEqual(["B"]);
    expect(boxes.get("ECOG")?.marks.map((mark) => mark.letter)).toEqual(["A"]);
    expect(boxes.get("LP")?.condition.state).toBe("dead");
    expect(boxes.get("CAR")?.condition.state).toBe("ok");
  });

  it("finds what is at a point", () => {
    const one = scene();
    const rect = one.boxes.get("ECOG/ADD")?.rect;
    const group = one.boxes.get("ECOG")?.rect;
    if (!rect || !group) throw new Error("no place");
    expect(boxAt(one, { x: rect.x + 5, y: rect.y + 5 })?.box.id).toBe("ECOG/ADD");
    expect(boxAt(one, { x: group.x + 3, y: group.y + 3 })?.box.id).toBe("ECOG");
    expect(boxAt(one, { x: -500, y: 0 })).toBeNull();
    const line = one.lines[0];
    const at = line?.points[0];
    if (!line || !at) throw new Error("no line");
    expect(lineAt(one, { x: at.x + 2, y: at.y + 2 }, 5)?.stretch.topic).toBe(line.stretch.topic);
    expect(lineAt(one, { x: -500, y: 0 }, 5)).toBeNull();
  });

  it("shows less where there is less room", () => {
    expect(detailAt(1)).toMatchObject({ ports: true, types: true, titles: true, rates: true });
    expect(detailAt(0.5)).toMatchObject({ ports: false, types: false, titles: true, rates: true });
    expect(detailAt(0.1)).toMatchObject({ titles: false, rates: false });
    expect(detailAt(0.3).titleSize).toBeGreaterThanOrEqual(11);
  });

  it("moves dashes by the rate, calmly", () => {
    expect(dashSpeed(0)).toBe(0);
    expect(dashSpeed(1)).toBeGreaterThan(10);
    expect(dashSpeed(1e9)).toBeLessThanOrEqual(70);
  });

  it("looks rates up by topic", () => {
    const graph = new Graph(demoTopology());
    const rates = new RateTable();
    rates.reset(1, graph);
    rates.values[graph.rateIndex.get("LP/OUTPUT_SIGNAL") ?? -1] = 20;
    expect(rates.rate("LP/OUTPUT_SIGNAL")).toBe(20);
    expect(rates.rate("CAR/OUTPUT_SIGNAL")).toBeUndefined();
    expect(rates.rate("no such topic")).toBeUndefined();
  });
});

describe("processes", () => {
  it("keep their letters when others come and go", () => {
    const marks = new ProcessMarks();
    const before = marks.of(new Graph(demoTopology()), light);
    const data = demoTopology();
    data.units = data.units.filter((unit) => unit.process !== "p1");
    const after = marks.of(new Graph(data), light);
    expect(after.get("p2")?.letter).toBe(before.get("p2")?.letter);
    expect(after.has("p1")).toBe(false);
    expect([letterOf(0), letterOf(25), letterOf(26)]).toEqual(["A", "Z", "A1"]);
  });
});

describe("opening", () => {
  it("shows all of a small graph", () => {
    const opened = open(new Graph(demoTopology()));
    expect(opened.folded.size).toBe(0);
  });

  it("folds as much as it needs for texts to be readable", () => {
    const graph = new Graph(generatedTopology(40, 11));
    const opened = open(graph);
    const isReadable = fitScale(opened.placed, VIEW) >= READABLE_SCALE;
    expect(isReadable || opened.folded.size === graph.collections.size).toBe(true);
  });

  it("does as the user wants", () => {
    const graph = new Graph(demoTopology());
    expect(open(graph, new Set(["ECOG"])).folded).toEqual(new Set(["ECOG"]));
  });

  it("leaves open what is open when the graph changes", () => {
    const graph = new Graph(demoTopology());
    expect(foldedAfterChange(new Set(), graph)).toEqual(new Set());
    expect(foldedAfterChange(new Set(["ECOG", "GONE"]), graph)).toEqual(new Set(["ECOG"]));
  });
});

describe("camera", () => {
  const drawing = { width: 1000, height: 400 };
  const insets = { top: 10, right: 10, bottom: 30, left: 10 };

  it("fits the drawing into the view", () => {
    const fitted = camera.fit(drawing, VIEW, insets);
    const [start, end] = [
      camera.toScreen(fitted, { x: 0, y: 0 }),
      camera.toScreen(fitted, { x: 1000, y: 400 }),
    ];
    expect(Math.min(start.x, start.y)).toBeGreaterThanOrEqual(9.99);
    expect(end.x).toBeLessThanOrEqual(VIEW.width - 9.99);
    expect(end.y).toBeLessThanOrEqual(VIEW.height - 29.99);
  });

  it("zooms around the pointer, within limits", () => {
    const before = camera.fit(drawing, VIEW, insets);
    const at = { x: 300, y: 200 };
    const after = camera.zoomAt(before, at, 1.5);
    expect(camera.toWorld(after, at).x).toBeCloseTo(camera.toWorld(before, at).x);
    expect(camera.zoomAt(before, at, 1e9).scale).toBe(camera.MAX_SCALE);
    expect(camera.zoomAt(before, at, 1e-9).scale).toBe(camera.MIN_SCALE);
  });

  it("never loses the drawing", () => {
    const lost = camera.panBy(camera.fit(drawing, VIEW, insets), 1e6, -1e6);
    const kept = camera.keepInView(lost, drawing, VIEW);
    const corner = camera.toScreen(kept, { x: 0, y: 400 });
    expect(corner.x).toBeLessThan(VIEW.width);
    expect(corner.y).toBeGreaterThan(0);
  });

  it("brings a box into view", () => {
    const rect = { x: 2000, y: 0, width: 100, height: 50 };
    const next = camera.reveal({ x: 0, y: 0, scale: 1 }, rect, VIEW, insets);
    expect(camera.toScreen(next, { x: 2100, y: 0 }).x).toBeCloseTo(VIEW.width - 10);
  });
});

describe("theme", () => {
  it.each([
    ["light", light],
    ["dark", dark],
  ])("has readable text: %s", (_, theme) => {
    expect(contrast(theme.text, theme.card)).toBeGreaterThan(7);
    expect(contrast(theme.muted, theme.card)).toBeGreaterThan(4.5);
    expect(contrast(theme.muted, theme.ground)).toBeGreaterThan(4.3);
    expect(contrast(theme.danger, theme.card)).toBeGreaterThan(4.5);
    for (const mark of new ProcessMarks().of(new Graph(generatedTopology(90, 2)), theme).values()) {
      const ground = mix(theme.card, mark.color, 0.2);
      expect(contrast(readable(mark.color, ground), ground)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(mark.color, theme.ground)).toBeGreaterThan(2.2);
    }
  });
});
