import { make, uniqueId } from "../dom";
import { type Encoded, words } from "../encoded";
import type { Control, Host } from "./control";

/** A checkbox. */
export class BoolControl implements Control {
  readonly element: HTMLElement;
  private readonly box: HTMLInputElement;
  private readonly said = make("span", { class: "said" });
  private value: Encoded = false;
  private touched = false;

  constructor(host: Host) {
    this.box = make("input", {
      type: "checkbox",
      "aria-label": host.label,
      "aria-describedby": host.describedBy,
    });
    this.element = make("label", { class: "bool" }, this.box, this.said);
    this.box.addEventListener("change", () => {
      this.touched = true;
      this.box.indeterminate = false;
      this.said.textContent = this.box.checked ? "true" : "false";
      host.edited();
      host.commit();
    });
  }

  show(value: Encoded): void {
    this.value = value;
    this.touched = false;
    this.box.checked = value === true;
    // Neither true nor false: a value that another editor put there, or none yet.
    this.box.indeterminate = typeof value !== "boolean";
    this.said.textContent = value === "" ? "" : words(value);
  }

  clear(): void {
    this.show("");
  }

  read(): Encoded {
    return this.touched ? this.box.checked : this.value;
  }

  enable(on: boolean): void {
    this.box.disabled = !on;
  }

  focus(): void {
    this.box.focus();
  }

  fits(value: Encoded): boolean {
    return typeof value === "boolean";
  }
}

const STATES: readonly (readonly [string, boolean | null])[] = [
  ["true", true],
  ["false", false],
  ["none", null],
];

/** Three buttons for true, false and none. */
export class TristateControl implements Control {
  readonly element: HTMLElement;
  private readonly radios: HTMLInputElement[] = [];
  private value: Encoded = null;
  private touched = false;

  constructor(host: Host) {
    this.element = make("div", { class: "tristate", role: "radiogroup", "aria-label": host.label });
    const name = uniqueId();
    let byKey = false;
    for (const [text] of STATES) {
      const radio = make("input", { type: "radio", name, "aria-describedby": host.describedBy });
      radio.addEventListener("keydown", (event) => {
        byKey = event.key.startsWith("Arrow");
        if (event.key === "Enter") host.commit();
      });
      radio.addEventListener("pointerdown", () => {
        byKey = false;
      });
      radio.addEventListener("change", () => {
        this.touched = true;
        host.edited();
        // Arrow keys pass over a state on the way to another; Enter or leaving sends it.
        if (!byKey) host.commit();
        byKey = false;
      });
      this.radios.push(radio);
      this.element.append(make("label", {}, radio, make("span", {}, text)));
    }
  }

  show(value: Encoded): void {
    this.value = value;
    this.touched = false;
    this.radios.forEach((radio, index) => {
      radio.checked = STATES[index]?.[1] === value;
    });
  }

  clear(): void {
    this.show(null);
  }

  read(): Encoded {
    const index = this.radios.findIndex((radio) => radio.checked);
    return this.touched ? (STATES[index]?.[1] ?? null) : this.value;
  }

  enable(on: boolean): void {
    for (const radio of this.radios) radio.disabled = !on;
  }

  focus(): void {
    (this.radios.find((radio) => radio.checked) ?? this.radios[0])?.focus();
  }

  fits(value: Encoded): boolean {
    return value === null || typeof value === "boolean";
  }
}
