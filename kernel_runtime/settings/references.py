"""Values of classes that this process can't import, as pickles that the receiver can.

A settings field may hold a member of an enum, or an object of a nested settings class, from a
package that isn't installed here. `CallReference` stands for such a value: it pickles into
steps that look the class up by name and call it, made of the standard library alone, so that
the owner of the unit needs nothing of ours. What the class refuses is an error of unpickling,
which ezmsg reports back and which changes nothing.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import pkgutil
from collections.abc import Mapping
from typing import Final


class Step:
    """One call in the receiving process: pickles as the call, and unpickles as its result."""

    def __init__(self, function: object, *args: object) -> None:
        self.function = function
        self.args = args

    def __call__(self) -> None:
        """Never called: pickle wants to see a callable in the place of a function."""

    def __reduce__(self) -> tuple[object, ...]:
        return (self.function, self.args)


class BoundStep(Step):
    """A `functools.partial` in the receiving process, with keyword arguments."""

    def __init__(self, function: object, kwargs: Mapping[str, object]) -> None:
        super().__init__(functools.partial, function)
        self.state = (function, (), dict(kwargs), None)

    def __reduce__(self) -> tuple[object, ...]:
        return (self.function, self.args, self.state)


def looked_up(name: str) -> Step:
    """A class or module by its dotted name."""
    return Step(pkgutil.resolve_name, name)


def first_of(candidates: object, otherwise: object) -> Step:
    """The first of an iterator's items in the receiving process."""
    return Step(next, candidates, otherwise)


def not_none(candidates: object) -> Step:
    """An iterator without what is None; lazy, as all of them."""
    return Step(filter, Step(functools.partial, operator.is_not, None), candidates)


def chained(*iterators: object) -> Step:
    return Step(itertools.chain, *iterators)


def class_named(name: str, module: str) -> Step:
    """An iterator over the classes that a name may mean in a module, lazy.

    An annotation that is kept as text may start at a name which only its module knows
    (``sp.Mode`` after ``from package import spectrum as sp``).
    """
    root, _, rest = name.partition(".")
    in_module = not_none([Step(getattr, looked_up(module), root, None)])
    if not rest:
        return Step(filter, inspect.isclass, in_module)
    absolute = Step(map, pkgutil.resolve_name, [name])
    if root == module.partition(".")[0]:
        return absolute
    return chained(Step(map, Step(operator.attrgetter, rest), in_module), absolute)


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

    def __init__(self, name: str, /, *args: object, **kwargs: object) -> None:
        self.name: Final = name
        self.args: Final = args
        self.kwargs: Final = kwargs

    @property
    def plain(self) -> object:
        """The value as ezmsg reports it: the fields of an object, the value of an enum."""
        if self.kwargs:
            return dict(self.kwargs)
        return self.args[0] if self.args else {}

    def _function(self) -> object:
        return looked_up(self.name)

    def __reduce__(self) -> tuple[object, ...]:
        if not self.kwargs:
            return (self._function(), self.args)
        return (BoundStep(self._function(), self.kwargs), self.args)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, CallReference)
        return (self.name, self.args, self.kwargs) == (other.name, other.args, other.kwargs)

    def __hash__(self) -> int:
        return hash((self.name, repr(self.args), *self.kwargs))

    def __repr__(self) -> str:
        shown = [repr(arg) for arg in self.args]
        shown += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


class ItemsReference(CallReference):
    """An object of a class that is made of a list of items, a named tuple for one.

    Parameters
    ----------
    name
        Dotted name of the class.
    items
        In order; references among them are evaluated too.
    """

    def __init__(self, name: str, items: list[object], /) -> None:
        super().__init__(name, items)

    def _function(self) -> object:
        return made_of_items(looked_up(self.name))


def made_of_items(found: object) -> Step:
    """What makes an object of a class from items: named tuples have a maker of their own."""
    return Step(getattr, found, "_make", found)


def can_be_looked_up(name: str | None) -> bool:
    """Whether a dotted name names a class in a module, so that another process can find it."""
    if name is None:
        return False
    root, _, path = name.partition(":")
    if "." not in root:
        return False
    parts = [*root.split("."), *(path.split(".") if path else ())]
    return all(part.isidentifier() and part != "_no_name_" for part in parts)
