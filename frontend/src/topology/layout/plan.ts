/**
 * How the levels of a drawing are folded into rows and columns, so that all of it fits a view at
 * the largest scale. It is decided by estimates: whole layouts of each choice would take long.
 */
import { BOX, type Level } from "../levels";
import { backEdges } from "./layering";
import { estimateSize, SPACING } from "./level";
import { packSizes, splitComponents } from "./pack";
import type { LayoutEdge, LayoutNode, LevelInput, LevelShape, Size } from "./types";

/** Boxes of a level that lines join, and what of it doesn't depend on sizes. */
export interface Part {
  key: string;
  nodes: LayoutNode[];
  edges: LayoutEdge[];
  back: ReadonlySet<string>;
}

export interface PreparedLevel {
  collection: string | null;
  parts: Part[];
  /** Space between the left border and the content; none where ports stand in the border. */
  left: number;
  right: number;
}

export interface Plan {
  /** Part -> shape. */
  shapes: Map<string, LevelShape>;
  /** Width by height that groups aim at. */
  groupAspect: number;
  size: Size;
}

export type RememberedPlan = {
  shapes: ReadonlyMap<string, LevelShape>;
  groupAspect: number;
};

export const ONE_ROW: LevelShape = { rows: 1, maxLayerHeight: Number.POSITIVE_INFINITY };

const GROUP_ASPECTS = [2.2, 1.2, 4];
const MANY_BOXES = 300;
/** What is remembered is kept as long as it is at least this good against the best. */
const KEEP = 0.82;

export function prepare(levels: Level[]): PreparedLevel[] {
  return levels.map(({ collection, nodes, stretches }) => {
    const input = { nodes, edges: stretches };
    const hasWest = nodes.some((node) => node.role === "west");
    const hasEast = nodes.some((node) => node.role === "east");
    const split = hasWest || hasEast ? [input] : splitComponents(input);
    const padding = collection === null ? 0 : BOX.groupPadding;
    return {
      collection,
      parts: split.map((part) => ({
        ...part,
        key: `${collection ?? ""}/${part.nodes[0]?.id ?? ""}`,
        back: backEdges(part),
      })),
      left: hasWest ? 0 : padding,
      right: hasEast ? 0 : padding,
    };
  });
}

export function bestPlan(
  levels: PreparedLevel[],
  target: Size,
  memory: RememberedPlan | null,
): Plan {
  const boxes = levels.reduce(
    (sum, level) => sum + level.parts.reduce((count, part) => count + part.nodes.length, 0),
    0,
  );
  const aspects =
    levels.length > 1 && boxes <= MANY_BOXES ? GROUP_ASPECTS : [GROUP_ASPECTS[0] ?? 2];
  const splits = boxes <= MANY_BOXES ? SPLITS : SPLITS.slice(0, 1);
  let best: Plan | null = null;
  if (memory) best = makePlan(levels, target, memory.groupAspect, WHOLE, memory);
  const keep = memory ? KEEP : 0.98;
  for (const aspect of aspects) {
    for (const split of splits) {
      if (best && fitScale(best.size, target) >= 1) return best;
      const plan = makePlan(levels, target, aspect, split, null);
      if (!best || fitScale(plan.size, target) * keep > fitScale(best.size, target)) best = plan;
    }
  }
  return best ?? makePlan(levels, target, 2, WHOLE, null);
}

/** Scale at which a drawing fills a view, never above 1. */
export function fitScale(size: Size, view: Size): number {
  if (size.width <= 0 || size.height <= 0) return 1;
  return Math.min(1, view.width / size.width, view.height / size.height);
}

type Split = (target: Size, share: number) => Size;

const WHOLE: Split = (target) => target;

/** Ways to share a view out among parts that nothing joins: whole, stacked, in between, beside. */
const SPLITS: Split[] = [
  WHOLE,
  (target, share) => ({ width: target.width, height: target.height * share }),
  (target, share) => ({
    width: target.width * Math.sqrt(share),
    height: target.height * Math.sqrt(share),
  }),
  (target, share) => ({ width: target.width * share, height: target.height }),
];

function makePlan(
  levels: PreparedLevel[],
  target: Size,
  groupAspect: number,
  split: Split,
  memory: RememberedPlan | null,
): Plan {
  const shapes = new Map<string, LevelShape>();
  const groups = new Map<string, Size>();
  let whole: Size = { width: 0, height: 0 };
  for (const { collection, parts, left, right } of levels) {
    const sized = parts.map((part) => ({
      ...part,
      nodes: part.nodes.map((node) => ({ ...node, ...groups.get(node.id) })),
    }));
    const total = sized.reduce((sum, part) => sum + areaOf(part), 0);
    const sizes = sized.map((part) => {
      const score =
        collection === null
          ? rootScore(split(target, areaOf(part) / total))
          : groupScore(groupAspect);
      const chosen = bestShape(part, memory?.shapes.get(part.key), score);
      shapes.set(part.key, chosen.shape);
      return chosen.size;
    });
    const aspect = collection === null ? target.width / target.height : groupAspect;
    whole = packSizes(sizes, aspect);
    if (collection !== null) {
      groups.set(collection, {
        width: left + whole.width + right,
        height: BOX.groupTitle + whole.height + BOX.groupPadding,
      });
    }
  }
  return { shapes, groupAspect, size: whole };
}

function areaOf({ nodes }: LevelInput): number {
  return nodes.reduce((sum, { width, height }) => sum + (width + 80) * (height + 30), 0);
}

type Score = (size: Size, rows: number) => number;

const rootScore =
  (target: Size): Score =>
  (size, rows) =>
    Math.min(1, target.width / size.width, target.height / size.height) * (1 - 0.03 * (rows - 1));

/** Inside a group: small, of the wanted proportion, rather in one row. */
const groupScore =
  (aspect: number): Score =>
  (size, rows) =>
    (100 / Math.max(size.width / aspect, size.height, 1)) * (1 - 0.1 * (rows - 1));

function bestShape(
  part: Part,
  remembered: LevelShape | undefined,
  score: Score,
): { size: Size; shape: LevelShape } {
  const sized = (shape: LevelShape): { size: Size; shape: LevelShape } => ({
    size: estimateSize(part, part.back, shape),
    shape,
  });
  if (remembered) return sized(remembered);
  let best = sized(ONE_ROW);
  for (const shape of candidateShapes(part)) {
    const tried = sized(shape);
    if (score(tried.size, shape.rows) > score(best.size, best.shape.rows) + 1e-9) best = tried;
  }
  return best;
}

function candidateShapes(input: LevelInput): LevelShape[] {
  const boxes = input.nodes.filter((node) => node.role === "box");
  if (boxes.length < 3) return [];
  const total = boxes.reduce((sum, node) => sum + node.height + SPACING.box, 0);
  const rows = [2, 3, 4, 5, 6, ...(boxes.length > 30 ? [8, 10, 14] : [])];
  const parts = boxes.length > 8 ? [2, 3, 4, 6, 9, 14, 20] : [];
  const shapes: LevelShape[] = rows.map((count) => ({ ...ONE_ROW, rows: count }));
  for (const part of parts.filter((count) => count * 2 < boxes.length)) {
    for (const count of [1, 2, 3]) shapes.push({ rows: count, maxLayerHeight: total / part });
  }
  return shapes;
}
