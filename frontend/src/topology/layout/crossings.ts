/** Crossings of the lines between neighbouring columns. */
import type { Segment, Vertex } from "./row";

/**
 * How many crossings it saves to exchange two boxes of a column, the first of which stands above
 * the second. Lines of one port never cross.
 */
export function savedBySwap(upper: Vertex, lower: Vertex): number {
  let saved = 0;
  for (const a of upper.left) {
    const place = a.from.order + a.fromPart;
    for (const b of lower.left) {
      const other = b.from.order + b.fromPart;
      if (place > other) saved += 1;
      else if (place < other) saved -= 1;
    }
  }
  for (const a of upper.right) {
    const place = a.to.order + a.toPart;
    for (const b of lower.right) {
      const other = b.to.order + b.toPart;
      if (place > other) saved += 1;
      else if (place < other) saved -= 1;
    }
  }
  return saved;
}

/** Makes the lines of each box stand in the order of its ports: once, before anything is counted. */
export function sortLines(vertices: readonly Vertex[]): void {
  for (const vertex of vertices) {
    vertex.right.sort((a, b) => a.fromPart - b.fromPart);
    vertex.left.sort((a, b) => a.toPart - b.toPart);
    let port = 0;
    vertex.left.forEach((line, i) => {
      if (i > 0 && line.toPart > (vertex.left[i - 1]?.toPart ?? 0)) port += 1;
      line.toPort = port;
    });
  }
}

/** Crossings of a whole row: inversions between the two ends of the lines in each gap. */
export function countCrossings(layers: readonly Vertex[][]): number {
  let crossings = 0;
  for (let i = 1; i < layers.length; i++)
    crossings += between(layers[i - 1] ?? [], layers[i] ?? []);
  return crossings;
}

/** How many lines have come in so far at each place or above: a tree of sums. */
let sums = new Int32Array(256);

function between(column: readonly Vertex[], next: readonly Vertex[]): number {
  let places = 1;
  for (const vertex of next) {
    vertex.firstPlace = places;
    places += (vertex.left.at(-1)?.toPort ?? -1) + 1;
  }
  if (sums.length < places) sums = new Int32Array(2 * places);
  sums.fill(0, 0, places);
  let crossings = 0;
  let seen = 0;
  for (const { right } of column) {
    for (let start = 0; start < right.length; ) {
      let end = start;
      while (end < right.length && right[end]?.fromPart === right[start]?.fromPart) end += 1;
      for (let i = start; i < end; i++) {
        crossings += seen;
        for (let at = placeOf(right[i]); at > 0; at -= at & -at) crossings -= sums[at] ?? 0;
      }
      for (; start < end; start++) {
        for (let at = placeOf(right[start]); at < places; at += at & -at)
          sums[at] = (sums[at] ?? 0) + 1;
        seen += 1;
      }
    }
  }
  return crossings;
}

const placeOf = (line: Segment | undefined): number =>
  line ? line.to.firstPlace + line.toPort : 0;
