/** What feeds a unit and what it feeds, as far as messages go. */
import { addTo } from "../shared/maps";
import type { EdgeData, Graph } from "./graph";

export interface Path {
  /** Units and topics on the way, the start among them, and the collections around them. */
  components: ReadonlySet<string>;
  /** Topics whose rate belongs to the path. */
  topics: ReadonlySet<string>;
  /** Indexes into `TopologyData.edges`. */
  edges: ReadonlySet<number>;
}

export function pathOf(graph: Graph, start: string): Path {
  const components = new Set<string>();
  const topics = new Set<string>();
  const edges = new Set<number>();
  follow(graph, start, "down", components, topics, edges);
  follow(graph, start, "up", components, topics, edges);
  for (const id of [...components]) {
    for (const around of graph.ancestors(id)) components.add(around);
  }
  return { components, topics, edges };
}

function follow(
  graph: Graph,
  start: string,
  direction: "up" | "down",
  components: Set<string>,
  topics: Set<string>,
  edges: Set<number>,
): void {
  const [near, far]: ["from" | "to", "from" | "to"] =
    direction === "down" ? ["from", "to"] : ["to", "from"];
  const at = new Map<string, number[]>();
  graph.data.edges.forEach((edge: EdgeData, index) => {
    addTo(at, edge[near], index);
  });
  const seen = new Set<string>();
  const waiting = topicsOf(graph, start, direction);
  components.add(start);
  for (let topic = waiting.pop(); topic !== undefined; topic = waiting.pop()) {
    if (seen.has(topic)) continue;
    seen.add(topic);
    for (const index of at.get(topic) ?? []) {
      const edge = graph.data.edges[index];
      if (!edge) continue;
      edges.add(index);
      topics.add(edge.from);
      const next = edge[far];
      const owner = graph.owners.get(next)?.component;
      waiting.push(next);
      if (owner === undefined || graph.collections.has(owner) || owner === start) continue;
      if (!components.has(owner) || !seen.has(owner)) {
        seen.add(owner);
        components.add(owner);
        waiting.push(...topicsOf(graph, owner, direction));
      }
    }
  }
}

/** Topics of a component at which messages leave it (enter it). */
function topicsOf(graph: Graph, id: string, direction: "up" | "down"): string[] {
  const component = graph.components.get(id);
  if (component?.kind === "topic") return [id.replace(/^topic:/, "")];
  const wanted = direction === "down" ? "output" : "input";
  return (component?.data?.ports ?? [])
    .filter((port) => port.direction === wanted)
    .map((port) => port.topic);
}
