/** The box of a live view: its colours, whether it can be seen, and whether the kernel is heard. */
import { make } from "./make";
import styles from "./panel.css";
import { applyTheme, readTheme, type Theme, watchTheme } from "./theme";
import { watchVisibility } from "./visibility";
import type { StatusData } from "./widget_store";

/** A view that can be seen says so this often; the kernel answers each time. */
const HEARTBEAT_MS = 4000;
/** After this long without an answer it is said that there is none. */
const SILENT_MS = 9000;

/** What a panel wants of its view's store. */
export interface Heard {
  readonly mismatch: string | null;
  readonly status: StatusData;
  readonly heardAt: number;
  tellView(view: string, visible: boolean): void;
}

export interface Reactions {
  /** The page has other colours now. */
  themed(): void;
  /** The view can be seen from now on, or no longer; the kernel is told after this. */
  seen?(visible: boolean): void;
  /** Every second: the kernel may have fallen silent. */
  second(): void;
}

export class Panel {
  readonly root: HTMLElement;
  readonly #id = Math.random().toString(36).slice(2);
  readonly #stops: (() => void)[] = [];
  readonly #store: Heard;
  #theme: Theme;
  #visible = false;

  /** A box in `host` with `parts` in it, styled by `ownStyles` as `.ezn-NAME`. */
  constructor(name: string, ownStyles: string, store: Heard, host: HTMLElement, parts: Node[]) {
    this.#store = store;
    this.root = make(
      "div",
      // JupyterLab's shortcuts (0 0 restarts the kernel) are not meant while the focus is here.
      {
        class: `ezn-panel ezn-${name}`,
        "data-ezmsg-nb": name,
        "data-lm-suppress-shortcuts": "true",
      },
      make("style", {}, styles + ownStyles),
      ...parts,
    );
    // In a box of widgets it takes the room that there is, and scrolls inside.
    host.style.minWidth = "0";
    host.append(this.root);
    this.#theme = readTheme(this.root);
    applyTheme(this.root, this.#theme);
  }

  get theme(): Theme {
    return this.#theme;
  }

  get visible(): boolean {
    return this.#visible;
  }

  watch({ themed, seen, second }: Reactions): void {
    const beat = setInterval(() => {
      if (this.#visible) this.#store.tellView(this.#id, true);
    }, HEARTBEAT_MS);
    const watch = setInterval(second, 1000);
    this.#stops.push(
      () => clearInterval(beat),
      () => clearInterval(watch),
      watchVisibility(this.root, (visible) => {
        this.#visible = visible;
        seen?.(visible);
        this.#store.tellView(this.#id, visible);
      }),
      watchTheme(() => {
        this.#theme = readTheme(this.root);
        applyTheme(this.root, this.#theme);
        themed();
      }),
    );
  }

  /** What is wrong with what is shown, in words; empty where nothing is. */
  showState(): string {
    const { mismatch, status, heardAt } = this.#store;
    const silent = this.#visible && performance.now() - heardAt > SILENT_MS;
    this.root.dataset.state = mismatch ? "mismatch" : silent ? "stale" : status.state;
    if (mismatch) return mismatch;
    if (status.state !== "connected") return `${status.state}: ${status.text}`;
    return silent ? "The kernel does not answer; what is shown is old." : "";
  }

  /** Calls `stop` when the view goes. */
  onDestroy(...stops: (() => void)[]): void {
    this.#stops.push(...stops);
  }

  destroy(): void {
    for (const stop of this.#stops) stop();
    if (this.#visible) this.#store.tellView(this.#id, false);
    this.root.remove();
  }
}
