// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { type Encoded, equal } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control, Host } from "./control";
import { makeControl } from "./make";

const int = (v: string): Encoded => ({ k: "int", v });
const float = (v: string): Encoded => ({ k: "float", v });
const list = (...v: Encoded[]): Encoded => ({ k: "list", v });

const NUMBER: ControlSpec = { c: "number", whole: false, low: null, high: null, limits: "" };
const WHOLE: ControlSpec = { c: "number", whole: true, low: null, high: null, limits: "" };
const SLIDER: ControlSpec = { c: "number", whole: false, low: 0, high: 10, limits: "", step: null };
const TEXT: ControlSpec = { c: "text", of: "text" };
const CHOICE: ControlSpec = {
  c: "choice",
  options: [
    { label: "FAST", v: "fast" },
    { label: "SLOW", v: "slow" },
  ],
  open: false,
};
const OPEN_CHOICE: ControlSpec = {
  c: "choice",
  options: [{ label: "1", v: int("1") }],
  open: true,
};
const OBJECT: ControlSpec = {
  c: "object",
  members: [
    { n: "order", d: null, of: WHOLE, v: int("4"), given: true },
    { n: "cutoff", d: "in Hz", of: NUMBER, v: null, given: false },
  ],
};
const LIST: ControlSpec = { c: "list", item: NUMBER, kind: "list", least: 0, most: null };
const BOXES: ControlSpec = { c: "boxes", items: [NUMBER, NUMBER] };
const DICT: ControlSpec = { c: "dict", key: TEXT, value: NUMBER };
const UNION: ControlSpec = {
  c: "union",
  arms: [
    { label: "number", of: NUMBER },
    { label: "list", of: LIST },
    { label: "text", of: TEXT },
  ],
};
const TYPED: ControlSpec = { c: "typed", words: "anything" };

function made(spec: ControlSpec): { control: Control; host: Host & { commits: number } } {
  const host = {
    commits: 0,
    edited: vi.fn(),
    commit: () => {
      host.commits += 1;
    },
    label: "field",
  };
  const control = makeControl(spec, host);
  document.body.replaceChildren(control.element);
  return { control, host };
}

function boxes(control: Control): HTMLTextAreaElement[] {
  const { element } = control;
  const own = element instanceof HTMLTextAreaElement ? [element] : [];
  return [...own, ...element.querySelectorAll("textarea")];
}

function type(control: Control, text: string, at = 0): void {
  const box = boxes(control)[at];
  if (box === undefined) throw new Error("no such box");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

function press(element: Element, key: string): void {
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

function click(control: Control, title: string, at = 0): void {
  control.element.querySelectorAll<HTMLButtonElement>(`[title="${title}"]`)[at]?.click();
}

const SHOWN: [string, ControlSpec, Encoded[]][] = [
  ["bool", { c: "bool" }, [true, false, null, "yes", int("1")]],
  ["tristate", { c: "tristate" }, [true, false, null]],
  [
    "number",
    NUMBER,
    [float("1.5"), float("30000.0"), int("30000"), float("nan"), float("-inf"), null, "x", true],
  ],
  ["whole number", WHOLE, [int("5"), int("123456789012345678901234567890"), float("2.5")]],
  ["slider", SLIDER, [float("2.5"), float("99.0"), int("3")]],
  ["text", TEXT, ["", "a", "two\nlines", "end\r\n", " spaced ", null, int("3")]],
  ["path", { c: "text", of: "path" }, ["/tmp/x"]],
  ["complex", { c: "text", of: "complex" }, [{ k: "complex", v: "(1+2j)" }]],
  ["choice", CHOICE, ["fast", "slow", "unknown", null, { k: "enum", v: "fast", text: "FAST" }]],
  ["open choice", OPEN_CHOICE, [int("1"), int("7"), "x", null]],
  ["optional", { c: "optional", of: NUMBER }, [null, float("1.0"), int("2")]],
  [
    "list",
    LIST,
    [list(), list(float("1.0")), list(int("1"), float("1.0")), { k: "tuple", v: [int("1")] }, null],
  ],
  [
    "list of pairs",
    { c: "list", item: BOXES, kind: "list", least: 0, most: null },
    [list(list(float("1.0"), float("2.0")))],
  ],
  ["boxes", BOXES, [list(float("1.0"), int("2")), list(), list(float("1.0")), null, "x"]],
  ["dict", DICT, [{ k: "dict", v: [] }, { k: "dict", v: [["a", float("1.0")]] }, null]],
  ["union", UNION, [float("1.0"), list(float("1.0")), "x", null, { k: "object", text: "f" }]],
  [
    "object",
    OBJECT,
    [
      { k: "dict", v: [["order", int("4")]] },
      {
        k: "dict",
        v: [
          ["order", int("4")],
          ["cutoff", null],
        ],
      },
    ],
  ],
  ["typed", TYPED, [null, int("1"), "x", list(int("1")), { k: "dict", v: [["a", true]] }]],
  [
    "array",
    { c: "array" },
    [
      { k: "array", v: "[1.0, 0.0]", text: "float64" },
      { k: "object", text: "large" },
      list(int("1")),
    ],
  ],
  ["static", { c: "static" }, [{ k: "object", text: "<function>" }, null, "x"]],
  ["group", { c: "group" }, [{ k: "dict", v: [] }]],
];

describe.each(SHOWN)("%s", (_name, spec, values) => {
  it.each(values.map((value) => [JSON.stringify(value), value] as const))(
    "gives back %s exactly",
    (_text, value) => {
      const { control, host } = made(spec);
      control.show(value);
      expect(control.read()).toEqual(value);
      for (const box of control.element.querySelectorAll("textarea, input, select")) {
        box.dispatchEvent(new Event("focus"));
        box.dispatchEvent(new Event("blur"));
      }
      expect(control.read()).toEqual(value);
      control.enable(false);
      control.enable(true);
      expect(control.read()).toEqual(value);
      expect(host.edited).not.toHaveBeenCalled();
      expect(host.commits).toBe(0);
    },
  );

  it("is never blank about a value that it was given", () => {
    if (spec.c === "group") return;
    const { control } = made(spec);
    for (const value of values) {
      control.show(value);
      expect(control.element.outerHTML.length).toBeGreaterThan(0);
    }
  });
});

describe("number", () => {
  it("sends what was typed as text, and the same text as the same value", () => {
    const { control, host } = made(NUMBER);
    control.show(float("30.0"));
    type(control, "1e-6");
    expect(control.read()).toEqual({ k: "number", v: "1e-6" });
    expect(host.edited).toHaveBeenCalledOnce();
    type(control, "30.0");
    expect(control.read()).toEqual(float("30.0"));
  });

  it("commits on Enter, not on Shift+Enter or while composing", () => {
    const { control, host } = made(NUMBER);
    const [box] = boxes(control);
    press(box as Element, "Enter");
    expect(host.commits).toBe(1);
    box?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey: true }));
    expect(host.commits).toBe(1);
  });

  it.each([
    ["2.50", "ArrowUp", "2.51"],
    ["0.1", "ArrowDown", "0.0"],
    ["0.0", "ArrowDown", "-0.1"],
    ["-0.05", "ArrowUp", "-0.04"],
    ["9", "ArrowUp", "10"],
    ["-1", "ArrowUp", "0"],
    ["1e-6", "ArrowUp", "1e-6"],
    ["nan", "ArrowUp", "nan"],
    ["12345678901234567890", "ArrowUp", "12345678901234567891"],
  ])("%s %s is %s", (before, key, after) => {
    const { control } = made(NUMBER);
    control.show({ k: "number", v: before });
    press(boxes(control)[0] as Element, key);
    expect(boxes(control)[0]?.value).toBe(after);
  });

  it("has a slider only with both limits, and it follows the box", () => {
    expect(made(NUMBER).control.element.querySelector("[type=range]")).toBeNull();
    const { control, host } = made(SLIDER);
    control.show(float("2.5"));
    const slider = control.element.querySelector<HTMLInputElement>("[type=range]");
    expect(Number(slider?.value)).toBeCloseTo(2.5);
    if (slider === null) throw new Error("no slider");
    slider.value = "7";
    slider.dispatchEvent(new Event("input"));
    expect(host.commits).toBe(0);
    expect(Number(boxes(control)[0]?.value)).toBeCloseTo(7);
    slider.dispatchEvent(new Event("change"));
    expect(host.commits).toBe(1);
  });

  it("sends the keys of a slider once they rest", () => {
    vi.useFakeTimers();
    const { control, host } = made(SLIDER);
    control.show(float("2.5"));
    const slider = control.element.querySelector("[type=range]") as HTMLInputElement;
    for (let index = 0; index < 5; index += 1) {
      press(slider, "ArrowRight");
      slider.dispatchEvent(new Event("change"));
    }
    expect(host.commits).toBe(0);
    vi.runAllTimers();
    expect(host.commits).toBe(1);
    vi.useRealTimers();
  });
});

describe("choice", () => {
  it("keeps a value that is none of the choices, and says so", () => {
    const { control } = made(CHOICE);
    control.show("medium");
    expect(control.element.textContent).toContain("medium (none of the choices)");
    expect(control.read()).toBe("medium");
  });

  it("shows members by name and sends their value", () => {
    const { control, host } = made(CHOICE);
    control.show("fast");
    const select = control.element as HTMLSelectElement;
    expect([...select.options].map((option) => option.textContent)).toEqual(["FAST", "SLOW"]);
    select.value = "1";
    select.dispatchEvent(new Event("change"));
    expect(control.read()).toBe("slow");
    expect(host.commits).toBe(1);
  });

  it("waits for Enter when keys pass over the choices", () => {
    const { control, host } = made(CHOICE);
    control.show("fast");
    const select = control.element as HTMLSelectElement;
    press(select, "ArrowDown");
    select.value = "1";
    select.dispatchEvent(new Event("change"));
    expect(host.commits).toBe(0);
    press(select, "Enter");
    expect(host.commits).toBe(1);
  });

  it("takes another value where the choices are only guessed", () => {
    const { control } = made(OPEN_CHOICE);
    control.show(int("1"));
    const box = control.element.querySelector("input") as HTMLInputElement;
    box.value = "2";
    expect(control.read()).toEqual({ k: "number", v: "2" });
  });
});

describe("bool", () => {
  it("commits a click", () => {
    const { control, host } = made({ c: "bool" });
    control.show(true);
    control.element.querySelector("input")?.click();
    expect(control.read()).toBe(false);
    expect(host.commits).toBe(1);
  });

  it("shows a value that is no bool as undecided", () => {
    const { control } = made({ c: "bool" });
    control.show("yes");
    expect(control.element.querySelector("input")?.indeterminate).toBe(true);
    expect(control.element.textContent).toBe("yes");
  });
});

describe("optional", () => {
  function toggled(spec: ControlSpec): ReturnType<typeof made> & { toggle: HTMLInputElement } {
    const found = made({ c: "optional", of: spec });
    const toggle = found.control.element.querySelector(".toggle") as HTMLInputElement;
    return { ...found, toggle };
  }

  it("is off for none, and sends nothing before there is a value", () => {
    const { control, host, toggle } = toggled(NUMBER);
    control.show(null);
    expect(control.element.textContent).toBe("none");
    toggle.click();
    expect(control.read()).toBeNull();
    expect(host.commits).toBe(0);
    type(control, "3");
    expect(control.read()).toEqual({ k: "number", v: "3" });
  });

  it("remembers the last value", () => {
    const { control, host, toggle } = toggled(NUMBER);
    control.show(float("5.0"));
    toggle.click();
    expect(control.read()).toBeNull();
    expect(host.commits).toBe(1);
    control.show(null);
    expect(control.element.textContent).toContain("none (was 5.0)");
    toggle.click();
    expect(control.read()).toEqual(float("5.0"));
    expect(host.commits).toBe(2);
  });

  it("sends empty text on Enter: it is not none", () => {
    const { control, toggle } = toggled(TEXT);
    control.show(null);
    toggle.click();
    press(boxes(control)[0] as Element, "Enter");
    expect(control.read()).toBe("");
  });

  it("sets an object with its defaults", () => {
    const { control, host, toggle } = toggled(OBJECT);
    control.show(null);
    toggle.click();
    expect(control.read()).toEqual({ k: "dict", v: [["order", int("4")]] });
    expect(host.commits).toBe(1);
  });

  it("can take away an object that it can't give", () => {
    const { control, toggle } = toggled({ c: "static" });
    control.show(null);
    expect(toggle.disabled).toBe(true);
    control.show({ k: "object", text: "<Connection>" });
    expect(toggle.disabled).toBe(false);
  });
});

describe("list", () => {
  it("adds, changes and removes items, and keeps the kind of the container", () => {
    const { control, host } = made(LIST);
    control.show({ k: "tuple", v: [int("1"), int("2")] });
    click(control, "Add an item");
    type(control, "3", 2);
    click(control, "Remove this item");
    expect(control.read()).toEqual({ k: "tuple", v: [int("2"), { k: "number", v: "3" }] });
    expect(host.commits).toBe(0);
    press(boxes(control)[0] as Element, "Enter");
    expect(host.commits).toBe(1);
  });

  it("keeps its controls when shown again", () => {
    const { control } = made(LIST);
    control.show(list(float("1.0"), float("2.0")));
    const [first] = boxes(control);
    control.show(list(float("3.0"), float("2.0"), float("1.0")));
    expect(boxes(control)[0]).toBe(first);
    expect(boxes(control).map((box) => box.value)).toEqual(["3.0", "2.0", "1.0"]);
    control.show(list());
    expect(boxes(control)).toEqual([]);
  });

  it("removes an empty item by Backspace", () => {
    const { control } = made(LIST);
    control.show(list(float("1.0")));
    press(boxes(control)[0] as Element, "Backspace");
    expect(boxes(control)).toHaveLength(1);
    type(control, "");
    press(boxes(control)[0] as Element, "Backspace");
    expect(control.read()).toEqual(list());
  });

  it("stops at the most items", () => {
    const { control } = made({ ...LIST, most: 1 } as ControlSpec);
    control.show(list(float("1.0")));
    expect(control.element.querySelector<HTMLButtonElement>(".add")?.disabled).toBe(true);
  });
});

describe("boxes", () => {
  it("sends all of them once one is typed in", () => {
    const { control } = made(BOXES);
    control.show(list());
    type(control, "1");
    expect(control.read()).toEqual(list({ k: "number", v: "1" }, ""));
    type(control, "2", 1);
    expect(control.read()).toEqual(list({ k: "number", v: "1" }, { k: "number", v: "2" }));
  });
});

describe("dict", () => {
  it("adds and removes entries", () => {
    const { control } = made(DICT);
    control.show({ k: "dict", v: [["a", float("1.0")]] });
    click(control, "Add an entry");
    type(control, "b", 2);
    type(control, "2", 3);
    expect(control.read()).toEqual({
      k: "dict",
      v: [
        ["a", float("1.0")],
        ["b", { k: "number", v: "2" }],
      ],
    });
    click(control, "Remove this entry");
    expect(control.read()).toEqual({ k: "dict", v: [["b", { k: "number", v: "2" }]] });
  });
});

describe("union", () => {
  function choose(control: Control, arm: number): void {
    const chooser = control.element.querySelector(".kinds") as HTMLSelectElement;
    chooser.value = String(arm);
    chooser.dispatchEvent(new Event("change"));
  }

  it("shows the kind of the value", () => {
    const { control } = made(UNION);
    const chooser = control.element.querySelector(".kinds") as HTMLSelectElement;
    control.show(list(float("1.0")));
    expect(chooser.value).toBe("1");
    control.show("x");
    expect(chooser.value).toBe("2");
  });

  it("holds the old value until one of the new kind is given", () => {
    const { control } = made(UNION);
    control.show(float("1.0"));
    choose(control, 2);
    expect(control.read()).toEqual(float("1.0"));
    type(control, "abc");
    expect(control.read()).toBe("abc");
    choose(control, 0);
    expect(control.read()).toEqual(float("1.0"));
  });
});

describe("object", () => {
  it("leaves out what was never given", () => {
    const { control } = made(OBJECT);
    control.show({ k: "dict", v: [["order", int("2")]] });
    type(control, "5", 1);
    expect(control.read()).toEqual({
      k: "dict",
      v: [
        ["order", int("2")],
        ["cutoff", { k: "number", v: "5" }],
      ],
    });
  });
});

describe("typed and array", () => {
  it("send text for the kernel to read", () => {
    for (const spec of [TYPED, { c: "array" } as ControlSpec]) {
      const { control } = made(spec);
      control.show(list(int("1")));
      type(control, "[1, 2]");
      expect(equal(control.read(), { k: "typed", v: "[1, 2]" })).toBe(true);
    }
  });
});
