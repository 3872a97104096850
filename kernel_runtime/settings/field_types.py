"""Type expressions as text, read into a tree of kinds.

ezmsg describes the type of a settings field by a string: ``"float | None"``,
``"typing.Optional[tuple[str, int]]"``, numpy unions of 320 characters, unqualified names where
annotations are postponed. `parse_type` reads such a string with `ast` and never evaluates it.
What it can't read becomes the kind ``"unknown"``, what it can read but doesn't know
(somebody's class) the kind ``"named"``.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Final

from kernel_runtime.settings.kinds import (
    ANY,
    NONE,
    Choice,
    Constraints,
    FieldType,
    Kind,
    constraints_from,
    union_of,
    with_constraints,
)
from kernel_runtime.settings.standard_types import standard_type
from kernel_runtime.settings.type_names import (
    OPAQUE_ROOTS,
    PLAIN_NAMES,
    Container,
    container_of,
    is_wrapper,
    typing_name,
)
from kernel_runtime.settings.type_text import clean_type_text

_MAX_TEXT: Final = 20_000
_MAX_DEPTH: Final = 40


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
        standard = standard_type(dotted)
        if standard is not None:
            return FieldType("standard", name=standard.name)
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


def _bare_container(container: Container) -> FieldType:
    if container.kind == "dict":
        counts = container.name == "collections.Counter"
        values = FieldType("int") if counts else ANY
        return FieldType("dict", args=(FieldType("str"), values), name=container.name)
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
    enum_class = ""
    for item in items:
        try:
            choice = Choice(ast.literal_eval(item))
        except (ValueError, TypeError):
            # A member of an enum: its value isn't in the text, but its name is.
            dotted = _dotted(item)
            if dotted is None:
                continue
            enum_class, _, name = dotted.rpartition(".")
            choice = Choice(None, name=name)
        if choice not in choices:
            choices.append(choice)
    if any(choice.name is not None for choice in choices):
        return FieldType("choice", name=enum_class or None, text="Literal of enum members")
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


def _constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
