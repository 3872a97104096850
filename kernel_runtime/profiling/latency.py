"""Latency of each connection of a graph, and of paths through it, from a trace.

Publisher and subscriber samples share no topic and no id, so a subscriber's topic is mapped to
the publishers upstream first, and the join is by message number. Nothing is clipped and nothing
invented: what can't be joined is counted, by reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .clocks import clock_error_ns
from .columns import Columns, Int64s, SampleStream
from .joins import (
    AMBIGUOUS,
    DEFAULT_BUFFERS,
    MATCHED,
    NO_PUBLISH,
    Join,
    Published,
    feeding_publishers,
    join_received,
    stream_rows,
)
from .recording import TraceRecording


@dataclass(frozen=True, slots=True)
class Receipts:
    """What one subscriber received, in the order of time; all clocks mapped to wall time.

    ``lease_ns`` is the time from receiving a message to letting it go, ``span_ns`` that in the
    unit's own handlers (0 where it was not traced, as for leaky subscribers).
    """

    stream: SampleStream
    seq: Int64s
    received_ns: Int64s
    lease_ns: Int64s
    span_ns: Int64s
    has_span: bool


@dataclass(frozen=True, slots=True)
class EdgeLatency:
    """Messages from one publisher to one subscriber.

    Attributes
    ----------
    publisher, subscriber
        Their endpoint ids.
    seq, published_ns, transport_ns, lease_ns, span_ns
        Of the matched messages. Transport is from the publish (which ezmsg stamps after the
        socket took the message) to the receipt, so it can be negative.
    published
        Publishes that were seen.
    received
        Messages of the subscriber that were seen, from all its publishers.
    ambiguous, no_publish
        Of those, how many could be of several publishers, or have no publish in the trace:
        counted for the subscriber, the same on all its edges.
    not_received
        Publishes without a receipt: dropped by a leaky subscriber, under way at the end, or
        lost samples.
    clock_error_ns
        Half-width of what transport may be wrong by; None where it is not known.
    """

    publisher: str
    subscriber: str
    from_topic: str
    to_topic: str
    from_process: str
    to_process: str
    channel: str | None
    seq: Int64s
    published_ns: Int64s
    transport_ns: Int64s
    lease_ns: Int64s
    span_ns: Int64s
    has_span: bool
    published: int
    received: int
    ambiguous: int
    no_publish: int
    not_received: int
    clock_error_ns: int | None

    @property
    def matched(self) -> int:
        return len(self.seq)

    @property
    def negative(self) -> int:
        """Matched messages that were received before their publish was stamped."""
        return int((self.transport_ns < 0).sum())


class TraceReader:
    """Samples of a trace, arranged for questions about messages.

    Parameters
    ----------
    recording
        The trace. Its ``sample_mod`` must be 1: sampling counts at each endpoint by itself,
        so that sampled publishes and receipts are of different messages.
    columns
        Its samples, if they are at hand.

    Raises
    ------
    ValueError
        The trace was sampled, or without the metrics that tell of messages.
    """

    def __init__(self, recording: TraceRecording, columns: Columns | None = None) -> None:
        scope = recording.scope
        if scope.sample_mod != 1:
            raise ValueError(
                f"Latency needs a trace with sample_mod=1; this one has "
                f"{scope.sample_mod}, so that publishes and receipts are of different messages."
            )
        missing = {"publish_delta_ns", "lease_time_ns"} - (
            scope.metrics or {"publish_delta_ns", "lease_time_ns"}
        )
        if missing:
            raise ValueError(
                f"Latency needs the metrics publish_delta_ns and lease_time_ns; this trace was "
                f"made without {' and '.join(sorted(missing))}."
            )
        self.recording = recording
        self.columns = recording.columns() if columns is None else columns
        self._rows = stream_rows(self.columns)
        self._streams = recording.streams.all()
        self.published = self._read_published()

    def _offset_ns(self, process_id: str) -> int:
        clock = self.recording.clocks.get(process_id)
        return clock.offset_ns if clock is not None else 0

    def _read_published(self) -> dict[str, Published]:
        counts = self.recording.counts_before.endpoints
        found = {}
        for code, rows in self._rows.items():
            stream = self._streams[code]
            if stream.metric != "publish_delta_ns":
                continue
            seq = self.columns.seq[rows]
            if len(seq) > 1 and (np.diff(seq) <= 0).any():
                order = np.argsort(seq, kind="stable")
                rows, seq = rows[order], seq[order]
            count = counts.get(stream.endpoint_id)
            found[stream.endpoint_id] = Published(
                stream.endpoint_id,
                seq,
                self.columns.time_ns[rows] + self._offset_ns(stream.process_id),
                (count.num_buffers if count is not None else None) or DEFAULT_BUFFERS,
            )
        return found

    def process_of(self, endpoint_id: str) -> str | None:
        return next(
            (
                self._streams[code].process_id
                for code in self._rows
                if self._streams[code].endpoint_id == endpoint_id
            ),
            None,
        )

    def receipts(self) -> Iterator[Receipts]:
        """What each subscriber received."""
        by_endpoint: dict[str, dict[str, list[int]]] = {}
        for code in self._rows:
            stream = self._streams[code]
            if stream.metric in ("lease_time_ns", "user_span_ns"):
                metrics = by_endpoint.setdefault(stream.endpoint_id, {})
                metrics.setdefault(stream.metric, []).append(code)
        for metrics in by_endpoint.values():
            if "lease_time_ns" not in metrics:
                continue
            codes = metrics["lease_time_ns"]
            leases = self._together(codes)
            offset = self._offset_ns(self._streams[codes[0]].process_id)
            span = self._spans_of(leases, self._together(metrics.get("user_span_ns", [])))
            yield Receipts(
                # The first samples may have come before the channel was known.
                self._streams[codes[-1]],
                leases.seq,
                leases.time_ns - leases.value_ns + offset,
                leases.value_ns,
                span,
                "user_span_ns" in metrics,
            )

    def _together(self, codes: list[int]) -> Columns:
        if not codes:
            return Columns.empty()
        if len(codes) == 1:
            return self.columns.where(self._rows[codes[0]])
        rows = np.concatenate([self._rows[code] for code in codes])
        return self.columns.where(rows[np.argsort(self.columns.time_ns[rows], kind="stable")])

    @staticmethod
    def _spans_of(leases: Columns, spans: Columns) -> Int64s:
        """Time in handlers during each lease: the spans that end before the lease does."""
        total = np.zeros(len(leases), np.int64)
        if len(spans) and len(leases):
            # Stamped in this order: handlers one after another, then the lease.
            place = np.searchsorted(leases.time_ns, spans.time_ns)
            inside = place < len(leases)
            place = np.minimum(place, len(leases) - 1)
            inside &= leases.seq[place] == spans.seq
            np.add.at(total, place[inside], spans.value_ns[inside])
        return total

    def joined(self, receipts: Receipts) -> tuple[list[Published], Join]:
        """The publishers that a subscriber hears, and where its messages came from."""
        publishers = [
            self.published[endpoint]
            for endpoint in feeding_publishers(self.recording, receipts.stream.topic)
            if endpoint in self.published
        ]
        return publishers, join_received(receipts.seq, receipts.received_ns, publishers)

    def edges(self) -> list[EdgeLatency]:
        """Latency of every connection that has samples on one side at least."""
        found: list[EdgeLatency] = []
        for receipts in self.receipts():
            publishers, join = self.joined(receipts)
            ambiguous = int((join.outcome == AMBIGUOUS).sum())
            no_publish = int((join.outcome == NO_PUBLISH).sum())
            for number, publisher in enumerate(publishers):
                mine = np.flatnonzero((join.outcome == MATCHED) & (join.publisher == number))
                found.append(
                    self._edge(receipts, publisher, mine, join.place[mine], ambiguous, no_publish)
                )
            if not publishers:
                found.append(
                    self._edge(
                        receipts,
                        Published("", np.empty(0, np.int64), np.empty(0, np.int64)),
                        np.empty(0, np.int64),
                        np.empty(0, np.int64),
                        ambiguous,
                        no_publish,
                    )
                )
        return found

    def _edge(
        self,
        receipts: Receipts,
        publisher: Published,
        mine: Int64s,
        place: Int64s,
        ambiguous: int,
        no_publish: int,
    ) -> EdgeLatency:
        published_ns = publisher.time_ns[place]
        from_process = self.process_of(publisher.endpoint_id) or ""
        return EdgeLatency(
            publisher=publisher.endpoint_id,
            subscriber=receipts.stream.endpoint_id,
            from_topic=publisher.endpoint_id.rpartition(":")[0],
            to_topic=receipts.stream.topic,
            from_process=from_process,
            to_process=receipts.stream.process_id,
            channel=receipts.stream.channel,
            seq=receipts.seq[mine],
            published_ns=published_ns,
            transport_ns=receipts.received_ns[mine] - published_ns,
            lease_ns=receipts.lease_ns[mine],
            span_ns=receipts.span_ns[mine],
            has_span=receipts.has_span,
            published=len(publisher.seq),
            received=len(receipts.seq),
            ambiguous=ambiguous,
            no_publish=no_publish,
            not_received=max(0, len(publisher.seq) - len(mine) - ambiguous),
            clock_error_ns=clock_error_ns(
                self.recording.clocks, from_process, receipts.stream.process_id
            ),
        )
