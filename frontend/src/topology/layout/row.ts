/**
 * One row of a level: columns of boxes, with an empty place (a "dummy") in each column that a
 * long line passes, so that every line goes from a column to the next.
 */
import type { LayoutEdge, LayoutNode } from "./types";

export interface Vertex {
  id: string;
  /** Null for the place of a passing line. */
  node: LayoutNode | null;
  width: number;
  height: number;
  layer: number;
  /** Place in its column, top to bottom. */
  order: number;
  y: number;
}

/** A piece of line between two neighbouring columns. Pieces of one port are one wire. */
export interface Segment {
  from: Vertex;
  fromY: number;
  to: Vertex;
  toY: number;
  wire: string;
}

export interface Row {
  layers: Vertex[][];
  /** Segments by the gap that they cross: gap k lies before column k. */
  gaps: Segment[][];
  /** For each edge within the row: its segments from left to right. */
  paths: Map<string, Segment[]>;
  vertexOf: Map<string, Vertex>;
}

/** The segments at either side of each vertex. */
export interface Links {
  left: Map<Vertex, Segment[]>;
  right: Map<Vertex, Segment[]>;
}

export function linkSegments(row: Row): Links {
  const vertices = row.layers.flat();
  const left = new Map<Vertex, Segment[]>(vertices.map((vertex) => [vertex, []]));
  const right = new Map<Vertex, Segment[]>(vertices.map((vertex) => [vertex, []]));
  for (const segment of row.gaps.flat()) {
    right.get(segment.from)?.push(segment);
    left.get(segment.to)?.push(segment);
  }
  return { left, right };
}

const DUMMY_HEIGHT = 8;

export function buildRow(layers: LayoutNode[][], edges: LayoutEdge[]): Row {
  const vertexOf = new Map<string, Vertex>();
  const columns = layers.map((nodes, layer) =>
    nodes.map((node, order) => {
      const { id, width, height } = node;
      const vertex: Vertex = { id, node, width, height, layer, order, y: 0 };
      vertexOf.set(id, vertex);
      return vertex;
    }),
  );
  const gaps: Segment[][] = Array.from({ length: columns.length + 1 }, () => []);
  const segments = new Map<string, Segment>();
  const paths = new Map<string, Segment[]>();
  for (const edge of edges) {
    const from = vertexOf.get(edge.from.node);
    const to = vertexOf.get(edge.to.node);
    if (!from || !to) continue;
    const path: Segment[] = [];
    let at = from;
    let atY = portY(from, edge.from.port, "east");
    for (let layer = from.layer + 1; layer <= to.layer; layer++) {
      const isEnd = layer === to.layer;
      const next = isEnd ? to : dummy(edge.from.port, layer);
      const nextY = isEnd ? portY(to, edge.to.port, "west") : DUMMY_HEIGHT / 2;
      const key = `${edge.from.port}>${next.id}${isEnd ? `>${edge.to.port}` : ""}`;
      let segment = segments.get(key);
      if (!segment) {
        segment = { from: at, fromY: atY, to: next, toY: nextY, wire: edge.from.port };
        segments.set(key, segment);
        gaps[layer]?.push(segment);
      }
      path.push(segment);
      [at, atY] = [next, nextY];
    }
    paths.set(edge.id, path);
  }
  return { layers: columns, gaps, paths, vertexOf };

  function dummy(wire: string, layer: number): Vertex {
    const id = `via:${wire}:${layer}`;
    const known = vertexOf.get(id);
    if (known) return known;
    const column = columns[layer] ?? [];
    const vertex: Vertex = {
      id,
      node: null,
      width: 0,
      height: DUMMY_HEIGHT,
      layer,
      order: column.length,
      y: 0,
    };
    vertexOf.set(id, vertex);
    column.push(vertex);
    return vertex;
  }
}

export function portY(vertex: Vertex, key: string, side: "east" | "west"): number {
  const ports = vertex.node?.ports ?? [];
  const port = ports.find((one) => one.key === key && one.side === side);
  return (port ?? ports.find((one) => one.key === key))?.y ?? vertex.height / 2;
}
