// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { float, int, list, made, OBJECT, TYPED, type, UNION } from "../../../tests/controls";
import { equal } from "../encoded";
import type { ControlSpec } from "../protocol";
import type { Control } from "./control";

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
