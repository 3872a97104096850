import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { PROTOCOL, protocolMismatch } from "./protocol";

describe("protocol version", () => {
  it("is the one of the kernel's side", async () => {
    const python = await readFile(
      new URL("../../../ezmsg_nb/front_end.py", import.meta.url),
      "utf8",
    );
    expect(python).toMatch(new RegExp(`^PROTOCOL: Final = ${PROTOCOL}$`, "m"));
  });

  it("says what to do when the two differ", () => {
    expect(protocolMismatch(PROTOCOL)).toBeNull();
    expect(protocolMismatch(PROTOCOL + 1)).toMatch(/reload the page/);
    expect(protocolMismatch(undefined)).toMatch(/reload the page/);
  });
});
