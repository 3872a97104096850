"""Our GraphServer keeps what clients give it up to a limit, and refuses what is above it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    ProcessOwnershipUpdate,
    ProcessSettingsUpdate,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Command, encode_str
from raw_clients import RawClient, RawProcess, RawSession, payload, serves_others
from real_graphs import OurServerProcess, wait_for

from kernel_runtime.host.standing_state import StandingState, StateLimitError

STATE_BYTES = 100_000
CONNECTIONS = 20
COMPLETE, REFUSED = Command.COMPLETE.value, Command.ERROR.value


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServerProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EZMSG_NB_SERVER_STATE_BYTES", str(STATE_BYTES))
        patch.setenv("EZMSG_NB_SERVER_CONNECTIONS", str(CONNECTIONS))
        server = OurServerProcess(tmp_path_factory.mktemp("server"))
    try:
        yield server
    finally:
        server.close()


def value(size: int) -> SettingsSnapshotValue:
    return SettingsSnapshotValue(b"x" * size, {"size": size}, {"size": size}, None)


def register(session: RawSession, address: str, size: int) -> bytes:
    component = ComponentMetadata(
        address=address,
        name=address,
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(b"x" * size, {"size": size}),
        dynamic_settings=DynamicSettingsMetadata(False, None, None),
        settings_schema=None,
    )
    metadata = GraphMetadata(1, None, {address: component})
    session.send(Command.SESSION_REGISTER.value, payload(metadata))
    return session.exactly(1)


def report(process: RawProcess, unit: str, size: int) -> bytes:
    update = ProcessSettingsUpdate(unit, value(size), 1.0)
    return process.command(Command.PROCESS_SETTINGS_UPDATE, update)


def held(session: RawSession) -> dict[str, int]:
    return {
        address: value.structured_value["size"] for address, value in session.settings().items()
    }


def test_metadata_over_the_limit_is_refused_and_nothing_of_it_kept(ours: OurServerProcess) -> None:
    with RawSession(ours.address) as first, RawSession(ours.address) as second:
        assert register(first, "A", 60_000) == COMPLETE
        assert register(second, "B", 60_000) == REFUSED
        assert held(second) == {"A": 60_000}
        # What takes the place of something counts in its place.
        assert register(first, "A", 80_000) == COMPLETE
        assert register(second, "B", 1_000) == COMPLETE
        assert held(second) == {"A": 80_000, "B": 1_000}
    with RawSession(ours.address) as third:
        wait_for(lambda: register(third, "C", 90_000) == COMPLETE, "room after the others went")


def test_a_value_over_the_limit_leaves_the_last_one(ours: OurServerProcess) -> None:
    with RawProcess(ours.address, "U") as process, RawSession(ours.address) as session:
        wait_for(lambda: report(process, "U", 70_000) == COMPLETE, "the first value")
        assert report(process, "U", 120_000) == REFUSED
        assert held(session) == {"U": 70_000}
        assert report(process, "U", 90_000) == COMPLETE
        assert held(session) == {"U": 90_000}


def test_names_count(ours: OurServerProcess) -> None:
    def own(process: RawProcess, added: list[str], removed: list[str]) -> bytes:
        update = ProcessOwnershipUpdate(added, removed)
        return process.command(Command.PROCESS_UPDATE_OWNERSHIP, update)

    with RawProcess(ours.address, "U") as process, RawSession(ours.address) as session:
        long_name = "N" * 60_000
        wait_for(lambda: own(process, [long_name], []) == COMPLETE, "room for a name")
        assert own(process, ["M" * 60_000], []) == REFUSED
        assert session.connect("T" * 60_000, "S") == REFUSED
        assert own(process, [], [long_name]) == COMPLETE
        assert session.connect("T" * 60_000, "S") == COMPLETE
        assert session.connect("Q" * 60_000, "S") == REFUSED
        assert session.connect("T" * 60_000, "S", add=False) == COMPLETE
        assert session.connect("Q" * 60_000, "S") == COMPLETE
        with RawClient(ours.address, Command.SUBSCRIBE.value, encode_str("W" * 60_000)) as client:
            assert client.ended(5.0)


def test_edges_with_a_cycle_count_nothing(ours: OurServerProcess) -> None:
    with RawSession(ours.address) as session:
        wait_for(lambda: session.connect("A", "B" * 40_000) == COMPLETE, "room for an edge")
        for _ in range(5):
            assert session.connect("B" * 40_000, "A") == Command.CYCLIC.value
        assert session.connect("C", "D" * 40_000) == COMPLETE


def turned_away(client: socket.socket) -> bool:
    """Whether the server closes a connection before it says its version."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connections_over_the_limit_are_turned_away(ours: OurServerProcess) -> None:
    host, _, port = ours.address.rpartition(":")
    with RawSession(ours.address) as session, contextlib.ExitStack() as opened:

        def full() -> bool:
            client = socket.create_connection((host, int(port)), timeout=20.0)
            return turned_away(opened.enter_context(client))

        assert [full() for _ in range(2 * CONNECTIONS)].count(False) < CONNECTIONS
        session.snapshot()
    wait_for(lambda: serves_others(ours.address, 5.0), "room after the others went")


def test_the_count_is_of_what_is_kept() -> None:
    state = StandingState(10_000)
    state.keep("a", "x", 1_000)
    state.keep("a", "y", 2_000)
    state.keep("b", "x", 3_000)
    with pytest.raises(StateLimitError, match="EZMSG_NB_SERVER_STATE_BYTES raises it"):
        state.keep("b", "x", 9_000)
    before = state.bytes
    assert 6_000 < before < 7_000
    state.keep("a", "x", 1_500)
    assert state.bytes == before + 500
    state.drop("a", "nothing")
    state.drop_all("a")
    assert 3_000 < state.bytes < 3_500
    state.drop("b", "x")
    state.drop_all("nobody")
    assert state.bytes == 0
