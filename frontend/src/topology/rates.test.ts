import { describe, expect, it } from "vitest";
import { edge, topology, unit } from "../../tests/graphs";
import { Graph } from "./graph";
import { formatRate, type RatesMessage, RateTable, rateForms } from "./rates";

function message(sequence: number, full: boolean, revision = 3): RatesMessage {
  return { type: "rates", revision, sequence, full };
}

/** Buffers as they come from the kernel: views somewhere in a larger buffer. */
function buffers(indexes: number[], values: number[]): DataView[] {
  const bytes = new ArrayBuffer(16 + indexes.length * 8);
  const index = new DataView(bytes, 4, indexes.length * 4);
  const value = new DataView(bytes, 8 + indexes.length * 4, indexes.length * 4);
  indexes.forEach((at, i) => {
    index.setUint32(i * 4, at, true);
  });
  values.forEach((rate, i) => {
    value.setFloat32(i * 4, rate, true);
  });
  return [index, value];
}

/** Two topics, two edges, one process: a vector of 3 * 2 + 2 * 2 + 1 numbers. */
const graph = new Graph(
  topology(
    [unit("A", "T", ["OUTPUT_X", "OUTPUT_Y"], "p"), unit("B", "T", ["INPUT_X", "INPUT_Y"], "p")],
    [edge("A/OUTPUT_X", "B/INPUT_X"), edge("A/OUTPUT_Y", "B/INPUT_Y")],
  ),
);

describe("rate table", () => {
  it("takes all numbers and then what changes", () => {
    const table = new RateTable();
    table.reset(3, graph);
    const all = [10, 20, 30, 2, 32, 16, 3, 4, 1.5, Number.NaN, 0.25];
    const indexes = all.map((_, index) => index);
    expect(table.apply(message(7, true), buffers(indexes, all))).toBe("applied");
    expect([table.rate("A/OUTPUT_X"), table.rate("A/OUTPUT_Y")]).toEqual([10, 20]);
    expect(table.inflight("A/OUTPUT_X")).toEqual([30, 32]);
    expect(table.transport(0)).toBe("this process, shared memory");
    expect(table.transport(1)).toBe("TCP");
    expect([table.p99(0), table.p99(1), table.cpu("p")]).toEqual([1.5, undefined, 0.25]);
    expect(table.apply(message(8, false), buffers([1], [Number.NaN]))).toBe("applied");
    expect([table.rate("A/OUTPUT_X"), table.rate("A/OUTPUT_Y")]).toEqual([10, undefined]);
    expect(table.rate("no such topic")).toBeUndefined();
    expect(table.inflight("no such topic")).toBeUndefined();
    expect(table.cpu("no such process")).toBeUndefined();
  });

  it("notices a message that is missing, and one of another topology", () => {
    const table = new RateTable();
    table.reset(3, graph);
    expect(table.apply(message(1, false), buffers([0], [1]))).toBe("gap");
    expect(table.apply(message(1, true), buffers([0], [1]))).toBe("applied");
    expect(table.apply(message(3, false), buffers([0], [9]))).toBe("gap");
    expect(table.apply(message(2, false, 4), buffers([0], [9]))).toBe("stale");
    expect(table.values[0]).toBe(1);
  });

  it("is safe against indexes and buffers that don't fit", () => {
    const table = new RateTable();
    table.reset(3, graph);
    expect(table.apply(message(1, true), buffers([0, 99], [1, 2]))).toBe("applied");
    expect(table.values).toHaveLength(11);
    expect(table.apply(message(2, false), [])).toBe("gap");
  });
});

describe("rates in words", () => {
  it.each([
    [undefined, "", ""],
    [Number.NaN, "", ""],
    [0, "0 Hz", "0"],
    [0.04, "<0.1 Hz", "<1"],
    [9.76, "9.8 Hz", "10"],
    [19.96, "20.0 Hz", "20"],
    [512.4, "512 Hz", "512"],
    [1953, "1.95 kHz", "2k"],
    [31_250, "31.3 kHz", "31k"],
    [250_000, "250 kHz", "250k"],
    [2_500_000, "2.5 MHz", "3M"],
  ])("%s is %j, or %j", (rate, long, short) => {
    expect(formatRate(rate)).toBe(long);
    expect(rateForms(rate).at(-1) ?? "").toBe(short);
  });
});
