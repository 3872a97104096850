import { describe, expect, it } from "vitest";
import { HISTORY_LENGTH, History } from "./history";
import {
  FIELDS,
  filtered,
  type Row,
  type RowData,
  rateText,
  readNumbers,
  sorted,
  UNKNOWN,
} from "./rows";

function row(topic: string, rate: number, more: Partial<RowData> = {}): Row {
  const data: RowData = {
    id: `${topic}:1`,
    role: "publisher",
    unit: topic.split("/")[0] ?? "",
    topic,
    process: "1",
    channel: "",
    buffers: 0,
    reason: "",
    ...more,
  };
  return { data, numbers: { ...UNKNOWN, rate } };
}

const topics = (rows: Row[]): string[] => rows.map(({ data }) => data.topic);

describe("rows", () => {
  const rows = [row("B/OUT", 5), row("A/OUT", Number.NaN), row("C/OUT", 50)];

  it("puts what is not known last, either way", () => {
    const order = (descending: boolean) => topics(sorted(rows, { column: "rate", descending }));
    expect(order(true)).toEqual(["C/OUT", "B/OUT", "A/OUT"]);
    expect(order(false)).toEqual(["B/OUT", "C/OUT", "A/OUT"]);
    expect(topics(sorted(rows, { column: "topic", descending: false }))[0]).toBe("A/OUT");
  });

  it("sorts buffers by how full they are", () => {
    const few = row("F/OUT", 1, { buffers: 2 });
    const many = row("M/OUT", 1, { buffers: 32 });
    few.numbers.inflight = 2;
    many.numbers.inflight = 3;
    expect(topics(sorted([many, few], { column: "inflight", descending: true }))[0]).toBe("F/OUT");
  });

  it("finds rows that have all the words", () => {
    expect(topics(filtered(rows, "b/ pub"))).toEqual(["B/OUT"]);
    expect(filtered(rows, "  ")).toHaveLength(3);
    expect(filtered(rows, "b/ subscriber")).toHaveLength(0);
  });

  it("reads the numbers of a message, also from the middle of a buffer", () => {
    const values = Float64Array.from([0, ...FIELDS.map((_, place) => place + 1)]);
    const [read] = readNumbers(new DataView(values.buffer, 8), 1);
    expect(read).toEqual({ rate: 1, total: 2, inflight: 3, dropped: 4, cpu: 5, rss: 6 });
    expect(() => readNumbers(new DataView(values.buffer, 8), 2)).toThrow(RangeError);
  });

  it("writes rates in as few digits as tell them", () => {
    expect([0, 0.25, 49.94, 1234.6, Number.NaN].map(rateText)).toEqual([
      "0",
      "0.25",
      "49.9",
      "1,235",
      "",
    ]);
  });
});

describe("history", () => {
  it("keeps the newest values in their order", () => {
    const history = new History();
    for (let value = 0; value < HISTORY_LENGTH + 10; value++) history.push(value);
    expect(history.newest(3)).toEqual([HISTORY_LENGTH + 7, HISTORY_LENGTH + 8, HISTORY_LENGTH + 9]);
    expect(history.newest(Number.POSITIVE_INFINITY)).toHaveLength(HISTORY_LENGTH);
    expect(new History().newest(5)).toEqual([]);
  });
});
