/** Crossings of lines in our layout of a graph, and in that of the Eclipse Layout Kernel. */
import ELK, { type ElkNode } from "elkjs/lib/elk.bundled.js";
import { Graph, type TopologyData } from "../src/topology/graph";
import { flowOf } from "../src/topology/layout/layering";
import { layoutLevel } from "../src/topology/layout/level";
import type { Point } from "../src/topology/layout/types";
import { buildDrawing, type Level } from "../src/topology/levels";

const measure = (text: string): number => text.length * 6;
const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "RIGHT",
  "elk.separateConnectedComponents": "false",
  "elk.edgeRouting": "ORTHOGONAL",
};

function levelOf(data: TopologyData): Level {
  const level = buildDrawing(new Graph(data), new Set(), measure).levels[0];
  if (!level) throw new Error("no level");
  return level;
}

function ourRoutes(level: Level): Map<string, Point[]> {
  const input = { nodes: level.nodes, edges: level.stretches };
  const shape = { rows: 1, maxLayerHeight: Number.POSITIVE_INFINITY };
  return layoutLevel(input, flowOf(input), shape, null).routes;
}

async function elkRoutes(level: Level): Promise<Map<string, Point[]>> {
  const graph: ElkNode = {
    id: "root",
    layoutOptions: OPTIONS,
    children: level.nodes.map(({ id, width, height, ports }) => ({
      id,
      width,
      height,
      layoutOptions: { "elk.portConstraints": "FIXED_POS" },
      ports: ports.map((port) => ({
        id: `${id} ${port.side} ${port.key}`,
        width: 0,
        height: 0,
        x: port.side === "west" ? 0 : width,
        y: port.y,
        layoutOptions: { "elk.port.side": port.side.toUpperCase() },
      })),
    })),
    edges: level.stretches.map((line) => ({
      id: line.id,
      sources: [`${line.from.node} east ${line.from.port}`],
      targets: [`${line.to.node} west ${line.to.port}`],
    })),
  };
  const laid = await new ELK().layout(graph);
  return new Map(
    (laid.edges ?? []).map((line) => {
      const section = line.sections?.[0];
      if (!section) return [line.id, []];
      return [line.id, [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]];
    }),
  );
}

/** Places where lines of different ports cross at right angles. */
function crossingsOf(level: Level, routes: Map<string, Point[]>): number {
  const pieces = level.stretches.flatMap((line) => {
    const points = routes.get(line.id) ?? [];
    return points.slice(1).map((b, i) => ({ line, a: points[i] ?? b, b }));
  });
  const flat = pieces.filter(({ a, b }) => a.y === b.y && a.x !== b.x);
  const upright = pieces.filter(({ a, b }) => a.x === b.x && a.y !== b.y);
  const inside = (at: number, from: number, to: number): boolean =>
    at > Math.min(from, to) + 0.5 && at < Math.max(from, to) - 0.5;
  let count = 0;
  for (const h of flat) {
    for (const v of upright) {
      if (h.line.from.port === v.line.from.port || h.line.to.port === v.line.to.port) continue;
      if (inside(v.a.x, h.a.x, h.b.x) && inside(h.a.y, v.a.y, v.b.y)) count += 1;
    }
  }
  return count;
}

/** Of graphs that the seeds give: our crossings, and ELK's. */
export async function compareCrossings(
  make: (seed: number) => TopologyData,
  seeds: readonly number[],
): Promise<[ours: number, elk: number]> {
  let [ours, theirs] = [0, 0];
  for (const seed of seeds) {
    const level = levelOf(make(seed));
    ours += crossingsOf(level, ourRoutes(level));
    theirs += crossingsOf(level, await elkRoutes(level));
  }
  return [ours, theirs];
}
