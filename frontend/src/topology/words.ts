/** What the widget says about its graph, in the same words to eyes and to screen readers. */
import type { Graph, UnitData } from "./graph";
import { shortTypeName } from "./graph";
import { describeProcess, type ProcessMark } from "./processes";
import { formatRate, type RateTable } from "./rates";
import { rateOf, type UnitCondition } from "./scene";
import type { StatusData } from "./store";

export const CONDITION_WORDS = {
  ok: "running",
  dead: "died",
  stale: "does not answer",
  slow: "backpressure",
} as const;

export function describeStatus(
  { state, text }: StatusData,
  graph: Graph,
  silentFor_s: number | null,
): { headline: string; detail: string } {
  const counts = describeCounts(graph);
  if (silentFor_s !== null) {
    return {
      headline: "No answer from the kernel",
      detail: `for ${Math.round(silentFor_s)} s: it is busy or gone. Shown is the last known state.`,
    };
  }
  const last = graph.components.size > 0 ? " Shown is the last known state." : "";
  switch (state) {
    case "connecting":
      return { headline: "Connecting", detail: text };
    case "connected":
      return { headline: "Connected", detail: [text, counts].filter(Boolean).join(" · ") };
    case "reconnecting":
      return { headline: "Reconnecting", detail: `${text}${last}`.trim() };
    case "lost":
      return { headline: "Connection lost", detail: `${text}${last}`.trim() };
    case "closed":
      return { headline: "Closed", detail: `${text}${last}`.trim() };
  }
}

function describeCounts(graph: Graph): string {
  const units = graph.units.size;
  const topics = graph.components.size - units - graph.collections.size;
  const processes = graph.processes.size;
  return [
    `${units} unit${units === 1 ? "" : "s"}`,
    topics > 0 ? `${topics} topic${topics === 1 ? "" : "s"} without a unit` : "",
    `${processes} process${processes === 1 ? "" : "es"}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

export function describeUnit(
  unit: UnitData,
  mark: ProcessMark | undefined,
  condition: UnitCondition | undefined,
): string {
  const state = condition?.state ?? "ok";
  return [
    unit.name,
    shortTypeName(unit.type),
    mark ? `process ${mark.letter}, ${describeProcess(mark, false)}` : "no connected process",
    CONDITION_WORDS[state] + (condition?.reason ? `: ${condition.reason}` : ""),
    unit.dynamic ? "settings can be changed" : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/** A rate with what it is, for where there is no picture around it. */
export function spokenRate(graph: Graph, rates: RateTable, topic: string): string {
  const text = formatRate(rateOf(graph, rates, topic));
  return text === "" ? "rate not known" : text;
}
