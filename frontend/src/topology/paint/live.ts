/** What changes all the time: rates, what moves along the lines, and a line drawn by hand. */
import { css, mix, type Rgb, readable } from "../../shared/color";
import type { Point } from "../layout/types";
import { direct } from "../pins";
import { formatMs, rateForms } from "../rates";
import { type Detail, dashSpeed, detailAt, intersects, type SceneLine } from "../scene";
import { stateColor } from "../states";
import { fontOf } from "../text";
import { isCrowded } from "../words";
import { begin, DIMMED, draw, type Frame, isLineLit, outline, shownWorld } from "./frame";
import { alike, strokeAll, trace } from "./lines";

export function paintLive(context: CanvasRenderingContext2D, frame: Frame): void {
  begin(context, frame);
  const { scene, theme, camera } = frame;
  const shown = shownWorld(frame, 0);
  const visible = scene.lines.filter((line) => intersects(line.bounds, shown));
  context.lineJoin = "round";
  paintCrowded(context, frame, visible);
  if (camera.scale >= 0.22) paintDashes(context, frame, visible);
  context.globalAlpha = 1;
  const detail = detailAt(camera.scale);
  if (detail.rates) paintRates(context, frame, detail);
  const hovered = scene.boxes.get(frame.hovered ?? "");
  if (hovered && hovered.condition.state === "ok") {
    outline(context, hovered.rect);
    draw(context, mix(theme.border, theme.text, 0.35), 1 / camera.scale);
  }
  if (!frame.wire) return;
  context.beginPath();
  trace(context, direct(...frame.wire));
  draw(context, theme.accent, 2.5 / camera.scale);
}

/** Lines whose buffers are nearly full. */
function paintCrowded(context: CanvasRenderingContext2D, frame: Frame, lines: SceneLine[]): void {
  const crowded = lines.filter((line) => isCrowded(frame.rates.inflight(line.stretch.topic)));
  context.lineWidth = Math.max(2, 2.2 * frame.camera.scale) / frame.camera.scale;
  context.strokeStyle = css(frame.theme.warning);
  for (const group of alike(crowded, (line) => `${isLineLit(frame, line)}`)) {
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, group[0]) ? 1 : DIMMED);
    strokeAll(context, group);
  }
}

function paintDashes(context: CanvasRenderingContext2D, frame: Frame, lines: SceneLine[]): void {
  const { camera } = frame;
  const px = 1 / camera.scale;
  const speedOf = (line: SceneLine): number =>
    Math.round(dashSpeed(frame.rates.rate(line.stretch.topic) ?? 0));
  const live = lines.filter((line) => speedOf(line) > 0);
  const look = (line: SceneLine): string =>
    `${dashColor(line, frame)} ${isLineLit(frame, line)} ${speedOf(line)}`;
  context.lineCap = "round";
  context.lineWidth = Math.max(1.8, 2.2 * camera.scale) * px;
  context.setLineDash([5 * px, 11 * px]);
  for (const group of alike(live, look)) {
    context.globalAlpha = frame.lineAlpha * (isLineLit(frame, group[0]) ? 1 : DIMMED);
    context.strokeStyle = css(dashColor(group[0], frame));
    const offset = frame.moving ? frame.time * speedOf(group[0]) : 0;
    context.lineDashOffset = -(offset % 16) * px;
    strokeAll(context, group);
  }
  context.setLineDash([]);
}

function dashColor(line: SceneLine, { theme, rates }: Frame): Rgb {
  if (isCrowded(rates.inflight(line.stretch.topic))) return theme.warning;
  if (line.edge?.mark === "removed") return stateColor("removed", theme);
  return line.color ?? theme.accent;
}

function paintRates(context: CanvasRenderingContext2D, frame: Frame, detail: Detail): void {
  const { scene, theme, camera } = frame;
  const shown = shownWorld(frame, 0);
  const px = 1 / camera.scale;
  context.font = fontOf(theme.font)(detail.rateSize * px);
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  let above: Point | null = null;
  for (const { topic, at, room, edge } of scene.labels) {
    if (at.x < shown.x || at.x > shown.x + shown.width) continue;
    if (at.y < shown.y || at.y > shown.y + shown.height) continue;
    const rate = frame.rates.rate(topic);
    const [inflight, p99] = [frame.rates.inflight(topic), frame.rates.p99(edge)];
    const crowded = isCrowded(inflight);
    const forms = rateForms(rate);
    if (p99 !== undefined) forms.unshift(`${forms[0] ?? ""} · ${formatMs(p99)}`, formatMs(p99));
    if (crowded) forms.unshift(`${forms.at(-1) ?? ""} · ${inflight?.join("/")}`);
    const fits = (text: string): boolean => context.measureText(text).width + 9 <= room;
    const text = forms.find(fits);
    // Ports of one box may be too near to each other for a text at each.
    const isFree = above?.x !== at.x || Math.abs(above.y - at.y) >= detail.rateSize * px;
    if (text === undefined || !isFree) continue;
    above = at;
    context.globalAlpha = frame.lit === null || frame.lit.topics.has(topic) ? 1 : DIMMED;
    const [x, y] = [at.x + 7, at.y - 4.5];
    context.lineWidth = 3 * px;
    context.strokeStyle = css(theme.ground);
    context.strokeText(text, x, y);
    const plain = rate === 0 ? theme.muted : readable(theme.text, theme.ground);
    context.fillStyle = css(crowded ? readable(theme.warning, theme.ground) : plain);
    context.fillText(text, x, y);
  }
  context.globalAlpha = 1;
}
