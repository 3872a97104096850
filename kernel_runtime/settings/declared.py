"""Values made what their field's declaration says, where the pickle is read.

The kernel may know no more of a field than what it holds: ``"fast"`` may be text or a member of
an enum, ``[1, 2]`` a list or a tuple, ``{"order": 4}`` a dict or an object. The class that has the
field is known by name, and its own process can look there.

An *owner* is text: the dotted name of a class, or, for a class whose name isn't known, of one
outside it and the way in (``"package.Tree:leaf"``).
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import functools
import importlib
import itertools
import operator
import re
import typing
from collections.abc import Mapping
from typing import Final

from .named_values import base_of, by_alias, maker_of
from .references import (
    BoundStep,
    Step,
    chained,
    class_named,
    first_of,
    looked_up,
    made_of_items,
    not_none,
)

_CONTAINERS: Final = (list, tuple, set, frozenset, collections.deque)
_NAME: Final = r"[A-Za-z_]\w*"


def inside(owner: str, field: str) -> str:
    """The owner of the fields that the value of a field has."""
    return f"{owner}.{field}" if ":" in owner else f"{owner}:{field}"


def module_of(owner: str) -> str:
    """Name of the module of an owner's class, as far as it is known."""
    return owner.partition(":")[0].rpartition(".")[0]


class _Field:
    """A field of a class in the receiving process: its default, and what its type names."""

    def __init__(self, owner: Step, name: str) -> None:
        fields = Step(getattr, owner, "__dataclass_fields__", {})
        field = Step(operator.methodcaller("get", name), fields)
        self.default: Final = Step(getattr, field, "default", None)
        self.factory: Final = Step(getattr, field, "default_factory", None)
        self._type = Step(getattr, field, "type", None)
        # A type that is kept as text, or has text inside, names what its module has.
        self.names: Final = Step(re.findall, _NAME, Step(str, self._type))
        module = Step(importlib.import_module, Step(getattr, owner, "__module__", "builtins"))
        self._in_module = Step(getattr, Step(vars, module), "get")

    def classes(self) -> Step:
        """An iterator over what the type is made of; each caller needs one of its own."""
        args = Step(typing.get_args, self._type)
        return chained(
            [self._type],
            args,
            Step(itertools.chain.from_iterable, Step(map, typing.get_args, args)),
            Step(map, self._in_module, self.names),
        )

    def dataclass(self) -> Step:
        """The settings class in the type, ``dict`` where there is none."""
        return first_of(Step(filter, dataclasses.is_dataclass, self.classes()), dict)

    def default_of(self, *kinds: type) -> Step:
        """An iterator over the default, where it is of one of these kinds."""
        telling = [
            Step(filter, Step(getattr, kind, "__instancecheck__"), [self.default]) for kind in kinds
        ]
        return chained(*telling)


def _owner_class(owner: str) -> Step:
    root, _, path = owner.partition(":")
    found = looked_up(root)
    for name in path.split(".") if path else ():
        found = _Field(found, name).dataclass()
    return found


class _Declared:
    """A value that is decided where the pickle is read."""

    def __init__(self, owner: str, field: str, value: object) -> None:
        self.owner: Final = owner
        self.field: Final = field
        self.value: Final = value

    @property
    def plain(self) -> object:
        """The value as ezmsg reports it."""
        return self.value

    def _of_owner(self) -> _Field:
        return _Field(_owner_class(self.owner), self.field)

    def _key(self) -> tuple[object, ...]:
        return (type(self), self.owner, self.field, self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Declared):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((self.owner, self.field, repr(self.value)))

    def __repr__(self) -> str:
        return f"{self.value!r} (as {self.owner}.{self.field} has it)"


class LikeDefault(_Declared):
    """A value of the class that the field's default has; a list may as well be a tuple.

    Parameters
    ----------
    owner, field
        The dataclass that has the field, and the field.
    value
        The plain value.
    kinds
        A default of another kind than these says nothing of the value, which stays as it is.
    """

    def __init__(self, owner: str, field: str, value: object, *, kinds: tuple[type, ...]) -> None:
        super().__init__(owner, field, value)
        self.kinds: Final = kinds

    def __reduce__(self) -> tuple[object, ...]:
        found = Step(map, type, self._of_owner().default_of(*self.kinds))
        made_by = made_of_items(first_of(found, type(self.value)))
        if not isinstance(self.value, (list, tuple)):
            return (made_by, (self.value,))
        # The value of an enum's member may be a tuple, and is reported as a list.
        enums = Step(map, type, self._of_owner().default_of(enum.Enum))
        members = Step(map, operator.call, enums, [tuple(self.value)])
        return (next, (chained(members, Step(map, made_by, [self.value])),))

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self.kinds)


class DequeLikeDefault(_Declared):
    """A deque of some items, as long at most as the one that the field has by default."""

    def __reduce__(self) -> tuple[object, ...]:
        made = Step(map, operator.call, Step(filter, callable, [self._of_owner().factory]))
        limit = Step(getattr, first_of(made, ()), "maxlen", None)
        return (collections.deque, (self.value, limit))


class MemberReference(_Declared):
    """A member of an enum by its value or its name.

    The enum is that of the field's default, or the class that the field's type names. Where
    neither is one, the value stays as it is.

    Parameters
    ----------
    owner, field
        The dataclass that has the field, and the field.
    value
        The plain value, or a member's name.
    name
        Dotted or bare name of the enum.
    or_text
        Whether the field takes other values than members too; no name then stands for a member,
        and only the default tells of the enum.
    """

    def __init__(
        self,
        owner: str,
        field: str,
        value: object,
        *,
        name: str | None = None,
        or_text: bool = False,
    ) -> None:
        super().__init__(owner, field, value)
        self.name: Final = name
        self.or_text: Final = or_text

    def __reduce__(self) -> tuple[object, ...]:
        key = tuple(self.value) if isinstance(self.value, list) else self.value
        found = Step(map, type, self._of_owner().default_of(enum.Enum))
        if self.name is not None and not self.or_text:
            found = chained(found, class_named(self.name, module_of(self.owner)))
        aliased = chained()
        if self.name is not None and "." not in self.name and not self.or_text:
            named = base_of(Step(getattr, looked_up(module_of(self.owner)), self.name, None))
            # An alias that doesn't take the value refuses it when it is called.
            found = chained(found, not_none([maker_of(named)]))
            aliased = by_alias(named, key)
        made_by = first_of(found, copy.copy)
        by_value = Step(getattr, made_by, "_value2member_map_", {})
        known: list[object] = [Step(operator.methodcaller("get", key), by_value)]
        if isinstance(key, str) and not self.or_text:
            by_name = Step(getattr, made_by, "__members__", {})
            known.append(Step(operator.methodcaller("get", key), by_name))
        last = Step(map, copy.copy if self.or_text else made_by, [key])
        return (next, (chained(not_none(known), aliased, last),))

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self.name, self.or_text)


class AsDeclared(_Declared):
    """A plain value, made what the annotation of its field says as far as that can be seen.

    A mapping becomes an object of the settings class that the type names, text or a number a
    member of its enum, a whole number a float where it has floats only.
    """

    def __reduce__(self) -> tuple[object, ...]:
        return self._step(self.value, self._of_owner()).__reduce__()

    def _step(self, value: object, field: _Field) -> Step:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            owner = inside(self.owner, self.field)
            parts = {key: AsDeclared(owner, key, item) for key, item in value.items()}
            return Step(BoundStep(field.dataclass(), parts))
        if isinstance(value, (list, tuple)):
            items = [self._step(item, field) for item in value]
            kind = first_of(Step(map, type, field.default_of(*_CONTAINERS)), type(value))
            return Step(made_of_items(kind), items)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            maps = Step(
                map,
                getattr,
                field.classes(),
                Step(itertools.repeat, "_value2member_map_"),
                Step(itertools.repeat, {}),
            )
            members = Step(functools.reduce, operator.or_, maps, {})
            return Step(operator.methodcaller("get", value, _number(value, field)), members)
        return Step(copy.copy, value)


def _number(value: object, field: _Field) -> object:
    if not isinstance(value, int):
        return value
    floats = Step(operator.contains, field.names, "float")
    ints = Step(operator.contains, field.names, "int")
    return Step(Step(operator.getitem, (int, float), Step(operator.gt, floats, ints)), value)
