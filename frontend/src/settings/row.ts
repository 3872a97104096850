import type { FormClient } from "./client";
import type { Control } from "./controls/control";
import { makeControl } from "./controls/make";
import { hasFocus, make, signButton, uniqueId } from "./dom";
import { type Encoded, equal, words } from "./encoded";
import type { Answer, Node, Status } from "./protocol";

/** How long "applied" is written beside a field. The state itself stays in `data-state`. */
const APPLIED_SHOWN_MS = 2_500;

const IN_FLIGHT = ["staged", "pending", "reported", "applied", "failed"];

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
  private retired = false;
  private drawing = false;
  private sending = 0;
  /** The value from elsewhere that the person was asked about when they sent theirs. */
  private asked: { about: Encoded } | null = null;
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
    this.control.element.addEventListener("focusout", (event) => this.left(event));
    // Before the focus leaves the control, so that leaving it does nothing else first.
    this.back.addEventListener("pointerdown", (event) => event.preventDefault());
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || (!this.typed && this.status.s !== "failed")) return;
      event.stopPropagation();
      this.revert();
    });
    this.draw(status.v);
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

  /** This row is about to be taken away: losing the focus is no decision then. */
  retire(): void {
    this.retired = true;
  }

  /** The form was built anew around this field: keep what was typed, and the focus. */
  adopt(old: FieldRow): void {
    const alike = JSON.stringify(old.node.c) === JSON.stringify(this.node.c);
    if (alike && (old.typed || old.focused)) {
      this.draw(old.control.read());
      this.shown = old.shown;
      this.typed = old.typed;
      this.paint();
    }
  }

  get focused(): boolean {
    return hasFocus(this.control.element);
  }

  focus(): void {
    this.control.focus();
  }

  private take(status: Status, mine: boolean): void {
    const outside = !mine && !equal(status.v, this.shown);
    this.status = status;
    const held = this.typed || (outside && this.focused);
    if (!held && !equal(status.v, this.shown)) this.draw(status.v);
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

  private left(event: FocusEvent): void {
    const next = event.relatedTarget;
    const inside = next instanceof globalThis.Node && this.control.element.contains(next);
    if (inside || this.drawing || this.retired) return;
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

  private commit(overwrite = false): void {
    if (this.node.ro !== null || !this.live) return;
    const value = this.control.read();
    const elsewhere = this.changedElsewhere;
    if (equal(value, this.status.v) && (elsewhere === undefined || !overwrite)) {
      this.revert();
      return;
    }
    const known = this.asked !== null && equal(this.asked.about, elsewhere ?? null);
    if (elsewhere !== undefined && !overwrite && !known) {
      this.asked = { about: elsewhere };
      this.typed = true;
      this.paint();
      return;
    }
    this.asked = null;
    this.refused = value;
    // After an edit of one's own the kernel may know better already.
    const seen = this.sending === 0 ? (this.status.x ?? this.status.v) : undefined;
    this.sending += 1;
    this.paint();
    void this.client
      .edit(this.unit, this.node.p, value, seen)
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
    if (answer.conflict) {
      this.typed = true;
      this.take(answer.field ?? this.status, false);
      this.asked = { about: this.changedElsewhere ?? null };
      this.paint();
      return;
    }
    const status = answer.field ?? this.status;
    if (answer.ok && equal(this.control.read(), value)) {
      this.typed = false;
      this.shown = value;
    } else if (answer.ok) {
      // Typed on meanwhile: that is another edit, on top of one's own, and stays.
      this.shown = status.v;
    }
    this.take(answer.ok ? status : { ...status, s: "failed", e: answer.reason ?? "" }, true);
  }

  private revert(): void {
    this.typed = false;
    this.asked = null;
    if (this.status.s === "failed") {
      this.client.dismiss(this.unit, this.node.p);
      const { e: _error, ...rest } = this.status;
      this.status = { ...rest, s: "idle" };
    }
    this.draw(this.status.v);
    this.paint();
  }

  /** Forget an edit that waits to be applied, and what is typed. */
  private unstage(): void {
    if (this.status.s === "staged") this.client.dismiss(this.unit, this.node.p);
    this.revert();
  }

  /** Give the control a value. What has the focus in it may go, which is no decision. */
  private draw(value: Encoded): void {
    this.drawing = true;
    this.control.show(value);
    this.shown = value;
    this.drawing = false;
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
      { staged: "waits", pending: "pending", reported: "reported", applied: "applied" }[
        state as string
      ] ?? "";
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
      const asks = this.asked !== null && equal(this.asked.about, elsewhere);
      const what = asks ? "; Enter again overwrites it" : "";
      note.classList.toggle("asks", asks);
      note.replaceChildren(`changed elsewhere: ${words(elsewhere)}${what}`);
      if ((this.typed || state === "staged") && state !== "pending") {
        note.append(
          this.action("Take it", () => this.unstage()),
          this.action("Keep mine", () => this.commit(true)),
        );
      }
    } else if (state === "failed") {
      note.classList.add("failed");
      note.replaceChildren(status.e ?? "This was refused.");
      if (this.typed) {
        note.append(this.action(`Back to ${words(status.v)}`, () => this.revert()));
      }
    } else if (state === "staged" && !this.typed) {
      note.classList.toggle("failed", status.e !== undefined);
      note.replaceChildren(status.e ?? `holds ${words(status.h ?? null)} until applied`);
      note.append(this.action("Discard", () => this.unstage()));
    } else if (node.ro !== null) {
      note.replaceChildren(node.ro);
    } else if (this.typed && this.sending === 0) {
      note.replaceChildren("Enter applies, Esc reverts");
    } else if (status.unknown) {
      note.replaceChildren("no value reported");
    } else if (!this.control.fits(status.v)) {
      note.replaceChildren(`holds ${words(status.v)}, which is not ${node.w}`);
    } else {
      note.replaceChildren(status.n ?? "");
    }
  }

  private action(text: string, action: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", class: "action" }, text);
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", action);
    return button;
  }
}
