/** The parts of the widget around the drawing: tools, legend, status line. */
import { css, mix, readable } from "../shared/color";
import { make } from "../shared/make";
import type { Theme } from "../shared/theme";
import { describeProcess, type ProcessMark } from "./processes";
import type { TopologyStore } from "./store";
import { OWNERS } from "./words";

/** Name of a tool -> what it does; all take no argument. */
export type ToolActions = Record<keyof typeof TOOLS, () => void>;

const TOOLS = {
  search: ["Find (/)", "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9M10.5 10.5L14 14"],
  path: [
    "Path of the selected unit (p)",
    "M2.5 4.5h3q2.5 0 2.5 3.5t2.5 3.5h3M11.5 9.5l2 2-2 2M1.5 11.5h3M11.5 4.5h3",
  ],
  group: ["Group by process (g)", "M2.5 2.5h11v11h-11zM5 5h2.5v2.5H5zM8.5 8.5H11V11H8.5z"],
  history: ["Back in time (h)", "M8 2.5a5.5 5.5 0 1 1-5 3.2M2.5 2.5v3.5H6M8 5v3.2l2.3 1.4"],
  zoomIn: ["Zoom in (+)", "M8 3v10M3 8h10"],
  zoomOut: ["Zoom out (-)", "M3 8h10"],
  fit: ["Fit to view (0)", "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10"],
} as const;

export class Tools {
  readonly element = make("div", { class: "ezn-tools", role: "toolbar", "aria-label": "View" });
  readonly #buttons = new Map<string, HTMLButtonElement>();

  constructor(actions: ToolActions) {
    for (const [name, [label, icon]] of Object.entries(TOOLS)) {
      const attributes = { type: "button", title: label };
      const button = make("button", attributes);
      button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${icon}"/></svg>`;
      button.addEventListener("click", actions[name as keyof ToolActions]);
      this.#buttons.set(name, button);
    }
    this.element.append(...this.#buttons.values());
    for (const name of ["path", "group", "history"] as const) this.press(name, false);
  }

  press(name: keyof ToolActions, isOn: boolean): void {
    this.#buttons.get(name)?.setAttribute("aria-pressed", String(isOn));
  }
}

const MAX_IN_LEGEND = 10;

export function fillLegend(
  legend: HTMLElement,
  marks: ReadonlyMap<string, ProcessMark>,
  theme: Theme,
  { graph, rates }: TopologyStore,
): void {
  const hosts = new Set([...marks.values()].map((mark) => mark.process?.host ?? null));
  const items = [...marks.values()].slice(0, MAX_IN_LEGEND).map((mark) => {
    const ground = mix(theme.card, mark.color, 0.2);
    const style = `background:${css(ground)};color:${css(readable(mark.color, ground))}`;
    const units = `${mark.units} unit${mark.units === 1 ? "" : "s"}`;
    const cpu = rates.cpu(mark.id);
    const parts = [describeProcess(mark, hosts.size > 1), units];
    if (cpu !== undefined) parts.push(`${Math.round(cpu * 100)}% CPU`);
    const attributes = { "data-process": mark.id };
    return make("li", attributes, make("i", { style }, mark.letter), parts.join(" · "));
  });
  const left = marks.size - items.length;
  if (left > 0) items.push(make("li", {}, `and ${left} more processes`));
  for (const owner of new Set(graph.data.edges.map((edge) => edge.owner))) {
    if (owner === "pipeline") continue;
    const { letter, words } = OWNERS[owner];
    items.push(make("li", { "data-owner": owner }, make("i", {}, letter), words));
  }
  const before = legend.innerHTML;
  const now = items.map((item) => item.outerHTML).join("");
  if (now !== before) legend.innerHTML = now;
}

export class StatusLine {
  readonly element: HTMLElement;
  readonly #headline = make("b");
  readonly #detail = make("span");
  readonly #words = make(
    "div",
    { class: "ezn-words", role: "status" },
    make("i", { class: "ezn-dot", "aria-hidden": "true" }),
    this.#headline,
    this.#detail,
  );

  constructor(tools: HTMLElement) {
    this.element = make("div", { class: "ezn-status" }, this.#words, tools);
  }

  /** Touches the page only where the words change: each change is read out. */
  show(headline: string, detail: string): void {
    if (this.#headline.textContent !== headline) this.#headline.textContent = headline;
    if (this.#detail.textContent !== detail) this.#detail.textContent = detail;
    this.#words.title = detail;
  }
}
