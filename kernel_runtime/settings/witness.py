"""What a value tells of its field's type, where the type's text leaves something open.

A settings class that the kernel can't import is a mere name in a schema. Its value, as the
owner reports it, shows more: a mapping for a nested settings class, a scalar for an enum (by
value), a ``repr`` for what has no plain form.
"""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kernel_runtime.settings.kinds import ANY, NONE, Choice, FieldType, Kind, Member, union_of
from kernel_runtime.settings.standard_types import standard_text, standard_type_of_report

_ANGLE_REPR: Final = re.compile(r"<.+>", re.DOTALL)
_CALL_REPR: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\(.*\)", re.DOTALL)
_PATH_REPR_NAMES: Final = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path")
_SCALAR_KINDS: Final[tuple[tuple[type, Kind], ...]] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "str"),
    (complex, "complex"),
    (bytes, "bytes"),
)
_CONTAINER_KINDS: Final[tuple[tuple[type, Kind], ...]] = (
    (list, "list"),
    (tuple, "vtuple"),
    (set, "set"),
    (frozenset, "frozenset"),
)
_HINT_KINDS: Final[dict[str, Kind]] = {
    "checkbox": "bool",
    "int_input": "int",
    "float_input": "float",
    "text_input": "str",
}


def is_repr(value: object) -> bool:
    """Whether a reported text is the ``repr`` of an object, which must never be sent back."""
    if not isinstance(value, str) or isinstance(value, enum.Enum):
        return False
    if _ANGLE_REPR.fullmatch(value):
        return True
    call = _CALL_REPR.fullmatch(value)
    # Whatever looks like a call of a class: `Thing(a=1)`, `np.float64(1.0)`, `array([1.])`.
    return call is not None and (
        call["name"] == "array" or "." in call["name"] or call["name"][0].isupper()
    )


def _called_name(text: str) -> str:
    """``"Path"`` for ``"pathlib.Path('x')"``, empty for what doesn't look like a call."""
    call = _CALL_REPR.fullmatch(text)
    return call["name"].rpartition(".")[2] if call is not None else ""


def path_text(value: str) -> str:
    """The path in the ``repr`` of a path object (``"PosixPath('x')"``), else the text itself."""
    if _called_name(value) not in _PATH_REPR_NAMES:
        return value
    try:
        body = ast.parse(value, mode="eval").body
    except (SyntaxError, ValueError):
        return value
    match body:
        case ast.Call(args=[ast.Constant(value=str(path))], keywords=[]):
            return path
    return value


def enum_value(value: object) -> object:
    """The plain value of an enum member, also of one whose class isn't here.

    ezmsg 3.9 lets members of mixed enums leak into schemas and values. Where their class can't
    be imported they come as inert stand-ins, which keep the member's value as an argument.
    """
    if isinstance(value, enum.Enum):
        return enum_value(value.value)
    args: object = getattr(value, "args", None)
    if isinstance(args, tuple) and len(args) == 1 and hasattr(value, "qualname"):
        plain: object = args[0]
        if isinstance(plain, (bool, int, float, str)):
            return plain
    return value


def enum_name(value: object) -> str | None:
    """The dotted class name of an enum member or of its stand-in, None for other values."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__module__}.{type(value).__qualname__}"
    module, qualname = getattr(value, "module", None), getattr(value, "qualname", None)
    stands_in = isinstance(module, str) and isinstance(qualname, str)
    if stands_in and enum_value(value) is not value:
        return f"{module}.{qualname}"
    return None


def type_of_value(value: object) -> FieldType:
    """The type that a value shows, where nothing states one."""
    if value is None:
        return replace(ANY, witnessed=True)
    if enum_name(value) is not None:
        return _enum_of(value, None)
    standard = standard_type_of_report(value)
    if standard is not None:
        return FieldType("standard", name=standard.name, witnessed=True)
    if isinstance(value, str) and is_repr(value):
        name = _called_name(value)
        if name == "array":
            return FieldType("array", name="numpy.ndarray", witnessed=True)
        kind: Kind = "path" if name in _PATH_REPR_NAMES else "opaque"
        return FieldType(kind, witnessed=True)
    for python_type, kind in _SCALAR_KINDS:
        if isinstance(value, python_type):
            return FieldType(kind, witnessed=True)
    for python_type, kind in _CONTAINER_KINDS:
        if isinstance(value, python_type):
            items = {type_of_value(item) for item in value}  # type: ignore[attr-defined]
            only = items.pop() if len(items) == 1 else ANY
            return FieldType(kind, args=(only,), witnessed=True)
    if isinstance(value, Mapping):
        return _type_of_mapping(value)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return FieldType("array", name="numpy.ndarray", witnessed=True)
    return FieldType("opaque", text=type(value).__name__, witnessed=True)


def _type_of_mapping(value: Mapping[object, object]) -> FieldType:
    """A group where the keys can be steps of a field path, else a dict that is edited whole."""
    if value and all(isinstance(key, str) and key.isidentifier() for key in value):
        members = tuple(Member(str(key), type_of_value(item)) for key, item in value.items())
        return FieldType("dataclass", members=members, witnessed=True)
    items = {type_of_value(item) for item in value.values()}
    only = items.pop() if len(items) == 1 else ANY
    keys = {type(key) for key in value}
    key = FieldType("str") if keys <= {str} else ANY
    return FieldType("dict", args=(key, only), witnessed=True)


def _enum_of(value: object, stated: FieldType | None, default: object = None) -> FieldType:
    # A report holds the plain value where a default still shows the class.
    name = enum_name(value) or enum_name(default)
    if isinstance(value, enum.Enum):
        members = tuple(Choice(enum_value(item), item.name) for item in type(value))
        return FieldType("enum", name=name, choices=members)
    if name is None and stated is not None:
        name = stated.name
    seen = [enum_value(value)]
    if default is not None and enum_value(default) not in seen and not is_repr(default):
        seen.append(enum_value(default))
    kind: Kind = "enum" if name is not None and "." in name else "choice"
    choices = tuple(Choice(item) for item in seen)
    return FieldType(kind, name=name, choices=choices, witnessed=True)


def refine(stated: FieldType, value: object, default: object = None) -> FieldType:
    """A type made more definite by the value that the field holds.

    Parameters
    ----------
    stated
        The type as far as the schema tells it.
    value
        The value that the owner reports.
    default
        The default in the schema, a second witness for the values of an enum.
    """
    if value is None:
        if stated.nullable or stated.kind in ("unknown", "opaque", "callable"):
            return stated
        return union_of((stated, NONE))
    match stated.kind:
        case "named":
            return _refine_named(stated, value, default)
        case "enum" | "choice" | "literal" if enum_name(value) is not None:
            found = _enum_of(value, stated)
            return found if not found.witnessed or not stated.choices else stated
        case "choice" if not stated.choices:
            seen = _enum_of(value, stated, default).choices
            return replace(stated, choices=seen, witnessed=True)
        case "union":
            return _refine_union(stated, value, default)
        case "list" | "vtuple" | "set" | "frozenset":
            return replace(stated, args=(_refine_items(stated.args[0], value),))
        case "tuple" if isinstance(value, (list, tuple)) and len(value) == len(stated.args):
            pairs = zip(stated.args, value, strict=True)
            return replace(stated, args=tuple(refine(*pair) for pair in pairs))
        case "dict" if isinstance(value, Mapping):
            items = _refine_items(stated.args[1], list(value.values()))
            return replace(stated, args=(stated.args[0], items))
        case "dataclass" if isinstance(value, Mapping):
            return _refine_members(stated, value)
    return stated


def _refine_named(stated: FieldType, value: object, default: object) -> FieldType:
    if isinstance(value, Mapping):
        shown = _type_of_mapping(value)
        if shown.kind == "dataclass":
            return replace(shown, name=stated.name)
        return shown
    standard = standard_type_of_report(value)
    if standard is not None:
        return FieldType("standard", name=standard.name)
    if is_array(value):
        return FieldType("array", name="numpy.ndarray", witnessed=True)
    own = (stated.name or "").rpartition(".")[2]
    if is_repr(value) or (isinstance(value, str) and own and _called_name(value) == own):
        return FieldType("opaque", name=stated.name, text=stated.text)
    if enum_name(value) is not None or isinstance(value, (bool, int, float, str)):
        return _enum_of(value, stated, default)
    if isinstance(value, (list, tuple, set, frozenset)):
        # A named tuple, or an alias of a container.
        return replace(type_of_value(value), name=stated.name)
    return stated


def _refine_items(items: FieldType, value: object) -> FieldType:
    if not isinstance(value, (list, tuple, set, frozenset)):
        return items
    for item in value:
        items = refine(items, item)
    return items


def _refine_members(stated: FieldType, value: Mapping[object, object]) -> FieldType:
    known = {member.name for member in stated.members}
    members = tuple(
        replace(member, type=refine(member.type, value[member.name], member.default))
        if member.name in value
        else member
        for member in stated.members
    )
    extra = tuple(
        Member(key, type_of_value(item))
        for key, item in value.items()
        if isinstance(key, str) and key not in known
    )
    return replace(stated, members=members + extra)


def _refine_union(stated: FieldType, value: object, default: object) -> FieldType:
    """Refine the alternative that the value belongs to, and its like inside the others."""
    if any(shows(alternative, value) for alternative in stated.args):
        refined = [
            refine(alternative, value) if shows(alternative, value) else alternative
            for alternative in stated.args
        ]
        return union_of(tuple(refined))
    index = next((i for i, arg in enumerate(stated.args) if arg.kind == "named"), None)
    if index is None:
        return stated
    before = stated.args[index]
    after = _refine_named(before, value, default)
    return union_of(tuple(_with_replaced(arg, before, after) for arg in stated.args))


def _with_replaced(inside: FieldType, before: FieldType, after: FieldType) -> FieldType:
    if inside == before:
        return after
    args = tuple(_with_replaced(arg, before, after) for arg in inside.args)
    return replace(inside, args=args)


def shows(alternative: FieldType, value: object) -> bool:
    """Whether a reported value can be one of a type that is known."""
    match alternative.kind:
        case "none":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "str":
            return isinstance(value, str) and not is_repr(value)
        case "standard":
            return standard_text(alternative.name, value) is not None
        case "path":
            return isinstance(value, str) and (not is_repr(value) or path_text(value) != value)
        case "literal" | "enum":
            plain = enum_value(value)
            return any(
                type(choice.value) is type(plain) and choice.value == plain
                for choice in alternative.choices
            )
        case "list" | "tuple" | "vtuple" | "set" | "frozenset":
            return isinstance(value, (list, tuple, set, frozenset))
        case "dict" | "dataclass":
            return isinstance(value, Mapping)
        case "array":
            return is_array(value)
        case "any":
            return True
    return False


def is_array(value: object) -> bool:
    """Whether a value is an array, or the text that stands for one in a report."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return True
    return isinstance(value, str) and value.startswith("array(") and is_repr(value)


def agrees_with_hint(hint: str | None, value: object) -> FieldType | None:
    """The scalar type that widget hint and value both speak for, or None.

    A hint alone proves nothing: ezmsg finds it by looking for ``int`` anywhere in a type's text.
    """
    kind = _HINT_KINDS.get(hint or "")
    if kind is None or value is None or is_repr(value):
        return None
    shown = type_of_value(value)
    return shown if shown.kind == kind else None
