"""Hostile and foreign pickles: nothing of them runs, and what is good arrives."""

from __future__ import annotations

import collections
import enum
import os
import pathlib
import pickle
import struct
import tracemalloc
import uuid
from typing import Any

import pytest
from ezmsg.core import graphmeta
from hypothesis import given
from hypothesis import strategies as st

from kernel_runtime import StandIn, UnsafePayloadError
from kernel_runtime.safe_pickle import MAX_FOREIGN_GLOBALS, decode


class Reduced:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def event(value: object) -> graphmeta.SettingsChangedEvent:
    return graphmeta.SettingsChangedEvent(
        seq=7,
        event_type=graphmeta.SettingsEventType.SETTINGS_UPDATED,
        component_address="LP",
        timestamp=1.5,
        source_session_id=None,
        source_process_id=uuid.uuid1(),
        value=graphmeta.SettingsSnapshotValue(b"opaque", {"field": value}, {"field": value}),
    )


def test_honest_messages_are_equal_to_what_pickle_gives() -> None:
    process_id = uuid.uuid1()
    snapshot = graphmeta.GraphSnapshot(
        graph={"A/OUT": ["B/IN"]},
        edge_owners={graphmeta.Edge("A/OUT", "B/IN"): ["persistent"]},
        sessions={"s": graphmeta.SnapshotSession([graphmeta.Edge("A/OUT", "B/IN")], None)},
        processes={process_id: graphmeta.SnapshotProcess(process_id, 12, "host", ["A"])},
    )
    for message in (snapshot, event({1, 2}), event([1.5, (None, True)]), event(2**90), event(1j)):
        found = decode(pickle.dumps(message))
        assert found == message
        assert type(found) is type(message)


def test_serialized_settings_stay_bytes() -> None:
    raw = pickle.dumps(Reduced(os._exit, 3))
    value = graphmeta.SettingsSnapshotValue(raw, {}, {})
    assert decode(pickle.dumps(value)).serialized == raw


def test_a_call_becomes_data(tmp_path: pathlib.Path) -> None:
    ran = tmp_path / "ran"
    for hostile in (
        Reduced(os.system, f"touch {ran}"),
        Reduced(eval, f"open({str(ran)!r}, 'w')"),
        Reduced(exec, f"open({str(ran)!r}, 'w')"),
        Reduced(os._exit, 1),
        Reduced(getattr, Reduced(__import__, "os"), "system"),
    ):
        found = decode(pickle.dumps(event(hostile)))
        stand_in = found.value.structured_value["field"]
        assert isinstance(stand_in, StandIn)
        assert found.component_address == "LP"
    assert not ran.exists()


def test_a_foreign_value_costs_itself_only() -> None:
    class_name = "pathlib" if pathlib.PurePosixPath.__module__ == "pathlib" else "pathlib._local"
    found = decode(pickle.dumps(event(pathlib.PurePosixPath("/data/x")))).value.structured_value
    stand_in = found["field"]
    assert (stand_in.module, stand_in.qualname) == (class_name, "PurePosixPath")
    assert "/data/x" in "/".join(str(arg) for arg in stand_in.args).replace("//", "/")
    assert "not imported here" in repr(stand_in)


def test_containers_of_foreign_classes_keep_their_items() -> None:
    ordered = decode(pickle.dumps(collections.OrderedDict(a=1, b=2)))
    assert ordered.items == [("a", 1), ("b", 2)]
    queue = decode(pickle.dumps(collections.deque([1, 2, 3])))
    assert queue.items == [1, 2, 3]


class Colour(enum.Enum):
    RED = "red"


def test_a_stand_in_travels_on_as_a_stand_in() -> None:
    found = decode(pickle.dumps(Colour.RED))
    assert isinstance(found, StandIn)
    assert found.args == ("red",)
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    "name", ["GraphSnapshot", "SettingsChangedEvent", "ProcessPing", "Edge", "SettingsEventType"]
)
def test_a_message_cannot_change_a_class(name: str) -> None:
    # GLOBAL class, then BUILD with slot state: setattr(class, "poisoned", 1).
    state = b"N}\x8c\x08poisonedK\x01s\x86"
    raw = b"\x80\x04cezmsg.core.graphmeta\n" + name.encode() + b"\n" + state + b"b."
    try:
        decode(raw)
    except UnsafePayloadError:
        pass
    assert not hasattr(getattr(graphmeta, name), "poisoned")


def test_a_foreign_class_cannot_be_changed_either() -> None:
    raw = b"\x80\x04cmalice\nThing\nN}\x8c\x04argsK\x01s\x86b."
    with pytest.raises(UnsafePayloadError):
        decode(raw)
    assert StandIn("x").args == ("x",)


@pytest.mark.parametrize("maker", ["set", "frozenset", "bytearray"])
def test_containers_are_not_made_of_numbers(maker: str) -> None:
    # bytearray(10**12) would take all memory.
    raw = b"\x80\x04cbuiltins\n" + maker.encode() + b"\n\x8a\x05\x00\x10\xa5\xd4\x00\x85R."
    with pytest.raises(UnsafePayloadError):
        decode(raw)


def test_a_flood_of_foreign_names_is_refused() -> None:
    names = b"".join(b"cm\nC%d\n0" % number for number in range(MAX_FOREIGN_GLOBALS + 1))
    with pytest.raises(UnsafePayloadError, match="too many"):
        decode(b"\x80\x04" + names + b"N.")


@pytest.mark.parametrize("raw", [b"", b"\x80", b".", b"garbage", b"\x80\x04N", b"\x80\xff."])
def test_damaged_bytes_are_a_typed_error(raw: bytes) -> None:
    with pytest.raises(UnsafePayloadError):
        decode(raw)


def test_an_absurd_length_is_a_typed_error() -> None:
    with pytest.raises(UnsafePayloadError):
        decode(b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"x.")


@pytest.mark.parametrize(
    "put",
    [b"r\xff\xff\xff\xff", b"r\x00\x00\x00\x01", b"p4294967295\n", b"p" + b"9" * 5000 + b"\n"],
)
@pytest.mark.parametrize("before", [b"", b"\x80\x04", b"X\x04\x00\x00\x00rrrr0", b"cos\nsystem\n0"])
def test_a_sparse_memo_index_takes_no_memory(before: bytes, put: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnsafePayloadError, match=r"memo index|line without an end"):
            decode(before + b"N" + put + b".")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol: int) -> None:
    value = {
        "many": [str(number) for number in range(600)],
        "long": "x" * 70_000,
        "bytes": b"y" * 300,
        "numbers": [0, 255, 65_535, 2**31, 2**90, -1, 2.5, True, None],
        "nested": ({"a": [(1, "b")]}, frozenset({1, 2}), {3, 4}),
    }
    if protocol < 3:
        del value["bytes"]
        del value["nested"]
    assert decode(pickle.dumps(value, protocol=protocol)) == value


def test_a_container_can_not_be_copied_over_and_over() -> None:
    # One bytes object of 50 kB, and bytearray() called on it again and again by memo.
    call = b"h\x01h\x00\x85R0"
    start = b"\x80\x04B\x50\xc3\x00\x00" + b"z" * 50_000 + b"\x94cbuiltins\nbytearray\n\x94"
    with pytest.raises(UnsafePayloadError, match="larger than the message"):
        decode(start + call * 10_000 + b"N.")
    assert decode(start + call[:-1] + b".") == bytearray(b"z" * 50_000)


@pytest.mark.parametrize("number", ["nonsense", -1, 2**128, None, True, 1.5])
def test_a_uuid_that_is_none_can_be_shown(number: object) -> None:
    state = pickle.dumps({"int": number}, protocol=2)[2:-1]
    raw = b"\x80\x04cuuid\nUUID\n)\x81" + state.replace(b"q\x00", b"") + b"b."
    found = decode(raw)
    assert isinstance(found, uuid.UUID)
    assert str(found) == str(uuid.UUID(int=0))
    assert pickle.loads(pickle.dumps(found)) == uuid.UUID(int=0)


def test_deep_nesting_is_read_or_refused_and_ends() -> None:
    for depth in (1_000, 200_000):
        try:
            found = decode(b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b".")
        except UnsafePayloadError:
            continue
        assert isinstance(found, list)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_a_typed_error(raw: bytes) -> None:
    try:
        decode(raw)
    except UnsafePayloadError:
        pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_plain_data_comes_through_unchanged(value: object) -> None:
    found = decode(pickle.dumps(value))
    assert found == value
    assert type(found) is type(value)
