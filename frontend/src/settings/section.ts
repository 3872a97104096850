import type { FormClient } from "./client";
import { make } from "./dom";
import type { Node, Section, Status } from "./protocol";
import { FieldRow } from "./row";

/** One unit of the form. Its rows are made when it is first opened. */
export class SectionView {
  readonly element: HTMLElement;
  private readonly title: HTMLButtonElement;
  private readonly body = make("div", { class: "body" });
  private readonly count = make("span", { class: "count" });
  private readonly statuses: Map<string, Status>;
  private rows: FieldRow[] = [];
  private byPath = new Map<string, FieldRow>();
  private live = true;
  private open = false;

  constructor(
    private readonly data: Section,
    private readonly client: FormClient,
    private readonly onOpen: (unit: string, open: boolean) => void,
    alone: boolean,
  ) {
    this.statuses = new Map(data.fields.map((status) => [status.p, status]));
    const cut = data.unit.lastIndexOf("/") + 1;
    const typeName = data.type.slice(data.type.lastIndexOf(".") + 1);
    this.title = make(
      "button",
      { type: "button", class: "title", "aria-expanded": "false", title: data.type },
      make("span", { class: "chevron", "aria-hidden": "true" }),
      make("span", { class: "path" }, data.unit.slice(0, cut)),
      make("span", { class: "unit" }, data.unit.slice(cut) || typeName || "Settings"),
      make("span", { class: "type" }, data.unit === "" ? "" : typeName),
      this.count,
    );
    this.title.addEventListener("click", () => {
      this.setOpen(!this.open);
      this.onOpen(data.unit, this.open);
    });
    this.element = make(
      "section",
      { class: alone ? "section alone" : "section", "data-section": data.unit },
      this.title,
      this.body,
    );
    this.body.hidden = true;
    this.paintCount();
  }

  get unit(): string {
    return this.data.unit;
  }

  setOpen(open: boolean): void {
    if (open && !this.built) this.build();
    this.open = open;
    this.body.hidden = !open;
    this.title.setAttribute("aria-expanded", String(open));
    this.element.classList.toggle("open", open);
  }

  setLive(live: boolean): void {
    this.live = live;
    for (const row of this.rows) row.setLive(live);
  }

  update(statuses: Status[]): void {
    for (const status of statuses) {
      this.statuses.set(status.p, status);
      this.byPath.get(status.p)?.update(status);
    }
    this.paintCount();
  }

  /** This view is about to be taken away. */
  retire(): void {
    for (const row of this.rows) row.retire();
  }

  /**
   * The form was built anew: keep what was typed in this unit.
   *
   * Returns the row that takes over the focus, if the old view had it.
   */
  adopt(old: SectionView): FieldRow | null {
    if (!old.built) return null;
    if (!this.built) this.build();
    let focused: FieldRow | null = null;
    for (const [path, row] of this.byPath) {
      const before = old.byPath.get(path);
      if (before === undefined) continue;
      row.adopt(before);
      if (before.focused) focused = row;
    }
    return focused;
  }

  /** Show only fields that a search finds; whether there are any. */
  filter(sought: string): boolean {
    if (sought === "") {
      for (const row of this.rows) row.element.hidden = false;
      this.element.hidden = false;
      return true;
    }
    if (!this.built) this.build();
    const whole = this.data.unit.toLowerCase().includes(sought);
    const found = new Set(
      this.rows.filter((row) => whole || row.searchable.includes(sought)).map((row) => row.node.p),
    );
    for (const row of this.rows) {
      // A group stays for the fields in it, and its fields for the group.
      const inside = [...found].some(
        (path) => path.startsWith(`${row.node.p}.`) || row.node.p.startsWith(`${path}.`),
      );
      row.element.hidden = !found.has(row.node.p) && !inside;
    }
    this.element.hidden = found.size === 0;
    return found.size > 0;
  }

  get built(): boolean {
    return this.rows.length > 0 || this.body.childElementCount > 0;
  }

  /** What all controls hold, for tests of the whole form. */
  read(): Record<string, unknown> {
    if (!this.built) this.build();
    return Object.fromEntries(this.rows.map((row) => [row.node.p, row.read()]));
  }

  private build(): void {
    if (this.data.ro !== null) this.body.append(make("p", { class: "why" }, this.data.ro));
    if (this.data.nodes.length === 0) {
      this.body.append(make("p", { class: "why" }, "This unit has no settings."));
    }
    for (const node of this.data.nodes) this.body.append(this.makeRow(node).element);
    for (const row of this.rows) row.setLive(this.live);
  }

  private makeRow(node: Node): FieldRow {
    const status = this.statuses.get(node.p) ?? { p: node.p, v: null, s: "idle", unknown: true };
    // The unit's reason is said once above its fields.
    const row = new FieldRow(this.data.unit, node, status, this.client);
    this.rows.push(row);
    this.byPath.set(node.p, row);
    for (const kid of node.kids ?? []) row.kids?.append(this.makeRow(kid).element);
    return row;
  }

  private paintCount(): void {
    const parents = [...this.statuses.keys()].map((path) => path.slice(0, path.lastIndexOf(".")));
    const leaves = [...this.statuses.values()].filter(({ p }) => !parents.includes(p));
    const changed = leaves.filter((status) => status.i !== undefined).length;
    this.count.textContent = changed > 0 ? `${changed} changed` : "";
  }
}
