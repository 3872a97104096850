"""What is known of a graph, as pandas DataFrames.

Ids are strings; topics, units, roles and channels are categoricals; times are
``datetime64[ns, UTC]``; durations carry their unit in the column's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kernel_runtime.errors import GraphError
from kernel_runtime.host import LogRecord
from kernel_runtime.model import Topology, UnitInfo
from kernel_runtime.profiling.process_load import ProcessLoad
from kernel_runtime.profiling.rates import EndpointRate
from kernel_runtime.settings.store import SettingsChange, same_value
from kernel_runtime.topology_history import TopologyChange


def units_frame(topology: Topology) -> pd.DataFrame:
    """One row a unit.

    Returns
    -------
    pandas.DataFrame
        Index ``unit``; ``type`` and ``collection`` (categorical), ``process_id`` (text, None
        where no process owns the unit), ``pid`` (Int64), ``host``, ``inputs`` and ``outputs``
        (tuples of topics), ``dynamic_settings`` (bool).
    """
    units = list(topology.units.values())
    return pd.DataFrame(
        {
            "type": pd.Categorical([unit.component_type for unit in units]),
            "collection": pd.Categorical([unit.collection for unit in units]),
            "process_id": _objects([unit.process_id for unit in units]),
            "pid": pd.array([unit.pid for unit in units], dtype="Int64"),
            "host": pd.Categorical([unit.host for unit in units]),
            "inputs": _objects([tuple(port.topic for port in unit.inputs) for unit in units]),
            "outputs": _objects([tuple(port.topic for port in unit.outputs) for unit in units]),
            "dynamic_settings": pd.array([unit.dynamic_settings for unit in units], dtype=bool),
        },
        index=pd.Index([unit.address for unit in units], name="unit", dtype=object),
    )


def edges_frame(topology: Topology) -> pd.DataFrame:
    """One row a connection.

    Returns
    -------
    pandas.DataFrame
        ``from_topic``, ``to_topic``, ``from_unit``, ``to_unit`` (categorical; the component
        that a topic belongs to, missing where none), ``owners`` (tuples of session ids, or
        ``"persistent"``).
    """
    edges = topology.edges
    return pd.DataFrame(
        {
            "from_topic": pd.Categorical([edge.from_topic for edge in edges]),
            "to_topic": pd.Categorical([edge.to_topic for edge in edges]),
            "from_unit": pd.Categorical([edge.from_unit for edge in edges]),
            "to_unit": pd.Categorical([edge.to_unit for edge in edges]),
            "owners": _objects([edge.owners for edge in edges]),
        }
    )


def topology_changes_frame(changes: Iterable[tuple[float, TopologyChange]]) -> pd.DataFrame:
    """One row a change: ``time`` (``datetime64[ns, UTC]``), ``change``, ``subject``, ``detail``."""
    found = list(changes)
    return pd.DataFrame(
        {
            "time": _times([time for time, _ in found]),
            "change": pd.Categorical([change.kind for _, change in found]),
            "subject": _objects([change.subject for _, change in found]),
            "detail": _objects([change.detail for _, change in found]),
        }
    )


def processes_frame(
    topology: Topology, round_trips: Mapping[str, float | GraphError]
) -> pd.DataFrame:
    """One row a process that has a control connection.

    Parameters
    ----------
    topology
        The graph.
    round_trips
        By process id: seconds that a ping took, or why there was no answer. A process
        without units can't be pinged and is not in it.

    Returns
    -------
    pandas.DataFrame
        Index ``process_id``; ``pid`` (Int64), ``host``, ``units`` (tuples), ``rtt_ms``
        (float, NaN without an answer), ``responsive`` (boolean, missing where it could not
        be asked).
    """
    processes = list(topology.processes.values())
    trips = [round_trips.get(process.process_id) for process in processes]
    return pd.DataFrame(
        {
            "pid": pd.array([process.pid for process in processes], dtype="Int64"),
            "host": pd.Categorical([process.host for process in processes]),
            "units": _objects([process.units for process in processes]),
            "rtt_ms": [
                float("nan") if trip is None or isinstance(trip, GraphError) else trip * 1e3
                for trip in trips
            ],
            "responsive": pd.array(
                [None if trip is None else not isinstance(trip, GraphError) for trip in trips],
                dtype="boolean",
            ),
        },
        index=pd.Index(
            [process.process_id for process in processes], name="process_id", dtype=object
        ),
    )


def profile_frame(
    topology: Topology,
    rates: Mapping[str, EndpointRate],
    failures: Mapping[str, GraphError],
    loads: Mapping[str, ProcessLoad] | None = None,
) -> pd.DataFrame:
    """One row an endpoint, and one for each process that did not answer.

    Returns
    -------
    pandas.DataFrame
        Index ``endpoint_id``; ``role`` ("publisher"/"subscriber"), ``unit``, ``topic``,
        ``process_id``, ``pid``, ``host``, ``messages_total`` (since the endpoint was made),
        ``messages`` and ``rate_hz`` (in the last ``window_s`` seconds of our clock; missing
        where the endpoint is newer), ``inflight`` and ``num_buffers`` (publishers),
        ``channel`` (subscribers: "LOCAL", "SHM", "TCP"), ``process_cpu_percent`` (of one CPU)
        and ``process_memory_mb`` (of processes on this host, NaN else), ``reason`` (why a
        process has no counts, empty otherwise; such a row's index is ``"process:<id>"``).
    """
    unit_of_topic: dict[str, UnitInfo] = {
        port.topic: unit for unit in topology.units.values() for port in unit.ports
    }
    rows: list[dict[str, Any]] = []
    for endpoint_id, rate in rates.items():
        count = rate.count
        process = topology.processes.get(count.process_id)
        unit = unit_of_topic.get(count.topic)
        load = loads.get(count.process_id) if loads is not None else None
        rows.append(
            {
                "endpoint_id": endpoint_id,
                "role": count.role,
                "unit": unit.address if unit else None,
                "topic": count.topic,
                "process_id": count.process_id,
                "pid": process.pid if process else None,
                "host": process.host if process else None,
                "messages_total": count.messages_total,
                "messages": rate.messages,
                "rate_hz": rate.rate_hz,
                "window_s": rate.window_s,
                "inflight": count.inflight,
                "num_buffers": count.num_buffers,
                "channel": count.channel,
                "process_cpu_percent": None if load is None else 100.0 * load.cpu,
                "process_memory_mb": None if load is None else load.rss_bytes / 1e6,
                "reason": "",
            }
        )
    for process_id, error in failures.items():
        process = topology.processes.get(process_id)
        rows.append(
            {
                "endpoint_id": f"process:{process_id}",
                "process_id": process_id,
                "pid": process.pid if process else None,
                "host": process.host if process else None,
                "reason": error.message,
            }
        )
    frame = pd.DataFrame(rows, columns=list(_PROFILE_DTYPES)).astype(_PROFILE_DTYPES)
    frame = frame.sort_values(["topic", "role", "endpoint_id"], na_position="last")
    return frame.set_index("endpoint_id")


_PROFILE_DTYPES: dict[str, Any] = {
    "endpoint_id": object,
    "role": "category",
    "unit": "category",
    "topic": "category",
    "process_id": object,
    "pid": "Int64",
    "host": "category",
    "messages_total": "Int64",
    "messages": "Int64",
    "rate_hz": "float64",
    "window_s": "float64",
    "inflight": "Int64",
    "num_buffers": "Int64",
    "channel": "category",
    "process_cpu_percent": "float64",
    "process_memory_mb": "float64",
    "reason": object,
}


def logs_frame(records: Iterable[LogRecord]) -> pd.DataFrame:
    """One row a line that a unit or its host printed or logged, oldest first.

    Returns
    -------
    pandas.DataFrame
        ``time`` (``datetime64[ns, UTC]``), ``process``, ``pid``, ``unit`` (missing where not
        known), ``level`` (a logging level, "stdout" or "stderr"), ``text``.
    """
    found = list(records)
    return pd.DataFrame(
        {
            "time": _times([record.time for record in found]),
            "process": pd.Categorical([record.process for record in found]),
            "pid": pd.array([record.pid for record in found], dtype="Int64"),
            "unit": pd.Categorical([record.unit for record in found]),
            "level": pd.Categorical([record.level for record in found]),
            "text": _objects([record.text for record in found]),
        }
    )


def settings_frame(states: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a field: ``unit`` (categorical), ``field`` (dotted path), ``value`` (object)."""
    rows = [
        (unit, path, value) for unit, fields in states.items() for path, value in fields.items()
    ]
    return pd.DataFrame(
        {
            "unit": pd.Categorical([row[0] for row in rows]),
            "field": _objects([row[1] for row in rows]),
            "value": _objects([row[2] for row in rows]),
        }
    )


def settings_diff_frame(
    here: Mapping[str, Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """One row a field that differs: ``unit``, ``field``, ``here``, ``there``.

    Values of different types differ (1 and 1.0); lists and tuples of equal items don't. A
    side that has no such field has a missing value.
    """
    rows = []
    for unit in dict.fromkeys((*here, *there)):
        ours, others = here.get(unit, {}), there.get(unit, {})
        for path in dict.fromkeys((*ours, *others)):
            one, other = ours.get(path, pd.NA), others.get(path, pd.NA)
            if path not in ours or path not in others or not same_value(one, other):
                rows.append((unit, path, one, other))
    return pd.DataFrame(
        {
            "unit": pd.Categorical([row[0] for row in rows]),
            "field": _objects([row[1] for row in rows]),
            "here": _objects([row[2] for row in rows]),
            "there": _objects([row[3] for row in rows]),
        }
    )


def settings_history_frame(changes: Iterable[SettingsChange]) -> pd.DataFrame:
    """One row a change of a field, oldest first.

    Returns
    -------
    pandas.DataFrame
        ``time`` (``datetime64[ns, UTC]``, as the owner stamped it), ``unit``, ``field``,
        ``old``, ``new`` (objects), ``source`` ("this kernel", "another
        session", "another unit", "the unit itself", "not known which" of these, "initial"; see
        `SettingsChange`).
    """
    found = list(changes)
    return pd.DataFrame(
        {
            "time": _times([change.time for change in found]),
            "unit": pd.Categorical([change.unit for change in found]),
            "field": _objects([change.field for change in found]),
            "old": _objects([change.old for change in found]),
            "new": _objects([change.new for change in found]),
            "source": pd.Categorical([change.source for change in found]),
        }
    )


def _times(seconds: list[float]) -> pd.DatetimeIndex:
    # Through whole nanoseconds: pandas would otherwise round a float of seconds.
    return pd.to_datetime([round(value * 1e9) for value in seconds], unit="ns", utc=True)


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    # Filled one by one: numpy would make a list of tuples two-dimensional.
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array
