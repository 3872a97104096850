/** How boxes go from where they stood to where they stand now. */

import type { Point, Rect } from "./layout/types";
import { UNLIMITED } from "./layout/types";
import type { Scene } from "./scene";

const DURATION_MS = 260;
const FRESH_MS = 2200;
const MAX_BOXES = 400;

export class Motion {
  #from = new Map<string, Rect>();
  readonly #to = new Map<string, Rect>();
  readonly #ports = new Map<string, Point>();
  #start = -UNLIMITED;
  readonly #born = new Map<string, number>();
  #known = new Set<string>();

  /** Begins the way to a new scene. Boxes that weren't there before look new for a moment. */
  begin(scene: Scene, now: number, animate: boolean): void {
    const before = this.#current(now);
    const isFirst = this.#known.size === 0;
    for (const [id, { box }] of scene.boxes) {
      const isNew = !this.#known.has(id) && !this.#known.has(box.level ?? "");
      if (!isFirst && animate && isNew) this.#born.set(id, now);
    }
    this.#known = new Set(scene.graph.components.keys());
    this.#to.clear();
    this.#ports.clear();
    for (const [id, { rect }] of scene.boxes) this.#to.set(id, { ...rect });
    for (const [key, at] of scene.ports) this.#ports.set(key, { ...at });
    this.#from = animate && scene.boxes.size <= MAX_BOXES ? before : new Map();
    this.#start = this.#from.size > 0 ? now : -UNLIMITED;
  }

  /** How far it has come, from 0 to 1. */
  progress(now: number): number {
    const t = Math.min(1, (now - this.#start) / DURATION_MS);
    return 1 - (1 - t) ** 3;
  }

  /** Puts the scene's boxes and ports where they are now; false when they have arrived. */
  apply(scene: Scene, now: number): boolean {
    const progress = this.progress(now);
    for (const [id, one] of scene.boxes) {
      const [from, to] = [this.#from.get(id), this.#to.get(id)];
      if (!to) continue;
      one.rect = from ? between(from, to, progress) : to;
      for (const port of one.box.ports) {
        const [point, moved] = [this.#ports.get(port.key), scene.ports.get(port.key)];
        if (!point || !moved) continue;
        moved.x = port.side === "west" ? one.rect.x : one.rect.x + one.rect.width;
        moved.y = point.y + one.rect.y - to.y;
      }
    }
    if (progress >= 1) this.#from = new Map();
    return progress < 1;
  }

  /** Box id -> how new it still looks, from 1 to 0. */
  freshness(now: number): Map<string, number> {
    const fresh = new Map<string, number>();
    for (const [id, since] of this.#born) {
      const left = 1 - (now - since) / FRESH_MS;
      if (left > 0) fresh.set(id, left);
      else this.#born.delete(id);
    }
    return fresh;
  }

  #current(now: number): Map<string, Rect> {
    const progress = this.progress(now);
    const rects = new Map<string, Rect>();
    for (const [id, to] of this.#to) {
      const from = this.#from.get(id);
      rects.set(id, from ? between(from, to, progress) : to);
    }
    return rects;
  }
}

function between(from: Rect, to: Rect, share: number): Rect {
  const at = (a: number, b: number): number => a + (b - a) * share;
  return {
    x: at(from.x, to.x),
    y: at(from.y, to.y),
    width: at(from.width, to.width),
    height: at(from.height, to.height),
  };
}
