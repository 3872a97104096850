"""Latency on graphs whose true numbers are known: holds, fan-out, fan-in, drops, paths."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import pytest
from trace_graphs import HOLD_S, RATE_HZ, traced_graph

from ezmsg_nb.trace import Trace
from kernel_runtime import background_loop
from kernel_runtime.profiling.clocks import ProcessClock, clock_error_ns

BUFFERS = 32
"""So many messages of a publisher may be under way when a trace begins, and when it ends."""


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


def traced(factory: str, seconds: float) -> Iterator[Trace]:
    with traced_graph(factory) as graph:
        with graph.trace() as trace:
            time.sleep(seconds)
    yield trace


@pytest.fixture(scope="module")
def chain() -> Iterator[Trace]:
    yield from traced("chain", 2.0)


@pytest.fixture(scope="module")
def fan_in() -> Iterator[Trace]:
    yield from traced("fan_in", 1.5)


@pytest.fixture(scope="module")
def leaky() -> Iterator[Trace]:
    yield from traced("leaky", 1.5)


def edge(frame: pd.DataFrame, start: str, end: str) -> pd.Series:
    found = frame[(frame["from_unit"] == start) & (frame["to_unit"] == end)]
    assert len(found) == 1
    return found.iloc[0]


def test_each_connection_has_its_numbers(chain: Trace) -> None:
    frame = chain.latency()
    for start, end in (("TICK", "HOLD"), ("HOLD", "SINK"), ("TICK", "SIDE")):
        row = edge(frame, start, end)
        assert row["no_publish"] <= BUFFERS
        assert row["received"] == row["matched"] + row["ambiguous"] + row["no_publish"]
        assert row["published"] == row["matched"] + row["not_received"]
        assert row["ambiguous"] == 0
        assert row["matched"] > RATE_HZ
        assert row["clock_error_ms"] == 0 and not row["below_error"]
        assert row["channel"] == "SHM"
        assert 0 <= row["negative"] <= row["matched"]
    held = edge(frame, "TICK", "HOLD")
    assert held["processing_p50_ms"] >= 0.99 * HOLD_S * 1e3
    assert held["processing_p50_ms"] <= held["lease_p50_ms"]
    # Upper bounds hold on any machine: none is longer than the trace, and a sink does nothing.
    traced_ms = 1e3 * chain.recording.duration_s
    assert max(held["lease_p50_ms"], frame["transport_p50_ms"].max()) < traced_ms
    assert edge(frame, "HOLD", "SINK")["processing_p50_ms"] < held["processing_p50_ms"]


def test_a_message_is_followed_along_a_path(chain: Trace) -> None:
    path = chain.path("TICK", "SINK")
    assert path.attrs["units"] == ("TICK", "HOLD", "SINK")
    gone = sum(messages for _, _, messages in path.attrs["lost"])
    assert len(path) + gone == path.attrs["started"]
    assert gone <= 2 * BUFFERS
    steps = path[["TICK -> HOLD ms", "HOLD ms", "HOLD -> SINK ms"]].sum(axis=1)
    assert steps.to_numpy() == pytest.approx(path["total_ms"].to_numpy(), abs=1e-6)
    assert path["HOLD ms"].min() >= HOLD_S * 1e3 * 0.99
    with pytest.raises(ValueError, match="No path"):
        chain.path("SINK", "TICK")
    with pytest.raises(ValueError, match="No unit"):
        chain.path("TICK", "NOBODY")


def test_publishers_of_one_input_are_told_apart(fan_in: Trace) -> None:
    frame = fan_in.latency()
    slow, fast = edge(frame, "SLOW", "SINK"), edge(frame, "FAST", "SINK")
    assert slow["received"] == fast["received"]
    for row in (slow, fast):
        # Numbers drift apart at once, so nearly all is clear; what isn't is counted.
        assert row["matched"] + row["ambiguous"] >= row["published"] - BUFFERS
        assert row["matched"] > 0.7 * row["published"]
    sorted_out = slow["matched"] + fast["matched"] + slow["ambiguous"] + slow["no_publish"]
    assert sorted_out == slow["received"]
    assert fast["matched"] == pytest.approx(1.5 * slow["matched"], rel=0.35)


def test_what_a_leaky_input_drops_is_no_lost_sample(leaky: Trace) -> None:
    row = edge(leaky.latency(), "TICK", "SINK")
    assert row["no_publish"] <= BUFFERS
    assert row["not_received"] > 0.6 * row["published"]
    # A leaky subscriber emits no spans: not zero, but not known.
    assert pd.isna(row["processing_p50_ms"])
    losses = leaky.losses().set_index("metric")
    assert losses.loc["lease_time_ns", "leaky_dropped"] > 0.6 * row["published"]
    assert losses["lost"].sum() == 0


def test_errors_of_clocks_add_up_between_hosts_only() -> None:
    def clock(process: str, host: str, error_ns: int, shared: bool) -> ProcessClock:
        return ProcessClock(process, host, 0, error_ns, 2 * error_ns, shared)

    clocks = {
        "a": clock("a", "here", 0, True),
        "b": clock("b", "here", 0, True),
        "c": clock("c", "there", 300, False),
        "d": clock("d", "there", 200, False),
        "e": clock("e", "elsewhere", 100, False),
    }
    assert clock_error_ns(clocks, "a", "b") == 0
    assert clock_error_ns(clocks, "a", "c") == 300
    assert clock_error_ns(clocks, "c", "d") == 0
    assert clock_error_ns(clocks, "c", "e") == 400
    assert clock_error_ns(clocks, "a", "unknown") is None
