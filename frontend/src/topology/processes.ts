/** A colour and a letter for each process: the letter for who can't tell the colours apart. */
import { mix, type Rgb } from "../shared/color";
import type { Theme } from "../shared/theme";
import type { Graph, ProcessData } from "./graph";

/**
 * Chosen apart for the common kinds of colour blindness, without red and amber, which mean that
 * something is wrong.
 */
const PALETTE: readonly Rgb[] = [
  [64, 120, 178],
  [60, 160, 142],
  [164, 80, 158],
  [148, 142, 44],
  [122, 110, 204],
  [84, 172, 222],
  [52, 132, 62],
  [196, 112, 140],
];

export interface ProcessMark {
  id: string;
  letter: string;
  color: Rgb;
  process: ProcessData | null;
  units: number;
}

/** Keeps the mark of a process as long as a widget lives, whatever comes and goes. */
export class ProcessMarks {
  readonly #places = new Map<string, number>();

  of(graph: Graph, theme: Theme): Map<string, ProcessMark> {
    const counts = new Map<string, number>();
    for (const process of graph.data.processes) counts.set(process.id, 0);
    for (const { process } of graph.data.units) {
      if (process !== null) counts.set(process, (counts.get(process) ?? 0) + 1);
    }
    const marks = new Map<string, ProcessMark>();
    for (const [id, units] of counts) {
      if (units === 0) continue;
      const place = this.#places.get(id) ?? this.#places.size;
      this.#places.set(id, place);
      const base = PALETTE[place % PALETTE.length] ?? [128, 128, 128];
      const color: Rgb = theme.dark ? mix(base as Rgb, [255, 255, 255], 0.22) : (base as Rgb);
      const process = graph.processes.get(id) ?? null;
      marks.set(id, { id, letter: letterOf(place), color, process, units });
    }
    return marks;
  }
}

/** A to Z, then A1, B1, and so on. */
export function letterOf(place: number): string {
  const letter = String.fromCharCode(65 + (place % 26));
  const round = Math.floor(place / 26);
  return round === 0 ? letter : `${letter}${round}`;
}

export function describeProcess(mark: ProcessMark, showHost: boolean): string {
  const pid = mark.process?.pid;
  const host = mark.process?.host;
  const name = pid === null || pid === undefined ? "process" : `pid ${pid}`;
  return `${name}${showHost && host ? ` on ${host}` : ""}`;
}
