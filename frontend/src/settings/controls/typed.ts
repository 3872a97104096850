import { type Encoded, isTagged, literal } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";
import { TextBox } from "./textbox";

/** A box for a value of any kind, written as a Python or JSON literal, which the kernel reads. */
export class TypedControl implements Control {
  readonly element: HTMLElement;
  private readonly box: TextBox;
  private value: Encoded = null;

  constructor(spec: Extract<ControlSpec, { c: "typed" }>, host: Host) {
    this.box = new TextBox(host, { code: true, placeholder: 'None, 1.5, "text", [1, 2]' });
    this.box.element.title = `Takes ${spec.words}, written as a Python or JSON literal.`;
    this.element = this.box.element;
  }

  show(value: Encoded): void {
    this.value = value;
    this.box.show(literal(value));
  }

  clear(): void {
    this.value = null;
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
    this.box.element.select();
  }

  fits(value: Encoded): boolean {
    return !(isTagged(value) && value.k === "object");
  }
}
