/** The card with details beside the pointer. */
import { make } from "../shared/make";
import type { Graph, PortData } from "./graph";
import { describeProcess } from "./processes";
import { formatRate, type RateTable } from "./rates";
import { rateOf, type SceneBox, type SceneLine } from "./scene";
import { CONDITION_WORDS } from "./words";

export function fillBoxDetails(
  card: HTMLElement,
  one: SceneBox,
  graph: Graph,
  rates: RateTable,
): void {
  const { box, marks, condition } = one;
  const parts: Node[] = [heading(box.kind === "topic" ? "Topic" : box.id)];
  if (box.kind === "topic") parts.push(line(box.name), line("No unit owns this topic."));
  else parts.push(line(box.component.data?.type ?? ""));
  if (box.kind === "unit") {
    const mark = marks[0];
    const where = mark
      ? `Process ${mark.letter}, ${describeProcess(mark, true)}`
      : "No connected process";
    const dynamic = box.units[0]?.dynamic ? " · settings can be changed" : "";
    parts.push(line(`${where}${dynamic}`));
  } else if (box.kind !== "topic") {
    const letters = marks.map((mark) => mark.letter).join(", ");
    parts.push(line(`${box.units.length} units${letters ? ` in processes ${letters}` : ""}`));
    parts.push(line(box.kind === "group" ? "Double click to fold" : "Double click to unfold"));
  }
  if (condition.state !== "ok") {
    const text = [CONDITION_WORDS[condition.state], condition.reason].filter(Boolean).join(": ");
    parts.push(line(text, condition.state === "slow" ? "ezn-warn" : "ezn-bad"));
  }
  const ports = box.ports.flatMap((port) => (port.port ? [port.port] : []));
  if (ports.length > 0) parts.push(portTable(ports, graph, rates));
  card.replaceChildren(...parts);
}

function portTable(ports: PortData[], graph: Graph, rates: RateTable): HTMLElement {
  const table = make("table");
  for (const port of ports) {
    const row = table.insertRow();
    const notes = [port.leaky ? "leaky" : "", port.relay ? "relay" : ""].filter(Boolean);
    row.insertCell().textContent = `${port.direction === "input" ? "→" : "←"} ${port.name}`;
    row.insertCell().textContent = [port.type.slice(port.type.lastIndexOf(".") + 1), ...notes].join(
      ", ",
    );
    row.insertCell().textContent = formatRate(rateOf(graph, rates, port.topic));
  }
  return table;
}

export function fillLineDetails(
  card: HTMLElement,
  one: SceneLine,
  graph: Graph,
  rates: RateTable,
): void {
  const { stretch } = one;
  const edges = stretch.edges.flatMap((index) => graph.data.edges[index] ?? []);
  const rate = formatRate(rateOf(graph, rates, stretch.topic));
  const owners = [...new Set(edges.flatMap((edge) => edge.owners))];
  card.replaceChildren(
    heading(rate === "" ? "rate not known" : rate),
    line(stretch.topic),
    ...edges.slice(0, 6).map((edge) => line(`→ ${edge.to}`)),
    ...(edges.length > 6 ? [line(`and ${edges.length - 6} more`)] : []),
    ...(owners.includes("persistent") ? [line("Persistent: it stays when its session ends")] : []),
  );
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
