"""What is left, and who is told, when the kernel, the host or a unit process dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from leak_guard import SHARED_MEMORY, shared_memory_segments
from real_graphs import answers, wait_for

from kernel_runtime.host import GraphHost, GraphSpec, ProcessExit
from kernel_runtime.host.process_tree import session_members

GONE_S = 30.0
TOLD_S = 30.0


def segments_of(host_pid: int) -> frozenset[str]:
    """Shared memory of a host's GraphServer: the machine has others at the same time."""
    maps = Path(f"/proc/{host_pid}/maps").read_text()
    segments = frozenset(
        name for name in shared_memory_segments() if f"{SHARED_MEMORY}/{name}" in maps
    )
    assert segments
    return segments


@dataclass
class Kernel:
    """A process that started a host, as a kernel does."""

    process: subprocess.Popen[str]
    host_pid: int
    unit_pids: list[int]
    address: tuple[str, int]
    segments: frozenset[str]

    def nothing_left(self) -> bool:
        return (
            not psutil.pid_exists(self.host_pid)
            and not session_members(self.host_pid)
            and not any(psutil.pid_exists(pid) for pid in self.unit_pids)
            and not answers(self.address)
            and not shared_memory_segments() & self.segments
        )


@contextmanager
def starting_kernel(factory: str) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).parent / "host_kernel.py"
    with subprocess.Popen(
        [sys.executable, str(script), factory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(script.parents[1])},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def kernel_with(factory: str) -> Iterator[Kernel]:
    with starting_kernel(factory) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        name, _, port = told["address"].rpartition(":")
        yield Kernel(
            process,
            told["pid"],
            told["unit_pids"],
            (name, int(port)),
            segments_of(told["pid"]),
        )


@pytest.mark.parametrize("factory", ["steady", "stubborn", "with_grandchild"])
def test_kernel_killed_and_all_is_gone(factory: str) -> None:
    with kernel_with(f"host_graphs:{factory}") as kernel:
        assert answers(kernel.address)
        kernel.process.kill()
        wait_for(kernel.nothing_left, "nothing to be left", GONE_S)


def test_kernel_that_simply_ends_leaves_nothing() -> None:
    with kernel_with("host_graphs:steady") as kernel:
        assert kernel.process.stdin is not None
        kernel.process.stdin.close()
        assert kernel.process.wait(30) == 0
        wait_for(kernel.nothing_left, "nothing to be left", GONE_S)


def test_kernel_killed_while_a_unit_process_is_stopped() -> None:
    with kernel_with("host_graphs:steady") as kernel:
        os.kill(kernel.unit_pids[0], signal.SIGSTOP)
        kernel.process.kill()
        wait_for(kernel.nothing_left, "nothing to be left", GONE_S)


@pytest.mark.parametrize("factory", ["hanging", "hanging_factory"])
def test_kernel_killed_during_the_start(factory: str) -> None:
    with starting_kernel(f"host_graphs:{factory}") as process:

        def session() -> list[int]:
            children = psutil.Process(process.pid).children()
            return session_members(children[0].pid) if children else []

        # The host alone while its factory hangs; with three units where one of those does.
        expected = 1 if factory == "hanging_factory" else 4
        wait_for(lambda: len(session()) == expected, "the host to hang")
        started = session()
        process.kill()
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in started), "them to go", GONE_S)


def test_interrupt_of_the_kernels_group_does_not_reach_the_host() -> None:
    with kernel_with("host_graphs:steady") as kernel:
        # The stand-in dies of the interrupt unless it is told to survive: stop it first, and
        # look while it can't close its pipes.
        os.kill(kernel.process.pid, signal.SIGSTOP)
        os.killpg(kernel.process.pid, signal.SIGINT)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            assert psutil.pid_exists(kernel.host_pid)
            assert all(psutil.pid_exists(pid) for pid in kernel.unit_pids)
            assert answers(kernel.address)
        kernel.process.kill()
        wait_for(lambda: not psutil.pid_exists(kernel.host_pid), "the host to follow", GONE_S)


def test_interrupts_of_host_and_units_do_nothing() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    for pid in (host.pid, *(process.pid for process in host.processes)):
        os.kill(pid, signal.SIGINT)
    time.sleep(0.5)
    assert (host.status, len(host.processes)) == ("running", 2)
    host.stop()
    assert host.exit_reason == "stopped"


@pytest.mark.parametrize("factory", ["steady", "stubborn", "with_grandchild"])
def test_host_killed_and_the_kernel_is_told(factory: str) -> None:
    host = GraphHost.start(GraphSpec(factory=f"host_graphs:{factory}"))
    segments = segments_of(host.pid)
    units = [process.pid for process in host.processes]
    told: list[str] = []
    host.on_exit(told.append)
    os.kill(host.pid, signal.SIGKILL)
    wait_for(lambda: bool(told), "the kernel to be told", TOLD_S)
    reason = told[0]
    assert reason == f"host process {host.pid} was killed by SIGKILL"
    assert (host.status, host.exit_reason) == ("died", reason)
    wait_for(
        lambda: (
            not any(psutil.pid_exists(pid) for pid in units)
            and not session_members(host.pid)
            and not shared_memory_segments() & segments
        ),
        "units and shared memory to be gone",
        GONE_S,
    )
    host.stop()
    assert len(told) == 1


def test_host_that_gets_sigterm_ends_in_order_and_tells() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    told: list[str] = []
    host.on_exit(told.append)
    os.kill(host.pid, signal.SIGTERM)
    wait_for(lambda: bool(told), "the kernel to be told", TOLD_S)
    assert told == ["the host got SIGTERM"]
    assert host.status == "died"
    host.stop()


def test_unit_process_killed_and_the_rest_goes_on() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:with_grandchild"))
    exits: list[ProcessExit] = []
    host.on_unit_exit(exits.append)
    wait_for(lambda: bool(host.logs("PARENT")), "the line of PARENT")
    victim = next(process for process in host.processes if process.units == ("PARENT",))
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: bool(exits), "the kernel to be told", TOLD_S)
    ended = exits[0]
    assert (ended.pid, ended.units) == (victim.pid, ("PARENT",))
    assert (ended.exit_code, ended.reason) == (-signal.SIGKILL, "was killed by SIGKILL")
    assert ended.lines[-1].startswith("grandchild ")
    assert host.status == "running"
    assert {process.units for process in host.processes} == {("SOURCE",), ("SINK",)}
    assert all(psutil.pid_exists(process.pid) for process in host.processes)
    host.stop()
    assert host.exit_reason == "stopped"
    assert len(exits) == 1
    host.on_unit_exit(exits.append)
    wait_for(lambda: len(exits) == 2, "a late callback to be told")


def test_all_unit_processes_killed_ends_the_host() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    told: list[str] = []
    exits: list[ProcessExit] = []
    host.on_exit(told.append)
    host.on_unit_exit(exits.append)
    for process in host.processes:
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: bool(told), "the kernel to be told")
    assert told == ["all unit processes have ended"]
    assert host.status == "died"
    wait_for(lambda: len(exits) == 2, "both exits")
    host.stop()


@pytest.mark.parametrize("factory", ["stubborn", "with_grandchild"])
def test_stop_ends_what_does_not_end_by_itself(factory: str) -> None:
    host = GraphHost.start(GraphSpec(factory=f"host_graphs:{factory}"))
    segments = segments_of(host.pid)
    host.stop(timeout_s=2.0)
    assert host.exit_reason == "stopped"
    assert not session_members(host.pid)
    assert not shared_memory_segments() & segments


def test_stop_of_a_stopped_host() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    segments = segments_of(host.pid)
    os.kill(host.pid, signal.SIGSTOP)
    host.stop(timeout_s=1.0)
    assert host.exit_reason == "killed: it did not stop in time"
    assert not session_members(host.pid)
    assert not shared_memory_segments() & segments


def test_server_shut_down_by_a_client_is_told() -> None:
    host = GraphHost.start(GraphSpec(factory="host_graphs:steady"))
    told: list[str] = []
    host.on_exit(told.append)
    subprocess.run(
        [sys.executable, "-m", "ezmsg.core", "shutdown", "--address", host.address],
        check=True,
        capture_output=True,
        timeout=60,
    )
    wait_for(lambda: bool(told), "the kernel to be told")
    assert told == ["the GraphServer was shut down by a client"]
    host.stop()
