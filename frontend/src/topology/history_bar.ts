/** The slider that goes back through what happened to the graph. */
import { make } from "../shared/make";
import type { HistoryData, TopologyStore } from "./store";

export class HistoryBar {
  readonly #slider = make("input", { type: "range", min: "0", "aria-label": "Moment" });
  readonly #words = make("output");
  readonly element = make("div", { class: "ezn-history", hidden: "" }, this.#slider, this.#words);

  constructor(store: TopologyStore) {
    this.#slider.addEventListener("input", () => {
      store.ask({ type: "history", at: this.#slider.valueAsNumber });
    });
  }

  /** Shows where the widget is in time, and what happened then; gives the time, null for now. */
  show(history: HistoryData | null): string | null {
    this.element.hidden = history === null;
    if (!history) return null;
    const { stops, at } = history;
    const [time, text] = stops[at] ?? ["", ""];
    this.#slider.max = String(stops.length - 1);
    this.#slider.value = String(at);
    const words = at < stops.length - 1 ? `${time} · ${text}` : "Now";
    this.#slider.setAttribute("aria-valuetext", words);
    this.#words.textContent = `${words} (${at + 1} of ${stops.length})`;
    this.#words.title = text;
    return at < stops.length - 1 ? time : null;
  }
}
