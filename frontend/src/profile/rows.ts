/** Rows of the table: what stands in them, how they are ordered and found. */

/** What the kernel says of an endpoint once; numbers come with each message. */
export interface RowData {
  id: string;
  role: "publisher" | "subscriber" | "process";
  unit: string;
  topic: string;
  process: string;
  channel: string;
  buffers: number;
  /** Why its process has no counts, empty where it has. */
  reason: string;
}

/** Numbers of one row, in the order in which a message has them. NaN: not known. */
export const FIELDS = ["rate", "total", "inflight", "dropped", "cpu", "rss"] as const;
export type Field = (typeof FIELDS)[number];
export type Numbers = Record<Field, number>;

export const UNKNOWN: Numbers = {
  rate: Number.NaN,
  total: Number.NaN,
  inflight: Number.NaN,
  dropped: Number.NaN,
  cpu: Number.NaN,
  rss: Number.NaN,
};

export type ColumnName = "unit" | "topic" | "role" | "process" | Field;

export interface Sorting {
  column: ColumnName;
  descending: boolean;
}

export interface Row {
  data: RowData;
  numbers: Numbers;
}

/** Rows of a message: `count` rows of one number for each of `FIELDS`. */
export function readNumbers(buffer: DataView, count: number): Numbers[] {
  if (buffer.byteLength !== count * FIELDS.length * 8) {
    throw new RangeError(`${buffer.byteLength} bytes are not ${count} rows`);
  }
  const rows: Numbers[] = [];
  for (let row = 0; row < count; row++) {
    const numbers: Numbers = { ...UNKNOWN };
    FIELDS.forEach((field, place) => {
      numbers[field] = buffer.getFloat64((row * FIELDS.length + place) * 8, true);
    });
    rows.push(numbers);
  }
  return rows;
}

/** Rows that have all the words of a text somewhere. */
export function filtered(rows: readonly Row[], text: string): Row[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(({ data }) => {
    const inside = `${data.unit} ${data.topic} ${data.role} ${data.process} ${data.channel}`;
    const lower = inside.toLowerCase();
    return words.every((word) => lower.includes(word));
  });
}

/** Rows in the order that is asked for; what is not known comes last either way. */
export function sorted(rows: readonly Row[], { column, descending }: Sorting): Row[] {
  const sign = descending ? -1 : 1;
  const byName = (a: Row, b: Row): number =>
    a.data.topic.localeCompare(b.data.topic) || a.data.id.localeCompare(b.data.id);
  return [...rows].sort((a, b) => {
    const one = cellValue(a, column);
    const other = cellValue(b, column);
    if (typeof one === "number" && typeof other === "number") {
      const known = Number(Number.isNaN(one)) - Number(Number.isNaN(other));
      if (known !== 0) return known;
      return sign * (one - other || 0) || byName(a, b);
    }
    return sign * String(one).localeCompare(String(other)) || byName(a, b);
  });
}

function cellValue({ data, numbers }: Row, column: ColumnName): string | number {
  switch (column) {
    case "unit":
    case "topic":
    case "role":
    case "process":
      return data[column];
    case "inflight":
      // By how full the buffers are, which is what one looks for.
      return data.buffers > 0 ? numbers.inflight / data.buffers : numbers.inflight;
    default:
      return numbers[column];
  }
}

/** A rate in as few digits as tell it: 0, 0.25, 49.9, 1,230. */
export function rateText(value: number): string {
  if (Number.isNaN(value)) return "";
  if (value === 0) return "0";
  if (value < 10) return value.toPrecision(2);
  return value < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

export function countText(value: number): string {
  return Number.isNaN(value) ? "" : Math.round(value).toLocaleString("en");
}

export function percentText(share: number): string {
  return Number.isNaN(share) ? "" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function bytesText(bytes: number): string {
  return Number.isNaN(bytes) ? "" : `${(bytes / 1e6).toFixed(0)} MB`;
}
