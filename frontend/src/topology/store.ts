/** What the kernel has told about one widget, decoded once for all its views. */
import type { WidgetModel } from "../shared/anywidget";
import { type WatchedState, WidgetStore } from "../shared/widget_store";
import { EMPTY_TOPOLOGY, Graph, type TopologyData } from "./graph";
import { LayoutWorker } from "./layout/worker";
import type { Pins } from "./pins";
import { type RatesMessage, RateTable } from "./rates";
import type { UnitCondition, UnitState } from "./states";

export type { Connection, StatusData } from "../shared/widget_store";

/** The synced traits of `ezmsg_nb.TopologyWidget`. */
export interface TopologyState extends WatchedState {
  _esm: string;
  _topology: TopologyData | null;
  _unit_states: Record<string, [UnitState, string]>;
  selected: string | null;
  folded: string[] | null;
  pins: Pins;
  group_by: "collection" | "process";
  height: number;
  /** The moments that one can go back to; null while the slider isn't shown. */
  _history: HistoryData | null;
}

export interface HistoryData {
  /** Time and what happened then, in words; oldest first. The last one is now. */
  stops: [time: string, text: string][];
  at: number;
}

/** What a page asks of the kernel. */
export type Wish =
  | { type: "resync" }
  | { type: "undo" }
  | { type: "history"; at: number | null }
  | { type: "export"; format: string }
  | { type: "connect" | "disconnect"; from: string; to: string };

export type TopologyModel = WidgetModel<TopologyState>;

export type Change =
  | "topology"
  | "rates"
  | "status"
  | "conditions"
  | "selected"
  | "folded"
  | "pins"
  | "history"
  | "note"
  | "export"
  | "height";

export class TopologyStore extends WidgetStore<TopologyState, Change> {
  graph = new Graph(EMPTY_TOPOLOGY);
  readonly rates = new RateTable();
  conditions = new Map<string, UnitCondition>();
  /** The newest word of the kernel to who did something, and the newest text that was asked for. */
  note = "";
  exported = { format: "", text: "" };
  readonly worker = new LayoutWorker(() => this.model?.get("_esm"));

  override attach(model: TopologyModel): () => void {
    const stop = super.attach(model);
    return () => {
      stop();
      this.worker.close();
    };
  }

  ask(wish: Wish): void {
    this.model?.send(wish);
  }

  protected readings(): Record<string, () => void> {
    return {
      _topology: () => this.#readTopology(),
      _unit_states: () => this.#readConditions(),
      selected: () => this.emit("selected"),
      folded: () => this.emit("folded"),
      pins: () => this.emit("pins"),
      _history: () => this.emit("history"),
      height: () => this.emit("height"),
    };
  }

  protected take(message: { type: string }, buffers: DataView[]): void {
    if (message.type === "note") {
      this.note = (message as { text?: string }).text ?? "";
      this.emit("note");
    } else if (message.type === "export") {
      this.exported = message as unknown as { format: string; text: string };
      this.emit("export");
    }
    if (message.type !== "rates") return;
    const outcome = this.rates.apply(message as RatesMessage, buffers);
    if (outcome === "applied") this.emit("rates");
    if (outcome === "gap") this.ask({ type: "resync" });
  }

  #readTopology(): void {
    this.heard();
    const data = this.model?.get("_topology") ?? EMPTY_TOPOLOGY;
    this.graph = new Graph(data);
    this.rates.reset(data.revision, this.graph);
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
