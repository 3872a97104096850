/** The lower canvas: groups and lines, and what moves along them. */
import { css, mix, type Rgb } from "../../shared/color";
import type { Theme } from "../../shared/theme";
import type { Point } from "../layout/types";
import { dashSpeed, intersects, rateOf, type SceneBox, type SceneLine } from "../scene";
import { begin, DIMMED, type Frame, isLineLit, isLit, outline, RADIUS, shownWorld } from "./frame";

const CORNER = 8;

export function paintLines(context: CanvasRenderingContext2D, frame: Frame): void {
  begin(context, frame);
  const { scene, theme, camera } = frame;
  const shown = shownWorld(frame, 20);
  for (const one of scene.ordered) {
    if (one.box.kind === "group" && intersects(one.rect, shown)) {
      context.globalAlpha = isLit(frame, one.box.id) ? 1 : 0.5;
      paintGroup(context, frame, one);
    }
  }
  const px = 1 / camera.scale;
  const visible = scene.lines.filter((line) => intersects(line.bounds, shown));
  context.lineJoin = "round";
  context.lineCap = "butt";
  for (const line of visible) {
    const lit = isLineLit(frame, line);
    context.globalAlpha = frame.lineAlpha * (lit ? 1 : DIMMED);
    context.strokeStyle = css(lineColor(line, theme));
    context.lineWidth = Math.max(1.25, 1.6 * camera.scale) * px;
    trace(context, line.points);
    context.stroke();
    if (line.arrow && camera.scale > 0.3) paintArrow(context, line, theme);
  }
  if (camera.scale >= 0.22) paintDashes(context, frame, visible);
  context.globalAlpha = 1;
}

function paintDashes(context: CanvasRenderingContext2D, frame: Frame, lines: SceneLine[]): void {
  const { scene, theme, camera } = frame;
  const px = 1 / camera.scale;
  context.lineCap = "round";
  for (const line of lines) {
    const rate = rateOf(scene.graph, frame.rates, line.stretch.topic);
    if (rate === undefined || rate <= 0) continue;
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, line) ? 1 : DIMMED);
    context.strokeStyle = css(line.color ?? theme.accent);
    context.lineWidth = Math.max(1.8, 2.2 * camera.scale) * px;
    context.setLineDash([5 * px, 11 * px]);
    const offset = frame.moving ? frame.time * dashSpeed(rate) : 0;
    context.lineDashOffset = -(offset % 16) * px;
    trace(context, line.points);
    context.stroke();
  }
  context.setLineDash([]);
}

function lineColor(line: SceneLine, theme: Theme): Rgb {
  return line.color ? mix(theme.line, line.color, 0.35) : theme.line;
}

function paintGroup(context: CanvasRenderingContext2D, frame: Frame, one: SceneBox): void {
  const { theme, camera } = frame;
  const { rect, box } = one;
  const px = 1 / camera.scale;
  const tint = theme.dark ? 0.05 : 0.035;
  outline(context, rect, RADIUS + 4);
  context.fillStyle = css(theme.text, tint);
  context.fill();
  const isSelected = frame.selected === box.id;
  context.lineWidth = (isSelected ? 2 : 1) * px;
  context.strokeStyle = css(isSelected ? theme.accent : theme.border);
  context.stroke();
}

function trace(context: CanvasRenderingContext2D, points: Point[]): void {
  const first = points[0];
  if (!first) return;
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (let i = 1; i < points.length; i++) {
    const [before, at, after] = [points[i - 1], points[i], points[i + 1]];
    if (!before || !at) continue;
    if (!after) {
      context.lineTo(at.x, at.y);
      continue;
    }
    const into = Math.hypot(at.x - before.x, at.y - before.y);
    const out = Math.hypot(after.x - at.x, after.y - at.y);
    context.arcTo(at.x, at.y, after.x, after.y, Math.min(CORNER, into / 2, out / 2));
  }
}

function paintArrow(context: CanvasRenderingContext2D, line: SceneLine, theme: Theme): void {
  const [before, end] = [line.points.at(-2), line.points.at(-1)];
  if (!before || !end) return;
  const right = end.x >= before.x ? 1 : -1;
  const tip = end.x - right * 4.5;
  context.beginPath();
  context.moveTo(tip, end.y);
  context.lineTo(tip - right * 7, end.y - 3.6);
  context.lineTo(tip - right * 7, end.y + 3.6);
  context.closePath();
  context.fillStyle = css(line.color ?? theme.muted);
  context.fill();
}
