/** Which column each box stands in, and how the columns are cut into rows. */
import type { LayoutEdge, LayoutNode, LevelInput } from "./types";

export interface Layering {
  layers: LayoutNode[][];
  layerOf: Map<string, number>;
}

/**
 * Edges that close a cycle; without them the level has an order from left to right.
 * Found depth first from the sources in the order of the input.
 */
export function backEdges(input: LevelInput): Set<string> {
  const outgoing = groupBy(input.edges, (edge) => edge.from.node);
  const hasInput = new Set(input.edges.map((edge) => edge.to.node));
  const starts = [
    ...input.nodes.filter((node) => node.role === "west"),
    ...input.nodes.filter((node) => node.role !== "west" && !hasInput.has(node.id)),
    ...input.nodes,
  ];
  const back = new Set<string>();
  const open = new Set<string>();
  const done = new Set<string>();
  for (const start of starts) {
    if (done.has(start.id)) continue;
    const stack: { id: string; next: number }[] = [{ id: start.id, next: 0 }];
    open.add(start.id);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const edge = outgoing.get(top.id)?.[top.next];
      top.next += 1;
      if (!edge) {
        open.delete(top.id);
        done.add(top.id);
        stack.pop();
      } else if (open.has(edge.to.node)) {
        back.add(edge.id);
      } else if (!done.has(edge.to.node)) {
        open.add(edge.to.node);
        stack.push({ id: edge.to.node, next: 0 });
      }
    }
  }
  return back;
}

export function assignLayers(
  input: LevelInput,
  back: ReadonlySet<string>,
  maxLayerHeight: number,
  gap: number,
): Layering {
  const forward = input.edges.filter((edge) => !back.has(edge.id));
  const outgoing = groupBy(forward, (edge) => edge.from.node);
  const incoming = groupBy(forward, (edge) => edge.to.node);
  const boxes = topological(input.nodes, incoming, outgoing);
  const first = input.nodes.some((node) => node.role === "west") ? 1 : 0;
  const layer = new Map<string, number>();
  for (const node of boxes) {
    const before = (incoming.get(node.id) ?? []).map((edge) => layer.get(edge.from.node) ?? -1);
    layer.set(node.id, node.role === "west" ? 0 : Math.max(first, ...before.map((l) => l + 1)));
  }
  pullRight(boxes, layer, incoming, outgoing);
  if (Number.isFinite(maxLayerHeight)) {
    spill(boxes, layer, incoming, first, maxLayerHeight, gap);
  }
  const inner = boxes.filter((node) => node.role === "box");
  const last = Math.max(first - 1, ...inner.map((node) => layer.get(node.id) ?? 0)) + 1;
  for (const node of boxes) if (node.role === "east") layer.set(node.id, last);

  const layers: LayoutNode[][] = [];
  for (const node of input.nodes) {
    const at = layer.get(node.id) ?? 0;
    while (layers.length <= at) layers.push([]);
    layers[at]?.push(node);
  }
  const filled = layers.filter((nodes) => nodes.length > 0);
  const layerOf = new Map<string, number>();
  filled.forEach((nodes, at) => {
    for (const node of nodes) layerOf.set(node.id, at);
  });
  return { layers: filled, layerOf };
}

function topological(
  nodes: LayoutNode[],
  incoming: Map<string, LayoutEdge[]>,
  outgoing: Map<string, LayoutEdge[]>,
): LayoutNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const missing = new Map(nodes.map((node) => [node.id, incoming.get(node.id)?.length ?? 0]));
  const order = nodes.filter((node) => missing.get(node.id) === 0);
  for (let i = 0; i < order.length; i++) {
    for (const edge of outgoing.get(order[i]?.id ?? "") ?? []) {
      const left = (missing.get(edge.to.node) ?? 0) - 1;
      missing.set(edge.to.node, left);
      const node = byId.get(edge.to.node);
      if (left === 0 && node) order.push(node);
    }
  }
  return order;
}

/** Moves boxes that feed more than they take towards what they feed: shorter lines. */
function pullRight(
  boxes: LayoutNode[],
  layer: Map<string, number>,
  incoming: Map<string, LayoutEdge[]>,
  outgoing: Map<string, LayoutEdge[]>,
): void {
  for (const node of [...boxes].reverse()) {
    const out = outgoing.get(node.id) ?? [];
    const into = incoming.get(node.id) ?? [];
    if (node.role !== "box" || out.length === 0 || out.length < into.length) continue;
    const targets = out.map((edge) => layer.get(edge.to.node) ?? 0);
    const isEast = out.every((edge) => edge.to.node.startsWith("border:"));
    if (isEast && into.length > 0) continue;
    const at = layer.get(node.id) ?? 0;
    if (out.length > into.length) layer.set(node.id, Math.max(at, Math.min(...targets) - 1));
  }
}

/** Lets what doesn't fit into a column of the given height go into the next one. */
function spill(
  boxes: LayoutNode[],
  layer: Map<string, number>,
  incoming: Map<string, LayoutEdge[]>,
  first: number,
  maxHeight: number,
  gap: number,
): void {
  const heights: number[] = [];
  const sorted = boxes
    .map((node, index) => ({ node, index, at: layer.get(node.id) ?? 0 }))
    .filter(({ node }) => node.role === "box")
    .sort((a, b) => a.at - b.at || a.index - b.index);
  for (const { node, at: wanted } of sorted) {
    const before = (incoming.get(node.id) ?? []).map((edge) => layer.get(edge.from.node) ?? 0);
    let at = Math.max(wanted, first, ...before.map((l) => l + 1));
    const needed = node.height + gap;
    while ((heights[at] ?? 0) > 0 && (heights[at] ?? 0) + needed > maxHeight) at += 1;
    heights[at] = (heights[at] ?? 0) + needed;
    layer.set(node.id, at);
  }
}

/**
 * Cuts a sequence of columns into rows of about the same width, where few lines cross the cut.
 *
 * Returns the number of the first column of each row.
 */
export function cutRows(widths: number[], crossingAt: number[], rows: number): number[] {
  const count = widths.length;
  const wanted = Math.min(rows, count);
  const sums = [0];
  for (const width of widths) sums.push((sums.at(-1) ?? 0) + width);
  const rowCost = (from: number, to: number): number => {
    const width = (sums[to] ?? 0) - (sums[from] ?? 0);
    const cut = from === 0 ? 0 : (crossingAt[from] ?? 0);
    return width * width + cut * 60_000;
  };
  // best[r][k]: cost of the first k columns in r rows.
  const best: number[][] = [[0, ...new Array<number>(count).fill(Number.POSITIVE_INFINITY)]];
  const cutBefore: number[][] = [[]];
  for (let r = 1; r <= wanted; r++) {
    const line = new Array<number>(count + 1).fill(Number.POSITIVE_INFINITY);
    const cuts = new Array<number>(count + 1).fill(0);
    for (let k = r; k <= count; k++) {
      for (let from = r - 1; from < k; from++) {
        const cost = (best[r - 1]?.[from] ?? Number.POSITIVE_INFINITY) + rowCost(from, k);
        // Of equal choices the one with the fuller rows first.
        if (cost <= (line[k] ?? 0)) {
          line[k] = cost;
          cuts[k] = from;
        }
      }
    }
    best.push(line);
    cutBefore.push(cuts);
  }
  const starts: number[] = [];
  for (let r = wanted, k = count; r >= 1; r--) {
    k = cutBefore[r]?.[k] ?? 0;
    starts.unshift(k);
  }
  return starts;
}

export function groupBy<Item>(items: Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}
