import { make, uniqueId } from "../dom";
import { type Encoded, equal, kindOf, literal, unwrapped, words } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";

type ChoiceSpec = Extract<ControlSpec, { c: "choice" }>;

export function makeChoice(spec: ChoiceSpec, host: Host): Control {
  return spec.open ? new OpenChoiceControl(spec, host) : new ChoiceControl(spec, host);
}

/** A drop-down. A current value that is none of the choices stays, and says so. */
class ChoiceControl implements Control {
  readonly element: HTMLSelectElement;
  private value: Encoded = null;
  private first = -1;

  constructor(
    private readonly spec: ChoiceSpec,
    host: Host,
  ) {
    this.element = make("select", {
      class: "box",
      "aria-label": host.label,
      "aria-describedby": host.describedBy,
    });
    let byKey = false;
    this.element.addEventListener("keydown", (event) => {
      byKey = event.key.startsWith("Arrow") || event.key.length === 1;
      if (event.key === " ") byKey = false;
      if (event.key === "Enter") host.commit();
    });
    this.element.addEventListener("pointerdown", () => {
      byKey = false;
    });
    this.element.addEventListener("change", () => {
      host.edited();
      // Keys pass over a choice on the way to another; Enter or leaving sends it.
      if (!byKey) host.commit();
      byKey = false;
    });
  }

  show(value: Encoded): void {
    this.value = value;
    const plain = unwrapped(value);
    const { options } = this.spec;
    const found = options.findIndex((option) => equal(option.v, plain));
    const items = options.map(({ label, v }, index) => {
      const inside = typeof v === "string" && v !== label ? v : "";
      return make("option", { value: index, title: inside }, label);
    });
    if (found < 0) {
      const unknown = value === "" ? "choose" : `${words(value)} (none of the choices)`;
      items.unshift(make("option", { value: -1 }, unknown));
    }
    this.element.replaceChildren(...items);
    this.first = found;
    this.element.value = String(found);
  }

  clear(): void {
    this.show("");
  }

  read(): Encoded {
    const index = Number(this.element.value);
    if (index === this.first) return this.value;
    return this.spec.options[index]?.v ?? null;
  }

  enable(on: boolean): void {
    this.element.disabled = !on;
  }

  focus(): void {
    this.element.focus();
  }

  fits(value: Encoded): boolean {
    return this.spec.options.some((option) => equal(option.v, unwrapped(value)));
  }
}

/** A choice whose values are known only as far as they were seen: a box with suggestions. */
class OpenChoiceControl implements Control {
  readonly element: HTMLElement;
  private readonly box: HTMLInputElement;
  private value: Encoded = "";
  private shown = "";

  constructor(
    private readonly spec: ChoiceSpec,
    host: Host,
  ) {
    const id = uniqueId();
    this.box = make("input", {
      class: "box",
      type: "text",
      list: id,
      spellcheck: "false",
      autocomplete: "off",
      title: "The other values of this choice are not known here. Type one.",
      "aria-label": host.label,
      "aria-describedby": host.describedBy,
    });
    const options = spec.options.map(({ v }) => make("option", { value: asTyped(v) }));
    this.element = make(
      "div",
      { class: "open-choice" },
      this.box,
      make("datalist", { id }, ...options),
    );
    this.box.addEventListener("input", () => host.edited());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) host.commit();
    });
  }

  show(value: Encoded): void {
    this.value = value;
    this.box.value = value === null ? "" : asTyped(unwrapped(value));
    this.shown = this.box.value;
  }

  clear(): void {
    this.show("");
  }

  read(): Encoded {
    if (this.box.value === this.shown) return this.value;
    // The values that were seen tell whether a text or a number is meant.
    const sample = this.spec.options[0]?.v ?? "";
    const numeric = ["int", "float"].includes(kindOf(sample));
    return numeric ? { k: "number", v: this.box.value } : this.box.value;
  }

  enable(on: boolean): void {
    this.box.disabled = !on;
  }

  focus(): void {
    this.box.focus();
    this.box.select();
  }

  fits(value: Encoded): boolean {
    const plain = unwrapped(value);
    return this.spec.options.some((option) => kindOf(option.v) === kindOf(plain));
  }
}

function asTyped(value: Encoded): string {
  return typeof value === "string" ? value : literal(value);
}
