/** How far down each box of a row stands: lines straight where they can be, boxes apart. */
import type { Row, Segment, Vertex } from "./row";

const ROUNDS = 10;

export interface Spacing {
  /** Least distance between two boxes of a column. */
  box: number;
  /** Least distance where one of the two is a passing line. */
  line: number;
}

export function placeRow(row: Row, spacing: Spacing): void {
  for (const layer of row.layers) {
    let y = 0;
    layer.forEach((vertex, at) => {
      vertex.y = y;
      y += vertex.height + gapBelow(vertex, layer[at + 1], spacing);
    });
  }
  const count = row.layers.length;
  for (let round = 0; round < ROUNDS; round++) {
    const rightwards = round % 2 === 0;
    const both = round >= ROUNDS - 4;
    for (let i = 0; i < count; i++) {
      const layer = row.layers[rightwards ? i : count - 1 - i] ?? [];
      const wishes = layer.map((vertex) => {
        const before = vertex.left.map(
          (s): Wish => ({ y: s.from.y + s.fromY - s.toY, weight: segmentWeight(s) }),
        );
        const after = vertex.right.map(
          (s): Wish => ({ y: s.to.y + s.toY - s.fromY, weight: segmentWeight(s) }),
        );
        const chosen = both ? [...before, ...after] : rightwards ? before : after;
        if (chosen.length > 0) return chosen;
        return [{ y: vertex.y, weight: 0.05 }];
      });
      settle(layer, wishes, spacing);
    }
  }
  const vertices = row.layers.flat();
  const top = Math.min(...vertices.map((vertex) => vertex.y));
  for (const vertex of vertices) vertex.y = Math.round(vertex.y - top);
}

interface Wish {
  y: number;
  weight: number;
}

/** Long lines are worth more bends elsewhere: a bend in them is seen most. */
function segmentWeight({ from, to }: Segment): number {
  const lines = Number(from.node === null) + Number(to.node === null);
  return [1, 2, 8][lines] ?? 1;
}

function gapBelow(vertex: Vertex, next: Vertex | undefined, spacing: Spacing): number {
  if (!next) return 0;
  if (!vertex.node || !next.node) return spacing.line;
  return vertex.node.role === "box" || next.node.role === "box" ? spacing.box : 0;
}

/**
 * Gives each vertex of a column the place nearest to its wishes (least sum of weighted
 * distances) that keeps their order and distances: isotonic regression by pooling, where a pool
 * stands at the weighted median of its members' wishes. Medians make exact alignments.
 */
function settle(layer: Vertex[], wishes: Wish[][], spacing: Spacing): void {
  interface Pool {
    wishes: Wish[];
    members: Vertex[];
    offsets: number[];
    at: number;
  }
  const pools: Pool[] = [];
  let offset = 0;
  layer.forEach((vertex, index) => {
    const shifted = (wishes[index] ?? []).map(({ y, weight }) => ({ y: y - offset, weight }));
    let pool: Pool = {
      wishes: shifted,
      members: [vertex],
      offsets: [offset],
      at: weightedMedian(shifted),
    };
    for (let last = pools.at(-1); last && last.at > pool.at; last = pools.at(-1)) {
      pools.pop();
      const merged = [...last.wishes, ...pool.wishes];
      pool = {
        wishes: merged,
        members: [...last.members, ...pool.members],
        offsets: [...last.offsets, ...pool.offsets],
        at: weightedMedian(merged),
      };
    }
    pools.push(pool);
    offset += vertex.height + gapBelow(vertex, layer[index + 1], spacing);
  });
  for (const pool of pools) {
    pool.members.forEach((vertex, index) => {
      vertex.y = pool.at + (pool.offsets[index] ?? 0);
    });
  }
}

/** Where the weight is even on both sides, the middle of the two nearest wishes. */
function weightedMedian(wishes: Wish[]): number {
  const sorted = [...wishes].sort((a, b) => a.y - b.y);
  const half = sorted.reduce((sum, wish) => sum + wish.weight, 0) / 2;
  let sum = 0;
  for (let i = 0; i < sorted.length; i++) {
    const wish = sorted[i];
    if (!wish) continue;
    sum += wish.weight;
    if (Math.abs(sum - half) < 1e-9) return (wish.y + (sorted[i + 1]?.y ?? wish.y)) / 2;
    if (sum > half) return wish.y;
  }
  return sorted.at(-1)?.y ?? 0;
}
