"""Bottlenecks are found on graphs where the bottleneck is known by construction."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from trace_graphs import traced_graph

from kernel_runtime import background_loop


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


def found_in(factory: str) -> pd.DataFrame:
    with traced_graph(factory) as graph:
        frame = graph.bottlenecks(1.0)
    assert list(frame.index) == list(range(1, len(frame) + 1))
    assert frame["score"].is_monotonic_decreasing
    return frame


def without_processes(frame: pd.DataFrame) -> pd.DataFrame:
    """Suspects but for processes: on a machine that others use too, any may lack a CPU."""
    return frame[frame["kind"] != "process"]


def test_slow_unit() -> None:
    frame = found_in("slow_unit")
    worst = without_processes(frame).iloc[0]
    assert (worst["kind"], worst["name"]) == ("unit", "WORK"), frame["evidence"].tolist()
    assert worst["limiting"] and worst["busy"] > 0.5
    assert worst["queued"] > 0.5
    assert "busy with its own work" in worst["evidence"]
    assert "upstream TICK was blocked" in worst["evidence"]
    assert not frame[frame["name"] == "SINK"]["limiting"].any()


def test_slow_consumer() -> None:
    frame = found_in("slow_consumer")
    worst = without_processes(frame).iloc[0]
    assert (worst["kind"], worst["name"]) == ("unit", "SINK"), frame["evidence"].tolist()
    assert worst["busy"] > 0.6
    passing = frame[frame["name"] == "PASS"].iloc[0]
    assert not passing["limiting"]
    assert passing["blocked"] > 0.5
    assert "itself blocked by its consumers" in passing["evidence"]


def test_fan_in() -> None:
    frame = found_in("busy_fan_in")
    worst = without_processes(frame).iloc[0]
    assert (worst["kind"], worst["name"]) == ("unit", "JOIN"), frame["evidence"].tolist()
    assert "hears 3 publishers" in worst["evidence"]


def test_starved_process() -> None:
    frame = found_in("starved")
    worst = frame[frame["name"] != "BURNER"].iloc[0]
    assert (worst["kind"], worst["name"]) == ("process", "WORK"), frame["evidence"].tolist()
    assert "got no CPU" in worst["evidence"]
    assert worst["limiting"]


def test_leaky_drop() -> None:
    frame = found_in("leaky")
    worst = without_processes(frame).iloc[0]
    assert (worst["kind"], worst["name"]) == ("leaky", "SINK"), frame["evidence"].tolist()
    assert worst["dropped"] == pytest.approx(0.75, abs=0.08)
    assert "dropped" in worst["evidence"] and "messages/s" in worst["evidence"]


def test_large_messages_over_a_socket() -> None:
    frame = found_in("blobs")
    worst = without_processes(frame).iloc[0]
    assert (worst["kind"], worst["name"]) == ("edge", "BLOB -> SINK"), frame["evidence"].tolist()
    assert "by TCP" in worst["evidence"]


def test_nothing_limits_an_idle_graph() -> None:
    frame = found_in("chain")
    units = frame[frame["kind"] == "unit"]
    assert set(units["name"]) == {"TICK", "HOLD", "SINK", "SIDE"}
    assert units.iloc[0]["name"] == "HOLD"
    # Half a message's time by its hold alone; more where the machine is busy otherwise.
    assert units.iloc[0]["busy"] > 0.4
    assert not units[units["name"] != "HOLD"]["limiting"].any()
