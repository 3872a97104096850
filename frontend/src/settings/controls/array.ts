import { make } from "../dom";
import { type Encoded, innerText, isSequence, isTagged, literal } from "../encoded";
import type { Control, Host } from "./control";
import { TextBox } from "./textbox";

/** The numbers of a small array in brackets; of a large one shape and element type only. */
export class ArrayControl implements Control {
  readonly element: HTMLElement;
  private readonly box: TextBox;
  private readonly about = make("span", { class: "about" });
  private value: Encoded = null;
  private large = false;

  constructor(host: Host) {
    this.box = new TextBox(host, { code: true, placeholder: "[1.0, 2.0]" });
    this.element = make("div", { class: "array" }, this.box.element, this.about);
  }

  show(value: Encoded): void {
    this.value = value;
    this.large = isTagged(value) && value.k === "object";
    this.about.textContent = isTagged(value) ? (value.text ?? "") : "";
    this.box.element.hidden = this.large;
    this.box.show(isTagged(value) && value.k === "array" ? innerText(value) : literal(value));
  }

  clear(): void {
    this.show(null);
    this.box.show("");
  }

  read(): Encoded {
    return this.box.untouched ? this.value : { k: "typed", v: this.box.text };
  }

  enable(on: boolean): void {
    this.box.element.disabled = !on;
  }

  focus(): void {
    this.box.element.focus();
  }

  fits(value: Encoded): boolean {
    if (isSequence(value)) return true;
    return isTagged(value) && ["array", "object", "int", "float", "number"].includes(value.k);
  }
}
