// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import {
  BOXES,
  CHOICE,
  DICT,
  float,
  int,
  LIST,
  list,
  made,
  NUMBER,
  OBJECT,
  OPEN_CHOICE,
  SLIDER,
  TEXT,
  TYPED,
  UNION,
  WHOLE,
} from "../../../tests/controls";
import type { Encoded } from "../encoded";
import type { ControlSpec } from "../protocol";

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
