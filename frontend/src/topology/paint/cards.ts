/** Cards with their texts and ports. */
import { css, mix } from "../../shared/color";
import type { Theme } from "../../shared/theme";
import type { Rect } from "../layout/types";
import type { ProcessMark } from "../processes";
import { type Detail, detailAt, intersects, type SceneBox } from "../scene";
import { STATES, stateColor } from "../states";
import { fontOf, type TextFitter } from "../text";
import { paintChips } from "./chips";
import {
  circle,
  DIMMED,
  draw,
  type Frame,
  fill,
  isLit,
  outline,
  pen,
  RADIUS,
  shownWorld,
} from "./frame";

export function paintCards(
  context: CanvasRenderingContext2D,
  frame: Frame,
  fitter: TextFitter,
): void {
  const shown = shownWorld(frame, 12 + 10 / frame.camera.scale);
  const detail = detailAt(frame.camera.scale);
  for (const one of frame.scene.ordered) {
    if (!intersects(one.rect, shown)) continue;
    context.globalAlpha = isLit(frame, one.box.id) ? 1 : DIMMED;
    if (!detail.titles) paintBlock(context, frame, one);
    else if (one.box.kind === "group") paintGroupTitle(context, frame, one, detail, fitter);
    else if (one.box.kind === "topic") paintTopic(context, frame, one, detail, fitter);
    else paintCard(context, frame, one, detail, fitter);
    paintPorts(context, frame, one);
  }
  context.globalAlpha = 1;
}

/** A box too small for a name: the colour of its process says most. */
function paintBlock(context: CanvasRenderingContext2D, frame: Frame, one: SceneBox): void {
  const { theme } = frame;
  const { box, rect, condition } = one;
  if (box.kind === "group") return;
  const isWell = condition.state === "ok";
  const color = isWell
    ? mix(theme.card, one.marks[0]?.color ?? theme.muted, 0.5)
    : mix(theme.card, stateColor(condition.state, theme), 0.8);
  context.fillStyle = css(color);
  context.fillRect(rect.x, rect.y, rect.width, rect.height);
  const { selected, focused, fresh } = frame;
  const isPlain = isWell && !fresh.has(box.id);
  if (isPlain && ![selected, focused].includes(box.id)) return;
  outline(context, rect);
  strokeBox(context, frame, one);
}

function paintCard(
  context: CanvasRenderingContext2D,
  frame: Frame,
  one: SceneBox,
  detail: Detail,
  fitter: TextFitter,
): void {
  const { theme, camera } = frame;
  const { rect, box, condition } = one;
  const px = 1 / camera.scale;
  if (box.kind === "folded") {
    // Edges of two more cards behind: there is something inside.
    for (const step of [6, 3]) {
      outline(context, shifted(rect, step, 0));
      fill(context, theme.card);
      draw(context, theme.border, px);
    }
  }
  const body: Rect = box.kind === "folded" ? shifted(rect, 0, -6) : rect;
  const state = condition.state;
  context.save();
  if (!theme.dark && camera.scale > 0.5) {
    context.shadowColor = "rgba(20, 30, 50, 0.10)";
    context.shadowBlur = 4 * frame.pixelRatio;
    context.shadowOffsetY = frame.pixelRatio;
  }
  outline(context, body);
  fill(context, state === "dead" ? mix(theme.card, theme.danger, 0.1) : theme.card);
  context.restore();
  context.save();
  outline(context, body);
  context.clip();
  paintProcessBar(context, one.marks, body, theme);
  context.restore();
  outline(context, body);
  strokeBox(context, frame, one);
  paintCardText(context, frame, one, body, detail, fitter);
}

/** A rectangle with its left upper and its right lower corner moved. */
function shifted({ x, y, width, height }: Rect, start: number, end: number): Rect {
  const by = end - start;
  return { x: x + start, y: y + start, width: width + by, height: height + by };
}

function strokeBox(context: CanvasRenderingContext2D, frame: Frame, one: SceneBox): void {
  const { theme, camera, fresh } = frame;
  const px = 1 / camera.scale;
  const { box, condition } = one;
  const isSelected = frame.selected === box.id;
  const newness = fresh.get(box.id) ?? 0;
  const isWell = condition.state === "ok";
  if (["stale", "removed", "paused"].includes(condition.state))
    context.setLineDash([4 * px, 3 * px]);
  draw(context, stateColor(condition.state, theme), (isWell ? 1 : 2) * px);
  context.setLineDash([]);
  if (isSelected || newness > 0) {
    // Around the border, which goes on to tell the state.
    const alpha = isSelected ? 1 : newness;
    outline(context, shifted(one.rect, -3 * px, 3 * px), RADIUS + 3 * px);
    draw(context, theme.accent, 2 * px, alpha);
    draw(context, theme.accent, 6 * px, 0.18 * alpha);
  }
  if (frame.pins[box.id]) {
    // A pin's head in the corner: it stands where it was put.
    circle(context, one.rect.x + 1, one.rect.y + 1, 4 * px);
    fill(context, theme.accent);
  }
  if (frame.focused === box.id) {
    const away = (isSelected ? 7 : 4) * px;
    outline(context, shifted(one.rect, -away, away), RADIUS + away);
    draw(context, theme.accent, 2 * px);
  }
}

/** The left edge in the colours of the processes inside. */
function paintProcessBar(
  context: CanvasRenderingContext2D,
  marks: ProcessMark[],
  body: Rect,
  theme: Theme,
): void {
  const part = body.height / Math.max(1, marks.length);
  if (marks.length === 0) {
    context.fillStyle = css(theme.border);
    context.fillRect(body.x, body.y, 4, body.height);
  }
  marks.forEach((mark, index) => {
    context.fillStyle = css(mark.color);
    context.fillRect(body.x, body.y + index * part, 4, part);
  });
}

function paintCardText(
  context: CanvasRenderingContext2D,
  frame: Frame,
  one: SceneBox,
  body: Rect,
  detail: Detail,
  fitter: TextFitter,
): void {
  const { theme, camera } = frame;
  const font = fontOf(theme.font);
  const px = 1 / camera.scale;
  const { box, condition } = one;
  const left = body.x + (detail.types ? 14 : 9);
  const chips = paintChips(context, frame, one, body, detail);
  const roomy = detail.types;
  const titleY = roomy ? body.y + 15 : body.y + body.height / 2;
  const titleWidth = body.x + body.width - left - chips;
  let titleFont = font(detail.titleSize * px, 600);
  pen(context, condition.state === "dead" ? theme.danger : theme.text, titleFont);
  // Rather the whole name a little smaller than a part of it.
  if (context.measureText(box.name).width > titleWidth) {
    context.font = titleFont = font(detail.titleSize * px * 0.86, 600);
  }
  context.fillText(fitter.fit(box.name, titleWidth, titleFont), left, titleY);
  if (!roomy) return;
  const smallFont = font(detail.smallSize * px);
  const isWell = condition.state === "ok";
  pen(context, isWell ? theme.muted : stateColor(condition.state, theme), smallFont);
  const count = box.units.length;
  const type =
    box.kind === "folded" ? `${box.type} · ${count} unit${count === 1 ? "" : "s"}` : box.type;
  const { sign, words } = STATES[condition.state];
  const subtitle = fitter.fit(
    sign === "" ? type : `${sign} ${words}`,
    body.x + body.width - left - 8,
    smallFont,
  );
  context.fillText(subtitle, left, body.y + 30.5);
  if (!detail.ports) return;
  context.fillStyle = css(theme.muted);
  const half = (body.width - 30) / 2;
  for (const port of box.ports) {
    if (port.label === "") continue;
    const west = port.side === "west";
    context.textAlign = west ? "left" : "right";
    const x = west ? left : one.rect.x + one.rect.width - 11;
    const shares = box.ports.some((other) => other.side !== port.side && other.y === port.y);
    const label = fitter.fit(port.label, shares ? half : half * 2, smallFont);
    context.fillText(label, x, one.rect.y + port.y + 0.5);
  }
}

function paintTopic(
  context: CanvasRenderingContext2D,
  frame: Frame,
  one: SceneBox,
  detail: Detail,
  fitter: TextFitter,
): void {
  const { theme, camera } = frame;
  const { rect, box } = one;
  outline(context, rect, rect.height / 2);
  fill(context, theme.card);
  strokeBox(context, frame, one);
  const font = fontOf(theme.font)(detail.smallSize / camera.scale);
  pen(context, theme.text, font, "center");
  const label = fitter.fit(box.name, rect.width - 20, font);
  context.fillText(label, rect.x + rect.width / 2, rect.y + rect.height / 2 + 0.5);
}

function paintGroupTitle(
  context: CanvasRenderingContext2D,
  frame: Frame,
  one: SceneBox,
  detail: Detail,
  fitter: TextFitter,
): void {
  const { theme, camera } = frame;
  const { rect, box } = one;
  const px = 1 / camera.scale;
  const font = fontOf(theme.font);
  const y = rect.y + Math.max(16, detail.titleSize * px * 0.8);
  const titleFont = font(detail.titleSize * px, 600);
  pen(context, theme.text, titleFont);
  const title = fitter.fit(box.name, rect.width - 24, titleFont);
  context.fillText(title, rect.x + 12, y);
  if (detail.types) {
    const used = context.measureText(title).width;
    const smallFont = font(detail.smallSize * px);
    pen(context, theme.muted, smallFont);
    context.fillText(
      fitter.fit(box.type, rect.width - used - 40, smallFont),
      rect.x + 20 + used,
      y,
    );
  }
  if (!detail.ports) return;
  pen(context, theme.muted, font(detail.smallSize * px));
  for (const port of box.ports) {
    const at = frame.scene.ports.get(port.key);
    if (!at || port.label === "") continue;
    context.textAlign = port.side === "west" ? "left" : "right";
    context.fillText(port.label, at.x + (port.side === "west" ? 9 : -9), at.y - 9);
  }
}

function paintPorts(context: CanvasRenderingContext2D, frame: Frame, one: SceneBox): void {
  const { theme, camera, scene } = frame;
  if (camera.scale < 0.4) return;
  const color = one.marks.length === 1 ? (one.marks[0]?.color ?? theme.muted) : theme.muted;
  for (const port of one.box.ports) {
    const at = scene.ports.get(port.key);
    if (!at || port.port === null) continue;
    circle(context, at.x, at.y, 3);
    fill(context, port.wired ? color : theme.card);
    draw(context, color, 1.4);
  }
}
