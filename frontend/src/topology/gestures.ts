/** Pointer, wheel and keys, turned into what the view does. */
import type { Point } from "./layout/types";

export interface GestureActions {
  pan(dx: number, dy: number): void;
  /** Around a point of the stage, or its middle. */
  zoom(factor: number, at?: Point): void;
  fit(): void;
  click(at: Point): void;
  doubleClick(at: Point): void;
  hover(at: Point | null): void;
  search(): void;
  path(): void;
  escape(): void;
  group(): void;
  history(): void;
  /** Begins or ends a connection by keyboard. */
  connect(): void;
  /** Takes back what is selected, where it may. */
  remove(): void;
  undo(): void;
  nudge(dx: number, dy: number): void;
  /** The pointer went down on something that can be dragged; null for the ground. */
  grab(at: Point): Drag | null;
  /** The pointer went down: keys and wheel are meant for this widget now. */
  engage(): void;
  /** A key went down inside of the widget. */
  key(): void;
  /** The wheel turned over a widget that isn't engaged: the page scrolls, a hint says how. */
  wheelIgnored(): void;
}

/** Something under the pointer that goes where the pointer goes. */
export interface Drag {
  move(at: Point): void;
  drop(at: Point): void;
  cancel(): void;
}

const CLICK_SLOP = 4;
const PAN_STEP = 60;
const NUDGE = 15;

export function listen(root: HTMLElement, stage: HTMLElement, actions: GestureActions): () => void {
  const abort = new AbortController();
  function on<Name extends keyof HTMLElementEventMap>(
    element: HTMLElement,
    name: Name,
    handler: (event: HTMLElementEventMap[Name]) => void,
    more: AddEventListenerOptions = {},
  ): void {
    element.addEventListener(name, handler, { ...more, signal: abort.signal });
  }
  const pointers = new Map<number, Point>();
  let dragged = 0;
  let drag: Drag | null = null;

  const at = (event: MouseEvent): Point => {
    const rect = stage.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };
  const isTool = (event: Event): boolean =>
    event.target instanceof Element && event.target.closest(".ezn-search, .ezn-minimap") !== null;

  on(stage, "pointerdown", (event) => {
    if (isTool(event) || (event.pointerType === "mouse" && event.button > 1)) return;
    if (pointers.size === 0) {
      dragged = 0;
      drag = event.button === 0 ? actions.grab(at(event)) : null;
    } else {
      drag?.cancel();
      drag = null;
    }
    pointers.set(event.pointerId, at(event));
    stage.setPointerCapture(event.pointerId);
    actions.engage();
    // Otherwise a drag selects the notebook's text, and a middle click scrolls it.
    event.preventDefault();
  });
  on(stage, "pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const now = at(event);
    if (!before) {
      actions.hover(isTool(event) ? null : now);
      return;
    }
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    dragged += Math.hypot(dx, dy);
    if (dragged < CLICK_SLOP && pointers.size === 1) return;
    stage.classList.add("ezn-dragging");
    actions.hover(null);
    if (drag) {
      drag.move(now);
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (point: Point): number => Math.hypot(point.x - other.x, point.y - other.y);
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      actions.pan(dx / 2, dy / 2);
      actions.zoom(apart(now) / Math.max(1, apart(before)), middle);
    } else actions.pan(dx, dy);
    pointers.set(event.pointerId, now);
  });
  const release = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    stage.classList.remove("ezn-dragging");
    if (event.type === "pointerup" && dragged >= CLICK_SLOP) drag?.drop(at(event));
    else drag?.cancel();
    drag = null;
    if (event.type === "pointerup" && dragged < CLICK_SLOP && event.button === 0) {
      actions.click(at(event));
    }
  };
  on(stage, "pointerup", release);
  on(stage, "pointercancel", release);
  on(stage, "pointerleave", () => actions.hover(null));
  on(stage, "dblclick", (event) => {
    if (!isTool(event)) actions.doubleClick(at(event));
  });
  on(
    stage,
    "wheel",
    (event) => {
      const meant = event.ctrlKey || event.metaKey || root.contains(document.activeElement);
      if (!meant) {
        actions.wheelIgnored();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const turn = Math.max(-150, Math.min(150, event.deltaY * lines));
      actions.zoom(Math.exp(-turn * (event.ctrlKey ? 0.008 : 0.0022)), at(event));
    },
    { passive: false },
  );
  on(root, "keydown", () => actions.key(), { capture: true });
  on(root, "keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement)
      return;
    const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (isUndo) actions.undo();
    else if (event.ctrlKey || event.metaKey || !handleKey(event, actions)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return () => abort.abort();
}

function handleKey({ key, shiftKey, altKey }: KeyboardEvent, actions: GestureActions): boolean {
  const x = { ArrowLeft: 1, ArrowRight: -1 }[key] ?? 0;
  const y = { ArrowUp: 1, ArrowDown: -1 }[key] ?? 0;
  if (x || y) {
    if (shiftKey) actions.pan(x * PAN_STEP, y * PAN_STEP);
    else if (altKey) actions.nudge(-x * NUDGE, -y * NUDGE);
    return shiftKey || altKey;
  }
  const act = {
    "+": () => actions.zoom(1.25),
    "=": () => actions.zoom(1.25),
    "-": () => actions.zoom(0.8),
    _: () => actions.zoom(0.8),
    "0": actions.fit,
    f: actions.fit,
    "/": actions.search,
    p: actions.path,
    g: actions.group,
    h: actions.history,
    c: actions.connect,
    Delete: actions.remove,
    Backspace: actions.remove,
    Escape: actions.escape,
  }[key];
  act?.();
  return !!act;
}
