/** The two canvases of a view, their size, and when they are painted. */

import { make } from "../shared/make";
import { paintCards } from "./paint/cards";
import type { Frame } from "./paint/frame";
import { paintLines } from "./paint/lines";
import { type FontOf, TextFitter } from "./text";

/** Between two pictures of moving dashes: calm to the eye and to the processor. */
const DASH_INTERVAL_MS = 40;

/** What to paint, and whether it goes on to change by itself. */
export interface Picture {
  frame: Frame;
  changing: boolean;
}

export class Surface {
  /** px on the page; 0 until the view has been shown. */
  width = 0;
  height = 0;
  readonly #lines = make("canvas", { "aria-hidden": "true" });
  readonly #cards = make("canvas", { "aria-hidden": "true" });
  readonly #lineContext = context2d(this.#lines);
  readonly #cardContext = context2d(this.#cards);
  readonly #fitter = new TextFitter(this.#cardContext);
  readonly #widths = new Map<string, number>();
  #linesDirty = true;
  #cardsDirty = true;
  #active = false;
  #request = 0;
  #dashTimer: ReturnType<typeof setTimeout> | undefined;

  readonly #stage: HTMLElement;
  readonly #compose: (now: number) => Picture | null;

  constructor(stage: HTMLElement, compose: (now: number) => Picture | null) {
    this.#stage = stage;
    this.#compose = compose;

    stage.append(this.#lines, this.#cards);
  }

  get size(): { width: number; height: number } {
    return { width: this.width, height: this.height };
  }

  /** Takes the stage's size; false while it has none: being made, or hidden. */
  resize(): boolean {
    const { clientWidth, clientHeight } = this.#stage;
    if (clientWidth === 0 || clientHeight === 0) return false;
    this.width = clientWidth;
    this.height = clientHeight;
    this.#fitCanvases();
    return true;
  }

  /** Nothing is painted while nobody can see it. */
  set active(active: boolean) {
    this.#active = active;
    clearTimeout(this.#dashTimer);
    if (!active) return;
    if (this.#linesDirty || this.#cardsDirty) this.#schedule();
    else this.#moveDashesSoon();
  }

  redraw(): void {
    this.#linesDirty = true;
    this.redrawCards();
  }

  redrawCards(): void {
    this.#cardsDirty = true;
    this.#schedule();
  }

  /** A canvas that gets another size is empty: it is painted before the page shows it. */
  paintNow(): void {
    this.#linesDirty = true;
    this.#cardsDirty = true;
    this.#paint(performance.now());
  }

  /** Most names and all types come again and again. */
  measure(text: string, font: ReturnType<FontOf>): number {
    const key = `${font}|${text}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      this.#cardContext.font = font;
      width = this.#cardContext.measureText(text).width;
      this.#widths.set(key, width);
    }
    return width;
  }

  destroy(): void {
    this.#active = false;
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#dashTimer);
  }

  #schedule(): void {
    if (this.#request !== 0 || !this.#active) return;
    this.#request = requestAnimationFrame((now) => {
      this.#request = 0;
      this.#paint(now);
    });
  }

  #paint(now: number): void {
    if (this.width === 0) return;
    this.#fitCanvases();
    const picture = this.#compose(now);
    if (!picture) return;
    const { frame, changing } = picture;
    if (this.#linesDirty) paintLines(this.#lineContext, frame);
    if (this.#cardsDirty) paintCards(this.#cardContext, frame, this.#fitter);
    this.#linesDirty = false;
    this.#cardsDirty = false;
    if (changing) this.redraw();
    else if (frame.moving && flows(frame)) this.#moveDashesSoon();
  }

  #moveDashesSoon(): void {
    clearTimeout(this.#dashTimer);
    this.#dashTimer = setTimeout(() => {
      this.#linesDirty = true;
      this.#schedule();
    }, DASH_INTERVAL_MS);
  }

  /** The window may have come to a screen of another pixel ratio. */
  #fitCanvases(): void {
    const ratio = globalThis.devicePixelRatio || 1;
    for (const canvas of [this.#lines, this.#cards]) {
      const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
      if (canvas.width === width && canvas.height === height) continue;
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${this.width}px`;
      canvas.style.height = `${this.height}px`;
      this.#linesDirty = true;
      this.#cardsDirty = true;
    }
  }
}

/** Whether there is a line along which something moves. */
function flows({ scene, rates }: Frame): boolean {
  return scene.lines.some((line) => (rates.rate(line.stretch.topic) ?? 0) > 0);
}

function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("No 2D canvas.");
  return context;
}
