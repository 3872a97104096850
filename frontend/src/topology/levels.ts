/**
 * From the graph to what is drawn: boxes with ports, one level for the root and one for each
 * unfolded collection, and every edge cut into the stretches that it has in each level.
 */
import {
  BOX,
  type Box,
  type BoxKind,
  type BoxPort,
  commonWidth,
  layoutNode,
  type Measure,
  sizeBox,
} from "./boxes";
import type { Component, Graph, PortData } from "./graph";
import { shortPortName, shortTypeName } from "./graph";
import type { LayoutEdge, LayoutNode, Side } from "./layout/types";

export interface Stretch extends LayoutEdge {
  level: string | null;
  /** The topic whose publishers' rate this line shows. */
  topic: string;
  /** Indexes into `TopologyData.edges` of the edges that pass here. */
  edges: number[];
}

export interface Level {
  collection: string | null;
  nodes: LayoutNode[];
  stretches: Stretch[];
}

export interface Drawing {
  graph: Graph;
  boxes: Map<string, Box>;
  /** Innermost levels first, so that the size of a group is known before it is placed. */
  levels: Level[];
}

const portKey = (component: string, side: Side, topic: string): string =>
  `${component}|${side}|${topic}`;

const borderId = (key: string): string => `border:${key}`;

export function buildDrawing(graph: Graph, folded: ReadonlySet<string>, measure: Measure): Drawing {
  return new DrawingBuilder(graph, folded, measure).build();
}

class DrawingBuilder {
  readonly #boxes = new Map<string, Box>();
  readonly #ports = new Map<string, BoxPort>();
  readonly #levels = new Map<string | null, Level>();
  readonly #stretches = new Map<string, Stretch>();
  readonly #borders = new Map<string, LayoutNode>();

  readonly #graph: Graph;
  readonly #folded: ReadonlySet<string>;
  readonly #measure: Measure;

  constructor(graph: Graph, folded: ReadonlySet<string>, measure: Measure) {
    this.#graph = graph;
    this.#folded = folded;
    this.#measure = measure;
  }

  build(): Drawing {
    this.#addLevel(null, 0);
    this.#graph.data.edges.forEach((edge, index) => {
      this.#addEdge(edge.from, edge.to, index);
    });
    this.#sizeBoxes();
    const levels = [...this.#levels.values()].reverse();
    this.#markLabels();
    return { graph: this.#graph, boxes: this.#boxes, levels };
  }

  #addLevel(collection: string | null, depth: number): void {
    const level: Level = { collection, nodes: [], stretches: [] };
    this.#levels.set(collection, level);
    for (const id of this.#graph.children.get(collection) ?? []) {
      const component = this.#graph.components.get(id);
      if (!component) continue;
      const isGroup = component.kind === "collection" && !this.#folded.has(id);
      this.#addBox(component, collection, depth, isGroup);
      if (isGroup) this.#addLevel(id, depth + 1);
    }
  }

  #addBox(component: Component, level: string | null, depth: number, isGroup: boolean): void {
    const { id, data } = component;
    const kinds = { unit: "unit", collection: isGroup ? "group" : "folded", topic: "topic" };
    const box: Box = {
      id,
      kind: kinds[component.kind] as BoxKind,
      name: data?.name ?? id.replace(/^topic:/, ""),
      type: data === null ? "topic" : shortTypeName(data.type),
      level,
      depth,
      width: 0,
      height: 0,
      ports: [],
      component,
      units:
        component.kind === "unit"
          ? [component.data]
          : component.kind === "collection"
            ? this.#graph.unitsWithin(id)
            : [],
    };
    this.#boxes.set(id, box);
    for (const port of data?.ports ?? []) {
      this.#port(id, port.direction === "input" ? "west" : "east", port.topic, port);
    }
  }

  #port(component: string, side: Side, topic: string, port: PortData | null): BoxPort {
    const key = portKey(component, side, topic);
    const known = this.#ports.get(key);
    if (known) return known;
    const label = port ? shortPortName(port) : "";
    const made = { key, topic, side, y: 0, label, port, wired: false };
    this.#ports.set(key, made);
    this.#boxes.get(component)?.ports.push(made);
    return made;
  }

  /** The box that stands for a component: itself, or the outermost folded collection around. */
  #visible(component: string): string {
    if (this.#boxes.has(component)) return component;
    return this.#graph.ancestors(component).find((id) => this.#folded.has(id)) ?? component;
  }

  #addEdge(from: string, to: string, index: number): void {
    const source = this.#graph.owners.get(from)?.component;
    const target = this.#graph.owners.get(to)?.component;
    if (source === undefined || target === undefined) return;
    const fromBox = this.#visible(source);
    const toBox = this.#visible(target);
    // Inside means: the line starts (ends) at the inner side of a collection's border.
    const startsInside = this.#holds(source, target) && this.#boxes.get(source)?.kind === "group";
    const endsInside = this.#holds(target, source) && this.#boxes.get(target)?.kind === "group";
    if (fromBox === toBox && this.#boxes.get(fromBox)?.kind !== "group") {
      const isLoop = source === target && this.#graph.units.has(source);
      if (!isLoop) return;
    }
    const startLevel = startsInside ? source : (this.#boxes.get(fromBox)?.level ?? null);
    const endLevel = endsInside ? target : (this.#boxes.get(toBox)?.level ?? null);
    const common = this.#commonLevel(startLevel, endLevel);

    let node = startsInside ? this.#border(source, "west", from) : fromBox;
    let port = this.#port(
      startsInside ? source : fromBox,
      startsInside ? "west" : "east",
      from,
      null,
    );
    for (let level = startLevel; level !== common && level !== null; ) {
      const exit = this.#port(level, "east", from, null);
      this.#stretch(level, node, port, this.#border(level, "east", from), exit, from, index);
      [node, port] = [level, exit];
      level = this.#boxes.get(level)?.level ?? null;
    }
    const inward: string[] = [];
    for (let level = endLevel; level !== common && level !== null; ) {
      inward.unshift(level);
      level = this.#boxes.get(level)?.level ?? null;
    }
    let level = common;
    for (const next of inward) {
      const entry = this.#port(next, "west", to, null);
      this.#stretch(level, node, port, next, entry, from, index);
      [node, port, level] = [this.#border(next, "west", to), entry, next];
    }
    const last = this.#port(endsInside ? target : toBox, endsInside ? "east" : "west", to, null);
    const lastNode = endsInside ? this.#border(target, "east", to) : toBox;
    this.#stretch(level, node, port, lastNode, last, from, index);
  }

  /** Whether `outer` is a collection with `inner` in it (or is the same one). */
  #holds(outer: string, inner: string): boolean {
    if (!this.#graph.collections.has(outer)) return false;
    return outer === inner || this.#graph.ancestors(inner).includes(outer);
  }

  #commonLevel(a: string | null, b: string | null): string | null {
    if (a === b) return a;
    const around = (level: string | null): (string | null)[] =>
      level === null ? [null] : [null, ...this.#graph.ancestors(level), level];
    const [chainA, chainB] = [around(a), around(b)];
    let common: string | null = null;
    for (let i = 0; i < Math.min(chainA.length, chainB.length); i++) {
      if (chainA[i] !== chainB[i]) break;
      common = chainA[i] ?? null;
    }
    return common;
  }

  #border(collection: string, side: Side, topic: string): string {
    const port = this.#port(collection, side, topic, null);
    const id = borderId(port.key);
    if (!this.#borders.has(id)) {
      const node: LayoutNode = {
        id,
        role: side,
        width: port.label === "" ? 0 : Math.min(this.#measure(port.label, "small"), 110) + 10,
        height: BOX.portRow,
        ports: [{ key: port.key, side: side === "west" ? "east" : "west", y: BOX.portRow / 2 }],
      };
      this.#borders.set(id, node);
    }
    return id;
  }

  #stretch(
    level: string | null,
    fromNode: string,
    fromPort: BoxPort,
    toNode: string,
    toPort: BoxPort,
    topic: string,
    edge: number,
  ): void {
    fromPort.wired = true;
    toPort.wired = true;
    const id = `${fromPort.key}>${toPort.key}@${level ?? ""}`;
    const known = this.#stretches.get(id);
    if (known) {
      known.edges.push(edge);
      return;
    }
    const made: Stretch = {
      id,
      level,
      from: { node: fromNode, port: fromPort.key },
      to: { node: toNode, port: toPort.key },
      labelled: false,
      topic,
      edges: [edge],
    };
    this.#stretches.set(id, made);
    this.#levels.get(level)?.stretches.push(made);
  }

  /**
   * A rate stands once per stream: where its line leaves a box. It is left out where the line
   * only goes to the border and on, since the label stands outside then.
   */
  #markLabels(): void {
    const goesOn = new Set<string>();
    for (const stretch of this.#stretches.values()) goesOn.add(stretch.from.port);
    const labelled = new Set<string>();
    for (const stretch of this.#stretches.values()) {
      const fromBorder = stretch.from.node.startsWith("border:");
      const toBorder = stretch.to.node.startsWith("border:");
      if (fromBorder || (toBorder && goesOn.has(stretch.to.port))) continue;
      labelled.add(stretch.from.port);
    }
    for (const stretch of this.#stretches.values()) {
      stretch.labelled = labelled.has(stretch.from.port);
    }
  }

  #sizeBoxes(): void {
    const width = commonWidth(this.#graph, this.#measure);
    for (const box of this.#boxes.values()) {
      box.ports = box.ports.filter((port) => port.wired || !port.port?.settings);
      if (box.kind !== "group") sizeBox(box, width, this.#measure);
    }
    for (const level of this.#levels.values()) {
      const inside = this.#graph.children.get(level.collection) ?? [];
      for (const id of inside) {
        const box = this.#boxes.get(id);
        if (box) level.nodes.push(layoutNode(box));
      }
      if (level.collection === null) continue;
      // Ports in the border are shown even where nothing is connected inside.
      for (const port of this.#boxes.get(level.collection)?.ports ?? []) {
        const node = this.#borders.get(this.#border(level.collection, port.side, port.topic));
        if (node) level.nodes.push(node);
      }
    }
  }
}
