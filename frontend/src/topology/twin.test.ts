// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { demoTopology } from "../../tests/graphs";
import { themeFrom } from "../shared/theme";
import { Graph } from "./graph";
import { ProcessMarks } from "./processes";
import { RateTable } from "./rates";
import { Twin } from "./twin";

const theme = themeFrom({
  page: [255, 255, 255],
  text: [0, 0, 0],
  accent: [0, 0, 255],
  danger: [200, 0, 0],
  warning: [200, 120, 0],
  success: [0, 120, 0],
  font: "sans-serif",
});

describe("accessible twin", () => {
  const graph = new Graph(demoTopology());
  const marks = new ProcessMarks().of(graph, theme);
  let calls: string[] = [];
  let twin: Twin;

  const item = (id: string): HTMLElement =>
    twin.element.querySelector<HTMLElement>(`[data-id="${id}"]`) ?? document.body;
  const press = (key: string): void => {
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  };
  const focused = (): string | undefined => (document.activeElement as HTMLElement).dataset.id;

  beforeEach(() => {
    calls = [];
    twin = new Twin({
      focus: (id) => calls.push(`focus ${id}`),
      select: (id) => calls.push(`select ${id}`),
      fold: (id, folded) => calls.push(`${folded ? "fold" : "unfold"} ${id}`),
    });
    document.body.replaceChildren(twin.element);
    twin.show(graph, new Set(), marks, new Map([["LP", { state: "dead", reason: "killed" }]]));
  });

  it("is a tree of collections and their units", () => {
    expect(twin.element.getAttribute("role")).toBe("tree");
    expect(twin.element.querySelectorAll("[data-unit]")).toHaveLength(10);
    expect(item("ECOG").getAttribute("aria-expanded")).toBe("true");
    expect(item("ECOG/ADD").getAttribute("aria-level")).toBe("2");
    expect(item("LP").textContent).toMatch(/ButterworthFilter.*died: killed/);
    expect(item("LP").dataset.condition).toBe("dead");
    expect(item("SLICE").textContent).toMatch(/process B, pid 4101/);
  });

  it("has the rate of each stream", () => {
    const rates = new RateTable();
    rates.reset(1, graph);
    rates.values[graph.rateIndex.get("LP/OUTPUT_SIGNAL") ?? -1] = 20;
    twin.showRates(graph, rates);
    const text = (topic: string): string | null | undefined =>
      twin.element.querySelector(`[data-rate-of="${topic}"]`)?.textContent;
    expect(text("LP/OUTPUT_SIGNAL")).toBe("20.0 Hz");
    expect(text("CAR/OUTPUT_SIGNAL")).toBe("rate not known");
    expect(twin.element.querySelectorAll("[data-rate-of]")).toHaveLength(graph.rateTopics.length);
  });

  it("has one stop for Tab, and moves by arrows", () => {
    expect(twin.element.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
    twin.focus("ECOG");
    press("ArrowRight");
    expect(focused()).toBe("ECOG/CLOCK");
    press("ArrowDown");
    expect(focused()).toBe("ECOG/NOISE");
    press("ArrowLeft");
    expect(focused()).toBe("ECOG");
    press("End");
    expect(focused()).toBe("SINK");
    press("Enter");
    expect(calls.at(-1)).toBe("select SINK");
    expect(twin.element.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
  });

  it("folds and unfolds, and skips what is folded", () => {
    twin.focus("ECOG");
    press("ArrowLeft");
    expect(calls.at(-1)).toBe("fold ECOG");
    twin.show(graph, new Set(["ECOG"]), marks, new Map());
    expect(focused()).toBe("ECOG");
    press("ArrowDown");
    expect(focused()).toBe("SLICE");
    twin.focus("ECOG");
    press("ArrowRight");
    expect(calls.at(-1)).toBe("unfold ECOG");
  });

  it("tells what is selected", () => {
    twin.showSelected("CAR");
    expect(item("CAR").getAttribute("aria-selected")).toBe("true");
    expect(item("LP").getAttribute("aria-selected")).toBe("false");
  });
});
