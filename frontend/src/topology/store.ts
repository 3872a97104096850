/** What the kernel has told about one widget, decoded once for all its views. */
import type { WidgetModel } from "../shared/anywidget";
import { type WatchedState, WidgetStore } from "../shared/widget_store";
import { EMPTY_TOPOLOGY, Graph, type TopologyData } from "./graph";
import { type RatesMessage, RateTable } from "./rates";
import type { UnitCondition, UnitState } from "./scene";

export type { Connection, StatusData } from "../shared/widget_store";

/** The synced traits of `ezmsg_nb.TopologyWidget`. */
export interface TopologyState extends WatchedState {
  _topology: TopologyData | null;
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

export class TopologyStore extends WidgetStore<TopologyState, Change> {
  graph = new Graph(EMPTY_TOPOLOGY);
  readonly rates = new RateTable();
  conditions = new Map<string, UnitCondition>();

  protected readings(): Record<string, () => void> {
    return {
      _topology: () => this.#readTopology(),
      _unit_states: () => this.#readConditions(),
      selected: () => this.emit("selected"),
      folded: () => this.emit("folded"),
      height: () => this.emit("height"),
    };
  }

  #askForRates(): void {
    this.model?.send({ type: "resync" });
  }

  protected take(message: { type: string }, buffers: DataView[]): void {
    if (message.type !== "rates") return;
    const outcome = this.rates.apply(message as RatesMessage, buffers);
    if (outcome === "applied") this.emit("rates");
    if (outcome === "gap") this.#askForRates();
  }

  #readTopology(): void {
    this.heard();
    const data = this.model?.get("_topology") ?? EMPTY_TOPOLOGY;
    const before = this.rates.values;
    const known = this.graph.rateIndex;
    this.graph = new Graph(data);
    this.rates.reset(data.revision, this.graph.rateTopics.length);
    // Until the next message the rates that are known go on to stand at their lines.
    this.graph.rateTopics.forEach((topic, index) => {
      const old = known.get(topic);
      if (old !== undefined) this.rates.values[index] = before[old] ?? Number.NaN;
    });
    this.emit("topology");
  }

  #readConditions(): void {
    this.heard();
    const states = this.model?.get("_unit_states") ?? {};
    this.conditions = new Map(
      Object.entries(states).map(([unit, [state, reason]]) => [unit, { state, reason }]),
    );
    this.emit("conditions");
  }
}
