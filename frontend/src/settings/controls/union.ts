import { make } from "../dom";
import type { Encoded } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";
import type { MakeControl } from "./sequence";

/** A chooser of the kind of value, with the control of that kind. */
export class UnionControl implements Control {
  readonly element: HTMLElement;
  private readonly chooser: HTMLSelectElement;
  private readonly arms: Control[];
  private readonly place = make("div", { class: "arm" });
  private value: Encoded = null;
  private arm = 0;
  private shownArm = 0;
  private touched = false;
  private enabled = true;

  constructor(spec: Extract<ControlSpec, { c: "union" }>, host: Host, makeControl: MakeControl) {
    const inner: Host = {
      edited: () => {
        this.touched = true;
        host.edited();
      },
      commit: () => {
        this.touched = true;
        host.commit();
      },
      label: host.label,
    };
    this.arms = spec.arms.map(({ of }) => makeControl(of, inner));
    this.chooser = make(
      "select",
      { class: "box kinds", title: "Kind of value", "aria-label": `${host.label}, kind of value` },
      ...spec.arms.map(({ label }, index) => make("option", { value: index }, label)),
    );
    this.chooser.addEventListener("change", () => {
      this.arm = Number(this.chooser.value);
      this.touched = false;
      if (this.arm === this.shownArm) this.arms[this.arm]?.show(this.value);
      else this.arms[this.arm]?.clear();
      this.draw();
    });
    this.element = make("div", { class: "union" }, this.chooser, this.place);
  }

  show(value: Encoded): void {
    this.value = value;
    this.touched = false;
    const found = this.arms.findIndex((arm) => arm.fits(value));
    this.arm = Math.max(0, found);
    this.shownArm = this.arm;
    this.chooser.value = String(this.arm);
    this.arms[this.arm]?.show(value);
    this.draw();
  }

  clear(): void {
    this.value = "";
    this.touched = false;
    this.shownArm = -1;
    this.arms[this.arm]?.clear();
    this.draw();
  }

  read(): Encoded {
    // Another kind was chosen and no value of it given yet: what was shown still holds.
    if (this.arm !== this.shownArm && !this.touched) return this.value;
    return this.arms[this.arm]?.read() ?? null;
  }

  enable(on: boolean): void {
    this.enabled = on;
    this.chooser.disabled = !on;
    this.draw();
  }

  focus(): void {
    this.arms[this.arm]?.focus();
  }

  fits(value: Encoded): boolean {
    return this.arms.some((arm) => arm.fits(value));
  }

  private draw(): void {
    const arm = this.arms[this.arm];
    if (arm === undefined) return;
    arm.enable(this.enabled);
    if (this.place.firstChild !== arm.element) this.place.replaceChildren(arm.element);
  }
}
