"""Which control of the browser's form each type gets, as JSON that the form is built from.

``frontend/src/settings/controls/`` has one file per control, under the same names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from kernel_runtime.settings.arrays import numpy_number, read_array
from kernel_runtime.settings.containers import DEQUE, deque_items
from kernel_runtime.settings.encoding import encode
from kernel_runtime.settings.kinds import Choice, Constraints, FieldType
from kernel_runtime.settings.schema import FieldSpec
from kernel_runtime.settings.standard_types import standard_text
from kernel_runtime.settings.witness import is_repr, path_text
from kernel_runtime.settings.wording import type_in_words

_CONTAINERS: Final = ("list", "vtuple", "set", "frozenset")
_STATIC: Final = ("callable", "opaque", "unknown", "none")
_ARM_NAMES: Final[dict[str, str]] = {
    "bool": "true / false",
    "int": "number",
    "float": "number",
    "complex": "complex",
    "str": "text",
    "path": "path",
    "bytes": "bytes",
    "list": "list",
    "vtuple": "tuple",
    "tuple": "tuple",
    "set": "set",
    "frozenset": "set",
    "dict": "dict",
    "array": "array",
    "literal": "choice",
    "callable": "function",
    "any": "anything",
    "ellipsis": "ellipsis",
}

LONG_LIST: Final = 60

Json = dict[str, object]


def control_of(
    wanted: FieldType,
    *,
    outermost: bool = True,
    remembered: Mapping[str, object] | None = None,
) -> Json:
    """The control for a type.

    Parameters
    ----------
    wanted
        The type.
    outermost
        Whether this is a field's own control, where a nested settings class is a group of
        fields; inside a list it is an object that is sent as a whole.
    remembered
        What an optional nested settings class held before it was set to None.
    """
    match wanted.kind:
        case "union":
            return _union(wanted, outermost, remembered)
        case "bool":
            return {"c": "bool"}
        case "int" | "float":
            return _number(wanted)
        case "str":
            return {"c": "text", "of": "text"}
        case "path" | "complex" | "bytes":
            return {"c": "text", "of": wanted.kind}
        case "standard":
            return {"c": "text", "of": "path"}
        case "literal" | "enum" | "choice":
            return _choice(wanted)
        case "tuple":
            items = [control_of(arg, outermost=False) for arg in wanted.args]
            return {"c": "boxes", "items": items}
        case "dict":
            key, value = (control_of(arg, outermost=False) for arg in wanted.args)
            return {"c": "dict", "key": key, "value": value}
        case "dataclass" if wanted.members:
            return {"c": "group"} if outermost else _object(wanted, remembered)
        case "array":
            return {"c": "array"}
    if wanted.kind in _CONTAINERS:
        return _list(wanted)
    if wanted.kind in _STATIC:
        return {"c": "static"}
    return {"c": "typed", "words": type_in_words(wanted)}


def _union(wanted: FieldType, outermost: bool, remembered: Mapping[str, object] | None) -> Json:
    if wanted.nullable:
        inner = wanted.without_none
        if inner.kind == "bool":
            return {"c": "tristate"}
        inside = control_of(inner, outermost=outermost, remembered=remembered)
        return {"c": "optional", "of": inside}
    kinds = {arg.kind for arg in wanted.args}
    # A box for floats takes whole numbers too, and the union of both keeps them apart.
    args = [arg for arg in wanted.args if arg.kind != "int" or "float" not in kinds]
    if len(args) == 1:
        return control_of(args[0], outermost=outermost)
    arms: list[Json] = []
    for arg in sorted(args, key=_arm_order):
        label = _arm_label(arg)
        if label in [arm["label"] for arm in arms]:
            label = type_in_words(arg)
        arms.append({"label": label, "of": control_of(arg, outermost=False)})
    return {"c": "union", "arms": arms}


def _arm_order(arg: FieldType) -> int:
    """The first control that fits a value shows it, so the most particular ones come first."""
    if arg.kind in ("literal", "enum"):
        return 0
    return {"static": 3, "typed": 2}.get(str(control_of(arg, outermost=False)["c"]), 1)


def _arm_label(arg: FieldType) -> str:
    if arg.kind == "literal" and len(arg.choices) == 1:
        return _label(arg.choices[0])
    return _ARM_NAMES.get(arg.kind) or (arg.name or arg.kind).rpartition(".")[2]


def _number(wanted: FieldType) -> Json:
    limits = wanted.constraints
    lowest, highest = _bound(limits.ge, limits.gt), _bound(limits.le, limits.lt)
    control: Json = {
        "c": "number",
        "whole": wanted.kind == "int",
        "low": lowest,
        "high": highest,
        "limits": limits_in_words(limits),
    }
    if lowest is not None and highest is not None and lowest < highest:
        control["step"] = limits.multiple_of or (1 if wanted.kind == "int" else None)
    return control


def _bound(*limits: float | None) -> float | None:
    return next((x for x in limits if x is not None and math.isfinite(x)), None)


def limits_in_words(limits: Constraints) -> str:
    """Limits on a number, for a tooltip: ``"at least 0, less than 1"``."""
    words = [
        f"{word} {limit:.15g}"
        for limit, word in (
            (limits.ge, "at least"),
            (limits.gt, "more than"),
            (limits.le, "at most"),
            (limits.lt, "less than"),
            (limits.multiple_of, "a multiple of"),
        )
        if limit is not None
    ]
    return ", ".join(words)


def _choice(wanted: FieldType) -> Json:
    options = [{"label": _label(choice), "v": encode(choice.value)} for choice in wanted.choices]
    # With the values only guessed from what was seen, others must be possible.
    return {"c": "choice", "options": options, "open": wanted.witnessed or not options}


def _label(choice: Choice) -> str:
    if choice.name is not None:
        return choice.name
    return choice.value if isinstance(choice.value, str) else str(choice.value)


def _list(wanted: FieldType) -> Json:
    limits = wanted.constraints
    return {
        "c": "list",
        "item": control_of(wanted.args[0], outermost=False),
        "kind": "tuple" if wanted.kind == "vtuple" else wanted.kind,
        "least": limits.min_length or 0,
        "most": limits.max_length,
    }


def _object(wanted: FieldType, remembered: Mapping[str, object] | None) -> Json:
    members: list[Json] = []
    for member in wanted.members:
        known = member.default_known
        value = member.default
        if remembered is not None and member.name in remembered:
            known, value = True, remembered[member.name]
        members.append(
            {
                "n": member.name,
                "d": member.description,
                "of": control_of(member.type, outermost=False),
                "v": encode(value) if known else None,
                "given": known,
            }
        )
    return {"c": "object", "members": members}


def is_long(value: object) -> bool:
    """Whether a list has so many items that boxes for each are no help; it is text then."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        return False
    nested = sum(len(item) for item in value if isinstance(item, (list, tuple)))
    return len(value) + nested > LONG_LIST


def shown_value(spec: FieldSpec, value: object) -> object:
    """A field's value as the browser shows it.

    The same as `encode`, but for two kinds that ezmsg reports as ``repr``: the numbers of a
    small array, and the path in ``PosixPath('x')``.
    """
    kinds = {arg.kind for arg in spec.type.args} | {spec.type.kind}
    if "array" in kinds:
        array = read_array(value)
        if array is not None:
            small = array.values is not None
            text = repr(array.values) if small else None
            return {"k": "array" if small else "object", "v": text, "text": str(array)}
    standard = next((arg for arg in (spec.type, *spec.type.args) if arg.kind == "standard"), None)
    if standard is not None:
        text = standard_text(standard.name, value)
        if text is not None:
            return encode(text)
    if isinstance(value, str) and kinds & {"int", "float", "bool", "complex"}:
        number = numpy_number(value)
        if number is not None:
            return encode(number)
    if spec.type.name == DEQUE and isinstance(value, str):
        items = deque_items(value)
        return encode(value if items is None else items)
    if "path" in kinds and isinstance(value, str):
        return encode(path_text(value))
    if isinstance(value, str) and spec.type.kind != "str" and is_repr(value):
        return {"k": "object", "text": value}
    return encode(value)
