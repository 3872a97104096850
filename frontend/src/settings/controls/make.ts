import type { ControlSpec } from "../protocol";
import { ArrayControl } from "./array";
import { BoolControl, TristateControl } from "./bool";
import { makeChoice } from "./choice";
import type { Control, Host } from "./control";
import { DictControl, ObjectControl } from "./mapping";
import { NumberControl } from "./number";
import { OptionalControl } from "./optional";
import { BoxesControl, ListControl } from "./sequence";
import { GroupControl, StaticControl } from "./static";
import { TextControl } from "./text";
import { TypedControl } from "./typed";
import { UnionControl } from "./union";

/** The control that a description from the kernel asks for. */
export function makeControl(spec: ControlSpec, host: Host): Control {
  switch (spec.c) {
    case "bool":
      return new BoolControl(host);
    case "tristate":
      return new TristateControl(host);
    case "number":
      return new NumberControl(spec, host);
    case "text":
      return new TextControl(spec, host);
    case "choice":
      return makeChoice(spec, host);
    case "optional":
      return new OptionalControl(host, (inner) => makeControl(spec.of, inner));
    case "list":
      return new ListControl(spec, host, makeControl);
    case "boxes":
      return new BoxesControl(spec, host, makeControl);
    case "dict":
      return new DictControl(spec, host, makeControl);
    case "union":
      return new UnionControl(spec, host, makeControl);
    case "object":
      return new ObjectControl(spec, host, makeControl);
    case "typed":
      return new TypedControl(spec, host);
    case "array":
      return new ArrayControl(host);
    case "group":
      return new GroupControl();
    case "static":
      return new StaticControl();
  }
}
