import { make, signButton } from "../dom";
import { type Encoded, equal, isDict } from "../encoded";
import type { ControlSpec, MemberSpec } from "../protocol";
import { type Control, type Host, within } from "./control";
import type { MakeControl } from "./sequence";

type Pair = readonly [Encoded, Encoded];

interface Entry {
  readonly key: Control;
  readonly value: Control;
  readonly row: HTMLElement;
  readonly remover: HTMLButtonElement;
}

/** An editor of a dict: a row per key. It is sent as a whole. */
export class DictControl implements Control {
  readonly element: HTMLElement;
  private readonly rows = make("div", { class: "items" });
  private readonly adder: HTMLButtonElement;
  private entries: Entry[] = [];
  private value: Encoded = null;
  private shown: readonly Pair[] = [];
  private enabled = true;

  constructor(
    private readonly spec: Extract<ControlSpec, { c: "dict" }>,
    private readonly host: Host,
    private readonly makeControl: MakeControl,
  ) {
    this.adder = signButton("+", "Add an entry", () => this.add());
    this.adder.classList.add("add");
    this.element = make(
      "div",
      { class: "list dict", role: "group", "aria-label": host.label },
      this.rows,
      this.adder,
    );
  }

  show(value: Encoded): void {
    this.value = value;
    this.shown = isDict(value) ? value.v : [];
    // Controls that are there stay, so that the focus stays in them.
    for (const entry of this.entries.splice(this.shown.length)) entry.row.remove();
    this.shown.forEach((pair, index) => {
      const entry = this.entries[index];
      if (entry === undefined) {
        this.append(this.make(pair, index));
      } else {
        entry.key.show(pair[0]);
        entry.value.show(pair[1]);
      }
    });
    this.paint();
  }

  clear(): void {
    this.show({ k: "dict", v: [] });
  }

  read(): Encoded {
    const read = this.entries.map(({ key, value }): Pair => [key.read(), value.read()]);
    const same =
      read.length === this.shown.length &&
      read.every(([key, value], index) => {
        const before = this.shown[index];
        return before !== undefined && equal(key, before[0]) && equal(value, before[1]);
      });
    return same ? this.value : { k: "dict", v: read };
  }

  enable(on: boolean): void {
    this.enabled = on;
    this.paint();
  }

  focus(): void {
    if (this.entries[0] === undefined) this.adder.focus();
    else this.entries[0].value.focus();
  }

  fits(value: Encoded): boolean {
    return isDict(value);
  }

  private make(pair: Pair | undefined, index: number): Entry {
    const key = this.makeControl(this.spec.key, within(this.host, `key ${index + 1}`));
    const value = this.makeControl(this.spec.value, within(this.host, `value ${index + 1}`));
    if (pair === undefined) {
      key.clear();
      value.clear();
    } else {
      key.show(pair[0]);
      value.show(pair[1]);
    }
    const remover = signButton("×", "Remove this entry", () => this.remove(entry));
    const colon = make("span", { class: "colon" }, ":");
    const row = make("div", { class: "item entry" }, key.element, colon, value.element, remover);
    const entry: Entry = { key, value, row, remover };
    return entry;
  }

  private paint(): void {
    for (const { key, value, remover } of this.entries) {
      key.enable(this.enabled);
      value.enable(this.enabled);
      remover.disabled = !this.enabled;
    }
    this.element.classList.toggle("empty", this.entries.length === 0);
    this.adder.disabled = !this.enabled;
  }

  private append(entry: Entry): void {
    this.entries.push(entry);
    this.rows.append(entry.row);
  }

  private add(): void {
    const entry = this.make(undefined, this.entries.length);
    this.append(entry);
    this.paint();
    entry.key.focus();
    this.host.edited();
  }

  private remove(entry: Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.paint();
    // Before its place goes, so that leaving the dict is still noticed.
    this.adder.focus();
    entry.row.remove();
    this.host.edited();
  }
}

/** A nested settings object that is sent as a whole: an item of a list, or one yet to be set. */
export class ObjectControl implements Control {
  readonly element: HTMLElement;
  private readonly controls: { spec: MemberSpec; control: Control; touched: boolean }[];
  private value: Encoded = null;

  constructor(spec: Extract<ControlSpec, { c: "object" }>, host: Host, makeControl: MakeControl) {
    this.element = make("div", { class: "object", role: "group", "aria-label": host.label });
    this.controls = spec.members.map((member) => {
      const entry = { spec: member, touched: false } as {
        spec: MemberSpec;
        control: Control;
        touched: boolean;
      };
      entry.control = makeControl(member.of, {
        edited: () => {
          entry.touched = true;
          host.edited();
        },
        commit: () => host.commit(),
        label: `${host.label}, ${member.n}`,
      });
      const name = make("span", { class: "name", title: member.d }, member.n);
      this.element.append(make("div", { class: "member" }, name, entry.control.element));
      return entry;
    });
  }

  show(value: Encoded): void {
    this.value = value;
    const given = new Map(
      isDict(value) ? value.v.map(([key, item]): [unknown, Encoded] => [key, item]) : [],
    );
    for (const entry of this.controls) {
      entry.touched = false;
      const item = given.get(entry.spec.n);
      if (item !== undefined) entry.control.show(item);
      else if (entry.spec.given) entry.control.show(entry.spec.v);
      else entry.control.clear();
    }
  }

  clear(): void {
    this.show({ k: "dict", v: [] });
  }

  read(): Encoded {
    const before = isDict(this.value) ? this.value.v : [];
    const shown = new Map(before.map(([key, item]): [unknown, Encoded] => [key, item]));
    const read: Pair[] = [];
    let same = isDict(this.value) && before.length > 0;
    for (const { spec, control, touched } of this.controls) {
      const item = control.read();
      const earlier = shown.get(spec.n);
      if (earlier !== undefined ? !equal(item, earlier) : touched) same = false;
      // A member that was never given and has no default here is left to the class.
      if (earlier !== undefined || touched || spec.given) read.push([spec.n, item]);
    }
    return same ? this.value : { k: "dict", v: read };
  }

  enable(on: boolean): void {
    for (const { control } of this.controls) control.enable(on);
  }

  focus(): void {
    this.controls[0]?.control.focus();
  }

  fits(value: Encoded): boolean {
    return isDict(value);
  }
}
