/** Parts of a level that no line joins: laid out apart, then put side by side. */
import type { LayoutNode, LevelInput, LevelLayout } from "./types";

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

/** Puts parts on shelves from left to right, so that the whole comes near a proportion. */
export function packComponents(parts: LevelLayout[], aspect: number, gap: number): LevelLayout {
  const only = parts[0];
  if (parts.length === 1 && only) return only;
  // Parts of several boxes first, the large ones before the small; loners fill up the end.
  const sorted = parts
    .map((part, index) => ({ part, index }))
    .sort((a, b) => b.part.positions.size - a.part.positions.size || a.index - b.index)
    .map(({ part }) => part);
  const area = sorted.reduce((sum, { width, height }) => sum + (width + gap) * (height + gap), 0);
  const widest = Math.max(0, ...sorted.map((part) => part.width));
  let best = shelves(sorted, Math.max(widest, Math.sqrt(area * aspect)), gap);
  for (const stretch of [0.8, 0.9, 1.15, 1.3, 1.6, 2]) {
    const tried = shelves(sorted, Math.max(widest, Math.sqrt(area * aspect) * stretch), gap);
    const size = (layout: LevelLayout): number => Math.max(layout.width / aspect, layout.height);
    if (size(tried) < size(best) - 1) best = tried;
  }
  return best;
}

function shelves(parts: LevelLayout[], maxWidth: number, gap: number): LevelLayout {
  const whole: LevelLayout = {
    width: 0,
    height: 0,
    positions: new Map(),
    routes: new Map(),
    order: [],
    crossings: 0,
  };
  let x = 0;
  let y = 0;
  let shelfHeight = 0;
  for (const part of parts) {
    if (x > 0 && x + part.width > maxWidth) {
      x = 0;
      y += shelfHeight + gap;
      shelfHeight = 0;
    }
    const move = (point: { x: number; y: number }): { x: number; y: number } => ({
      x: point.x + x,
      y: point.y + y,
    });
    for (const [id, point] of part.positions) whole.positions.set(id, move(point));
    for (const [id, points] of part.routes) whole.routes.set(id, points.map(move));
    whole.order.push(...part.order);
    whole.crossings += part.crossings;
    whole.width = Math.max(whole.width, x + part.width);
    shelfHeight = Math.max(shelfHeight, part.height);
    whole.height = Math.max(whole.height, y + part.height);
    x += part.width + gap;
  }
  return whole;
}
