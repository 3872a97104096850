import type { FormClient } from "./client";
import type { Control } from "./controls/control";
import { makeControl } from "./controls/make";
import { hasFocus, make, signButton, uniqueId } from "./dom";
import { type Encoded, equal, words } from "./encoded";
import type { Answer, Node, Status } from "./protocol";

/** How long "applied" is written beside a field. The state itself stays in `data-state`. */
const APPLIED_SHOWN_MS = 2_500;

const IN_FLIGHT = ["pending", "reported", "applied", "failed"];

/**
 * One field: its name, its control, and beside it how its last edit went.
 *
 * What comes from outside never replaces what a person is looking at with the focus in it, or has
 * typed and not sent: it is said beside the field instead, and taken over when they leave.
 */
export class FieldRow {
  readonly element: HTMLElement;
  readonly kids: HTMLElement | null;
  private readonly control: Control;
  private readonly note: HTMLElement;
  private readonly mark: HTMLElement;
  private readonly back: HTMLButtonElement;
  private readonly name: HTMLElement;
  private status: Status;
  /** The value that the control was last given. */
  private shown: Encoded;
  private typed = false;
  private sending = 0;
  private live = true;
  private quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly unit: string,
    readonly node: Node,
    status: Status,
    private readonly client: FormClient,
  ) {
    const noteId = uniqueId();
    this.status = status;
    this.shown = status.v;
    this.note = make("div", {
      class: "note",
      id: noteId,
      role: "status",
      "aria-live": "polite",
      "data-reason-for": node.p,
    });
    this.control = makeControl(node.c, {
      edited: () => this.edited(),
      commit: () => this.commit(),
      label: node.n,
      describedBy: noteId,
    });
    this.name = make("span", { class: "name" }, node.n);
    this.mark = make("span", { class: "mark", "aria-hidden": "true" });
    this.back = signButton("↺", "Back to the initial value", () => this.reset());
    this.back.classList.add("back");
    const holder = make("div", { class: "control" }, this.control.element, this.back, this.mark);
    const line = make("div", { class: "line" }, this.name, holder, this.note);
    this.kids = node.kids === undefined ? null : make("div", { class: "kids" });
    this.element = make("div", {
      class: node.kids === undefined ? "row" : "row group",
      "data-field": node.p,
      "data-unit": unit,
      "data-kind": node.c.c,
    });
    this.element.append(line);
    if (this.kids !== null) this.element.append(this.kids);
    this.name.title = this.explanation();
    line.addEventListener("focusout", (event) => this.left(line, event));
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || (!this.typed && this.status.s !== "failed")) return;
      event.stopPropagation();
      this.revert();
    });
    this.control.show(status.v);
    this.paint();
  }

  /** Words that a search looks through. */
  get searchable(): string {
    return `${this.unit} ${this.node.p} ${this.node.d ?? ""}`.toLowerCase();
  }

  get modified(): boolean {
    return this.status.i !== undefined;
  }

  /** What the control holds, for tests of the whole form. */
  read(): Encoded {
    return this.control.read();
  }

  /** The form lost its kernel or graph, or has it back. */
  setLive(live: boolean): void {
    if (this.live === live) return;
    this.live = live;
    this.paint();
  }

  /** The kernel says how the field stands. */
  update(status: Status): void {
    const mine = this.sending > 0 || IN_FLIGHT.includes(status.s);
    this.take(status, mine);
  }

  /** The form was built anew around this field: keep what was typed and not sent. */
  adopt(old: FieldRow): void {
    if (!old.typed || !equal(old.shown, this.shown)) return;
    // The control may be another one now; only text that it takes over survives.
    const read = old.control.read();
    if (this.control.fits(read)) {
      this.control.show(read);
      this.typed = true;
      this.paint();
    }
  }

  private take(status: Status, mine: boolean): void {
    const outside = !mine && !equal(status.v, this.shown);
    this.status = status;
    const held = this.typed || (outside && hasFocus(this.control.element));
    if (!held && !equal(status.v, this.shown)) {
      this.control.show(status.v);
      this.shown = status.v;
    }
    this.paint();
  }

  private get changedElsewhere(): Encoded | undefined {
    if (this.status.x !== undefined) return this.status.x;
    if (this.status.s === "pending" || this.sending > 0) return undefined;
    return equal(this.status.v, this.shown) ? undefined : this.status.v;
  }

  private edited(): void {
    this.typed = true;
    this.paint();
  }

  private left(line: HTMLElement, event: FocusEvent): void {
    if (event.relatedTarget instanceof globalThis.Node && line.contains(event.relatedTarget))
      return;
    if (this.changedElsewhere !== undefined) {
      // Not sent over somebody else's change without a word: the note offers both.
      if (!this.typed) this.revert();
      return;
    }
    if (this.typed && this.status.s !== "failed") this.commit();
    else if (this.typed && !equal(this.control.read(), this.refused)) this.commit();
    else if (!this.typed) this.revert();
  }

  private refused: Encoded = null;

  private commit(): void {
    if (this.node.ro !== null || !this.live) return;
    const value = this.control.read();
    if (equal(value, this.status.v)) {
      this.revert();
      return;
    }
    this.refused = value;
    this.sending += 1;
    this.paint();
    void this.client
      .edit(this.unit, this.node.p, value)
      .then((answer) => this.answered(answer, value));
  }

  private reset(): void {
    this.sending += 1;
    this.typed = false;
    this.paint();
    void this.client
      .reset(this.unit, this.node.p)
      .then((answer) => this.answered(answer, this.control.read()));
  }

  private answered(answer: Answer, value: Encoded): void {
    this.sending -= 1;
    // Typed on meanwhile: that is another edit, and stays.
    if (answer.ok && equal(this.control.read(), value)) {
      this.typed = false;
      this.shown = value;
    }
    const status = answer.field ?? this.status;
    this.take(answer.ok ? status : { ...status, s: "failed", e: answer.reason ?? "" }, true);
  }

  private revert(): void {
    this.typed = false;
    if (this.status.s === "failed") {
      this.client.dismiss(this.unit, this.node.p);
      const { e: _error, ...rest } = this.status;
      this.status = { ...rest, s: "idle" };
    }
    this.control.show(this.status.v);
    this.shown = this.status.v;
    this.paint();
  }

  private explanation(): string {
    const { node } = this;
    const parts = [node.d, `${node.p}: ${node.w}`, node.t === node.w ? null : node.t];
    if (this.status.i !== undefined) parts.push(`Initially ${words(this.status.i)}`);
    return parts.filter((part) => part).join("\n");
  }

  private paint(): void {
    const { element, node, status } = this;
    const state = this.sending > 0 ? "pending" : status.s;
    if (element.dataset.state !== state) {
      clearTimeout(this.quiet);
      this.mark.classList.remove("quiet");
      if (state === "applied") {
        this.quiet = setTimeout(() => this.mark.classList.add("quiet"), APPLIED_SHOWN_MS);
      }
    }
    element.dataset.state = state;
    element.classList.toggle("modified", this.modified);
    element.classList.toggle("typed", this.typed);
    element.classList.toggle("read-only", node.ro !== null);
    this.control.enable(this.live && node.ro === null);
    this.name.title = this.explanation();
    this.mark.textContent =
      { pending: "pending", reported: "reported", applied: "applied" }[state as string] ?? "";
    this.back.hidden = !this.modified || node.ro !== null || !this.live;
    if (status.i !== undefined) this.back.title = `Back to the initial value: ${words(status.i)}`;
    this.paintNote(state);
  }

  private paintNote(state: string): void {
    const { node, note, status } = this;
    const elsewhere = this.changedElsewhere;
    note.className = "note";
    if (elsewhere !== undefined) {
      note.classList.add("elsewhere");
      note.replaceChildren(`changed elsewhere: ${words(elsewhere)}`);
      if (state !== "pending") note.append(this.action("Take it", () => this.revert()));
      if (this.typed) note.append(this.action("Keep mine", () => this.commit()));
    } else if (state === "failed") {
      note.classList.add("failed");
      note.replaceChildren(status.e ?? "This was refused.");
      if (this.typed) {
        note.append(this.action(`Back to ${words(status.v)}`, () => this.revert()));
      }
    } else if (node.ro !== null) {
      note.replaceChildren(node.ro);
    } else if (this.typed && this.sending === 0) {
      note.replaceChildren("Enter applies, Esc reverts");
    } else if (status.unknown) {
      note.replaceChildren("no value reported");
    } else if (!this.control.fits(status.v)) {
      note.replaceChildren(`holds ${words(status.v)}, which is not ${node.w}`);
    } else {
      note.replaceChildren();
    }
  }

  private action(text: string, action: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", class: "action" }, text);
    // Before the focus leaves the control, so that leaving it does nothing else first.
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", action);
    return button;
  }
}
