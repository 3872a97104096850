/** Finding units, collections and topics by a part of their name or type. */
import type { Graph } from "./graph";
import type { Path } from "./paths";

/** Ids of components with all the words in their address, type or topics, in the tree's order. */
export function findComponents(graph: Graph, text: string): string[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found: string[] = [];
  const visit = (parent: string | null): void => {
    for (const id of graph.children.get(parent) ?? []) {
      const data = graph.components.get(id)?.data;
      const topics = data?.ports.map((port) => port.topic) ?? [];
      const haystack = [id, data?.type ?? "", ...topics].join("\n").toLowerCase();
      if (words.every((word) => haystack.includes(word))) found.push(id);
      visit(id);
    }
  };
  visit(null);
  return found;
}

/** What stays bright while a search is shown: what was found, and the collections around. */
export function litBySearch(graph: Graph, found: readonly string[]): Path {
  const components = new Set(found);
  for (const id of found) for (const around of graph.ancestors(id)) components.add(around);
  const topics = new Set<string>();
  const edges = new Set<number>();
  graph.data.edges.forEach(({ from, to }, index) => {
    const [a, b] = [graph.owners.get(from)?.component, graph.owners.get(to)?.component];
    if (a === undefined || !components.has(a) || b === undefined || !components.has(b)) return;
    topics.add(from);
    edges.add(index);
  });
  return { components, topics, edges };
}
