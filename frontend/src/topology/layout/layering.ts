/** Which column each box stands in, and how the columns are cut into rows. */

import type { LayoutEdge, LayoutNode, LevelInput } from "./types";
import { UNLIMITED } from "./types";

export interface Layering {
  layers: LayoutNode[][];
  layerOf: Map<string, number>;
}

/**
 * Edges that close a cycle; without them the level has an order from left to right.
 * Found depth first from the sources in the order of the input.
 */
export function backEdges(input: LevelInput): Set<string> {
  const outgoing = new Map<string, LayoutEdge[]>(input.nodes.map((node) => [node.id, []]));
  for (const edge of input.edges) outgoing.get(edge.from.node)?.push(edge);
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

/** A level's boxes in the order of the flow, without the lines that close a cycle. */
export interface Flow {
  back: ReadonlySet<string>;
  /** Ids, each after those before it. */
  order: string[];
  /** Box -> boxes that it is fed by, and that it feeds; one entry a line. */
  before: ReadonlyMap<string, string[]>;
  after: ReadonlyMap<string, string[]>;
}

export function flowOf(input: LevelInput): Flow {
  const back = backEdges(input);
  const before = new Map<string, string[]>(input.nodes.map((node) => [node.id, []]));
  const after = new Map<string, string[]>(input.nodes.map((node) => [node.id, []]));
  for (const edge of input.edges) {
    if (back.has(edge.id)) continue;
    before.get(edge.to.node)?.push(edge.from.node);
    after.get(edge.from.node)?.push(edge.to.node);
  }
  const missing = new Map([...before].map(([id, sources]) => [id, sources.length]));
  const order = input.nodes.map((node) => node.id).filter((id) => missing.get(id) === 0);
  for (let i = 0; i < order.length; i++) {
    for (const id of after.get(order[i] ?? "") ?? []) {
      const left = (missing.get(id) ?? 0) - 1;
      missing.set(id, left);
      if (left === 0) order.push(id);
    }
  }
  return { back, order, before, after };
}

export function assignLayers(
  nodes: LayoutNode[],
  flow: Flow,
  maxLayerHeight: number,
  gap: number,
): Layering {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const boxes = flow.order.flatMap((id) => byId.get(id) ?? []);
  const first = nodes.some((node) => node.role === "west") ? 1 : 0;
  const layer = new Map<string, number>();
  for (const { id, role } of boxes) {
    let at = first;
    for (const source of flow.before.get(id) ?? []) at = Math.max(at, (layer.get(source) ?? 0) + 1);
    layer.set(id, role === "west" ? 0 : at);
  }
  pullRight(boxes, layer, flow);
  if (Number.isFinite(maxLayerHeight)) spill(boxes, layer, flow, first, maxLayerHeight, gap);
  let last = first;
  for (const { id, role } of boxes) {
    if (role === "box") last = Math.max(last, (layer.get(id) ?? 0) + 1);
  }
  for (const { id, role } of boxes) if (role === "east") layer.set(id, last);

  const layers: LayoutNode[][] = [];
  for (const node of nodes) {
    const at = layer.get(node.id) ?? 0;
    while (layers.length <= at) layers.push([]);
    layers[at]?.push(node);
  }
  const filled = layers.filter((column) => column.length > 0);
  const layerOf = new Map<string, number>();
  filled.forEach((column, at) => {
    for (const node of column) layerOf.set(node.id, at);
  });
  return { layers: filled, layerOf };
}

/** Moves boxes that feed more than they take towards what they feed: shorter lines. */
function pullRight(boxes: LayoutNode[], layer: Map<string, number>, flow: Flow): void {
  for (const { id, role } of [...boxes].reverse()) {
    const targets = flow.after.get(id) ?? [];
    if (role !== "box" || targets.length <= (flow.before.get(id)?.length ?? 0)) continue;
    const nearest = Math.min(...targets.map((target) => layer.get(target) ?? 0));
    layer.set(id, Math.max(layer.get(id) ?? 0, nearest - 1));
  }
}

/** Lets what doesn't fit into a column of the given height go into the next one. */
function spill(
  boxes: LayoutNode[],
  layer: Map<string, number>,
  flow: Flow,
  first: number,
  maxHeight: number,
  gap: number,
): void {
  const heights: number[] = [];
  const sorted = boxes
    .map((node, index) => ({ node, index, wanted: layer.get(node.id) ?? 0 }))
    .filter(({ node }) => node.role === "box")
    .sort((a, b) => a.wanted - b.wanted || a.index - b.index);
  for (const { node, wanted } of sorted) {
    let at = Math.max(wanted, first);
    for (const source of flow.before.get(node.id) ?? []) {
      at = Math.max(at, (layer.get(source) ?? 0) + 1);
    }
    const needed = node.height + gap;
    while ((heights[at] ?? 0) > 0 && (heights[at] ?? 0) + needed > maxHeight) at += 1;
    heights[at] = (heights[at] ?? 0) + needed;
    layer.set(node.id, at);
  }
}

/**
 * Cuts a sequence of columns into rows of about the same width, where few lines cross the cut.
 *
 * Returns for each number of rows up to `most` the number of the first column of each row.
 */
export function cutRows(widths: number[], crossingAt: number[], most: number): number[][] {
  const count = widths.length;
  const sums = [0];
  for (const width of widths) sums.push((sums.at(-1) ?? 0) + width);
  const rowCost = (from: number, to: number): number => {
    const width = (sums[to] ?? 0) - (sums[from] ?? 0);
    const cut = from === 0 ? 0 : (crossingAt[from] ?? 0);
    return width * width + cut * 60_000;
  };
  // The least cost of the first k columns in one row more each time.
  let best = [0, ...new Array<number>(count).fill(UNLIMITED)];
  const cutBefore: number[][] = [];
  const choices: number[][] = [];
  for (let rows = 1; rows <= Math.min(most, count); rows++) {
    const line = new Array<number>(count + 1).fill(UNLIMITED);
    const cuts = new Array<number>(count + 1).fill(0);
    for (let k = rows; k <= count; k++) {
      for (let from = rows - 1; from < k; from++) {
        const cost = (best[from] ?? 0) + rowCost(from, k);
        // Of equal choices the one with the fuller rows first.
        if (cost <= (line[k] ?? 0)) {
          line[k] = cost;
          cuts[k] = from;
        }
      }
    }
    best = line;
    cutBefore.push(cuts);
    const starts: number[] = [];
    for (let row = rows - 1, k = count; row >= 0; row--) {
      k = cutBefore[row]?.[k] ?? 0;
      starts.unshift(k);
    }
    choices.push(starts);
  }
  return choices;
}
