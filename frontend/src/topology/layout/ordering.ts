/** The order of boxes in each column, so that few lines cross. */
import { type Links, linkSegments, type Row, type Segment, type Vertex } from "./row";

const SWEEPS = 12;
const MAX_SEGMENTS_FOR_SHUFFLES = 260;
const MAX_COLUMN_FOR_SWAPS = 120;

/** Orders the columns of a row; gives the number of crossings left. */
export function orderRow(row: Row, previous: ReadonlyMap<string, number> | null): number {
  const links = linkSegments(row);
  if (previous && keepOrder(row, links, previous)) return countCrossings(row);
  let best = snapshot(row);
  let fewest = countCrossings(row);
  const segments = row.gaps.reduce((sum, gap) => sum + gap.length, 0);
  const starts = [bySpan, byInput, ...(segments <= MAX_SEGMENTS_FOR_SHUFFLES ? SHUFFLES : [])];
  for (const start of starts) {
    if (fewest === 0) break;
    start(row);
    for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
      sweepOnce(row, links, sweep % 2 === 0);
      swapNeighbours(row, links);
      if (sweep % 4 === 3) sift(row, links);
      const crossings = countCrossings(row);
      if (crossings < fewest) {
        fewest = crossings;
        best = snapshot(row);
      }
    }
  }
  restore(row, best);
  return fewest;
}

function snapshot(row: Row): Vertex[][] {
  return row.layers.map((layer) => [...layer]);
}

function restore(row: Row, layers: Vertex[][]): void {
  layers.forEach((layer, at) => {
    row.layers[at] = layer;
    renumber(layer);
  });
}

function renumber(layer: Vertex[]): void {
  layer.forEach((vertex, order) => {
    vertex.order = order;
  });
}

/** Passing lines first below the boxes: the order in which they were found. */
function byInput(row: Row): void {
  for (const layer of row.layers) {
    layer.sort((a, b) => Number(a.node === null) - Number(b.node === null) || a.order - b.order);
    renumber(layer);
  }
}

/** Each column in the order in which the lines of the one before reach it. */
function bySpan(row: Row): void {
  row.layers.forEach((layer, at) => {
    if (at === 0) return;
    const reached = new Map<Vertex, number>();
    const segments = [...(row.gaps[at] ?? [])].sort(
      (a, b) => a.from.order - b.from.order || a.fromY - b.fromY,
    );
    segments.forEach((segment, index) => {
      if (!reached.has(segment.to)) reached.set(segment.to, index);
    });
    layer.sort((a, b) => (reached.get(a) ?? 1e9) - (reached.get(b) ?? 1e9) || a.order - b.order);
    renumber(layer);
  });
}

/** Other orders to start from, the same each time. */
const SHUFFLES = [1, 2, 3, 4].map((seed) => (row: Row): void => {
  let state = seed;
  for (const layer of row.layers) {
    for (let i = layer.length - 1; i > 0; i--) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const j = state % (i + 1);
      const [a, b] = [layer[i], layer[j]];
      if (a && b) [layer[i], layer[j]] = [b, a];
    }
    renumber(layer);
  }
});

/** Takes each box out of its column and puts it where it crosses the fewest lines. */
function sift(row: Row, links: Links): void {
  row.layers.forEach((layer, at) => {
    if (layer.length < 3 || layer.length > MAX_COLUMN_FOR_SWAPS / 3) return;
    let sifted = layer;
    for (const vertex of layer) {
      sifted = insertBest(
        sifted.filter((other) => other !== vertex),
        vertex,
        links,
      );
    }
    row.layers[at] = sifted;
  });
}

/** A port's place in its column: the box's number and how far down the box it is, below 1. */
const endPlace = (vertex: Vertex, y: number): number => vertex.order + y / (vertex.height + 1);

function sweepOnce(row: Row, links: Links, rightwards: boolean): void {
  const count = row.layers.length;
  for (let i = 1; i < count; i++) {
    const layer = row.layers[rightwards ? i : count - 1 - i] ?? [];
    const weight = new Map<Vertex, number>();
    for (const vertex of layer) {
      const segments = (rightwards ? links.left : links.right).get(vertex) ?? [];
      if (segments.length === 0) {
        weight.set(vertex, -1);
        continue;
      }
      let sum = 0;
      for (const segment of segments) {
        sum += rightwards
          ? endPlace(segment.from, segment.fromY)
          : endPlace(segment.to, segment.toY);
      }
      weight.set(vertex, sum / segments.length);
    }
    // Boxes without a line on this side keep their place, the others are sorted around them.
    const movable = layer.filter((vertex) => (weight.get(vertex) ?? -1) >= 0);
    movable.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || a.order - b.order);
    let next = 0;
    const sorted = layer.map((vertex) =>
      (weight.get(vertex) ?? -1) < 0 ? vertex : (movable[next++] ?? vertex),
    );
    row.layers[rightwards ? i : count - 1 - i] = sorted;
    renumber(sorted);
  }
}

function swapNeighbours(row: Row, links: Links): void {
  for (let pass = 0; pass < 4; pass++) {
    let improved = false;
    for (const layer of row.layers) {
      if (layer.length > MAX_COLUMN_FOR_SWAPS) continue;
      for (let i = 0; i + 1 < layer.length; i++) {
        const [upper, lower] = [layer[i], layer[i + 1]];
        if (!upper || !lower) continue;
        if (pairCrossings(upper, lower, links) > pairCrossings(lower, upper, links)) {
          layer[i] = lower;
          layer[i + 1] = upper;
          lower.order = i;
          upper.order = i + 1;
          improved = true;
        }
      }
    }
    if (!improved) return;
  }
}

/** Crossings between the lines of two boxes of a column, the first standing above the second. */
function pairCrossings(upper: Vertex, lower: Vertex, links: Links): number {
  let crossings = 0;
  const ends = [
    [links.left, (s: Segment) => endPlace(s.from, s.fromY)],
    [links.right, (s: Segment) => endPlace(s.to, s.toY)],
  ] as const;
  for (const [side, far] of ends) {
    const lowerPlaces = (side.get(lower) ?? []).map(far);
    for (const segment of side.get(upper) ?? []) {
      const place = far(segment);
      for (const other of lowerPlaces) if (place > other) crossings += 1;
    }
  }
  return crossings;
}

export function countCrossings(row: Row): number {
  let crossings = 0;
  for (const gap of row.gaps) crossings += gapCrossings(gap);
  return crossings;
}

/** Inversions between the two ends of a gap's segments; lines of one port never cross. */
function gapCrossings(gap: Segment[]): number {
  if (gap.length < 2) return 0;
  const lines = gap
    .map((segment) => ({
      from: endPlace(segment.from, segment.fromY),
      to: endPlace(segment.to, segment.toY),
    }))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  const places = [...new Set(lines.map((line) => line.to))].sort((a, b) => a - b);
  const rank = new Map(places.map((place, index) => [place, index + 1]));
  const tree = new Int32Array(places.length + 1);
  const upTo = (index: number): number => {
    let sum = 0;
    for (let i = index; i > 0; i -= i & -i) sum += tree[i] ?? 0;
    return sum;
  };
  let crossings = 0;
  let seen = 0;
  for (let start = 0; start < lines.length; ) {
    let end = start;
    while (end < lines.length && lines[end]?.from === lines[start]?.from) end += 1;
    for (let i = start; i < end; i++) {
      crossings += seen - upTo(rank.get(lines[i]?.to ?? 0) ?? 0);
    }
    for (let i = start; i < end; i++) {
      for (let j = rank.get(lines[i]?.to ?? 0) ?? 0; j < tree.length; j += j & -j) {
        tree[j] = (tree[j] ?? 0) + 1;
      }
      seen += 1;
    }
    start = end;
  }
  return crossings;
}

/**
 * Keeps the order of what was there; what is new goes where it crosses the fewest lines.
 * Gives false where too little is known to keep.
 */
function keepOrder(row: Row, links: Links, previous: ReadonlyMap<string, number>): boolean {
  const all = row.layers.flat();
  const known = all.filter((vertex) => vertex.node !== null && previous.has(vertex.id)).length;
  const boxes = all.filter((vertex) => vertex.node !== null).length;
  if (known * 2 < boxes) return false;
  const arriving: Vertex[][] = [];
  row.layers.forEach((layer, at) => {
    const old = layer.filter((vertex) => previous.has(vertex.id));
    old.sort((a, b) => (previous.get(a.id) ?? 0) - (previous.get(b.id) ?? 0));
    arriving[at] = layer.filter((vertex) => !previous.has(vertex.id));
    row.layers[at] = old;
    renumber(old);
  });
  const present = new Set(row.layers.flat());
  const visible = (map: Map<Vertex, Segment[]>): Map<Vertex, Segment[]> =>
    new Map(
      [...map].map(([vertex, segments]) => [
        vertex,
        segments.filter((s) => present.has(s.from) && present.has(s.to)),
      ]),
    );
  arriving.forEach((vertices, at) => {
    for (const vertex of vertices) {
      present.add(vertex);
      const seen = { left: visible(links.left), right: visible(links.right) };
      const layer = row.layers[at] ?? [];
      row.layers[at] = insertBest(layer, vertex, seen);
    }
  });
  return true;
}

function insertBest(layer: Vertex[], vertex: Vertex, links: Links): Vertex[] {
  // Crossings when standing above everything; then one step down at a time.
  let cost = 0;
  for (const other of layer) cost += pairCrossings(vertex, other, links);
  let best = cost;
  let place = 0;
  layer.forEach((other, index) => {
    cost += pairCrossings(other, vertex, links) - pairCrossings(vertex, other, links);
    if (cost <= best) {
      best = cost;
      place = index + 1;
    }
  });
  const result = [...layer.slice(0, place), vertex, ...layer.slice(place)];
  renumber(result);
  return result;
}
