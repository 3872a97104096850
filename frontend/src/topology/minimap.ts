/** The whole drawing in a corner, while only a part of it is in view. */
import { css } from "../shared/color";
import { make } from "../shared/make";
import type { Theme } from "../shared/theme";
import type { Camera } from "./camera";
import type { Point, Size } from "./layout/types";
import { draw, fill, outline } from "./paint/frame";
import type { Scene } from "./scene";

const MAX_WIDTH = 150;
const MAX_HEIGHT = 96;
const PADDING = 5;

export class Minimap {
  readonly element = make("canvas", { class: "ezn-minimap", hidden: "", "aria-hidden": "true" });
  #scale = 1;
  #boxes: HTMLCanvasElement | null = null;
  #drawnFor: unknown[] = [];

  /** `moveTo` is called with a point of the drawing that is to be in the middle of the view. */
  constructor(moveTo: (point: Point) => void) {
    const go = (event: PointerEvent): void => {
      event.stopPropagation();
      if (event.buttons === 0) return;
      const at = this.element.getBoundingClientRect();
      moveTo({
        x: (event.clientX - at.left - PADDING) / this.#scale,
        y: (event.clientY - at.top - PADDING) / this.#scale,
      });
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      go(event);
    });
    this.element.addEventListener("pointermove", go);
  }

  paint(scene: Scene, camera: Camera, view: Size, theme: Theme): void {
    const shown = {
      x: camera.x,
      y: camera.y,
      width: view.width / camera.scale,
      height: view.height / camera.scale,
    };
    const slack = 12 / camera.scale;
    const isWhole =
      shown.x <= slack &&
      shown.y <= slack &&
      shown.x + shown.width >= scene.width - slack &&
      shown.y + shown.height >= scene.height - slack;
    this.element.hidden = isWhole || scene.boxes.size === 0 || view.width < 360;
    if (this.element.hidden) return;
    const ratio = globalThis.devicePixelRatio || 1;
    this.#scale = Math.min(
      (MAX_WIDTH - 2 * PADDING) / scene.width,
      (MAX_HEIGHT - 2 * PADDING) / scene.height,
    );
    this.#drawBoxes(scene, theme, ratio);
    const context = this.element.getContext("2d");
    if (!context || !this.#boxes) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.element.width, this.element.height);
    context.drawImage(this.#boxes, 0, 0);
    const scale = this.#scale * ratio;
    context.setTransform(scale, 0, 0, scale, PADDING * ratio, PADDING * ratio);
    outline(context, shown, 0);
    fill(context, theme.accent, 0.1);
    draw(context, theme.accent, 1.5 / this.#scale);
  }

  /** The boxes are drawn once for a scene: they don't change while the view moves. */
  #drawBoxes(scene: Scene, theme: Theme, ratio: number): void {
    const now = [scene, theme, ratio];
    if (now.every((part, index) => part === this.#drawnFor[index])) return;
    this.#drawnFor = now;
    const width = scene.width * this.#scale + 2 * PADDING;
    const height = scene.height * this.#scale + 2 * PADDING;
    this.#boxes = make("canvas");
    for (const canvas of [this.element, this.#boxes]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.element.style.width = `${width}px`;
    this.element.style.height = `${height}px`;
    const context = this.#boxes.getContext("2d");
    if (!context) return;
    const scale = this.#scale * ratio;
    context.setTransform(scale, 0, 0, scale, PADDING * ratio, PADDING * ratio);
    for (const { box, rect, marks, condition } of scene.ordered) {
      const isGroup = box.kind === "group";
      const color = condition.state === "dead" ? theme.danger : (marks[0]?.color ?? theme.muted);
      context.fillStyle = isGroup ? css(theme.text, 0.08) : css(color, 0.75);
      context.fillRect(rect.x, rect.y, rect.width, rect.height);
    }
  }
}
