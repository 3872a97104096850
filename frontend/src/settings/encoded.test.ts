import { describe, expect, it } from "vitest";
import { type Encoded, equal, literal, unwrapped, words } from "./encoded";

const int = (v: string): Encoded => ({ k: "int", v });

describe("values as text", () => {
  it.each<[Encoded, string]>([
    [null, "None"],
    [true, "True"],
    ['a"b', '"a\\"b"'],
    [int("30000"), "30000"],
    [{ k: "float", v: "1e-06" }, "1e-06"],
    [{ k: "float", v: "nan" }, "nan"],
    [{ k: "list", v: [int("1"), "x"] }, '[1, "x"]'],
    [{ k: "tuple", v: [int("1")] }, "(1,)"],
    [{ k: "tuple", v: [int("1"), null] }, "(1, None)"],
    [{ k: "set", v: [int("1")] }, "{1}"],
    [{ k: "dict", v: [["a", int("1")]] }, '{"a": 1}'],
    [{ k: "enum", v: "fast", text: "FAST" }, '"fast"'],
    [{ k: "object", text: "list of 9 items" }, "list of 9 items"],
  ])("%j is %s", (value, text) => expect(literal(value)).toBe(text));

  it("has words for what would be blank", () => {
    expect(words("")).toBe("(empty text)");
    expect(words(null)).toBe("none");
    expect(words(false)).toBe("false");
    expect(words("x".repeat(200))).toHaveLength(81);
  });

  it("tells 3, 3.0 and true apart", () => {
    expect(equal(int("3"), { k: "float", v: "3.0" })).toBe(false);
    expect(equal(int("3"), int("3"))).toBe(true);
    expect(equal(int("1"), true)).toBe(false);
    expect(unwrapped({ k: "enum", v: int("2") })).toEqual(int("2"));
  });
});
