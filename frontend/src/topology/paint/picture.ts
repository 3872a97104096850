/** All that stays as it is until something happens: groups, lines and cards. */
import type { TextFitter } from "../text";
import { paintCards } from "./cards";
import { begin, type Frame } from "./frame";
import { paintLines } from "./lines";

export function paintPicture(
  context: CanvasRenderingContext2D,
  frame: Frame,
  fitter: TextFitter,
): void {
  begin(context, frame);
  paintLines(context, frame);
  paintCards(context, frame, fitter);
}
