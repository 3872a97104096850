"""Reading ezmsg's pickles without running anything that came with them.

The GraphServer relays what any peer pickled. Here only an allow-list is built: the
dataclasses and enums of ``ezmsg.core.graphmeta``, ``UUID``, and builtin containers and
scalars. Any other global becomes a `StandIn`: its module, qualified name and arguments as
data; nothing is imported, nothing is called. So one foreign class costs one value, never
the message.

No decoded pickle ever holds a reference to a class of ezmsg itself: ``BUILD`` can set
attributes of whatever is on the stack, and a class is shared by the whole process. The
allow-list maps to sealed constructors instead.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import pickle
import uuid
from collections.abc import Callable
from typing import Any

from ezmsg.core import graphmeta

from .errors import UnsafePayloadError
from .guarded_pickle import GuardedReader, is_light, load
from .stand_ins import Reading, Sealed, stand_in_class

MAX_FOREIGN_GLOBALS = 10_000
"""Distinct foreign globals that one message may name; more is an attack, not a graph."""


def _sealed_constructor(real: type[Any]) -> type:
    """A class that builds bare instances of `real`, and can't be changed itself."""
    if issubclass(real, tuple):
        make, width = tuple.__new__, len(getattr(real, "_fields", ()))

        def new(_cls: type, *args: object) -> object:
            if len(args) != width or any(isinstance(arg, tuple) for arg in args):
                raise pickle.UnpicklingError(f"a {real.__name__} is made of {len(args)} values")
            return make(real, args)

        return Sealed(real.__name__, (), {"__new__": new})
    # A partial of a builtin runs at C speed; object.__new__ ignores the extra class argument
    # because the real class has an __init__ of its own.
    return Sealed(
        real.__name__, (), {"__new__": staticmethod(functools.partial(object.__new__, real))}
    )


class _UUID(uuid.UUID):
    """A UUID whose number is one whatever its pickle says; the nil UUID where it is nonsense."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        number = state.get("int") if isinstance(state, dict) else None
        if type(number) is int and 0 <= number < 1 << 128:
            object.__setattr__(self, "int", number)

    def __reduce__(self) -> tuple[object, ...]:
        # Travels on as a plain UUID, which anybody can read.
        return (object.__new__, (uuid.UUID,), {"int": self.int})


_UUID.__name__ = _UUID.__qualname__ = "UUID"


def _new_uuid(_cls: type) -> _UUID:
    made: _UUID = object.__new__(_UUID)
    object.__setattr__(made, "int", 0)
    object.__setattr__(made, "is_safe", uuid.SafeUUID.unknown)
    return made


def _complex(real: object, imaginary: object) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise pickle.UnpicklingError("a complex number is made of something else than floats")
    return complex(real, imaginary)


def _member(kind: type[enum.Enum], value: object) -> enum.Enum:
    if type(value) not in (str, int):
        raise pickle.UnpicklingError(f"a {kind.__name__} of something that is no value of it")
    return kind._value2member_map_[value]


class _Budget:
    """How many items the containers of one message may have been made of.

    A pickle names each item of a set or bytearray once; one that has the same long list
    copied many times over would take memory without having sent it.
    """

    __slots__ = ("_left",)

    def __init__(self, items: int) -> None:
        self._left = items

    def copying(self, kind: Callable[[Any], object]) -> _SealedCall:
        def build(items: object = ()) -> object:
            if not isinstance(items, list | tuple | set | frozenset | bytes):
                raise pickle.UnpicklingError(f"a container is made of a {type(items).__name__}")
            self._left -= len(items)
            if self._left < 0:
                raise pickle.UnpicklingError("its containers are larger than the message")
            if not all(is_light(item) for item in items if isinstance(item, tuple)):
                raise pickle.UnpicklingError("a set has members that take long to be compared")
            return kind(items)

        return _SealedCall(build)


class _SealedCall:
    """A callable that a pickle may call but not change."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: object) -> object:
        return self._call(*args)  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError("the message tries to change a constructor")


def _allow_list() -> dict[tuple[str, str], Any]:
    allowed: dict[tuple[str, str], Any] = {
        ("builtins", "complex"): _SealedCall(_complex),
        ("uuid", "UUID"): Sealed("UUID", (), {"__new__": _new_uuid}),
    }
    for name, member in vars(graphmeta).items():
        if not isinstance(member, type) or member.__module__ != graphmeta.__name__:
            continue
        if issubclass(member, enum.Enum):
            allowed[graphmeta.__name__, name] = _SealedCall(functools.partial(_member, member))
        elif dataclasses.is_dataclass(member) or issubclass(member, tuple):
            allowed[graphmeta.__name__, name] = _sealed_constructor(member)
    return allowed


ALLOWED = _allow_list()

_CONTAINERS: dict[tuple[str, str], Callable[[Any], object]] = {
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): bytearray,
}
"""Made by calls that copy, so each message has a budget for them."""


class SafeUnpickler(GuardedReader):
    """Unpickler of one message; builds what the allow-list names and stand-ins for the rest."""

    def __init__(
        self,
        payload: bytes | bytearray,
        replacements: dict[tuple[str, str], Any] | None = None,
        reading: Reading | None = None,
    ) -> None:
        super().__init__(payload)
        self._known = dict(replacements) if replacements else {}
        self._foreign = 0
        self._size = len(payload)
        self._budget: _Budget | None = None
        self._reading = reading

    def find_class(self, module: str, name: str) -> Any:
        key = (module, name)
        found = self._known.get(key)
        if found is None:
            found = ALLOWED.get(key)
        if found is None and key in _CONTAINERS:
            self._budget = self._budget or _Budget(self._size)
            found = self._known[key] = self._budget.copying(_CONTAINERS[key])
        if found is None:
            self._foreign += 1
            if self._foreign > MAX_FOREIGN_GLOBALS:
                raise pickle.UnpicklingError("the message names too many foreign classes")
            found = self._known[key] = stand_in_class(module, name, self._reading)
        return found


def decode(
    payload: bytes | bytearray | memoryview,
    *,
    replacements: dict[tuple[str, str], Any] | None = None,
    scan: bool = True,
) -> Any:
    """Decode one pickled message.

    Parameters
    ----------
    payload
        The bytes of one pickle.
    replacements
        Constructors to use in place of those of the allow-list, by (module, name).
    scan
        False leaves out the guards of `kernel_runtime.guarded_pickle`, for what the GraphServer
        itself has pickled and the rate makes it matter.

    Returns
    -------
    object
        The value, with a `StandIn` where a class is not on the allow-list.

    Raises
    ------
    UnsafePayloadError
        The bytes are not a pickle that can be read this way.
    """
    reading = Reading()
    try:
        whole = bytes(payload) if isinstance(payload, memoryview) else payload
        return load(whole, lambda bytes_: SafeUnpickler(bytes_, replacements, reading), scan=scan)
    except RecursionError as error:
        raise UnsafePayloadError(
            f"A message of {len(payload)} bytes is nested too deeply to be read."
        ) from error
    except MemoryError as error:
        raise UnsafePayloadError(
            f"A message of {len(payload)} bytes asks for more memory than there is."
        ) from error
    except Exception as error:
        raise UnsafePayloadError(
            f"A message of {len(payload)} bytes can't be read without running code that came "
            f"with it, or is damaged: {error}"
        ) from error
    finally:
        reading.is_over = True
