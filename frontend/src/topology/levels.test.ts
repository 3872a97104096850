import { describe, expect, it } from "vitest";
import { demoTopology, edge, port, topology, unit } from "../../tests/graphs";
import { Graph, shortPortName, shortTypeName, type TopologyData } from "./graph";
import { buildDrawing, type Drawing } from "./levels";

const measure = (text: string): number => text.length * 6;
const draw = (data: TopologyData, folded: string[] = []): Drawing =>
  buildDrawing(new Graph(data), new Set(folded), measure);

/** Each line as `from > to` in its level, with what it ends at. */
function lines(drawing: Drawing): string[] {
  return drawing.levels
    .flatMap((level) => level.stretches)
    .map((one) => `${one.level ?? "root"}: ${one.from.node} > ${one.to.node}`)
    .sort();
}

describe("drawing of a graph", () => {
  it("cuts edges at the borders of collections", () => {
    const drawing = draw(demoTopology());
    expect(lines(drawing)).toContain("ECOG: ECOG/ADD > border:ECOG|east|ECOG/OUTPUT_SIGNAL");
    expect(lines(drawing)).toContain("root: ECOG > SLICE");
    expect(lines(drawing)).toHaveLength(11);
  });

  it("draws a folded collection as one box with its outer ports", () => {
    const drawing = draw(demoTopology(), ["ECOG"]);
    expect(drawing.levels).toHaveLength(1);
    const box = drawing.boxes.get("ECOG");
    expect(box?.kind).toBe("folded");
    expect(box?.units).toHaveLength(4);
    expect(box?.ports.map((one) => one.topic)).toEqual(["ECOG/OUTPUT_SIGNAL"]);
    expect(lines(drawing)).toHaveLength(6);
  });

  it("passes a border that has no port for an edge", () => {
    const names = ["INPUT_SIGNAL", "OUTPUT_SIGNAL"];
    const units = [unit("C/A", "T", names, "p", "C"), unit("D/B", "T", names, "p", "D")];
    const collections = ["C", "D"].map((id) => ({
      id,
      name: id,
      type: "T",
      collection: null,
      ports: [],
    }));
    const data = topology(units, [edge("C/A/OUTPUT_SIGNAL", "D/B/INPUT_SIGNAL")], collections);
    expect(lines(draw(data))).toEqual([
      "C: C/A > border:C|east|C/A/OUTPUT_SIGNAL",
      "D: border:D|west|D/B/INPUT_SIGNAL > D/B",
      "root: C > D",
    ]);
    expect(lines(draw(data, ["C"]))).toEqual([
      "D: border:D|west|D/B/INPUT_SIGNAL > D/B",
      "root: C > D",
    ]);
  });

  it("leads an input of a collection through to its unit", () => {
    const units = [unit("S", "T", ["OUTPUT"], "p"), unit("C/A", "T", ["INPUT"], "p", "C")];
    const collection = {
      id: "C",
      name: "C",
      type: "T",
      collection: null,
      ports: [port("C", "INPUT")],
    };
    const edges = [edge("S/OUTPUT", "C/INPUT"), edge("C/INPUT", "C/A/INPUT")];
    expect(lines(draw(topology(units, edges, [collection])))).toEqual([
      "C: border:C|west|C/INPUT > C/A",
      "root: S > C",
    ]);
    expect(lines(draw(topology(units, edges, [collection]), ["C"]))).toEqual(["root: S > C"]);
  });

  it("shows a rate once per stream, outside where it leaves a collection", () => {
    const drawing = draw(demoTopology());
    const stretches = drawing.levels.flatMap((level) => level.stretches);
    const labelled = new Set(stretches.filter((one) => one.labelled).map((one) => one.from.port));
    expect(labelled.has("ECOG|east|ECOG/OUTPUT_SIGNAL")).toBe(true);
    expect(labelled.has("ECOG/ADD|east|ECOG/ADD/OUTPUT_SIGNAL")).toBe(false);
    expect(labelled.size).toBe(9);
  });

  it("shows the settings input only where it is connected", () => {
    const hidden = draw(demoTopology()).boxes.get("LP");
    expect(hidden?.ports.map((one) => one.label)).toEqual(["SIGNAL", "SIGNAL"]);
    const data = demoTopology();
    data.edges.push(edge("tuner/out", "LP/INPUT_SETTINGS"));
    data.topics.push("tuner/out");
    const drawing = draw(data);
    expect(drawing.boxes.get("LP")?.ports).toHaveLength(3);
    expect(drawing.boxes.get("topic:tuner/out")?.kind).toBe("topic");
  });

  it("draws topics that only edges name, and survives unknown collections", () => {
    const stray = unit("X/A", "T", ["INPUT"], null, "GONE");
    const drawing = draw(topology([stray], [edge("somewhere", "X/A/INPUT")]));
    expect([...drawing.boxes.keys()].sort()).toEqual(["X/A", "topic:somewhere"]);
    expect(lines(drawing)).toEqual(["root: topic:somewhere > X/A"]);
  });
});

describe("names", () => {
  it("shortens ports and types", () => {
    expect(shortPortName(port("A", "INPUT_SIGNAL"))).toBe("SIGNAL");
    expect(shortPortName(port("A", "OUTPUT"))).toBe("OUTPUT");
    expect(shortTypeName("ezmsg.sigproc.slicer.Slicer")).toBe("Slicer");
    expect(shortTypeName("lab.units:Filter")).toBe("Filter");
    expect(shortTypeName("lab.Unit[a.B, c.D]")).toBe("Unit");
  });
});
