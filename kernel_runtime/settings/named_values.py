"""Values of a type of which the kernel knows no more than a name.

The name may be that of a class, of a ``NewType``, or of an alias (``Number = int | float``). Its
own process can look, and takes the value in the way that fits, or refuses it.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import itertools
import operator
import re
import types
import typing
from typing import Any, Final

from .references import CallReference, Step, chained, looked_up, not_none

_CONVERSIONS: Final = {int: operator.index, float: float, str: str}
_NAME: Final = r"[A-Za-z_]\w*"


class NamedReference(CallReference):
    """A plain value, or a list of them, as what a dotted name stands for takes it.

    A class is called with the value, or with the items of a list if it is a named tuple; a
    ``NewType`` takes what its base does; an alias what is one of its choices or of its types.

    Parameters
    ----------
    name
        Dotted name.
    value
        The plain value.
    """

    def __init__(self, name: str, value: object, /) -> None:
        super().__init__(name, value)

    def __reduce__(self) -> tuple[object, ...]:
        found = base_of(looked_up(self.name))
        (value,) = self.args
        last = Step(map, found, [value])
        ways = (by_member(found, value), by_class(found, value), by_alias(found, value))
        return (next, (chained(*ways, last),))


def base_of(found: Step) -> Step:
    """What a ``NewType`` stands for, also one of another; anything else is its own base."""
    for _ in range(3):
        found = Step(getattr, found, "__supertype__", found)
    return found


def by_member(found: Step, value: object) -> Step:
    """An iterator over the members of an enum with a value or name; empty for anything else."""
    if isinstance(value, (list, tuple)):
        return chained()
    attributes = ("_value2member_map_", "__members__")
    members = [Step(getattr, found, attribute, {}) for attribute in attributes]
    return not_none([Step(operator.methodcaller("get", value), item) for item in members])


def maker_of(found: Step) -> Step:
    """What makes an object of a class; numbers that would lose something are refused."""
    return Step(Step(getattr, _CONVERSIONS, "get"), found, found)


def by_class(found: Step, value: object) -> Step:
    """An iterator, lazy, over the object that a class makes of a value; empty for no class."""

    def classes() -> Step:
        return Step(filter, inspect.isclass, [found])

    if isinstance(value, (list, tuple)):
        makers = Step(map, getattr, classes(), ["_make"], classes())
    else:
        # Where `int` would cut a fraction off, `operator.index` refuses it.
        makers = Step(map, Step(getattr, _CONVERSIONS, "get"), classes(), classes())
    return Step(map, operator.call, makers, [value])


def by_alias(found: Step, value: object) -> Step:
    """An iterator, lazy, over a value as an alias of types takes it; empty where it doesn't."""
    # A type variable says nothing of the value.
    anything = Step(operator.methodcaller("get", Step(type, found), ()), {typing.TypeVar: [value]})
    origin, args = Step(typing.get_origin, found), Step(typing.get_args, found)
    if isinstance(value, (list, tuple)):
        origins = Step(map, typing.get_origin, chained([found], args))
        containers = _containers(found, list(value))
        return chained(anything, *_of_types({}, containers, origins))
    by_origin = {typing.Union: args, types.UnionType: args, typing.Literal: args}
    args = Step(operator.methodcaller("get", origin, ()), by_origin)
    inner = Step(itertools.chain.from_iterable, Step(map, typing.get_args, args))
    choices = Step(filter, Step(functools.partial, operator.eq, value), chained(args, inner))
    also: dict[Any, object] = {float: float(value)} if type(value) is int else {}
    return chained(anything, choices, *_of_types({type(value): value}, also, args))


def _of_types(exact: dict[Any, object], also: dict[Any, object], kinds: Step) -> list[Step]:
    """For each type that is a key, the value; exact ones go before the others."""
    return [
        not_none(Step(map, Step(getattr, values, "get"), kinds))
        for values in (exact, also)
        if values
    ]


def _containers(found: Step, items: list[object]) -> dict[Any, object]:
    names = Step(re.findall, _NAME, Step(str, found))
    floats = [float(item) if type(item) is int else item for item in items]
    only_floats = Step(
        operator.gt, Step(operator.contains, names, "float"), Step(operator.contains, names, "int")
    )
    chosen = Step(operator.getitem, (items, floats), only_floats)
    return {
        list: Step(list, chosen),
        tuple: Step(tuple, chosen),
        collections.abc.Sequence: Step(list, chosen),
    }
