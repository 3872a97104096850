"""The kernel's side of the topology widget: traits, messages, their number, threads."""

from __future__ import annotations

import base64
import dataclasses
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm
from sample_topology import chain, demo_topology

from ezmsg_nb import front_end, watched_widget
from ezmsg_nb.front_end import PROTOCOL, MissingBundleError
from ezmsg_nb.outbox import MIN_INTERVAL_S
from ezmsg_nb.topology_encoding import rate_topics
from ezmsg_nb.topology_numbers import GraphNumbers
from ezmsg_nb.topology_widget import TopologyWidget
from kernel_runtime.model import Topology


class RecordingComm(BaseComm):
    """A page that keeps what it is sent."""

    published: list[tuple[float, str, dict[str, Any], list[bytes]]]

    def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **more: Any) -> None:
        if not hasattr(self, "published"):
            self.published = []
        self.published.append((time.monotonic(), msg_type, data or {}, more.get("buffers") or []))

    def rates(self) -> list[tuple[dict[str, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        return [
            (
                data["content"],
                np.frombuffer(buffers[0], dtype=np.uint32),
                np.frombuffer(buffers[1], dtype=np.float32),
            )
            for _, _, data, buffers in list(self.published)
            if data.get("method") == "custom" and data["content"].get("type") == "rates"
        ]

    def values_of(self, trait: str) -> list[Any]:
        return [
            data["state"][trait]
            for _, _, data, _ in list(self.published)
            if data.get("method") == "update" and trait in data["state"]
        ]


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    (tmp_path / "topology.js").write_text("export default () => ({})")
    (tmp_path / "topology.css").write_text("")
    monkeypatch.setattr(front_end, "_STATIC", tmp_path)


@pytest.fixture
def widget() -> Iterator[TopologyWidget]:
    made = TopologyWidget(demo_topology())
    yield made
    made.close()


def say(widget: TopologyWidget, **content: Any) -> None:
    widget._handle_custom_msg(content, [])


def look(widget: TopologyWidget, view: str = "v1", *, visible: bool = True) -> None:
    say(widget, type="view", view=view, visible=visible)


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.005)


def test_the_page_gets_the_graph_with_its_protocol(widget: TopologyWidget) -> None:
    state = widget.get_state()
    assert state["_protocol"] == PROTOCOL
    assert state["_topology"]["revision"] == 1
    units = {unit["id"]: unit for unit in state["_topology"]["units"]}
    assert units["LP"]["type"] == "ezmsg.sigproc.butterworthfilter.ButterworthFilter"
    assert units["LP"]["dynamic"] is True
    assert units["SINK"]["dynamic"] is False
    assert units["ECOG/ADD"]["collection"] == "ECOG"
    assert list(units)[-3:] == ["CAR", "ZSCORE", "SINK"], "in the order of the flow"
    settings = [port["name"] for port in units["LP"]["ports"] if port["settings"]]
    assert settings == ["INPUT_SETTINGS"]
    edges = {(edge["from"], edge["to"]): edge for edge in state["_topology"]["edges"]}
    edge = edges["ECOG/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL"]
    assert edge["owner"] == "pipeline"
    assert edge["process"] == "p1", "followed back through the border of the collection"
    assert state["_status"]["state"] == "connecting"
    assert state["selected"] is None
    assert state["folded"] is None
    assert state["height"] == 420


def test_a_widget_without_a_graph_says_that_it_connects() -> None:
    widget = TopologyWidget(height=300)
    assert widget.get_state()["_topology"] is None
    assert widget.get_state()["height"] == 300
    assert "This graph has no units" in widget.svg()
    widget.close()


def test_nothing_is_sent_while_nobody_looks(widget: TopologyWidget) -> None:
    widget.show_rates({"LP/OUTPUT_SIGNAL": 20.0})
    assert widget.comm.rates() == []
    assert widget.watching is False


def test_a_view_that_opens_gets_all_rates(widget: TopologyWidget) -> None:
    widget.show_rates({"LP/OUTPUT_SIGNAL": 20.0, "CAR/OUTPUT_SIGNAL": None})
    look(widget)
    assert widget.watching is True
    [(message, index, values)] = widget.comm.rates()
    topics = rate_topics(demo_topology())
    assert message["full"] is True
    assert message["revision"] == 1
    graph = demo_topology()
    count = 3 * len(topics) + 2 * len(graph.edges) + len(graph.processes)
    assert list(index) == list(range(count))
    assert values[topics.index("LP/OUTPUT_SIGNAL")] == pytest.approx(20.0)
    assert np.isnan(values[topics.index("CAR/OUTPUT_SIGNAL")])
    assert {"type": "pong"} in [data.get("content") for _, _, data, _ in widget.comm.published]


def test_later_only_what_has_changed_is_sent(widget: TopologyWidget) -> None:
    look(widget)
    topics = rate_topics(demo_topology())
    rates: dict[str, float | None] = dict.fromkeys(topics, 20.0)
    widget.show_rates(rates)
    wait_until(lambda: len(widget.comm.rates()) == 2)
    widget.show_rates({**rates, "LP/OUTPUT_SIGNAL": 21.0, "CAR/OUTPUT_SIGNAL": None})
    wait_until(lambda: len(widget.comm.rates()) == 3)
    message, index, values = widget.comm.rates()[-1]
    assert message["full"] is False
    assert message["sequence"] == widget.comm.rates()[-2][0]["sequence"] + 1
    assert {topics[i] for i in index} == {"LP/OUTPUT_SIGNAL", "CAR/OUTPUT_SIGNAL"}
    assert np.isnan(values).sum() == 1


def test_the_same_rates_again_are_not_sent(widget: TopologyWidget) -> None:
    look(widget)
    widget.show_rates({"LP/OUTPUT_SIGNAL": 20.0})
    wait_until(lambda: len(widget.comm.rates()) == 2)
    widget.show_rates({"LP/OUTPUT_SIGNAL": 20.0})
    wait_until(lambda: widget._numbers_outbox._timer is None)
    assert len(widget.comm.rates()) == 2


def test_a_page_that_lost_a_message_gets_all_again(widget: TopologyWidget) -> None:
    look(widget)
    widget.show_rates({"LP/OUTPUT_SIGNAL": 20.0})
    wait_until(lambda: len(widget.comm.rates()) == 2)
    say(widget, type="resync")
    wait_until(lambda: len(widget.comm.rates()) == 3)
    assert widget.comm.rates()[-1][0]["full"] is True


def test_at_most_ten_messages_a_second_and_the_last_state_arrives(widget: TopologyWidget) -> None:
    look(widget)
    started = time.monotonic()
    value = 0.0
    while time.monotonic() - started < 0.8:
        value += 1
        widget.show_rates({"LP/OUTPUT_SIGNAL": value})
        time.sleep(0.002)
    elapsed = time.monotonic() - started
    place = rate_topics(demo_topology()).index("LP/OUTPUT_SIGNAL")

    def last() -> float:
        _, index, values = widget.comm.rates()[-1]
        return float(values[list(index).index(place)]) if place in index else -1.0

    wait_until(lambda: last() == value)
    assert len(widget.comm.rates()) <= elapsed / MIN_INTERVAL_S + 3


def test_topology_is_coalesced_and_sent_only_when_it_differs(widget: TopologyWidget) -> None:
    widget.show_topology(demo_topology())
    assert widget.comm.values_of("_topology") == []
    for length in range(2, 30):
        widget.show_topology(chain(length))
    wait_until(lambda: len(widget.get_state()["_topology"]["units"]) == 29)
    wait_until(lambda: widget._topology_outbox._timer is None)
    sent = widget.comm.values_of("_topology")
    assert len(sent) <= 3
    assert [one["revision"] for one in sent] == sorted({one["revision"] for one in sent})


def test_rates_follow_a_new_topology(widget: TopologyWidget) -> None:
    look(widget)
    widget.show_topology(chain(3))
    widget.show_rates({"U0/OUTPUT": 5.0})
    wait_until(lambda: any(message["revision"] == 2 for message, _, _ in widget.comm.rates()))

    def newest() -> list[float]:
        message, _, values = widget.comm.rates()[-1]
        return list(values) if message["revision"] == 2 else []

    wait_until(lambda: newest()[:1] == [5.0])
    assert len(newest()) == len(GraphNumbers().vector(chain(3)))


def test_a_view_that_falls_silent_does_not_count(
    widget: TopologyWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_widget, "VIEW_EXPIRY_S", 0.1)
    seen: list[bool] = []
    widget.observe(lambda change: seen.append(change["new"]), "watching")
    look(widget)
    wait_until(lambda: widget.watching is False)
    assert seen == [True, False]


def test_watching_needs_one_of_several_views(widget: TopologyWidget) -> None:
    look(widget, "a")
    look(widget, "b")
    look(widget, "a", visible=False)
    assert widget.watching is True
    look(widget, "b", visible=False)
    assert widget.watching is False


def test_an_observer_of_watching_may_use_the_widget_from_another_thread(
    widget: TopologyWidget,
) -> None:
    def use(_: object) -> None:
        thread = threading.Thread(target=widget.show_rates, args=({"LP/OUTPUT_SIGNAL": 1.0},))
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    widget.observe(use, "watching")
    look(widget)
    assert widget.watching is True


def test_status_and_unit_states_are_traits_sent_once(widget: TopologyWidget) -> None:
    widget.show_status("lost", "GraphServer ended the connection")
    widget.show_status("lost", "GraphServer ended the connection")
    widget.show_unit_states({"LP": ("dead", "killed by signal 9")})
    assert widget.comm.values_of("_status") == [
        {"state": "lost", "text": "GraphServer ended the connection"}
    ]
    assert widget.get_state()["_unit_states"] == {"LP": ["dead", "killed by signal 9"]}


def test_selection_goes_both_ways(widget: TopologyWidget) -> None:
    widget.set_state({"selected": "LP"})
    assert widget.selected == "LP"
    widget.selected = None
    assert widget.comm.values_of("selected")[-1] is None


def test_all_methods_from_many_threads_at_once(widget: TopologyWidget) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def repeat(call: Callable[[int], None]) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            try:
                call(count)
            except BaseException as error:
                errors.append(error)
                return

    calls: list[Callable[[int], None]] = [
        lambda n: widget.show_topology(chain(2 + n % 5)),
        lambda n: widget.show_rates({"U0/OUTPUT": float(n)}),
        lambda n: widget.show_status("connected" if n % 2 else "reconnecting", str(n)),
        lambda n: widget.show_unit_states({f"U{n % 3}": ("slow", str(n))}),
        lambda n: look(widget, f"v{n % 3}", visible=bool(n % 4)),
        lambda n: widget.set_state({"selected": f"U{n % 3}"}),
        lambda _: say(widget, type="resync"),
    ]
    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert errors == []
    widget.show_status("connected", "the end")
    widget.show_topology(chain(7))
    wait_until(lambda: len(widget.comm.values_of("_topology")[-1]["units"]) == 7)
    assert widget.comm.values_of("_status")[-1]["text"] == "the end"


def test_closing_ends_all_timers_and_is_harmless_twice() -> None:
    widget = TopologyWidget(demo_topology())
    look(widget)
    widget.show_rates({"LP/OUTPUT_SIGNAL": 1.0})
    widget.show_topology(chain(3))
    widget.show_topology(chain(4))
    widget.close()
    widget.close()
    widget.show_rates({"LP/OUTPUT_SIGNAL": 2.0})
    widget.show_topology(chain(5))
    widget.show_status("closed", "")
    assert widget.watching is False
    wait_until(lambda: not any(isinstance(t, threading.Timer) for t in threading.enumerate()))


def test_unknown_messages_from_a_page_are_ignored(widget: TopologyWidget) -> None:
    for content in [{}, {"type": "no such"}, {"type": "view"}]:
        widget._handle_custom_msg(content, [])
    widget._handle_custom_msg("text", [])
    assert widget.watching is False


def test_display_has_a_live_view_a_picture_and_text(widget: TopologyWidget) -> None:
    data, _ = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    picture = re.search(
        r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)"', data["text/html"]
    )
    assert picture is not None
    assert base64.b64decode(picture[1]).decode() == data["image/svg+xml"] == widget.svg()
    assert picture[2] == "Graph of 10 units and 11 edges in 3 processes"
    assert data["text/vnd.mermaid"] == widget.mermaid()
    assert "LP (ButterworthFilter)" in data["text/plain"]
    assert repr(widget) == "TopologyWidget(10 units, 11 edges, 3 processes)"


def test_the_static_display_of_a_large_graph_is_small() -> None:
    widget = TopologyWidget(chain(1000))
    data, _ = widget._repr_mimebundle_()
    static = [
        data[kind] for kind in ("text/plain", "text/html", "image/svg+xml", "text/vnd.mermaid")
    ]
    assert sum(map(len, static)) < 40_000
    assert data["text/plain"].startswith("Graph of 1000 units")
    assert widget.svg().count("<title>") == 1000, "whoever asks for the whole picture gets it"
    widget.close()


def test_a_missing_bundle_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(front_end, "_STATIC", tmp_path / "nowhere")
    with pytest.raises(MissingBundleError, match="npm run build"):
        TopologyWidget(Topology())


def test_equal_topologies_are_told_by_value(widget: TopologyWidget) -> None:
    same = dataclasses.replace(demo_topology(), units=dict(demo_topology().units))
    widget.show_topology(same)
    assert widget.get_state()["_topology"]["revision"] == 1
