"""Pickles that pass through a server: read without running anything, sent on unchanged.

What ezmsg's own messages are made of is built as it is. Any other global is kept as its
name, and whatever the pickle would have made with it as the recipe; written again, the
recipe names the global as the sender did. So a receiver that can import it gets the
original object, and here nothing is imported or called.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

from ..errors import UnsafePayloadError
from ..guarded_pickle import GuardedReader, load
from ..safe_pickle import ALLOWED

MAX_FOREIGN_GLOBALS = 2000
"""Distinct foreign globals that one message may name."""

_CLASSES_KEPT = 4096
_MAX_NAME_CHARACTERS = 1000
_SPARE_NESTING = 50
_TOKEN_BYTES = 12
_NOTHING = object()


class _Sealed(type):
    """Metaclass of what messages are made of: nothing in a message can change a class."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise pickle.UnpicklingError("the message tries to change a class")

    def __delattr__(cls, name: str) -> None:
        raise pickle.UnpicklingError("the message tries to change a class")


class _Global(_Sealed):
    """Metaclass of `Foreign`."""

    def __call__(cls, *args: object, **kwargs: object) -> Foreign:
        # REDUCE calls the class, NEWOBJ goes to __new__ directly: so they are told apart.
        made = object.__new__(cast(type[Foreign], cls))
        made._begin(cls, args, kwargs)
        return made


class Foreign(metaclass=_Global):
    """What a message would have made of a global that is not known here.

    Its class stands for the global. Attributes are read from the recorded state, so that
    ezmsg's metadata of a newer version can be read like that of this one.
    """

    __slots__ = ("_args", "_call", "_items", "_kwargs", "_pairs", "_state")

    module = ""
    qualname = ""

    _call: Callable[..., object] | None
    _args: tuple[object, ...]
    _kwargs: dict[str, object]
    _state: Any
    _items: list[object]
    _pairs: list[tuple[object, object]]

    def __new__(cls, *args: object, **kwargs: object) -> Foreign:
        made = object.__new__(cls)
        made._begin(None, args, kwargs)
        return made

    def _begin(
        self,
        call: Callable[..., object] | None,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        self._call = call
        self._args = args
        self._kwargs = kwargs
        self._state = _NOTHING
        self._items = []
        self._pairs = []

    def __call__(self, *args: object) -> Foreign:
        made = object.__new__(type(self))
        made._begin(self, args, {})
        return made

    def __setstate__(self, state: object) -> None:
        self._state = state

    def append(self, item: object) -> None:
        self._items.append(item)

    def extend(self, items: list[object]) -> None:
        self._items.extend(items)

    def __setitem__(self, key: object, value: object) -> None:
        self._pairs.append((key, value))

    def __getattr__(self, name: str) -> Any:
        state = object.__getattribute__(self, "_state")
        if isinstance(state, dict) and name in state:
            return state[name]
        raise AttributeError(f"{type(self).qualname!r}, not known here, has no {name!r}")

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        call: Any = self._call
        args = self._args
        if call is None and self._kwargs:
            args = (type(self), self._args, self._kwargs)
            call = _foreign_class("copyreg", "__newobj_ex__")
        elif call is None:
            args = (type(self), *self._args)
            call = copyreg.__newobj__  # type: ignore[attr-defined]
        return (
            call,
            args,
            None if self._state is _NOTHING else self._state,
            iter(self._items) if self._items else None,
            iter(self._pairs) if self._pairs else None,
        )

    def __repr__(self) -> str:
        return f"<{type(self).module}.{type(self).qualname}, not known here>"


class _SealedUUID(metaclass=_Sealed):
    """Makes a UUID as its own class would, so that it is written again as it came."""

    def __new__(cls) -> uuid.UUID:  # type: ignore[misc]
        return object.__new__(uuid.UUID)


_classes: dict[tuple[str, str], _Global] = {}


def _foreign_class(module: str, qualname: str) -> _Global:
    found = _classes.get((module, qualname))
    if found is None:
        # Each is a line of its own in a pickle.
        if "\n" in module or "\n" in qualname or len(module) + len(qualname) > _MAX_NAME_CHARACTERS:
            raise pickle.UnpicklingError("the message has a global of an impossible name")
        if len(_classes) >= _CLASSES_KEPT:
            _classes.clear()
        found = _classes[module, qualname] = _Global(
            "Foreign", (Foreign,), {"__slots__": (), "module": module, "qualname": qualname}
        )
    return found


_KNOWN = {**ALLOWED, ("uuid", "UUID"): _SealedUUID}


class _Reader(GuardedReader):
    def __init__(self, payload: bytes | bytearray) -> None:
        super().__init__(payload)
        self._foreign: dict[tuple[str, str], _Global] = {}

    def find_class(self, module: str, name: str) -> Any:
        key = (module, name)
        found = _KNOWN.get(key) or self._foreign.get(key)
        if found is None:
            if len(self._foreign) >= MAX_FOREIGN_GLOBALS:
                raise pickle.UnpicklingError("the message names too many foreign classes")
            found = self._foreign[key] = _foreign_class(module, name)
        return found


def decode(payload: bytes) -> Any:
    """Decode one message of a peer, and make sure that it can be sent on.

    Returns
    -------
    object
        Builtin values and ezmsg's own classes, with a `Foreign` where another class was.

    Raises
    ------
    UnsafePayloadError
        It is not a pickle that can be read, or sent on, without running what it names.
    """
    value = decode_inward(payload)
    nested = value
    for _ in range(_SPARE_NESTING):
        nested = [nested]
    try:
        encode(nested)
    except Exception as error:
        raise UnsafePayloadError(
            f"A message of {len(payload)} bytes can't be sent on: {error}"
        ) from error
    return value


def decode_inward(payload: bytes, *, scan: bool = True) -> Any:
    """Decode one message that is read here and not sent on as it is.

    Without the scan of its opcodes where it was decoded before.
    """
    try:
        return load(payload, _Reader, scan=scan)
    except Exception as error:
        raise UnsafePayloadError(
            f"A message of {len(payload)} bytes can't be read without running code that came "
            f"with it, or is damaged: {error}"
        ) from error


def foreign_global(index: bytes) -> None:
    """Mark, in a pickle in the making, the place of a global; never called."""


_MARK = f"c{__name__}\nforeign_global\n".encode()
_GLOBALS_BEYOND = copyreg.dispatch_table


def encode(value: object) -> bytes:
    """Encode a value; each `Foreign` becomes what it stands for.

    Protocol 3 numbers its memo explicitly and has no frames, so globals can be written into
    the finished pickle, and pickles be put together from parts (`encode_list`). The header
    says 4, since only then do receivers resolve the dotted names of nested classes.
    """
    token = os.urandom(_TOKEN_BYTES)
    names: list[tuple[str, str]] = []

    def mark(foreign: type[Foreign]) -> tuple[Callable[..., object], tuple[bytes]]:
        names.append((foreign.module, foreign.qualname))
        return foreign_global, (token + len(names).to_bytes(4, "little"),)

    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 3)
    pickler.dispatch_table = {**_GLOBALS_BEYOND, _Global: mark}
    pickler.dump(value)
    body = buffer.getvalue()[2:]
    if names:
        body = b"".join(_with_globals(body, token, names))
    return b"\x80\x04" + body


def encode_list(encoded: list[bytes]) -> bytes:
    """Encode a list of values that `encode` made pickles of."""
    return b"".join((b"\x80\x04](", *(one[2:-1] for one in encoded), b"e."))


def _with_globals(body: bytes, token: bytes, names: list[tuple[str, str]]) -> Iterator[bytes]:
    """Put the names of globals where their marks are.

    A mark is ``foreign_global`` (in full at first, later as a reference to the memo), 16
    bytes, a tuple of them, and a call, with a memo entry after each.
    """
    taken = 0
    reference_size = 0
    for module, qualname in names:
        at = body.index(token, taken)
        start = at - 2
        if reference_size:
            start -= reference_size
        else:
            reference_size = 2 if body.endswith(_MARK, 0, start - 2) else 5
            start -= len(_MARK) + reference_size
        yield body[taken:start]
        yield f"c{module}\n{qualname}\n".encode()
        end = _after_memo(body, at + _TOKEN_BYTES + 4)
        taken = _after_memo(body, end + 1) + 1
    yield body[taken:]


def _after_memo(body: bytes, at: int) -> int:
    return at + (2 if body[at : at + 1] == b"q" else 5)
