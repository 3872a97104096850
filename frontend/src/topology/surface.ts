/** The two canvases of a view, their size, and when they are painted. */

import { css, type Rgb } from "../shared/color";
import { make } from "../shared/make";
import type { Camera } from "./camera";
import type { Size } from "./layout/types";
import type { Frame } from "./paint/frame";
import { paintLive } from "./paint/live";
import { paintPicture } from "./paint/picture";
import { type FontOf, TextFitter } from "./text";

/** Between two pictures of moving dashes, ms: calm to the eye and to the processor. */
const DASH_INTERVAL_MS = 66;
/** The same where the pointer is elsewhere: a page that is open all day costs the pipeline
 * processor time even where it only moves dashes. */
const REST_INTERVAL_MS = 500;
/** Dashes take this part of the page's time at most. */
const DASH_SHARE = 0.05;
/** Between two pictures in which only marks of what is new fade, ms. */
const FADE_INTERVAL_MS = 100;
/** px around the view that are painted too: in them it is moved without painting. */
const MARGIN = 96;

/** What to paint, and whether it goes on to change by itself: boxes move, or only marks fade. */
export interface Picture {
  frame: Frame;
  changing: "moves" | "fades" | null;
}

export class Surface {
  /** px on the page; 0 until the view has been shown. */
  width = 0;
  height = 0;
  readonly #picture = make("canvas", { "aria-hidden": "true" });
  readonly #live = make("canvas", { "aria-hidden": "true" });
  readonly #pictureContext = context2d(this.#picture);
  readonly #liveContext = context2d(this.#live);
  readonly #fitter = new TextFitter(this.#pictureContext);
  readonly #widths = new Map<string, number>();
  /** What the canvases show: their left upper corner is the camera's, in whole device pixels. */
  #origin: Camera = { x: 0, y: 0, scale: 0 };
  /** Device pixels from there to the corner of the view. */
  #left = 0;
  #top = 0;
  /** s: of dashes, which go on from where they were painted last. */
  #dashTime = 0;
  #paintedAt = 0;
  #pictureDirty = true;
  #liveDirty = true;
  #active = false;
  #request = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly #stage: HTMLElement;
  readonly #compose: (now: number) => Picture | null;

  constructor(stage: HTMLElement, compose: (now: number) => Picture | null) {
    this.#stage = stage;
    this.#compose = compose;

    stage.append(this.#picture, this.#live);
    stage.addEventListener("pointerenter", () => this.redrawLive());
  }

  get size(): Size {
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
    clearTimeout(this.#timer);
    if (active) this.redraw();
  }

  redraw(): void {
    this.#pictureDirty = true;
    this.redrawLive();
  }

  /** Only what changes all the time is another one. */
  redrawLive(): void {
    this.#liveDirty = true;
    this.moved();
  }

  /** The same is to be seen from another place. */
  moved(): void {
    if (this.#request !== 0 || !this.#active) return;
    this.#request = requestAnimationFrame((now) => {
      this.#request = 0;
      this.#paint(now);
    });
  }

  /** A canvas that gets another size is empty: it is painted before the page shows it. */
  paintNow(): void {
    this.#pictureDirty = true;
    this.#paint(performance.now());
  }

  /** Most names and all types come again and again. */
  measure(text: string, font: ReturnType<FontOf>): number {
    const key = `${font}|${text}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      this.#pictureContext.font = font;
      width = this.#pictureContext.measureText(text).width;
      this.#widths.set(key, width);
    }
    return width;
  }

  /** What is in view, as a picture of its own. */
  copy(ground: Rgb): HTMLCanvasElement {
    const ratio = pixelRatio();
    const whole = make("canvas");
    whole.width = Math.round(this.width * ratio);
    whole.height = Math.round(this.height * ratio);
    const context = context2d(whole);
    context.fillStyle = css(ground);
    context.fillRect(0, 0, whole.width, whole.height);
    for (const one of [this.#picture, this.#live]) {
      context.drawImage(one, -this.#left, -this.#top);
    }
    return whole;
  }

  destroy(): void {
    this.#active = false;
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#timer);
  }

  #paint(now: number): void {
    if (this.width === 0) return;
    this.#fitCanvases();
    const composed = this.#compose(now);
    if (!composed) return;
    const { frame, changing } = composed;
    const began = performance.now();
    this.#place(frame);
    if (this.#liveDirty) {
      this.#dashTime += Math.min(DASH_INTERVAL_MS / 1000, frame.time - this.#paintedAt);
      this.#paintedAt = frame.time;
      paintLive(this.#liveContext, this.#onCanvas({ ...frame, time: this.#dashTime }));
    }
    this.#pictureDirty = false;
    this.#liveDirty = false;
    clearTimeout(this.#timer);
    if (changing === "moves") this.redraw();
    else if (changing === "fades") this.#paintIn(FADE_INTERVAL_MS, () => this.redraw());
    else if (frame.moving && flows(frame)) {
      const calm = this.#stage.matches(":hover") ? DASH_INTERVAL_MS : REST_INTERVAL_MS;
      const pause = Math.max(calm, (performance.now() - began) / DASH_SHARE);
      this.#paintIn(pause, () => this.redrawLive());
    }
  }

  #paintIn(pause: number, paint: () => void): void {
    this.#timer = setTimeout(paint, pause);
  }

  /** Paints what isn't yet, and moves the canvases to where the view is. */
  #place(frame: Frame): void {
    const { camera } = frame;
    const ratio = frame.pixelRatio;
    const step = camera.scale * ratio;
    const most = 2 * MARGIN * ratio;
    const to = (from: number, at: number): number => Math.round((at - from) * step);
    let [left, top] = [to(this.#origin.x, camera.x), to(this.#origin.y, camera.y)];
    const isFar = Math.min(left, top) < 0 || Math.max(left, top) > most;
    if (this.#pictureDirty || this.#origin.scale !== camera.scale || isFar) {
      [left, top] = isFar ? [roomFor(left, most), roomFor(top, most)] : [most / 2, most / 2];
      this.#origin = { ...camera, x: camera.x - left / step, y: camera.y - top / step };
      paintPicture(this.#pictureContext, this.#onCanvas(frame), this.#fitter);
      this.#liveDirty = true;
    }
    [this.#left, this.#top] = [left, top];
    for (const { style } of [this.#picture, this.#live]) {
      style.transform = `translate(${-left / ratio}px,${-top / ratio}px)`;
    }
  }

  /** A frame as the canvases have it, with what is around the view. */
  #onCanvas(frame: Frame): Frame {
    const [width, height] = [this.width + 2 * MARGIN, this.height + 2 * MARGIN];
    return { ...frame, camera: this.#origin, width, height };
  }

  /** The window may have come to a screen of another pixel ratio. */
  #fitCanvases(): void {
    const ratio = pixelRatio();
    const size = [this.width, this.height].map((one) => one + 2 * MARGIN) as [number, number];
    const [width, height] = size.map((one) => Math.round(one * ratio)) as [number, number];
    for (const canvas of [this.#picture, this.#live]) {
      if (canvas.width === width && canvas.height === height) continue;
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${size[0]}px`;
      canvas.style.height = `${size[1]}px`;
      this.#pictureDirty = true;
    }
  }
}

/** Where the view is to be between 0 and `most`, so that there is most room where it goes. */
const roomFor = (at: number, most: number): number =>
  at < 0 ? most : at > most ? 0 : Math.round(most / 2);

const pixelRatio = (): number => globalThis.devicePixelRatio || 1;

/** Whether there is a line along which something moves. */
function flows({ scene, rates }: Frame): boolean {
  return scene.lines.some((line) => (rates.rate(line.stretch.topic) ?? 0) > 0);
}

function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("No 2D canvas.");
  return context;
}
