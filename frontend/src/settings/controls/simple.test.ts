// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import {
  boxes,
  CHOICE,
  float,
  int,
  made,
  NUMBER,
  OPEN_CHOICE,
  press,
  SLIDER,
  type,
} from "../../../tests/controls";

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
