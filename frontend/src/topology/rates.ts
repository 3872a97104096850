/** Numbers as they come from the kernel: indexes and values in binary, whole or as a delta. */
import type { Graph } from "./graph";

export interface RatesMessage {
  type: "rates";
  /** Topology that the indexes belong to. */
  revision: number;
  /** Counts messages of this widget, so that a lost one shows. */
  sequence: number;
  /** Whether the message carries all numbers or those that changed. */
  full: boolean;
}

/** What became of a message: used, not for this topology, or one before it is missing. */
export type RatesOutcome = "applied" | "stale" | "gap";

/** How messages come to a subscriber: a bit each, several where an edge has several. */
const TRANSPORTS = ["this process", "shared memory", "TCP"];

/**
 * One vector: of each topic that an edge starts at messages per second, in flight, buffers; of each
 * edge transport and p99 latency; of each process CPU. NaN where not known. The order of each is
 * the graph's; `ezmsg_nb/topology_numbers.py` writes the same.
 */
export class RateTable {
  values = new Float32Array(0);
  #topics: ReadonlyMap<string, number> = new Map();
  #processes: ReadonlyMap<string, number> = new Map();
  #edges = 0;
  #revision = -1;
  #sequence = -1;

  /** Begins anew for another graph; what is known of a topic goes on to stand at its line. */
  reset(revision: number, graph: Graph): void {
    const known = new Map([...this.#topics.keys()].map((topic) => [topic, this.rate(topic)]));
    this.#topics = graph.rateIndex;
    this.#edges = graph.data.edges.length;
    this.#processes = new Map(graph.data.processes.map(({ id }, index) => [id, index]));
    const count = 3 * this.#topics.size + 2 * this.#edges + this.#processes.size;
    this.values = new Float32Array(count).fill(Number.NaN);
    for (const [topic, index] of this.#topics) this.values[index] = known.get(topic) ?? Number.NaN;
    this.#revision = revision;
    this.#sequence = -1;
  }

  apply(message: RatesMessage, buffers: readonly DataView[]): RatesOutcome {
    if (message.revision !== this.#revision) return "stale";
    if (!message.full && message.sequence !== this.#sequence + 1) return "gap";
    const [indexBytes, valueBytes] = buffers;
    if (!indexBytes || !valueBytes) return "gap";
    const count = Math.min(indexBytes.byteLength, valueBytes.byteLength) >> 2;
    if (message.full) this.values.fill(Number.NaN);
    for (let i = 0; i < count; i++) {
      const index = indexBytes.getUint32(i * 4, true);
      if (index < this.values.length) this.values[index] = valueBytes.getFloat32(i * 4, true);
    }
    this.#sequence = message.sequence;
    return "applied";
  }

  /** Messages per second of a topic. */
  rate(topic: string): number | undefined {
    return this.#at(this.#topics.get(topic));
  }

  /** Messages of a topic that wait for a subscriber, and how many may. */
  inflight(topic: string): [waiting: number, buffers: number] | undefined {
    const [index, count] = [this.#topics.get(topic) ?? Number.NaN, this.#topics.size];
    const [waiting, buffers] = [this.#at(index + count), this.#at(index + 2 * count)];
    return waiting === undefined || !buffers ? undefined : [waiting, buffers];
  }

  /** Transports of an edge, in words; empty where not known. */
  transport(edge: number): string {
    const bits = this.#at(3 * this.#topics.size + edge) ?? 0;
    return TRANSPORTS.filter((_, bit) => bits & (1 << bit)).join(", ");
  }

  /** 99th percentile of an edge's latency in ms, while a trace runs. */
  p99(edge: number): number | undefined {
    return this.#at(3 * this.#topics.size + this.#edges + edge);
  }

  /** CPU of a process, 1 for a whole one. */
  cpu(process: string): number | undefined {
    const index = this.#processes.get(process) ?? Number.NaN;
    return this.#at(3 * this.#topics.size + 2 * this.#edges + index);
  }

  #at(index: number | undefined): number | undefined {
    const value = this.values[index ?? -1];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }
}

/** A rate in few characters, for a label: `19.8 Hz`, `512 Hz`, `1.95 kHz`; empty if not known. */
export function formatRate(rate: number | undefined): string {
  if (rate === undefined || !Number.isFinite(rate) || rate < 0) return "";
  if (rate === 0) return "0 Hz";
  if (rate < 0.1) return "<0.1 Hz";
  if (rate < 99.95) return `${rate.toFixed(1)} Hz`;
  if (rate < 999.5) return `${Math.round(rate)} Hz`;
  if (rate < 9_995) return `${(rate / 1000).toFixed(2)} kHz`;
  if (rate < 99_950) return `${(rate / 1000).toFixed(1)} kHz`;
  if (rate < 999_500) return `${Math.round(rate / 1000)} kHz`;
  return `${(rate / 1e6).toFixed(1)} MHz`;
}

/** A rate in the room that there is: full, rounded, or without its unit: `19.8 Hz`, `20 Hz`, `20`. */
export function rateForms(rate: number | undefined): string[] {
  const full = formatRate(rate);
  if (full === "" || rate === undefined) return [];
  const unit = rate < 999.5 ? "" : rate < 999_500 ? "k" : "M";
  const scale = { "": 1, k: 1e3, M: 1e6 }[unit];
  const rounded = rate > 0 && rate < 1 ? "<1" : String(Math.round(rate / scale));
  return [full, `${rounded} ${unit}Hz`, `${rounded}${unit}`];
}

/** A latency in few characters: `0.4 ms`, `18 ms`. */
export const formatMs = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
