"""Type expressions as text, read into a tree of kinds.

ezmsg describes the type of a settings field by a string: ``"float | None"``,
``"typing.Optional[tuple[str, int]]"``, numpy unions of 320 characters, unqualified names where
the source has ``from __future__ import annotations``. `parse_type` reads such a string with
`ast` and never evaluates it. What it can't read becomes the kind ``"unknown"``, what it can
read but doesn't know (somebody's class) the kind ``"named"``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from kernel_runtime.settings.type_names import (
    ARRAY_PROTOCOLS,
    OPAQUE_ROOTS,
    PLAIN_NAMES,
    Container,
    container_of,
    is_wrapper,
    typing_name,
)
from kernel_runtime.settings.type_text import clean_type_text

Kind = Literal[
    "none",
    "bool",
    "int",
    "float",
    "complex",
    "str",
    "bytes",
    "path",
    "literal",
    "enum",
    "choice",
    "list",
    "tuple",
    "vtuple",
    "set",
    "frozenset",
    "dict",
    "dataclass",
    "named",
    "array",
    "callable",
    "any",
    "ellipsis",
    "union",
    "opaque",
    "unknown",
]

_MAX_TEXT: Final = 20_000
_MAX_DEPTH: Final = 40


@dataclass(frozen=True, slots=True)
class Constraints:
    """Limits on a value. Lengths count characters of text or items of a container."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    finite: bool = False

    def filled_from(self, other: Constraints) -> Constraints:
        """These constraints, with what they leave open taken from `other`."""
        lower_open = self.ge is None and self.gt is None
        upper_open = self.le is None and self.lt is None
        return Constraints(
            ge=other.ge if lower_open else self.ge,
            gt=other.gt if lower_open else self.gt,
            le=other.le if upper_open else self.le,
            lt=other.lt if upper_open else self.lt,
            multiple_of=other.multiple_of if self.multiple_of is None else self.multiple_of,
            min_length=other.min_length if self.min_length is None else self.min_length,
            max_length=other.max_length if self.max_length is None else self.max_length,
            finite=self.finite or other.finite,
        )


NO_CONSTRAINTS: Final = Constraints()


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One value of a literal or enum. ``name`` is the member's name, where it is known."""

    value: object
    name: str | None = None

    def __eq__(self, other: object) -> bool:
        # 1, 1.0 and True are three choices.
        if not isinstance(other, Choice):
            return NotImplemented
        alike = type(self.value) is type(other.value) and self.value == other.value
        return alike and self.name == other.name

    def __hash__(self) -> int:
        return hash((type(self.value), repr(self.value), self.name))


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a nested settings class.

    ``default`` counts only where ``required`` is False and ``default_known`` is True.
    """

    name: str
    type: FieldType
    required: bool = False
    default: object = None
    default_known: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class FieldType:
    """A node of the tree.

    Attributes
    ----------
    kind
        What the node is.
    args
        Types of the items (containers), of key and value (dict), or the alternatives (union).
    name
        Dotted name of the class, for kinds that have one.
    choices
        Values of a literal or enum, as far as they are known.
    members
        Fields of a dataclass, as far as they are known.
    constraints
        Limits on the value.
    text
        The text that was read, for kinds that can't be described otherwise.
    witnessed
        Whether the kind was inferred from a value, not stated by a type.
    """

    kind: Kind
    args: tuple[FieldType, ...] = ()
    name: str | None = None
    choices: tuple[Choice, ...] = ()
    members: tuple[Member, ...] = ()
    constraints: Constraints = NO_CONSTRAINTS
    text: str = ""
    witnessed: bool = False

    @property
    def nullable(self) -> bool:
        """Whether None is one of the values."""
        if self.kind == "union":
            return any(arg.nullable for arg in self.args)
        if self.kind == "literal":
            return any(choice.value is None for choice in self.choices)
        return self.kind in ("none", "any")

    @property
    def without_none(self) -> FieldType:
        """This type with the alternative None taken away."""
        if self.kind != "union":
            return self
        rest = tuple(arg for arg in self.args if arg.kind != "none")
        return rest[0] if len(rest) == 1 else replace(self, args=rest)

    def describe(self) -> str:
        """The kind as text, for example ``"optional:vtuple[int]"``."""
        if self.kind == "union":
            if any(arg.kind == "none" for arg in self.args):
                return f"optional:{self.without_none.describe()}"
            return f"union({'|'.join(arg.describe() for arg in self.args)})"
        if self.kind == "dict":
            key, value = self.args
            if key.kind in ("str", "any"):
                return "dict" if value.kind == "any" else f"dict[{value.describe()}]"
            return f"dict[{key.describe()},{value.describe()}]"
        if self.kind == "vtuple" and self.args[0].kind == "any":
            return "tuple"
        if self.kind == "tuple" or any(arg.kind != "any" for arg in self.args):
            return f"{self.kind}[{','.join(arg.describe() for arg in self.args)}]"
        return self.kind


ANY: Final = FieldType("any")
NONE: Final = FieldType("none")


@lru_cache(maxsize=4096)
def parse_type(text: str) -> FieldType:
    """Read a type expression.

    Parameters
    ----------
    text
        The expression as ezmsg gives it. It is parsed, never evaluated.

    Returns
    -------
    FieldType
        The tree; kind ``"unknown"`` with the text itself where it is no type expression.
    """
    return _parse(text, 0)


def _parse(text: str, depth: int) -> FieldType:
    unknown = FieldType("unknown", text=text)
    if len(text) > _MAX_TEXT or depth > _MAX_DEPTH:
        return unknown
    cleaned = clean_type_text(text)
    if not cleaned:
        return unknown
    try:
        body = ast.parse(f"({cleaned}\n)", mode="eval").body
        found = _Reader(depth).read(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return unknown
    return unknown if found.kind == "unknown" else found


def union_of(types: tuple[FieldType, ...]) -> FieldType:
    """The union of types: flat, without doubles, numpy's array protocols as one array."""
    flat: list[FieldType] = []
    for member in types:
        for alternative in member.args if member.kind == "union" else (member,):
            if alternative not in flat:
                flat.append(alternative)
    if any(member.kind == "array" and member.name in ARRAY_PROTOCOLS for member in flat):
        # numpy's ArrayLike comes as all that numpy.asarray takes; these are parts of it.
        absorbed = ("complex", "bytes")
        first = next(index for index, member in enumerate(flat) if member.kind == "array")
        flat = [
            member if member.kind != "array" else FieldType("array", name="ArrayLike")
            for index, member in enumerate(flat)
            if member.kind not in absorbed and (member.kind != "array" or index == first)
        ]
    return flat[0] if len(flat) == 1 else FieldType("union", args=tuple(flat))


class _Reader:
    def __init__(self, depth: int) -> None:
        self.depth = depth

    def read(self, node: ast.expr) -> FieldType:
        match node:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=value) if value is ...:
                return FieldType("ellipsis")
            case ast.Constant(value=str(text)):
                return _parse(text, self.depth + 1)
            case ast.BinOp(op=ast.BitOr()):
                return self._read_bars(node)
            case ast.Name() | ast.Attribute():
                return self._read_name(node)
            case ast.Subscript():
                return self._read_subscript(node)
            case ast.UnaryOp(op=ast.Invert() | ast.UAdd() | ast.USub(), operand=ast.Name()):
                return ANY
            case ast.Call(func=ast.Name(id="ForwardRef") | ast.Attribute(attr="ForwardRef")):
                if node.args and isinstance(node.args[0], ast.Constant):
                    return self.read(node.args[0])
        return FieldType("unknown", text=ast.unparse(node))

    def _read_bars(self, node: ast.expr) -> FieldType:
        # A loop, not recursion: a union may have more members than the stack has room for.
        members: list[FieldType] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            members.append(self.read(node.right))
            node = node.left
        members.append(self.read(node))
        return union_of(tuple(reversed(members)))

    def _read_name(self, node: ast.expr) -> FieldType:
        dotted = _dotted(node)
        if dotted is None:
            return FieldType("unknown", text=ast.unparse(node))
        container = container_of(dotted)
        if container is not None:
            return _bare_container(container)
        kind = PLAIN_NAMES.get(typing_name(dotted))
        if kind is not None:
            return FieldType(kind, name=dotted if kind in ("array", "path") else None)
        if dotted.partition(".")[0] in OPAQUE_ROOTS:
            return FieldType("opaque", name=dotted, text=dotted)
        return FieldType("named", name=dotted, text=dotted)

    def _read_subscript(self, node: ast.Subscript) -> FieldType:
        dotted = _dotted(node.value)
        if dotted is None:
            return FieldType("unknown", text=ast.unparse(node))
        name = typing_name(dotted)
        items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        container = container_of(dotted)
        if container is not None:
            return self._read_container(container, node.slice, items)
        if name == "Optional" and len(items) == 1:
            return union_of((self.read(items[0]), NONE))
        if name == "Union":
            return union_of(tuple(self.read(item) for item in items))
        if name == "Literal":
            return _read_literal(items)
        if name == "Annotated" and items:
            inner = self.read(items[0])
            found = _read_constraints(items[1:])
            return with_constraints(inner, found)
        if is_wrapper(name) and len(items) == 1:
            return self.read(items[0])
        # The arguments of a callable, an array or somebody's generic say nothing about a control.
        return self._read_name(node.value)

    def _read_container(
        self, container: Container, index: ast.expr, items: list[ast.expr]
    ) -> FieldType:
        if container.kind == "dict":
            if len(items) != 2:
                return _bare_container(container)
            return FieldType(
                "dict", args=(self.read(items[0]), self.read(items[1])), name=container.name
            )
        if container.kind == "tuple":
            if isinstance(index, ast.Tuple) and not index.elts:
                return FieldType("tuple")
            if len(items) == 2 and isinstance(items[1], ast.Constant) and items[1].value is ...:
                return FieldType("vtuple", args=(self.read(items[0]),))
            return FieldType("tuple", args=tuple(self.read(item) for item in items))
        if len(items) != 1:
            return _bare_container(container)
        return FieldType(container.kind, args=(self.read(items[0]),), name=container.name)


def with_constraints(inner: FieldType, found: Constraints) -> FieldType:
    """`inner` under constraints; those of an optional type hold for its value."""
    if found == NO_CONSTRAINTS:
        return inner
    if inner.kind == "union":
        return replace(inner, args=tuple(with_constraints(arg, found) for arg in inner.args))
    if inner.kind == "none":
        return inner
    return replace(inner, constraints=inner.constraints.filled_from(found))


def _bare_container(container: Container) -> FieldType:
    if container.kind == "dict":
        return FieldType("dict", args=(FieldType("str"), ANY), name=container.name)
    kind: Kind = "vtuple" if container.kind == "tuple" else container.kind
    return FieldType(kind, args=(ANY,), name=container.name)


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return ".".join(reversed(parts))


def _read_literal(items: list[ast.expr]) -> FieldType:
    choices: list[Choice] = []
    for item in items:
        try:
            choice = Choice(ast.literal_eval(item))
        except (ValueError, TypeError):
            # A member of an enum: its value isn't in the text, but its name is.
            dotted = _dotted(item)
            if dotted is None:
                continue
            choice = Choice(None, name=dotted.rpartition(".")[2])
        if choice not in choices:
            choices.append(choice)
    if any(choice.name is not None for choice in choices):
        return FieldType("choice", text="Literal of enum members")
    return FieldType("literal", choices=tuple(choices))


_LIMITS: Final = {
    "Ge": "ge",
    "Gt": "gt",
    "Le": "le",
    "Lt": "lt",
    "MultipleOf": "multiple_of",
    "MinLen": "min_length",
    "MaxLen": "max_length",
}


def _read_constraints(metadata: list[ast.expr]) -> Constraints:
    found: dict[str, object] = {}
    for item in metadata:
        for node in ast.walk(item):
            if isinstance(node, ast.keyword) and node.arg is not None:
                found.setdefault(node.arg, _constant(node.value))
            elif isinstance(node, ast.Call) and node.args:
                dotted = _dotted(node.func) or ""
                limit = _LIMITS.get(dotted.rpartition(".")[2])
                if limit is not None:
                    found.setdefault(limit, _constant(node.args[0]))
    return constraints_from(found)


def constraints_from(found: dict[str, object]) -> Constraints:
    """Constraints from values by name; what isn't a number is left out."""

    def number(name: str) -> float | None:
        value = found.get(name)
        usable = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if usable and value == value else None  # type: ignore[return-value]

    def count(name: str) -> int | None:
        value = found.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return Constraints(
        ge=number("ge"),
        gt=number("gt"),
        le=number("le"),
        lt=number("lt"),
        multiple_of=number("multiple_of"),
        min_length=count("min_length"),
        max_length=count("max_length"),
        finite=found.get("allow_inf_nan") is False,
    )


def _constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
