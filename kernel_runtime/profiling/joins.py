"""Which sample belongs to which: rows by stream, publishers upstream, joins by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model import Topology
from .columns import NO_SEQ, Columns, Int64s
from .recording import TraceRecording

Int8s = npt.NDArray[np.int8]

STAMP_SLACK_NS = 10_000_000
"""How late a publish may be stamped: after the socket took the message (measured)."""

DEFAULT_BUFFERS = 32

NO_PUBLISH, AMBIGUOUS, MATCHED = 0, 1, 2


def stream_rows(columns: Columns) -> dict[int, Int64s]:
    """Rows of each stream, in the order of time, by its number."""
    if not len(columns):
        return {}
    order = np.lexsort((columns.time_ns, columns.code))
    codes = columns.code[order]
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    return {
        int(codes[start]): part
        for start, part in zip(starts, np.split(order, starts[1:]), strict=True)
    }


def upstream_topics(topology: Topology, topic: str, published: set[str]) -> set[str]:
    """Topics with publishers that a subscriber of `topic` hears, through any that pass on.

    A topic that has publishers of its own is heard too, and what lies before it also: ezmsg
    connects a publisher to all topics downstream.
    """
    before: dict[str, list[str]] = {}
    for edge in topology.edges:
        before.setdefault(edge.to_topic, []).append(edge.from_topic)
    found: set[str] = set()
    seen: set[str] = set()
    left = [topic]
    while left:
        here = left.pop()
        if here in seen:
            continue
        seen.add(here)
        if here in published:
            found.add(here)
        left.extend(before.get(here, ()))
    return found


def feeding_publishers(recording: TraceRecording, topic: str) -> list[str]:
    """Endpoint ids of the publishers that a subscriber of `topic` hears."""
    by_topic = _publishers_by_topic(recording)
    topics = upstream_topics(recording.topology, topic, set(by_topic))
    return [endpoint for name in sorted(topics) for endpoint in by_topic[name]]


def _publishers_by_topic(recording: TraceRecording) -> Mapping[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for counts in (recording.counts_before, recording.counts_after):
        for endpoint in counts.endpoints.values() if counts is not None else ():
            if endpoint.role == "publisher":
                found.setdefault(endpoint.topic, {})[endpoint.endpoint_id] = None
    for stream in recording.streams.all():
        if stream.metric == "publish_delta_ns":
            found.setdefault(stream.topic, {})[stream.endpoint_id] = None
    return {topic: list(endpoints) for topic, endpoints in found.items()}


@dataclass(frozen=True, slots=True)
class Published:
    """Publishes of one endpoint, by number."""

    endpoint_id: str
    seq: Int64s
    time_ns: Int64s
    num_buffers: int = DEFAULT_BUFFERS

    def place_of(self, seq: Int64s) -> Int64s:
        """Where each number stands among the publishes, -1 where it is not there."""
        if not len(self.seq):
            return np.full(len(seq), -1, np.int64)
        place = np.minimum(np.searchsorted(self.seq, seq), len(self.seq) - 1)
        return np.where(self.seq[place] == seq, place, -1)


@dataclass(frozen=True, slots=True)
class Join:
    """What became of each received message.

    Attributes
    ----------
    outcome
        `MATCHED`, `AMBIGUOUS` or `NO_PUBLISH`, for each received message.
    publisher, place
        For the matched: which publisher, and where among its publishes; -1 else.
    """

    outcome: Int8s
    publisher: Int64s
    place: Int64s


def join_received(seq: Int64s, received_ns: Int64s, publishers: list[Published]) -> Join:
    """Find the publish of each message that one subscriber received.

    With one publisher the number decides. With several, a publish is a candidate only if it
    was before the receipt (but for `STAMP_SLACK_NS`), and if its buffer could not have been
    taken by a later message meanwhile; and each publish is received once. Where more than one
    candidate is left, the message is ambiguous.

    Parameters
    ----------
    seq, received_ns
        Number of each message, and when it was received; all on one clock with `publishers`.
    publishers
        Whom the subscriber hears, each sorted by number.
    """
    count = len(seq)
    places = np.stack(
        [publisher.place_of(seq) for publisher in publishers] or [np.full(count, -1, np.int64)],
        axis=1,
    )
    places[seq == NO_SEQ] = -1
    valid = places >= 0
    if len(publishers) > 1:
        for number, publisher in enumerate(publishers):
            valid[:, number] &= _plausible(publisher, places[:, number], received_ns)
        _each_once(seq, valid)
    candidates = valid.sum(axis=1)
    outcome = np.where(candidates == 1, MATCHED, np.where(candidates > 1, AMBIGUOUS, NO_PUBLISH))
    who = np.where(candidates == 1, valid.argmax(axis=1), -1)
    place = np.where(who >= 0, places[np.arange(count), np.maximum(who, 0)], -1)
    return Join(outcome.astype(np.int8), who.astype(np.int64), place.astype(np.int64))


def _plausible(publisher: Published, place: Int64s, received_ns: Int64s) -> npt.NDArray[np.bool_]:
    if not len(publisher.seq):
        return np.zeros(len(place), np.bool_)
    at = publisher.time_ns[np.maximum(place, 0)]
    # The same buffer is written again only after this message was let go.
    reused = publisher.place_of(publisher.seq[np.maximum(place, 0)] + publisher.num_buffers)
    latest = np.where(
        reused >= 0,
        publisher.time_ns[np.maximum(reused, 0)],
        np.iinfo(np.int64).max - STAMP_SLACK_NS,
    )
    found: npt.NDArray[np.bool_] = (received_ns >= at - STAMP_SLACK_NS) & (
        received_ns <= latest + STAMP_SLACK_NS
    )
    return found


def _each_once(seq: Int64s, valid: npt.NDArray[np.bool_]) -> None:
    """Strike candidates that another message with the same number surely is; in place."""
    _, group = np.unique(seq, return_inverse=True)
    groups = int(group.max()) + 1 if len(group) else 0
    for _ in range(valid.shape[1]):
        sure = valid.sum(axis=1) == 1
        taken = np.zeros((groups, valid.shape[1]), np.bool_)
        taken[group[sure]] |= valid[sure]
        struck = ~sure[:, None] & taken[group] & valid
        if not struck.any():
            return
        valid &= ~struck
