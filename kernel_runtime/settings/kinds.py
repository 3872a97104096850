"""What a settings field can be: a tree of kinds, with limits and choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from kernel_runtime.settings.type_names import ARRAY_PROTOCOLS, DTYPE_PROTOCOLS

Kind = Literal[
    "none",
    "bool",
    "int",
    "float",
    "complex",
    "str",
    "bytes",
    "path",
    "standard",
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
        if self.kind == "standard":
            return (self.name or "").rpartition(".")[2]
        if self.kind == "vtuple" and self.args[0].kind == "any":
            return "tuple"
        if self.kind == "tuple" or any(arg.kind != "any" for arg in self.args):
            return f"{self.kind}[{','.join(arg.describe() for arg in self.args)}]"
        return self.kind


ANY: Final = FieldType("any")
NONE: Final = FieldType("none")


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
    if any((member.name or "").startswith(DTYPE_PROTOCOLS) for member in flat):
        # numpy's DTypeLike comes as all that numpy.dtype takes.
        rest = [member for member in flat if member.kind == "none"]
        flat = [FieldType("standard", name="numpy.dtype"), *rest]
    return flat[0] if len(flat) == 1 else FieldType("union", args=tuple(flat))


def with_constraints(inner: FieldType, found: Constraints) -> FieldType:
    """`inner` under constraints; those of an optional type hold for its value."""
    if found == NO_CONSTRAINTS:
        return inner
    if inner.kind == "union":
        return replace(inner, args=tuple(with_constraints(arg, found) for arg in inner.args))
    if inner.kind == "none":
        return inner
    return replace(inner, constraints=inner.constraints.filled_from(found))


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
