/** Controls of the settings form for tests, and what a person does to them. */
import { vi } from "vitest";
import type { Control, Host } from "../src/settings/controls/control";
import { makeControl } from "../src/settings/controls/make";
import type { Encoded } from "../src/settings/encoded";
import type { ControlSpec } from "../src/settings/protocol";

export const int = (v: string): Encoded => ({ k: "int", v });
export const float = (v: string): Encoded => ({ k: "float", v });
export const list = (...v: Encoded[]): Encoded => ({ k: "list", v });

export const NUMBER: ControlSpec = { c: "number", whole: false, low: null, high: null, limits: "" };
export const WHOLE: ControlSpec = { c: "number", whole: true, low: null, high: null, limits: "" };
export const SLIDER: ControlSpec = {
  c: "number",
  whole: false,
  low: 0,
  high: 10,
  limits: "",
  step: null,
};
export const TEXT: ControlSpec = { c: "text", of: "text" };
export const CHOICE: ControlSpec = {
  c: "choice",
  options: [
    { label: "FAST", v: "fast" },
    { label: "SLOW", v: "slow" },
  ],
  open: false,
};
export const OPEN_CHOICE: ControlSpec = {
  c: "choice",
  options: [{ label: "1", v: int("1") }],
  open: true,
};
export const OBJECT: ControlSpec = {
  c: "object",
  members: [
    { n: "order", d: null, of: WHOLE, v: int("4"), given: true },
    { n: "cutoff", d: "in Hz", of: NUMBER, v: null, given: false },
  ],
};
export const LIST: ControlSpec = { c: "list", item: NUMBER, kind: "list", least: 0, most: null };
export const BOXES: ControlSpec = { c: "boxes", items: [NUMBER, NUMBER] };
export const DICT: ControlSpec = { c: "dict", key: TEXT, value: NUMBER };
export const UNION: ControlSpec = {
  c: "union",
  arms: [
    { label: "number", of: NUMBER },
    { label: "list", of: LIST },
    { label: "text", of: TEXT },
  ],
};
export const TYPED: ControlSpec = { c: "typed", words: "anything" };

export function made(spec: ControlSpec): { control: Control; host: Host & { commits: number } } {
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

export function boxes(control: Control): HTMLTextAreaElement[] {
  const { element } = control;
  const own = element instanceof HTMLTextAreaElement ? [element] : [];
  return [...own, ...element.querySelectorAll("textarea")];
}

export function type(control: Control, text: string, at = 0): void {
  const box = boxes(control)[at];
  if (box === undefined) throw new Error("no such box");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

export function press(element: Element, key: string): void {
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

export function click(control: Control, title: string, at = 0): void {
  control.element.querySelectorAll<HTMLButtonElement>(`[title="${title}"]`)[at]?.click();
}
