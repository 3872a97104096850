"""A look at a pickle's opcodes before it is decoded, for what takes memory or time without end.

CPython keeps the memo of a pickle in one array: an opcode of five bytes that names the index
2**32 - 1 makes it allocate 64 GiB. An honest pickle has no more memo entries than bytes. And
it hashes the keys of a dict in C, where nothing can interrupt it: a tuple that holds another
one twice, and so on 40 times, takes for ever, and a million tuples in one another end the
process. So the scan tells where tuples are made, but for those of one text, and how many large
numbers there are, which can be chosen to have the same hash; `guarded_pickle` looks closer.

The scan walks the opcodes by one compiled expression, at a third of the cost of decoding them
(measured); what that can't skip, it steps over one by one.
"""

from __future__ import annotations

import pickle
import re
from typing import Final, NamedTuple

_NO_ARGUMENT: Final = b"()]}aesubRN\x88\x89\x81\x92\x93\x94\x8f\x90\x9101ldo2"
_TUPLES: Final = b"\x85\x86\x87t"


class Findings(NamedTuple):
    """What a closer look is for."""

    tuples: list[int]
    """Offsets behind the opcodes that make a tuple of more than one text."""

    large_numbers: int
    """How many integers there are beyond 56 bits."""


def _counted(after_length: bytes = b"") -> bytes:
    """An expression for a length byte and as many bytes; in groups, which are skipped whole."""
    groups = []
    for first in range(0, 256, 8):
        lengths = b"|".join(
            re.escape(bytes([size])) + after_length + (b".{%d}" % size if size else b"")
            for size in range(first, first + 8)
        )
        groups.append(b"(?=[\\x%02x-\\x%02x])(?:%s)" % (first, first + 7, lengths))
    return b"(?:" + b"|".join(groups) + b")"


# Ordered by how often each comes in what a GraphServer sends.
_QUICK: Final = re.compile(
    b"(?:"
    + b"|".join(
        [
            rb"h.(?:h.)*+",
            rb"j....",
            b"[" + re.escape(_NO_ARGUMENT) + b"]++",
            # A tuple of one text holds no other tuple.
            rb"\x8c" + _counted() + rb"\x94?+\x85?+",
            rb"K.",
            rb"c[^\n]*+\n[^\n]*+\n",
            rb"G........",
            rb"\x95.{8}",
            rb"[q\x80].",
            rb"[CU]" + _counted(),
            rb"X" + _counted(rb"\x00\x00\x00") + rb"(?:q.|r..\x00\x00)?+\x85?+",
            rb"M..",
            rb"J....",
            rb"r..\x00\x00",
            rb"\x8a(?:\x00|\x01.|\x02..|\x03...|\x04.{4}|\x05.{5}|\x06.{6}|\x07.{7})",
        ]
    )
    + b")*+",
    re.DOTALL,
)

_LENGTH_BYTES: Final = {
    0x8A: 1,
    ord("X"): 4,
    ord("T"): 4,
    ord("B"): 4,
    0x8B: 4,
    0x8D: 8,
    0x8E: 8,
    0x96: 8,
}
"""Opcodes whose argument is that many bytes of length, and then the bytes."""

_LINES: Final = {ord(one): 1 for one in "FILSVgp"} | {ord("c"): 2, ord("i"): 2}
"""Opcodes whose argument is that many lines of text."""

_NUMBERS: Final = frozenset([0x8A, 0x8B, ord("I"), ord("L")])
_STOP: Final = ord(".")
_LONG_BINPUT: Final = ord("r")
_PUT: Final = ord("p")


def check_opcodes(payload: bytes | bytearray) -> Findings:
    """Refuse a pickle that would make its reader allocate what it did not send.

    Returns
    -------
    Findings
        What is to be looked at closer before, or while, it is decoded.

    Raises
    ------
    pickle.UnpicklingError
        A memo index or a length beyond the size of the message, an opcode that no pickler
        of a message writes, or no end.
    """
    size = len(payload)
    tuples: list[int] = []
    large_numbers = 0
    at = 0
    while True:
        found = _QUICK.match(payload, at)
        at = found.end() if found is not None else at
        if at >= size:
            raise pickle.UnpicklingError("it ends before its STOP opcode")
        opcode = payload[at]
        if opcode == _STOP:
            return Findings(tuples, large_numbers)
        at += 1
        if opcode in _TUPLES:
            tuples.append(at)
        else:
            large_numbers += opcode in _NUMBERS
            at = _after(payload, at, opcode, size)


def _after(payload: bytes | bytearray, at: int, opcode: int, size: int) -> int:
    """The offset behind the argument of an opcode that `_QUICK` does not know."""
    if opcode == _LONG_BINPUT:
        _check_index(int.from_bytes(payload[at : at + 4], "little"), size)
        return at + 4
    if opcode in _LENGTH_BYTES:
        start = at + _LENGTH_BYTES[opcode]
        end = start + int.from_bytes(payload[at:start], "little")
        if end > size:
            raise pickle.UnpicklingError("it announces more bytes than it has")
        return end
    if opcode in _LINES:
        start = at
        for _ in range(_LINES[opcode]):
            start, at = at, payload.find(b"\n", at) + 1
            if at == 0:
                raise pickle.UnpicklingError("it has a line without an end")
        if opcode == _PUT:
            line = payload[start : at - 1]
            if not line.isdigit() or len(line) > 18:
                raise pickle.UnpicklingError("it has a memo index that is not a number")
            _check_index(int(line), size)
        return at
    raise pickle.UnpicklingError(f"it has the opcode {opcode:#04x}, which no pickler writes")


def _check_index(index: int, size: int) -> None:
    if index > size:
        raise pickle.UnpicklingError(f"it has a memo index of {index} in {size} bytes")
