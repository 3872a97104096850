/** What a notebook keeps of a form when it is saved: its last state, edits included. */
import type { FormData, Status } from "./protocol";

/** A form with the fields that have changed since. */
export function withFields(form: FormData, units: Record<string, Status[]>): FormData {
  const sections = form.sections.map((section) => {
    const changed = new Map(units[section.unit]?.map((status) => [status.p, status]));
    if (changed.size === 0) return section;
    return { ...section, fields: section.fields.map((one) => changed.get(one.p) ?? one) };
  });
  return { ...form, sections };
}
