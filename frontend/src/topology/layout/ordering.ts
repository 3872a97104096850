/** The order of boxes in each column, so that few lines cross. */
import { countCrossings, savedBySwap, sortLines } from "./crossings";
import type { Row, Vertex } from "./row";

/** Sweeps from one start; they end early where this many in a row bring nothing. */
const SWEEPS = 12;
const PATIENCE = 3;
/** Levels of fewer lines get more starts: about so much work is done for each row. */
const WORK = 1600;
const MOST_STARTS = 12;
const MAX_COLUMN_FOR_SWAPS = 120;
const MAX_COLUMN_FOR_SIFTING = 40;

/** Orders the columns of a row of a level of so many lines; gives the number of crossings left. */
export function orderRow(
  row: Row,
  previous: ReadonlyMap<string, number> | null,
  linesOfLevel: number,
): number {
  const { layers } = row;
  sortLines(layers.flat());
  if (previous && keepOrder(layers, previous)) return countCrossings(layers);
  let best = layers.map((layer) => [...layer]);
  let fewest = countCrossings(layers);
  const lines = row.gaps.reduce((sum, gap) => sum + gap.length, 0);
  const starts = Math.min(
    MOST_STARTS,
    Math.max(2, Math.floor(WORK / Math.max(lines, linesOfLevel))),
  );
  for (let start = 0; start < starts && fewest > 0; start++) {
    if (start === 0) bySpan(layers);
    else if (start === 1) byInput(layers);
    else shuffle(layers, start);
    let [least, idle] = [fewest * 2 + 9, 0];
    for (let sweep = 0; sweep < SWEEPS && idle < PATIENCE && fewest > 0; sweep++) {
      sweepOnce(layers, sweep % 2 === 0);
      swapNeighbours(layers);
      if (sweep % 4 === 3) sift(layers);
      const crossings = countCrossings(layers);
      if (crossings < fewest) {
        fewest = crossings;
        best = layers.map((layer) => [...layer]);
      }
      idle = crossings < least ? 0 : idle + 1;
      least = Math.min(least, crossings);
    }
  }
  best.forEach((layer, at) => {
    layers[at] = layer;
    renumber(layer);
  });
  return fewest;
}

function renumber(layer: Vertex[]): void {
  layer.forEach((vertex, order) => {
    vertex.order = order;
  });
}

/** Passing lines first below the boxes: the order in which they were found. */
function byInput(layers: Vertex[][]): void {
  for (const layer of layers) {
    layer.sort((a, b) => Number(a.node === null) - Number(b.node === null) || a.order - b.order);
    renumber(layer);
  }
}

/** Each column in the order in which the lines of the one before reach it. */
function bySpan(layers: Vertex[][]): void {
  layers.forEach((layer, at) => {
    if (at === 0) return;
    const reached = new Map<Vertex, number>();
    for (const { right } of layers[at - 1] ?? []) {
      for (const { to } of right) if (!reached.has(to)) reached.set(to, reached.size);
    }
    layer.sort((a, b) => (reached.get(a) ?? 1e9) - (reached.get(b) ?? 1e9) || a.order - b.order);
    renumber(layer);
  });
}

/** Another order to start from, the same each time. */
function shuffle(layers: Vertex[][], seed: number): void {
  let state = seed - 1;
  for (const layer of layers) {
    for (let i = layer.length - 1; i > 0; i--) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const j = state % (i + 1);
      const [a, b] = [layer[i], layer[j]];
      if (a && b) [layer[i], layer[j]] = [b, a];
    }
    renumber(layer);
  }
}

/** Takes each box out of its column and puts it where it crosses the fewest lines. */
function sift(layers: Vertex[][]): void {
  for (const layer of layers) {
    if (layer.length < 3 || layer.length > MAX_COLUMN_FOR_SIFTING) continue;
    for (const vertex of [...layer]) {
      layer.splice(layer.indexOf(vertex), 1);
      insertBest(layer, vertex);
    }
    renumber(layer);
  }
}

/** Sorts each column by where its lines from one side come from, on the average. */
function sweepOnce(layers: Vertex[][], rightwards: boolean): void {
  const count = layers.length;
  for (let i = 1; i < count; i++) {
    const layer = layers[rightwards ? i : count - 1 - i] ?? [];
    if (layer.length < 2) continue;
    // Boxes without a line on this side keep their place, the others are sorted around them.
    const movable = layer.filter(({ left, right }) => (rightwards ? left : right).length > 0);
    for (const vertex of movable) {
      let sum = 0;
      if (rightwards) for (const line of vertex.left) sum += line.from.order + line.fromPart;
      else for (const line of vertex.right) sum += line.to.order + line.toPart;
      vertex.pull = sum / (rightwards ? vertex.left : vertex.right).length;
    }
    const sorted = [...movable].sort((a, b) => a.pull - b.pull || a.order - b.order);
    let [next, free] = [0, 0];
    layer.forEach((vertex, at) => {
      if (vertex !== movable[next]) return;
      next += 1;
      layer[at] = sorted[free++] ?? vertex;
    });
    renumber(layer);
  }
}

function swapNeighbours(layers: Vertex[][]): void {
  for (let pass = 0; pass < 4; pass++) {
    let improved = false;
    for (const layer of layers) {
      if (layer.length > MAX_COLUMN_FOR_SWAPS) continue;
      for (let i = 0; i + 1 < layer.length; i++) {
        const [upper, lower] = [layer[i], layer[i + 1]];
        if (!upper || !lower || savedBySwap(upper, lower) <= 0) continue;
        layer[i] = lower;
        layer[i + 1] = upper;
        lower.order = i;
        upper.order = i + 1;
        improved = true;
      }
    }
    if (!improved) return;
  }
}

/**
 * Keeps the order of what was there; what is new goes where it crosses the fewest lines.
 * Gives false where too little is known to keep.
 */
function keepOrder(layers: Vertex[][], previous: ReadonlyMap<string, number>): boolean {
  const boxes = layers.flat().filter((vertex) => vertex.node !== null);
  const known = boxes.filter((vertex) => previous.has(vertex.id)).length;
  if (known * 2 < boxes.length) return false;
  const arriving = layers.map((layer, at) => {
    const old = layer.filter((vertex) => previous.has(vertex.id));
    old.sort((a, b) => (previous.get(a.id) ?? 0) - (previous.get(b.id) ?? 0));
    layers[at] = old;
    renumber(old);
    return layer.filter((vertex) => !previous.has(vertex.id));
  });
  for (const vertex of arriving.flat()) vertex.order = Number.NaN;
  arriving.forEach((vertices, at) => {
    const layer = layers[at] ?? [];
    for (const vertex of vertices) {
      insertBest(layer, vertex);
      renumber(layer);
    }
  });
  return true;
}

/** Starts above everything, and goes down as long as that pays. */
function insertBest(layer: Vertex[], vertex: Vertex): void {
  let [saved, most, place] = [0, 0, 0];
  layer.forEach((other, index) => {
    saved += savedBySwap(vertex, other);
    if (saved < most) return;
    most = saved;
    place = index + 1;
  });
  layer.splice(place, 0, vertex);
}
