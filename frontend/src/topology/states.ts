/** What may be said of a unit: in a colour, with a sign, and in words. */
import type { Theme } from "../shared/theme";

/** The first are how it is, the others what became of it between two times. */
export type UnitState =
  | "ok"
  | "dead"
  | "stale"
  | "slow"
  | "paused"
  | "added"
  | "removed"
  | "moved"
  | "changed";

export interface UnitCondition {
  state: UnitState;
  reason: string;
}

type ColorName = "border" | "danger" | "muted" | "warning" | "success" | "accent";

interface Look {
  color: ColorName;
  sign: string;
  words: string;
}

const look = (color: ColorName, sign: string, words: string): Look => ({ color, sign, words });

/** The worst last: a folded collection shows the worst of what is in it. */
export const STATES: Record<UnitState, Look> = {
  ok: look("border", "", "running"),
  changed: look("accent", "✎", "settings changed"),
  paused: look("muted", "‖", "paused"),
  added: look("success", "+", "added"),
  moved: look("warning", "→", "moved"),
  removed: look("danger", "−", "removed"),
  slow: look("warning", "!", "backpressure"),
  stale: look("muted", "…", "does not answer"),
  dead: look("danger", "✕", "died"),
};

const SEVERITY = Object.keys(STATES);

export const isWorse = (a: UnitState, b: UnitState): boolean =>
  SEVERITY.indexOf(a) > SEVERITY.indexOf(b);

/** A condition in words, with its reason. */
export const describeCondition = ({ state, reason }: UnitCondition): string =>
  [STATES[state].words, reason].filter(Boolean).join(": ");

export const stateColor = (state: UnitState, theme: Theme): Theme[ColorName] =>
  theme[STATES[state].color];
