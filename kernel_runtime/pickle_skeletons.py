"""Small messages that are built like one whose opcodes were found sound are not scanned again.

The answers to a ping differ in their times and ids only: what a pickle's opcodes, lengths and
memo indices are, decides alone how it is read. So of a message that was scanned those bytes are
kept as a mask and a value, and the next message of that length is held against them at the
cost of one AND of two numbers.
"""

from __future__ import annotations

import threading
from typing import Final

MAX_BYTES: Final = 2048
"""Larger messages are scanned each time: there are few of them."""

_MAX_LENGTHS: Final = 512

_PLAIN: Final = dict.fromkeys(b"()]}aesubRN\x88\x89\x81\x93\x94\x8f\x901ldo\x85", 0)
_INDICES: Final = {ord("h"): 1, ord("q"): 1, 0x80: 1, ord("j"): 4, ord("r"): 4, 0x95: 8}
_FIXED: Final = {**_PLAIN, **_INDICES}
"""Opcodes by the size of their argument, all of which decides how the message is read."""

_VALUES: Final = {ord("K"): 1, ord("M"): 2, ord("J"): 4, ord("G"): 8}
"""Opcodes whose argument may be any bytes of that number."""

_COUNTED: Final = {0x8C: 1, ord("U"): 1, ord("C"): 1, 0x8A: 1, ord("X"): 4, ord("B"): 4}
"""Opcodes with a length of that many bytes, and then any bytes."""

_GLOBAL: Final = ord("c")
_STOP: Final = ord(".")


class Skeletons:
    """What of small messages decides how they are read, by their length."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}
        self._seen: dict[int, int] = {}
        self._learning = threading.Lock()

    def know(self, payload: bytes | bytearray) -> bool:
        """Whether a message is read in the very steps of one that was learned."""
        known = self._known.get(len(payload))
        return known is not None and int.from_bytes(payload, "little") & known[0] == known[1]

    def learn(self, payload: bytes | bytearray) -> None:
        """Take note of a message that was scanned, and that holds nothing to look closer at.

        From the second message of a length on, and ever more rarely where they differ.
        """
        size = len(payload)
        if size > MAX_BYTES:
            return
        with self._learning:
            if len(self._seen) >= _MAX_LENGTHS and size not in self._seen:
                self._seen.clear()
                self._known.clear()
            seen = self._seen[size] = self._seen.get(size, 0) + 1
            if seen > 1 and seen & (seen - 1) == 0:
                mask = _mask(payload)
                if mask is not None:
                    self._known[size] = (mask, int.from_bytes(payload, "little") & mask)


def _mask(payload: bytes | bytearray) -> int | None:
    """A number with all bits set where a byte decides how a message is read."""
    mask = bytearray(b"\xff" * len(payload))
    at = 0
    while (opcode := payload[at]) != _STOP:
        at += 1
        if opcode in _FIXED:
            at += _FIXED[opcode]
            continue
        if opcode == _GLOBAL:
            # Two lines, the whole of which decides: a newline in a name would be its end.
            at = payload.index(b"\n", payload.index(b"\n", at) + 1) + 1
            continue
        if opcode in _VALUES:
            end = at + _VALUES[opcode]
        elif opcode in _COUNTED:
            start, at = at, at + _COUNTED[opcode]
            end = at + int.from_bytes(payload[start:at], "little")
        else:
            return None
        mask[at:end] = bytes(end - at)
        at = end
    return int.from_bytes(mask, "little")
