/** The card with details beside the pointer. */
import { make } from "../shared/make";
import type { Graph, PortData } from "./graph";
import { describeProcess } from "./processes";
import { formatMs, formatRate, type RateTable } from "./rates";
import type { SceneBox, SceneLine } from "./scene";
import { describeCondition, STATES } from "./states";
import { isCrowded, OWNERS, spokenInflight } from "./words";

export function fillBoxDetails(
  card: HTMLElement,
  one: SceneBox,
  rates: RateTable,
  isPinned: boolean,
): void {
  const { box, marks, condition } = one;
  const parts: Node[] = [heading(box.kind === "topic" ? "Topic" : box.id)];
  if (box.kind === "topic") parts.push(line(box.name), line("No unit owns this topic."));
  else parts.push(line(box.component.data?.type ?? ""));
  if (box.kind === "unit") {
    const mark = marks[0];
    const cpu = mark && rates.cpu(mark.id);
    const where = mark
      ? `Process ${mark.letter}, ${describeProcess(mark, true)}`
      : "No connected process";
    const load = cpu === undefined ? "" : ` · ${Math.round(cpu * 100)}% CPU`;
    const dynamic = box.units[0]?.dynamic ? " · settings can be changed" : "";
    parts.push(line(`${where}${load}${dynamic}`));
    if (isPinned) parts.push(line("Double click to unpin"));
  } else if (box.kind !== "topic") {
    const letters = marks.map((mark) => mark.letter).join(", ");
    parts.push(line(`${box.units.length} units${letters ? ` in processes ${letters}` : ""}`));
    parts.push(line(`Double click to ${box.kind === "group" ? "fold" : "unfold"}`));
  }
  if (condition.state !== "ok") {
    const isBad = STATES[condition.state].color === "danger";
    parts.push(line(describeCondition(condition), isBad ? "ezn-bad" : "ezn-warn"));
  }
  const ports = box.ports.flatMap((port) => (port.port ? [port.port] : []));
  if (ports.length > 0) parts.push(portTable(ports, rates));
  card.replaceChildren(...parts);
}

function portTable(ports: PortData[], rates: RateTable): HTMLElement {
  const table = make("table");
  for (const port of ports) {
    const row = table.insertRow();
    const type = port.type.slice(port.type.lastIndexOf(".") + 1);
    const notes = [type, port.leaky ? "leaky" : "", port.relay ? "relay" : ""];
    const cells = [
      `${port.direction === "input" ? "→" : "←"} ${port.name}`,
      notes.filter(Boolean).join(", "),
      formatRate(rates.rate(port.topic)),
    ];
    for (const text of cells) row.insertCell().textContent = text;
  }
  return table;
}

const MOST_EDGES = 6;

export function fillLineDetails(
  card: HTMLElement,
  { stretch, edge: special }: SceneLine,
  graph: Graph,
  rates: RateTable,
): void {
  const inflight = rates.inflight(stretch.topic);
  const parts = [
    heading(formatRate(rates.rate(stretch.topic)) || "rate not known"),
    line(stretch.topic),
  ];
  const waiting = spokenInflight(inflight);
  if (isCrowded(inflight)) parts.push(line(`Backpressure: ${waiting}`, "ezn-warn"));
  else if (waiting) parts.push(line(waiting));
  for (const index of stretch.edges.slice(0, MOST_EDGES)) {
    const p99 = rates.p99(index);
    const notes = [rates.transport(index), p99 === undefined ? "" : `p99 ${formatMs(p99)}`];
    const words = notes.filter(Boolean).join(", ");
    parts.push(line(`→ ${graph.data.edges[index]?.to ?? ""}${words && `: ${words}`}`));
  }
  const more = stretch.edges.length - MOST_EDGES;
  if (more > 0) parts.push(line(`and ${more} more`));
  if (special?.mark) parts.push(line(STATES[special.mark].words, "ezn-warn"));
  const owner = special?.owner ?? "pipeline";
  if (owner !== "pipeline") parts.push(line(OWNERS[owner].words));
  if (owner === "kernel") parts.push(line("Click, and Delete takes it back"));
  card.replaceChildren(...parts);
}

/** Beside the pointer, inside of the stage. */
export function placeCard(card: HTMLElement, x: number, y: number, stage: HTMLElement): void {
  card.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = card;
  const left = x + 16 + width > stage.clientWidth ? x - width - 12 : x + 16;
  const top = Math.min(y + 12, stage.clientHeight - height - 4);
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${Math.max(4, top)}px`;
}

const heading = (text: string): HTMLElement => make("b", {}, text);
const line = (text: string, name = ""): HTMLElement => make("p", { class: name }, text);
