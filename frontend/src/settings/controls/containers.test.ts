// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import {
  BOXES,
  boxes,
  click,
  DICT,
  float,
  int,
  LIST,
  list,
  made,
  NUMBER,
  OBJECT,
  press,
  TEXT,
  type,
} from "../../../tests/controls";
import type { ControlSpec } from "../protocol";

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
