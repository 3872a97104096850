import { describe, expect, it } from "vitest";
import { placesOf } from "./channels";
import { differs, fitted, valueText } from "./scale";
import { readColumns, Sweep } from "./sweep";
import { niceStep } from "./traces";

/** Columns of two channels, in each of which all values are the column's number. */
function columns(from: number, count: number): Float32Array {
  return Float32Array.from({ length: count * 4 }, (_, at) => from + Math.floor(at / 4));
}

const known = (sweep: Sweep): number[] =>
  Array.from({ length: sweep.columns }, (_, place) => sweep.values[place * 4] as number);

describe("a sweep", () => {
  it("goes around and leaves a gap before its head", () => {
    const sweep = new Sweep(10, 2);
    expect(sweep.add(0, columns(0, 8))).toBe(8);
    expect(known(sweep)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, Number.NaN, Number.NaN]);
    expect(sweep.add(8, columns(8, 4))).toBe(4);
    expect(known(sweep)).toEqual([10, 11, Number.NaN, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("leaves out what did not come, and begins anew after more than a sweep", () => {
    const sweep = new Sweep(10, 2);
    sweep.add(20, columns(20, 3));
    expect(sweep.add(25, columns(25, 2))).toBe(4);
    const none = Number.NaN;
    expect(known(sweep)).toEqual([20, 21, 22, none, none, 25, 26, none, none, none]);
    sweep.add(90, columns(90, 1));
    expect(known(sweep).filter((value) => !Number.isNaN(value))).toEqual([90]);
    expect(sweep.add(5, columns(5, 2))).toBe(2);
  });

  it("takes no more than the newest of what is longer than itself", () => {
    const sweep = new Sweep(10, 2);
    expect(sweep.add(0, columns(0, 25))).toBe(10);
    expect(sweep.next).toBe(25);
    expect(known(sweep)[4]).toBe(24);
  });

  it("is read from a buffer that does not begin at its start", () => {
    const bytes = new ArrayBuffer(11);
    const view = new DataView(bytes, 3, 8);
    view.setFloat32(0, 1.5, true);
    view.setFloat32(4, -2, true);
    expect([...readColumns(view)]).toEqual([1.5, -2]);
  });
});

describe("a scale", () => {
  it("has each channel around its own middle, and leaves out the wildest", () => {
    const sweep = new Sweep(4, 2);
    sweep.add(0, Float32Array.from([100, 102, -1, 1, 100, 104, -1, 1]));
    const scale = fitted(sweep);
    expect([...scale.middles]).toEqual([102, 0]);
    expect(scale.half).toBeCloseTo(1.1);
    expect(differs(scale, scale)).toBe(false);
    expect(differs({ ...scale, half: 3 }, scale)).toBe(true);
  });

  it("is said in few digits", () => {
    expect(valueText(12.3456, "µV")).toBe("12.3 µV");
    expect(valueText(0.00002, "")).toBe("2.0e-5");
    expect(niceStep(0.3)).toBeCloseTo(0.5);
    expect(niceStep(7)).toBe(10);
  });
});

describe("channels", () => {
  const names = ["Fp1", "Fp2", "C3", "C4", "7"];
  it.each([
    ["", null],
    ["C3", [2]],
    ["1:3, 0", [1, 2, 0]],
    ["c*", [2, 3]],
    ["7", [4]],
    ["3:", [3, 4]],
  ])("%j", (text, places) => expect(placesOf(text, names)).toEqual(places));

  it.each(["Q", "9", "8:9"])("%j is not there", (text) =>
    expect(() => placesOf(text, names)).toThrow(`no channel ${text}`),
  );
});
