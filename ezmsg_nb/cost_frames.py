"""Figures of edges, and of what looking costs, as DataFrames."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from kernel_runtime.model import Topology
from kernel_runtime.profiling.edge_figures import EdgeDelay, EdgeKey
from kernel_runtime.profiling.tracing_cost import TracingCost


def edge_figures_frame(
    topology: Topology,
    rates: Mapping[str, float | None],
    full: Mapping[EdgeKey, float],
    delays: Mapping[EdgeKey, EdgeDelay],
) -> pd.DataFrame:
    """One row an edge of the topology.

    Returns
    -------
    pandas.DataFrame
        Index ``from_topic, to_topic``; ``rate_hz`` and ``buffers_in_use`` (share, of the
        fullest publisher that the edge carries) as counted last; ``p50_ms``, ``p99_ms``,
        ``matched`` and ``below_error`` (transport, from the last trace). Missing where it was
        not measured.
    """
    keys = [(edge.from_topic, edge.to_topic) for edge in topology.edges]
    known = [delays.get(key) for key in keys]
    return pd.DataFrame(
        {
            "rate_hz": pd.array([rates.get(start) for start, _ in keys], dtype="Float64"),
            "buffers_in_use": pd.array([full.get(key) for key in keys], dtype="Float64"),
            "p50_ms": pd.array([each.p50_ms if each else None for each in known], dtype="Float64"),
            "p99_ms": pd.array([each.p99_ms if each else None for each in known], dtype="Float64"),
            "matched": pd.array([each.matched if each else None for each in known], dtype="Int64"),
            "below_error": pd.array(
                [each.below_error if each else None for each in known], dtype="boolean"
            ),
        },
        index=pd.MultiIndex.from_tuples(keys, names=["from_topic", "to_topic"])
        if keys
        else pd.MultiIndex.from_arrays([[], []], names=["from_topic", "to_topic"]),
    )


def tracing_cost_frame(cost: TracingCost | None) -> pd.DataFrame:
    """What a trace cost the pipeline; empty where that was not measured.

    Returns
    -------
    pandas.DataFrame
        Rows ``"traced"`` and ``"untraced"``; ``window_s``, ``messages_per_s`` (published, all
        publishers together), ``cpu`` (of all processes on this host, share of one CPU) and
        ``cpu_per_message_us``.
    """
    known = {} if cost is None else {"traced": cost.traced, "untraced": cost.untraced}
    return pd.DataFrame(
        {
            "window_s": [each.window_s for each in known.values()],
            "messages_per_s": [each.messages_per_s for each in known.values()],
            "cpu": [each.cpu for each in known.values()],
            "cpu_per_message_us": [each.cpu_per_message_us for each in known.values()],
        },
        index=pd.Index(list(known), dtype=object),
        dtype="float64",
    )
