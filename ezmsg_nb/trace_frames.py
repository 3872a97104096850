"""What a trace tells, as pandas DataFrames.

Ids are texts (categoricals, since a trace has millions of them); times are
``datetime64[ns, UTC]``; durations carry their unit in the column's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kernel_runtime.model import Topology
from kernel_runtime.profiling.bottlenecks import LIMITING, Finding
from kernel_runtime.profiling.columns import NO_SEQ, Columns
from kernel_runtime.profiling.latency import EdgeLatency
from kernel_runtime.profiling.losses import StreamLosses
from kernel_runtime.profiling.paths import PathLatency
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.settings.store import SettingsChange

SAMPLE_COLUMNS = (
    "time",
    "process_id",
    "unit",
    "topic",
    "endpoint_id",
    "metric",
    "value_ns",
    "channel",
    "seq",
)


def unit_of_topic(topology: Topology) -> dict[str, str]:
    """The unit that each topic belongs to; a collection for its boundary's topics."""
    found = {
        port.topic: group.address for group in topology.collections.values() for port in group.ports
    }
    found.update(
        (port.topic, unit.address) for unit in topology.units.values() for port in unit.ports
    )
    return found


def samples_frame(recording: TraceRecording, columns: Columns) -> pd.DataFrame:
    """One row a sample, in the order of time.

    Returns
    -------
    pandas.DataFrame
        ``time`` (when the measured thing ended, by wall time), ``process_id``, ``unit``,
        ``topic``, ``endpoint_id``, ``metric`` and ``channel`` (categoricals of texts),
        ``value_ns`` (int64), ``seq`` (Int64: number of the message at its publisher).
    """
    streams = recording.streams.all()
    units = unit_of_topic(recording.topology)
    code = columns.code
    time_ns = columns.time_ns + wall_offsets(recording)[code]
    order = np.argsort(time_ns, kind="stable")
    code, seq = code[order], columns.seq[order]

    def labels(values: Iterable[str | None]) -> Any:
        return _categorical(list(values), code)

    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(time_ns[order].view("M8[ns]")).tz_localize("UTC"),
            "process_id": labels(stream.process_id for stream in streams),
            "unit": labels(units.get(stream.topic) for stream in streams),
            "topic": labels(stream.topic for stream in streams),
            "endpoint_id": labels(stream.endpoint_id for stream in streams),
            "metric": labels(stream.metric for stream in streams),
            "value_ns": columns.value_ns[order],
            "channel": labels(stream.channel for stream in streams),
            "seq": pd.arrays.IntegerArray(seq, seq == NO_SEQ),
        },
        copy=False,
    )


def wall_offsets(recording: TraceRecording) -> npt.NDArray[np.int64]:
    """By stream number: what makes a sample's time Unix time in nanoseconds."""
    clocks = recording.clocks
    return np.array(
        [
            clocks[stream.process_id].offset_ns if stream.process_id in clocks else 0
            for stream in recording.streams.all()
        ],
        np.int64,
    )


def _categorical(values: list[str | None], code: npt.NDArray[np.int32]) -> Any:
    """The value of each code, as a categorical with as few categories as there are values."""
    known = sorted({value for value in values if value is not None})
    number = {value: place for place, value in enumerate(known)}
    by_code = np.array([-1 if v is None else number[v] for v in values] or [-1], np.int32)
    small: Any = by_code.astype(np.int8) if len(known) < 128 else by_code
    return pd.Categorical.from_codes(small[code], categories=pd.Index(known, dtype=object))


def with_settings(
    frame: pd.DataFrame,
    wanted: Sequence[str],
    history: Sequence[SettingsChange],
    current: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Add a column for each setting, with the value that was in force at each row's time.

    Parameters
    ----------
    frame
        Has a column ``time``.
    wanted
        ``"UNIT.field"``.
    history
        Changes, oldest first, by the time at which the unit reported them.
    current
        The value of each field now, by unit.

    Raises
    ------
    KeyError
        No such unit or field.
    """
    times = frame["time"].astype("int64").to_numpy()
    added = {}
    for name in wanted:
        unit, field = _unit_and_field(name, current)
        changes = [change for change in history if (change.unit, change.field) == (unit, field)]
        known = [change for change in changes if change.source != "initial"]
        first = known[0].old if known else current[unit][field]
        values = [first, *(change.new for change in known)]
        at_ns = np.array([round(change.time * 1e9) for change in known], np.int64)
        place = np.searchsorted(at_ns, times, side="right")
        added[name] = pd.Series(values).take(place).to_numpy()
    return frame.assign(**added)


def _unit_and_field(name: str, current: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    for unit, fields in current.items():
        if name.startswith(f"{unit}.") and name[len(unit) + 1 :] in fields:
            return unit, name[len(unit) + 1 :]
    raise KeyError(f"No setting {name!r}: write it as 'UNIT.field', see settings.frame().")


def clock_frame(recording: TraceRecording) -> pd.DataFrame:
    """How the clock of each process maps to wall time.

    Returns
    -------
    pandas.DataFrame
        Index ``process_id``; ``units``, ``pid``, ``host``, ``wall_offset_ns`` (added to the
        process' own times), ``error_ns`` (half-width, 0 where it shares this kernel's
        clock), ``round_trip_ns``, ``shared``.
    """
    clocks = list(recording.clocks.values())
    processes = [recording.topology.processes.get(clock.process_id) for clock in clocks]
    return pd.DataFrame(
        {
            "units": [", ".join(each.units) if each else "" for each in processes],
            "pid": pd.array([each.pid if each else None for each in processes], dtype="Int64"),
            "host": pd.Categorical([clock.host for clock in clocks]),
            "wall_offset_ns": [clock.offset_ns for clock in clocks],
            "error_ns": [clock.error_ns for clock in clocks],
            "round_trip_ns": [clock.round_trip_ns for clock in clocks],
            "shared": [clock.shared for clock in clocks],
        },
        index=pd.Index([clock.process_id for clock in clocks], name="process_id", dtype=object),
    )


def losses_frame(
    recording: TraceRecording,
    found: Iterable[StreamLosses],
    without: Iterable[tuple[str, str, int]] = (),
) -> pd.DataFrame:
    """One row a metric of an endpoint.

    Returns
    -------
    pandas.DataFrame
        ``unit``, ``topic``, ``endpoint_id``, ``metric``, ``received``, ``expected`` (missing
        where it can't be known), ``lost``, and of those ``lost_here``, ``lost_at_renewal``,
        ``lost_in_server``, ``lost_in_endpoint``; ``lost_percent``; ``leaky_dropped``
        (messages that a leaky subscriber dropped, which are no lost samples).
    """
    units = unit_of_topic(recording.topology)
    rows = [
        {
            "unit": units.get(each.stream.topic),
            "topic": each.stream.topic,
            "endpoint_id": each.stream.endpoint_id,
            "metric": each.stream.metric,
            "received": each.received,
            "expected": each.expected,
            "lost": each.lost,
            "lost_here": each.lost_here,
            "lost_at_renewal": each.lost_at_renewal,
            "lost_in_server": each.lost_in_server,
            "lost_in_endpoint": each.lost_in_endpoint,
            "leaky_dropped": each.leaky_dropped,
        }
        for each in found
    ]
    rows += [
        {
            "unit": units.get(topic),
            "topic": topic,
            "endpoint_id": endpoint_id,
            "metric": None,
            "received": 0,
            "expected": messages,
            "lost": messages,
            "lost_here": 0,
            "lost_at_renewal": 0,
            "lost_in_server": 0,
            "lost_in_endpoint": messages,
            "leaky_dropped": 0,
        }
        for endpoint_id, topic, messages in without
    ]
    frame = pd.DataFrame(rows, columns=list(_LOSSES_DTYPES)).astype(_LOSSES_DTYPES)
    share = 100.0 * frame["lost"].astype("float64") / frame["expected"].astype("float64")
    frame.insert(7, "lost_percent", share)
    return frame.sort_values(["topic", "metric", "endpoint_id"], ignore_index=True)


_LOSSES_DTYPES: dict[str, Any] = {
    "unit": "category",
    "topic": "category",
    "endpoint_id": object,
    "metric": "category",
    "received": "int64",
    "expected": "Int64",
    "lost": "int64",
    "lost_here": "int64",
    "lost_at_renewal": "int64",
    "lost_in_server": "int64",
    "lost_in_endpoint": "int64",
    "leaky_dropped": "int64",
}


def latency_frame(topology: Topology, edges: Iterable[EdgeLatency]) -> pd.DataFrame:
    """One row a connection from a publisher to a subscriber.

    Returns
    -------
    pandas.DataFrame
        ``from_unit``, ``to_unit``, ``from_topic``, ``to_topic``, ``channel``; ``count``
        (matched messages); ``transport_*_ms`` (publish to receipt), ``processing_*_ms`` (in
        the unit's handlers; NaN where not measured) and ``lease_*_ms``, each p50, p90, p99
        and max; the join's quality: ``published``, ``received``, ``matched``, ``ambiguous``,
        ``no_publish``, ``not_received``, ``negative``; ``clock_error_ms`` and
        ``below_error`` (the usual transport is within the error of the clocks);
        ``publisher``, ``subscriber`` (endpoint ids).
    """
    units = unit_of_topic(topology)
    rows = []
    for edge in edges:
        row: dict[str, Any] = {
            "from_unit": units.get(edge.from_topic),
            "to_unit": units.get(edge.to_topic),
            "from_topic": edge.from_topic or None,
            "to_topic": edge.to_topic,
            "channel": edge.channel,
            "count": edge.matched,
        }
        row |= _quantiles("transport", edge.transport_ns)
        row |= _quantiles("processing", edge.span_ns if edge.has_span else edge.span_ns[:0])
        row |= _quantiles("lease", edge.lease_ns)
        error_ms = float("nan") if edge.clock_error_ns is None else edge.clock_error_ns / 1e6
        row |= {
            "published": edge.published,
            "received": edge.received,
            "matched": edge.matched,
            "ambiguous": edge.ambiguous,
            "no_publish": edge.no_publish,
            "not_received": edge.not_received,
            "negative": edge.negative,
            "clock_error_ms": error_ms,
            "below_error": bool(error_ms and abs(row["transport_p50_ms"]) < error_ms),
            "publisher": edge.publisher,
            "subscriber": edge.subscriber,
        }
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(_LATENCY_COLUMNS))
    for name in ("from_unit", "to_unit", "from_topic", "to_topic", "channel"):
        frame[name] = frame[name].astype("category")
    return frame.sort_values(["from_topic", "to_topic", "subscriber"], ignore_index=True)


_QUANTILES = {"p50": 50, "p90": 90, "p99": 99}
_LATENCY_COLUMNS = (
    "from_unit",
    "to_unit",
    "from_topic",
    "to_topic",
    "channel",
    "count",
    *(
        f"{what}_{which}_ms"
        for what in ("transport", "processing", "lease")
        for which in (*_QUANTILES, "max")
    ),
    "published",
    "received",
    "matched",
    "ambiguous",
    "no_publish",
    "not_received",
    "negative",
    "clock_error_ms",
    "below_error",
    "publisher",
    "subscriber",
)


def _quantiles(what: str, values_ns: npt.NDArray[np.int64]) -> dict[str, float]:
    if not len(values_ns):
        return {f"{what}_{name}_ms": float("nan") for name in (*_QUANTILES, "max")}
    found = np.percentile(values_ns, list(_QUANTILES.values())) / 1e6
    named = {
        f"{what}_{name}_ms": float(value) for name, value in zip(_QUANTILES, found, strict=True)
    }
    return named | {f"{what}_max_ms": float(values_ns.max()) / 1e6}


def path_frame(found: PathLatency) -> pd.DataFrame:
    """One row a message that was followed along a whole path.

    Returns
    -------
    pandas.DataFrame
        ``time`` (publish by the first unit), ``seq``, ``total_ms`` (to the receipt by the
        last unit), and of each hop ``"A -> B ms"`` (publish to receipt) and of each unit
        between ``"B ms"`` (receipt to its own publish). ``attrs`` has ``units``, ``started``
        (messages of the first unit) and ``lost`` (unit, reason, messages).
    """
    hops = found.hops
    times: dict[str, Any] = {
        "time": pd.DatetimeIndex(hops[0].published_ns.view("M8[ns]")).tz_localize("UTC"),
        "seq": found.seq,
        "total_ms": found.total_ns / 1e6,
    }
    for number, hop in enumerate(hops):
        if number:
            held_ns = hop.published_ns - hops[number - 1].received_ns
            times[f"{hop.from_unit} ms"] = held_ns / 1e6
        name = f"{hop.from_unit} -> {hop.to_unit} ms"
        times[name] = (hop.received_ns - hop.published_ns) / 1e6
    frame = pd.DataFrame(times)
    frame.attrs |= {"units": found.units, "started": found.started, "lost": found.lost}
    return frame


def bottlenecks_frame(found: Iterable[Finding]) -> pd.DataFrame:
    """One row a suspect, the worst first.

    Returns
    -------
    pandas.DataFrame
        Index ``rank`` (from 1); ``kind`` ("unit", "process", "edge", "leaky"), ``name``,
        ``score`` (0 to 1), ``limiting``, ``evidence`` (in words), ``busy``, ``blocked``,
        ``queued``, ``dropped`` (shares, NaN where not known).
    """
    rows = list(found)
    return pd.DataFrame(
        {
            "kind": pd.Categorical([row.kind for row in rows]),
            "name": [row.name for row in rows],
            "score": [row.score for row in rows],
            "limiting": [row.score >= LIMITING for row in rows],
            "evidence": [row.evidence for row in rows],
            "busy": pd.array([row.busy for row in rows], dtype="float64"),
            "blocked": pd.array([row.blocked for row in rows], dtype="float64"),
            "queued": pd.array([row.queued for row in rows], dtype="float64"),
            "dropped": pd.array([row.dropped for row in rows], dtype="float64"),
        },
        index=pd.RangeIndex(1, len(rows) + 1, name="rank"),
    )
