/** What the kernel has told about one scope, decoded once for all its views on a page. */
import { type WatchedState, WidgetStore } from "../shared/widget_store";
import { readColumns, Sweep } from "./sweep";

export interface StreamData {
  kind: "waiting" | "samples" | "message";
  revision: number;
  topic: string;
  fs_hz?: number;
  unit?: string;
  channels?: string[];
  shown?: number[];
  columns?: number;
  seconds_per_column?: number;
  window_s?: number;
}

export interface RowData {
  depth: number;
  name: string;
  type: string;
  text: string;
}

/** The synced traits of `ezmsg_nb.scope.Scope`. */
export interface ScopeState extends WatchedState {
  _stream: StreamData;
  /** The last sweep as a picture (a data URL), for where its columns are not known. */
  _picture: string;
  /** The last message, for where it did not come. */
  _rows: RowData[];
  height: number;
}

interface Told {
  type: string;
  revision: number;
  received: number;
  dropped: number;
  first: number;
  rows: RowData[];
}

export type Change = "stream" | "columns" | "message" | "height" | "paused" | "picture";

export class ScopeStore extends WidgetStore<ScopeState, Change> {
  stream: StreamData = { kind: "waiting", revision: 0, topic: "" };
  sweep: Sweep | null = null;
  rows: RowData[] = [];
  picture = "";
  received = 0;
  dropped = 0;
  paused = false;
  height = 380;

  setWidth(px: number): void {
    this.model?.send({ type: "width", px });
  }

  setWindow(seconds: number): void {
    this.model?.send({ type: "window", s: seconds });
  }

  setChannels(places: number[] | null): void {
    this.model?.send({ type: "channels", places });
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    this.model?.send({ type: "pause", paused });
    this.emit("paused");
  }

  /**
   * Has the model hold a picture of the last sweep, which is stored with the notebook.
   *
   * The kernel is not told: only what is saved, or seen without a kernel, needs it.
   */
  keepPicture(url: string): void {
    this.model?.set("_picture", url);
  }

  protected readings(): Record<string, () => void> {
    return {
      _stream: () => this.#readStream(),
      _picture: () => this.#readPicture(),
      _rows: () => this.#readRows(),
      height: () => this.#readHeight(),
    };
  }

  protected take(message: { type: string }, buffers: DataView[]): void {
    const told = message as Told;
    if (told.revision !== this.stream.revision || this.paused) return;
    if (told.type === "message") {
      this.#count(told);
      // To be stored with the notebook, as the picture is; it is read from there.
      this.model?.set("_rows", told.rows);
    } else if (told.type === "columns" && buffers[0] && this.sweep) {
      this.sweep.add(told.first, readColumns(buffers[0]));
      this.#count(told);
      this.emit("columns");
    }
  }

  #count({ received, dropped }: Told): void {
    this.received = received;
    this.dropped = dropped;
  }

  #readStream(): void {
    this.heard();
    const stream = this.model?.get("_stream");
    if (!stream?.kind) return;
    this.stream = stream;
    const { columns, shown } = stream;
    this.sweep =
      stream.kind === "samples" && columns && shown ? new Sweep(columns, shown.length) : null;
    this.emit("stream");
  }

  #readPicture(): void {
    this.picture = this.model?.get("_picture") ?? "";
    this.emit("picture");
  }

  #readRows(): void {
    this.rows = this.model?.get("_rows") ?? [];
    this.emit("message");
  }

  #readHeight(): void {
    this.height = this.model?.get("height") ?? 380;
    this.emit("height");
  }
}
