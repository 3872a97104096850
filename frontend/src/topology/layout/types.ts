/** What the layout takes and gives. Pure data: it could cross to a worker as it is. */

export const UNLIMITED = Number.POSITIVE_INFINITY;

export type Side = "west" | "east";

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Point, Size {}

export interface LayoutPort {
  key: string;
  side: Side;
  /** Distance from the node's top. */
  y: number;
}

/**
 * A box of one level. `west` and `east` nodes stand for ports in the border of the collection
 * around the level: they take its left and right edge.
 */
export interface LayoutNode {
  id: string;
  role: "box" | "west" | "east";
  width: number;
  height: number;
  ports: LayoutPort[];
}

/** A line from an east port to a west port (border nodes: the side that faces inwards). */
export interface LayoutEdge {
  id: string;
  from: { node: string; port: string };
  to: { node: string; port: string };
  /** Whether a label stands where the line leaves its port. */
  labelled: boolean;
}

export interface LevelInput {
  nodes: LayoutNode[];
  edges: LayoutEdge[];
}

/** How a level is folded into rows and columns; kept between layouts, so that it is stable. */
export interface LevelShape {
  rows: number;
  /** Layers higher than this spill into the next one. */
  maxLayerHeight: number;
}

export interface LevelLayout {
  width: number;
  height: number;
  positions: Map<string, Point>;
  routes: Map<string, Point[]>;
  /** Node ids by row, layer and place: the order to keep when the graph changes a little. */
  order: string[][][];
  crossings: number;
}
