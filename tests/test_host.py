"""A graph host from start to stop, on real processes."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest
from real_graphs import answers, wait_for

from kernel_runtime.errors import HostStartError
from kernel_runtime.host import GraphHost, GraphSpec, StartMethod, demo_spec
from kernel_runtime.host.process_tree import session_members


@contextmanager
def running(spec: GraphSpec, timeout_s: float = 30.0) -> Iterator[GraphHost]:
    host = GraphHost.start(spec, timeout_s=timeout_s)
    try:
        yield host
    finally:
        host.stop()


def port_of(host: GraphHost) -> tuple[str, int]:
    name, _, port = host.address.rpartition(":")
    return name, int(port)


def test_demo_runs_in_three_processes_of_its_own_session() -> None:
    with running(demo_spec()) as host:
        units = [unit for process in host.processes for unit in process.units]
        assert len(host.processes) == 3
        assert len(units) >= 8
        assert {"SLICE", "LP", "DOWNSAMPLE", "CAR", "ZSCORE", "SINK"} <= set(units)
        assert (host.status, host.exit_reason) == ("running", None)
        assert answers(port_of(host))
        assert os.getsid(host.pid) == host.pid
        for process in host.processes:
            assert os.getsid(process.pid) == host.pid
        wait_for(
            lambda: any("first block" in record.text for record in host.logs("SINK")),
            "the sink's first block",
        )
    assert (host.status, host.exit_reason) == ("stopped", "stopped")
    assert not answers(port_of(host))
    assert not session_members(host.pid)


def test_stop_is_idempotent() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    host.stop()
    assert host.status == "stopped"
    assert host.processes == ()
    host.stop()
    host.stop()
    assert host.exit_reason == "stopped"


def test_stops_from_several_threads_all_return_when_it_is_gone() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    seen: list[bool] = []

    def stop() -> None:
        host.stop()
        seen.append(psutil.pid_exists(host.pid))

    threads = [threading.Thread(target=stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [False] * 4


def test_stop_does_not_call_on_exit() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    told: list[str] = []
    host.on_exit(told.append)
    host.stop()
    host.on_exit(told.append)
    assert told == []


def test_units_shut_down_in_order() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:talkative"))
    host.stop()
    assert any(record.text == "talker shuts down" for record in host.logs("TALKER"))


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_every_start_method(start_method: StartMethod) -> None:
    spec = GraphSpec(factory="host_graphs:steady", start_method=start_method)
    with running(spec) as host:
        assert {process.units for process in host.processes} == {("SOURCE",), ("SINK",)}
    assert host.exit_reason == "stopped"


def test_given_address_is_used_and_a_taken_one_is_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    spec = GraphSpec(factory="host_graphs:steady", address=address)
    with running(spec) as host:
        assert port_of(host) == address
        with pytest.raises(HostStartError, match=rf"listen on 127.0.0.1:{address[1]}"):
            GraphHost.start(spec)


def test_graph_that_ends_by_itself_is_told() -> None:
    for factory, words in (("finite", "NormalTermination"), ("completing", "units completed")):
        host = GraphHost.start(GraphSpec(factory=f"host_graphs:{factory}"))
        told: list[str] = []
        host.on_exit(told.append)
        wait_for(lambda told=told: bool(told), f"the end of {factory}")  # type: ignore[misc]
        assert words in told[0]
        assert host.status == "stopped"
        host.stop()


FAILURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "module not there": (
        "no_such_module_at_all:build",
        ("ModuleNotFoundError", "no_such_module_at_all", "Traceback"),
    ),
    "no such function": (
        "host_graphs:no_such_function",
        ("'host_graphs' has no function 'no_such_function'",),
    ),
    "not a factory name": ("host_graphs", ("package.module:function",)),
    "factory raises": (
        "host_graphs:raising_factory",
        ("LookupError: no such electrode layout", "in raising_factory"),
    ),
    "factory exits": ("host_graphs:exiting_factory", ("SystemExit", "factory wants out")),
    "not a graph": ("host_graphs:not_a_graph", ("gave list",)),
    "no units": ("host_graphs:empty", ("no units",)),
    "cycle": ("host_graphs:cyclic", ("the connections form a cycle: A -> B -> A",)),
    "initialize raises": (
        "host_graphs:fragile",
        ("unit FRAGILE", "ValueError: the amplifier is not there", "in initialize"),
    ),
    "killed while it initializes": (
        "host_graphs:dying",
        ("DYING", "was killed by SIGKILL", "about to be killed"),
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failed_start_says_why_and_leaves_nothing(case: str) -> None:
    factory, words = FAILURES[case]
    with pytest.raises(HostStartError) as raised:
        GraphHost.start(GraphSpec(factory=factory))
    for word in words:
        assert word in str(raised.value)


def test_a_failed_start_shows_its_traceback_once_and_what_was_printed_before() -> None:
    with pytest.raises(HostStartError) as raised:
        GraphHost.start(GraphSpec(factory="host_graphs:fragile"))
    assert str(raised.value).count("in initialize") == 1
    log = str(raised.value).partition("last lines of its log")[2]
    assert "looking for the amplifier" in log


def test_start_has_a_deadline_and_says_what_it_waited_for() -> None:
    expected = {
        "host_graphs:hanging": "waiting for HANGING to initialize",
        "host_graphs:hanging_factory": "building the graph with host_graphs:hanging_factory",
    }

    def start(factory: str) -> str:
        told = ""
        # On a busy machine it may take longer to come that far.
        for timeout_s in (3.0, 10.0, 40.0):
            with pytest.raises(HostStartError) as raised:
                GraphHost.start(GraphSpec(factory=factory), timeout_s=timeout_s)
            told = str(raised.value)
            assert f"not up after {timeout_s:g} s" in told
            if expected[factory] in told:
                break
        return told

    with ThreadPoolExecutor() as pool:
        for words, told in zip(expected.values(), pool.map(start, expected), strict=True):
            assert words in told


def test_interrupt_of_a_start_leaves_nothing() -> None:
    # As a server interrupts a kernel: from outside, so that the main thread gets it.
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        GraphHost.start(GraphSpec(factory="host_graphs:hanging"))
    timer.join()


def test_callback_after_the_end_is_called_at_once() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:finite"))
    wait_for(lambda: host.status == "stopped", "its end")
    told: list[str] = []
    host.on_exit(told.append)
    wait_for(lambda: bool(told), "the late callback")
    host.stop()


def in_fork(action: Callable[[], None]) -> int:
    """Run an action in a fork of this process and return its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_fork_of_the_kernel_neither_stops_nor_keeps_the_host() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    assert in_fork(host.stop) == 0
    assert host.status == "running"
    assert answers(port_of(host))
    host.stop()
