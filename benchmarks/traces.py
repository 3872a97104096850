"""What a trace costs to take in, to keep, to ask and to open again.

``python -m benchmarks.traces [--quick]``

``ingest_speedup_asdict``: time of ezmsg's way to a DataFrame (``pickle.loads`` as
``GraphContext`` does it, then ``DataFrame(map(asdict, samples))``) over ours.
``ingest_ratio_pickle``: ours, to the finished DataFrame, over ``pickle.loads`` alone.
``ingest_speedup_dashboard``: time of ``pickle.loads`` and ezmsg-dashboard's adapter (to dicts for
JSON) over ours; null where it can't be installed; a quick run has it only where
``EZMSG_DASHBOARD_PYTHON`` names a Python that has it.
``bytes_per_sample``: memory of a million samples that are kept.
``latency_1m_s``: latency of every connection from 1 M samples, a fan-in among them.
``joined_percent``: of messages with one publisher; each other one is classified.
``export_1m_s``: a million samples to Parquet, and to Perfetto's file
(``export_perfetto_1m_s``, null in a quick run).
``open_10m_s``: from a Parquet data set of 10 M samples to a DataFrame.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pandas as pd
from ezmsg.core.graphmeta import (
    ProcessProfilingTraceBatch,
    ProfileChannelType,
    ProfilingTraceSample,
    ProfilingTraceStreamBatch,
)

from ezmsg_nb.perfetto import write_perfetto
from ezmsg_nb.trace_export import read_trace, write_frame
from ezmsg_nb.trace_frames import latency_frame, samples_frame
from kernel_runtime.model import Edge, Port, ProcessInfo, Topology, UnitInfo
from kernel_runtime.profiling.clocks import ProcessClock
from kernel_runtime.profiling.columns import Columns, StreamTable
from kernel_runtime.profiling.latency import TraceReader
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.profiling.trace_decode import ProcessSamples, TraceDecoder
from kernel_runtime.profiling.trace_scope import TraceScope

from .harness import arguments, report
from .peer_dashboard import PYTHON_ENV, dashboard_python, site_packages

UNITS = ("SOURCE", "FILTER", "SCALE", "OTHER", "JOIN")
EDGES = (("SOURCE", "FILTER"), ("FILTER", "SCALE"), ("SCALE", "JOIN"), ("OTHER", "JOIN"))
PERIOD_NS = 100_000
SAMPLES_A_MESSAGE = 20_000


def process_of(unit: str) -> UUID:
    return uuid5(UUID(int=0), unit)


def graph() -> Topology:
    units = {}
    for unit in UNITS:
        ports = (
            Port("INPUT", f"{unit}/INPUT", "input", "float"),
            Port("OUTPUT", f"{unit}/OUTPUT", "output", "float"),
        )
        process = str(process_of(unit))
        units[unit] = UnitInfo(
            unit, unit, "Unit", "Settings", None, ports, (), "s", process_id=process
        )
    return Topology(
        units=units,
        edges=tuple(Edge(f"{a}/OUTPUT", f"{b}/INPUT", a, b, ("s",)) for a, b in EDGES),
        processes={
            str(process_of(unit)): ProcessInfo(str(process_of(unit)), 1, "h", (unit,))
            for unit in UNITS
        },
    )


def recording_of(table: StreamTable, max_samples: int) -> TraceRecording:
    clocks = {
        str(process_of(unit)): ProcessClock(str(process_of(unit)), "h", 10**18, 0, 1000, True)
        for unit in UNITS
    }
    made = TraceRecording(TraceScope(), max_samples, table, graph(), clocks)
    made.begin()
    made.started_at = 0
    return made


def samples_of(unit: str, messages: int) -> list[tuple[int, str, str, str, int, str | None, int]]:
    """What ezmsg's process of a unit would record: time, endpoint, topic, metric, value..."""
    place = UNITS.index(unit)
    found: list[tuple[int, str, str, str, int, str | None, int]] = []
    inputs = [start for start, end in EDGES if end == unit]
    for number in range(messages):
        at = 10**14 + number * PERIOD_NS + place * 1500
        for source in inputs:
            # JOIN hears two publishers, whose numbers are far apart.
            seq = number + (10**6 if source == "OTHER" else 0)
            topic = f"{unit}/INPUT"
            common = (f"{topic}:{process_of(topic)}", topic)
            found.append((at, *common, "user_span_ns", 900, "SHM", seq))
            found.append((at + 50, *common, "lease_time_ns", 1000, "SHM", seq))
        topic = f"{unit}/OUTPUT"
        seq = number + (10**6 if unit == "OTHER" else 0)
        endpoint = f"{topic}:{process_of(topic)}"
        found.append((at + 60, endpoint, topic, "publish_delta_ns", PERIOD_NS, None, seq))
    return found


def messages_of(total: int) -> list[bytes]:
    """Messages as a GraphServer pickles them, for about so many samples."""
    a_unit = total // (len(UNITS) + 2 * len(EDGES))
    payloads = []
    for unit in UNITS:
        samples = samples_of(unit, a_unit)
        for start in range(0, len(samples), SAMPLES_A_MESSAGE):
            part = [
                ProfilingTraceSample(
                    timestamp=float(at),
                    endpoint_id=endpoint,
                    topic=topic,
                    metric=metric,
                    value=float(value),
                    channel_kind=ProfileChannelType[channel] if channel else None,
                    sample_seq=seq,
                )
                for at, endpoint, topic, metric, value, channel, seq in samples[
                    start : start + SAMPLES_A_MESSAGE
                ]
            ]
            # The server unpickles what a process pushes, at most 5,000 at once, and pickles it.
            pushed = [part[first : first + 5000] for first in range(0, len(part), 5000)]
            held = [each for push in pushed for each in pickle.loads(pickle.dumps(push))]
            batch = ProcessProfilingTraceBatch(process_of(unit), 1, "h", 1.0, held)
            payloads.append(pickle.dumps(ProfilingTraceStreamBatch(1.0, {process_of(unit): batch})))
    return payloads


def ours(payloads: list[bytes]) -> pd.DataFrame:
    table = StreamTable()
    decoder = TraceDecoder(table)
    recording = recording_of(table, 10_000_000)
    for payload in payloads:
        for arrived in decoder.decode(payload):
            recording.take(arrived, 1)
    return samples_frame(recording, recording.columns())


def by_asdict(payloads: list[bytes]) -> pd.DataFrame:
    samples: list[ProfilingTraceSample] = []
    for payload in payloads:
        for batch in pickle.loads(payload).batches.values():
            samples.extend(batch.samples)
    return pd.DataFrame(map(asdict, samples))


def by_pickle(payloads: list[bytes]) -> None:
    for payload in payloads:
        pickle.loads(payload)


def dashboard_adapter(python: Path | None) -> Callable[[Any], object] | None:
    if python is None:
        return None
    # Last, so that only what is missing here comes from there.
    sys.path.append(site_packages(python))
    adapters = importlib.import_module("ezmsg.dashboard.backend.services.adapters")
    adapter: Callable[[Any], object] = adapters.adapt_profiling_trace_batch
    return adapter


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def cpu_seconds(call: Callable[[], object]) -> float:
    # All contestants run in one thread; its CPU time does not tell of what else runs here.
    started = time.process_time()
    call()
    return time.process_time() - started


def ingestion(total: int, rounds: int, dashboard: Path | None) -> dict[str, float | None]:
    payloads = messages_of(total)
    adapter = dashboard_adapter(dashboard)
    contestants: dict[str, Callable[[], object]] = {
        "ours": lambda: ours(payloads),
        "pickle": lambda: by_pickle(payloads),
        "asdict": lambda: by_asdict(payloads),
    }
    if adapter is not None:
        known = adapter
        contestants["dashboard"] = lambda: [known(pickle.loads(payload)) for payload in payloads]
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            found[name].append(cpu_seconds(call))

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))

    return {
        "ingest_speedup_asdict": ratio("asdict", "ours"),
        "ingest_ratio_pickle": ratio("ours", "pickle"),
        "ingest_speedup_dashboard": ratio("dashboard", "ours") if adapter else None,
    }


def large_recording(total: int) -> TraceRecording:
    """A recording of so many samples, made straight from columns."""
    table = StreamTable()
    recording = recording_of(table, total)
    a_unit = -(-total // (len(UNITS) + 2 * len(EDGES)))
    numbers = np.arange(a_unit)
    random = np.random.default_rng(0)
    begins = 10**14 + np.cumsum(random.integers(PERIOD_NS // 2, PERIOD_NS * 3 // 2, a_unit))
    for place, unit in enumerate(UNITS):
        process = str(process_of(unit))
        for _, endpoint, topic, metric, value, channel, first in samples_of(unit, 1):
            code = table.code(process, endpoint, topic, metric, channel)
            late = {"user_span_ns": 0, "lease_time_ns": 50}.get(metric, 60)
            late += 7 if first else 0
            values = (value * random.lognormal(0.0, 0.5, a_unit)).astype(np.int64)
            # What a unit does takes as long as it says; when it began is when it was received.
            at = begins + place * 1500 + late + (values - value if channel else 0)
            columns = Columns(at, values, numbers + first, np.full(a_unit, code, np.int32))
            recording.take(ProcessSamples(process, "h", columns), 1)
    return recording


def questions(rounds: int, *, perfetto: bool) -> dict[str, float | None]:
    recording = large_recording(1_000_000)

    def latency() -> object:
        return latency_frame(recording.topology, TraceReader(recording).edges())

    single = [edge for edge in TraceReader(recording).edges() if edge.to_topic != "JOIN/INPUT"]
    folder = Path(tempfile.mkdtemp(prefix="ezmsg-nb-trace-"))
    try:
        parquet_s = seconds(
            lambda: write_frame(samples_frame(recording, recording.columns()), folder / "trace")
        )
        trace: Any = SimpleNamespace(recording=recording)
        perfetto_s = (
            seconds(lambda: write_perfetto(trace, folder / "trace.pftrace")) if perfetto else None
        )
    finally:
        shutil.rmtree(folder)
    return {
        "bytes_per_sample": recording.nbytes / len(recording),
        "latency_1m_s": statistics.median(seconds(latency) for _ in range(rounds)),
        "joined_percent": 100.0
        * sum(edge.matched for edge in single)
        / sum(edge.received for edge in single),
        "export_1m_s": parquet_s,
        "export_perfetto_1m_s": perfetto_s,
    }


def opening(total: int, rounds: int) -> float:
    recording = large_recording(total)
    folder = Path(tempfile.mkdtemp(prefix="ezmsg-nb-trace-"))
    try:
        write_frame(samples_frame(recording, recording.columns()), folder / "trace")
        times = []
        for _ in range(rounds):
            times.append(seconds(lambda: read_trace(folder / "trace")))
        return statistics.median(times)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    options = arguments(__doc__ or "")
    total, rounds = (60_000, 3) if options.quick else (300_000, 7)
    # To install the peer takes longer than a quick run may.
    has_peer = not options.quick or PYTHON_ENV in os.environ
    with dashboard_python() if has_peer else contextlib.nullcontext(None) as dashboard:
        figures = ingestion(total, rounds, dashboard)
    figures |= questions(3 if options.quick else 5, perfetto=not options.quick)
    figures["open_10m_s"] = opening(10_000_000, 3)
    report({name: None if value is None else round(value, 4) for name, value in figures.items()})


if __name__ == "__main__":
    main()
