import { describe, expect, it } from "vitest";
import { demoTopology } from "../../tests/graphs";
import { Graph } from "./graph";
import { findComponents, litBySearch } from "./search";
import { Spotlight } from "./spotlight";

const graph = new Graph(demoTopology());

describe("search", () => {
  it("finds by address, type and topic, all words at once", () => {
    expect(findComponents(graph, "lp")).toEqual(["LP"]);
    expect(findComponents(graph, "butter")).toEqual(["LP"]);
    expect(findComponents(graph, "ecog input_clock")).toEqual(["ECOG/NOISE", "ECOG/OSC"]);
    expect(findComponents(graph, "nothing like it")).toEqual([]);
    expect(findComponents(graph, "  ")).toEqual([]);
  });

  it("lights what was found, the collections around and the lines between", () => {
    const lit = litBySearch(graph, ["ECOG/OSC", "ECOG/ADD"]);
    expect([...lit.components].sort()).toEqual(["ECOG", "ECOG/ADD", "ECOG/OSC"]);
    expect(lit.topics.has("ECOG/OSC/OUTPUT_SIGNAL")).toBe(true);
    expect(lit.topics.has("LP/OUTPUT_SIGNAL")).toBe(false);
  });
});

describe("spotlight", () => {
  it("dims nothing until something is asked for", () => {
    const spotlight = new Spotlight();
    spotlight.update(graph, "LP");
    expect(spotlight.lit).toBeNull();
  });

  it("goes through what was found, around and back", () => {
    const spotlight = new Spotlight();
    spotlight.search("ecog/");
    spotlight.update(graph, null);
    expect(spotlight.found).toHaveLength(5);
    expect(spotlight.next(1)).toBe(spotlight.found[0]);
    expect(spotlight.next(-1)).toBe(spotlight.found.at(-1));
    expect(spotlight.next(1)).toBe(spotlight.found[0]);
    spotlight.search("nothing like it");
    spotlight.update(graph, null);
    expect(spotlight.next(1)).toBeNull();
  });

  it("shows the path of the selection when asked, and the search before it", () => {
    const spotlight = new Spotlight();
    spotlight.pathFocus = true;
    spotlight.update(graph, null);
    expect(spotlight.lit).toBeNull();
    spotlight.update(graph, "LP");
    expect(spotlight.lit?.components.size).toBe(11);
    spotlight.search("sink");
    spotlight.update(graph, "LP");
    expect(spotlight.lit?.components).toEqual(new Set(["SINK"]));
  });
});
