import { make, signButton } from "../dom";
import { type Encoded, equal, isSequence, kindOf } from "../encoded";
import type { ControlSpec } from "../protocol";
import { type Control, type Host, within } from "./control";

export type MakeControl = (spec: ControlSpec, host: Host) => Control;

const INLINE = ["number", "text", "typed", "choice"];

interface Item {
  readonly control: Control;
  readonly row: HTMLElement;
  readonly remover: HTMLButtonElement;
}

/** An editor of a list, tuple or set: one control per item. It is sent as a whole. */
export class ListControl implements Control {
  readonly element: HTMLElement;
  private readonly rows: HTMLElement;
  private readonly adder: HTMLButtonElement;
  private items: Item[] = [];
  private value: Encoded = null;
  private shown: readonly Encoded[] = [];
  private enabled = true;

  constructor(
    private readonly spec: Extract<ControlSpec, { c: "list" }>,
    private readonly host: Host,
    private readonly makeControl: MakeControl,
  ) {
    this.rows = make("div", { class: "items", role: "list" });
    this.adder = signButton("+", "Add an item", () => this.add());
    this.adder.classList.add("add");
    const inline = INLINE.includes(spec.item.c);
    this.element = make("div", { class: inline ? "list inline" : "list" }, this.rows, this.adder);
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", host.label);
  }

  show(value: Encoded): void {
    this.value = value;
    this.shown = isSequence(value) ? value.v : [];
    // Controls that are there stay, so that the focus stays in them.
    for (const item of this.items.splice(this.shown.length)) item.row.remove();
    this.shown.forEach((shown, index) => {
      const item = this.items[index];
      if (item !== undefined) item.control.show(shown);
      else this.append(this.make(shown, index));
    });
    this.paint();
  }

  clear(): void {
    this.show({ k: this.spec.kind, v: [] });
  }

  read(): Encoded {
    const items = this.items.map(({ control }) => control.read());
    const same =
      items.length === this.shown.length &&
      items.every((item, index) => equal(item, this.shown[index] ?? null));
    if (same) return this.value;
    return { k: isSequence(this.value) ? kindOf(this.value) : this.spec.kind, v: items };
  }

  enable(on: boolean): void {
    this.enabled = on;
    this.paint();
  }

  focus(): void {
    if (this.items[0] === undefined) this.adder.focus();
    else this.items[0].control.focus();
  }

  fits(value: Encoded): boolean {
    if (!isSequence(value)) return false;
    const probe = this.makeControl(this.spec.item, this.host);
    return value.v.every((item) => probe.fits(item));
  }

  private make(value: Encoded | undefined, index: number): Item {
    const control = this.makeControl(this.spec.item, within(this.host, `item ${index + 1}`));
    if (value === undefined) control.clear();
    else control.show(value);
    const remover = signButton("×", "Remove this item", () => this.remove(item));
    const row = make("div", { class: "item", role: "listitem" }, control.element, remover);
    const item: Item = { control, row, remover };
    control.element.addEventListener("keydown", (event) => {
      if (event.key !== "Backspace" || (event.target as HTMLTextAreaElement).value !== "") return;
      event.preventDefault();
      this.remove(item);
    });
    return item;
  }

  // Rows are added and taken away, never moved: moving would take the focus from what is in them.
  private paint(): void {
    const { enabled, items } = this;
    for (const { control, remover } of items) {
      control.enable(enabled);
      remover.disabled = !enabled;
    }
    this.element.classList.toggle("empty", items.length === 0);
    const { most } = this.spec;
    this.adder.disabled = !enabled || (most !== null && items.length >= most);
  }

  private append(item: Item): void {
    this.items.push(item);
    this.rows.append(item.row);
  }

  private add(): void {
    const item = this.make(undefined, this.items.length);
    this.append(item);
    this.paint();
    item.control.focus();
    this.host.edited();
  }

  private remove(item: Item): void {
    const index = this.items.indexOf(item);
    if (index < 0 || !this.enabled) return;
    this.items.splice(index, 1);
    this.paint();
    // The focus moves on before its place goes, so that leaving the list is still noticed.
    const next = this.items[index] ?? this.items[index - 1];
    if (next === undefined) this.adder.focus();
    else next.control.focus();
    item.row.remove();
    this.host.edited();
  }
}

/** As many boxes as a tuple of fixed length has items. */
export class BoxesControl implements Control {
  readonly element: HTMLElement;
  private readonly controls: Control[];
  private value: Encoded = null;

  constructor(spec: Extract<ControlSpec, { c: "boxes" }>, host: Host, makeControl: MakeControl) {
    this.controls = spec.items.map((item, index) =>
      makeControl(item, within(host, `item ${index + 1}`)),
    );
    this.element = make(
      "div",
      { class: "boxes", role: "group", "aria-label": host.label },
      ...this.controls.map((control) => control.element),
    );
    if (this.controls.length === 0) this.element.append("an empty tuple");
  }

  show(value: Encoded): void {
    this.value = value;
    this.controls.forEach((control, index) => {
      const item = isSequence(value) ? value.v[index] : undefined;
      if (item === undefined) control.clear();
      else control.show(item);
    });
  }

  clear(): void {
    this.show({ k: "tuple", v: [] });
  }

  read(): Encoded {
    const items = this.controls.map((control) => control.read());
    const before = isSequence(this.value) ? this.value.v : [];
    const untouched = this.controls.every((_control, index) => {
      const shown = before[index];
      const item = items[index] ?? null;
      return shown === undefined ? item === "" : equal(item, shown);
    });
    if (untouched) return this.value;
    return { k: isSequence(this.value) ? kindOf(this.value) : "tuple", v: items };
  }

  enable(on: boolean): void {
    for (const control of this.controls) control.enable(on);
  }

  focus(): void {
    this.controls[0]?.focus();
  }

  fits(value: Encoded): boolean {
    if (!isSequence(value)) return false;
    if (value.v.length === 0) return true;
    return (
      value.v.length === this.controls.length &&
      value.v.every((item, index) => this.controls[index]?.fits(item) ?? false)
    );
  }
}
