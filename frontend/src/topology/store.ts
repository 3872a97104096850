/** What the kernel has told about one widget, decoded once for all its views. */
import type { WidgetModel } from "../shared/anywidget";
import { protocolMismatch } from "../shared/protocol";
import { EMPTY_TOPOLOGY, Graph, type TopologyData } from "./graph";
import { type RatesMessage, RateTable } from "./rates";
import type { UnitCondition, UnitState } from "./scene";

export type Connection = "connecting" | "connected" | "reconnecting" | "closed" | "lost";

export interface StatusData {
  state: Connection;
  text: string;
}

/** The synced traits of `ezmsg_nb.TopologyWidget`. */
export interface TopologyState {
  _protocol: number;
  _topology: TopologyData | null;
  _status: StatusData;
  _unit_states: Record<string, [UnitState, string]>;
  selected: string | null;
  folded: string[] | null;
  height: number;
}

export type TopologyModel = WidgetModel<TopologyState>;

export type Change =
  | "topology"
  | "rates"
  | "status"
  | "conditions"
  | "selected"
  | "folded"
  | "height";

interface KernelMessage {
  type: string;
}

export class TopologyStore {
  graph = new Graph(EMPTY_TOPOLOGY);
  readonly rates = new RateTable();
  conditions = new Map<string, UnitCondition>();
  status: StatusData = { state: "connecting", text: "" };
  /** Why this page and the kernel don't understand each other, if so. */
  mismatch: string | null = null;
  /** When the kernel was last heard (ms, as `performance.now()`). */
  heardAt = performance.now();
  readonly #listeners = new Set<(change: Change) => void>();
  #model: TopologyModel | null = null;

  /** Follows a model; the returned function ends it. */
  attach(model: TopologyModel): () => void {
    this.#model = model;
    const on = (event: string, handler: (...args: never[]) => void): void => {
      model.on(event, handler);
      stops.push(() => model.off(event, handler));
    };
    const stops: (() => void)[] = [];
    on("change:_topology", () => this.#readTopology());
    on("change:_status", () => this.#readStatus());
    on("change:_unit_states", () => this.#readConditions());
    on("change:_protocol", () => this.#readProtocol());
    for (const name of ["selected", "folded", "height"] as const) {
      on(`change:${name}`, () => this.#emit(name));
    }
    on("msg:custom", (message: KernelMessage, buffers: DataView[]) => {
      this.#onMessage(message, buffers);
    });
    this.#readProtocol();
    this.#readTopology();
    this.#readStatus();
    this.#readConditions();
    return () => {
      for (const stop of stops) stop();
      this.#model = null;
    };
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the kernel whether a view can be seen; asked for again and again while it can. */
  tellView(view: string, visible: boolean): void {
    this.#model?.send({ type: "view", view, visible });
  }

  #askForRates(): void {
    this.#model?.send({ type: "resync" });
  }

  #onMessage(message: KernelMessage, buffers: DataView[]): void {
    this.#heard();
    if (message.type !== "rates") return;
    const outcome = this.rates.apply(message as RatesMessage, buffers);
    if (outcome === "applied") this.#emit("rates");
    if (outcome === "gap") this.#askForRates();
  }

  #readProtocol(): void {
    this.mismatch = protocolMismatch(this.#model?.get("_protocol"));
    this.#emit("status");
  }

  #readTopology(): void {
    this.#heard();
    const data = this.#model?.get("_topology") ?? EMPTY_TOPOLOGY;
    const before = this.rates.values;
    const known = this.graph.rateIndex;
    this.graph = new Graph(data);
    this.rates.reset(data.revision, this.graph.rateTopics.length);
    // Until the next message the rates that are known go on to stand at their lines.
    this.graph.rateTopics.forEach((topic, index) => {
      const old = known.get(topic);
      if (old !== undefined) this.rates.values[index] = before[old] ?? Number.NaN;
    });
    this.#emit("topology");
  }

  #readStatus(): void {
    this.#heard();
    this.status = this.#model?.get("_status") ?? { state: "connecting", text: "" };
    this.#emit("status");
  }

  #readConditions(): void {
    this.#heard();
    const states = this.#model?.get("_unit_states") ?? {};
    this.conditions = new Map(
      Object.entries(states).map(([unit, [state, reason]]) => [unit, { state, reason }]),
    );
    this.#emit("conditions");
  }

  #heard(): void {
    this.heardAt = performance.now();
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
