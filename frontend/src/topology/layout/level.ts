/** The layout of one level: boxes in columns from left to right, columns cut into rows. */
import { assignLayers, cutRows, type Flow } from "./layering";
import { orderRow } from "./ordering";
import { placeRow } from "./placement";
import { Router } from "./router";
import { buildRow, type Row } from "./row";
import { SPACING } from "./spacing";
import type { LayoutEdge, LevelInput, LevelLayout, LevelShape, Size } from "./types";

/**
 * About the sizes that a level gets in 1, 2, ... rows, for a small part of the work of a layout.
 */
export function estimateSizes(
  input: LevelInput,
  flow: Flow,
  maxLayerHeight: number,
  mostRows: number,
): Size[] {
  const { layers, layerOf } = assignLayers(input.nodes, flow, maxLayerHeight, SPACING.box);
  const between = SPACING.label + SPACING.track + SPACING.arrow;
  const columns = layers.map((nodes) => {
    const boxes = nodes.filter((node) => node.role === "box");
    return {
      width: Math.max(...nodes.map((node) => node.width)) + (boxes.length > 0 ? between : 24),
      height: boxes.reduce((sum, node) => sum + node.height + SPACING.box, -SPACING.box),
    };
  });
  return rowChoices(input, layers, layerOf, flow.back, mostRows).map((starts) => {
    let [width, height] = [0, 0];
    starts.forEach((start, index) => {
      const isLast = index === starts.length - 1;
      // A row that goes on has a turn at its right, one that goes on another at its left.
      let rowWidth = (isLast ? -between : 0) + (index > 0 ? SPACING.track + SPACING.arrow : 0);
      let rowHeight = 0;
      for (const column of columns.slice(start, starts[index + 1])) {
        rowWidth += column.width;
        rowHeight = Math.max(rowHeight, column.height);
      }
      width = Math.max(width, rowWidth);
      height += rowHeight + (isLast ? 0 : SPACING.corridor + SPACING.track + SPACING.row);
    });
    return { width, height };
  });
}

export function layoutLevel(
  input: LevelInput,
  flow: Flow,
  shape: LevelShape,
  previous: ReadonlyMap<string, number> | null,
): LevelLayout {
  const { back } = flow;
  const { layers, layerOf } = assignLayers(input.nodes, flow, shape.maxLayerHeight, SPACING.box);
  const starts = rowChoices(input, layers, layerOf, back, shape.rows).at(-1) ?? [];
  const rowOf = (layer: number): number => {
    let row = 0;
    while (row + 1 < starts.length && (starts[row + 1] ?? 0) <= layer) row += 1;
    return row;
  };
  const nodeRow = new Map([...layerOf].map(([id, layer]) => [id, rowOf(layer)]));
  const straight: LayoutEdge[][] = starts.map(() => []);
  const turning: LayoutEdge[] = [];
  for (const edge of input.edges) {
    const row = nodeRow.get(edge.from.node);
    if (row === undefined || !nodeRow.has(edge.to.node)) continue;
    if (row === nodeRow.get(edge.to.node) && !back.has(edge.id)) straight[row]?.push(edge);
    else turning.push(edge);
  }
  let crossings = 0;
  const rows = starts.map((start, index) => {
    const row = buildRow(layers.slice(start, starts[index + 1]), straight[index] ?? []);
    crossings += orderRow(row, previous, input.edges.length);
    placeRow(row, SPACING);
    return row;
  });
  const router = new Router(rows, turning, nodeRow, input);
  return { ...router.route(), order: rows.map(idsByPlace), crossings };
}

function idsByPlace(row: Row): string[][] {
  return row.layers.map((layer) => layer.map((vertex) => vertex.id));
}

/** The first columns of each row, for 1, 2, ... rows. */
function rowChoices(
  input: LevelInput,
  layers: { width: number }[][],
  layerOf: Map<string, number>,
  back: ReadonlySet<string>,
  mostRows: number,
): number[][] {
  const widths = layers.map(
    (nodes) => Math.max(...nodes.map((node) => node.width)) + SPACING.label + SPACING.arrow,
  );
  const crossingAt = new Array<number>(layers.length + 1).fill(0);
  for (const edge of input.edges) {
    if (back.has(edge.id)) continue;
    const from = layerOf.get(edge.from.node) ?? 0;
    const to = layerOf.get(edge.to.node) ?? 0;
    for (let cut = from + 1; cut <= to; cut++) crossingAt[cut] = (crossingAt[cut] ?? 0) + 1;
  }
  return cutRows(widths, crossingAt, mostRows);
}
