import type { Encoded } from "../encoded";

/**
 * One editor of a value.
 *
 * `read` after `show` gives back exactly what was shown, unless the person changed something.
 */
export interface Control {
  readonly element: HTMLElement;
  show(value: Encoded): void;
  read(): Encoded;
  /** Show as empty, for a value that is yet to be given. */
  clear(): void;
  enable(on: boolean): void;
  focus(): void;
  /** Whether this control is the right one for a value; it can show any. */
  fits(value: Encoded): boolean;
}

/** What a control tells the row, or the control, that it is in. */
export interface Host {
  /** Something was typed or moved, and is not to be sent yet. */
  edited(): void;
  /** Send what the control reads now. */
  commit(): void;
  /** How screen readers name it. */
  label: string;
  /** Id of the element that describes it, for screen readers. */
  describedBy?: string;
}

export function within(host: Host, part: string): Host {
  return {
    edited: () => host.edited(),
    commit: () => host.commit(),
    label: `${host.label}, ${part}`,
  };
}
