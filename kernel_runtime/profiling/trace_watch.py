"""Noticing that somebody else has set the trace control of a process that we trace.

Nobody says so: it shows in samples that no trace here asked for, in endpoints that fall silent
although messages pass, and in numbers of messages that are further apart than was asked for.
"""

from __future__ import annotations

import time

import numpy as np

from .columns import StreamTable
from .rates import Counts
from .trace_controls import Traced
from .trace_decode import ProcessSamples
from .trace_scope import TraceScope

SILENT_AFTER_S = 2.0
"""An endpoint that was traced and now sends nothing for so long is looked at."""

COUNTED = {"publisher": "publish_delta_ns", "subscriber": "lease_time_ns"}
"""The metric of each kind of endpoint that has a sample for each message."""

NEWEST = 64

SETTLED_NS = 1_000_000_000
"""What comes so soon after a control was set may be of messages that were held before."""


def take_sight(
    traced: Traced, streams: StreamTable, arrived: ProcessSamples, ahead_ns: int
) -> tuple[str, str] | None:
    """Remember what samples arrived, and look whether they are what the process was told.

    Parameters
    ----------
    traced
        Their process.
    streams
        What the codes of the samples mean.
    arrived
        The samples.
    ahead_ns
        How much further our clock is than that of the process.

    Returns
    -------
    tuple or None
        Topic and metric of a sample that nobody here asked for.
    """
    samples = arrived.samples
    now = time.monotonic()
    for code in np.flatnonzero(np.bincount(samples.code)).tolist():
        stream = streams[code]
        traced.last_sample_at[(stream.endpoint_id, stream.metric)] = now
    # What came before the control was set may be older history, or of another control of ours.
    fresh = samples.time_ns > traced.set_ns + SETTLED_NS - ahead_ns
    codes = samples.code[fresh][-NEWEST:]
    seqs = samples.seq[fresh][-NEWEST:]
    foreign = None
    scope = traced.told
    for code in set(codes.tolist()):
        stream = streams[code]
        if not scope.wants(stream.topic, stream.metric):
            foreign = (stream.topic, stream.metric)
            traced.foreign[foreign] = now
        elif stream.metric == "publish_delta_ns":
            steps = np.diff(seqs[codes == code])
            if len(steps) >= 3 and steps.min() > scope.sample_mod:
                traced.coarser = int(steps.min())
    return foreign


def is_due(traced: Traced) -> bool:
    """Whether a process should be asked what its endpoints did."""
    now = time.monotonic()
    if now - max(traced.looked_at, traced.set_at) < SILENT_AFTER_S:
        return False
    return not traced.last_sample_at or min(traced.last_sample_at.values()) < now - SILENT_AFTER_S


def silenced(traced: Traced, process_id: str, scope: TraceScope, counts: Counts) -> list[str]:
    """Topics of endpoints that have messages and no samples any more.

    The first look at a silent endpoint notes its total; a later one tells.
    """
    now = traced.looked_at = time.monotonic()
    found = []
    totals: dict[str, int] = {}
    seen_any = bool(traced.last_sample_at)
    for endpoint in counts.endpoints.values():
        metric = COUNTED[endpoint.role]
        if endpoint.process_id != process_id or not scope.wants(endpoint.topic, metric):
            continue
        last = traced.last_sample_at.get((endpoint.endpoint_id, metric))
        if last is None and seen_any:
            # Of an endpoint that was never heard nothing can be said.
            continue
        if last is not None and now - last < SILENT_AFTER_S:
            continue
        totals[endpoint.endpoint_id] = endpoint.messages_total
        before = traced.totals_then.get(endpoint.endpoint_id)
        if before is not None and endpoint.messages_total - before > scope.sample_mod + 2:
            found.append(endpoint.topic)
    traced.totals_then = totals
    return sorted(set(found))


def in_words(silent: list[str], coarser: int | None) -> str:
    """What a foreign control took away."""
    if coarser is not None:
        return f"gave every {coarser}th message only"
    if len(silent) > 3:
        silent = [*silent[:3], f"{len(silent) - 3} more"]
    return f"had stopped to trace {', '.join(silent)} although messages flow"
