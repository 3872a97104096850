"""`ezmsg-nb status`: a graph on one screen, as a table and as JSON, once and again and again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest
from real_graphs import ProcessTree, RunningGraph, wait_for
from stopping import stopped

from ezmsg_nb.__main__ import main

COMMAND = [sys.executable, "-m", "ezmsg_nb", "status"]


async def test_units_rates_and_no_problems(
    shared_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["status", shared_graph.address]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{shared_graph.address}  ezmsg 3.")
    assert "3 units in 3 processes" in said
    assert "No problems seen." in said
    for unit, pid in zip(shared_graph.units, shared_graph.pids, strict=True):
        (line,) = (line for line in said.splitlines() if line.startswith(f"{unit} "))
        assert re.search(r"\d+\.\d", line), line
        assert any(f"{pid}@" in line for pid in shared_graph.pids), (line, pid)


async def test_json_has_the_same(
    shared_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["status", shared_graph.address, "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["problems"] == []
    units = {unit["unit"]: unit for unit in status["units"]}
    assert set(units) == set(shared_graph.units)
    assert units["SOURCE"]["in_hz"] is None
    assert units["SOURCE"]["out_hz"] > 0
    assert units["SINK"]["in_hz"] > 0
    assert 0.5 < status["window_s"] < 30


async def test_a_process_that_does_not_answer_is_a_problem(
    shared_graph: RunningGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    with stopped(shared_graph.pids[1]):
        assert await asyncio.to_thread(main, ["status", shared_graph.address]) == 1
    said = capsys.readouterr().out
    assert "(no answer)" in said
    assert re.search(rf"^! \w+ \(pid {shared_graph.pids[1]} on ", said, re.MULTILINE)
    assert f"ezmsg-nb doctor {shared_graph.address}" in said


def test_watch_goes_on_until_interrupted(shared_graph: RunningGraph, tmp_path: Path) -> None:
    command = [*COMMAND, shared_graph.address, "--watch", "0.2", "--json"]
    tree = ProcessTree(command, dict(os.environ), tmp_path / "watch.log")
    try:
        wait_for(
            lambda: not tree.running or tree.output.count("\n") >= 3, "three lines", deadline_s=30
        )
        tree.interrupt_group()
        assert tree.wait_until_exit(20.0) == 0, tree.output
        assert all(json.loads(line)["units"] for line in tree.output.splitlines())
    finally:
        tree.end()


def test_nothing_at_the_address_and_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "127.0.0.1:1"]) == 1
    assert "ezmsg-nb doctor 127.0.0.1:1" in capsys.readouterr().err
    assert main(["status", "nonsense"]) == 2
    assert "no port" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["status", "--watch", "soon"])
    assert "0.2 to 3600 seconds" in capsys.readouterr().err
