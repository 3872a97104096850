import { make } from "../dom";
import { type Encoded, innerText, isTagged, literal } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";
import { TextBox } from "./textbox";

type NumberSpec = Extract<ControlSpec, { c: "number" }>;

/** How long the keys of a slider must rest before its value is sent. */
const KEYS_REST_MS = 400;

/** A number box, with a slider where both limits are known. The kernel reads the number. */
export class NumberControl implements Control {
  readonly element: HTMLElement;
  private readonly box: TextBox;
  private readonly slider: HTMLInputElement | null;
  private value: Encoded = null;

  constructor(
    private readonly spec: NumberSpec,
    private readonly host: Host,
  ) {
    this.box = new TextBox(host, { code: true, short: true });
    this.box.element.inputMode = spec.whole ? "numeric" : "decimal";
    if (spec.limits) this.box.element.title = spec.limits;
    this.box.element.addEventListener("keydown", (event) => this.step(event));
    this.box.element.addEventListener("input", () => this.moveSlider());
    this.slider = spec.step === undefined ? null : this.makeSlider();
    this.element = make("div", { class: "number" });
    if (this.slider !== null) this.element.append(this.slider);
    this.element.append(this.box.element);
  }

  show(value: Encoded): void {
    this.value = value;
    this.box.show(isTagged(value) ? innerText(value) || literal(value) : alien(value));
    this.moveSlider();
  }

  clear(): void {
    this.show("");
  }

  read(): Encoded {
    return this.box.untouched ? this.value : { k: "number", v: this.box.text };
  }

  enable(on: boolean): void {
    this.box.element.disabled = !on;
    if (this.slider !== null) this.slider.disabled = !on;
  }

  focus(): void {
    this.box.element.focus();
    this.box.element.select();
  }

  fits(value: Encoded): boolean {
    if (!isTagged(value)) return false;
    return value.k === "int" || value.k === "number" || (value.k === "float" && !this.spec.whole);
  }

  /** Arrow keys step by one in the last place that is written. */
  private step(event: KeyboardEvent): void {
    const up = event.key === "ArrowUp";
    if ((!up && event.key !== "ArrowDown") || event.altKey || event.ctrlKey || event.metaKey)
      return;
    const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(this.box.text.trim());
    if (match === null) return;
    event.preventDefault();
    const places = this.spec.whole ? 0 : (match[3]?.length ?? 0);
    const digits = BigInt(`${match[1] ?? ""}${match[2] ?? ""}${match[3] ?? ""}`.replace("+", ""));
    const stepped = digits + (up ? 1n : -1n);
    const text = `${stepped < 0n ? -stepped : stepped}`.padStart(places + 1, "0");
    const whole = text.slice(0, text.length - places);
    const sign = stepped < 0n ? "-" : "";
    this.box.type(`${sign}${whole}${places > 0 ? `.${text.slice(-places)}` : ""}`);
    this.moveSlider();
    this.host.edited();
  }

  private makeSlider(): HTMLInputElement {
    const { low, high, whole } = this.spec;
    const span = (high ?? 1) - (low ?? 0);
    const step = this.spec.step ?? 10 ** Math.floor(Math.log10(span / 100));
    const slider = make("input", {
      type: "range",
      min: low,
      max: high,
      step,
      "aria-label": `${this.host.label}, slider`,
      title: this.spec.limits,
    });
    const places = whole ? 0 : Math.max(0, -Math.floor(Math.log10(step)));
    let rest: ReturnType<typeof setTimeout> | undefined;
    let byKey = false;
    slider.addEventListener("keydown", (event) => {
      byKey = event.key !== "Tab";
      if (event.key === "Enter") this.host.commit();
    });
    slider.addEventListener("pointerdown", () => {
      byKey = false;
    });
    slider.addEventListener("input", () => {
      this.box.type(Number(slider.value).toFixed(Math.min(places, 20)));
      this.host.edited();
    });
    slider.addEventListener("change", () => {
      clearTimeout(rest);
      if (byKey) rest = setTimeout(() => this.host.commit(), KEYS_REST_MS);
      else this.host.commit();
    });
    return slider;
  }

  private moveSlider(): void {
    const number = Number(this.box.text);
    if (this.slider !== null && this.box.text.trim() !== "" && !Number.isNaN(number)) {
      this.slider.value = String(number);
    }
  }
}

/** Text for a value that is no number: what it is shows, and stays until it is replaced. */
function alien(value: Encoded): string {
  return typeof value === "string" ? value : value === null ? "" : literal(value);
}
