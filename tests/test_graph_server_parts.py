"""The parts of our GraphServer by themselves."""

from __future__ import annotations

import collections
import datetime
import functools
import logging
import pickle
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid1

import numpy as np
import pytest
from ezmsg.core.graphmeta import SettingsSnapshotValue
from ezmsg.core.graphserver import GraphServer

from kernel_runtime.errors import UnsafePayloadError
from kernel_runtime.host import server_choice
from kernel_runtime.host.event_fanout import EventHistory
from kernel_runtime.host.graph_server import HostGraphServer
from kernel_runtime.host.once_filter import OnceFilter
from kernel_runtime.host.passing_pickle import Foreign, decode, encode, encode_list
from kernel_runtime.host.server_limits import ServerLimits


class Keyword:
    """Is made with arguments by name."""

    def __new__(cls, *, size: int = 0) -> Keyword:
        made = object.__new__(cls)
        made.size = size
        return made

    size: int

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"size": self.size}

    def __repr__(self) -> str:
        return f"Keyword({self.size})"


VALUES: list[Any] = [
    Keyword(size=5),
    Keyword,
    np.float64,
    np.arange(5),
    np.float32(3),
    np.array(["a", "b"]),
    Path("/somewhere"),
    datetime.datetime(2026, 1, 2, 3, 4),
    collections.OrderedDict(a=1),
    collections.defaultdict(list, {"q": [1]}),
    collections.deque([1, 2, 3]),
    {1, 2},
    frozenset([1]),
    bytearray(b"x"),
    1 + 2j,
    len,
    uuid1(),
    SettingsSnapshotValue(b"x", {"a": Keyword(size=1)}, None, None),
    "h\x05C\x10 foreign_global",
]


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("before", [0, 300])
def test_what_passes_is_what_was_sent(protocol: int, before: int) -> None:
    # With many strings before them, references to the memo take the long form.
    sent = [[f"text {number}" for number in range(before)], *VALUES, *VALUES]
    passed = pickle.loads(encode(decode(pickle.dumps(sent, protocol))))
    assert repr(passed) == repr(sent)
    assert passed[1] is passed[1 + len(VALUES)]
    parts = [encode(decode(pickle.dumps(sent, protocol))) for _ in range(3)]
    assert repr(pickle.loads(encode_list(parts))) == repr([sent] * 3)


def test_foreign_values_are_inert() -> None:
    found = decode(pickle.dumps(Path("/somewhere")))
    assert isinstance(found, Foreign)
    assert "not known here" in repr(found)
    with pytest.raises(AttributeError, match="PosixPath"):
        found.exists  # noqa: B018


def test_a_class_can_not_be_changed() -> None:
    # BUILD with a state on the class itself, which later messages would share.
    for target in (b"cuuid\nUUID\n", b"cpathlib\nPath\n", b"cezmsg.core.graphmeta\nEdge\n"):
        with pytest.raises(UnsafePayloadError):
            decode(b"\x80\x04" + target + b"}X\x01\x00\x00\x00a" + b"K\x01sb.")


def test_too_many_foreign_names_are_refused() -> None:
    names = b"".join(b"cm\nC%d\n0" % number for number in range(3000))
    with pytest.raises(UnsafePayloadError, match="too many"):
        decode(b"\x80\x04" + names + b"N.")


def test_history_keeps_the_newest() -> None:
    history = EventHistory(max_events=10, max_bytes=1 << 20)
    for number in range(5000):
        history.append(b"%d" % (number + 1), size=5)
    assert history.last == 5000
    assert history.after(0) == [b"%d" % number for number in range(4991, 5001)]
    assert history.after(4998) == [b"4999", b"5000"]
    assert history.after(9000) == []
    by_size = EventHistory(max_events=1000, max_bytes=100)
    for _ in range(50):
        by_size.append(b"x" * 30, size=30)
    assert len(by_size.after(0)) == 3
    by_size.append(functools.partial(bytes, 500), size=500)
    assert [len(event) for event in by_size.after(0)] == [500]


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EZMSG_NB_SERVER_COMMAND_S", "2.5")
    monkeypatch.setenv("EZMSG_NB_SERVER_ROUTE_QUEUE_BYTES", "1000")
    assert ServerLimits.from_environment() == ServerLimits(command_s=2.5, route_queue_bytes=1000)
    for text in ("many", "-1", "0", "nan"):
        monkeypatch.setenv("EZMSG_NB_SERVER_COMMAND_S", text)
        with pytest.raises(ValueError, match="EZMSG_NB_SERVER_COMMAND_S"):
            ServerLimits.from_environment()


def test_a_warning_passes_once() -> None:
    once = OnceFilter(threading.current_thread())

    def passes(message: str, *args: object) -> bool:
        record = logging.LogRecord("ezmsg", logging.WARNING, "f", 1, message, args, None)
        return once.filter(record)

    assert passes("Client %s sent %s", "a", 1)
    assert not passes("Client %s sent %s", "a", 2)
    assert passes("Client %s sent %s", "b", 2)
    assert passes("Other client %s", "a")
    record = logging.LogRecord(
        "ezmsg", logging.WARNING, "f", 1, "Client %s sent %s", ("a", 3), None
    )
    record.process = 1
    assert once.filter(record), "a fork of the server's process is not the server"


def test_this_ezmsg_is_known() -> None:
    assert server_choice.DIFFERENCES == []
    assert isinstance(server_choice.create_graph_server(), HostGraphServer)


def test_another_ezmsg_gets_its_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def api(self: object, reader: object, writer: object, new: object) -> None:
        """An `api` of another shape."""

    monkeypatch.setattr(GraphServer, "api", api)
    monkeypatch.setattr(GraphServer, "_handle_relay", api, raising=False)
    found = server_choice.differences()
    assert "GraphServer._handle_relay is new" in found
    assert any("GraphServer.api takes (reader, writer, new)" in one for one in found)
    monkeypatch.setattr(server_choice, "DIFFERENCES", found)
    with pytest.warns(UserWarning, match="ezmsg's own GraphServer"):
        assert type(server_choice.create_graph_server()) is GraphServer


def test_ids_stay_ids() -> None:
    one = uuid1()
    assert type(decode(pickle.dumps(one))) is UUID
    assert pickle.loads(encode(decode(pickle.dumps({one: 1})))) == {one: 1}
