"""Decoding a pickle so that neither its memory nor its time is beyond what it sent.

A dict hashes its keys in C, where no deadline can interrupt it. A tuple does not keep its hash,
so that one which holds another twice, and that one another twice, takes twice the time with
each step; and one in another a million times overflows the C stack and ends the process. So
`load` looks at each tuple in the making: after its opcode another one is put in, by which the
unpickler shows it to us. Only where a tuple holds much, is the message read by an unpickler in
Python that weighs each key before it is hashed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any, Final

from .pickle_scan import Findings, check_opcodes
from .pickle_skeletons import Skeletons
from .weighing_pickle import WeighingReader

MAX_LARGE_NUMBERS: Final = 1024
"""Numbers beyond 56 bits can all have one hash; so many compared with each other take 0.1 s."""

MAX_LIGHT_ITEMS: Final = 64
"""What a tuple may hold, with the tuples in it, to be hashed as often as a message likes."""

MAX_WEIGHED_BYTES: Final = 4 * 1024 * 1024
"""Largest message that is read by the unpickler in Python, which takes a second or two for it."""

_NOTHING_FOUND: Final = Findings([], 0)
_FRAME_BYTES: Final = 9
_WORTH_REMEMBERING: Final = 4096
_REMEMBERED_BYTES: Final = 8 * 1024 * 1024


class HeavyTupleError(pickle.UnpicklingError):
    """A tuple holds so much, itself or by others in it, that hashing it again and again counts."""


def is_light(value: tuple[object, ...]) -> bool:
    """Whether a tuple, with those in it, is hashed in next to no time."""
    left = MAX_LIGHT_ITEMS - len(value)
    inner = [item for item in value if isinstance(item, tuple)] if left >= 0 else []
    while inner:
        one = inner.pop()
        left -= len(one)
        if left < 0:
            break
        inner += [item for item in one if isinstance(item, tuple)]
    return left >= 0


class GuardedReader(pickle.Unpickler):
    """An unpickler that is shown the tuples that `load` marked."""

    def __init__(self, payload: bytes | bytearray) -> None:
        super().__init__(io.BytesIO(_framed(payload)))

    def persistent_load(self, pid: Any) -> Any:
        # A tuple with its opcode's mark, see `_marked`; the scan lets nothing else get here.
        if type(pid) is not tuple:
            raise pickle.UnpicklingError("it has a persistent id")
        if not is_light(pid):
            raise HeavyTupleError
        return pid


def load(
    payload: bytes | bytearray, reader: Callable[[bytes | bytearray], GuardedReader], *, scan: bool
) -> Any:
    """Decode a pickle by a reader that says what its globals are.

    Parameters
    ----------
    payload
        The bytes of one pickle.
    reader
        Makes the unpickler.
    scan
        False for what the receiver's own GraphServer has pickled itself, and the rate of it
        makes the time of a scan matter.

    Raises
    ------
    pickle.UnpicklingError
        It would take memory or time beyond what it sent.
    Exception
        Whatever an unpickler raises for what is none.
    """
    found = _scanned.findings(payload) if scan else _NOTHING_FOUND
    if not found.tuples and found.large_numbers <= MAX_LARGE_NUMBERS:
        return reader(payload).load()
    if found.large_numbers <= MAX_LARGE_NUMBERS:
        try:
            return reader(_marked(payload, found.tuples)).load()
        except HeavyTupleError:
            pass
    if len(payload) > MAX_WEIGHED_BYTES:
        raise pickle.UnpicklingError("it is too large to be weighed")
    return WeighingReader(payload, reader(payload).find_class).load()


class _Scanned:
    """What the scan found in the last large message, and the skeletons of small ones.

    A graph that stands still has the same snapshot byte by byte; comparing is a thousand
    times quicker than scanning again.
    """

    __slots__ = ("_last", "_skeletons")

    def __init__(self) -> None:
        self._last: tuple[bytes, Findings] = (b"", _NOTHING_FOUND)
        self._skeletons = Skeletons()

    def findings(self, payload: bytes | bytearray) -> Findings:
        if len(payload) < _WORTH_REMEMBERING:
            if self._skeletons.know(payload):
                return _NOTHING_FOUND
            found = check_opcodes(payload)
            if not found.tuples and found.large_numbers <= MAX_LARGE_NUMBERS:
                self._skeletons.learn(payload)
            return found
        last, found = self._last
        if len(last) == len(payload) and last == payload:
            return found
        found = check_opcodes(payload)
        if isinstance(payload, bytes) and len(payload) <= _REMEMBERED_BYTES:
            self._last = (payload, found)
        return found


_scanned = _Scanned()


def _framed(payload: bytes | bytearray) -> bytes | bytearray:
    """The same pickle as one frame: outside of one each opcode is a call of read()."""
    start = 2 if payload[:1] == b"\x80" else 0
    if payload[start : start + 1] == b"\x95":
        return payload
    size = (len(payload) - start).to_bytes(8, "little")
    return b"".join((payload[:start], b"\x95", size, payload[start:]))


def _marked(payload: bytes | bytearray, tuples: list[int]) -> bytes | bytearray:
    """The same pickle with BINPERSID after each of its tuples, which gives them to the reader.

    Its first frame would be too short then, and is left out; any later one, which only says
    that so many bytes follow, is right still.
    """
    first = 2 + _FRAME_BYTES if payload[2:3] == b"\x95" and payload[:1] == b"\x80" else 0
    parts = [
        payload[start:end]
        for start, end in zip([first, *tuples], [*tuples, len(payload)], strict=True)
    ]
    return (payload[:2] if first else b"") + b"Q".join(parts)
