/** What the kernel and this form say to each other (`ezmsg_nb/settings_form.py`). */
import type { Encoded } from "./encoded";

export type EditState = "idle" | "staged" | "pending" | "reported" | "applied" | "failed";

export type ControlSpec =
  | { c: "bool" }
  | { c: "tristate" }
  | {
      c: "number";
      whole: boolean;
      low: number | null;
      high: number | null;
      limits: string;
      step?: number | null;
    }
  | { c: "text"; of: "text" | "path" | "complex" | "bytes" }
  | { c: "choice"; options: { label: string; v: Encoded }[]; open: boolean }
  | { c: "optional"; of: ControlSpec }
  | { c: "list"; item: ControlSpec; kind: string; least: number; most: number | null }
  | { c: "boxes"; items: ControlSpec[] }
  | { c: "dict"; key: ControlSpec; value: ControlSpec }
  | { c: "union"; arms: { label: string; of: ControlSpec }[] }
  | { c: "object"; members: MemberSpec[] }
  | { c: "typed"; words: string }
  | { c: "array" }
  | { c: "group" }
  | { c: "static" };

export interface MemberSpec {
  n: string;
  d: string | null;
  of: ControlSpec;
  v: Encoded;
  given: boolean;
}

/** A field as it is built: path, name, control, type, type in words, description, why read-only. */
export interface Node {
  p: string;
  n: string;
  c: ControlSpec;
  t: string;
  w: string;
  d: string | null;
  ro: string | null;
  kids?: Node[];
}

/**
 * How a field stands: value, state, error, note, initial value (if another), value from elsewhere, and
 * what the unit holds while an edit waits to be applied.
 */
export interface Status {
  p: string;
  v: Encoded;
  s: EditState;
  e?: string;
  n?: string;
  i?: Encoded;
  x?: Encoded;
  h?: Encoded;
  unknown?: boolean;
}

export interface Section {
  unit: string;
  type: string;
  ro: string | null;
  nodes: Node[];
  fields: Status[];
}

export type Connection = "connected" | "reconnecting" | "closed" | "lost";

/** What can be undone and redone, in words, and the edits that wait to be applied together. */
export interface Tools {
  undo: string;
  redo: string;
  collect: boolean;
  staged: number;
  units: string[];
  /** Why the fields of a unit would go one after the other; empty where they go as one value. */
  pieces: string;
  applying: boolean;
}

export interface Change {
  t: number;
  unit: string;
  field: string;
  old: Encoded;
  new: Encoded;
  by: string;
}

export interface FormData {
  seq: number;
  status: { state: Connection; text: string };
  tools?: Tools | null;
  sections: Section[];
}

export interface Answer {
  type: "answer";
  id: number;
  ok: boolean;
  reason?: string;
  field?: Status;
  /** Changed elsewhere before the edit came: it wasn't made. */
  conflict?: boolean;
  /** Whether the same with `force` would go over somebody else's change. */
  force?: boolean;
  text?: string;
  history?: Change[];
}

export type FromKernel =
  | { type: "form"; seq: number; form: FormData }
  | { type: "fields"; seq: number; units: Record<string, Status[]>; tools?: Tools | null }
  | Answer;

export interface FormState {
  _protocol: number;
  _form: FormData;
}
