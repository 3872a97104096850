/** What the kernel has told about one profile view, decoded once for all its views on a page. */
import { type WatchedState, WidgetStore } from "../shared/widget_store";
import { History } from "./history";
import { type Numbers, type Row, type RowData, readNumbers, UNKNOWN } from "./rows";

/** The synced traits of `ezmsg_nb.ProfileView`. */
export interface ProfileState extends WatchedState {
  _rows: { revision: number; rows: RowData[] };
  height: number;
}

interface NumbersMessage {
  type: string;
  revision: number;
  time: number;
  cost: string;
}

export type Change = "rows" | "numbers" | "status" | "height";

export class ProfileStore extends WidgetStore<ProfileState, Change> {
  rows: Row[] = [];
  /** What the observer itself costs, in words. */
  cost = "";
  height = 420;
  readonly histories = new Map<string, History>();
  readonly times = new History();
  #revision = 0;

  protected readings(): Record<string, () => void> {
    return { _rows: () => this.#readRows(), height: () => this.#readHeight() };
  }

  protected take(message: { type: string }, buffers: DataView[]): void {
    const { type, revision, time, cost } = message as NumbersMessage;
    const buffer = buffers[0];
    if (type !== "numbers" || revision !== this.#revision || !buffer) return;
    readNumbers(buffer, this.rows.length).forEach((numbers, place) => {
      this.#takeRow(place, numbers);
    });
    this.times.push(time);
    this.cost = cost;
    this.emit("numbers");
  }

  #takeRow(place: number, numbers: Numbers): void {
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
    this.heard();
    const { revision, rows } = this.model?.get("_rows") ?? { revision: 0, rows: [] };
    const known = new Map(this.rows.map((row) => [row.data.id, row.numbers]));
    this.#revision = revision;
    this.rows = rows.map((data) => ({ data, numbers: known.get(data.id) ?? UNKNOWN }));
    for (const id of this.histories.keys()) {
      if (!rows.some((row) => row.id === id)) this.histories.delete(id);
    }
    this.emit("rows");
  }

  #readHeight(): void {
    this.height = this.model?.get("height") ?? 420;
    this.emit("height");
  }
}
