"""Messages that would take time or memory without end to decode: refused, or read all the same.

Hashing runs in C, where no deadline of pytest can end it: hostile messages are decoded in a
process of their own.
"""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import uuid
from typing import Any

import pytest
from ezmsg.core import graphmeta
from hypothesis import given
from hypothesis import strategies as st

from kernel_runtime import StandIn, UnsafePayloadError
from kernel_runtime.pickle_skeletons import MAX_BYTES, Skeletons
from kernel_runtime.safe_pickle import decode

_DECODE = """
import pickle, sys
from contextlib import suppress
from kernel_runtime.errors import UnsafePayloadError
from kernel_runtime.host import passing_pickle
from kernel_runtime.safe_pickle import decode
for name, message in pickle.load(sys.stdin.buffer):
    print(name, flush=True)
    try:
        decode(message)
    except UnsafePayloadError:
        pass
    else:
        sys.exit("was not refused")
    # What a server of ours would do with it: whether it passes it on or not, it goes on.
    with suppress(UnsafePayloadError):
        passing_pickle.decode(message)
print("all refused")
"""

START = b"\x80\x04"


def doubled(times: int, twice: bytes = b"h%ch%c\x86") -> bytes:
    """A tuple that holds another one twice, and so on."""
    levels = b"".join(twice % (level, level) + b"\x94" for level in range(times))
    return b")K\x01K\x02\x86\x94" + levels


def with_one_hash(number: int, item: bytes) -> bytes:
    """Numbers that differ by a multiple of the modulus have the same hash."""
    modulus = sys.hash_info.modulus
    return b"".join(
        item % (b"\x8a\x0a" + (one * modulus).to_bytes(10, "little")) for one in range(1, number)
    )


def stand_ins(number: int) -> bytes:
    return b"".join(b"h\x00)\x81K%cs" % (one % 256) for one in range(number))


class Same:
    """Pickles as an object of a class that is unknown where it is read."""

    def __init__(self, number: int) -> None:
        self.number = number


HOSTILE = {
    "key of tuples in tuples": START + b"}" + doubled(60) + b"Ns.",
    "several keys at once": START + b"}(" + doubled(60) + b"Nu.",
    "key by the oldest protocol": START + b"(" + doubled(60) + b"Nd.",
    "member of a set": START + b"\x8f(" + doubled(60) + b"\x90.",
    "member of a frozenset": START + b"(" + doubled(60) + b"\x91.",
    "set of a list": START + b"cbuiltins\nset\n]" + doubled(60) + b"a\x85R.",
    "value of an enum": START
    + b"cezmsg.core.graphmeta\nProfileChannelType\n"
    + doubled(60)
    + b"\x85R.",
    "key that is a tuple with a name": START
    + b"}cezmsg.core.graphmeta\nEdge\n("
    + doubled(60)
    + b"0h\x3bh\x3bt\x81Ns.",
    "by DUP": START + b"}K\x01" + b"2\x86" * 60 + b"Ns.",
    "by marks": START + b"}" + doubled(60, b"(h%ch%ct") + b"Ns.",
    "in one another": START + b"}" + b")" + b"\x85" * 500_000 + b"Ns.",
    "in one another with others": START + b"}" + b")" + b"N\x86" * 400_000 + b"Ns.",
    "one long key many times": START
    + b"}("
    + b"K\x01" * 400_000
    + b"t\x94"
    + b"h\x00Ns" * 400_000
    + b".",
    "numbers with one hash": START + b"}(" + with_one_hash(60_000, b"%sN") + b"u.",
    "numbers in tuples with one hash": START + b"}(" + with_one_hash(60_000, b"N%s\x86N") + b"u.",
    "ids with one hash": START
    + b"cuuid\nUUID\n\x940}("
    + with_one_hash(20_000, b"h\x00)\x81}\x8c\x03int%ssbN")
    + b"u.",
    "foreign keys": START + b"}cm\nSame\n\x940" + stand_ins(3_000) + b".",
    "persistent id": START + b"NQ.",
    "persistent id as text": START + b"Pid\n.",
    "extension": START + b"\x82\x01.",
}


def test_messages_without_end_are_refused_before_they_begin() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _DECODE],
        input=pickle.dumps(list(HOSTILE.items())),
        capture_output=True,
        timeout=100,
        check=False,
    )
    told = ran.stdout.decode().splitlines()
    assert ran.returncode == 0 and told[-1:] == ["all refused"], (told[-2:], ran.stderr.decode())
    assert told[:-1] == list(HOSTILE)


def test_nested_tuples_of_an_honest_message_are_read() -> None:
    point = (1.0, 2.0, 3.0)
    for value in (
        tuple((point, point) for _ in range(200)),
        {(point, (name, 1)): name for name in "abc"},
        {tuple(range(100)): 1, (((1,), 2), 3): 2},
        frozenset({(1, 2), ((3, 4), (5, 6))}),
        ({"a": [(1, "b")]}, ("c",), ((), (("d",),))),
        {(1, 2): (3, 4), ("a",): ("b",), "x": (("y",), ("y",))},
        list(range(2**60, 2**60 + 3_000)),
        dict.fromkeys(range(2**61 - 3_000, 2**61 + 3_000)),
        {uuid.UUID(int=number << 64) for number in range(2_000)},
        [((None, {"taps": tuple(float(one) for one in range(3_000))}), "FIR")],
    ):
        for protocol in (3, 4, 5):
            found = decode(pickle.dumps(value, protocol=protocol))
            # Apart from the assertion: a difference of these takes minutes to be shown.
            same = found == value
            assert same, protocol
            assert type(found) is type(value)


def test_many_edges_are_keys() -> None:
    topics = [f"UNIT{number}/OUTPUT" for number in range(2_000)]
    edges = [graphmeta.Edge(one, other) for one, other in itertools.pairwise(topics)]
    pairs = [tuple(edge) for edge in edges]
    assert decode(pickle.dumps(dict.fromkeys(edges))) == dict.fromkeys(edges)
    assert decode(pickle.dumps(dict.fromkeys(pairs))) == dict.fromkeys(pairs)


def test_foreign_keys_stay_apart_and_are_compared_after_all() -> None:
    raw = pickle.dumps({Same(1): "one", Same(2): "two"}).replace(b"Same", b"Gone")
    first, second = decode(raw), decode(raw)
    assert sorted(first.values()) == ["one", "two"]
    one, two = first
    assert isinstance(one, StandIn)
    assert one != two
    assert one == next(iter(second))


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.tuples(st.integers()), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.tuples(inner)
        | st.lists(inner, min_size=4, max_size=6).map(tuple)
    ),
    max_leaves=30,
)


@given(nested, st.integers(2, 5))
def test_whatever_is_nested_comes_through_unchanged(value: object, protocol: int) -> None:
    found = decode(pickle.dumps(value, protocol=protocol))
    assert found == value
    assert type(found) is type(value)


# -- skeletons ------------------------------------------------------------------------------


def ping(timestamp: float, pid: int = 4000, host: str = "here") -> bytes:
    process_id = uuid.UUID(int=2**127 + int(timestamp))
    return pickle.dumps(graphmeta.ProcessPing(process_id, pid, host, timestamp))


def learned(*messages: bytes) -> Skeletons:
    skeletons = Skeletons()
    for message in messages:
        skeletons.learn(message)
    return skeletons


def test_a_message_built_like_one_before_is_known() -> None:
    skeletons = learned(ping(1.5), ping(2.5))
    assert skeletons.know(ping(3.25))
    assert skeletons.know(ping(9.75, host="home"))
    assert not skeletons.know(ping(3.25, host="another"))
    assert not skeletons.know(ping(3.25, pid=70_000))
    assert not learned(ping(1.5)).know(ping(1.5))


def test_a_change_of_anything_that_is_no_value_is_noticed() -> None:
    message = ping(1.5)
    skeletons = learned(message, message)
    values = set()
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 0xFF
        if skeletons.know(changed):
            values.add(at)
    assert len(message) > len(values)
    # Whatever is not noticed leaves the opcodes as they are.
    for at in values:
        changed = bytearray(message)
        changed[at] ^= 0xFF
        assert opcodes(changed) == opcodes(message)


def opcodes(message: bytes | bytearray) -> list[Any]:
    """Opcodes, where they are, and their arguments where these decide what is read."""
    from pickletools import opcodes as known

    by_code = {ord(one.code): one for one in known}
    found: list[Any] = []
    at = 0
    while at < len(message):
        opcode = by_code[message[at]]
        size = {"uint1": 1, "uint2": 2, "uint4": 4, "int4": 4, "float8": 8, "uint8": 8}
        kind = opcode.arg.name if opcode.arg is not None else ""
        found.append((opcode.name, at))
        at += 1
        if kind in ("string1", "unicodestring1", "bytes1", "long1"):
            found.append(("of", message[at]))
            at += 1 + message[at]
        elif kind in size:
            if "GET" in opcode.name or "PUT" in opcode.name or opcode.name == "FRAME":
                found.append(("index", bytes(message[at : at + size[kind]])))
            at += size[kind]
        else:
            assert not kind, kind
    return found


def test_what_a_skeleton_must_not_cover_is_none() -> None:
    for message in (
        START + b"N" + b"p1\n" + b".",
        START + b"\x96" + (1).to_bytes(8, "little") + b"x.",
        b"I1\n.",
        START + b"C\xff" + bytes(255) + b"0" * MAX_BYTES + b"N.",
    ):
        assert not learned(message, message).know(message)


def test_a_hostile_message_of_a_known_length_is_refused() -> None:
    message = ping(1.5)
    for number in range(4):
        decode(ping(1.5 + number))
    put = b"r\xff\xff\xff\xff"
    hostile = message[:-1].replace(b"graphmeta", b"graphmet")[: -len(put)] + put + b"0."
    hostile += b"." * (len(message) - len(hostile))
    assert len(hostile) == len(message)
    with pytest.raises(UnsafePayloadError):
        decode(hostile)
