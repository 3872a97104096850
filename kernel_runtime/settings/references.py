"""Values of classes that this process can't import, as pickles that the receiver can.

A settings field may hold a member of an enum, or an object of a nested settings class, from a
package that isn't installed here. `CallReference` stands for such a value: it pickles into
steps that look the class up by name and call it, made of the standard library alone, so that
the owner of the unit needs nothing of ours. What the class refuses is an error of unpickling,
which ezmsg reports back and which changes nothing.
"""

from __future__ import annotations

import functools
import itertools
import operator
import pkgutil
from collections.abc import Mapping
from typing import Final


class _Step:
    """One call in the receiving process: pickles as the call, and unpickles as its result."""

    def __init__(self, function: object, *args: object) -> None:
        self.function = function
        self.args = args

    def __call__(self) -> None:
        """Never called: pickle wants to see a callable in the place of a function."""

    def __reduce__(self) -> tuple[object, ...]:
        return (self.function, self.args)


class _BoundStep(_Step):
    """A `functools.partial` in the receiving process, with keyword arguments."""

    def __init__(self, function: object, kwargs: Mapping[str, object]) -> None:
        super().__init__(functools.partial, function)
        self.state = (function, (), dict(kwargs), None)

    def __reduce__(self) -> tuple[object, ...]:
        return (self.function, self.args, self.state)


def _looked_up(name: str) -> _Step:
    return _Step(pkgutil.resolve_name, name)


class CallReference:
    """``name(*args, **kwargs)``, evaluated where the pickle is read.

    Parameters
    ----------
    name
        Dotted name of a class, for example ``"package.module.Mode"``.
    args, kwargs
        What it is called with. References among them are evaluated too.

    Examples
    --------
    >>> import pickle
    >>> pickle.loads(pickle.dumps(CallReference("fractions.Fraction", 1, 3)))
    Fraction(1, 3)
    """

    def __init__(self, name: str, *args: object, **kwargs: object) -> None:
        self.name: Final = name
        self.args: Final = args
        self.kwargs: Final = kwargs

    @property
    def plain(self) -> object:
        """The value as ezmsg reports it: the fields of an object, the value of an enum."""
        if self.kwargs:
            return dict(self.kwargs)
        return self.args[0] if self.args else {}

    def __reduce__(self) -> tuple[object, ...]:
        found = _looked_up(self.name)
        if not self.kwargs:
            return (found, self.args)
        return (_BoundStep(found, self.kwargs), self.args)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CallReference):
            return NotImplemented
        return (self.name, self.args, self.kwargs) == (other.name, other.args, other.kwargs)

    def __hash__(self) -> int:
        return hash((self.name, self.args, *self.kwargs))

    def __repr__(self) -> str:
        shown = [repr(arg) for arg in self.args]
        shown += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


class LikeDefault:
    """A value of the class that the field's default has, decided where the pickle is read.

    For a field whose class isn't known here by its full name (``mode: Mode`` under postponed
    annotations), or where a list may as well be a tuple. The receiver looks at the default in
    ``owner``: an enum member makes an enum member of the value, a tuple a tuple.

    Parameters
    ----------
    owner
        Dotted name of the dataclass that has the field.
    field
        Name of the field.
    value
        The plain value.
    kinds
        A default of another kind than these says nothing of the value, which stays as it is.
    alias
        Name in the module of ``owner`` that makes the value where no default tells.
    """

    def __init__(
        self,
        owner: str,
        field: str,
        value: object,
        *,
        kinds: tuple[type, ...],
        alias: str | None = None,
    ) -> None:
        self.owner: Final = owner
        self.field: Final = field
        self.value: Final = value
        self.kinds: Final = kinds
        self.alias: Final = alias

    @property
    def plain(self) -> object:
        """The value as ezmsg reports it."""
        return self.value

    def __reduce__(self) -> tuple[object, ...]:
        fields = _Step(getattr, _looked_up(self.owner), "__dataclass_fields__", {})
        field = _Step(operator.methodcaller("get", self.field), fields)
        default = _Step(getattr, field, "default", None)
        telling = [
            _Step(filter, _Step(getattr, kind, "__instancecheck__"), [default])
            for kind in self.kinds
        ]
        types = _Step(map, type, _Step(itertools.chain, *telling))
        fallback: object = type(self.value)
        if self.alias is not None:
            module = _looked_up(self.owner.rpartition(".")[0])
            fallback = _Step(getattr, module, self.alias, type(self.value))
        return (_Step(next, types, fallback), (self.value,))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LikeDefault):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((self.owner, self.field, repr(self.value)))

    def _key(self) -> tuple[object, ...]:
        return (self.owner, self.field, self.value, self.kinds, self.alias)

    def __repr__(self) -> str:
        return f"{self.value!r} (as {self.owner}.{self.field} has it)"


def can_be_looked_up(name: str | None) -> bool:
    """Whether a dotted name names a class in a module, so that another process can find it."""
    if name is None or "." not in name:
        return False
    return all(part.isidentifier() and part != "_no_name_" for part in name.split("."))
