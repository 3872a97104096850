"""Values that the process of their unit makes what the field's annotation says.

A schema names settings classes, enums and aliases that this process can't import, and a report
shows a tuple as a list, an object as a dict and a member of an enum as its value. The process
that has the class can resolve the annotation. So such a value travels with the source of
`owner_types`, `owner_scalars` and `owner_values`, as the call of `fit_field`. What doesn't fit is
an error of unpickling there, which ezmsg reports back and which changes nothing.
"""

from __future__ import annotations

import ast
import functools
import inspect
import operator
import pkgutil
import zlib
from collections.abc import Mapping
from typing import Any, Final

from . import owner_scalars, owner_types, owner_values
from .containers import DEQUE
from .held_kinds import HeldKind, held_kinds
from .kinds import FieldType

_ONLY_SEEN: Final = (
    "bool",
    "int",
    "float",
    "str",
    "list",
    "vtuple",
    "set",
    "frozenset",
    "dict",
    "dataclass",
    "enum",
)
"""Kinds that a report shows for other ones too: text for a member, a dict for an object."""
_SENT: Final = (owner_types, owner_scalars, owner_values)
_FUNCTION: Final = owner_values.fit_field.__name__


def is_open(wanted: FieldType) -> bool:
    """Whether a type, whatever is in it, leaves open what a value has to be."""
    if wanted.kind in ("named", "choice", "any"):
        return True
    return wanted.witnessed and wanted.kind in _ONLY_SEEN


def leaves_open(wanted: FieldType) -> bool:
    """Whether a type, or a part of it, can be made only where its class is."""
    made_there = wanted.kind in ("enum", "dataclass") or wanted.name == DEQUE
    named_tuple = wanted.kind == "tuple" and wanted.name is not None
    return is_open(wanted) or made_there or named_tuple or any(map(leaves_open, wanted.args))


def can_be_looked_up(name: str | None) -> bool:
    """Whether a dotted name names a class in a module, so that another process can find it."""
    if name is None or "." not in name:
        return False
    return all(part.isidentifier() and part != "_no_name_" for part in name.split("."))


class Step:
    """One call in the receiving process: pickles as the call, and unpickles as its result."""

    def __init__(self, function: object, *args: object) -> None:
        self.function = function
        self.args = args

    def __call__(self) -> None:
        """Never called: pickle wants to see a callable in the place of a function."""

    def __reduce__(self) -> tuple[object, ...]:
        return (self.function, self.args)


class Fitted:
    """A value that is made where the pickle is read.

    Parameters
    ----------
    settings_class
        Dotted name of the unit's settings class.
    path
        Dotted path of the field in it.
    value
        What was asked, plain.
    held
        What the field holds now, as `held_kinds` tells; None where not known.
    """

    def __init__(
        self, settings_class: str, path: str, value: object, held: HeldKind | None = None
    ) -> None:
        self.settings_class: Final = settings_class
        self.path: Final = path
        self.value: Final = value
        self.held: Final = held

    @property
    def plain(self) -> object:
        """The value as ezmsg reports it."""
        return self.value

    def __reduce__(self) -> tuple[object, ...]:
        source = _source()
        module = f"_ezmsg_nb_{zlib.crc32(source.encode()):08x}"
        defined = Step(exec, _DEFINE, {"name": module, "source": source})
        function = Step(pkgutil.resolve_name, f"{module}.{_FUNCTION}")
        called = Step(operator.getitem, (defined, function), 1)
        return (called, (self.settings_class, self.path, self.value, self.held))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fitted):
            return NotImplemented
        mine = (self.settings_class, self.path, self.value)
        return mine == (other.settings_class, other.path, other.value)

    def __hash__(self) -> int:
        return hash((self.settings_class, self.path, repr(self.value)))

    def __repr__(self) -> str:
        return repr(self.value)


def knowing(value: object, serialized: object, structured: Mapping[str, Any]) -> object:
    """A value that knows what its field holds now, which may be all that tells what it has to be.

    ``serialized`` and ``structured`` are the unit's settings as their owner reports them.
    """
    if not isinstance(value, Fitted):
        return value
    held = held_kinds(serialized, structured, value.path)
    return Fitted(value.settings_class, value.path, value.value, held)


# Compiling takes longer than an edit, so a process keeps what it has compiled.
_DEFINE: Final = """
import sys, types
if name not in sys.modules:
    module = types.ModuleType(name)
    exec(source, module.__dict__)
    sys.modules[name] = module
"""


@functools.cache
def _source() -> str:
    """The modules as one text, without what they import from each other, and without words."""
    body: list[ast.stmt] = [ast.ImportFrom("__future__", [ast.alias("annotations")], 0)]
    for module in _SENT:
        tree = _Bare().visit(ast.parse(inspect.getsource(module)))
        body += [
            node
            for node in tree.body
            if not (
                isinstance(node, ast.ImportFrom) and (node.level or node.module == "__future__")
            )
        ]
    return ast.unparse(ast.Module(body, []))


class _Bare(ast.NodeTransformer):
    """Takes docstrings out."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.Pass() if is_text else node
