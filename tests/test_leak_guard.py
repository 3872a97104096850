"""The leak guard sees each kind of leak, and the test fixtures themselves leave none."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from multiprocessing.shared_memory import SharedMemory

import psutil
from ezmsg.core.graphcontext import GraphContext
from leak_guard import LeakGuard
from real_graphs import GraphServerProcess, RunningGraph, answers, wait_for

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_nothing_started_is_clean() -> None:
    assert LeakGuard().wait_until_clean(deadline_s=0) == []


def test_sees_a_child_and_ends_it() -> None:
    guard = LeakGuard()
    child = subprocess.Popen(SLEEPER)
    (line,) = guard.wait_until_clean(deadline_s=0)
    assert str(child.pid) in line
    assert "time.sleep(60)" in line
    assert child.wait(timeout=30) == -9


def test_sees_an_orphan_in_a_session_of_its_own() -> None:
    guard = LeakGuard()
    parent = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(p.pid); p.returncode = 0"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=True)
    orphan = int(done.stdout)
    (line,) = guard.wait_until_clean(deadline_s=0)
    assert f"pid {orphan}" in line
    wait_for(lambda: not psutil.pid_exists(orphan), "the end of the orphan")


def test_sees_a_listening_port() -> None:
    guard = LeakGuard()
    with socket.create_server(("127.0.0.1", 0)) as server:
        (line,) = guard.wait_until_clean(deadline_s=0)
        assert str(server.getsockname()[1]) in line
    assert guard.wait_until_clean(deadline_s=0) == []


def test_sees_shared_memory() -> None:
    guard = LeakGuard()
    segment = SharedMemory(create=True, size=64)
    try:
        (line,) = guard.wait_until_clean(deadline_s=0)
        assert segment.name in line
    finally:
        segment.close()
        segment.unlink()
    assert guard.wait_until_clean(deadline_s=0) == []


def test_waits_for_a_thread_that_is_about_to_end() -> None:
    guard = LeakGuard()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="slow to end")
    thread.start()
    (line,) = guard.wait_until_clean(deadline_s=0)
    assert "slow to end" in line
    threading.Timer(0.1, release.set).start()
    assert guard.wait_until_clean(deadline_s=5) == []


def test_graph_server_restarts_on_its_port(graph_server: GraphServerProcess) -> None:
    first = graph_server.pid
    graph_server.kill()
    assert not answers((graph_server.host, graph_server.port))
    graph_server.restart()
    assert graph_server.pid != first
    assert answers((graph_server.host, graph_server.port))


async def test_running_graph_has_its_units_in_three_processes(running_graph: RunningGraph) -> None:
    host, port = running_graph.address.split(":")
    async with asyncio.timeout(10), GraphContext((host, int(port)), auto_start=False) as context:
        snapshot = await context.snapshot()
    owned = {unit for process in snapshot.processes.values() for unit in process.units}
    assert owned == set(running_graph.units)
    assert len(snapshot.processes) == 3
    assert len(running_graph.pids) == 3
    in_slot = range(running_graph.server.port, running_graph.server.port + 40)
    ports = {
        c.laddr.port
        for pid in running_graph.pids
        for c in psutil.Process(pid).net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert ports <= set(in_slot)


def test_a_killed_parent_leaves_nothing_after_the_fixture(running_graph: RunningGraph) -> None:
    os.kill(running_graph.pid, 9)
    wait_for(lambda: not running_graph.running, "the end of the pipeline's first process")
