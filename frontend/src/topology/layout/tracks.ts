/** Side-by-side tracks for the stretches of lines that run along a gap or a corridor. */

/** The part of one port's line that runs up or down in a gap between two columns. */
export interface Wire {
  key: string;
  /** Heights at which it enters from the left and leaves to the right. */
  lefts: number[];
  rights: number[];
  low: number;
  high: number;
  track: number;
}

const MARGIN = 5;
const MAX_WIRES_TO_ORDER = 160;

/** Puts wires on tracks, left to right, with few crossings; gives the number of tracks. */
export function assignTracks(wires: Wire[]): number {
  const bent = wires.filter((wire) => wire.high - wire.low > 0.5);
  for (const wire of wires) wire.track = 0;
  const sorted = [...bent].sort(
    (a, b) => a.low + a.high - b.low - b.high || (a.key < b.key ? -1 : 1),
  );
  const ordered: Wire[] = [];
  for (const wire of sorted) {
    let place = ordered.length;
    if (sorted.length <= MAX_WIRES_TO_ORDER) {
      // Standing right of all others; then one step to the left at a time.
      let cost = 0;
      let best = 0;
      for (let i = ordered.length - 1; i >= 0; i--) {
        const other = ordered[i];
        if (!other) continue;
        cost += crossings(wire, other) - crossings(other, wire);
        if (cost < best) {
          best = cost;
          place = i;
        }
      }
    }
    ordered.splice(place, 0, wire);
  }
  let tracks = 0;
  ordered.forEach((wire, index) => {
    wire.track = 0;
    for (const other of ordered.slice(0, index)) {
      const apart = wire.low > other.high + MARGIN || other.low > wire.high + MARGIN;
      if (!apart) wire.track = Math.max(wire.track, other.track + 1);
    }
    tracks = Math.max(tracks, wire.track + 1);
  });
  return tracks;
}

/** Crossings if `first` runs left of `second`; lying on each other counts as many. */
function crossings(first: Wire, second: Wire): number {
  let count = 0;
  for (const y of second.lefts) if (y > first.low && y < first.high) count += 1;
  for (const y of first.rights) if (y > second.low && y < second.high) count += 1;
  for (const left of second.lefts) {
    for (const right of first.rights) if (Math.abs(left - right) < 2) count += 8;
  }
  return count;
}

/** A stretch along a corridor between two rows. */
export interface Span {
  key: string;
  from: number;
  to: number;
  track: number;
}

/** Short spans first, each on the first track that is free there; gives the number of tracks. */
export function stackSpans(spans: Span[]): number {
  const sorted = [...spans].sort(
    (a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from || (a.key < b.key ? -1 : 1),
  );
  const taken: Span[][] = [];
  for (const span of sorted) {
    const isFree = (track: Span[]): boolean =>
      track.every((other) => span.from > other.to + MARGIN || other.from > span.to + MARGIN);
    let at = taken.findIndex(isFree);
    if (at < 0) at = taken.push([]) - 1;
    taken[at]?.push(span);
    span.track = at;
  }
  return taken.length;
}
