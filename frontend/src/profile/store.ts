/** What the kernel has told about one profile view, decoded once for all its views on a page. */
import type { WidgetModel } from "../shared/anywidget";
import { protocolMismatch } from "../shared/protocol";
import { History } from "./history";
import { type Numbers, type Row, type RowData, readNumbers, UNKNOWN } from "./rows";

export interface StatusData {
  state: "connecting" | "connected" | "reconnecting" | "closed" | "lost";
  text: string;
}

/** The synced traits of `ezmsg_nb.ProfileView`. */
export interface ProfileState {
  _protocol: number;
  _rows: { revision: number; rows: RowData[] };
  _status: StatusData;
  height: number;
}

interface NumbersMessage {
  type: string;
  revision: number;
  time: number;
  cost: string;
}

export type Change = "rows" | "numbers" | "status" | "height";

export class ProfileStore {
  rows: Row[] = [];
  status: StatusData = { state: "connecting", text: "" };
  mismatch: string | null = null;
  /** What the observer itself costs, in words. */
  cost = "";
  height = 420;
  heardAt = performance.now();
  readonly histories = new Map<string, History>();
  readonly times = new History();
  #revision = 0;
  #model: WidgetModel<ProfileState> | null = null;
  readonly #listeners = new Set<(change: Change) => void>();

  /** Follows a model; the returned function ends it. */
  attach(model: WidgetModel<ProfileState>): () => void {
    this.#model = model;
    const stops: (() => void)[] = [];
    const on = (event: string, handler: (...args: never[]) => void): void => {
      model.on(event, handler);
      stops.push(() => model.off(event, handler));
    };
    on("change:_rows", () => this.#readRows());
    on("change:_status", () => this.#readStatus());
    on("change:_protocol", () => this.#readStatus());
    on("change:height", () => this.#readHeight());
    on("msg:custom", (message: NumbersMessage, buffers: DataView[]) => {
      this.#onMessage(message, buffers);
    });
    this.#readRows();
    this.#readStatus();
    this.#readHeight();
    return () => {
      for (const stop of stops) stop();
      this.#model = null;
    };
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the kernel whether a view can be seen; said again and again while it can. */
  tellView(view: string, visible: boolean): void {
    this.#model?.send({ type: "view", view, visible });
  }

  #onMessage(message: NumbersMessage, buffers: DataView[]): void {
    this.heardAt = performance.now();
    const buffer = buffers[0];
    if (message.type !== "numbers" || message.revision !== this.#revision || !buffer) return;
    readNumbers(buffer, this.rows.length).forEach((numbers, place) => {
      this.#take(place, numbers);
    });
    this.times.push(message.time);
    this.cost = message.cost;
    this.#emit("numbers");
  }

  #take(place: number, numbers: Numbers): void {
    const row = this.rows[place];
    if (!row) return;
    row.numbers = numbers;
    let history = this.histories.get(row.data.id);
    if (!history) {
      history = new History();
      // As long as the times, so that the newest of both belong together.
      for (const _ of this.times.newest(Number.POSITIVE_INFINITY)) history.push(Number.NaN);
      this.histories.set(row.data.id, history);
    }
    history.push(numbers.rate);
  }

  #readRows(): void {
    this.heardAt = performance.now();
    const { revision, rows } = this.#model?.get("_rows") ?? { revision: 0, rows: [] };
    const known = new Map(this.rows.map((row) => [row.data.id, row.numbers]));
    this.#revision = revision;
    this.rows = rows.map((data) => ({ data, numbers: known.get(data.id) ?? UNKNOWN }));
    for (const id of this.histories.keys()) {
      if (!rows.some((row) => row.id === id)) this.histories.delete(id);
    }
    this.#emit("rows");
  }

  #readStatus(): void {
    this.heardAt = performance.now();
    this.mismatch = protocolMismatch(this.#model?.get("_protocol"));
    this.status = this.#model?.get("_status") ?? { state: "connecting", text: "" };
    this.#emit("status");
  }

  #readHeight(): void {
    this.height = this.#model?.get("height") ?? 420;
    this.#emit("height");
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
