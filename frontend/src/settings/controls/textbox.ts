import { make } from "../dom";
import type { Host } from "./control";

/** A box for text that grows with it. Enter commits; Shift+Enter makes a new line. */
export class TextBox {
  readonly element: HTMLTextAreaElement;
  private shown = "";

  constructor(host: Host, options: { code?: boolean; short?: boolean; placeholder?: string }) {
    this.element = make("textarea", {
      class: options.code ? "box code" : "box",
      rows: 1,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      "aria-label": host.label,
      "aria-describedby": host.describedBy,
      placeholder: options.placeholder,
    });
    if (options.short) this.element.classList.add("short");
    this.element.addEventListener("input", () => {
      this.resize();
      host.edited();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      host.commit();
    });
  }

  get text(): string {
    return this.element.value;
  }

  get untouched(): boolean {
    return this.element.value === this.shown;
  }

  show(text: string): void {
    this.element.value = text;
    // What the browser made of it (it changes line ends) counts as untouched.
    this.shown = this.element.value;
    this.resize();
  }

  /** Replace the text as if it had been typed. */
  type(text: string): void {
    this.element.value = text;
    this.resize();
  }

  private resize(): void {
    const { element } = this;
    if (element.classList.contains("short")) element.cols = Math.max(4, element.value.length + 1);
    const lines = element.value.split("\n").length;
    element.rows = Math.min(12, Math.max(lines, Math.ceil(element.value.length / 60)));
  }
}
