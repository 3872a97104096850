/** Prints crossings of ours and of ELK as JSON: for `benchmarks/topology.py`. */
import { compareCrossings } from "./crossings";
import { denseTopology, generatedTopology } from "./graphs";

const seeds = [1, 2, 3, 4];
const pipelines = await compareCrossings((seed) => generatedTopology(100, seed, false), seeds);
const dense = await compareCrossings((seed) => denseTopology(50, seed), seeds);
console.log(JSON.stringify({ pipelines, dense }));
