"""What the annotation of a settings field means, in the process that has the settings class.

The source of this file travels with values (see `fitting`), so that the process of a unit needs
nothing of ours. So it imports the standard library alone, and takes no syntax that is newer than
Python 3.10.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import pkgutil
import sys
import types
import typing
from typing import Any


class Open:
    """Stands for a type that says nothing: ``Any``, or one that can't be resolved."""

    def __init__(self, why: str) -> None:
        self.why = why


class Held:
    """What a field holds now, as far as the pickle of a unit's settings shows it.

    Parameters
    ----------
    kind
        Its class, in a list; empty where not known.
    inside
        By key or place in it: the dotted name of a class and what is inside that.
    known
        Whether it could be read; else nothing is known of anything in it.
    """

    def __init__(self, kind: Any = (), inside: Any = None, *, known: bool = True) -> None:
        self.kind = kind
        self.inside = inside or {}
        self.known = known

    @classmethod
    def of(cls, read: Any) -> Held:
        """From a dotted name and what is inside, in a tuple; None where that couldn't be read."""
        if read is None:
            return cls(known=False)
        return cls(class_named(read[0]), read[1])

    def at(self, place: Any) -> Held:
        """What is at a key or place in it; an item that is new is like the others."""
        if not self.known:
            return self
        if place in self.inside:
            return Held.of(self.inside[place])
        names = {found[0] for found in self.inside.values()}
        return Held(class_named(names.pop())) if len(names) == 1 else Held()


ANYTHING = Open("its type says nothing of it")
UNRESOLVED = Open("its type can't be resolved where its class is")
_WRAPPERS = ("Final", "ClassVar", "Required", "NotRequired", "ReadOnly")


def field_at(root: str, path: list[str]) -> tuple[Any, dict[Any, Any], Any]:
    """Annotation of the field at a path, its type variables, and the class that has it.

    ``root`` is the dotted name of the settings class.
    """
    found = class_named(root)
    if not found:
        return UNRESOLVED, {}, None
    (owner,) = found
    annotation: Any = owner
    bound: dict[Any, Any] = {}
    for name in path:
        steps = [
            step
            for kind, inner in alternatives(annotation, bound)
            for step in _step_into(kind, inner, name)
        ]
        if not steps or any(step[0] != steps[0][0] for step in steps):
            return UNRESOLVED, {}, None
        annotation, bound, owner = steps[0]
    return annotation, bound, owner


def _step_into(
    kind: Any, bound: dict[Any, Any], name: str
) -> list[tuple[Any, dict[Any, Any], Any]]:
    origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
    if not isinstance(origin, type):
        return []
    if issubclass(origin, collections.abc.Mapping) and len(args) == 2:
        return [(args[1], bound, None)]
    found = hint_of(origin, name)
    return [] if found is None else [(found, type_variables(origin, args, bound), origin)]


def hint_of(owner: Any, name: str) -> Any:
    """The annotation of a field of a class, None where it has no such field.

    Each is resolved on its own: one that can't be costs that field, not the class.
    """
    for base in owner.__mro__:
        raw = inspect.get_annotations(base).get(name)
        if raw is None:
            continue
        holder = types.SimpleNamespace(__annotations__={name: raw})
        module = sys.modules.get(base.__module__)
        try:
            found = typing.get_type_hints(
                holder,
                globalns=dict(vars(module)) if module is not None else {},
                localns=dict(vars(base)),
                include_extras=True,
            )
        except Exception:
            # Annotations are somebody's code and raise what they like.
            return UNRESOLVED
        return found[name]
    return None


def type_variables(owner: Any, args: Any, bound: dict[Any, Any]) -> dict[Any, Any]:
    """What the type variables of a class stand for; each with those of its own place."""
    variables = getattr(owner, "__parameters__", ())
    found = {variable: (arg, bound) for variable, arg in zip(variables, args, strict=False)}
    for base in owner.__mro__:
        for generic in base.__dict__.get("__orig_bases__", ()):
            variables = getattr(typing.get_origin(generic), "__parameters__", ())
            for variable, arg in zip(variables, typing.get_args(generic), strict=False):
                if arg is not variable:
                    found.setdefault(variable, (arg, found))
    return found


def alternatives(annotation: Any, bound: dict[Any, Any], depth: int = 0) -> list[tuple[Any, Any]]:
    """What a type may be, without unions, aliases, ``Annotated`` and ``NewType`` around it."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if depth > 20 or isinstance(annotation, (str, typing.ForwardRef)):
        return [(UNRESOLVED, {})]
    if annotation is None:
        return [(type(None), {})]
    if annotation is typing.Any or annotation is object:
        return [(ANYTHING, {})]
    if isinstance(annotation, Open):
        return [(annotation, {})]
    if isinstance(annotation, typing.TypeVar):
        if annotation in bound:
            inner, place = bound[annotation]
            return alternatives(inner, place, depth + 1)
        choices = annotation.__constraints__
        return [one for kind in choices for one in alternatives(kind, bound, depth + 1)] or [
            (ANYTHING, {})
        ]
    if origin in (typing.Union, types.UnionType):
        return [one for arg in args for one in alternatives(arg, bound, depth + 1)]
    inside: Any = getattr(annotation, "__supertype__", None)
    if inside is None and type(annotation).__name__ == "TypeAliasType":
        inside = annotation.__value__
    if isinstance(annotation, dataclasses.InitVar):
        inside = annotation.type
    if hasattr(annotation, "__metadata__"):
        inside = annotation.__origin__
    if inside is None and getattr(origin, "_name", None) in _WRAPPERS and args:
        inside = args[0]
    return [(annotation, bound)] if inside is None else alternatives(inside, bound, depth + 1)


def open_kind(kinds: list[tuple[Any, Any]]) -> Open | None:
    """The first of some alternatives that says nothing, None where all do."""
    return next((kind for kind, _ in kinds if isinstance(kind, Open)), None)


def default_of(owner: Any, name: str) -> list[Any]:
    """A field's default, in a list; empty where it has none."""
    if not dataclasses.is_dataclass(owner):
        return []
    for field in dataclasses.fields(owner):
        if field.name == name:
            default: Any = field.default
            if field.default_factory is not dataclasses.MISSING:
                try:
                    default = field.default_factory()
                except Exception:
                    return []
            return [] if default is dataclasses.MISSING else [default]
    return []


def class_named(name: str) -> list[Any]:
    """The class of a dotted name, in a list; empty where there is none."""
    try:
        found = pkgutil.resolve_name(name) if name else None
    except (ImportError, AttributeError, ValueError):
        return []
    return [found] if isinstance(found, type) else []


def named(kind: Any) -> str:
    """A type as messages show it."""
    name = getattr(kind, "__qualname__", None) if isinstance(kind, type) else None
    return name if name and not typing.get_args(kind) else str(kind).replace("typing.", "")
