"""What was defined in a kernel's ``__main__``, standing in the ``__main__`` of another process.

Classes and functions of cells travel by value once (`Definitions`), and stand under their own
names in the host and in each unit process. All else refers to them by name, so that their
instances are the same things for every process of the graph, and for the kernel.
"""

# cloudpickle has no types.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import dataclasses
import functools
import io
import pickle
import sys
import types
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


class DefinitionsPickler(cloudpickle.Pickler):
    """Classes and functions of ``__main__`` by value, with its namespace as their globals."""

    def reducer_override(self, obj: Any) -> Any:
        sentinel = _DATACLASS_SENTINELS.get(type(obj))
        if sentinel is not None:
            return dataclass_sentinel, (sentinel,)
        if obj is _NAMESPACE:
            return main_namespace, ()
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


def by_value(value: object) -> bytes:
    """Pickle a value with a `DefinitionsPickler`."""
    buffer = io.BytesIO()
    DefinitionsPickler(buffer).dump(value)
    return buffer.getvalue()


_standing_definitions: bytes | None = None


def stand_in_main(definitions: bytes) -> None:
    """Put definitions, as `by_value` pickled a dict of them, into this process' ``__main__``."""
    global _standing_definitions
    main_namespace().update(pickle.loads(definitions))
    _standing_definitions = definitions


def standing_definitions() -> bytes | None:
    """What `stand_in_main` was called with in this process, for the processes it starts."""
    return _standing_definitions
