"""What was defined in a kernel's ``__main__``, standing in the ``__main__`` of another process.

Classes and functions of cells travel by value once, and stand under their own names in the
host and in each unit process. All else refers to them by name, so that their instances are
the same things for every process of the graph, and for the kernel. Where a class was defined
again in a cell, the name means the new one.
"""

# cloudpickle has no types.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import dataclasses
import functools
import io
import linecache
import pickle
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import cloudpickle

_DATACLASS_SENTINELS = {
    type(getattr(dataclasses, name)): name
    for name in ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")
}


def main_namespace() -> dict[str, Any]:
    """The global names of this process' ``__main__``."""
    return sys.modules["__main__"].__dict__


def main_attribute(qualified_name: str) -> Any:
    """What stands in this process' ``__main__`` under a dotted name."""
    return functools.reduce(getattr, qualified_name.split("."), sys.modules["__main__"])


def dataclass_sentinel(name: str) -> Any:
    """A marker of `dataclasses` that is compared by identity, such as ``MISSING``."""
    return getattr(dataclasses, name)


def is_of_main(value: object) -> bool:
    """Whether a value is a class or function that was defined in ``__main__``."""
    return (
        isinstance(value, type | types.FunctionType)
        and getattr(value, "__module__", None) == "__main__"
    )


def in_force(value: Any) -> Any:
    """The class that stands in ``__main__`` under the name of this one; else the value."""
    if isinstance(value, type) and is_of_main(value):
        found = main_namespace().get(value.__qualname__)
        if isinstance(found, type) and is_of_main(found):
            return found
    return value


def inherited_from() -> set[int]:
    """Ids of the classes that a class in ``__main__`` is, or descends from."""
    found = [one for one in main_namespace().values() if isinstance(one, type) and is_of_main(one)]
    return {id(base) for one in found for base in one.__mro__}


class _KnownLater:
    """Calls a function that is known only when what refers to it has been made."""

    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def cache_of_later(parameters: dict[str, Any]) -> Any:
    """A `functools.lru_cache` without its function, which may refer to it; empty."""
    return functools.lru_cache(**parameters)(_KnownLater())


def set_cached(cache: Any, function: Callable[..., Any]) -> None:
    """Give a cache its function."""
    cache.__wrapped__.function = function
    functools.update_wrapper(cache, function)


def itself(value: object) -> object:
    """The value; called where, in a pickle, one thing stands in the place of another."""
    return value


class DefinitionsPickler(cloudpickle.Pickler):
    """Classes and functions of ``__main__`` by value, with its namespace as their globals."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._kept = inherited_from()

    def reducer_override(self, obj: Any) -> Any:
        sentinel = _DATACLASS_SENTINELS.get(type(obj))
        if sentinel is not None:
            return dataclass_sentinel, (sentinel,)
        if obj is _NAMESPACE:
            return main_namespace, ()
        if isinstance(obj, functools._lru_cache_wrapper) and obj.__module__ == "__main__":
            return (
                cache_of_later,
                (obj.cache_parameters(),),
                obj.__wrapped__,
                None,
                None,
                set_cached,
            )
        if isinstance(obj, functools.cached_property):
            # Before Python 3.12 it has a lock, which it makes itself.
            return functools.cached_property, (obj.func,), {"attrname": obj.attrname}
        if id(obj) not in self._kept and in_force(obj) is not obj:
            return itself, (in_force(obj),)
        return super().reducer_override(obj)

    def _function_getnewargs(self, function: types.FunctionType) -> tuple[Any, ...]:
        code, base_globals, *rest = super()._function_getnewargs(function)
        if function.__globals__ is main_namespace():
            base_globals = _NAMESPACE
        return code, base_globals, *rest


class ReferencePickler(DefinitionsPickler):
    """What stands in ``__main__`` by name, everything else as `DefinitionsPickler` does.

    Parameters
    ----------
    standing
        What stands, or will stand, in the ``__main__`` of the reading process.
    """

    def __init__(self, file: io.BytesIO, standing: dict[str, Any]) -> None:
        super().__init__(file)
        self._standing = standing

    def reducer_override(self, obj: Any) -> Any:
        if is_of_main(obj) and self._stands(obj):
            return main_attribute, (obj.__qualname__,)
        return super().reducer_override(obj)

    def _stands(self, obj: Any) -> bool:
        first, *rest = obj.__qualname__.split(".")
        found = self._standing.get(first)
        for name in rest:
            found = getattr(found, name, None)
        return found is obj


class _Namespace:
    """Stands, in a pickle, for the namespace of the reading process' ``__main__``."""


_NAMESPACE = _Namespace()


def by_reference(value: object, standing: dict[str, Any]) -> bytes:
    """Pickle a value with a `ReferencePickler`."""
    buffer = io.BytesIO()
    ReferencePickler(buffer, standing).dump(value)
    return buffer.getvalue()


def pack_definitions(standing: dict[str, Any], files: Iterable[str]) -> bytes:
    """Pack what shall stand in ``__main__``, and the text of the cells that it is from.

    Tracebacks of the other process then show the lines.
    """
    sources = {name: "".join(linecache.getlines(name)) for name in files}
    buffer = io.BytesIO()
    DefinitionsPickler(buffer).dump((standing, sources))
    return buffer.getvalue()


_standing_definitions: bytes | None = None


def stand_in_main(definitions: bytes) -> None:
    """Put definitions, as `pack_definitions` made them, into this process' ``__main__``."""
    global _standing_definitions
    standing, sources = pickle.loads(definitions)
    main_namespace().update(standing)
    for name, text in sources.items():
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    _standing_definitions = definitions


def standing_definitions() -> bytes | None:
    """What `stand_in_main` was called with in this process, for the processes it starts."""
    return _standing_definitions
