/** Which values a lane spans: the same for all channels, each around a middle of its own. */
import type { Sweep } from "./sweep";

export interface Scale {
  /** Half of what a lane spans. */
  half: number;
  /** The value in the middle of each channel's lane. */
  middles: Float64Array;
}

const SHARE_THAT_FITS = 0.95;
const MARGIN = 1.1;
const SMALLEST = 1e-12;

/** The scale at which nearly all channels fit their lanes. */
export function fitted(sweep: Sweep): Scale {
  const middles = new Float64Array(sweep.channels);
  const spans: number[] = [];
  for (let channel = 0; channel < sweep.channels; channel += 1) {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    const stride = sweep.channels * 2;
    for (let at = channel * 2; at < sweep.values.length; at += stride) {
      const low = sweep.values[at] as number;
      const high = sweep.values[at + 1] as number;
      if (low < least) least = low;
      if (high > greatest) greatest = high;
    }
    if (greatest < least) continue;
    middles[channel] = (least + greatest) / 2;
    spans.push(greatest - least);
  }
  spans.sort((a, b) => a - b);
  const span = spans[Math.floor((spans.length - 1) * SHARE_THAT_FITS)] ?? 2 / MARGIN;
  return { half: Math.max(SMALLEST, (span / 2) * MARGIN), middles };
}

/** Whether a scale is so much better than another that it is worth drawing all anew. */
export function differs(a: Scale, b: Scale): boolean {
  if (a.middles.length !== b.middles.length) return true;
  const ratio = a.half / b.half;
  if (ratio > 1.02 || ratio < 0.8) return true;
  return a.middles.some((middle, at) => Math.abs(middle - (b.middles[at] ?? 0)) > 0.1 * b.half);
}

/** A number as short as it can be read, with its unit. */
export function valueText(value: number, unit: string): string {
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5)
      ? value.toExponential(1)
      : `${+value.toPrecision(3)}`;
  return unit ? `${text} ${unit}` : text;
}
