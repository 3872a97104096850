/** What part of the drawing a view shows: all of it, until the user has chosen another part. */
import * as camera from "./camera";
import { READABLE_SCALE } from "./expansion";
import { type Point, type Rect, type Size, UNLIMITED } from "./layout/types";
import { detailAt, type Scene } from "./scene";

export class Viewpoint {
  camera: camera.Camera = { x: 0, y: 0, scale: 1 };
  #moved = false;
  /** Whether the user has asked for all in view, however small. */
  #wantsAll = false;
  readonly #view: Size;
  readonly #insets: () => camera.Insets;

  /** `view` is read at each use: its size changes. */
  constructor(view: Size, insets: () => camera.Insets) {
    this.#view = view;
    this.#insets = insets;
  }

  showAll(scene: Scene): void {
    this.#moved = false;
    this.#wantsAll = true;
    this.refit(scene);
  }

  /** The view has another size. */
  refit(scene: Scene): void {
    if (!this.#moved) this.camera = camera.fit(scene, this.#view, this.#insets());
  }

  /** The drawing has changed: what the user looks at stays where it is. */
  follow(before: Scene | null, scene: Scene): void {
    if (this.#moved) {
      const id = before && this.#middleOf(before, scene);
      const [was, now] = [before?.boxes.get(id ?? "")?.rect, scene.boxes.get(id ?? "")?.rect];
      if (!was || !now) return;
      const { x, y, scale } = this.camera;
      this.camera = { scale, x: x + now.x - was.x, y: y + now.y - was.y };
      return;
    }
    this.refit(scene);
    if (this.#wantsAll || detailAt(this.camera.scale).titles) return;
    // Too much for one view: the beginning, to be read; the minimap shows the rest.
    const { left, top } = this.#insets();
    this.move({ x: -left, y: -top, scale: READABLE_SCALE }, scene);
  }

  move(next: camera.Camera, scene: Scene): void {
    this.#moved = true;
    this.camera = camera.keepInView(next, scene, this.#view);
  }

  pan(dx: number, dy: number, scene: Scene): void {
    this.move(camera.panBy(this.camera, dx, dy), scene);
  }

  /** Zooms around a point of the screen, or the middle of the view. */
  zoom(factor: number, scene: Scene, at = this.#middle()): void {
    this.move(camera.zoomAt(this.camera, at, factor), scene);
  }

  /** Brings a point of the drawing to the middle, at a scale of at least `least`. */
  centre(point: Point, scene: Scene, least = 0): void {
    const scale = Math.max(this.camera.scale, least);
    const { width, height } = this.#view;
    this.move({ scale, x: point.x - width / scale / 2, y: point.y - height / scale / 2 }, scene);
  }

  /** Moves as little as needed for a box to be in view. */
  reveal(rect: Rect): void {
    const next = camera.reveal(this.camera, rect, this.#view, this.#insets());
    if (next.x !== this.camera.x || next.y !== this.camera.y) this.#moved = true;
    this.camera = next;
  }

  #middle(): Point {
    return { x: this.#view.width / 2, y: this.#view.height / 2 };
  }

  /** The box nearest to the middle of the view that is in the next drawing too. */
  #middleOf(before: Scene, next: Scene): string | null {
    const middle = camera.toWorld(this.camera, this.#middle());
    let nearest: string | null = null;
    let least = UNLIMITED;
    for (const [id, { rect, box }] of before.boxes) {
      if (box.kind === "group" || !next.boxes.has(id)) continue;
      const [x, y] = [rect.x + rect.width / 2, rect.y + rect.height / 2];
      const away = Math.hypot(x - middle.x, y - middle.y);
      if (away >= least) continue;
      least = away;
      nearest = id;
    }
    return nearest;
  }
}
