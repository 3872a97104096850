/** The graph as the kernel sends it (trait `_topology`), indexed for the views. */
import { addTo } from "../shared/maps";

export type Direction = "input" | "output";

export interface PortData {
  name: string;
  topic: string;
  direction: Direction;
  type: string;
  leaky: boolean;
  /** Whether the port takes new settings of its unit. */
  settings: boolean;
  relay: boolean;
}

export interface UnitData {
  id: string;
  name: string;
  type: string;
  collection: string | null;
  process: string | null;
  dynamic: boolean;
  tasks: string[];
  ports: PortData[];
}

export interface CollectionData {
  id: string;
  name: string;
  type: string;
  collection: string | null;
  ports: PortData[];
}

/** Who holds a connection, in the order of what is told of several. */
export type EdgeOwner = "kernel" | "session" | "persistent" | "pipeline";

export interface EdgeData {
  from: string;
  to: string;
  owner: EdgeOwner;
  /** The one whose publisher feeds it. */
  process: string | null;
  /** What became of it, where two times are compared. */
  mark?: "added" | "removed";
}

export interface ProcessData {
  id: string;
  pid: number | null;
  host: string | null;
  units: string[];
}

export interface TopologyData {
  revision: number;
  units: UnitData[];
  collections: CollectionData[];
  edges: EdgeData[];
  /** In the order of the flow: the one that runs the sources first. */
  processes: ProcessData[];
  /** Those that no component owns. */
  topics: string[];
}

export const EMPTY_TOPOLOGY: TopologyData = {
  revision: 0,
  units: [],
  collections: [],
  edges: [],
  processes: [],
  topics: [],
};

/** A unit, a collection, or a topic that belongs to neither. */
export type Component =
  | { kind: "unit"; id: string; data: UnitData }
  | { kind: "collection"; id: string; data: CollectionData }
  | { kind: "topic"; id: string; data: null };

/** Id of the component of a topic without an owner; a unit may have the topic's name. */
export const topicId = (topic: string): string => `topic:${topic}`;

export class Graph {
  readonly units = new Map<string, UnitData>();
  readonly collections = new Map<string, CollectionData>();
  readonly processes = new Map<string, ProcessData>();
  readonly components = new Map<string, Component>();
  /** Topic -> the component that has it as a port, and that port. */
  readonly owners = new Map<string, { component: string; port: PortData | null }>();
  /** Collection id (null: the root) -> ids of what is directly in it, in the kernel's order. */
  readonly children = new Map<string | null, string[]>();
  /** Topics that are the start of an edge, in the order of the rate buffers. */
  readonly rateTopics: string[] = [];
  readonly rateIndex = new Map<string, number>();
  /** Topic -> indexes of the edges that start there. */
  readonly edgesFrom = new Map<string, number[]>();
  readonly #inTree = new Set<string>();
  readonly #around = new Map<string, readonly string[]>();
  readonly #within = new Map<string, UnitData[]>();

  constructor(readonly data: TopologyData) {
    for (const process of data.processes) this.processes.set(process.id, process);
    for (const unit of data.units) {
      this.units.set(unit.id, unit);
      this.components.set(unit.id, { kind: "unit", id: unit.id, data: unit });
      for (const port of unit.ports) this.owners.set(port.topic, { component: unit.id, port });
    }
    for (const collection of data.collections) {
      this.collections.set(collection.id, collection);
      this.components.set(collection.id, {
        kind: "collection",
        id: collection.id,
        data: collection,
      });
      for (const port of collection.ports) {
        this.owners.set(port.topic, { component: collection.id, port });
      }
    }
    data.edges.forEach((edge, index) => {
      addTo(this.edgesFrom, edge.from, index);
      if (!this.rateIndex.has(edge.from)) {
        this.rateIndex.set(edge.from, this.rateTopics.length);
        this.rateTopics.push(edge.from);
      }
    });
    for (const topic of data.topics) {
      const id = topicId(topic);
      this.components.set(id, { kind: "topic", id, data: null });
      this.owners.set(topic, { component: id, port: null });
    }
    for (const id of this.components.keys()) {
      if (!this.collections.has(id)) this.#placeInTree(id);
    }
    for (const id of this.collections.keys()) this.#placeInTree(id);
  }

  /** Collections stand where their first unit does: in the order of the flow, mostly. */
  #placeInTree(id: string): void {
    for (const one of [...this.ancestors(id), id]) {
      if (this.#inTree.has(one)) continue;
      this.#inTree.add(one);
      const parent = this.parentOf(one);
      addTo(this.children, parent, one);
    }
  }

  /** The collection around a component; one that the kernel doesn't list counts as none. */
  parentOf(id: string): string | null {
    const component = this.components.get(id);
    const parent = component?.data?.collection ?? null;
    return parent !== null && parent !== id && this.collections.has(parent) ? parent : null;
  }

  /** The collections around a component, from the root inwards. */
  ancestors(id: string): readonly string[] {
    const known = this.#around.get(id);
    if (known) return known;
    const found: string[] = [];
    for (let at = this.parentOf(id); at !== null && !found.includes(at); at = this.parentOf(at)) {
      found.push(at);
    }
    this.#around.set(id, found.reverse());
    return found;
  }

  /** Units anywhere inside a collection. */
  unitsWithin(collection: string): UnitData[] {
    const known = this.#within.get(collection);
    if (known) return known;
    const found: UnitData[] = [];
    this.#within.set(collection, found);
    for (const id of this.children.get(collection) ?? []) {
      const component = this.components.get(id);
      if (component?.kind === "unit") found.push(component.data);
      else if (component?.kind === "collection") found.push(...this.unitsWithin(id));
    }
    return found;
  }
}

/** Port name without the part that its side already tells: INPUT_SIGNAL -> SIGNAL. */
export function shortPortName(port: PortData): string {
  return port.name.replace(/^(INPUT|OUTPUT)_(?=.)/, "");
}

/** Type name without its module: `ezmsg.sigproc.slicer.Slicer` -> `Slicer`. */
export const shortTypeName = (type: string): string =>
  type.replace(/\[.*/, "").replace(/.*[.:]/, "");
