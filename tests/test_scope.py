"""Scopes: samples reduced to columns, messages in words, and nothing sent while nobody looks."""

from __future__ import annotations

import itertools
import mmap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import pytest
from ezmsg.util.messages.axisarray import AxisArray
from real_graphs import wait_for

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from ezmsg_nb.scope import Scope
from ezmsg_nb.scope_columns import BYTES_PER_S, ScopeColumns
from kernel_runtime.errors import GraphError
from kernel_runtime.host import GraphHost, GraphSpec
from kernel_runtime.observer.extremes import Extremes, joined
from kernel_runtime.observer.ring import RingReader, RingWriter, ring_bytes
from kernel_runtime.observer.scope_chunks import ScopeChunk, StreamShape
from kernel_runtime.observer.scope_source import ScopeSource
from kernel_runtime.observer.seen_message import MAX_ROWS, rows_of


@pytest.mark.parametrize("length", [1, 3, 7])
def test_bins_are_the_extremes_of_their_samples_however_these_come(length: int) -> None:
    samples = np.random.default_rng(0).normal(size=(length * 20, 4)).astype(np.float32)
    made = Extremes(length, 4)
    cuts = [0, 1, 2, 9, 10, len(samples) - 3, len(samples)]
    parts = [made.add(samples[a:b]) for a, b in itertools.pairwise(cuts)]
    bins = np.concatenate(parts)
    expected = samples.reshape(20, length, 4)
    assert np.array_equal(bins[..., 0], expected.min(axis=1))
    assert np.array_equal(bins[..., 1], expected.max(axis=1))
    assert made.next_bin == 20


def test_what_did_not_come_is_left_out_and_time_goes_on() -> None:
    made = Extremes(4, 1)
    assert len(made.add(np.array([[1.0], [2.0]]))) == 0
    skipped = made.skip(7)
    assert np.array_equal(skipped[:, 0], [[1.0, 2.0], [np.nan, np.nan]], equal_nan=True)
    (after,) = made.add(np.array([[5.0], [6.0], [4.0]]))[:, 0]
    assert after.tolist() == [4.0, 6.0]
    assert made.next_bin == 3


def test_joined_bins_know_only_what_their_parts_know() -> None:
    bins = np.array([[[1, 2]], [[np.nan, np.nan]], [[np.nan] * 2], [[np.nan] * 2]], np.float32)
    assert np.array_equal(joined(bins, 2)[:, 0], [[1.0, 2.0], [np.nan, np.nan]], equal_nan=True)


def read_all(memory: mmap.mmap) -> list[ScopeChunk]:
    reader = RingReader(memory)
    found = [reader.read(number) for number in range(1, reader.counts.newest + 1)]
    return [ScopeChunk.decode(data) for data in found if data is not None]


def block(start: int, samples: int, fs_hz: float = 6_000.0, channels: int = 2) -> AxisArray:
    data = np.repeat(np.arange(start, start + samples, dtype=np.int32)[:, None], channels, 1)
    axes: dict[str, Any] = {"time": AxisArray.TimeAxis(fs=fs_hz, offset=start / fs_hz)}
    return AxisArray(data, dims=["time", "ch"], axes=axes)


def test_a_source_counts_reduces_and_leaves_gaps() -> None:
    clock = iter(np.arange(0.0, 1e6, 1.0).tolist())
    with mmap.mmap(-1, ring_bytes(1 << 20)) as memory:
        source = ScopeSource(RingWriter(memory), clock=lambda: next(clock))
        source.take(block(0, 30), dropped=0)
        source.take(block(30, 30), dropped=0)
        source.take(block(90, 30), dropped=1)
        source.take("ready", dropped=1)
        source.take(block(0, 9, fs_hz=100.0, channels=3), dropped=1)
        first, second, third, words, last = read_all(memory)
    assert first.shape == StreamShape(1, 6_000.0, 3, ("ch0", "ch1"))
    assert first.bins[:, 0].tolist() == [[at, at + 2] for at in range(0, 30, 3)]
    assert (second.first_bin, second.messages, second.dropped) == (10, 2, 0)
    assert np.isnan(third.bins[:10]).all()
    assert third.bins[10, 0].tolist() == [90.0, 92.0]
    assert (third.messages, third.dropped) == (3, 1)
    assert (words.shape, words.rows[0]["text"]) == (None, "'ready'")
    assert last.shape == StreamShape(2, 100.0, 1, ("ch0", "ch1", "ch2"))
    assert (last.first_bin, len(last.bins)) == (0, 9)


def test_channels_that_get_other_names_are_another_stream() -> None:
    def named(*names: str) -> AxisArray:
        message = block(0, 9)
        message.axes["ch"] = AxisArray.CoordinateAxis(data=np.array(names), dims=["ch"])
        return message

    clock = iter(np.arange(0.0, 1e6, 1.0).tolist())
    with mmap.mmap(-1, ring_bytes(1 << 20)) as memory:
        source = ScopeSource(RingWriter(memory), clock=lambda: next(clock))
        for names in (("Cz", "Fz"), ("Cz", "Fz"), ("Cz", "Pz"), ("Cz", "Fz")):
            source.take(named(*names), dropped=0)
        shapes = [chunk.shape for chunk in read_all(memory)]
    assert [(shape.number, shape.channels) for shape in shapes if shape] == [
        *((1, ("Cz", "Fz")), (1, ("Cz", "Fz")), (2, ("Cz", "Pz")), (3, ("Cz", "Fz")))
    ]


def test_columns_fit_the_pixels_and_what_a_server_lets_through() -> None:
    shape = StreamShape(1, 30_000.0, 15, tuple(f"ch{at}" for at in range(256)))
    made = ScopeColumns(shape, 4.0, 1_000, list(range(256)))
    assert made.columns <= 1_000
    assert made.columns / 4.0 * 256 * 8 <= BYTES_PER_S
    few = ScopeColumns(shape, 4.0, 800, [3, 1])
    assert 700 <= few.columns <= 800
    values = np.zeros((few.bins_per_column * 3 + 2, 256, 2), np.float32)
    values[:, 1], values[:, 3] = 1.0, 3.0
    first, columns = few.add(ScopeChunk(1, 0, shape, 0, values))
    assert (first, columns.shape) == (0, (3, 2, 2))
    assert columns[0, :, 0].tolist() == [3.0, 1.0]
    first, columns = few.add(ScopeChunk(1, 0, shape, len(values), values))
    assert (first, len(columns)) == (3, 3 + (few.bins_per_column <= 4))
    far = 1_000 * few.bins_per_column + 1
    first, columns = few.add(ScopeChunk(1, 0, shape, far, values))
    assert first == 1_001


@dataclass
class Strange:
    name: str
    parts: list[Any]

    def __repr__(self) -> str:
        raise RuntimeError("not for you")


def test_any_message_can_be_put_in_words() -> None:
    rows = rows_of(Strange("x", [np.zeros((2, 3)), Strange("y", [])]))
    shown = [(row["depth"], row["name"], row["type"]) for row in rows]
    assert shown[:4] == [
        (0, "", "Strange"),
        (1, "name", "str"),
        (1, "parts", "list"),
        (2, "[0]", "ndarray"),
    ]
    assert rows[3]["text"].startswith("2 x 3 float64, 0")
    assert len(rows_of({str(key): key for key in range(1_000)})) == MAX_ROWS + 1
    assert len(rows_of("x" * 10_000)[0]["text"]) == 200


@pytest.fixture(scope="module")
def graph() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="scope_graphs:build"))
    with attach(host.address, host=host) as opened:
        yield opened


class Browser:
    """Stands in a browser's place: says what a page says, and notes what it is sent."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.messages: list[tuple[dict[str, Any], list[Any]]] = []
        self.times: list[float] = []
        scope.send = self._take

    def _take(self, content: Any, buffers: Any = None) -> None:
        if content["type"] != "pong":
            self.messages.append((content, buffers or []))
            self.times.append(time.monotonic())

    def say(self, **content: Any) -> None:
        self._scope._on_message(self._scope, content, [])

    def look(self, visible: bool = True) -> None:
        self.say(type="view", view="v", visible=visible)

    def columns(self) -> tuple[int, np.ndarray[Any, Any]]:
        content, (buffer,) = self.messages[-1]
        shown = len(self._scope._stream["shown"])
        return content["first"], np.frombuffer(buffer, "<f4").reshape(-1, shown, 2)


def test_a_stream_comes_as_columns_while_somebody_looks(graph: ezn.LiveGraph) -> None:
    scope = graph.scope("SOURCE/OUTPUT", window_s=2.0, channels=["ch3", 1])
    try:
        browser = Browser(scope)
        wait_for(lambda: scope.received > 20, "messages at the observer")
        assert browser.messages == []
        browser.say(type="width", px=400)
        browser.look()
        wait_for(lambda: len(browser.messages) >= 12, "columns")
        stream = scope._stream
        assert (stream["kind"], stream["fs_hz"], stream["unit"]) == ("samples", 1000.0, "uV")
        assert (stream["shown"], stream["columns"]) == ([3, 1], 400)
        assert stream["channels"] == [f"ch{at}" for at in range(8)]
        _, columns = browser.columns()
        assert ((columns >= [[[2.0], [0.0]]]) & (columns <= [[[4.0], [2.0]]])).all()
        assert (columns[..., 0] < columns[..., 1]).any()
        assert min(np.diff(browser.times)) > 0.09
        firsts = [content["first"] for content, _ in browser.messages]
        assert firsts == sorted(firsts)

        browser.say(type="channels", places=[7])
        wait_for(lambda: scope._stream["shown"] == [7], "the chosen channel")
        assert scope.channels == ["ch7"]
        browser.say(type="window", s=1.0)
        wait_for(lambda: scope._stream["window_s"] == 1.0, "the other window")
        browser.say(type="pause", paused=True)
        browser.look()
        count, received = len(browser.messages), scope.received
        wait_for(lambda: scope.received > received + 20, "messages meanwhile")
        assert len(browser.messages) <= count + 1
        browser.say(type="pause", paused=False)
        wait_for(lambda: len(browser.messages) > count + 2, "columns again")
        browser.look(visible=False)
        count, received = len(browser.messages), scope.received
        wait_for(lambda: scope.received > received + 20, "messages meanwhile")
        assert len(browser.messages) <= count + 1
    finally:
        scope.close()
    assert scope.pid is None
    assert not any(thread.name == "scope" for thread in threading.enumerate())


def test_what_is_not_there_is_named(graph: ezn.LiveGraph) -> None:
    with pytest.raises(GraphError, match="has no topic 'SOURCE/OUT'"):
        graph.scope("SOURCE/OUT")
    with pytest.raises(ValueError, match=r"window_s must be from 0\.1 to 60 s"):
        graph.scope("SOURCE/OUTPUT", window_s=0.0)
    scope = graph.scope("SOURCE/OUTPUT")
    try:
        wait_for(lambda: len(scope.channels) == 8, "its channels")
        with pytest.raises(ValueError, match=r"has no channel 'Cz'. It has 8: ch0, ch1"):
            scope.channels = ["Cz"]
    finally:
        scope.close()


def test_the_display_has_a_picture_for_where_no_front_end_is(graph: ezn.LiveGraph) -> None:
    scope = graph.scope("SOURCE/OUTPUT")
    try:
        data, _ = scope._repr_mimebundle_()
        assert data["image/svg+xml"].count("<path") == 8
        assert "SOURCE/OUTPUT, 1000 Hz" in data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" in data
    finally:
        scope.close()


def test_other_messages_are_shown_part_by_part(graph: ezn.LiveGraph) -> None:
    scope = graph.scope("TRIALS/OUTPUT")
    try:
        data, _ = scope._repr_mimebundle_()
        assert "left &lt;hand&gt;" in data["text/html"]
        assert "accuracy: float 0.75" in data["text/plain"]
        browser = Browser(scope)
        browser.look()
        wait_for(lambda: len(browser.messages) >= 2, "messages in words")
        assert scope._stream["kind"] == "message"
        content, _ = browser.messages[-1]
        assert [row["name"] for row in content["rows"]] == [
            *("", "number", "label", "scores", "accuracy")
        ]
    finally:
        scope.close()


def test_a_scope_goes_on_with_the_restarted_graph_and_keeps_its_last_picture() -> None:
    host = GraphHost.start(GraphSpec(factory="scope_graphs:build"))
    with attach(host.address, host=host) as graph:
        scope = graph.scope("SOURCE/OUTPUT")
        wait_for(lambda: scope.received > 10, "messages")
        first_pid = scope.pid
        graph.restart()
        assert scope.pid not in (None, first_pid)
        assert scope._status["state"] == "connected"
        wait_for(lambda: scope.received > 10, "messages of the new graph")
        pid = scope.pid
        graph.stop()
        assert pid is not None and not psutil.pid_exists(pid)
        assert scope._status["state"] == "closed"
        assert "<path" in scope._repr_mimebundle_()[0]["text/html"]
        # For views that are opened afterwards, and for what is stored with the notebook.
        assert scope._picture.startswith("data:image/svg+xml;base64,")
        scope.close()
