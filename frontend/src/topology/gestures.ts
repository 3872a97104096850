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
  /** The pointer went down: keys and wheel are meant for this widget now. */
  engage(): void;
  /** A key went down inside of the widget. */
  key(): void;
  /** The wheel turned over a widget that isn't engaged: the page scrolls, a hint says how. */
  wheelIgnored(): void;
}

const CLICK_SLOP = 4;
const PAN_STEP = 60;

export function listen(root: HTMLElement, stage: HTMLElement, actions: GestureActions): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  const pointers = new Map<number, Point>();
  let dragged = 0;

  const at = (event: MouseEvent): Point => {
    const rect = stage.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };
  const isTool = (event: Event): boolean =>
    event.target instanceof Element && event.target.closest(".ezn-search, .ezn-minimap") !== null;

  stage.addEventListener(
    "pointerdown",
    (event) => {
      if (isTool(event) || (event.pointerType === "mouse" && event.button > 1)) return;
      if (pointers.size === 0) dragged = 0;
      pointers.set(event.pointerId, at(event));
      stage.setPointerCapture(event.pointerId);
      actions.engage();
      // Otherwise a drag selects the notebook's text, and a middle click scrolls it.
      event.preventDefault();
    },
    { signal },
  );
  stage.addEventListener(
    "pointermove",
    (event) => {
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
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = (point: Point): number => Math.hypot(point.x - other.x, point.y - other.y);
        const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
        actions.pan(dx / 2, dy / 2);
        actions.zoom(apart(now) / Math.max(1, apart(before)), middle);
      } else actions.pan(dx, dy);
      pointers.set(event.pointerId, now);
    },
    { signal },
  );
  const release = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    stage.classList.remove("ezn-dragging");
    if (event.type === "pointerup" && dragged < CLICK_SLOP && event.button === 0) {
      actions.click(at(event));
    }
  };
  stage.addEventListener("pointerup", release, { signal });
  stage.addEventListener("pointercancel", release, { signal });
  stage.addEventListener("pointerleave", () => actions.hover(null), { signal });
  stage.addEventListener(
    "dblclick",
    (event) => {
      if (!isTool(event)) actions.doubleClick(at(event));
    },
    { signal },
  );
  stage.addEventListener(
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
    { signal, passive: false },
  );
  root.addEventListener("keydown", () => actions.key(), { signal, capture: true });
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
      if (!handleKey(event, actions)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  return () => abort.abort();
}

function handleKey(event: KeyboardEvent, actions: GestureActions): boolean {
  const pans: Record<string, [number, number]> = {
    ArrowLeft: [PAN_STEP, 0],
    ArrowRight: [-PAN_STEP, 0],
    ArrowUp: [0, PAN_STEP],
    ArrowDown: [0, -PAN_STEP],
  };
  const pan = pans[event.key];
  if (pan && event.shiftKey) {
    actions.pan(...pan);
    return true;
  }
  switch (event.key) {
    case "+":
    case "=":
      actions.zoom(1.25);
      return true;
    case "-":
    case "_":
      actions.zoom(0.8);
      return true;
    case "0":
    case "f":
      actions.fit();
      return true;
    case "/":
      actions.search();
      return true;
    case "p":
      actions.path();
      return true;
    case "Escape":
      actions.escape();
      return true;
    default:
      return false;
  }
}
