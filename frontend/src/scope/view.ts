/** One view of a scope: its controls, and the traces or the last message. */
import { make } from "../shared/make";
import { Panel } from "../shared/panel";
import { placesOf } from "./channels";
import { differs, fitted, type Scale, valueText } from "./scale";
import type { ScopeStore } from "./store";
import styles from "./style.css";
import { type Lanes, Traces } from "./traces";

const WINDOWS_S = [0.2, 0.5, 1, 2, 4, 10, 20, 60];
/** How often a picture of the traces is kept, to be stored with the notebook. */
const KEEP_MS = 5000;
/** Parts of the first sweep after which the scale is fitted again. */
const FIRST_FITS = [0.02, 0.1, 0.4];

export class ScopeView {
  readonly #title = make("strong");
  readonly #facts = make("span", { class: "ezn-facts" });
  readonly #pause = make("button", { type: "button" }, "Pause");
  readonly #window = make("select", { "aria-label": "Duration of a sweep" });
  readonly #auto = make("input", { type: "checkbox" });
  readonly #smaller = make("button", { type: "button", title: "Smaller traces" }, "−");
  readonly #larger = make("button", { type: "button", title: "Larger traces" }, "+");
  readonly #lane = make("span", { class: "ezn-facts", title: "What the height of a lane spans" });
  readonly #channels = make("input", {
    type: "text",
    "aria-label": "Channels: places, ranges such as 0:16, or names",
    placeholder: "channels: 0:16, ch7, C*",
  });
  readonly #status = make("span", { role: "status" });
  readonly #counts = make("span", { class: "ezn-facts ezn-counts" });
  readonly #controls = make("span", { class: "ezn-controls" });
  readonly #stage = make("div", { class: "ezn-live ezn-stage" });
  readonly #table = make("tbody");
  readonly #inspector = make("div", { class: "ezn-live ezn-inspector" });
  readonly #traces = new Traces();
  /** What was seen last, where there are no columns: in a notebook that was stored. */
  readonly #last = make("img", { class: "ezn-last" });
  readonly #store: ScopeStore;
  readonly #panel: Panel;
  #scale: Scale | null = null;
  #fits = 0;
  #rounds = 0;
  #frame = 0;
  /** Number of the column that is to be drawn next. */
  #drawnTo = 0;
  #dirty = true;
  #keptAt = 0;

  constructor(store: ScopeStore, host: HTMLElement) {
    this.#store = store;
    this.#panel = new Panel("scope", styles, store, host, this.#build());
    this.#auto.checked = true;
    this.#observe();
    this.#showHeight();
    this.#showStream();
    this.#showMessage();
    this.#showStatus();
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#panel.destroy();
  }

  #build(): Node[] {
    for (const seconds of WINDOWS_S) {
      this.#window.append(make("option", { value: String(seconds) }, `${seconds} s`));
    }
    this.#pause.addEventListener("click", () => this.#store.setPaused(!this.#store.paused));
    this.#window.addEventListener("change", () =>
      this.#store.setWindow(Number(this.#window.value)),
    );
    this.#auto.addEventListener("change", () => this.#fit());
    this.#smaller.addEventListener("click", () => this.#zoom(1.5));
    this.#larger.addEventListener("click", () => this.#zoom(1 / 1.5));
    this.#channels.addEventListener("change", () => this.#selectChannels());
    this.#channels.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#selectChannels();
    });
    this.#controls.append(
      this.#window,
      this.#channels,
      make("label", { title: "Fit the traces to their lanes" }, this.#auto, " auto"),
      this.#smaller,
      this.#larger,
      this.#lane,
    );
    const head = make("tr", {});
    for (const title of ["part", "type", "value"]) head.append(make("th", { scope: "col" }, title));
    this.#inspector.append(make("table", {}, make("thead", {}, head), this.#table));
    this.#stage.append(this.#traces.element, this.#last);
    return [
      make("div", { class: "ezn-bar" }, this.#title, this.#facts, this.#pause, this.#controls),
      this.#stage,
      this.#inspector,
      make("div", { class: "ezn-foot" }, this.#status, this.#counts),
    ];
  }

  #observe(): void {
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(this.#stage);
    this.#panel.watch({
      themed: () => this.#redraw(),
      seen: () => {
        this.#store.setWidth(this.#traces.columns);
        this.#redraw();
      },
      second: () => this.#showStatus(),
    });
    this.#panel.onDestroy(
      () => sizes.disconnect(),
      this.#store.onChange((change) => {
        if (change === "stream") this.#showStream();
        else if (change === "columns") this.#takeColumns();
        else if (change === "message") this.#showMessage();
        else if (change === "height") this.#showHeight();
        else if (change === "picture") this.#showLast();
        if (change !== "columns" && change !== "picture") this.#showStatus();
      }),
    );
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#stage;
    if (clientWidth === 0 || clientHeight === 0) return;
    const before = this.#traces.columns;
    if (!this.#traces.resize(clientWidth, clientHeight)) return;
    if (this.#traces.columns !== before) this.#store.setWidth(this.#traces.columns);
    this.#redraw();
  }

  #showHeight(): void {
    this.#panel.root.style.height = `${this.#store.height}px`;
  }

  #showStream(): void {
    const { stream } = this.#store;
    this.#panel.root.dataset.kind = stream.kind;
    this.#title.textContent = stream.topic;
    this.#stage.hidden = stream.kind === "message";
    this.#inspector.hidden = stream.kind !== "message";
    this.#controls.hidden = stream.kind !== "samples";
    this.#scale = null;
    this.#fits = 0;
    this.#facts.textContent = this.#factsText();
    if (stream.window_s !== undefined) this.#selectWindow(stream.window_s);
    this.#showLast();
    this.#redraw();
  }

  #showLast(): void {
    const { picture, sweep, stream } = this.#store;
    const shown = picture !== "" && sweep !== null && sweep.next === null;
    this.#last.hidden = !shown;
    this.#traces.element.hidden = shown;
    if (!shown) return;
    this.#last.src = picture;
    this.#last.alt = `The last sweep of ${stream.topic}: ${this.#factsText()}`;
  }

  #keep(): void {
    const now = performance.now();
    if (now - this.#keptAt < KEEP_MS) return;
    this.#keptAt = now;
    this.#traces.picture((url) => {
      this.#store.keepPicture(url);
      this.#panel.root.dataset.kept = String(Number(this.#panel.root.dataset.kept ?? 0) + 1);
    });
  }

  #factsText(): string {
    const { kind, channels, shown, fs_hz } = this.#store.stream;
    if (kind !== "samples" || !channels || !shown) return "";
    const rate = `${+(fs_hz ?? 0).toPrecision(6)} Hz`;
    const one = channels.length === 1 ? "1 channel" : `${channels.length} channels`;
    return shown.length === channels.length
      ? `${one}, ${rate}`
      : `${shown.length} of ${one}, ${rate}`;
  }

  #selectWindow(seconds: number): void {
    const value = String(seconds);
    if (![...this.#window.options].some((option) => option.value === value)) {
      this.#window.append(make("option", { value }, `${seconds} s`));
    }
    this.#window.value = value;
  }

  #selectChannels(): void {
    const names = this.#store.stream.channels ?? [];
    try {
      this.#store.setChannels(placesOf(this.#channels.value, names));
      this.#channels.removeAttribute("aria-invalid");
      this.#channels.title = "";
    } catch (error) {
      this.#channels.setAttribute("aria-invalid", "true");
      this.#channels.title = error instanceof Error ? error.message : String(error);
    }
    this.#showStatus();
  }

  #showStatus(): void {
    const { paused, dropped, received, stream } = this.#store;
    let text = this.#panel.showState() || this.#channels.title;
    if (text === "" && paused) text = "Paused.";
    else if (text === "" && stream.kind === "waiting") text = "Waiting for the first message…";
    this.#status.textContent = text;
    this.#panel.root.dataset.paused = String(paused);
    this.#panel.root.dataset.received = String(received);
    this.#panel.root.dataset.dropped = String(dropped);
    this.#pause.textContent = paused ? "Resume" : "Pause";
    this.#pause.setAttribute("aria-pressed", String(paused));
    this.#counts.textContent = received > 0 ? `${received.toLocaleString("en")} messages` : "";
    if (dropped > 0) {
      const lost = make("b", {}, `${dropped.toLocaleString("en")} dropped`);
      lost.title = "Messages that the observer was too slow for; the pipeline did not wait for it.";
      this.#counts.append(", ", lost);
    }
    this.#traces.element.setAttribute(
      "aria-label",
      `Traces of ${stream.topic}: ${this.#factsText()}; ${this.#lane.textContent ?? ""}`,
    );
  }

  #showMessage(): void {
    const open = this.#store.rows.map((row) => {
      const name = make("td", {}, row.name);
      name.style.paddingLeft = `${0.8 + 1.1 * row.depth}em`;
      return make("tr", {}, name, make("td", {}, row.type), make("td", {}, row.text));
    });
    this.#table.replaceChildren(...open);
  }

  #takeColumns(): void {
    const { sweep } = this.#store;
    if (!sweep) return;
    if (!this.#last.hidden) this.#showLast();
    const rounds = Math.floor((sweep.next ?? 0) / sweep.columns);
    const wrapped = rounds !== this.#rounds;
    this.#rounds = rounds;
    const due = FIRST_FITS[this.#fits];
    const early = due !== undefined && sweep.filled >= due * sweep.columns;
    if (early) this.#fits += 1;
    if (wrapped || early) this.#fit();
    this.#schedule();
  }

  /** Fits the scale to what is shown, where that is wanted and worth it. */
  #fit(): void {
    const { sweep } = this.#store;
    if (!sweep || !(this.#auto.checked || this.#scale === null)) return;
    const scale = fitted(sweep);
    if (this.#scale !== null && !differs(scale, this.#scale)) return;
    this.#scale = scale;
    this.#redraw();
  }

  #zoom(factor: number): void {
    if (this.#scale === null) return;
    this.#auto.checked = false;
    this.#scale = { ...this.#scale, half: this.#scale.half * factor };
    this.#redraw();
  }

  #redraw(): void {
    this.#dirty = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#frame !== 0 || !this.#panel.visible) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint(): void {
    const { sweep, stream } = this.#store;
    if (!sweep || this.#scale === null) {
      if (this.#dirty) this.#traces.clear();
      this.#dirty = false;
      return;
    }
    const lanes: Lanes = {
      sweep,
      scale: this.#scale,
      names: (stream.shown ?? []).map((place) => stream.channels?.[place] ?? ""),
      secondsPerColumn: stream.seconds_per_column ?? 1,
    };
    this.#lane.textContent = `lane: ${valueText(2 * this.#scale.half, stream.unit ?? "")}`;
    const next = sweep.next ?? 0;
    const count = next - this.#drawnTo;
    if (this.#dirty || count < 0 || count >= sweep.columns)
      this.#traces.drawAll(lanes, this.#panel.theme);
    else this.#traces.drawNewest(lanes, this.#panel.theme, count);
    this.#dirty = false;
    this.#drawnTo = next;
    this.#panel.root.dataset.drawn = String(next);
    this.#keep();
  }
}
