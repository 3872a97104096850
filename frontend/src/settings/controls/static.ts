import { make } from "../dom";
import { type Encoded, isDict, isTagged, words } from "../encoded";
import type { Control } from "./control";

/** A value that can only be looked at. */
export class StaticControl implements Control {
  readonly element = make("span", { class: "static", tabindex: 0 });
  private value: Encoded = null;

  show(value: Encoded): void {
    this.value = value;
    const text = isTagged(value) && value.k === "object" ? (value.text ?? "") : words(value);
    this.element.textContent = text;
    this.element.title = text;
  }

  clear(): void {
    this.show(null);
    this.element.textContent = "can't be typed in here";
  }

  read(): Encoded {
    return this.value;
  }

  enable(): void {}

  focus(): void {
    this.element.focus();
  }

  fits(value: Encoded): boolean {
    return isTagged(value) && value.k === "object";
  }
}

/** The value of a group, whose fields have rows of their own: nothing to see here. */
export class GroupControl implements Control {
  readonly element = make("span", { hidden: true });
  private value: Encoded = null;

  show(value: Encoded): void {
    this.value = value;
  }

  clear(): void {
    this.value = null;
  }

  read(): Encoded {
    return this.value;
  }

  enable(): void {}

  focus(): void {}

  fits(value: Encoded): boolean {
    return isDict(value);
  }
}
