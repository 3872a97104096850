/** The parts of the widget around the drawing: tools, legend, status line. */
import { css, mix, readable } from "../shared/color";
import type { Theme } from "../shared/theme";
import { describeProcess, type ProcessMark } from "./processes";

export interface ToolActions {
  zoomIn(): void;
  zoomOut(): void;
  fit(): void;
}

const ICONS = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
} as const;

export function buildTools(actions: ToolActions): HTMLElement {
  const tools = element("div", "ezn-tools");
  tools.setAttribute("role", "toolbar");
  tools.setAttribute("aria-label", "View");
  const add = (label: string, icon: string, action: () => void): void => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.append(drawIcon(icon));
    button.addEventListener("click", action);
    tools.append(button);
  };
  add("Zoom in (+)", ICONS.plus, actions.zoomIn);
  add("Zoom out (-)", ICONS.minus, actions.zoomOut);
  add("Fit to view (0)", ICONS.fit, actions.fit);
  return tools;
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
    const item = document.createElement("li");
    item.dataset.process = mark.id;
    const chip = document.createElement("i");
    const ground = mix(theme.card, mark.color, 0.2);
    chip.textContent = mark.letter;
    chip.style.background = css(ground);
    chip.style.color = css(readable(mark.color, ground));
    const units = `${mark.units} unit${mark.units === 1 ? "" : "s"}`;
    item.append(chip, `${describeProcess(mark, hosts.size > 1)} · ${units}`);
    return item;
  });
  const left = marks.size - items.length;
  if (left > 0) {
    const item = document.createElement("li");
    item.textContent = `and ${left} more processes`;
    items.push(item);
  }
  legend.replaceChildren(...items);
}

export class StatusLine {
  readonly element = element("div", "ezn-status");
  private readonly words = element("div", "ezn-words");
  private readonly headline = document.createElement("b");
  private readonly detail = document.createElement("span");

  constructor(tools: HTMLElement) {
    const dot = element("i", "ezn-dot");
    dot.setAttribute("aria-hidden", "true");
    this.words.append(dot, this.headline, this.detail);
    this.words.setAttribute("role", "status");
    this.element.append(this.words, tools);
  }

  /** Touches the page only where the words change: each change is read out. */
  show(headline: string, detail: string): void {
    if (this.headline.textContent !== headline) this.headline.textContent = headline;
    if (this.detail.textContent !== detail) this.detail.textContent = detail;
    this.words.title = detail;
  }
}

export function element(tag: "div" | "ul" | "i", className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}
