/** Which collections stand open, so that the texts can be read when the widget opens. */

import type { Measure } from "./boxes";
import type { Graph } from "./graph";
import type { LayoutMemory, LayoutTask, Placed } from "./layout/compose";
import { fitScale } from "./layout/plan";
import type { Size } from "./layout/types";
import { UNLIMITED } from "./layout/types";
import { buildDrawing, type Drawing } from "./levels";

/** Below this scale, texts are more in the way than of use. */
export const READABLE_SCALE = 0.5;
/** About what one unit takes with the space around it, px² at scale 1. */
const AREA_PER_UNIT = 24_000;

export interface Opened {
  drawing: Drawing;
  placed: Placed;
  folded: ReadonlySet<string>;
}

/**
 * Lays a graph out with the collections folded that the user wants, or as few as will do. It
 * yields what is to be laid out, and goes on with the layout: who runs it chooses where it is made.
 */
export function* openGraph(
  graph: Graph,
  folded: ReadonlySet<string> | null,
  measure: Measure,
  view: Size,
  memory: LayoutMemory | null,
): Generator<LayoutTask, Opened, Placed> {
  function* open(closed: ReadonlySet<string>): Generator<LayoutTask, Opened, Placed> {
    const drawing = buildDrawing(graph, closed, measure);
    return { drawing, placed: yield { drawing, target: view, memory }, folded: closed };
  }
  if (folded !== null) return yield* open(folded);
  const depths = new Map(
    [...graph.collections.keys()].map((id) => [id, graph.ancestors(id).length]),
  );
  const deepest = Math.max(-1, ...depths.values());
  let opened: Opened | null = null;
  for (let depth = deepest + 1; depth >= 0; depth--) {
    const closed = new Set([...depths].filter(([, at]) => at >= depth).map(([id]) => id));
    if (depth > 0 && !mayBeReadable(graph, closed, view)) continue;
    opened = yield* open(closed);
    if (fitScale(opened.placed, view) >= READABLE_SCALE) return opened;
  }
  return opened ?? (yield* open(new Set(depths.keys())));
}

/** A guess from the number of boxes alone, to save layouts that can't fit. */
function mayBeReadable(graph: Graph, closed: ReadonlySet<string>, view: Size): boolean {
  let boxes = 0;
  const count = (parent: string | null): void => {
    for (const id of graph.children.get(parent) ?? []) {
      boxes += 1;
      if (graph.collections.has(id) && !closed.has(id)) count(id);
    }
  };
  count(null);
  const scale = Math.sqrt((view.width * view.height) / Math.max(1, boxes * AREA_PER_UNIT));
  return scale >= READABLE_SCALE * 0.7;
}

/** The automatic choice for a graph that has changed: what is open stays open. */
export function foldedAfterChange(before: ReadonlySet<string>, graph: Graph): Set<string> {
  const depths = [...before].map((id) => graph.ancestors(id).length);
  const shallowest = Math.min(UNLIMITED, ...depths);
  const folded = new Set<string>();
  for (const id of graph.collections.keys()) {
    if (before.has(id) || graph.ancestors(id).length > shallowest) folded.add(id);
  }
  return folded;
}
