/** What the widget says about its graph, in the same words to eyes and to screen readers. */
import type { EdgeOwner, Graph, UnitData } from "./graph";
import { shortTypeName } from "./graph";
import { describeProcess, type ProcessMark } from "./processes";
import { formatMs, formatRate, type RateTable } from "./rates";
import { describeCondition, type UnitCondition } from "./states";
import type { StatusData } from "./store";

const HEADLINES = {
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  lost: "Connection lost",
  closed: "Closed",
};

export function describeStatus(
  { state, text }: StatusData,
  graph: Graph,
  silentFor_s: number | null,
  past: string | null,
): { headline: string; detail: string } {
  const counts = describeCounts(graph);
  if (silentFor_s !== null) {
    return {
      headline: "No answer from the kernel",
      detail: `for ${Math.round(silentFor_s)} s: busy, or gone. Shown is the last known state.`,
    };
  }
  if (past !== null) return { headline: `As it was at ${past}`, detail: counts };
  if (state === "connected") {
    return { headline: "Connected", detail: [text, counts].filter(Boolean).join(" · ") };
  }
  const last = graph.components.size > 0 && state !== "connecting";
  const detail = `${text}${last ? " Shown is the last known state." : ""}`.trim();
  return { headline: HEADLINES[state], detail };
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
  return [
    unit.name,
    shortTypeName(unit.type),
    mark ? `process ${mark.letter}, ${describeProcess(mark, false)}` : "no connected process",
    describeCondition(condition ?? { state: "ok", reason: "" }),
    unit.dynamic ? "settings can be changed" : "",
  ]
    .filter(Boolean)
    .join(", ");
}

export const OWNERS: Record<Exclude<EdgeOwner, "pipeline">, { letter: string; words: string }> = {
  kernel: { letter: "K", words: "connected from this kernel" },
  session: { letter: "S", words: "connected by another session" },
  persistent: { letter: "P", words: "persistent" },
};

/** Of the buffers that a publisher has, this many in use are worth a word. */
const CROWDED = 0.75;

export const isCrowded = (inflight: [number, number] | undefined): boolean =>
  inflight !== undefined && inflight[0] >= CROWDED * inflight[1];

/** What is known of a topic, for where there is no picture around it. */
export function spokenRate(graph: Graph, rates: RateTable, topic: string): string {
  const edges = graph.edgesFrom.get(topic) ?? [];
  const slowest = Math.max(...edges.map((edge) => rates.p99(edge) ?? -1));
  const inflight = rates.inflight(topic);
  const owners = edges.flatMap((edge) => graph.data.edges[edge]?.owner ?? []);
  return [
    formatRate(rates.rate(topic)) || "rate not known",
    isCrowded(inflight) ? `backpressure, ${spokenInflight(inflight)}` : "",
    slowest >= 0 ? `p99 ${formatMs(slowest)}` : "",
    ...[...new Set(owners)].map((owner) => (owner === "pipeline" ? "" : OWNERS[owner].words)),
  ]
    .filter(Boolean)
    .join(", ");
}

export const spokenInflight = (inflight: [number, number] | undefined): string =>
  inflight ? `${inflight.join(" of ")} buffers in flight` : "";
