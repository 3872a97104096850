"""The doctor finds orphans, stopped processes, blocked addresses and shared memory left over."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from ezmsg.core.graphmeta import GraphMetadata
from real_graphs import GraphServerProcess, RunningGraph, wait_for
from stopping import stopped

from ezmsg_nb.__main__ import main
from kernel_runtime import AddressCollisionError, KernelGraphContext, shared_memory
from kernel_runtime.doctor import examine
from kernel_runtime.local_processes import is_orphan


@pytest.fixture(autouse=True)
def no_shared_memory_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What other work on this machine leaves behind must not decide these tests.
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(shared_memory, "FOLDER", folder)


async def test_a_healthy_graph_is_well(
    shared_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await examine(shared_graph.address)
    assert report.is_well
    assert {one.pid for one in report.processes if one.units} == set(shared_graph.pids)
    (session,) = report.sessions
    assert set(shared_graph.units) <= set(session.components)
    assert await asyncio.to_thread(main, ["doctor", shared_graph.address]) == 0
    said = capsys.readouterr().out
    assert f"{shared_graph.address}: reachable" in said
    assert "All is well." in said
    for pid in shared_graph.pids:
        assert f"pid {pid} on" in said


def test_nothing_at_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "127.0.0.1:1"]) == 1
    assert "not reachable" in capsys.readouterr().out
    assert main(["doctor", "nonsense"]) == 2
    assert "no port" in capsys.readouterr().err


async def test_a_stopped_process_is_named_with_what_to_do(shared_graph: RunningGraph) -> None:
    pid = shared_graph.pids[1]
    with stopped(pid):
        report = await examine(shared_graph.address)
    (found,) = [process for process in report.processes if not process.is_well]
    assert (found.pid, found.stopped, found.orphan) == (pid, True, False)
    assert f"kill -CONT {pid}" in found.advice


async def test_17_orphans_are_named_and_ended_on_request(
    running_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    units = running_graph.pids[1:]
    assert not any(is_orphan(pid) for pid in running_graph.pids)
    os.kill(running_graph.pid, signal.SIGKILL)
    wait_for(lambda: all(is_orphan(pid) for pid in units), "the units to be orphans")
    report = await examine(running_graph.address)
    assert sorted(process.pid or 0 for process in report.orphans) == sorted(units)
    assert [session.blocks for session in report.sessions] == [True]

    async with KernelGraphContext(running_graph.address) as context:
        snapshot = await context.snapshot()
        (metadata,) = [one.metadata for one in snapshot.sessions.values() if one.metadata]
        again = GraphMetadata(1, None, {"GAIN": metadata.components["GAIN"]})
        with pytest.raises(AddressCollisionError, match=r"'GAIN' is registered .*still runs"):
            await context.register_metadata(again)
        doctor = ["doctor", running_graph.address, "--end-orphans"]
        assert await asyncio.to_thread(main, doctor) == 1
        assert "--yes" in capsys.readouterr().err
        assert all(psutil.pid_exists(pid) for pid in units)
        assert await asyncio.to_thread(main, [*doctor, "--yes"]) == 0
        said = capsys.readouterr().out
        assert all(f"pid {pid}: " in said for pid in units), said
        wait_for(lambda: not any(is_orphan(pid) for pid in units), "the end of the orphans")
        deadline = time.monotonic() + 5
        while True:
            try:
                await context.register_metadata(again)
                break
            except AddressCollisionError:
                assert time.monotonic() < deadline


async def test_processes_of_a_server_that_was_replaced_are_named(
    running_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    pids = sorted(running_graph.pids)
    assert not (await examine(running_graph.address)).lost
    await asyncio.to_thread(running_graph.server.kill)
    alone = await examine(running_graph.address)
    assert alone.trouble
    assert [process.pid for process in alone.lost] == pids
    await asyncio.to_thread(running_graph.server.restart)
    report = await examine(running_graph.address)
    assert not report.trouble
    assert [process.pid for process in report.lost] == pids
    assert not report.is_well
    assert await asyncio.to_thread(main, ["doctor", running_graph.address]) == 1
    said = capsys.readouterr().out
    for pid in pids:
        assert f"`kill {pid}`" in said
    assert "pipeline_script.py" in said


async def test_a_session_without_processes_is_named(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        await context.connect("A", "B")
        report = await examine(graph_server.address)
        (session,) = report.sessions
        assert (session.session_id, session.edges) == (str(context.session_id), 1)
        assert report.is_well


def segment(folder: Path, name: str, *, buffers: int = 2, age_s: float = 60.0) -> Path:
    path = folder / name
    path.write_bytes(buffers.to_bytes(8, "little") + (64).to_bytes(8, "little") + bytes(112))
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_shared_memory_left_over_is_removed_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shm"
    left = segment(folder, "psm_left")
    kept = [
        segment(folder, "psm_other", buffers=3),
        segment(folder, "psm_young", age_s=0.0),
        segment(folder, "other_name"),
    ]
    in_use = segment(folder, "psm_used")
    with in_use.open("rb"):
        assert [found.name for found in shared_memory.left_over_segments()] == ["psm_left"]
        main(["doctor", "127.0.0.1:1", "--remove-shared-memory"])
    assert "psm_left: removed" in capsys.readouterr().out
    assert not left.exists()
    assert all(path.exists() for path in [*kept, in_use])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is no file here")
def test_a_segment_of_ezmsg_is_known_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", Path("/dev/shm"))
    monkeypatch.setattr(shared_memory, "YOUNG_S", -1.0)
    # Killed together with its resource tracker, as when memory runs out.
    script = (
        "from multiprocessing import resource_tracker; from ezmsg.core.shm import SHMInfo\n"
        "info = SHMInfo.create(4, 65536)\n"
        "resource_tracker.unregister(info.shm._name, 'shared_memory')\n"
        "print(info.shm.name, flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        name = maker.stdout.readline().strip()
        assert name not in {found.name for found in shared_memory.left_over_segments()}
        maker.kill()
    (found,) = [found for found in shared_memory.left_over_segments() if found.name == name]
    assert found.size == 4 * (65536 + 64)
    assert shared_memory.remove_segment(found)
    assert not shared_memory.remove_segment(found)
