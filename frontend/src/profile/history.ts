/** The last values of one number, the newest at the end; NaN where it was not known. */
export const HISTORY_LENGTH = 240;

export class History {
  readonly #values = new Float64Array(HISTORY_LENGTH).fill(Number.NaN);
  #next = 0;
  #count = 0;

  push(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % HISTORY_LENGTH;
    this.#count = Math.min(this.#count + 1, HISTORY_LENGTH);
  }

  /** The newest `count` values, oldest first; fewer where there are fewer. */
  newest(count: number): number[] {
    const found: number[] = [];
    const kept = Math.min(count, this.#count);
    for (let back = kept; back > 0; back--) {
      const place = (this.#next - back + HISTORY_LENGTH) % HISTORY_LENGTH;
      found.push(this.#values[place] ?? Number.NaN);
    }
    return found;
  }
}
