// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PROTOCOL } from "../shared/protocol";
import { BUSY_AFTER_MS } from "./client";
import widget from "./index";
import type { FormData, FormState, FromKernel, Status } from "./protocol";

function form(status: Partial<Status> = {}, seq = 1): FormData {
  return {
    seq,
    status: { state: "connected", text: "" },
    sections: [
      {
        unit: "LP",
        type: "package.Settings",
        ro: null,
        nodes: [
          {
            p: "order",
            n: "order",
            c: { c: "number", whole: true, low: null, high: null, limits: "" },
            t: "int",
            w: "a whole number",
            d: "Order of <b>the</b> filter",
            ro: null,
          },
        ],
        fields: [{ p: "order", v: { k: "int", v: "4" }, s: "idle", ...status }],
      },
    ],
  };
}

/** A kernel that notes what it is told and answers when the test says so. */
class Kernel {
  sent: Record<string, unknown>[] = [];
  handlers = new Set<(message: FromKernel) => void>();
  state: FormState;
  element = document.createElement("div");
  close: () => void;

  constructor(saved: FormData | null, protocol = PROTOCOL) {
    this.state = { _protocol: protocol, _form: saved as FormData };
    const model = {
      get: (name: keyof FormState) => this.state[name],
      set: (name: keyof FormState, value: never) => {
        this.state[name] = value;
      },
      save_changes: () => {},
      send: (content: Record<string, unknown>) => this.sent.push(content),
      on: (_event: string, handler: never) => this.handlers.add(handler),
      off: (_event: string, handler: never) => this.handlers.delete(handler),
    };
    document.body.replaceChildren(this.element);
    this.close = widget.render({ model: model as never, el: this.element });
  }

  say(message: FromKernel): void {
    for (const handler of this.handlers) handler(message);
  }

  get root(): HTMLElement {
    return this.element.firstElementChild as HTMLElement;
  }

  get box(): HTMLTextAreaElement {
    return this.element.querySelector("textarea") as HTMLTextAreaElement;
  }

  get note(): string {
    return this.element.querySelector("[data-reason-for=order]")?.textContent ?? "";
  }

  get hellos(): number {
    return this.sent.filter((message) => message.type === "hello").length;
  }

  type(text: string): void {
    this.box.value = text;
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

describe("the form", () => {
  let kernel: Kernel;

  beforeEach(() => {
    vi.useFakeTimers();
    kernel = new Kernel(form());
  });

  afterEach(() => {
    kernel.close();
    vi.useRealTimers();
  });

  it("shows what was saved and asks for the state on render", () => {
    expect(kernel.hellos).toBe(1);
    expect(kernel.box.value).toBe("4");
    expect(kernel.root.dataset.ezmsgNb).toBe("settings-form");
  });

  it("never shows markup of others as markup", () => {
    expect(kernel.element.querySelector("b")).toBeNull();
    expect(kernel.element.querySelector(".name")?.getAttribute("title")).toContain("<b>the</b>");
  });

  it("says that it connects where nothing was saved, and is never blank", () => {
    const empty = new Kernel(null);
    expect(empty.root.textContent).toContain("Connecting");
    vi.advanceTimersByTime(BUSY_AFTER_MS);
    expect(empty.root.textContent).toContain("Waiting for the kernel");
    empty.say({ type: "form", seq: 1, form: { ...form(), sections: [] } });
    expect(empty.root.textContent).toContain("No settings to show");
    empty.close();
  });

  it("asks again where a change is missing, and takes the form that comes", () => {
    kernel.say({ type: "form", seq: 1, form: form() });
    const changed = { p: "order", v: { k: "int", v: "5" }, s: "idle" } as Status;
    kernel.say({ type: "fields", seq: 2, units: { LP: [changed] } });
    expect(kernel.box.value).toBe("5");
    kernel.say({
      type: "fields",
      seq: 2,
      units: { LP: [{ ...changed, v: { k: "int", v: "1" } }] },
    });
    expect(kernel.box.value).toBe("5");
    kernel.say({
      type: "fields",
      seq: 4,
      units: { LP: [{ ...changed, v: { k: "int", v: "6" } }] },
    });
    expect(kernel.box.value).toBe("5");
    expect(kernel.hellos).toBe(2);
    kernel.say({ type: "form", seq: 4, form: form({ v: { k: "int", v: "7" } }, 4) });
    expect(kernel.box.value).toBe("7");
    expect(kernel.state._form.sections[0]?.fields[0]?.v).toEqual({ k: "int", v: "7" });
  });

  it("keeps what is typed when an answer comes to an older edit", async () => {
    kernel.say({ type: "form", seq: 1, form: form() });
    kernel.type("5");
    kernel.box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    const edit = kernel.sent.at(-1);
    expect(edit).toMatchObject({ type: "edit", unit: "LP", path: "order", value: { v: "5" } });
    kernel.type("56");
    kernel.say({
      type: "answer",
      id: edit?.id as number,
      ok: true,
      field: { p: "order", v: { k: "int", v: "5" }, s: "pending" },
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(kernel.box.value).toBe("56");
  });

  it("says beside the field why an edit was refused", async () => {
    kernel.say({ type: "form", seq: 1, form: form() });
    kernel.type("2.7");
    kernel.box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    kernel.say({
      type: "answer",
      id: kernel.sent.at(-1)?.id as number,
      ok: false,
      reason: "order takes a whole number, not 2.7.",
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(kernel.note).toContain("order takes a whole number, not 2.7.");
    expect(kernel.element.querySelector("[data-field=order]")?.getAttribute("data-state")).toBe(
      "failed",
    );
    kernel.box.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(kernel.box.value).toBe("4");
    expect(kernel.note).toBe("");
    expect(kernel.sent.at(-1)).toMatchObject({ type: "dismiss", path: "order" });
  });

  it("asks before an edit goes over a change from elsewhere", async () => {
    kernel.say({ type: "form", seq: 1, form: form() });
    kernel.type("5");
    const enter = () =>
      kernel.box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    enter();
    const edit = kernel.sent.at(-1);
    expect(edit).toMatchObject({ seen: { k: "int", v: "4" } });
    // The kernel knew of a change that had not come here yet.
    kernel.say({
      type: "answer",
      id: edit?.id as number,
      ok: false,
      conflict: true,
      field: { p: "order", v: { k: "int", v: "9" }, s: "idle" },
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(kernel.box.value).toBe("5");
    expect(kernel.note).toContain("changed elsewhere: 9; Enter again overwrites it");
    enter();
    expect(kernel.sent.at(-1)).toMatchObject({
      type: "edit",
      value: { v: "5" },
      seen: { k: "int", v: "9" },
    });
  });

  it("has no tools but those that the kernel offers", () => {
    const tools = kernel.element.querySelector(".tools") as HTMLElement;
    kernel.say({ type: "form", seq: 1, form: form() });
    expect(tools.hidden).toBe(true);
    const offered = {
      undo: "LP.order to 4",
      redo: "",
      collect: true,
      staged: 2,
      units: ["LP", "HP"],
      pieces: "",
      applying: false,
    };
    kernel.say({ type: "fields", seq: 2, units: {}, tools: offered });
    expect(tools.hidden).toBe(false);
    expect(tools.textContent).toContain("2 changes wait");
    const [undo, redo] = tools.querySelectorAll<HTMLButtonElement>(".tool");
    expect([undo?.disabled, redo?.disabled]).toEqual([false, true]);
    expect(undo?.title).toBe("Undo: LP.order to 4");
    undo?.click();
    expect(kernel.sent.at(-1)).toMatchObject({ type: "undo" });
    // One thing after the other.
    expect(undo?.disabled).toBe(true);
  });

  it("says what a field holds that its type doesn't allow", () => {
    kernel.say({ type: "form", seq: 1, form: form({ v: "abc" }) });
    expect(kernel.note).toContain("holds abc, which is not a whole number");
    kernel.say({ type: "form", seq: 2, form: form({ v: null, unknown: true }, 2) });
    expect(kernel.note).toContain("no value reported");
  });

  it("asks to reload the page where it is of another version", () => {
    const other = new Kernel(form(), PROTOCOL + 1);
    expect(other.root.textContent).toContain("reload the page");
    expect(other.hellos).toBe(0);
    other.close();
  });

  it("lets go of everything when it is closed", () => {
    kernel.close();
    expect(kernel.handlers.size).toBe(0);
    expect(kernel.element.childElementCount).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
