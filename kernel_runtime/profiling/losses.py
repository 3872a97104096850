"""How many samples of a trace are missing, and why, as far as it can be known.

Messages are numbered at their publisher, so at ``sample_mod=1`` a missing number is a missing
sample. Message totals at both ends of the trace count the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .columns import NO_SEQ, Columns, Int64s, SampleStream
from .joins import feeding_publishers, stream_rows
from .recording import TraceRecording

_COUNTED = frozenset({"publish_delta_ns", "lease_time_ns"})
"""Metrics with one sample for each message."""

MAX_CLASSIFIED_GAPS = 100_000


@dataclass(frozen=True, slots=True)
class StreamLosses:
    """Samples of one metric of one endpoint.

    Attributes
    ----------
    received
        Samples that are there.
    expected
        How many there should be, None where that can't be known.
    lost_here
        Dropped here, because newer ones came and `max_samples` was reached.
    lost_at_renewal
        Missing around a moment in which the trace control was set (it clears buffers).
    lost_in_server
        Missing between two messages of the server, for most endpoints at once: its ring of
        200,000 samples a process was overrun.
    lost_in_endpoint
        Missing for this endpoint: its own ring of 10,000 samples was overrun, tracing of it
        was off meanwhile, or its process ended before it handed them over.
    leaky_dropped
        Messages that a leaky subscriber dropped: not lost samples, lost messages.
    """

    stream: SampleStream
    received: int
    expected: int | None
    lost_here: int
    lost_at_renewal: int
    lost_in_server: int
    lost_in_endpoint: int
    leaky_dropped: int

    @property
    def lost(self) -> int:
        """Missing samples, of all causes."""
        return self.lost_here + self.lost_at_renewal + self.lost_in_server + self.lost_in_endpoint


@dataclass(frozen=True, slots=True)
class _Gap:
    code: int
    missing: int
    start_ns: int
    end_ns: int


def losses(recording: TraceRecording, columns: Columns) -> list[StreamLosses]:
    """Losses of every stream of a trace that has samples, or should have.

    Parameters
    ----------
    recording
        The trace.
    columns
        Its samples.
    """
    rows = stream_rows(columns)
    streams = recording.streams.all()
    dropped_here = recording.dropped
    leaky = {
        port.topic
        for unit in recording.topology.units.values()
        for port in unit.inputs
        if port.leaky
    }
    gaps: dict[int, list[_Gap]] = {}
    exact = recording.scope.sample_mod == 1
    for code, at in rows.items():
        if exact and _has_own_numbers(recording, streams[code]):
            gaps[code] = _gaps_of(columns, code, at)
    in_server = _gaps_in_server(recording, columns, rows, gaps)

    found = []
    for code in sorted(set(rows) | set(dropped_here)):
        stream = streams[code]
        received = len(rows.get(code, ()))
        here = dropped_here.get(code, 0)
        at_renewal = server = endpoint = leaked = 0
        for gap in gaps.get(code, ()):
            if stream.topic in leaky and stream.metric == "lease_time_ns":
                leaked += gap.missing
            elif _at_renewal(recording, stream.process_id, gap):
                at_renewal += gap.missing
            elif gap in in_server:
                server += gap.missing
            else:
                endpoint += gap.missing
        expected: int | None = None
        if _is_gone(recording, stream.process_id):
            # What it did last is known only where others received of it.
            endpoint += _unseen_at_the_end(recording, columns, rows, code)
        elif code in gaps:
            expected = received + here + at_renewal + server + endpoint
        elif exact and stream.metric in _COUNTED:
            expected = _by_totals(recording, stream.endpoint_id)
            if expected is not None:
                # Totals and samples are not read at one moment: a few messages are no loss.
                missing = expected - received - here
                endpoint = missing if missing > max(3, 0.01 * expected) else 0
        found.append(
            StreamLosses(stream, received, expected, here, at_renewal, server, endpoint, leaked)
        )
    return found


def untraced(recording: TraceRecording, columns: Columns) -> list[tuple[str, str, int]]:
    """Endpoints that had messages and no sample at all: ``(endpoint id, topic, messages)``."""
    if recording.counts_after is None or recording.scope.sample_mod != 1:
        return []
    metrics = recording.scope.metrics
    seen = {recording.streams[code].endpoint_id for code in np.unique(columns.code).tolist()}
    found = []
    for endpoint_id, count in recording.counts_after.endpoints.items():
        metric = "publish_delta_ns" if count.role == "publisher" else "lease_time_ns"
        if endpoint_id in seen or (metrics is not None and metric not in metrics):
            continue
        messages = _by_totals(recording, endpoint_id) or 0
        if recording.scope.wants(count.topic, metric) and messages > 3:
            found.append((endpoint_id, count.topic, messages))
    return found


def _is_gone(recording: TraceRecording, process_id: str) -> bool:
    """Whether a process did not answer at the end of a trace that has ended."""
    after = recording.counts_after
    return after is not None and process_id not in after.at_ns


def processes_gone(recording: TraceRecording) -> list[str]:
    """Ids of traced processes whose last samples may be missing: they ended, or hang."""
    traced = {stream.process_id for stream in recording.streams.all()}
    known = traced & recording.clocks.keys()
    return sorted(process_id for process_id in known if _is_gone(recording, process_id))


def _unseen_at_the_end(
    recording: TraceRecording, columns: Columns, rows: dict[int, Int64s], code: int
) -> int:
    """Messages after a publisher's last sample that somebody who hears only it received."""
    stream = recording.streams[code]
    if stream.metric != "publish_delta_ns" or recording.scope.sample_mod != 1:
        return 0
    last = int(columns.seq[rows[code]].max())
    newest = last
    for other, at in rows.items():
        receiver = recording.streams[other]
        if receiver.metric != "lease_time_ns":
            continue
        if feeding_publishers(recording, receiver.topic) == [stream.endpoint_id]:
            newest = max(newest, int(columns.seq[at].max()))
    return newest - last


def _has_own_numbers(recording: TraceRecording, stream: SampleStream) -> bool:
    """Whether numbers of this stream's samples come from one publisher, one after another."""
    if stream.metric == "publish_delta_ns":
        return True
    if stream.metric != "lease_time_ns":
        return False
    return len(feeding_publishers(recording, stream.topic)) == 1


def _gaps_of(columns: Columns, code: int, at: Int64s) -> list[_Gap]:
    seq = columns.seq[at]
    numbered = seq != NO_SEQ
    at, seq = at[numbered], seq[numbered]
    steps = np.diff(seq)
    places = np.flatnonzero(steps > 1)[:MAX_CLASSIFIED_GAPS]
    times = columns.time_ns[at]
    return [
        _Gap(code, int(steps[place]) - 1, int(times[place]), int(times[place + 1]))
        for place in places
    ]


def _at_renewal(recording: TraceRecording, process_id: str, gap: _Gap) -> bool:
    return any(
        each.process_id == process_id
        and each.start_ns <= gap.end_ns
        and each.end_ns >= gap.start_ns
        for each in recording.interruptions
    )


def _gaps_in_server(
    recording: TraceRecording,
    columns: Columns,
    rows: dict[int, Int64s],
    gaps: dict[int, list[_Gap]],
) -> set[_Gap]:
    """Gaps at the beginning of a message from the server, if its whole process has them there."""
    found: set[_Gap] = set()
    for process_id, boundaries in recording.boundaries.items():
        codes = [code for code in gaps if recording.streams[code].process_id == process_id]
        if not any(gaps[code] for code in codes):
            continue
        starts = np.array(boundaries, np.int64)
        by_boundary: dict[int, list[_Gap]] = {}
        for code in codes:
            for gap in gaps[code]:
                # The last message that begins after the gap's first end: it brought the rest.
                place = int(np.searchsorted(starts, gap.end_ns, side="right")) - 1
                if place >= 0 and starts[place] > gap.start_ns:
                    by_boundary.setdefault(place, []).append(gap)
        spans = [(int(columns.time_ns[rows[code][0]]), code) for code in codes]
        for place, group in by_boundary.items():
            there = sum(first < starts[place] for first, _ in spans)
            if 2 * len(group) > there:
                found.update(group)
    return found


def _by_totals(recording: TraceRecording, endpoint_id: str) -> int | None:
    if recording.counts_after is None:
        return None
    after = recording.counts_after.endpoints.get(endpoint_id)
    before = recording.counts_before.endpoints.get(endpoint_id)
    if after is None:
        return None
    return after.messages_total - (before.messages_total if before else 0)


def total_lost(found: Iterable[StreamLosses]) -> int:
    """Missing samples of all streams."""
    return sum(each.lost for each in found)
