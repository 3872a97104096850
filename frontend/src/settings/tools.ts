import type { FormClient } from "./client";
import { make, uniqueId } from "./dom";
import { words } from "./encoded";
import { icon, type Sign } from "./icons";
import type { Answer, Change, Tools } from "./protocol";

/** How long what a tool says stays, unless it is a question. */
const SAID_MS = 6_000;
const HISTORY_EVERY_MS = 300;

type Panel = "history" | "code";
type Work = "undo" | "redo" | "apply";

const AGAIN = {
  undo: "Undo all the same",
  redo: "Redo all the same",
  apply: "Apply all the same",
} as const;

/** Undo, redo, history, code, and the edits that wait to be applied together. */
export class ToolBar {
  private readonly undo: HTMLButtonElement;
  private readonly redo: HTMLButtonElement;
  private readonly history: HTMLButtonElement;
  private readonly code: HTMLButtonElement;
  private readonly collect: HTMLInputElement;
  private readonly apply: HTMLButtonElement;
  private readonly discard: HTMLButtonElement;
  private readonly staged = make("div", { class: "staged", role: "status" });
  private readonly count = make("span", { class: "count" });
  private readonly pieces = make("button", { type: "button", class: "pieces" }, "not atomic");
  private readonly message = make("div", { class: "message", role: "status" });
  private readonly panel = make("div", { class: "panel", id: uniqueId() });
  private state: Tools | null = null;
  private open: Panel | null = null;
  private live = true;
  private hadFocus = false;
  private pressed: HTMLButtonElement | null = null;
  private working = 0;
  private messageTimer: ReturnType<typeof setTimeout> | undefined;
  private historyTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly element: HTMLElement,
    private readonly client: FormClient,
  ) {
    this.undo = this.tool("undo", "Undo", () => this.work("undo"));
    this.redo = this.tool("redo", "Redo", () => this.work("redo"));
    this.history = this.tool("history", "History of changes", () => this.toggle("history"));
    this.code = this.tool("code", "Copy as Python", () => this.toggle("code"));
    for (const button of [this.history, this.code]) {
      button.setAttribute("aria-controls", this.panel.id);
    }
    this.collect = make("input", { type: "checkbox", role: "switch", class: "toggle" });
    this.collect.addEventListener("change", () =>
      this.client.tell("collect", { on: this.collect.checked }),
    );
    this.apply = make("button", { type: "button", class: "solid" }, "Apply");
    this.apply.addEventListener("click", () => this.work("apply"));
    this.discard = this.action("Discard", () => this.client.tell("discard"));
    this.pieces.addEventListener("click", () => this.explain(this.pieces.title));
    this.staged.append(this.count, this.pieces, this.apply, this.discard);
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", "All settings");
    const collect = make(
      "label",
      {
        class: "collect",
        title: "On: changes wait, and are applied together. Off: each is applied at once.",
      },
      this.collect,
      "Collect changes",
    );
    element.append(
      make("div", { class: "bar" }, this.undo, this.redo, this.history, this.code, collect),
      this.staged,
      this.message,
      this.panel,
    );
    this.paint();
  }

  update(state: Tools | null): void {
    this.state = state;
    if (state === null) this.open = null;
    this.paint();
    this.somethingChanged();
  }

  setLive(live: boolean): void {
    this.live = live;
    this.paint();
  }

  /** A field looks different: the history may have grown. */
  somethingChanged(): void {
    if (this.open !== "history") return;
    this.historyTimer ??= setTimeout(() => {
      this.historyTimer = undefined;
      this.ask();
    }, HISTORY_EVERY_MS);
  }

  close(): void {
    clearTimeout(this.messageTimer);
    clearTimeout(this.historyTimer);
  }

  private tool(sign: Sign, title: string, action: () => void): HTMLButtonElement {
    const button = make(
      "button",
      { type: "button", class: "tool", title, "aria-label": title, "data-tool": sign },
      icon(sign),
    );
    button.addEventListener("click", action);
    return button;
  }

  private action(text: string, action: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", class: "action" }, text);
    button.addEventListener("click", action);
    return button;
  }

  private work(kind: Work, force = false): void {
    this.working += 1;
    this.pressed = this[kind];
    this.say();
    this.paint();
    void this.client.work(kind, force ? { force } : {}).then((answer) => {
      this.working -= 1;
      this.answered(kind, answer);
      this.paint();
    });
  }

  /** Where the button that was pressed can't have the focus any more, another tool gets it. */
  private keepFocus(): void {
    const focused = document.activeElement;
    const ours = this.element.contains(focused);
    if (ours ? canHaveFocus(focused) : focused !== null && focused !== document.body) return;
    const again = this.message.querySelector("button");
    const next = [again, this.pressed, this.undo, this.redo, this.collect];
    next.find(canHaveFocus)?.focus();
  }

  private explain(text: string): void {
    this.say(text);
    clearTimeout(this.messageTimer);
    const close = this.action("Close", () => {
      this.say();
      this.pieces.focus();
    });
    this.message.append(close);
  }

  private answered(kind: Work, answer: Answer): void {
    if (answer.ok) {
      this.say(answer.text);
      return;
    }
    this.say(answer.reason ?? "It failed.", true);
    if (answer.force) this.message.append(this.action(AGAIN[kind], () => this.work(kind, true)));
    this.message.append(this.action("Close", () => this.say()));
  }

  private say(text = "", stays = false): void {
    clearTimeout(this.messageTimer);
    this.message.replaceChildren(text);
    this.message.classList.toggle("failed", stays);
    if (!stays && text !== "") this.messageTimer = setTimeout(() => this.say(), SAID_MS);
  }

  private toggle(panel: Panel): void {
    this.open = this.open === panel ? null : panel;
    this.panel.replaceChildren();
    this.paint();
    this.ask();
  }

  private ask(): void {
    const panel = this.open;
    if (panel === null || !this.live) return;
    void this.client.work(panel === "history" ? "history" : "python").then((answer) => {
      if (this.open !== panel) return;
      if (panel === "history") this.showHistory(answer.history ?? []);
      else this.showCode(answer.text ?? answer.reason ?? "");
    });
  }

  private showHistory(changes: Change[]): void {
    const rows = changes.map((change) => {
      const time = new Date(change.t * 1000).toLocaleTimeString([], { hour12: false });
      const place = change.unit === "" ? change.field : `${change.unit}.${change.field}`;
      const from = words(change.old);
      const to = words(change.new);
      return make(
        "li",
        { title: `${place}: ${from} → ${to}` },
        make("time", {}, time),
        make("span", { class: "where" }, place),
        make("span", { class: "what" }, make("s", {}, from), " → ", to),
        make("span", { class: change.by === "this kernel" ? "by" : "by other" }, change.by),
      );
    });
    const label = "History, newest first";
    this.panel.replaceChildren(
      rows.length > 0
        ? make("ol", { class: "changes", tabindex: 0, "aria-label": label }, ...rows)
        : make("p", { class: "why" }, "Nothing has changed yet."),
    );
  }

  private showCode(text: string): void {
    const box = make("textarea", {
      class: "box code",
      readonly: true,
      spellcheck: "false",
      "aria-label": "The same edits in Python",
    });
    box.value = text;
    box.rows = Math.min(12, text.split("\n").length);
    const said = make("span", { class: "note" });
    this.panel.replaceChildren(box, said);
    const byHand = () => {
      box.focus();
      box.select();
      said.textContent = "Copy it with Ctrl+C or ⌘C.";
    };
    // Browsers give pages that aren't served securely no clipboard.
    if (navigator.clipboard === undefined) {
      byHand();
      return;
    }
    navigator.clipboard.writeText(text).then(() => {
      said.textContent = "Copied.";
    }, byHand);
  }

  private paint(): void {
    const { state } = this;
    this.hadFocus ||= this.element.contains(document.activeElement);
    this.element.hidden = state === null;
    if (state === null) return;
    const idle = this.live && this.working === 0 && !state.applying;
    this.undo.disabled = !idle || state.undo === "";
    this.redo.disabled = !idle || state.redo === "";
    this.undo.title = state.undo ? `Undo: ${state.undo}` : "Nothing to undo";
    this.redo.title = state.redo ? `Redo: ${state.redo}` : "Nothing to redo";
    this.history.setAttribute("aria-expanded", String(this.open === "history"));
    this.code.setAttribute("aria-expanded", String(this.open === "code"));
    this.history.disabled = this.code.disabled = this.collect.disabled = !this.live;
    this.panel.hidden = this.open === null;
    this.collect.checked = state.collect;
    this.staged.hidden = state.staged === 0 && !state.applying;
    const waiting = state.staged === 1 ? "1 change waits" : `${state.staged} changes wait`;
    this.count.textContent = state.applying ? "Applying…" : waiting;
    this.count.title = state.units.join(", ");
    this.apply.disabled = this.discard.disabled = !idle;
    this.apply.title = state.pieces
      ? "All or nothing in the end. Fields go one after the other: a unit runs on some of them for a moment."
      : "All or nothing. A unit gets its fields as one value.";
    this.pieces.hidden = state.pieces === "";
    this.pieces.title = `${this.apply.title} ${state.pieces}`;
    if (!idle || !this.hadFocus) return;
    this.hadFocus = false;
    this.keepFocus();
  }
}

type Control = HTMLButtonElement | HTMLInputElement;

function canHaveFocus<T extends Element>(element: T | null): element is T {
  return (
    element instanceof HTMLElement &&
    element.offsetParent !== null &&
    !(element as unknown as Control).disabled
  );
}
