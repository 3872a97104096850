"""The live table: what it measures, when it rests, and what it says without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from real_graphs import wait_for
from sample_topology import topology, unit
from trace_graphs import traced_graph

import ezmsg_nb as ezn
from ezmsg_nb.profile_view import FIELDS, dropped_hz
from kernel_runtime import background_loop
from kernel_runtime.errors import RequestTimeoutError
from kernel_runtime.follower import Measured
from kernel_runtime.profiling.rates import EndpointCount, EndpointRate


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


class Page:
    """Stands for a browser: says that a view is seen, and keeps what is sent to it."""

    def __init__(self, widget: ezn.ProfileView, monkeypatch: pytest.MonkeyPatch) -> None:
        self.numbers: list[tuple[dict[str, Any], np.ndarray[Any, Any]]] = []
        self._widget = widget
        monkeypatch.setattr(widget, "send", self._take)

    def _take(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        if message["type"] == "numbers":
            assert buffers is not None
            values = np.frombuffer(buffers[0], "<f8").reshape(-1, len(FIELDS))
            self.numbers.append((message, values))

    def look(self, visible: bool = True) -> None:
        self._widget._on_message(None, {"type": "view", "view": "v", "visible": visible}, [])


def test_it_shows_a_real_graph_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    with traced_graph("leaky") as graph:
        view = graph.profile_view(height=300)
        page = Page(view, monkeypatch)
        assert graph._follower._watchers == 0
        page.look()
        assert view.watching
        wait_for(lambda: len(page.numbers) >= 3, "numbers")
        message, values = page.numbers[-1]
        rows = view._rows["rows"]
        assert len(values) == len(rows)
        assert message["revision"] == view._rows["revision"]
        assert "of a CPU" in message["cost"]
        by_unit = {
            row["unit"]: dict(zip(FIELDS, numbers, strict=True))
            for row, numbers in zip(rows, values, strict=True)
        }
        assert 20.0 < by_unit["TICK"]["rate"] < 300.0
        assert by_unit["SINK"]["dropped"] > 0
        assert by_unit["TICK"]["rss"] > 1e6
        assert 0 <= by_unit["TICK"]["cpu"] < 1.5
        assert view._status["state"] == "connected"
        assert set(view.frame()["unit"]) == {"TICK", "SINK"}

        page.look(visible=False)
        wait_for(lambda: graph._follower._watchers == 0, "the follower to rest")
        view.close()
        profile = graph.profile(0.3)
        assert (profile["process_memory_mb"] > 1).all()
        assert (profile["process_cpu_percent"] >= 0).all()


def rate(endpoint: str, topic: str, hz: float | None, role: Any) -> EndpointRate:
    count = EndpointCount(endpoint, role, topic, "p1", 100)
    return EndpointRate(count, None if hz is None else int(hz), hz, 1.0)


def test_drops_are_told_only_where_they_can_be_known() -> None:
    plain = topology(
        [unit("A", "Source", ["OUTPUT"], "p1"), unit("B", "Sink", ["INPUT"], "p1")],
        [("A/OUTPUT", "B/INPUT")],
    )
    rates = {
        "a": rate("a", "A/OUTPUT", 100.0, "publisher"),
        "b": rate("b", "B/INPUT", 40.0, "subscriber"),
    }
    assert dropped_hz(plain, rates) == {}
    sink = plain.units["B"]
    leaky_port = type(sink.ports[0])("INPUT", "B/INPUT", "input", "int", leaky=True)
    leaky_unit = type(sink)(
        **{
            **{name: getattr(sink, name) for name in sink.__slots__},
            "ports": (leaky_port,),
        }
    )
    leaky = type(plain)(units={**plain.units, "B": leaky_unit}, edges=plain.edges)
    assert dropped_hz(leaky, rates) == {"b": 60.0}
    # A message or two under way are no drop; an unknown rate is not zero.
    assert dropped_hz(leaky, {**rates, "b": rate("b", "B/INPUT", 99.0, "subscriber")}) == {"b": 0.0}
    assert dropped_hz(leaky, {**rates, "a": rate("a", "A/OUTPUT", None, "publisher")}) == {}


def test_a_process_that_does_not_answer_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    view = ezn.ProfileView(topology([unit("A", "Source", ["OUTPUT"], "p1")], []))
    page = Page(view, monkeypatch)
    error = RequestTimeoutError("It did not answer.")
    view.show_measured(Measured({}, {}, {"p1": error}))
    assert page.numbers == []
    page.look()
    view.show_measured(Measured({}, {}, {"p1": error}))
    (row,) = view._rows["rows"]
    assert (row["role"], row["unit"], row["reason"]) == ("process", "A", "It did not answer.")
    assert np.isnan(page.numbers[0][1]).all()
    view.close()
    view.close()


def test_without_a_browser_it_is_a_table() -> None:
    view = ezn.ProfileView()
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<table" in data["text/html"] and "Nothing was measured yet" in data["text/html"]
    assert "ProfileView" in data["text/plain"]
    assert len(view._esm) < 80_000
    view.close()
