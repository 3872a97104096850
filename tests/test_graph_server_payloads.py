"""What peers pickle: nothing of it runs in the server, and all of it arrives as it was sent."""

from __future__ import annotations

import dataclasses
import enum
import pickle
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid1

import pytest
from ezmsg.core.graphmeta import (
    ComponentMetadata,
    DynamicSettingsMetadata,
    GraphMetadata,
    ProcessControlResponse,
    ProcessOwnershipUpdate,
    ProcessProfilingTraceBatch,
    ProcessRegistration,
    ProcessSettingsUpdate,
    ProfilingStreamControl,
    ProfilingTraceSample,
    SettingsEventType,
    SettingsFieldMetadata,
    SettingsSchemaMetadata,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Command, encode_str
from raw_clients import RawClient, RawProcess, RawSession, payload, serves_others
from real_graphs import GraphServerProcess, OurServerProcess


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServerProcess]:
    server = OurServerProcess(tmp_path_factory.mktemp("server"))
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphServerProcess]:
    server = GraphServerProcess(tmp_path_factory.mktemp("server"))
    try:
        yield server
    finally:
        server.close()


class Touch:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path, *, then_exit: bool = False) -> None:
        self._code = f"open({str(file)!r}, 'w').close()"
        if then_exit:
            self._code += "\nraise SystemExit"

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, (self._code,))


class Colour(enum.Enum):
    """A class that no server can import."""

    RED = "red"


class Outer:
    class Shade(enum.Enum):
        DARK = 1


@dataclasses.dataclass
class Window:
    name: str
    colours: list[Colour]


FOREIGN = {
    "colour": Colour.RED,
    "shade": Outer.Shade.DARK,
    "window": Window("w", [Colour.RED, Colour.RED]),
    "kind": Colour,
    "path": Path("/somewhere"),
}


def schema(default: object) -> SettingsSchemaMetadata:
    field = SettingsFieldMetadata("colour", "Colour", False, default, None, None, None, None)
    return SettingsSchemaMetadata("dataclass", "x.S", [field])


def value_of(content: dict[str, object]) -> SettingsSnapshotValue:
    return SettingsSnapshotValue(b"opaque", content, content, schema(Colour.RED))


def metadata(address: str, content: object) -> GraphMetadata:
    component = ComponentMetadata(
        address=address,
        name=address,
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(b"opaque", content),  # type: ignore[arg-type]
        dynamic_settings=DynamicSettingsMetadata(False, None, None),
        settings_schema=schema(Colour.RED),
    )
    return GraphMetadata(1, None, {address: component})


def send_everywhere(address: str, evil: object, unit: str) -> None:
    """Send a value on each way that a pickle has into a server."""
    with RawProcess(address, unit) as process:
        for command, message in (
            (Command.PROCESS_REGISTER, evil),
            (Command.PROCESS_REGISTER, ProcessRegistration(1, "here", [evil])),  # type: ignore[list-item]
            (Command.PROCESS_UPDATE_OWNERSHIP, ProcessOwnershipUpdate([evil], [])),  # type: ignore[list-item]
            (Command.PROCESS_SETTINGS_UPDATE, ProcessSettingsUpdate(unit, evil, 0.0)),  # type: ignore[arg-type]
            (Command.PROCESS_PROFILING_TRACE_UPDATE, evil),
            (
                Command.PROCESS_PROFILING_TRACE_UPDATE,
                ProcessProfilingTraceBatch(uuid1(), 1, "here", 0.0, [evil]),  # type: ignore[list-item]
            ),
            (Command.PROCESS_ROUTE_RESPONSE, evil),
            (Command.PROCESS_ROUTE_RESPONSE, ProcessControlResponse("?", True, error=evil)),  # type: ignore[arg-type]
        ):
            process.send(command.value, payload(message))
        with RawSession(address) as session:
            for message in (evil, metadata(unit, evil)):
                session.send(Command.SESSION_REGISTER.value, payload(message))
                session.exactly(1)
            session.send(Command.SESSION_SETTINGS_SNAPSHOT.value)
            session.frame()
        with RawClient(address, Command.SESSION_PROFILING_SUBSCRIBE.value, payload(evil)) as reader:
            reader.ended(1.0)
        with RawSession(address) as session:
            session.snapshot()


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[OurServerProcess]:
    """A server whose history no client of ezmsg's should read any more."""
    server = OurServerProcess(tmp_path)
    try:
        yield server
    finally:
        server.close()


def test_nothing_that_a_peer_sends_runs(attacked: OurServerProcess, tmp_path: Path) -> None:
    for number, then_exit in enumerate((False, True)):
        file = tmp_path / f"ran{number}"
        send_everywhere(attacked.address, Touch(file, then_exit=then_exit), f"U/EVIL{number}")
        assert not file.exists()
    assert serves_others(attacked.address, 5.0)
    assert "Traceback" not in attacked.output


def test_in_a_stock_server_it_runs(stock: GraphServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "ran"
    with RawProcess(stock.address) as process:
        process.send(Command.PROCESS_REGISTER.value, payload(Touch(file)))
        process.exactly(1)
    assert file.exists()


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no pickle at all",
        b"\x80\x04r\xff\xff\xff\xff.",
        b"\x80\x04]" + b"]" * 5000 + b"a" * 5000 + b".",
        pickle.dumps(ProcessRegistration(1, "here", [1, 2])),  # type: ignore[list-item]
        pickle.dumps(ProcessRegistration(None, "here", None)),  # type: ignore[arg-type]
        pickle.dumps(ProcessRegistration)[:-1] + b"\x94.",
    ],
    ids=["empty", "text", "memo", "deep", "numbers", "none", "class"],
)
def test_a_broken_payload_is_refused(ours: OurServerProcess, broken: bytes) -> None:
    with RawProcess(ours.address) as process:
        assert process.command(Command.PROCESS_REGISTER, broken) == Command.ERROR.value
        # The connection goes on.
        registration = ProcessRegistration(1, "here", ["U/HONEST"])
        assert process.command(Command.PROCESS_REGISTER, registration) == Command.COMPLETE.value
        with RawSession(ours.address) as session:
            units = [one.units for one in session.snapshot().processes.values()]
            assert ["U/HONEST"] in units


def test_a_foreign_value_arrives_as_it_was_sent(ours: OurServerProcess) -> None:
    value = value_of(FOREIGN)
    with (
        RawSession(ours.address) as session,
        RawProcess(ours.address, "U/FOREIGN") as process,
        RawClient(
            ours.address, Command.SESSION_SETTINGS_SUBSCRIBE.value, encode_str("0")
        ) as stream,
    ):
        stream.welcome()
        session.send(Command.SESSION_REGISTER.value, payload(metadata("U/FOREIGN", FOREIGN)))
        assert session.exactly(1) == Command.COMPLETE.value
        update = ProcessSettingsUpdate("U/FOREIGN", value, 1.0)
        assert process.command(Command.PROCESS_SETTINGS_UPDATE, update) == Command.COMPLETE.value
        assert session.settings()["U/FOREIGN"] == value
        found = session.snapshot().sessions[session.session_id].metadata
        assert found == metadata("U/FOREIGN", FOREIGN)
        session.send(Command.SESSION_SETTINGS_EVENTS.value, encode_str("0"))
        events = [one for one in session.value() if one.component_address == "U/FOREIGN"]
        assert [one.event_type for one in events] == list(SettingsEventType)
        assert all(one.value.structured_value == FOREIGN for one in events)
        streamed: list[object] = []
        while len(streamed) < 2:
            event = pickle.loads(stream.frame())
            streamed += [event] if event.component_address == "U/FOREIGN" else []
        assert streamed == events


def test_foreign_samples_arrive_as_they_were_sent(ours: OurServerProcess) -> None:
    sample = ProfilingTraceSample(0.0, "e", "t", "m", 1.0, None, 1)
    sample.metric = Colour.RED  # type: ignore[assignment]
    batch = ProcessProfilingTraceBatch(uuid1(), 1, "here", 0.0, [sample])
    with (
        RawProcess(ours.address, "U/SAMPLES") as process,
        RawClient(
            ours.address,
            Command.SESSION_PROFILING_SUBSCRIBE.value,
            payload(ProfilingStreamControl(interval=0.02)),
        ) as stream,
    ):
        stream.welcome()
        process.send(Command.PROCESS_PROFILING_TRACE_UPDATE.value, payload(batch))
        (found,) = pickle.loads(stream.frame()).batches.values()
        assert str(found.process_id) == process.process_id
        assert found.samples == [sample]


def test_an_answer_of_a_process_passes_untouched(ours: OurServerProcess) -> None:
    content = pickle.dumps(FOREIGN)
    with RawProcess(ours.address, "U/ANSWERS") as process, RawSession(ours.address) as session:
        session.send(
            Command.SESSION_PROCESS_REQUEST.value,
            encode_str("U/ANSWERS"),
            encode_str("ANY"),
            encode_str("5.0"),
            payload(content),
        )
        assert process.exactly(1) == Command.PROCESS_ROUTE_REQUEST.value
        request = pickle.loads(process.frame())
        assert (request.unit_address, request.operation) == ("U/ANSWERS", "ANY")
        assert request.payload == content
        answer = ProcessControlResponse(request.request_id, True, request.payload)
        process.send(Command.PROCESS_ROUTE_RESPONSE.value, payload(answer))
        assert session.value() == answer
