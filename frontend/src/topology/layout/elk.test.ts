/** The quality of our layout against that of the Eclipse Layout Kernel, in crossings of lines. */
import { describe, expect, it } from "vitest";
import { compareCrossings } from "../../../tests/crossings";
import { denseTopology, generatedTopology } from "../../../tests/graphs";

describe("crossings against ELK", () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 21, 22, 23, 24];
  it.each([
    ["pipelines of 20", (seed: number) => generatedTopology(20, seed, false)],
    ["pipelines of 60", (seed: number) => generatedTopology(60, seed, false)],
    ["pipelines of 100", (seed: number) => generatedTopology(100, seed, false)],
    ["dense graphs of 15", (seed: number) => denseTopology(15, seed)],
    ["dense graphs of 30", (seed: number) => denseTopology(30, seed)],
    ["dense graphs of 50", (seed: number) => denseTopology(50, seed)],
  ])("%s: at most 1.05 times", async (name, make) => {
    const [ours, theirs] = await compareCrossings(make, seeds);
    console.log(`${name}: ${ours} crossings, ELK ${theirs}`);
    expect(ours).toBeLessThanOrEqual(theirs * 1.05);
  });
});
