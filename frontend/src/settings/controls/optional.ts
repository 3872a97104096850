import { make } from "../dom";
import { type Encoded, equal, words } from "../encoded";
import type { Control, Host } from "./control";
import { StaticControl } from "./static";

/** A toggle beside the control of the value. Off means none; the last value is remembered. */
export class OptionalControl implements Control {
  readonly element: HTMLElement;
  private readonly toggle: HTMLInputElement;
  private readonly inner: Control;
  private readonly none = make("span", { class: "said" });
  private value: Encoded = null;
  private remembered: Encoded | undefined;
  private touched = false;
  private enabled = true;

  constructor(host: Host, makeInner: (host: Host) => Control) {
    this.inner = makeInner({
      edited: () => {
        this.touched = true;
        host.edited();
      },
      commit: () => {
        // Enter in an empty box means the empty value, not none.
        this.touched = true;
        host.commit();
      },
      label: host.label,
      ...(host.describedBy === undefined ? {} : { describedBy: host.describedBy }),
    });
    this.toggle = make("input", {
      type: "checkbox",
      class: "toggle",
      role: "switch",
      title: "Set, or none",
      "aria-label": `${host.label}, set`,
    });
    this.toggle.addEventListener("change", () => this.switched(host));
    this.element = make("div", { class: "optional" }, this.toggle, this.inner.element, this.none);
  }

  show(value: Encoded): void {
    this.value = value;
    this.touched = false;
    this.toggle.checked = value !== null;
    if (value !== null) {
      this.remembered = value;
      this.inner.show(value);
    } else if (this.remembered === undefined) {
      this.inner.clear();
    } else {
      this.inner.show(this.remembered);
    }
    this.paint();
  }

  clear(): void {
    this.show(null);
  }

  read(): Encoded {
    if (!this.toggle.checked) return null;
    if (this.value === null && this.remembered === undefined && !this.touched) {
      // Switched on, and nothing given yet: nothing to send. An object's defaults are something.
      const read = this.inner.read();
      return this.inner.fits(read) && this.hasDefaults ? read : null;
    }
    return this.inner.read();
  }

  enable(on: boolean): void {
    this.enabled = on;
    this.paint();
  }

  focus(): void {
    if (this.toggle.checked) this.inner.focus();
    else this.toggle.focus();
  }

  fits(value: Encoded): boolean {
    return value === null || this.inner.fits(value);
  }

  private get hasDefaults(): boolean {
    return this.inner.element.classList.contains("object");
  }

  private paint(): void {
    const on = this.toggle.checked;
    this.inner.element.hidden = !on;
    this.none.hidden = on;
    const last = this.remembered;
    this.none.textContent = last === undefined ? "none" : `none (was ${words(last)})`;
    this.inner.enable(this.enabled && on);
    // An object that can't be typed in can be taken away, but not given.
    const hopeless = !on && this.remembered === undefined && this.inner instanceof StaticControl;
    this.toggle.disabled = !this.enabled || hopeless;
  }

  private switched(host: Host): void {
    this.paint();
    host.edited();
    if (!this.toggle.checked || !equal(this.read(), null)) host.commit();
    else this.inner.focus();
  }
}
