/**
 * The drawing as a tree for keyboards and screen readers: collections and their units, with
 * states and rates. Its focus moves the drawing, so that both show the same.
 */

import { make } from "../shared/make";
import type { Graph } from "./graph";
import { shortTypeName } from "./graph";
import type { ProcessMark } from "./processes";
import type { RateTable } from "./rates";
import type { UnitCondition } from "./states";
import { describeUnit, spokenRate } from "./words";

export interface TwinActions {
  focus(id: string | null): void;
  select(id: string): void;
  fold(id: string, folded: boolean): void;
}

const MOST_RATES = 150;

export class Twin {
  readonly element = make("ul", {
    class: "ezn-twin",
    role: "tree",
    "aria-label": "Units of the graph",
  });
  readonly #items = new Map<string, HTMLLIElement>();
  #rateElements: { topic: string; element: HTMLElement }[] = [];
  #graph: Graph | null = null;
  #active: string | null = null;
  /** The focus leaves the old item and comes to the new one: for nobody to notice. */
  #rebuilding = false;

  readonly #actions: TwinActions;

  constructor(actions: TwinActions) {
    this.#actions = actions;

    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.element.addEventListener("focusin", (event) => {
      const item = (event.target as HTMLElement).closest("li");
      if (item?.dataset.id !== undefined) this.#activate(item.dataset.id);
    });
    this.element.addEventListener("focusout", (event) => {
      if (this.#rebuilding) return;
      if (!this.element.contains(event.relatedTarget as Node | null)) this.#actions.focus(null);
    });
  }

  /** Shows a graph: the tree is built anew only where the graph is another one. */
  show(
    graph: Graph,
    folded: ReadonlySet<string>,
    marks: ReadonlyMap<string, ProcessMark>,
    conditions: ReadonlyMap<string, UnitCondition>,
  ): void {
    if (graph !== this.#graph) {
      this.#rebuild(graph, folded, marks, conditions);
      return;
    }
    for (const [id, item] of this.#items) {
      if (!graph.collections.has(id)) continue;
      item.setAttribute("aria-expanded", String(!folded.has(id)));
      (item.lastElementChild as HTMLElement).hidden = folded.has(id);
    }
  }

  /** Keeps which item is the current one. */
  #rebuild(
    graph: Graph,
    folded: ReadonlySet<string>,
    marks: ReadonlyMap<string, ProcessMark>,
    conditions: ReadonlyMap<string, UnitCondition>,
  ): void {
    const hadFocus = this.element.contains(document.activeElement);
    this.#graph = graph;
    this.#items.clear();
    this.#rateElements = [];
    const build = (parent: string | null, level: number): HTMLLIElement[] =>
      (graph.children.get(parent) ?? []).map((id) => {
        const label = make("span");
        const attributes = { role: "treeitem", "aria-level": `${level}`, tabindex: "-1" };
        const item = make("li", { ...attributes, "data-id": id }, label);
        this.#items.set(id, item);
        const unit = graph.units.get(id);
        const collection = graph.collections.get(id);
        if (unit) {
          item.dataset.unit = id;
          for (const port of unit.ports) this.#addRate(item, port.name, port.topic);
        } else if (collection) {
          item.dataset.collection = id;
          const units = graph.unitsWithin(id).length;
          label.textContent = `${collection.name}, collection ${shortTypeName(collection.type)}, ${units} units`;
          for (const port of collection.ports) this.#addRate(item, port.name, port.topic);
          item.setAttribute("aria-expanded", String(!folded.has(id)));
          const group = make("ul", { role: "group" }, ...build(id, level + 1));
          group.hidden = folded.has(id);
          item.append(group);
        } else {
          const topic = id.replace(/^topic:/, "");
          item.dataset.topic = topic;
          label.textContent = `${topic}, topic without a unit`;
          this.#addRate(item, "", topic);
        }
        return item;
      });
    this.#rebuilding = true;
    this.element.replaceChildren(...build(null, 1));
    this.showConditions(conditions, marks);
    if (this.#active === null || !this.#items.has(this.#active)) {
      this.#active = this.#visible()[0] ?? null;
    }
    const current = this.#active === null ? undefined : this.#items.get(this.#active);
    if (current) current.tabIndex = 0;
    if (hadFocus) current?.focus({ preventScroll: true });
    this.#rebuilding = false;
  }

  showConditions(
    conditions: ReadonlyMap<string, UnitCondition>,
    marks: ReadonlyMap<string, ProcessMark>,
  ): void {
    for (const [id, unit] of this.#graph?.units ?? []) {
      const item = this.#items.get(id);
      const label = item?.firstElementChild;
      if (!item || !label) continue;
      const mark = unit.process === null ? undefined : marks.get(unit.process);
      const text = describeUnit(unit, mark, conditions.get(id));
      if (label.textContent !== text) label.textContent = text;
      item.dataset.condition = conditions.get(id)?.state ?? "ok";
    }
  }

  /** Of many rates some at a time: the page lays out each text that changes. */
  showRates(graph: Graph, rates: RateTable): void {
    const all = this.#rateElements;
    const some = all.splice(0, MOST_RATES);
    all.push(...some);
    for (const { topic, element } of some) {
      const text = spokenRate(graph, rates, topic);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  showSelected(selected: string | null): void {
    for (const [id, item] of this.#items)
      item.setAttribute("aria-selected", String(id === selected));
  }

  /** The item that has, or would get, the keyboard's focus. */
  get current(): string | null {
    return this.element.contains(document.activeElement) ? this.#active : null;
  }

  /** Moves the keyboard's focus to an item (the first one that was current if none is given). */
  focus(id: string | null = this.#active): void {
    const item = id === null ? undefined : this.#items.get(id);
    (item ?? this.element).focus({ preventScroll: true });
  }

  #addRate(item: HTMLElement, port: string, topic: string): void {
    if (!this.#graph?.rateIndex.has(topic)) return;
    const rate = make("span", { "data-rate-of": topic }, "rate not known");
    item.append(make("span", {}, port === "" ? ", " : `, ${port} `, rate));
    this.#rateElements.push({ topic, element: rate });
  }

  #activate(id: string): void {
    const before = this.#active === null ? undefined : this.#items.get(this.#active);
    if (before) before.tabIndex = -1;
    const item = this.#items.get(id);
    if (item) item.tabIndex = 0;
    this.#active = id;
    this.#actions.focus(id);
  }

  /** Items that aren't inside a folded collection, top to bottom. */
  #visible(): string[] {
    return [...this.#items].filter(([, item]) => !item.closest("ul[hidden]")).map(([id]) => id);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const id = this.#active;
    if (id === null || !this.#graph) return;
    const visible = this.#visible();
    const at = visible.indexOf(id);
    const item = this.#items.get(id);
    const expanded = item?.getAttribute("aria-expanded");
    let next: string | null | undefined = null;
    switch (event.key) {
      case "ArrowDown":
        next = visible[at + 1];
        break;
      case "ArrowUp":
        next = visible[at - 1];
        break;
      case "Home":
        next = visible[0];
        break;
      case "End":
        next = visible.at(-1);
        break;
      case "ArrowRight":
        if (expanded === "false") this.#actions.fold(id, false);
        else if (expanded === "true") next = this.#graph.children.get(id)?.[0];
        break;
      case "ArrowLeft":
        if (expanded === "true") this.#actions.fold(id, true);
        else next = this.#graph.parentOf(id);
        break;
      case "Enter":
      case " ":
        this.#actions.select(id);
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (next !== null && next !== undefined) this.focus(next);
  }
}
