/** The columns of the last sweep: least and greatest value of each channel. */

/** Part of a sweep that is empty before its head, so that old and new can be told apart. */
const GAP_SHARE = 0.02;

export class Sweep {
  readonly columns: number;
  readonly channels: number;
  /** By place in the sweep, then by channel, then least and greatest; NaN where unknown. */
  readonly values: Float32Array;
  /** Number of the column that comes next, since the stream began; null before the first. */
  next: number | null = null;
  /** Columns that were added so far. */
  filled = 0;

  constructor(columns: number, channels: number) {
    this.columns = columns;
    this.channels = channels;
    this.values = new Float32Array(columns * channels * 2).fill(Number.NaN);
  }

  get gap(): number {
    return Math.max(1, Math.round(this.columns * GAP_SHARE));
  }

  /** Place of a column in the sweep. */
  place(column: number): number {
    return column % this.columns;
  }

  /** Adds columns; those between the last ones and these did not come. How many changed. */
  add(first: number, data: Float32Array): number {
    const stride = this.channels * 2;
    const count = Math.floor(data.length / stride);
    if (this.next === null || first < this.next || first - this.next >= this.columns) {
      this.values.fill(Number.NaN);
      this.next = first;
    }
    const from = this.next;
    for (let column = from; column < first; column += 1) this.#empty(column);
    const newest = Math.max(0, count - this.columns);
    for (let at = newest; at < count; at += 1) {
      const place = this.place(first + at) * stride;
      this.values.set(data.subarray(at * stride, (at + 1) * stride), place);
    }
    this.next = first + count;
    this.filled += count;
    for (let ahead = 0; ahead < this.gap; ahead += 1) this.#empty(this.next + ahead);
    return Math.min(this.columns, this.next - from);
  }

  #empty(column: number): void {
    const stride = this.channels * 2;
    const at = this.place(column) * stride;
    this.values.fill(Number.NaN, at, at + stride);
  }
}

/** Reads columns from a message's buffer. */
export function readColumns(buffer: DataView): Float32Array {
  const count = Math.floor(buffer.byteLength / 4);
  const values = new Float32Array(count);
  for (let at = 0; at < count; at += 1) values[at] = buffer.getFloat32(at * 4, true);
  return values;
}
