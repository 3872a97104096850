/** The parts of the widget around the drawing: tools, legend, status line. */
import { css, mix, readable } from "../shared/color";
import { make } from "../shared/make";
import type { Theme } from "../shared/theme";
import { describeProcess, type ProcessMark } from "./processes";

export interface ToolActions {
  search(): void;
  path(): void;
  zoomIn(): void;
  zoomOut(): void;
  fit(): void;
}

const ICONS = {
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9M10.5 10.5L14 14",
  path: "M2.5 4.5h3q2.5 0 2.5 3.5t2.5 3.5h3M11.5 9.5l2 2-2 2M1.5 11.5h3M11.5 4.5h3",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
} as const;

export class Tools {
  readonly element = make("div", { class: "ezn-tools", role: "toolbar", "aria-label": "View" });
  readonly #path: HTMLButtonElement;

  constructor(actions: ToolActions) {
    this.#add("Find (/)", ICONS.search, actions.search);
    this.#path = this.#add("Only the path of the selected unit (p)", ICONS.path, actions.path);
    this.showPath(false);
    this.#add("Zoom in (+)", ICONS.plus, actions.zoomIn);
    this.#add("Zoom out (-)", ICONS.minus, actions.zoomOut);
    this.#add("Fit to view (0)", ICONS.fit, actions.fit);
  }

  showPath(isShown: boolean): void {
    this.#path.setAttribute("aria-pressed", String(isShown));
  }

  #add(label: string, icon: string, action: () => void): HTMLButtonElement {
    const attributes = { type: "button", title: label, "aria-label": label };
    const button = make("button", attributes, drawIcon(icon));
    button.addEventListener("click", action);
    this.element.append(button);
    return button;
  }
}

function drawIcon(path: string): SVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(namespace, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const MAX_IN_LEGEND = 10;

export function fillLegend(
  legend: HTMLElement,
  marks: ReadonlyMap<string, ProcessMark>,
  theme: Theme,
): void {
  const hosts = new Set([...marks.values()].map((mark) => mark.process?.host ?? null));
  const items = [...marks.values()].slice(0, MAX_IN_LEGEND).map((mark) => {
    const ground = mix(theme.card, mark.color, 0.2);
    const style = `background:${css(ground)};color:${css(readable(mark.color, ground))}`;
    const units = `${mark.units} unit${mark.units === 1 ? "" : "s"}`;
    const text = `${describeProcess(mark, hosts.size > 1)} · ${units}`;
    return make("li", { "data-process": mark.id }, make("i", { style }, mark.letter), text);
  });
  const left = marks.size - items.length;
  if (left > 0) items.push(make("li", {}, `and ${left} more processes`));
  legend.replaceChildren(...items);
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
