import { make, signButton } from "../dom";
import { type Encoded, equal, isSequence, kindOf } from "../encoded";
import type { ControlSpec } from "../protocol";
import { type Control, type Host, within } from "./control";

export type MakeControl = (spec: ControlSpec, host: Host) => Control;

const INLINE = ["number", "text", "typed", "choice"];

/** An editor of a list, tuple or set: one control per item. It is sent as a whole. */
export class ListControl implements Control {
  readonly element: HTMLElement;
  private readonly items: HTMLElement;
  private readonly adder: HTMLButtonElement;
  private controls: Control[] = [];
  private value: Encoded = null;
  private shown: Encoded[] = [];
  private enabled = true;

  constructor(
    private readonly spec: Extract<ControlSpec, { c: "list" }>,
    private readonly host: Host,
    private readonly makeControl: MakeControl,
  ) {
    this.items = make("div", { class: "items", role: "list" });
    this.adder = signButton("+", "Add an item", () => this.add());
    this.adder.classList.add("add");
    const inline = INLINE.includes(spec.item.c);
    this.element = make("div", { class: inline ? "list inline" : "list" }, this.items, this.adder);
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", host.label);
  }

  show(value: Encoded): void {
    this.value = value;
    this.shown = isSequence(value) ? [...value.v] : [];
    this.controls = this.shown.map((item, index) => this.make(item, index));
    this.draw();
  }

  clear(): void {
    this.show({ k: "list", v: [] });
  }

  read(): Encoded {
    const items = this.controls.map((control) => control.read());
    const same =
      items.length === this.shown.length &&
      items.every((item, index) => equal(item, this.shown[index] ?? null));
    if (same) return this.value;
    return { k: isSequence(this.value) ? kindOf(this.value) : "list", v: items };
  }

  enable(on: boolean): void {
    this.enabled = on;
    this.draw();
  }

  focus(): void {
    (this.controls[0] ?? { focus: () => this.adder.focus() }).focus();
  }

  fits(value: Encoded): boolean {
    if (!isSequence(value)) return false;
    const probe = this.makeControl(this.spec.item, this.host);
    return value.v.every((item) => probe.fits(item));
  }

  private make(item: Encoded | undefined, index: number): Control {
    const control = this.makeControl(this.spec.item, within(this.host, `item ${index + 1}`));
    if (item === undefined) control.clear();
    else control.show(item);
    return control;
  }

  private draw(): void {
    const rows = this.controls.map((control) => {
      control.enable(this.enabled);
      const remove = signButton("×", "Remove this item", () => this.remove(control));
      remove.disabled = !this.enabled;
      const row = make("div", { class: "item", role: "listitem" }, control.element, remove);
      control.element.addEventListener("keydown", (event) => {
        const target = event.target as HTMLTextAreaElement;
        if (event.key === "Backspace" && target.value === "") {
          event.preventDefault();
          this.remove(control);
        }
      });
      return row;
    });
    this.items.replaceChildren(...rows);
    this.element.classList.toggle("empty", rows.length === 0);
    const { most } = this.spec;
    this.adder.disabled = !this.enabled || (most !== null && rows.length >= most);
  }

  private add(): void {
    const control = this.make(undefined, this.controls.length);
    this.controls.push(control);
    this.draw();
    control.focus();
    this.host.edited();
  }

  private remove(control: Control): void {
    const index = this.controls.indexOf(control);
    if (index < 0 || !this.enabled) return;
    this.controls.splice(index, 1);
    // The focus moves on before its place goes, so that leaving the list is still noticed.
    const next = this.controls[index] ?? this.controls[index - 1];
    if (next === undefined) this.adder.focus();
    else next.focus();
    this.draw();
    if (next === undefined) this.adder.focus();
    else next.focus();
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
    this.show({ k: "list", v: [] });
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
    return { k: isSequence(this.value) ? kindOf(this.value) : "list", v: items };
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
