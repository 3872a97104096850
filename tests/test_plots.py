"""Pictures and files of traces: drawn without pyplot, and read back where they are files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from real_graphs import wait_for
from trace_graphs import traced_graph

from ezmsg_nb.plots import (
    cliffs_delta,
    compare,
    new_axes,
    plot_comparison,
    plot_gantt,
    plot_latency,
    plot_rates,
    plot_waterfall,
)
from ezmsg_nb.trace import Trace
from ezmsg_nb.trace_export import read_trace
from kernel_runtime import background_loop


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def traces() -> tuple[Trace, Trace]:
    with traced_graph("chain") as graph:
        with graph.trace() as before:
            time.sleep(0.7)
        graph.settings["HOLD"]["hold_s"] = 0.02
        with graph.trace() as after:
            # What waits in the buffers was published before the trace, and can't be matched.
            wait_for(lambda: _held(after) >= 20, "messages held in the trace", 60.0)
    return before, after


def _held(trace: Trace) -> int:
    frame = trace.latency()
    return int(frame.loc[frame["to_unit"] == "HOLD", "matched"].sum())


@pytest.fixture(autouse=True)
def no_pyplot_figures() -> Iterator[None]:
    yield
    from matplotlib import _pylab_helpers

    assert not _pylab_helpers.Gcf.figs


def texts(axes: Axes) -> str:
    labels = [label.get_text() for label in (*axes.get_yticklabels(), *axes.texts)]
    legend = axes.get_legend()
    if legend is not None:
        labels += [text.get_text() for text in legend.get_texts()]
    return " ".join([*labels, axes.get_xlabel(), axes.get_ylabel()])


def test_each_plot_names_units_and_says_its_unit(traces: tuple[Trace, Trace]) -> None:
    trace, after = traces
    for axes, words in (
        (plot_rates(trace), ("messages/s", "TICK", "HOLD")),
        (plot_latency(trace), ("(ms)", "TICK → HOLD", "HOLD → SINK")),
        (plot_gantt(trace), ("(ms)", "HOLD", "SIDE")),
        (plot_waterfall(trace.path("TICK", "SINK")), ("(ms)", "TICK → HOLD", "HOLD")),
        (plot_comparison(trace, after, what="processing"), ("(ms)", "before", "TICK → HOLD", "δ")),
    ):
        shown = texts(axes)
        assert all(word in shown for word in words), shown
        figure = axes.figure
        assert isinstance(figure, Figure)
        figure.canvas.draw()


def test_plots_draw_where_they_are_told(traces: tuple[Trace, Trace]) -> None:
    trace, after = traces
    axes = new_axes()
    assert plot_rates(trace, axes, bin_s=0.1) is axes
    assert plot_latency(trace, new_axes()).get_xscale() == "symlog"
    assert len(trace.plot().axes) == 3
    with pytest.raises(ValueError, match="transport, processing, lease"):
        plot_comparison(trace, after, what="speed")


def test_rates_are_right(traces: tuple[Trace, Trace]) -> None:
    axes = plot_rates(traces[0], bin_s=0.2)
    line = next(line for line in axes.lines if line.get_label() == "TICK")
    heights = np.asarray(line.get_ydata(), dtype=float)
    frame = traces[0].frame()
    ticks = frame[(frame["unit"] == "TICK") & (frame["metric"] == "publish_delta_ns")]["time"]
    rate_hz = (len(ticks) - 1) / (ticks.max() - ticks.min()).total_seconds()
    assert np.median(heights) == pytest.approx(rate_hz, rel=0.4)
    # Without a width they are as narrow as the messages allow.
    of_itself = plot_rates(traces[0])
    line = next(line for line in of_itself.lines if line.get_label() == "TICK")
    assert len(np.asarray(line.get_ydata())) >= 5


def test_a_change_of_settings_shows_as_an_effect(traces: tuple[Trace, Trace]) -> None:
    frame = compare(*traces, what="processing")
    held = frame.loc["TICK → HOLD"]
    assert held["before_p50_ms"] > 4.9
    assert held["after_p50_ms"] > max(19.9, held["before_p50_ms"])
    assert held["cliffs_delta"] > 0.2
    assert held["change_percent"] > 0


def test_cliffs_delta() -> None:
    low, high = np.arange(10), np.arange(100, 110)
    assert cliffs_delta(low, high) == 1.0
    assert cliffs_delta(high, low) == -1.0
    assert cliffs_delta(low, low) == 0.0


def test_parquet_and_back(traces: tuple[Trace, Trace], tmp_path: Path) -> None:
    trace = traces[0]
    trace.to_parquet(tmp_path / "trace")
    frame = trace.frame()
    back = read_trace(tmp_path / "trace")
    pd.testing.assert_frame_equal(back, frame, check_categorical=False)
    # One folder a process, as pandas, DuckDB and Dask read it too.
    plain = pd.read_parquet(tmp_path / "trace")
    assert set(plain.columns) == set(frame.columns)
    assert len(plain) == len(frame)
    assert plain["process_id"].nunique() == 4
    with pytest.raises(FileExistsError):
        trace.to_parquet(tmp_path / "trace")
    with pytest.raises(FileNotFoundError):
        read_trace(tmp_path / "nothing")


def test_csv(traces: tuple[Trace, Trace], tmp_path: Path) -> None:
    traces[0].to_csv(tmp_path / "trace.csv")
    back = pd.read_csv(tmp_path / "trace.csv")
    frame = traces[0].frame()
    assert list(back.columns) == list(frame.columns)
    assert back["value_ns"].tolist() == frame["value_ns"].tolist()


def test_perfetto_is_parsed_back(traces: tuple[Trace, Trace], tmp_path: Path) -> None:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Proto
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

    trace = traces[0]
    path = tmp_path / "trace.pftrace"
    trace.to_perfetto(path)
    proto = Proto()
    proto.ParseFromString(path.read_bytes())
    frame = trace.frame()

    tracks = [p.track_descriptor for p in proto.packet if p.HasField("track_descriptor")]
    by_uuid = {track.uuid: track for track in tracks}
    assert len(by_uuid) == len(tracks)
    processes = [track for track in tracks if track.HasField("process")]
    assert {track.process.process_name for track in processes} == {"TICK", "HOLD", "SINK", "SIDE"}
    units = [track for track in tracks if track.parent_uuid in {p.uuid for p in processes}]
    assert {track.name for track in units} == {"TICK", "HOLD", "SINK", "SIDE"}

    events = [p.track_event for p in proto.packet if p.HasField("track_event")]
    assert all(event.track_uuid in by_uuid for event in events)
    kinds = pd.Series([event.type for event in events]).value_counts()
    slices = frame["metric"].isin(["lease_time_ns", "user_span_ns", "backpressure_wait_ns"]).sum()
    assert kinds[TrackEvent.TYPE_SLICE_BEGIN] == kinds[TrackEvent.TYPE_SLICE_END] == slices
    assert kinds[TrackEvent.TYPE_INSTANT] == (frame["metric"] == "publish_delta_ns").sum()

    begun = [flow for event in events for flow in event.flow_ids]
    ended = [flow for event in events for flow in event.terminating_flow_ids]
    assert len(begun) == trace.latency()["matched"].sum()
    assert sorted(begun) == sorted(ended)
    times = [p.timestamp for p in proto.packet if p.HasField("track_event")]
    assert min(times) > frame["time"].astype("int64").min() - 10**9
    assert max(times) == frame["time"].astype("int64").max()


class _Outside(HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "iframe"):
            self.loads.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and value[0] != "#":
                self.loads.append(f"{tag} {value}")


def test_a_report_is_one_page_and_loads_nothing(
    traces: tuple[Trace, Trace], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    traces[0].report(path)
    page = path.read_text()
    outside = _Outside()
    outside.feed(page)
    assert outside.loads == []
    for words in ("TICK", "hold_s", "Losses", "Clocks", "ezmsg", "transport_p99_ms", "<svg"):
        assert words in page
