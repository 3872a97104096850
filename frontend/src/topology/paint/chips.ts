/** The small signs in the corner of a card. */
import { mix, readable } from "../../shared/color";
import type { Theme } from "../../shared/theme";
import type { Rect } from "../layout/types";
import type { ProcessMark } from "../processes";
import type { Detail, SceneBox } from "../scene";
import { fontOf } from "../text";
import { circle, draw, type Frame, fill, outline, pen } from "./frame";

/** The letters of its processes and the sign for dynamic settings; gives the room they take. */
export function paintChips(
  context: CanvasRenderingContext2D,
  frame: Frame,
  one: SceneBox,
  body: Rect,
  detail: Detail,
): number {
  const { theme, camera } = frame;
  const px = 1 / camera.scale;
  const size = Math.max(14, 11.5 * px);
  if (body.width * camera.scale < 58 || size > body.height * 0.5) return 4;
  if (!detail.types) {
    // Rather the whole name than a letter beside a part of it.
    context.font = fontOf(theme.font)(detail.titleSize * px, 600);
    const room = body.width - 20 - one.marks.length * (size + 3);
    if (context.measureText(one.box.name).width > room) return 4;
  }
  const centre = detail.types ? body.y + 15 : body.y + body.height / 2;
  let right = body.x + body.width - 8;
  for (const mark of one.marks.slice(0, 3).reverse()) {
    const width = size * (mark.letter.length > 1 ? 1.5 : 1);
    paintChip(context, theme, mark, right - width, centre - size / 2, width, size);
    right -= width + 3;
  }
  if (one.box.kind === "unit" && one.box.units[0]?.dynamic && detail.ports) {
    paintSliders(context, theme, right - 13, centre - 5);
    right -= 16;
  }
  return body.x + body.width - right + 3;
}

function paintChip(
  context: CanvasRenderingContext2D,
  theme: Theme,
  mark: ProcessMark,
  x: number,
  y: number,
  width: number,
  size: number,
): void {
  outline(context, { x, y, width, height: size }, size * 0.28);
  const ground = mix(theme.card, mark.color, 0.2);
  fill(context, ground);
  pen(context, readable(mark.color, ground), fontOf(theme.font)(size * 0.72, 600), "center");
  context.fillText(mark.letter, x + width / 2, y + size / 2 + size * 0.04);
}

/** Two sliders: this unit's settings can be changed while it runs. */
function paintSliders(context: CanvasRenderingContext2D, theme: Theme, x: number, y: number): void {
  const color = mix(theme.card, theme.muted, 0.8);
  for (const [row, knob] of [
    [2.5, 7.5],
    [7.5, 3.5],
  ] as const) {
    context.beginPath();
    context.moveTo(x, y + row);
    context.lineTo(x + 11, y + row);
    draw(context, color, 1.1);
    circle(context, x + knob, y + row, 1.9);
    fill(context, theme.card);
    draw(context, color, 1.1);
  }
}
