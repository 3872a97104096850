/** Parts of a level that no line joins: laid out apart, then put side by side. */
import type { LayoutNode, LevelInput, LevelLayout, Point, Size } from "./types";

export function splitComponents(input: LevelInput): LevelInput[] {
  const parent = new Map(input.nodes.map((node) => [node.id, node.id]));
  const find = (id: string): string => {
    let root = id;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) {
      parent.set(root, parent.get(up) ?? up);
      root = up;
    }
    return root;
  };
  for (const edge of input.edges) {
    if (!parent.has(edge.from.node) || !parent.has(edge.to.node)) continue;
    parent.set(find(edge.to.node), find(edge.from.node));
  }
  const parts = new Map<string, { nodes: LayoutNode[]; edges: LevelInput["edges"] }>();
  for (const node of input.nodes) {
    const root = find(node.id);
    const part = parts.get(root);
    if (part) part.nodes.push(node);
    else parts.set(root, { nodes: [node], edges: [] });
  }
  for (const edge of input.edges) {
    if (parent.has(edge.from.node)) parts.get(find(edge.from.node))?.edges.push(edge);
  }
  return [...parts.values()];
}

const PART_GAP = 34;

interface Shelves {
  /** Where each size stands, in the order given. */
  at: Point[];
  width: number;
  height: number;
}

/** The size that parts take when they are packed. */
export function packSizes(sizes: Size[], aspect: number): Size {
  return sizes.length === 1 ? (sizes[0] ?? NOTHING) : bestShelves(sizes, aspect);
}

/** Puts parts on shelves from left to right, so that the whole comes near a proportion. */
export function packParts(parts: LevelLayout[], aspect: number): LevelLayout {
  const only = parts[0];
  if (parts.length === 1 && only) return only;
  const { at, width, height } = bestShelves(parts, aspect);
  const whole: LevelLayout = {
    width,
    height,
    positions: new Map(),
    routes: new Map(),
    order: [],
    crossings: 0,
  };
  parts.forEach((part, index) => {
    const { x, y } = at[index] ?? { x: 0, y: 0 };
    const move = (point: Point): Point => ({ x: point.x + x, y: point.y + y });
    for (const [id, point] of part.positions) whole.positions.set(id, move(point));
    for (const [id, points] of part.routes) whole.routes.set(id, points.map(move));
    whole.order.push(...part.order);
    whole.crossings += part.crossings;
  });
  return whole;
}

const NOTHING: Size = { width: 0, height: 0 };

function bestShelves(sizes: Size[], aspect: number): Shelves {
  const area = sizes.reduce(
    (sum, { width, height }) => sum + (width + PART_GAP) * (height + PART_GAP),
    0,
  );
  const widest = Math.max(0, ...sizes.map(({ width }) => width));
  const extent = (shelves: Shelves): number => Math.max(shelves.width / aspect, shelves.height);
  let best = shelvesOf(sizes, Math.max(widest, Math.sqrt(area * aspect)));
  for (const stretch of [0.8, 0.9, 1.15, 1.3, 1.6, 2]) {
    const tried = shelvesOf(sizes, Math.max(widest, Math.sqrt(area * aspect) * stretch));
    if (extent(tried) < extent(best) - 1) best = tried;
  }
  return best;
}

/** High ones first, so that shelves are filled evenly; loners end up at the bottom. */
function shelvesOf(sizes: Size[], maxWidth: number): Shelves {
  const order = sizes
    .map(({ height }, index) => ({ height, index }))
    .sort((a, b) => b.height - a.height || a.index - b.index);
  const at: Point[] = sizes.map(() => ({ x: 0, y: 0 }));
  let [x, y, shelf, width] = [0, 0, 0, 0];
  for (const { index } of order) {
    const size = sizes[index] ?? NOTHING;
    if (x > 0 && x + size.width > maxWidth) {
      y += shelf + PART_GAP;
      [x, shelf] = [0, 0];
    }
    at[index] = { x, y };
    width = Math.max(width, x + size.width);
    shelf = Math.max(shelf, size.height);
    x += size.width + PART_GAP;
  }
  return { at, width, height: sizes.length === 0 ? 0 : y + shelf };
}
