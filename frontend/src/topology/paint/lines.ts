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
  context.lineWidth = Math.max(1.25, 1.6 * camera.scale) * px;
  // Lines of a look are drawn at once: many small strokes cost much more than a large one.
  for (const lines of alike(visible, (line) => `${line.color} ${isLineLit(frame, line)}`)) {
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, lines[0]) ? 1 : DIMMED);
    context.strokeStyle = css(lineColor(lines[0], theme));
    strokeAll(context, lines);
    context.fillStyle = css(lines[0].color ?? theme.muted);
    if (camera.scale > 0.3) for (const line of lines) if (line.arrow) paintArrow(context, line);
  }
  if (camera.scale >= 0.22) paintDashes(context, frame, visible);
  context.globalAlpha = 1;
}

function paintDashes(context: CanvasRenderingContext2D, frame: Frame, lines: SceneLine[]): void {
  const { scene, theme, camera } = frame;
  const px = 1 / camera.scale;
  const speedOf = (line: SceneLine): number =>
    Math.round(dashSpeed(rateOf(scene.graph, frame.rates, line.stretch.topic) ?? 0));
  const live = lines.filter((line) => speedOf(line) > 0);
  const look = (line: SceneLine): string =>
    `${line.color} ${isLineLit(frame, line)} ${speedOf(line)}`;
  context.lineCap = "round";
  context.lineWidth = Math.max(1.8, 2.2 * camera.scale) * px;
  context.setLineDash([5 * px, 11 * px]);
  for (const group of alike(live, look)) {
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, group[0]) ? 1 : DIMMED);
    context.strokeStyle = css(group[0].color ?? theme.accent);
    const offset = frame.moving ? frame.time * speedOf(group[0]) : 0;
    context.lineDashOffset = -(offset % 16) * px;
    strokeAll(context, group);
  }
  context.setLineDash([]);
}

type Some = [SceneLine, ...SceneLine[]];

function alike(lines: SceneLine[], look: (line: SceneLine) => string): Iterable<Some> {
  const groups = new Map<string, Some>();
  for (const line of lines) {
    const key = look(line);
    const group = groups.get(key);
    if (group) group.push(line);
    else groups.set(key, [line]);
  }
  return groups.values();
}

function strokeAll(context: CanvasRenderingContext2D, lines: SceneLine[]): void {
  context.beginPath();
  for (const line of lines) trace(context, line.points);
  context.stroke();
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

function paintArrow(context: CanvasRenderingContext2D, line: SceneLine): void {
  const [before, end] = [line.points.at(-2), line.points.at(-1)];
  if (!before || !end) return;
  const right = end.x >= before.x ? 1 : -1;
  const tip = end.x - right * 4.5;
  context.beginPath();
  context.moveTo(tip, end.y);
  context.lineTo(tip - right * 7, end.y - 3.6);
  context.lineTo(tip - right * 7, end.y + 3.6);
  context.closePath();
  context.fill();
}
