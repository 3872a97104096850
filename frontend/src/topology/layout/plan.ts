/**
 * How the levels of a drawing are folded into rows and columns, so that all of it fits a view at
 * the largest scale. It is decided by estimates: whole layouts of each choice would take long.
 */
import { BOX } from "../boxes";
import type { Level } from "../levels";
import { type Flow, flowOf } from "./layering";
import { estimateSizes } from "./level";
import { packSizes, splitComponents } from "./pack";
import { SPACING } from "./spacing";
import type { LayoutEdge, LayoutNode, LevelShape, Size } from "./types";
import { UNLIMITED } from "./types";

/** Boxes of a level that lines join, and what of it doesn't depend on sizes. */
export interface Part {
  key: string;
  nodes: LayoutNode[];
  edges: LayoutEdge[];
  flow: Flow;
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
  chosenFor: Situation;
}

/** What a plan was chosen for, and how well it fitted then. */
interface Situation {
  target: Size;
  boxes: number;
  scale: number;
}

export type RememberedPlan = Pick<Plan, "groupAspect" | "chosenFor"> & {
  shapes: ReadonlyMap<string, LevelShape>;
};

export const ONE_ROW: LevelShape = { rows: 1, maxLayerHeight: UNLIMITED };

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
        flow: flowOf(part),
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
  const boxes = levels.flatMap((level) => level.parts.flatMap((part) => part.nodes)).length;
  const isSmall = boxes <= MANY_BOXES;
  const aspects = GROUP_ASPECTS.slice(0, levels.length > 1 && isSmall ? undefined : 1);
  const splits = SPLITS.slice(0, isSmall ? undefined : 1);
  let best: Plan | null = null;
  if (memory) {
    best = planRoot(levels, target, planGroups(levels, memory.groupAspect, memory), WHOLE, memory);
    if (!isSmall && stillGood(best, memory.chosenFor, target, boxes)) return best;
  }
  const keep = memory ? KEEP : 0.98;
  for (const aspect of aspects) {
    if (best && fitScale(best.size, target) >= 1) break;
    const groups = planGroups(levels, aspect, null);
    for (const split of splits) {
      const plan = planRoot(levels, target, groups, split, null);
      if (!best || fitScale(plan.size, target) * keep > fitScale(best.size, target)) best = plan;
    }
  }
  best ??= planRoot(levels, target, planGroups(levels, 2, null), WHOLE, null);
  best.chosenFor = { target, boxes, scale: fitScale(best.size, target) };
  return best;
}

/** Whether it isn't worth the time to look for another plan: little is different. */
function stillGood(plan: Plan, before: Situation, target: Size, boxes: number): boolean {
  plan.chosenFor = before;
  return (
    target.width === before.target.width &&
    target.height === before.target.height &&
    Math.abs(boxes - before.boxes) < before.boxes / 6 &&
    fitScale(plan.size, target) > before.scale * KEEP
  );
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

interface GroupPlan {
  aspect: number;
  shapes: Map<string, LevelShape>;
  sizes: Map<string, Size>;
}

function planGroups(
  levels: PreparedLevel[],
  aspect: number,
  memory: RememberedPlan | null,
): GroupPlan {
  const plan: GroupPlan = { aspect, shapes: new Map(), sizes: new Map() };
  for (const { collection, parts, left, right } of levels) {
    if (collection === null) continue;
    const sizes = parts.map((part) =>
      choose(withSizes(part, plan.sizes), groupScore(aspect), memory, plan.shapes),
    );
    const whole = packSizes(sizes, aspect);
    plan.sizes.set(collection, {
      width: left + whole.width + right,
      height: BOX.groupTitle + whole.height + BOX.groupPadding,
    });
  }
  return plan;
}

function planRoot(
  levels: PreparedLevel[],
  target: Size,
  groups: GroupPlan,
  split: Split,
  memory: RememberedPlan | null,
): Plan {
  const shapes = new Map(groups.shapes);
  const root = levels.find((level) => level.collection === null);
  const parts = (root?.parts ?? []).map((part) => withSizes(part, groups.sizes));
  const total = parts.reduce((sum, part) => sum + areaOf(part), 0);
  const sizes = parts.map((part) =>
    choose(part, rootScore(split(target, areaOf(part) / total)), memory, shapes),
  );
  const size = packSizes(sizes, target.width / target.height);
  const chosenFor = { target, boxes: 0, scale: 0 };
  return { shapes, groupAspect: groups.aspect, size, chosenFor };
}

function withSizes(part: Part, sizes: ReadonlyMap<string, Size>): Part {
  return { ...part, nodes: part.nodes.map((node) => ({ ...node, ...sizes.get(node.id) })) };
}

function choose(
  part: Part,
  score: Score,
  memory: RememberedPlan | null,
  shapes: Map<string, LevelShape>,
): Size {
  const { size, shape } = bestShape(part, memory?.shapes.get(part.key), score);
  shapes.set(part.key, shape);
  return size;
}

function areaOf({ nodes }: Part): number {
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
  if (remembered) {
    const { rows, maxLayerHeight } = remembered;
    const sizes = estimateSizes(part, part.flow, maxLayerHeight, rows);
    return { shape: remembered, size: sizes.at(-1) ?? EMPTY };
  }
  let best = { size: EMPTY, shape: ONE_ROW };
  let bestScore = -UNLIMITED;
  const count = part.nodes.filter((node) => node.role === "box").length;
  const total = part.nodes.reduce((sum, node) => sum + node.height + SPACING.box, 0);
  const limits = LAYER_PARTS.filter((parts) => parts === 0 || (count > 8 && parts * 2 < count));
  for (const parts of limits) {
    const maxLayerHeight = parts === 0 ? UNLIMITED : total / parts;
    const mostRows = parts > 0 ? 3 : count > 30 ? 14 : count < 3 ? 1 : 6;
    estimateSizes(part, part.flow, maxLayerHeight, mostRows).forEach((size, index) => {
      const value = score(size, index + 1);
      if (value <= bestScore + 1e-9) return;
      best = { size, shape: { rows: index + 1, maxLayerHeight } };
      bestScore = value;
    });
  }
  return best;
}

const EMPTY: Size = { width: 0, height: 0 };
/** The height of all boxes is shared out to so many columns at least; 0 for no limit. */
const LAYER_PARTS = [0, 2, 3, 4, 6, 9, 14, 20];
