import { describe, expect, it } from "vitest";
import { demoTopology, edge, topology, unit } from "../../tests/graphs";
import { Graph } from "./graph";
import { pathOf } from "./paths";

describe("path of a unit", () => {
  it("is all that feeds it and all that it feeds", () => {
    const data = demoTopology();
    data.units.push(unit("ASIDE", "lab.Unit", ["INPUT_SIGNAL"], "p3"));
    data.edges.push(edge("SLICE/OUTPUT_SIGNAL", "ASIDE/INPUT_SIGNAL"));
    const path = pathOf(new Graph(data), "LP");
    expect(path.components.has("ECOG/CLOCK")).toBe(true);
    expect(path.components.has("ECOG")).toBe(true);
    expect(path.components.has("SINK")).toBe(true);
    expect(path.components.has("ASIDE")).toBe(false);
    expect(path.edges.size).toBe(11);
    expect(path.topics.has("ECOG/OUTPUT_SIGNAL")).toBe(true);
  });

  it("does not turn around at what is before or behind", () => {
    const path = pathOf(new Graph(demoTopology()), "ECOG/OSC");
    expect(path.components.has("ECOG/NOISE")).toBe(false);
    expect(path.components.has("ECOG/ADD")).toBe(true);
  });

  it("ends in a loop", () => {
    const names = ["INPUT", "OUTPUT"];
    const units = ["A", "B"].map((id) => unit(id, "lab.Unit", names, "p1"));
    const edges = [
      edge("A/OUTPUT", "B/INPUT"),
      edge("B/OUTPUT", "A/INPUT"),
      edge("raw", "A/INPUT"),
    ];
    const path = pathOf(new Graph(topology(units, edges)), "B");
    expect([...path.components].sort()).toEqual(["A", "B", "topic:raw"]);
    expect(path.edges.size).toBe(3);
  });
});
