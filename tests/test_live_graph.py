"""`LiveGraph` as a cell uses it: blocking calls on the demo, and on a graph of a script."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pandas as pd
import psutil
import pytest
from ezmsg.core.graphmeta import GraphSnapshot
from real_graphs import GraphServerProcess, RunningGraph, wait_for

import ezmsg_nb as ezn
from kernel_runtime import (
    ClosedError,
    GraphError,
    GraphServerUnavailableError,
    SettingsNotAppliedError,
    SettingsRejectedError,
    background_loop,
)


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def demo() -> Iterator[ezn.LiveGraph]:
    with ezn.demo() as graph:
        # The first edit of a unit makes its publisher, with shared memory that stays.
        graph.settings["LP"]["cutoff"] = 40.0
        yield graph


@pytest.fixture
def attached(running_graph: RunningGraph) -> Iterator[ezn.LiveGraph]:
    with ezn.connect(running_graph.address) as graph:
        yield graph


def pid_of(graph: ezn.LiveGraph, unit: str) -> int:
    return int(graph.units()["pid"].astype("int64")[unit])


def test_what_it_says_of_itself(demo: ezn.LiveGraph) -> None:
    assert demo.status == "connected"
    assert demo.address in repr(demo)
    assert demo.server_version in demo.status_text
    assert demo.warnings == ()
    assert isinstance(demo.snapshot(), GraphSnapshot)


def test_units(demo: ezn.LiveGraph) -> None:
    units = demo.units()
    assert len(units) >= 8
    assert list(units.columns) == [
        "type",
        "collection",
        "process_id",
        "pid",
        "host",
        "inputs",
        "outputs",
        "dynamic_settings",
    ]
    assert units.index.name == "unit"
    assert units.loc["LP", "outputs"] == ("LP/OUTPUT_SIGNAL",)
    assert units.loc["LP", "dynamic_settings"]
    assert units.loc["ECOG/NOISE", "collection"] == "ECOG"
    assert units["pid"].nunique() == 3


def test_edges(demo: ezn.LiveGraph) -> None:
    edges = demo.edges()
    assert list(edges.columns) == ["from_topic", "to_topic", "from_unit", "to_unit", "owners"]
    assert ("LP", "DOWNSAMPLE") in set(zip(edges["from_unit"], edges["to_unit"], strict=True))
    assert isinstance(edges["from_topic"].dtype, pd.CategoricalDtype)


def test_processes(demo: ezn.LiveGraph) -> None:
    processes = demo.processes()
    assert list(processes.columns) == ["pid", "host", "units", "rtt_ms", "responsive"]
    assert len(processes) == 3
    assert processes["responsive"].all()
    assert (processes["rtt_ms"] > 0).all()
    assert all(psutil.pid_exists(int(pid)) for pid in processes["pid"])


def test_profile(demo: ezn.LiveGraph) -> None:
    frame = demo.profile(1.0)
    assert frame.index.name == "endpoint_id"
    lp = frame[frame["topic"] == "LP/OUTPUT_SIGNAL"]
    assert list(lp["role"]) == ["publisher"]
    assert list(lp["unit"]) == ["LP"]
    assert lp["rate_hz"].iloc[0] == pytest.approx(50.0, rel=0.6)
    assert lp["window_s"].iloc[0] > 0.9
    assert (frame["reason"] == "").all()
    again = demo.profile()
    assert again["messages_total"].sum() > frame["messages_total"].sum()
    with pytest.raises(ValueError, match="positive"):
        demo.profile(0)


def test_a_setting_is_in_force_when_the_assignment_returns(demo: ezn.LiveGraph) -> None:
    lp = demo.settings["LP"]
    before = lp["cutoff"]
    lp["cutoff"] = 30
    assert lp["cutoff"] == 30.0
    assert type(lp["cutoff"]) is float
    lp.update(cutoff=25.0, order=2)
    assert (lp["cutoff"], lp["order"]) == (25.0, 2)
    lp.reset()
    assert (lp["cutoff"], lp["order"]) == (before, 4)
    history = demo.settings.history()
    assert set(history.columns) == {"time", "unit", "field", "old", "new", "source"}
    assert list(history["source"])[-2:] == ["this kernel"] * 2
    assert "cutoff" in set(demo.settings.frame()["field"])


@pytest.mark.parametrize(
    ("unit", "changes"),
    [
        ("LP", {"cutoff": "abc"}),
        ("LP", {"order": 2.7}),
        ("LP", {"order": 2, "cutoff": "abc"}),
        ("LP", {"no_such_field": 1}),
        ("NOBODY", {"x": 1}),
        ("ECOG", {"fs": 500.0}),
    ],
)
def test_a_bad_edit_changes_nothing(
    demo: ezn.LiveGraph, unit: str, changes: dict[str, object]
) -> None:
    before = demo.settings.frame()
    with pytest.raises(SettingsRejectedError):
        demo.settings.apply({unit: changes})
    pd.testing.assert_frame_equal(demo.settings.frame(), before)


def test_output_of_the_units_is_kept(demo: ezn.LiveGraph) -> None:
    wait_for(lambda: not demo.logs("SINK").empty, "a line of SINK")
    logs = demo.logs("SINK")
    assert list(logs.columns) == ["time", "process", "pid", "unit", "level", "text"]
    assert str(logs["time"].dtype) == "datetime64[ns, UTC]"


def test_display_has_a_widget_and_a_picture(demo: ezn.LiveGraph) -> None:
    bundle = demo._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "LP" in data["text/plain"]
    assert "data:image/svg+xml" in data["text/html"]
    assert "<table" in data["text/html"]


def test_the_widgets_follow(demo: ezn.LiveGraph) -> None:
    picture, form = demo.topology(), demo.settings.form("LP")
    assert "LP" in picture.svg()
    demo.settings["LP"]["cutoff"] = 33.0
    wait_for(lambda: form.value["cutoff"] == 33.0, "the form to follow", 30.0)
    form.edit("cutoff", 22.0)
    wait_for(lambda: demo.settings["LP"]["cutoff"] == 22.0, "the unit to follow the form", 30.0)
    wait_for(lambda: form.fields["cutoff"].state == "applied", "the form to say so", 30.0)
    picture.close()
    form.close()
    demo.settings["LP"].reset()


def test_a_graph_of_a_script(attached: ezn.LiveGraph) -> None:
    attached.settings["GAIN"]["gain"] = 3
    assert attached.settings["GAIN"]["gain"] == 3.0
    attached.settings["GAIN"]["mode"] = "square"
    assert attached.settings["GAIN"]["mode"] == "square"
    for call in (attached.logs, attached.stop):
        with pytest.raises(GraphError, match="not started from this kernel"):
            call()
    attached.close()
    attached.close()
    assert attached.status == "closed"
    with pytest.raises(ClosedError):
        attached.units()


def test_a_stopped_process_is_a_row_with_a_reason(attached: ezn.LiveGraph) -> None:
    pid = pid_of(attached, "GAIN")
    os.kill(pid, signal.SIGSTOP)
    try:
        processes = attached.processes()
        assert list(processes["pid"][~processes["responsive"]]) == [pid]
        frame = attached.profile(0.2)
        reasons = frame[frame["reason"] != ""]
        assert list(reasons["pid"]) == [pid]
        assert "answer" in reasons["reason"].iloc[0]
        with pytest.raises(GraphError):
            attached.settings["GAIN"]["gain"] = 8.0
    finally:
        os.kill(pid, signal.SIGCONT)


def test_nothing_to_attach_to(graph_server: GraphServerProcess) -> None:
    graph_server.kill()
    with pytest.raises(GraphServerUnavailableError, match=graph_server.address):
        ezn.connect(graph_server.address)
    with pytest.raises(ValueError, match="no port"):
        ezn.connect("nowhere")


def test_1_the_server_dies_under_it(attached: ezn.LiveGraph, running_graph: RunningGraph) -> None:
    picture, form = attached.topology(), attached.settings.form("GAIN")
    running_graph.server.kill()
    wait_for(lambda: attached.status == "reconnecting", "the status to say so", 30.0)
    wait_for(lambda: picture._status["state"] == "reconnecting", "the picture to say so", 30.0)
    for call in (attached.units, attached.processes, attached.snapshot):
        with pytest.raises(GraphError):
            call()
    with pytest.raises(GraphError):
        attached.settings["GAIN"]["gain"] = 2.0
    assert "does not answer" in attached.status_text
    picture.close()
    form.close()


def test_7_the_host_dies_under_it() -> None:
    graph = ezn.demo()
    picture = graph.topology()
    assert graph._host is not None
    os.kill(graph._host.pid, signal.SIGKILL)
    wait_for(lambda: graph.status == "closed", "the news of the host's end", 30.0)
    assert "host process ended" in graph.status_text
    with pytest.raises(ClosedError, match="host process ended"):
        graph.units()
    assert picture._status["state"] == "lost"
    graph.stop()
    picture.close()


def test_6_a_unit_dies_and_is_named() -> None:
    with ezn.demo() as graph:
        pid = pid_of(graph, "SINK")
        os.kill(pid, signal.SIGKILL)
        picture = graph.topology()
        wait_for(lambda: any("SINK" in warning for warning in graph.warnings), "the news", 30.0)
        wait_for(lambda: "SINK" in picture._status["text"], "the picture to say so", 30.0)
        assert graph.status == "connected"
        picture.close()
        with pytest.raises((GraphError, SettingsNotAppliedError)):
            graph.settings["SINK"]["no_such"] = 1
        assert graph.settings["LP"]["cutoff"]


def test_settings_of_the_selected_unit_beside_the_picture(demo: ezn.LiveGraph) -> None:
    both = demo.topology(settings=True)
    assert both.form.units == ()
    both.topology.selected = "LP"
    assert both.selected == "LP"
    assert both.form.units == ("LP",)
    both.form.edit("cutoff", 21.0)
    wait_for(lambda: demo.settings["LP"]["cutoff"] == 21.0, "the unit to follow the form", 30.0)
    both.selected = "ECOG/ADD"
    assert both.form.units == ("ECOG/ADD",)
    both.selected = None
    assert both.form.units == ()
    both.close()
    demo.settings["LP"].reset()
