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
  /** Place in its column, top to bottom; NaN while it isn't to count for crossings. */
  order: number;
  y: number;
  /** Pieces of line that come in, and that go out. */
  left: Segment[];
  right: Segment[];
  /** Number of its first port among all in its column, and where its lines pull it. */
  firstPlace: number;
  pull: number;
}

/** A piece of line between two neighbouring columns. Pieces of one port are one wire. */
export interface Segment {
  from: Vertex;
  fromY: number;
  to: Vertex;
  toY: number;
  /** How far down their boxes the two ends are, below 1. */
  fromPart: number;
  toPart: number;
  /** Number of the port that it ends at, among those of its box that lines come in at. */
  toPort: number;
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

const DUMMY_HEIGHT = 8;

export function buildRow(layers: LayoutNode[][], edges: LayoutEdge[]): Row {
  const vertexOf = new Map<string, Vertex>();
  const columns = layers.map((nodes, layer) =>
    nodes.map((node, order) => {
      return vertex(node.id, node, node.width, node.height, layer, order);
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
        segment = {
          from: at,
          fromY: atY,
          to: next,
          toY: nextY,
          fromPart: atY / (at.height + 1),
          toPart: nextY / (next.height + 1),
          toPort: 0,
          wire: edge.from.port,
        };
        segments.set(key, segment);
        gaps[layer]?.push(segment);
        at.right.push(segment);
        next.left.push(segment);
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
    const made = vertex(id, null, 0, DUMMY_HEIGHT, layer, column.length);
    column.push(made);
    return made;
  }

  function vertex(
    id: string,
    node: LayoutNode | null,
    width: number,
    height: number,
    layer: number,
    order: number,
  ): Vertex {
    const sizes = { width, height, layer, order, y: 0, firstPlace: 0, pull: 0 };
    const made: Vertex = { id, node, ...sizes, left: [], right: [] };
    vertexOf.set(id, made);
    return made;
  }
}

export function portY(vertex: Vertex, key: string, side: "east" | "west"): number {
  const ports = vertex.node?.ports ?? [];
  const port = ports.find((one) => one.key === key && one.side === side);
  return (port ?? ports.find((one) => one.key === key))?.y ?? vertex.height / 2;
}
