"""Samples as columns: the ring, the decoder and its safety, joins and losses on made-up data."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from ezmsg.core.graphmeta import (
    ProcessProfilingTraceBatch,
    ProfileChannelType,
    ProfilingTraceSample,
    ProfilingTraceStreamBatch,
)
from sample_topology import topology, unit

from kernel_runtime.errors import UnsafePayloadError
from kernel_runtime.model import Topology
from kernel_runtime.profiling.columns import NO_SEQ, ColumnRing, Columns, StreamTable
from kernel_runtime.profiling.joins import (
    AMBIGUOUS,
    DEFAULT_BUFFERS,
    MATCHED,
    NO_PUBLISH,
    Published,
    join_received,
    upstream_topics,
)
from kernel_runtime.profiling.trace_decode import TraceDecoder
from kernel_runtime.profiling.trace_scope import TraceScope, control_for, merged, scope_of

MILLISECOND = 1_000_000


def two_processes() -> Topology:
    return topology(
        [
            unit("LEFT", "Source", ["OUTPUT"], "p1"),
            unit("RIGHT", "Sink", ["INPUT"], "p2"),
        ],
        [("LEFT/OUTPUT", "GROUP/INPUT"), ("GROUP/INPUT", "RIGHT/INPUT")],
    )


def some_rows(count: int, first: int = 0, code: int = 0) -> Columns:
    numbers = np.arange(first, first + count)
    return Columns(numbers, numbers * 2, numbers * 3, np.full(count, code, np.int32))


@pytest.mark.parametrize("limit", [1, 1000, 65_536, 100_000])
def test_the_ring_keeps_the_newest_and_counts_the_rest(limit: int) -> None:
    ring = ColumnRing(limit)
    for first in range(0, 200_000, 777):
        ring.append(some_rows(777, first, code=first % 2))
    total = sum(777 for _ in range(0, 200_000, 777))
    kept = ring.columns()
    assert len(ring) == len(kept) == limit
    assert kept.time_ns[-1] == total - 1
    assert (np.diff(kept.time_ns) == 1).all()
    assert (kept.seq == 3 * kept.time_ns).all()
    assert sum(ring.dropped.values()) == total - limit


def test_a_sample_takes_28_bytes() -> None:
    ring = ColumnRing(1_000_000)
    ring.append(some_rows(600_000))
    assert ring.nbytes / len(ring) < 32


def sample(**changes: object) -> ProfilingTraceSample:
    values: dict[str, object] = {
        "timestamp": 123456789012345.0,
        "endpoint_id": "A/OUT:1",
        "topic": "A/OUT",
        "metric": "publish_delta_ns",
        "value": 5.0,
        "channel_kind": None,
        "sample_seq": 7,
    }
    return ProfilingTraceSample(**{**values, **changes})  # type: ignore[arg-type]


def message(batches: dict[UUID, list[ProfilingTraceSample]]) -> bytes:
    return pickle.dumps(
        ProfilingTraceStreamBatch(
            timestamp=1.0,
            batches={
                process: ProcessProfilingTraceBatch(
                    process_id=process, pid=1, host="h", timestamp=1.0, samples=samples
                )
                for process, samples in batches.items()
            },
        )
    )


def test_samples_become_columns() -> None:
    one, other = uuid4(), uuid4()
    received = sample(
        endpoint_id="B/IN:2",
        topic="B/IN:on_message",
        metric="user_span_ns",
        channel_kind=ProfileChannelType.SHM,
        sample_seq=None,
    )
    table = StreamTable()
    decoder = TraceDecoder(table)
    for _ in range(2):
        found = decoder.decode(message({one: [sample(), sample(sample_seq=8)], other: [received]}))
        assert [each.process_id for each in found] == [str(one), str(other)]
        first, second = (each.samples for each in found)
        assert first.seq.tolist() == [7, 8]
        assert first.time_ns.tolist() == [123456789012345] * 2
        assert first.value_ns.tolist() == [5, 5]
        assert second.seq.tolist() == [NO_SEQ]
    assert len(table) == 2
    stream = table[int(second.code[0])]
    assert (stream.topic, stream.label, stream.channel) == ("B/IN", "on_message", "SHM")


class Runs:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("field", ["timestamp", "endpoint_id", "metric", "sample_seq"])
def test_nothing_that_a_sample_brings_is_run(field: str, tmp_path: Path) -> None:
    decoder = TraceDecoder(StreamTable())
    hostile = message({uuid4(): [sample(**{field: Runs(tmp_path / "run")}), sample()]})
    with pytest.raises(UnsafePayloadError):
        decoder.decode(hostile)
    assert not (tmp_path / "run").exists()
    # The decoder is as good as new.
    assert len(decoder.decode(message({uuid4(): [sample()]}))[0].samples) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"timestamp": float("nan")},
        {"timestamp": "now"},
        {"endpoint_id": 5},
        {"sample_seq": 1 << 70},
        {"sample_seq": "one"},
    ],
)
def test_a_sample_that_ezmsg_would_not_write_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UnsafePayloadError):
        TraceDecoder(StreamTable()).decode(message({uuid4(): [sample(**bad)]}))


def test_a_message_cannot_change_the_decoder() -> None:
    decoder = TraceDecoder(StreamTable())
    # BUILD on the class itself: its state would be set on what all samples share.
    name = b"cezmsg.core.graphmeta\nProfilingTraceSample\n"
    with pytest.raises(UnsafePayloadError):
        decoder.decode(b"\x80\x02" + name + b"}X\x0c\x00\x00\x00__setstate__K\x01sb.")
    with pytest.raises(UnsafePayloadError):
        decoder.decode(pickle.dumps([1, 2]))
    assert len(decoder.decode(message({uuid4(): [sample()]}))[0].samples) == 1


def published(endpoint_id: str, times_ns: list[int], first: int = 0) -> Published:
    times = np.array(times_ns, np.int64)
    return Published(endpoint_id, np.arange(first, first + len(times)), times)


def test_one_publisher_is_joined_by_number() -> None:
    publisher = published("A", [n * MILLISECOND for n in range(10)], first=5)
    seq = np.array([5, 6, 20, 14, NO_SEQ])
    join = join_received(seq, np.array([0, 10**9, 3, 4, 5]), [publisher])
    assert join.outcome.tolist() == [MATCHED, MATCHED, NO_PUBLISH, MATCHED, NO_PUBLISH]
    assert join.place.tolist() == [0, 1, -1, 9, -1]


def test_no_publisher_at_all() -> None:
    join = join_received(np.array([1, 2]), np.array([1, 2]), [])
    assert join.outcome.tolist() == [NO_PUBLISH, NO_PUBLISH]


def test_fan_in_is_resolved_where_time_allows_and_ambiguous_elsewhere() -> None:
    # A publishes every 50 ms. B is 25 ms behind it up to number 9, and with it from there on.
    ours = [n * 50 * MILLISECOND for n in range(20)]
    theirs = [t + (25 * MILLISECOND if n < 10 else 0) for n, t in enumerate(ours)]
    late = MILLISECOND // 5
    events = sorted(
        [(t + late, n, 0) for n, t in enumerate(ours)]
        + [(t + late + 1, n, 1) for n, t in enumerate(theirs)]
    )
    received = np.array([event[0] for event in events])
    seq = np.array([event[1] for event in events])
    truth = np.array([event[2] for event in events])
    join = join_received(seq, received, [published("A", ours), published("B", theirs)])
    clear = seq < 10
    assert (join.outcome[clear] == MATCHED).all()
    assert (join.publisher[clear] == truth[clear]).all()
    assert (join.outcome[~clear] == AMBIGUOUS).all()


def test_a_buffer_that_was_written_again_is_no_candidate() -> None:
    # Number 0 of A was received before its buffer was reused; B's number 0 came much later.
    ours = [n * 10 * MILLISECOND for n in range(3 * DEFAULT_BUFFERS)]
    join = join_received(
        np.array([0, 0]),
        np.array([MILLISECOND, ours[-1] + 2 * MILLISECOND]),
        [published("A", ours), published("B", [ours[-1] + MILLISECOND])],
    )
    assert join.outcome.tolist() == [MATCHED, MATCHED]
    assert join.publisher.tolist() == [0, 1]


def test_a_million_samples_are_joined_within_a_second() -> None:
    count = 500_000
    times = np.arange(count) * 100_000
    publisher = Published("A", np.arange(count), times)
    other = Published("B", np.arange(count) + 10 * count, times)
    began = time.process_time()
    join = join_received(np.arange(count), times + 5000, [publisher, other])
    assert time.process_time() - began < 1.0
    assert (join.outcome == MATCHED).all()


def test_scopes_merge_to_what_all_of_them_want() -> None:
    every = TraceScope()
    some = TraceScope(frozenset({"A/OUT"}), frozenset({"lease_time_ns"}), 4)
    more = TraceScope(frozenset({"B/IN"}), None, 6)
    assert merged([]) is None
    assert merged([some]) == some
    assert merged([some, more]) == TraceScope(frozenset({"A/OUT", "B/IN"}), None, 2)
    assert merged([some, every]) == TraceScope(None, None, 1)


def test_a_control_goes_only_where_its_topics_live() -> None:
    graph = two_processes()
    scope = scope_of("LEFT", None, 1, graph)
    assert sorted(scope.topics or ()) == ["LEFT/OUTPUT"]
    control = control_for(scope, "p1", graph, 60.0)
    assert control is not None
    # An empty list would mean every topic.
    assert control.subscriber_topics == control.publisher_topics == ["LEFT/OUTPUT"]
    assert control_for(scope, "p2", graph, 60.0) is None
    assert control_for(TraceScope(), "p2", graph, 60.0) is not None


@pytest.mark.parametrize(
    ("topics", "metrics", "sample_mod"),
    [(["NOBODY"], None, 1), ([], None, 1), (None, ["speed"], 1), (None, [], 1), (None, None, 0)],
)
def test_a_scope_of_nonsense_is_refused(
    topics: list[str] | None, metrics: list[str] | None, sample_mod: int
) -> None:
    with pytest.raises(ValueError, match=r"NOBODY|empty|speed|sample_mod"):
        scope_of(topics, metrics, sample_mod, two_processes())


def test_topics_upstream_go_through_those_that_only_pass_on() -> None:
    graph = two_processes()
    assert upstream_topics(graph, "RIGHT/INPUT", {"LEFT/OUTPUT"}) == {"LEFT/OUTPUT"}
    assert upstream_topics(graph, "RIGHT/INPUT", {"LEFT/OUTPUT", "GROUP/INPUT"}) == {
        "LEFT/OUTPUT",
        "GROUP/INPUT",
    }
