import { type Encoded, innerText, isTagged, literal } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";
import { TextBox } from "./textbox";

type TextSpec = Extract<ControlSpec, { c: "text" }>;

/** A box for text, a path, bytes or a complex number. */
export class TextControl implements Control {
  readonly element: HTMLElement;
  private readonly box: TextBox;
  private value: Encoded = "";

  constructor(
    private readonly spec: TextSpec,
    host: Host,
  ) {
    this.box = new TextBox(host, { code: spec.of !== "text" });
    this.element = this.box.element;
  }

  show(value: Encoded): void {
    this.value = value;
    if (typeof value === "string") this.box.show(value);
    else this.box.show(isTagged(value) ? innerText(value) || literal(value) : "");
  }

  clear(): void {
    this.show("");
  }

  read(): Encoded {
    if (this.box.untouched) return this.value;
    const { of } = this.spec;
    return of === "complex" || of === "bytes" ? { k: of, v: this.box.text } : this.box.text;
  }

  enable(on: boolean): void {
    this.box.element.disabled = !on;
  }

  focus(): void {
    this.box.element.focus();
    this.box.element.select();
  }

  fits(value: Encoded): boolean {
    const { of } = this.spec;
    if (of === "complex" || of === "bytes") return isTagged(value) && value.k === of;
    return typeof value === "string";
  }
}
