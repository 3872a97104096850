/** What the stores of our live widgets share: a model, its status, and who listens. */
import type { WidgetModel } from "./anywidget";
import { protocolMismatch } from "./protocol";

export type Connection = "connecting" | "connected" | "reconnecting" | "closed" | "lost";

export interface StatusData {
  state: Connection;
  text: string;
}

/** The synced traits of `ezmsg_nb.watched_widget.WatchedWidget`. */
export interface WatchedState {
  _protocol: number;
  _status: StatusData;
}

export abstract class WidgetStore<State extends WatchedState, Change extends string> {
  status: StatusData = { state: "connecting", text: "" };
  /** Why this page and the kernel don't understand each other, if so. */
  mismatch: string | null = null;
  /** When the kernel was last heard (ms, as `performance.now()`). */
  heardAt = performance.now();
  protected model: WidgetModel<State> | null = null;
  readonly #listeners = new Set<(change: Change | "status") => void>();

  /** Follows a model; the returned function ends it. */
  attach(model: WidgetModel<State>): () => void {
    this.model = model;
    const stops: (() => void)[] = [];
    const on = (event: string, handler: (...args: never[]) => void): void => {
      model.on(event, handler);
      stops.push(() => model.off(event, handler));
    };
    const readings = { ...this.readings(), _status: () => this.#readStatus() };
    for (const [name, read] of Object.entries(readings)) on(`change:${name}`, read);
    on("change:_protocol", () => this.#readProtocol());
    on("msg:custom", (message: { type: string }, buffers: DataView[]) => {
      this.heard();
      this.take(message, buffers);
    });
    this.#readProtocol();
    for (const read of Object.values(readings)) read();
    return () => {
      for (const stop of stops) stop();
      this.model = null;
    };
  }

  onChange(listener: (change: Change | "status") => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the kernel whether a view can be seen; said again and again while it can. */
  tellView(view: string, visible: boolean): void {
    this.model?.send({ type: "view", view, visible });
  }

  /** What to do when a trait has another value, by its name; all are called at the beginning. */
  protected abstract readings(): Record<string, () => void>;

  /** Takes a message of the kernel. */
  protected abstract take(message: { type: string }, buffers: DataView[]): void;

  protected heard(): void {
    this.heardAt = performance.now();
  }

  protected emit(change: Change | "status"): void {
    for (const listener of this.#listeners) listener(change);
  }

  #readStatus(): void {
    this.heard();
    this.status = this.model?.get("_status") ?? { state: "connecting", text: "" };
    this.emit("status");
  }

  #readProtocol(): void {
    this.mismatch = protocolMismatch(this.model?.get("_protocol"));
    this.emit("status");
  }
}
