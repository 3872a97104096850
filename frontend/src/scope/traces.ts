/** The canvas of a scope: a lane for each channel, swept from left to right again and again. */
import { css, mix, type Rgb, readable } from "../shared/color";
import { make } from "../shared/make";
import type { Theme } from "../shared/theme";
import type { Scale } from "./scale";
import type { Sweep } from "./sweep";

const GUTTER = 64;
const RIGHT = 8;
const TOP = 6;
const FOOT = 22;
const LABEL_HEIGHT = 12;
const HUES: readonly Rgb[] = [
  [47, 111, 179],
  [44, 138, 119],
  [147, 73, 155],
  [160, 130, 30],
  [106, 94, 196],
  [176, 86, 44],
];

export interface Lanes {
  sweep: Sweep;
  scale: Scale;
  names: string[];
  secondsPerColumn: number;
}

export class Traces {
  readonly element = make("canvas", { role: "img" });
  readonly #context: CanvasRenderingContext2D;
  #width = 0;
  #height = 0;

  constructor() {
    const context = this.element.getContext("2d");
    if (!context) throw new Error("This browser gives no 2D canvas, which the scope needs.");
    this.#context = context;
  }

  /** How many columns a sweep can show. */
  get columns(): number {
    return Math.max(0, Math.round((this.#width - GUTTER - RIGHT) * this.#ratio));
  }

  get #ratio(): number {
    return globalThis.devicePixelRatio || 1;
  }

  /** Takes a size on the page, in px; true where it is another. */
  resize(width: number, height: number): boolean {
    const [w, h] = [Math.round(width * this.#ratio), Math.round(height * this.#ratio)];
    if (w === this.element.width && h === this.element.height) return false;
    this.#width = width;
    this.#height = height;
    this.element.width = w;
    this.element.height = h;
    this.element.style.width = `${width}px`;
    this.element.style.height = `${height}px`;
    return true;
  }

  /** Hands over what is drawn as a data URL, when it is encoded. */
  picture(take: (url: string) => void): void {
    this.element.toBlob((blob) => {
      if (blob === null) return;
      const reader = new FileReader();
      reader.onload = () => take(String(reader.result));
      reader.readAsDataURL(blob);
    });
  }

  clear(): void {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.element.width, this.element.height);
  }

  /** Draws everything. */
  drawAll(lanes: Lanes, theme: Theme): void {
    this.clear();
    this.#drawLabels(lanes, theme);
    this.#drawPlaces(lanes, theme, 0, lanes.sweep.columns);
    this.#drawHead(lanes, theme);
  }

  /** Draws the newest columns, in the place of the oldest. */
  drawNewest(lanes: Lanes, theme: Theme, count: number): void {
    const { sweep } = lanes;
    if (sweep.next === null) return;
    const end = sweep.place(sweep.next);
    const start = end - count;
    if (start < 0) {
      this.#drawPlaces(lanes, theme, start + sweep.columns, sweep.columns);
      this.#drawPlaces(lanes, theme, 0, end + sweep.gap);
    } else {
      this.#drawPlaces(lanes, theme, start, end + sweep.gap);
      const over = end + sweep.gap - sweep.columns;
      if (over > 0) this.#drawPlaces(lanes, theme, 0, over);
    }
    this.#drawHead(lanes, theme);
  }

  #x(place: number, columns: number): number {
    return GUTTER + (place / (columns - 1)) * (this.#width - GUTTER - RIGHT);
  }

  get #bottom(): number {
    return this.#height - FOOT;
  }

  #drawPlaces(lanes: Lanes, theme: Theme, start: number, end: number): void {
    const { sweep } = lanes;
    const context = this.#context;
    const last = Math.min(end, sweep.columns);
    // The line to the first of these begins at the one before.
    const first = Math.max(0, start - 1);
    const [left, right] = [this.#x(first, sweep.columns), this.#x(last, sweep.columns)];
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.save();
    context.beginPath();
    context.rect(left - 0.5, 0, Math.min(right, this.#width) - left + 1, this.#bottom);
    context.clip();
    context.clearRect(left - 0.5, 0, right - left + 1, this.#bottom);
    context.lineWidth = sweep.channels > 64 ? 0.75 : 1;
    context.lineJoin = "bevel";
    const colors = HUES.slice(0, Math.max(1, Math.min(HUES.length, sweep.channels)));
    colors.forEach((hue, turn) => {
      context.beginPath();
      for (let channel = turn; channel < sweep.channels; channel += colors.length) {
        this.#tracePath(lanes, channel, Math.max(0, first - 1), last);
      }
      context.strokeStyle = css(readable(mix(hue, theme.text, 0.12), theme.card, 3));
      context.stroke();
    });
    context.restore();
  }

  #tracePath({ sweep, scale }: Lanes, channel: number, start: number, end: number): void {
    const { values, columns, channels } = sweep;
    const lane = (this.#bottom - TOP) / channels;
    const middle = TOP + lane * (channel + 0.5);
    const center = scale.middles[channel] ?? 0;
    const factor = lane / 2 / scale.half;
    let drawing = false;
    for (let place = start; place < end; place += 1) {
      const at = (place * channels + channel) * 2;
      const low = values[at] as number;
      if (Number.isNaN(low)) {
        drawing = false;
        continue;
      }
      const high = values[at + 1] as number;
      const x = this.#x(place, columns);
      const y = middle - (low - center) * factor;
      if (drawing) this.#context.lineTo(x, y);
      else this.#context.moveTo(x, y);
      if (high !== low) this.#context.lineTo(x, middle - (high - center) * factor);
      drawing = true;
    }
  }

  #drawHead({ sweep }: Lanes, theme: Theme): void {
    if (sweep.next === null) return;
    const x = this.#x(sweep.place(sweep.next), sweep.columns) + 1;
    this.#context.fillStyle = css(theme.accent, 0.7);
    this.#context.fillRect(x, TOP, 1, this.#bottom - TOP);
  }

  #drawLabels({ sweep, names, secondsPerColumn }: Lanes, theme: Theme): void {
    const context = this.#context;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.font = `11px ${theme.font}`;
    context.fillStyle = css(theme.muted);
    context.textAlign = "right";
    context.textBaseline = "middle";
    const lane = (this.#bottom - TOP) / Math.max(1, sweep.channels);
    const every = Math.max(1, Math.ceil(LABEL_HEIGHT / lane));
    for (let channel = 0; channel < sweep.channels; channel += every) {
      const name = names[channel] ?? "";
      const middle = TOP + lane * (channel + 0.5);
      context.fillText(shortened(context, name, GUTTER - 12), GUTTER - 6, middle);
    }
    context.textAlign = "center";
    const seconds = sweep.columns * secondsPerColumn;
    const step = niceStep(seconds / Math.max(2, this.#width / 110));
    for (let at = 0; at <= seconds * 1.0001; at += step) {
      const x = GUTTER + (at / seconds) * (this.#width - GUTTER - RIGHT);
      context.fillRect(x, this.#bottom, 1, 4);
      const text = `${+at.toPrecision(6)} s`;
      if (x < this.#width - 14) context.fillText(text, x, this.#bottom + 13);
    }
    context.fillStyle = css(theme.border);
    context.fillRect(GUTTER, this.#bottom, this.#width - GUTTER - RIGHT, 1);
  }
}

/** The nearest of 1, 2, 5 times a power of ten that is not less. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (power * factor >= least) return power * factor;
  return power * 10;
}

function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let kept = text;
  while (kept.length > 1 && context.measureText(`…${kept}`).width > width) kept = kept.slice(1);
  return `…${kept}`;
}
