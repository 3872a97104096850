/** Groups, and the lines between boxes. */
import { css, mix, type Rgb } from "../../shared/color";
import type { Point } from "../layout/types";
import { intersects, type SceneBox, type SceneLine } from "../scene";
import { stateColor } from "../states";
import { fontOf } from "../text";
import { OWNERS } from "../words";
import {
  circle,
  DIMMED,
  draw,
  type Frame,
  fill,
  isLineLit,
  isLit,
  outline,
  pen,
  RADIUS,
  shownWorld,
} from "./frame";

const CORNER = 8;

export function paintLines(context: CanvasRenderingContext2D, frame: Frame): void {
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
  const wide = context.lineWidth;
  const look = (line: SceneLine): string =>
    `${lineColor(line, frame)} ${isLineLit(frame, line)} ${line.edge?.mark}`;
  for (const lines of alike(visible, look)) {
    const { mark } = lines[0].edge ?? {};
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, lines[0]) ? 1 : DIMMED);
    context.strokeStyle = css(lineColor(lines[0], frame));
    context.lineWidth = wide * (mark ? 2 : 1);
    context.setLineDash(mark === "removed" ? [4 * px, 4 * px] : []);
    strokeAll(context, lines);
    context.fillStyle = css(lines[0].color ?? theme.muted);
    if (camera.scale > 0.3) for (const line of lines) if (line.arrow) paintArrow(context, line);
  }
  context.setLineDash([]);
  context.globalAlpha = frame.lineAlpha;
  if (camera.scale >= 0.4) for (const line of visible) paintOwner(context, frame, line);
  context.globalAlpha = 1;
}

/** A letter on a line that isn't the pipeline's own. */
function paintOwner(context: CanvasRenderingContext2D, frame: Frame, line: SceneLine): void {
  const owner = line.edge?.owner;
  if (!owner || owner === "pipeline" || !line.arrow) return;
  const { theme, camera } = frame;
  const px = 1 / camera.scale;
  const end = line.points.at(-1);
  if (!end) return;
  // Beside the arrow: at the other end a rate may stand.
  const [x, y] = [end.x - 22, end.y];
  circle(context, x, y, 7 * px);
  fill(context, theme.card);
  draw(context, theme.accent, 1.5 * px);
  pen(context, theme.text, fontOf(theme.font)(9 * px, 600), "center");
  context.fillText(OWNERS[owner].letter, x, y + 0.5 * px);
}

type Some = [SceneLine, ...SceneLine[]];

export function alike(lines: SceneLine[], look: (line: SceneLine) => string): Iterable<Some> {
  const groups = new Map<string, Some>();
  for (const line of lines) {
    const key = look(line);
    const group = groups.get(key);
    if (group) group.push(line);
    else groups.set(key, [line]);
  }
  return groups.values();
}

export function strokeAll(context: CanvasRenderingContext2D, lines: SceneLine[]): void {
  context.beginPath();
  for (const line of lines) trace(context, line.points);
  context.stroke();
}

function lineColor(line: SceneLine, { theme }: Frame): Rgb {
  if (line.edge?.mark) return stateColor(line.edge.mark, theme);
  return line.color ? mix(theme.line, line.color, 0.35) : theme.line;
}

function paintGroup(context: CanvasRenderingContext2D, frame: Frame, one: SceneBox): void {
  const { theme, camera } = frame;
  const { rect, box } = one;
  const px = 1 / camera.scale;
  const tint = theme.dark ? 0.05 : 0.035;
  outline(context, rect, RADIUS + 4);
  fill(context, theme.text, tint);
  const isSelected = frame.selected === box.id;
  draw(context, isSelected ? theme.accent : theme.border, (isSelected ? 2 : 1) * px);
}

export function trace(context: CanvasRenderingContext2D, points: Point[]): void {
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
