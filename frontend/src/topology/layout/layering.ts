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
  /** Column of each box where columns may be of any height. */
  columns: ReadonlyMap<string, number>;
  /** Column of the first boxes: 1 where the level has entries in its left border. */
  first: number;
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
  const first = input.nodes.some((node) => node.role === "west") ? 1 : 0;
  const roles = new Map(input.nodes.map(({ id, role }) => [id, role]));
  const columns = new Map<string, number>();
  for (const id of order) {
    let at = first;
    for (const source of before.get(id) ?? []) at = Math.max(at, (columns.get(source) ?? 0) + 1);
    columns.set(id, roles.get(id) === "west" ? 0 : at);
  }
  // Boxes that feed more than they take move towards what they feed: shorter lines.
  for (const id of [...order].reverse()) {
    const targets = after.get(id) ?? [];
    if (roles.get(id) !== "box" || targets.length <= (before.get(id)?.length ?? 0)) continue;
    const nearest = Math.min(...targets.map((target) => columns.get(target) ?? 0));
    columns.set(id, Math.max(columns.get(id) ?? 0, nearest - 1));
  }
  return { back, order, before, after, columns, first };
}

export function assignLayers(
  nodes: LayoutNode[],
  flow: Flow,
  maxLayerHeight: number,
  gap: number,
): Layering {
  const { first } = flow;
  const layer = new Map(flow.columns);
  if (Number.isFinite(maxLayerHeight)) spill(nodes, layer, flow, maxLayerHeight, gap);
  let last = first;
  for (const { id, role } of nodes) {
    if (role === "box") last = Math.max(last, (layer.get(id) ?? 0) + 1);
  }
  for (const { id, role } of nodes) if (role === "east") layer.set(id, last);

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

/** Lets what doesn't fit into a column of the given height go into the next one. */
function spill(
  nodes: LayoutNode[],
  layer: Map<string, number>,
  { order, before, columns, first }: Flow,
  maxHeight: number,
  gap: number,
): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const heights: number[] = [];
  const sorted = order.filter((id) => byId.get(id)?.role === "box");
  sorted.sort((a, b) => (columns.get(a) ?? 0) - (columns.get(b) ?? 0));
  for (const id of sorted) {
    let at = Math.max(columns.get(id) ?? 0, first);
    for (const source of before.get(id) ?? []) at = Math.max(at, (layer.get(source) ?? 0) + 1);
    const needed = (byId.get(id)?.height ?? 0) + gap;
    while ((heights[at] ?? 0) > 0 && (heights[at] ?? 0) + needed > maxHeight) at += 1;
    heights[at] = (heights[at] ?? 0) + needed;
    layer.set(id, at);
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
  // The least cost of the first k columns in one row more each time.
  let best = new Float64Array(count + 1).fill(UNLIMITED, 1);
  const cutBefore: Uint32Array[] = [];
  const choices: number[][] = [];
  for (let rows = 1; rows <= Math.min(most, count); rows++) {
    const line = new Float64Array(count + 1).fill(UNLIMITED);
    const cuts = new Uint32Array(count + 1);
    for (let k = rows; k <= count; k++) {
      for (let from = rows === 1 ? 0 : k - 1; from >= rows - 1; from--) {
        const width = (sums[k] ?? 0) - (sums[from] ?? 0);
        // The last row alone costs more than the best choice: a longer one does too.
        if (width * width > (line[k] ?? 0)) break;
        const cut = from === 0 ? 0 : (crossingAt[from] ?? 0);
        const cost = (best[from] ?? 0) + width * width + cut * 60_000;
        // Of equal choices the one with the fuller rows first.
        if (cost < (line[k] ?? 0)) {
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
