/** Rates as they come from the kernel: indexes and values in binary, whole or as a delta. */

export interface RatesMessage {
  type: "rates";
  /** Topology that the indexes belong to. */
  revision: number;
  /** Counts messages of this widget, so that a lost one shows. */
  sequence: number;
  /** Whether the message carries all rates or those that changed. */
  full: boolean;
}

/** What became of a message: used, not for this topology, or one before it is missing. */
export type RatesOutcome = "applied" | "stale" | "gap";

export class RateTable {
  /** Messages per second by index of `Graph.rateTopics`; NaN where not known. */
  values = new Float32Array(0);
  #revision = -1;
  #sequence = -1;

  reset(revision: number, count: number): void {
    this.values = new Float32Array(count).fill(Number.NaN);
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
