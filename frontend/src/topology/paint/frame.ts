/** What a view draws at one moment, and what both canvases need for it. */
import { css, type Rgb } from "../../shared/color";
import type { Theme } from "../../shared/theme";
import type { Camera } from "../camera";
import type { Point, Rect } from "../layout/types";
import type { Path } from "../paths";
import type { Pins } from "../pins";
import type { RateTable } from "../rates";
import type { Scene, SceneLine } from "../scene";

/** What a view draws at one moment. */
export interface Frame {
  scene: Scene;
  camera: Camera;
  theme: Theme;
  rates: RateTable;
  /** px on the screen. */
  width: number;
  height: number;
  pixelRatio: number;
  /** Seconds; moves the dashes. */
  time: number;
  moving: boolean;
  /** Lines fade in while boxes are on their way. */
  lineAlpha: number;
  selected: string | null;
  hovered: string | null;
  focused: string | null;
  pins: Pins;
  /** A line that is being drawn by hand. */
  wire: [Point, Point] | null;
  /** Boxes and lines outside of it are dimmed; null for none. */
  lit: Path | null;
  /** Box id -> 0..1, how new it still looks. */
  fresh: ReadonlyMap<string, number>;
}

/** Corner of a box, in the drawing's units. */
export const RADIUS = 7;
export const DIMMED = 0.22;

export function begin(context: CanvasRenderingContext2D, frame: Frame): void {
  const { camera, pixelRatio } = frame;
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  context.clearRect(0, 0, frame.width, frame.height);
  const scale = camera.scale * pixelRatio;
  context.setTransform(scale, 0, 0, scale, -camera.x * scale, -camera.y * scale);
}

export function shownWorld({ camera, width, height }: Frame, margin: number): Rect {
  return {
    x: camera.x - margin,
    y: camera.y - margin,
    width: width / camera.scale + 2 * margin,
    height: height / camera.scale + 2 * margin,
  };
}

export function isLit(frame: Frame, box: string): boolean {
  return frame.lit === null || frame.lit.components.has(box);
}

export function isLineLit(frame: Frame, line: SceneLine): boolean {
  return frame.lit === null || line.stretch.edges.some((edge) => frame.lit?.edges.has(edge));
}

/** Fills, or draws, what was outlined. */
export function fill(context: CanvasRenderingContext2D, color: Rgb, alpha = 1): void {
  context.fillStyle = css(color, alpha);
  context.fill();
}

export function draw(
  context: CanvasRenderingContext2D,
  color: Rgb,
  width: number,
  alpha = 1,
): void {
  context.strokeStyle = css(color, alpha);
  context.lineWidth = width;
  context.stroke();
}

/** Sets how the next texts look. */
export function pen(
  context: CanvasRenderingContext2D,
  color: Rgb,
  font: string,
  align: CanvasTextAlign = "left",
): void {
  context.fillStyle = css(color);
  context.font = font;
  context.textAlign = align;
  context.textBaseline = "middle";
}

export function circle(context: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  context.beginPath();
  context.arc(x, y, r, 0, 7);
}

/** Begins the outline of a box with round corners. */
export function outline(
  context: CanvasRenderingContext2D,
  { x, y, width, height }: Rect,
  radius: number = RADIUS,
): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
