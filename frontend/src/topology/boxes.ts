/** The boxes of a drawing, and how large they are. */
import type { Component, Graph, PortData, UnitData } from "./graph";
import { shortPortName, shortTypeName } from "./graph";
import type { LayoutNode, Side } from "./layout/types";

export type BoxKind = "unit" | "folded" | "group" | "topic";

export interface BoxPort {
  key: string;
  topic: string;
  side: Side;
  /** Distance from the box's top; for the ports of a group it is known after layout. */
  y: number;
  label: string;
  /** Null for a place where an edge passes a border that has no port for it. */
  port: PortData | null;
  wired: boolean;
}

export interface Box {
  id: string;
  kind: BoxKind;
  name: string;
  type: string;
  level: string | null;
  depth: number;
  width: number;
  height: number;
  ports: BoxPort[];
  component: Component;
  /** Units that the box stands for: itself, or all inside. */
  units: UnitData[];
}

/** Width of a text at scale 1: `title` of a box, `small` for types and ports. */
export type Measure = (text: string, style: "title" | "small") => number;

export const BOX = {
  minWidth: 128,
  maxWidth: 220,
  header: 40,
  portRow: 18,
  bottom: 7,
  bare: 46,
  topicHeight: 30,
  groupTitle: 30,
  groupPadding: 14,
} as const;

const widths = new WeakMap<Measure, WeakMap<Graph, number>>();

/** All units and folded collections are as wide as the widest, whatever is folded. */
export function commonWidth(graph: Graph, measure: Measure): number {
  const known = widths.get(measure) ?? new WeakMap<Graph, number>();
  widths.set(measure, known);
  let width: number = known.get(graph) ?? 0;
  if (width > 0) return width;
  width = BOX.minWidth;
  for (const { data } of graph.components.values()) {
    if (data === null) continue;
    const labels = { input: 0, output: 0 };
    for (const port of data.ports) {
      if (port.settings) continue;
      const label = measure(shortPortName(port), "small");
      labels[port.direction] = Math.max(labels[port.direction], label);
    }
    width = Math.max(
      width,
      measure(data.name, "title") * 1.06 + 60,
      Math.min(measure(shortTypeName(data.type), "small"), 150) + 26,
      labels.input + labels.output + 38,
    );
  }
  width = Math.ceil(Math.min(width, BOX.maxWidth) / 4) * 4;
  known.set(graph, width);
  return width;
}

export function sizeBox(box: Box, commonWidth: number, measure: Measure): void {
  if (box.kind === "topic") {
    box.width = Math.ceil(Math.min(measure(box.name, "small") + 36, BOX.maxWidth));
    box.height = BOX.topicHeight;
    for (const port of box.ports) port.y = BOX.topicHeight / 2;
    return;
  }
  box.width = commonWidth;
  // A topic that is both left and right of a box keeps to one row.
  const rows = { west: 0, east: 0 };
  for (const port of box.ports) {
    port.y = BOX.header + (rows[port.side] + 0.5) * BOX.portRow;
    rows[port.side] += 1;
  }
  const count = Math.max(rows.west, rows.east);
  box.height = count === 0 ? BOX.bare : BOX.header + count * BOX.portRow + BOX.bottom;
}

export function layoutNode({ id, width, height, ports }: Box): LayoutNode {
  return {
    id,
    role: "box",
    width,
    height,
    ports: ports.map(({ key, side, y }) => ({ key, side, y })),
  };
}
