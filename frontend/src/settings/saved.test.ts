import { expect, it } from "vitest";
import type { FormData, Status } from "./protocol";
import { withFields } from "./saved";

const status = (p: string, state: string) => ({ p, s: state }) as unknown as Status;

it("a saved form has the fields as they were told last", () => {
  const form = {
    seq: 1,
    sections: [
      { unit: "LP", fields: [status("cutoff", "idle"), status("order", "idle")] },
      { unit: "CAR", fields: [status("mode", "idle")] },
    ],
  } as unknown as FormData;
  const applied = status("cutoff", "applied");
  const changed = withFields(form, { LP: [applied], GONE: [status("x", "idle")] });
  expect(changed.sections[0]?.fields).toEqual([applied, status("order", "idle")]);
  expect(changed.sections[1]).toBe(form.sections[1]);
  expect(form.sections[0]?.fields[0]).toEqual(status("cutoff", "idle"));
});
