"""Pictures of traces, by matplotlib's object interface alone.

Each takes an ``ax`` and returns it; without one it makes a figure of its own, which pyplot
doesn't know of: it can be drawn from any thread, and nothing needs to be closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kernel_runtime.profiling.latency import EdgeLatency, TraceReader

from .graph_flow import units_by_flow
from .trace_frames import unit_of_topic

if TYPE_CHECKING:
    from .trace import Trace

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#b8a400")
"""Okabe and Ito's colours, which people of all kinds of colour vision tell apart."""

LINES = ("-", "--", ":", "-.")
"""Where there are more lines than colours."""

Floats = npt.NDArray[np.float64]


def new_axes(width: float = 7.0, height: float = 3.2) -> Axes:
    """Axes in a figure of their own, without pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.subplots()
    return axes


def plot_rates(trace: Trace, ax: Axes | None = None, *, bin_s: float | None = None) -> Axes:
    """Messages per second of each publishing unit, over time.

    Parameters
    ----------
    trace
        With the metric ``publish_delta_ns``.
    ax
        Where to draw.
    bin_s
        Width of the bins in seconds; where None, a fiftieth of the trace, or longer where
        messages are few.
    """
    ax = new_axes() if ax is None else ax
    frame = trace.frame()
    frame = frame[frame["metric"] == "publish_delta_ns"]
    duration_s = trace.recording.duration_s
    width_s = bin_s
    if width_s is None:
        # With few messages a bin the lines would show the bins, not the rates.
        counts_of = frame["topic"].cat.remove_unused_categories().value_counts()
        usual = int(counts_of.median()) if len(counts_of) else 1
        width_s = min(duration_s, max(duration_s / 50, 10 * duration_s / max(1, usual)))
    start_ns = trace.recording.started_at
    edges = np.arange(0.0, max(duration_s, width_s) + 1e-9, width_s)
    per_message = trace.recording.scope.sample_mod
    for number, (topic, rows) in enumerate(frame.groupby("topic", observed=True)):
        seconds = (rows["time"].astype("int64").to_numpy() - start_ns) / 1e9
        counts, _ = np.histogram(seconds, edges)
        unit = rows["unit"].iloc[0]
        label = str(topic if pd.isna(unit) else unit)
        ax.plot(
            edges[:-1] + width_s / 2,
            counts * per_message / width_s,
            color=COLORS[number % len(COLORS)],
            linestyle=LINES[number // len(COLORS) % len(LINES)],
            label=label,
        )
    ax.set_xlabel("time since the trace began (s)")
    ax.set_ylabel("messages/s")
    highest = max((float(np.max(line.get_ydata())) for line in ax.get_lines()), default=0.0)
    ax.set_ylim(0, 1.15 * highest or 1.0)
    _legend_or_words(ax, "no publishes in this trace")
    return ax


def plot_latency(
    trace: Trace, ax: Axes | None = None, *, edges: Sequence[EdgeLatency] | None = None
) -> Axes:
    """Distribution of transport latency for each connection: box p25-p75, whiskers p1-p99.

    The scale is linear up to a tenth of a millisecond either side of zero and logarithmic
    beyond, since publishes are stamped late and latencies may be negative.
    """
    found = TraceReader(trace.recording).edges() if edges is None else edges
    shown = _by_flow(trace, [edge for edge in found if edge.matched])
    ax = new_axes(height=1.0 + 0.36 * max(2, len(shown))) if ax is None else ax
    names = edge_names(trace, shown)
    for number, edge in enumerate(shown):
        low, first, middle, third, high = np.percentile(edge.transport_ns, (1, 25, 50, 75, 99))
        ax.plot([low / 1e6, high / 1e6], [number, number], color="#888888", linewidth=1)
        ax.barh(
            number,
            (third - first) / 1e6,
            left=first / 1e6,
            height=0.55,
            color=COLORS[0],
            alpha=0.55,
        )
        ax.plot([middle / 1e6] * 2, [number - 0.28, number + 0.28], color="black", linewidth=1.5)
        if edge.clock_error_ns:
            ax.axvspan(-edge.clock_error_ns / 1e6, edge.clock_error_ns / 1e6, alpha=0.06)
    ax.set_xscale("symlog", linthresh=0.1)
    ax.axvline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(shown)), names)
    ax.invert_yaxis()
    ax.set_xlabel("transport (ms): median, p25-p75, p1-p99")
    if not shown:
        _say(ax, "no message was matched from a publish to a receipt")
    return ax


def _by_flow(trace: Trace, edges: Sequence[EdgeLatency]) -> list[EdgeLatency]:
    """Edges in the order in which messages pass them, as far as there is one."""
    topology = trace.recording.topology
    units = unit_of_topic(topology)
    place = {unit.address: number for number, unit in enumerate(units_by_flow(topology))}
    last = len(place)

    def at(topic: str) -> int:
        return place.get(units.get(topic, ""), last)

    return sorted(edges, key=lambda edge: (at(edge.from_topic), at(edge.to_topic)))


def edge_names(trace: Trace, edges: Sequence[EdgeLatency]) -> list[str]:
    """``"A → B"`` by unit for each edge, with topics where units alone don't tell them apart."""
    units = unit_of_topic(trace.recording.topology)
    names = [
        f"{units.get(edge.from_topic, edge.from_topic)} → {units.get(edge.to_topic, edge.to_topic)}"
        for edge in edges
    ]
    return [
        name if names.count(name) == 1 else f"{name} ({edge.to_topic.rpartition('/')[2]})"
        for name, edge in zip(names, edges, strict=True)
    ]


def plot_waterfall(path: pd.DataFrame, ax: Axes | None = None, *, which: int | None = None) -> Axes:
    """One message along a path: what it waited and worked for, step by step.

    Parameters
    ----------
    path
        From `Trace.path`.
    ax
        Where to draw.
    which
        Row of `path`; the one whose total is the median where None.
    """
    steps = [name for name in path.columns if name not in ("time", "seq", "total_ms")]
    ax = new_axes(height=1.0 + 0.36 * max(2, len(steps))) if ax is None else ax
    if not len(path):
        _say(ax, "no message could be followed along this path")
        return ax
    order = path["total_ms"].argsort().to_numpy()
    row = path.iloc[int(order[len(order) // 2]) if which is None else which]
    start = 0.0
    for number, step in enumerate(steps):
        length = float(row[step])
        under_way = "->" in step
        ax.barh(number, length, left=start, height=0.6, color=COLORS[1 if under_way else 0])
        ax.annotate(
            f"{length:.3g} ms",
            (max(start, start + length), number),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
        start += length
    ax.set_yticks(range(len(steps)), [s.removesuffix(" ms").replace("->", "→") for s in steps])
    ax.invert_yaxis()
    # Room for what is written beside the last bar.
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.18 * (high - low))
    ax.set_xlabel(f"time since the publish of message {row['seq']} (ms)")
    ax.set_title("orange: under way, blue: in a unit", fontsize="small")
    return ax


def plot_gantt(
    trace: Trace, ax: Axes | None = None, *, start_s: float = 0.0, seconds: float = 0.2
) -> Axes:
    """When each unit held messages, in a part of the trace.

    Parameters
    ----------
    trace
        With the metric ``lease_time_ns`` or ``user_span_ns``.
    ax
        Where to draw.
    start_s, seconds
        Which part: from the beginning of the trace, and how long.
    """
    frame = trace.frame()
    metrics = set(frame["metric"].cat.categories)
    metric = "user_span_ns" if "user_span_ns" in metrics else "lease_time_ns"
    ends = (frame["time"].astype("int64") - trace.recording.started_at) / 1e9
    frame = frame.assign(end=ends, length=frame["value_ns"] / 1e9)
    inside = (frame["end"] > start_s) & (frame["end"] - frame["length"] < start_s + seconds)
    frame = frame[inside & (frame["metric"] == metric)]
    topics = [str(topic) for topic in frame["topic"].unique()]
    units = unit_of_topic(trace.recording.topology)
    held = {units.get(topic, topic) for topic in topics}
    in_order = (unit.address for unit in units_by_flow(trace.recording.topology))
    by_flow = [unit for unit in in_order if unit in held]
    rows = by_flow + sorted(held - set(by_flow))
    ax = new_axes(height=1.0 + 0.3 * max(2, len(rows))) if ax is None else ax
    for topic in topics:
        part = frame[frame["topic"] == topic]
        number = rows.index(units.get(topic, topic))
        bars = list(
            zip(
                (part["end"] - part["length"]).mul(1e3).tolist(),
                part["length"].mul(1e3).tolist(),
                strict=True,
            )
        )
        color = COLORS[number % len(COLORS)]
        ax.broken_barh(bars, (number - 0.35, 0.7), facecolors=color, edgecolor=color)
    ax.set_yticks(range(len(rows)), rows)
    ax.invert_yaxis()
    ax.set_xlim(start_s * 1e3, (start_s + seconds) * 1e3)
    ax.set_xlabel("time since the trace began (ms)")
    if not rows:
        _say(ax, "nothing was held in this part of the trace")
    return ax


def plot_comparison(
    before: Trace, after: Trace, ax: Axes | None = None, *, what: str = "transport"
) -> Axes:
    """How latency changed from one trace to another, with effect sizes.

    Each connection has its medians, and Cliff's delta: how much likelier it is that a message
    of the second trace took longer than one of the first, minus the opposite (-1 to 1).

    Parameters
    ----------
    before, after
        Traces of the same units, say before and after a settings change.
    ax
        Where to draw.
    what
        ``"transport"``, ``"processing"`` or ``"lease"``.
    """
    frame = compare(before, after, what)
    ax = new_axes(height=1.0 + 0.4 * max(2, len(frame))) if ax is None else ax
    befores, afters = (frame[f"{when}_p50_ms"].tolist() for when in ("before", "after"))
    for number, (old, new, delta) in enumerate(
        zip(befores, afters, frame["cliffs_delta"].tolist(), strict=True)
    ):
        ax.plot([old, new], [number, number], color="#999999", linewidth=2)
        ax.plot(old, number, "o", color=COLORS[0], label="before" if number == 0 else None)
        ax.plot(new, number, "o", color=COLORS[5], label="after" if number == 0 else None)
        ax.annotate(
            f"δ = {delta:+.2f}",
            (1.01, number),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
        )
    ax.set_yticks(range(len(frame)), list(frame.index))
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.set_xlabel(f"{what}, median (ms); δ: Cliff's delta of after to before")
    _legend_or_words(ax, "no connection has messages in both traces")
    return ax


def compare(before: Trace, after: Trace, what: str = "transport") -> pd.DataFrame:
    """Medians and effect size of each connection that both traces have.

    Returns
    -------
    pandas.DataFrame
        Index ``edge``; ``before_p50_ms``, ``after_p50_ms``, ``change_percent``,
        ``cliffs_delta`` (positive: longer in the second), ``before_count``, ``after_count``.
    """
    fields = {"transport": "transport_ns", "processing": "span_ns", "lease": "lease_ns"}
    if what not in fields:
        raise ValueError(f"what must be one of {', '.join(fields)}, not {what!r}.")
    first, second = (_values_by_edge(trace, fields[what]) for trace in (before, after))
    rows = []
    for name in first:
        if name in second:
            middle = float(np.median(first[name])), float(np.median(second[name]))
            rows.append(
                {
                    "edge": name,
                    "before_p50_ms": middle[0] / 1e6,
                    "after_p50_ms": middle[1] / 1e6,
                    "change_percent": 100.0 * (middle[1] / middle[0] - 1) if middle[0] else np.nan,
                    "cliffs_delta": cliffs_delta(first[name], second[name]),
                    "before_count": len(first[name]),
                    "after_count": len(second[name]),
                }
            )
    columns = ["edge", "before_p50_ms", "after_p50_ms", "change_percent", "cliffs_delta"]
    columns += ["before_count", "after_count"]
    return pd.DataFrame(rows, columns=columns).set_index("edge")


def _values_by_edge(trace: Trace, field: str) -> dict[str, Any]:
    edges = _by_flow(trace, [e for e in TraceReader(trace.recording).edges() if e.matched])
    return {
        name: getattr(edge, field)
        for name, edge in zip(edge_names(trace, edges), edges, strict=True)
    }


def cliffs_delta(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> float:
    """How much likelier a value of `second` is the greater one; -1 to 1."""
    ordered = np.sort(first)
    below = np.searchsorted(ordered, second, side="left")
    above = len(ordered) - np.searchsorted(ordered, second, side="right")
    return float((below - above).sum() / (len(first) * len(second)))


def overview(trace: Trace) -> Figure:
    """Rates, latency and spans of a trace in one figure."""
    scope = trace.recording.scope
    metrics = {"publish_delta_ns", "lease_time_ns"}
    joins = scope.sample_mod == 1 and (scope.metrics is None or metrics <= scope.metrics)
    edges = TraceReader(trace.recording).edges() if joins else []
    shown = [edge for edge in edges if edge.matched]
    heights = [2.6, 1.0 + 0.3 * max(2, len(shown)), 1.0 + 0.3 * max(2, len(shown))]
    figure = Figure(figsize=(8.0, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    rates, latency, spans = figure.subplots(3, 1, height_ratios=heights)
    plot_rates(trace, rates)
    plot_latency(trace, latency, edges=edges)
    plot_gantt(trace, spans)
    return figure


def _legend_or_words(ax: Axes, words: str) -> None:
    labels = ax.get_legend_handles_labels()[1]
    if not labels:
        _say(ax, words)
    else:
        ax.legend(fontsize="small", ncols=1 + len(labels) // 9, frameon=False, loc="best")


def _say(ax: Axes, words: str) -> None:
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color="#777777")
