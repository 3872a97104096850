/**
 * Values as the kernel encodes them (`kernel_runtime/settings/encoding.py`).
 *
 * Numbers stay text on this side: JavaScript would blur 3 and 3.0, and has no integers beyond
 * 2^53.
 */
export type Encoded = null | boolean | string | Tagged;

export interface Tagged {
  readonly k: string;
  readonly v?: Encoded | readonly Encoded[] | readonly (readonly [Encoded, Encoded])[];
  readonly text?: string | null;
}

const SEQUENCES = ["list", "tuple", "set", "frozenset"];

export function isTagged(value: Encoded): value is Tagged {
  return typeof value === "object" && value !== null;
}

export function kindOf(value: Encoded): string {
  if (value === null) return "none";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "text" : value.k;
}

export function isSequence(value: Encoded): value is Tagged & { v: readonly Encoded[] } {
  return isTagged(value) && SEQUENCES.includes(value.k);
}

export function isDict(
  value: Encoded,
): value is Tagged & { v: readonly (readonly [Encoded, Encoded])[] } {
  return isTagged(value) && value.k === "dict";
}

/** The text of a scalar that travels as text, such as the digits of a number. */
export function innerText(value: Encoded): string {
  return isTagged(value) && typeof value.v === "string" ? value.v : "";
}

export function equal(left: Encoded, right: Encoded): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

/** The plain value inside an enum member, the value itself otherwise. */
export function unwrapped(value: Encoded): Encoded {
  return isTagged(value) && value.k === "enum" ? ((value.v ?? null) as Encoded) : value;
}

/** A value as a Python literal, as a person would type it. */
export function literal(value: Encoded): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (isSequence(value)) {
    const items = value.v.map(literal);
    if (value.k === "tuple") return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
    if (value.k === "list") return `[${items.join(", ")}]`;
    return items.length > 0 ? `{${items.join(", ")}}` : "[]";
  }
  if (isDict(value)) {
    return `{${value.v.map(([key, item]) => `${literal(key)}: ${literal(item)}`).join(", ")}}`;
  }
  if (value.k === "enum") return literal(unwrapped(value));
  return innerText(value) || (value.text ?? "");
}

/** A value in running text: like `literal`, but text without quotes, and short. */
export function words(value: Encoded): string {
  const plain = unwrapped(value);
  if (typeof plain === "boolean") return String(plain);
  const text = plain === null ? "none" : typeof plain === "string" ? plain : literal(plain);
  if (text === "") return "(empty text)";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
