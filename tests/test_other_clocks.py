"""Clocks of another host: processes in a time namespace, whose clock is really another one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from real_graphs import wait_for
from trace_graphs import RATE_HZ, traced_graph

import ezmsg_nb as ezn
from ezmsg_nb.trace import Trace
from kernel_runtime import background_loop

AHEAD_S = 1000

OTHER_HOST = """
import sys
import ezmsg.core as ez
from trace_graphs import Hold, Tick

host, port = sys.argv[1].split(":")
far, far_sink = Tick(), Hold()
ez.run(
    FAR=far, FAR_SINK=far_sink, connections=[(far.OUTPUT, far_sink.INPUT)],
    process_components=[far, far_sink], graph_address=(host, int(port)),
)
"""

THIS_HOST = """
import sys
import ezmsg.core as ez
from trace_graphs import Hold

host, port = sys.argv[1].split(":")
ez.run(NEAR=Hold(), graph_address=(host, int(port)))
"""


def namespaces() -> list[str]:
    """A command that runs another one with its own clock and host name."""
    return [
        *("unshare", "--time", "--monotonic", str(AHEAD_S), "--uts", "--fork", "--kill-child"),
        *("sh", "-c", 'hostname farhost && exec "$@"', "sh"),
    ]


@contextmanager
def graph_at(address: str, script: str, *before: str) -> Iterator[None]:
    with subprocess.Popen(
        [*before, sys.executable, "-c", script, address],
        cwd=Path(__file__).parent,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(15)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def trace() -> Iterator[tuple[Trace, pd.Timestamp, pd.Timestamp]]:
    if shutil.which("unshare") is None:
        pytest.skip("`unshare` (util-linux) is not installed, so no other clock can be made")
    tried = subprocess.run([*namespaces(), "true"], capture_output=True, text=True, timeout=10)
    if tried.returncode != 0:
        pytest.skip(f"no time namespace can be made here (needs root): {tried.stderr}")
    with traced_graph("chain") as graph:
        with graph_at(graph.address, OTHER_HOST, *namespaces()):
            with graph_at(graph.address, THIS_HOST):
                wait_for(lambda: _is_up(graph), "both graphs", 30.0)
                graph.connect("FAR/OUTPUT", "NEAR/INPUT")
                began = pd.Timestamp.now("UTC")
                with graph.trace(topics=["FAR", "FAR_SINK", "NEAR"]) as found:
                    wait_for(lambda: len(found) > 10 * RATE_HZ, "samples", 20.0)
                yield found, began, pd.Timestamp.now("UTC")


def _is_up(graph: ezn.LiveGraph) -> bool:
    units = graph.units()
    names = ["FAR", "FAR_SINK", "NEAR"]
    return set(names) <= set(units.index) and bool(units.loc[names, "pid"].notna().all())


def row_of(frame: pd.DataFrame, **values: str) -> dict[Any, Any]:
    """The only row with these values."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    (found,) = frame.to_dict("records")
    return found


Traced = tuple[Trace, pd.Timestamp, pd.Timestamp]


def test_their_offset_is_measured_with_an_error(trace: Traced) -> None:
    clock = trace[0].clock()
    far, near = row_of(clock, units="FAR"), row_of(clock, units="NEAR")
    assert near["shared"] and near["error_ns"] == 0
    assert not far["shared"] and far["host"] == "farhost"
    assert 0 < far["error_ns"] <= far["round_trip_ns"]
    ahead_ns = near["wall_offset_ns"] - far["wall_offset_ns"]
    assert abs(ahead_ns - AHEAD_S * 10**9) <= far["error_ns"] + 100_000


def test_processes_of_one_other_host_share_a_clock(trace: Traced) -> None:
    clock = trace[0].clock()
    far, far_sink = row_of(clock, units="FAR"), row_of(clock, units="FAR_SINK")
    assert far["wall_offset_ns"] == far_sink["wall_offset_ns"]
    row = row_of(trace[0].latency(), from_unit="FAR", to_unit="FAR_SINK")
    assert row["clock_error_ms"] == 0
    assert not row["below_error"]


def test_latency_between_hosts_has_an_error_bar(trace: Traced) -> None:
    row = row_of(trace[0].latency(), from_unit="FAR", to_unit="NEAR")
    error_ms = row["clock_error_ms"]
    assert error_ms == row_of(trace[0].clock(), units="FAR")["error_ns"] / 1e6
    assert row["matched"] > 0.9 * row["received"] > 0
    # A loopback transport takes less than a tenth of a second: the 1,000 s are gone.
    assert abs(row["transport_p50_ms"]) < 100 + error_ms
    assert bool(row["below_error"]) == (abs(row["transport_p50_ms"]) < error_ms)


def test_samples_are_of_their_true_time(trace: Traced) -> None:
    found, began, ended = trace
    slack = pd.Timedelta(10, "ms")
    frame = found.frame()
    for unit in ("FAR", "NEAR"):
        times = frame[frame["unit"] == unit]["time"]
        assert times.min() >= began - slack and times.max() <= ended + slack
