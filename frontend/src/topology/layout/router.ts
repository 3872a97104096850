/**
 * Lines at right angles, through the gaps between columns and the corridors between rows: no line
 * ever runs through a box.
 */
import { portY, type Row, type Vertex } from "./row";
import { SPACING } from "./spacing";
import { assignTracks, type Span, stackSpans, type Wire } from "./tracks";
import { type LayoutEdge, type LevelInput, type LevelLayout, type Point, UNLIMITED } from "./types";

interface Gap {
  wires: Map<string, Wire>;
  labelRoom: number;
  x: number;
}

/** How a line that leaves its row, or runs back in it, goes through the corridors. */
interface Detour {
  edge: LayoutEdge;
  exit: { row: number; gap: number; corridor: number; y: number };
  entry: { row: number; gap: number; corridor: number; y: number };
}

export class Router {
  readonly #gaps: Gap[][];
  readonly #detours: Detour[];
  /** Lines that go past a whole row: their tracks in the margin at the left. */
  readonly #margin = new Map<string, number>();

  readonly #rows: Row[];
  readonly #nodeRow: ReadonlyMap<string, number>;
  readonly #input: LevelInput;

  constructor(
    rows: Row[],
    turning: LayoutEdge[],
    nodeRow: ReadonlyMap<string, number>,
    input: LevelInput,
  ) {
    this.#rows = rows;
    this.#nodeRow = nodeRow;
    this.#input = input;

    this.#gaps = rows.map((row) => row.gaps.map(() => ({ wires: new Map(), labelRoom: 0, x: 0 })));
    this.#detours = turning.map((edge) => this.#detour(edge));
  }

  route(): Omit<LevelLayout, "order" | "crossings"> {
    this.#collectWires();
    const marginWidth = this.#placeColumns();
    const { corridorY, rowY, height } = this.#placeRows();
    const positions = new Map<string, Point>();
    this.#rows.forEach((row, index) => {
      for (const vertex of row.layers.flat()) {
        if (!vertex.node) continue;
        positions.set(vertex.id, {
          x: this.#columnX[index]?.[vertex.layer]?.get(vertex) ?? 0,
          y: vertex.y + (rowY[index] ?? 0),
        });
      }
    });
    const routes = new Map<string, Point[]>();
    this.#rows.forEach((row, index) => {
      for (const [edge, path] of row.paths) {
        const y0 = rowY[index] ?? 0;
        const first = path[0];
        const last = path.at(-1);
        if (!first || !last) continue;
        const points = [
          { x: this.#rightOf(index, first.from), y: y0 + first.from.y + first.fromY },
        ];
        for (const segment of path) {
          const x = this.#trackX(index, segment.to.layer, segment.wire);
          points.push({ x, y: y0 + segment.from.y + segment.fromY });
          points.push({ x, y: y0 + segment.to.y + segment.toY });
        }
        points.push({ x: this.#leftOf(index, last.to), y: y0 + last.to.y + last.toY });
        routes.set(edge, simplify(points));
      }
    });
    for (const detour of this.#detours) {
      routes.set(detour.edge.id, this.#detourRoute(detour, rowY, corridorY, marginWidth));
    }
    return { width: this.#width, height, positions, routes };
  }

  #vertex(node: string): { row: number; vertex: Vertex | undefined } {
    const row = this.#nodeRow.get(node) ?? 0;
    return { row, vertex: this.#rows[row]?.vertexOf.get(node) };
  }

  /** Out of the row at the right of its box, along a corridor, in again left of the target. */
  #detour(edge: LayoutEdge): Detour {
    const from = this.#vertex(edge.from.node);
    const to = this.#vertex(edge.to.node);
    const y = (at: Vertex | undefined, port: string, side: "east" | "west"): number =>
      at ? at.y + portY(at, port, side) : 0;
    // Corridor k lies below row k.
    const exitCorridor = to.row >= from.row ? from.row : from.row - 1;
    const entryCorridor = to.row > from.row ? to.row - 1 : to.row;
    return {
      edge,
      exit: {
        row: from.row,
        gap: (from.vertex?.layer ?? 0) + 1,
        corridor: exitCorridor,
        y: y(from.vertex, edge.from.port, "east"),
      },
      entry: {
        row: to.row,
        gap: to.vertex?.layer ?? 0,
        corridor: entryCorridor,
        y: y(to.vertex, edge.to.port, "west"),
      },
    };
  }

  #wire(row: number, gap: number, key: string): Wire {
    const wires = this.#gaps[row]?.[gap]?.wires;
    const known = wires?.get(key);
    if (known) return known;
    const made: Wire = {
      key,
      lefts: [],
      rights: [],
      low: UNLIMITED,
      high: -UNLIMITED,
      track: 0,
    };
    wires?.set(key, made);
    return made;
  }

  #collectWires(): void {
    const reach = (wire: Wire, y: number): void => {
      wire.low = Math.min(wire.low, y);
      wire.high = Math.max(wire.high, y);
    };
    this.#rows.forEach((row, index) => {
      row.gaps.forEach((segments, gap) => {
        for (const segment of segments) {
          const wire = this.#wire(index, gap, segment.wire);
          const [from, to] = [segment.from.y + segment.fromY, segment.to.y + segment.toY];
          if (!wire.lefts.includes(from)) wire.lefts.push(from);
          wire.rights.push(to);
          reach(wire, from);
          reach(wire, to);
        }
      });
    });
    for (const { edge, exit, entry } of this.#detours) {
      const out = this.#wire(exit.row, exit.gap, edge.from.port);
      if (!out.lefts.includes(exit.y)) out.lefts.push(exit.y);
      reach(out, exit.y);
      reach(out, exit.corridor === exit.row ? FAR : -FAR);
      const into = this.#wire(entry.row, entry.gap, `in:${edge.from.port}`);
      into.rights.push(entry.y);
      reach(into, entry.y);
      reach(into, entry.corridor === entry.row ? FAR : -FAR);
      if (exit.corridor !== entry.corridor && !this.#margin.has(edge.from.port)) {
        this.#margin.set(edge.from.port, this.#margin.size);
      }
    }
    const labelled = new Set(
      this.#input.edges.filter((edge) => edge.labelled).map((edge) => edge.from.node),
    );
    this.#rows.forEach((row, index) => {
      row.layers.forEach((layer, at) => {
        const gap = this.#gaps[index]?.[at + 1];
        if (gap && layer.some((v) => v.node && labelled.has(v.id))) gap.labelRoom = SPACING.label;
      });
    });
  }

  readonly #columnX: Map<Vertex, number>[][] = [];
  #width = 0;

  /** Columns from left to right in each row; gives the width of the margin at the left. */
  #placeColumns(): number {
    const marginWidth = this.#margin.size === 0 ? 0 : this.#margin.size * SPACING.track + 6;
    const rights: number[] = [];
    this.#rows.forEach((row, index) => {
      let x = marginWidth;
      const columns: Map<Vertex, number>[] = [];
      row.layers.forEach((layer, at) => {
        x = this.#placeGap(index, at, x);
        const isWest = layer.some((vertex) => vertex.node?.role === "west");
        const columnWidth = Math.max(0, ...layer.map((vertex) => vertex.width));
        const places = new Map<Vertex, number>();
        for (const vertex of layer) {
          if (isWest) places.set(vertex, 0);
          else places.set(vertex, Math.round(x + (columnWidth - vertex.width) / 2));
        }
        columns.push(places);
        x = isWest ? Math.max(x, columnWidth) : x + columnWidth;
      });
      rights.push(this.#placeGap(index, row.layers.length, x));
      this.#columnX.push(columns);
    });
    this.#width = Math.round(Math.max(0, ...rights));
    for (const columns of this.#columnX) {
      for (const places of columns) {
        for (const vertex of places.keys()) {
          if (vertex.node?.role === "east") places.set(vertex, this.#width - vertex.width);
        }
      }
    }
    return marginWidth;
  }

  #placeGap(row: number, at: number, x: number): number {
    const gap = this.#gaps[row]?.[at];
    if (!gap) return x;
    const tracks = assignTracks([...gap.wires.values()]);
    const layers = this.#rows[row]?.layers ?? [];
    const isOuter = at === 0 || at === layers.length;
    const atBorder = [layers[at - 1], layers[at]].some((layer) =>
      layer?.some((vertex) => vertex.node && vertex.node.role !== "box"),
    );
    const inUse = gap.wires.size > 0;
    let before = gap.labelRoom > 0 ? gap.labelRoom : atBorder ? SPACING.borderGap : 12;
    let after: number = SPACING.arrow;
    if (at === 0) before = inUse ? 4 : 0;
    if (isOuter && !inUse) after = 0;
    if (at === layers.length) {
      before = inUse ? gap.labelRoom : 0;
      after = inUse ? 4 : 0;
    }
    gap.x = x + before;
    return gap.x + tracks * SPACING.track + after;
  }

  #trackX(row: number, at: number, key: string): number {
    const gap = this.#gaps[row]?.[at];
    return (gap?.x ?? 0) + ((gap?.wires.get(key)?.track ?? 0) + 0.5) * SPACING.track;
  }

  #placeRows(): { rowY: number[]; corridorY: Map<string, number>; height: number } {
    const corridorY = new Map<string, number>();
    const rowY: number[] = [];
    let y = 0;
    this.#rows.forEach((row, index) => {
      rowY.push(y);
      y += Math.max(0, ...row.layers.flat().map((vertex) => vertex.y + vertex.height));
      const spans = this.#corridorSpans(index);
      const tracks = stackSpans(spans);
      for (const span of spans) {
        corridorY.set(
          `${index}:${span.key}`,
          y + SPACING.corridor + (span.track + 0.5) * SPACING.track,
        );
      }
      if (tracks > 0) y += SPACING.corridor + tracks * SPACING.track;
      if (index + 1 < this.#rows.length) y += SPACING.row;
    });
    return { rowY, corridorY, height: y };
  }

  #corridorSpans(corridor: number): Span[] {
    const spans = new Map<string, Span>();
    const reach = (key: string, x: number): void => {
      const span = spans.get(key);
      if (span) {
        span.from = Math.min(span.from, x);
        span.to = Math.max(span.to, x);
      } else spans.set(key, { key, from: x, to: x, track: 0 });
    };
    for (const { edge, exit, entry } of this.#detours) {
      const key = edge.from.port;
      if (exit.corridor === corridor) reach(key, this.#trackX(exit.row, exit.gap, key));
      if (entry.corridor === corridor) reach(key, this.#trackX(entry.row, entry.gap, `in:${key}`));
      if (exit.corridor === entry.corridor) continue;
      if (exit.corridor === corridor || entry.corridor === corridor) reach(key, this.#marginX(key));
    }
    return [...spans.values()];
  }

  #marginX(key: string): number {
    return 3 + ((this.#margin.get(key) ?? 0) + 0.5) * SPACING.track;
  }

  #detourRoute(
    { edge, exit, entry }: Detour,
    rowY: number[],
    corridorY: Map<string, number>,
    marginWidth: number,
  ): Point[] {
    const key = edge.from.port;
    const from = this.#vertex(edge.from.node);
    const to = this.#vertex(edge.to.node);
    const exitX = this.#trackX(exit.row, exit.gap, key);
    const entryX = this.#trackX(entry.row, entry.gap, `in:${key}`);
    const exitY = (rowY[exit.row] ?? 0) + exit.y;
    const entryY = (rowY[entry.row] ?? 0) + entry.y;
    const outY = corridorY.get(`${exit.corridor}:${key}`) ?? 0;
    const inY = corridorY.get(`${entry.corridor}:${key}`) ?? 0;
    const marginX = marginWidth > 0 ? this.#marginX(key) : 0;
    const through =
      exit.corridor === entry.corridor
        ? []
        : [
            { x: marginX, y: outY },
            { x: marginX, y: inY },
          ];
    return simplify([
      { x: from.vertex ? this.#rightOf(from.row, from.vertex) : 0, y: exitY },
      { x: exitX, y: exitY },
      { x: exitX, y: outY },
      ...through,
      { x: entryX, y: inY },
      { x: entryX, y: entryY },
      { x: to.vertex ? this.#leftOf(to.row, to.vertex) : 0, y: entryY },
    ]);
  }

  #leftOf(row: number, vertex: Vertex): number {
    return this.#columnX[row]?.[vertex.layer]?.get(vertex) ?? 0;
  }

  #rightOf(row: number, vertex: Vertex): number {
    return this.#leftOf(row, vertex) + vertex.width;
  }
}

/** Beyond every row: the end of a wire that leaves its row. */
const FAR = 1e6;

/** Leaves out points that don't bend the line. */
export function simplify(points: Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    const [before, last] = [kept.at(-2), kept.at(-1)];
    if (last && last.x === point.x && last.y === point.y) continue;
    const isStraight =
      before &&
      last &&
      ((before.x === last.x && last.x === point.x) || (before.y === last.y && last.y === point.y));
    if (isStraight) kept.pop();
    kept.push(point);
  }
  return kept;
}
