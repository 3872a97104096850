"""The history of a graph: what was added, removed, rewired, and when."""

from __future__ import annotations

import time
from dataclasses import replace

import pandas as pd
from real_graphs import RunningGraph, wait_for

import ezmsg_nb as ezn
from kernel_runtime.model import Edge, ProcessInfo, Topology, UnitInfo
from kernel_runtime.topology_history import TopologyChange, TopologyHistory, topology_changes


def unit(address: str, process_id: str | None = "p", pid: int | None = 1) -> UnitInfo:
    return UnitInfo(address, address, "x.Y", "x.S", None, (), (), "s", None, process_id, pid, "h")


EMPTY = Topology()
ONE = Topology(
    units={"A": unit("A"), "B": unit("B")},
    edges=(Edge("A/OUT", "B/IN", "A", "B", ("s",)),),
    processes={"p": ProcessInfo("p", 1, "h", ("A", "B"))},
)


def test_everything_that_differs_is_named() -> None:
    other = replace(
        ONE,
        units={"A": unit("A", None, None), "C": unit("C")},
        edges=(Edge("A/OUT", "C/IN", "A", "C", ("persistent",)),),
    )
    assert topology_changes(ONE, other) == [
        TopologyChange("unit added", "C", "x.Y"),
        TopologyChange("unit removed", "B", "x.Y"),
        TopologyChange("unit moved", "A", "pid 1 on h -> no process"),
        TopologyChange("connected", "A/OUT -> C/IN", "owned by persistent"),
        TopologyChange("disconnected", "A/OUT -> B/IN"),
    ]
    assert topology_changes(ONE, ONE) == []
    assert {change.kind for change in topology_changes(ONE, EMPTY)} == {
        "unit removed",
        "disconnected",
        "process removed",
    }


def test_a_time_finds_what_held_then() -> None:
    history = TopologyHistory()
    assert history.at(1.0) == EMPTY
    history.record(10.0, ONE)
    history.record(20.0, EMPTY)
    assert history.at(5.0) is ONE
    assert history.at(10.0) is ONE
    assert history.at(19.9) is ONE
    assert history.at(20.0) is EMPTY
    assert {moment for moment, _ in history.changes()} == {20.0}


def test_rewiring_of_a_real_graph_is_in_its_history(running_graph: RunningGraph) -> None:
    with ezn.connect(running_graph.address) as graph, ezn.connect(running_graph.address) as other:
        assert graph.topology_events().empty
        before = pd.Timestamp.now("UTC")
        other._run(other.aio.connect("GAIN/OUTPUT", "WATCH/INPUT"))
        wait_for(lambda: not graph.topology_events().empty, "the new edge", 30.0)
        events = graph.topology_events()
        assert list(events.columns) == ["time", "change", "subject", "detail"]
        assert list(events["change"]) == ["connected"]
        assert list(events["subject"]) == ["GAIN/OUTPUT -> WATCH/INPUT"]
        connected = time.time()
        other._run(other.aio.disconnect("GAIN/OUTPUT", "WATCH/INPUT"))
        wait_for(lambda: len(graph.topology_events()) == 2, "its end", 30.0)
        assert graph.topology_diff().empty
        between = graph.topology_diff(before, pd.Timestamp(connected, unit="s", tz="UTC"))
        assert list(between["change"]) == ["connected"]
