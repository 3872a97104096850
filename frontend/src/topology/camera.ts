/** What part of the drawing a view shows. World point -> screen: (world - origin) * scale. */
import type { Point, Size } from "./layout/types";

export interface Camera {
  x: number;
  y: number;
  scale: number;
}

export const MIN_SCALE = 0.05;
export const MAX_SCALE = 3;
/** A fitted drawing is never shown larger than this. */
const MAX_FIT_SCALE = 1.1;

export interface Insets {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export function fit(drawing: Size, view: Size, insets: Insets): Camera {
  const width = Math.max(1, view.width - insets.left - insets.right);
  const height = Math.max(1, view.height - insets.top - insets.bottom);
  const scale = Math.min(
    MAX_FIT_SCALE,
    width / Math.max(1, drawing.width),
    height / Math.max(1, drawing.height),
  );
  return {
    scale,
    x: drawing.width / 2 - (insets.left + width / 2) / scale,
    y: drawing.height / 2 - (insets.top + height / 2) / scale,
  };
}

export function toWorld(camera: Camera, screen: Point): Point {
  return { x: screen.x / camera.scale + camera.x, y: screen.y / camera.scale + camera.y };
}

export function toScreen(camera: Camera, world: Point): Point {
  return { x: (world.x - camera.x) * camera.scale, y: (world.y - camera.y) * camera.scale };
}

/** Zooms so that what is under a point of the screen stays there. */
export function zoomAt(camera: Camera, screen: Point, factor: number): Camera {
  const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, camera.scale * factor));
  const fixed = toWorld(camera, screen);
  return { scale, x: fixed.x - screen.x / scale, y: fixed.y - screen.y / scale };
}

export function panBy(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

/** Keeps some of the drawing in view, however far it is dragged. */
export function keepInView(camera: Camera, drawing: Size, view: Size): Camera {
  const margin = 60 / camera.scale;
  const limit = (at: number, size: number, shown: number): number =>
    Math.min(size - margin, Math.max(margin - shown, at));
  return {
    ...camera,
    x: limit(camera.x, drawing.width, view.width / camera.scale),
    y: limit(camera.y, drawing.height, view.height / camera.scale),
  };
}

/** Moves as little as needed to bring a rectangle of the world into view. */
export function reveal(camera: Camera, rect: Point & Size, view: Size, insets: Insets): Camera {
  const shift = (low: number, high: number, from: number, to: number): number => {
    if (low < from) return low - from;
    if (high > to) return Math.min(high - to, low - from);
    return 0;
  };
  const { scale } = camera;
  return {
    scale,
    x:
      camera.x +
      shift(
        rect.x,
        rect.x + rect.width,
        camera.x + insets.left / scale,
        camera.x + (view.width - insets.right) / scale,
      ),
    y:
      camera.y +
      shift(
        rect.y,
        rect.y + rect.height,
        camera.y + insets.top / scale,
        camera.y + (view.height - insets.bottom) / scale,
      ),
  };
}
