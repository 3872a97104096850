"""A value made what a field's annotation says, in the process that has the settings class.

The source of this file travels with the value (see `fitting`); what `owner_types` says of itself
holds for this one too.

What can't be known is refused: a dict where the unit has an object, or a list where it has a
tuple, would be found out only when the unit fails.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import enum
import pathlib
import typing
from typing import Any

from .owner_scalars import (
    REFUSED,
    SCALARS,
    Misfit,
    choice_of,
    instance_of,
    member_of,
    refuse_unless,
    shown,
)
from .owner_types import (
    ANYTHING,
    UNRESOLVED,
    Held,
    Open,
    alternatives,
    default_of,
    field_at,
    hint_of,
    named,
    open_kind,
    type_variables,
)

_PLAIN = (bool, int, float, str, list, tuple, dict)
_SEQUENCES = (list, tuple, set, frozenset, collections.deque)


def fit_field(root: str, path: str, value: Any, held: Any) -> Any:
    """The value as a field takes it.

    Parameters
    ----------
    root
        Dotted name of the settings class.
    path
        Dotted path of the field in it.
    value
        What is asked: plain data mostly.
    held
        What the field holds now, as `Held` reads it.
    """
    try:
        annotation, bound, owner = field_at(root, path.split("."))
        default = default_of(owner, path.rpartition(".")[2])
        return fit(annotation, value, bound, Held.of(held), default)
    except Misfit as why:
        raise Misfit(f"{REFUSED}{path} {why}") from None


def fit(annotation: Any, value: Any, bound: dict[Any, Any], held: Held, default: Any = ()) -> Any:
    """The value as a type takes it; the value itself where it is one already."""
    kinds = alternatives(annotation, bound)
    opened = open_kind(kinds)
    if opened is not None:
        return _like(value, held, default, opened)
    likely = [*held.kind, *map(type, default)]
    if value is None and default and default[0] is None:
        # ``cutoff: float = None``: the author means None, whatever the annotation says.
        return None
    made, reasons = [], []
    for kind, inner in kinds:
        try:
            one = _fit_one(_narrowed(kind, likely), value, inner, held, likely)
            made.append(_as_default(one, value, default))
        except Misfit as why:
            if kind is not type(None) or value is None:
                reasons.append(str(why))
    if not made:
        if len(reasons) == 1:
            raise Misfit(reasons[0])
        raise Misfit(f"takes {named(annotation)}, not {shown(value)}")
    exact = [one for one in made if one is value]
    mapping = isinstance(value, collections.abc.Mapping)
    for kind in (*map(type, default), *held.kind):
        # Text may be a member or a path, a dict an object; other values are what they are.
        if not exact or mapping or issubclass(kind, (enum.Enum, pathlib.PurePath)):
            for one in made:
                if type(one) is kind:
                    return one
    if mapping and len({type(one) for one in made}) > 1:
        several = " or ".join(sorted({type(one).__name__ for one in made}))
        raise Misfit(f"may be {several} here, and nothing tells which. Give the object itself")
    return exact[0] if exact else made[0]


def _narrowed(kind: Any, likely: list[Any]) -> Any:
    """The class of what is there, where that is one of the kind: an object of a subclass stays."""
    if not isinstance(kind, type) or kind in SCALARS or issubclass(kind, enum.Enum):
        return kind
    for one in likely:
        try:
            if issubclass(one, kind):
                return one
        except TypeError:
            # A protocol that can't be asked.
            return kind
    return kind


def _as_default(made: Any, value: Any, default: Any) -> Any:
    """A new container with what the field's default has besides items."""
    if default and made is not value and type(made) is type(default[0]):
        if isinstance(made, collections.deque) and not isinstance(value, collections.deque):
            return collections.deque(made, default[0].maxlen)
        if isinstance(made, collections.defaultdict):
            return collections.defaultdict(default[0].default_factory, made)
    return made


def _fit_one(kind: Any, value: Any, bound: dict[Any, Any], held: Held, likely: list[Any]) -> Any:
    origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is typing.Literal:
        return choice_of(args, value)
    if origin is collections.abc.Callable:
        return refuse_unless(callable(value), kind, value)
    if not isinstance(origin, type):
        return value
    if typing.is_typeddict(origin):
        return _typed_dict(origin, value, bound, held)
    if issubclass(origin, enum.Enum):
        return member_of(origin, value)
    scalar = SCALARS.get(origin)
    if scalar is not None:
        return scalar(origin, value)
    if issubclass(origin, tuple):
        return _tuple(origin, args, value, bound, held)
    if issubclass(origin, collections.abc.Mapping):
        return _mapping(origin, args, value, bound, held)
    if dataclasses.is_dataclass(origin) or hasattr(origin, "model_fields"):
        return _object(origin, args, value, bound, held)
    if issubclass(origin, (list, set, frozenset, collections.deque)) or (
        origin in _ABSTRACT and isinstance(value, _SEQUENCES)
    ):
        return _items(origin, args, value, bound, held, likely)
    return instance_of(origin, value)


_ABSTRACT = (
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
    collections.abc.Reversible,
    collections.abc.Set,
    collections.abc.MutableSet,
)
_MADE_FROM_ABSTRACT = {collections.abc.Set: set, collections.abc.MutableSet: set}


def _listed(kind: Any, value: Any) -> list[Any]:
    refuse_unless(isinstance(value, _SEQUENCES), kind, value)
    return list(value)


def _tuple(origin: Any, args: Any, value: Any, bound: dict[Any, Any], held: Held) -> Any:
    names = getattr(origin, "_fields", None)
    if names is not None:
        return _named_tuple(origin, names, value, bound, held)
    items = _listed(origin, value)
    if len(args) == 2 and args[1] is Ellipsis:
        args = (args[0],) * len(items)
    elif not args:
        args = (typing.Any,) * len(items)
    elif args == ((),):
        args = ()
    if len(items) != len(args):
        raise Misfit(f"takes exactly {len(args)} items, not {len(items)}")
    fitted = [
        _fit_at(f"item {place + 1}", *pair, bound, held.at(place))
        for place, pair in enumerate(zip(args, items, strict=True))
    ]
    return _kept(origin, value, items, fitted)


def _named_tuple(origin: Any, names: Any, value: Any, bound: dict[Any, Any], held: Held) -> Any:
    if isinstance(value, collections.abc.Mapping):
        given = dict(value)
    else:
        given = dict(zip(names, _listed(origin, value), strict=False))
        if len(given) != len(list(value)):
            raise Misfit(f"takes at most {len(names)} items, not {len(list(value))}")
    fitted = _fit_fields(origin, names, given, bound, held)
    if isinstance(value, origin) and all(fitted[name] is given[name] for name in given):
        return value
    return _called(origin, fitted)


def _items(
    origin: Any, args: Any, value: Any, bound: dict[Any, Any], held: Held, likely: list[Any]
) -> Any:
    items = _listed(origin, value)
    kind = args[0] if args else typing.Any
    fitted = [
        _fit_at(f"item {place + 1}", kind, item, bound, held.at(place))
        for place, item in enumerate(items)
    ]
    if origin in _MADE_FROM_ABSTRACT:
        origin = _MADE_FROM_ABSTRACT[origin]
    elif origin in _ABSTRACT:
        kept = (one for one in likely if one in (list, tuple, set, frozenset))
        origin = next(kept, list) if type(value) is list else type(value)
    if isinstance(value, collections.deque) and issubclass(origin, collections.deque):
        return collections.deque(fitted, value.maxlen)
    return _kept(origin, value, items, fitted)


def _kept(origin: Any, value: Any, items: list[Any], fitted: list[Any]) -> Any:
    if isinstance(value, origin) and all(map(lambda one, other: one is other, items, fitted)):
        return value
    try:
        return origin(fitted)
    except TypeError as error:
        raise Misfit(f"can't be made a {named(origin)}: {error}") from None


def _mapping(origin: Any, args: Any, value: Any, bound: dict[Any, Any], held: Held) -> Any:
    refuse_unless(isinstance(value, collections.abc.Mapping), origin, value)
    counts = issubclass(origin, collections.Counter)
    key_kind = args[0] if args else typing.Any
    item_kind = args[1] if len(args) == 2 else int if counts else typing.Any
    fitted = {
        _fit_key(key_kind, key, bound): _fit_at(
            f"entry {key!r}", item_kind, item, bound, held.at(key)
        )
        for key, item in value.items()
    }
    if type(value) is origin and all(value.get(key) is item for key, item in fitted.items()):
        return value
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return fitted
    if issubclass(origin, collections.defaultdict):
        known = getattr(value, "default_factory", None)
        made = item_kind if item_kind in (int, float, str, bool, list, dict, set) else None
        return origin(known or made, fitted)
    return _called(origin, fitted, whole=True)


def _fit_key(kind: Any, key: Any, bound: dict[Any, Any]) -> Any:
    """The key; ezmsg reports those that are numbers as text, and members as ``Class.NAME``."""
    try:
        return fit(kind, key, bound, Held())
    except Misfit:
        if not isinstance(key, str):
            raise
    for read in (int, float, lambda text: text.rpartition(".")[2]):
        try:
            return fit(kind, read(key), bound, Held())
        except ValueError:
            continue
    raise Misfit(f"(key {key!r}) takes {named(kind)}")


def _typed_dict(origin: Any, value: Any, bound: dict[Any, Any], held: Held) -> Any:
    refuse_unless(isinstance(value, collections.abc.Mapping), origin, value)
    lacking = sorted(set(origin.__required_keys__) - set(value))
    if lacking:
        needed = ", ".join(lacking)
        raise Misfit(f"needs a value for {needed}")
    names = [*origin.__required_keys__, *origin.__optional_keys__]
    fitted = _fit_fields(origin, names, dict(value), bound, held)
    return value if all(fitted[name] is value[name] for name in fitted) else fitted


def _object(origin: Any, args: Any, value: Any, bound: dict[Any, Any], held: Held) -> Any:
    if isinstance(value, origin):
        return value
    refuse_unless(isinstance(value, collections.abc.Mapping), origin, value)
    if dataclasses.is_dataclass(origin):
        names = [field.name for field in dataclasses.fields(origin) if field.init]
    else:
        names = list(origin.model_fields)
    variables = type_variables(origin, args, bound)
    fitted = _fit_fields(origin, names, dict(value), variables, held)
    return _called(origin, fitted)


def _fit_fields(
    origin: Any,
    names: typing.Collection[str],
    given: dict[str, Any],
    bound: dict[Any, Any],
    held: Held,
) -> dict[str, Any]:
    fitted = {}
    for name, item in given.items():
        if name not in names:
            known = ", ".join(names)
            raise Misfit(f"has no field {name!r}. It has {known}")
        hint = hint_of(origin, name)
        default = default_of(origin, name)
        where = f"field {name}"
        hint = ANYTHING if hint is None else hint
        fitted[name] = _fit_at(where, hint, item, bound, held.at(name), default)
    return fitted


def _fit_at(
    place: str, kind: Any, value: Any, bound: dict[Any, Any], held: Held, default: Any = ()
) -> Any:
    try:
        return fit(kind, value, bound, held, default)
    except Misfit as why:
        raise Misfit(f"({place}) {why}") from None


def _called(origin: Any, given: dict[Any, Any], *, whole: bool = False) -> Any:
    try:
        return origin(given) if whole else origin(**given)
    except Exception as error:
        # A class raises what it likes when it is called.
        raise Misfit(f"is refused by {origin.__name__}: {error}") from None


def _like(value: Any, held: Held, default: Any, opened: Open) -> Any:
    """A value of a field whose type says nothing: like its default, or what it holds now."""
    if type(value) not in _PLAIN:
        return value
    for kind in (*map(type, default), *held.kind):
        if issubclass(kind, (list, tuple, set, frozenset, collections.deque, dict)):
            if not isinstance(value, (list, tuple, dict)):
                continue
            value = _with_items_like(value, held, opened)
        try:
            made = _fit_one(kind, value, {}, held, [])
        except Misfit:
            continue
        if isinstance(made, kind):
            return made
    if opened is UNRESOLVED:
        raise Misfit(f"can't be set to this: {opened.why}, and nothing else tells what it takes")
    if isinstance(value, (list, dict)):
        if not held.known:
            raise Misfit(f"can't be set to this: {opened.why}, and what it holds isn't known")
        value = _with_items_like(value, held, opened)
    return value


def _with_items_like(value: Any, held: Held, opened: Open) -> Any:
    if isinstance(value, dict):
        return {key: _like(item, held.at(key), (), opened) for key, item in value.items()}
    return type(value)(_like(item, held.at(place), (), opened) for place, item in enumerate(value))
