"""What a page asks of a picture's graph: rewiring, going back in time, texts to copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from real_graphs import wait_for
from sample_topology import chain, demo_topology

from ezmsg_nb.topology_difference import TopologyDifference, difference
from ezmsg_nb.topology_widget import TopologyWidget
from ezmsg_nb.topology_wishes import Stop
from kernel_runtime.errors import GraphError


class Actions:
    """Notes what is asked of it; one connection is refused."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    def connect(self, from_topic: str, to_topic: str) -> str:
        if from_topic == to_topic:
            raise GraphError(f"{from_topic} -> {to_topic} would close a cycle: A, B, A.")
        self.done.append(("connect", from_topic, to_topic))
        return "Connected"

    def disconnect(self, from_topic: str, to_topic: str) -> str:
        self.done.append(("disconnect", from_topic, to_topic))
        return "Took back"

    def undo(self) -> str:
        self.done.append(("undo",))
        return "Undone"

    def stops(self) -> list[Stop]:
        return [Stop("10:00:00", "The session begins"), Stop("10:00:05", "Now")]

    def past(self, stop: int) -> TopologyDifference:
        assert stop == 0
        return difference(chain(3), chain(2))


class Page:
    """The messages that a widget sends."""

    def __init__(self, widget: TopologyWidget) -> None:
        self.sent: list[dict[str, Any]] = []
        widget.send = lambda content, _buffers=None: self.sent.append(content)
        self._widget = widget

    def say(self, **content: Any) -> None:
        self._widget._handle_custom_msg(content, [])


@pytest.fixture
def widget() -> Iterator[TopologyWidget]:
    made = TopologyWidget(demo_topology())
    yield made
    made.close()


def test_a_page_rewires_and_reads_what_became_of_it(widget: TopologyWidget) -> None:
    page = Page(widget)
    page.say(type="connect", **{"from": "A", "to": "B"})
    assert "no graph behind" in page.sent[-1]["text"]
    widget.actions = actions = Actions()
    page.say(type="connect", **{"from": "A", "to": "B"})
    page.say(type="disconnect", **{"from": "A", "to": "B"})
    page.say(type="undo")
    assert actions.done == [("connect", "A", "B"), ("disconnect", "A", "B"), ("undo",)]
    assert [one["text"] for one in page.sent[1:]] == ["Connected", "Took back", "Undone"]
    page.say(type="connect", **{"from": "A", "to": "A"})
    assert "cycle: A, B, A" in page.sent[-1]["text"], "a refusal names the cycle"


@pytest.mark.parametrize(
    ("name", "start"), [("svg", "<svg"), ("mermaid", "flowchart"), ("dot", "digraph")]
)
def test_a_page_copies_the_graph_as_text(widget: TopologyWidget, name: str, start: str) -> None:
    page = Page(widget)
    page.say(type="export", format=name)
    assert page.sent[-1]["format"] == name
    assert page.sent[-1]["text"].startswith(start)
    page.say(type="export", format="no such format")
    assert len(page.sent) == 1


def test_the_slider_goes_back_and_to_the_present_again(widget: TopologyWidget) -> None:
    widget.actions = Actions()
    page = Page(widget)
    widget.show_unit_states({"LP": ("dead", "killed")})
    page.say(type="history", at=-1)
    assert widget.get_state()["_history"] == {
        "stops": [["10:00:00", "The session begins"], ["10:00:05", "Now"]],
        "at": 1,
    }
    page.say(type="history", at=0)
    wait_for(lambda: len(widget.get_state()["_topology"]["units"]) == 3, "the past")
    state = widget.get_state()
    assert state["_unit_states"]["U2"][0] == "removed"
    marks = {edge["mark"] for edge in state["_topology"]["edges"]}
    assert marks == {None, "removed"}
    widget.show_unit_states({"LP": ("slow", "31 of 32")})
    assert "LP" not in widget.get_state()["_unit_states"], "of now, not of then"
    page.say(type="history", at=None)
    wait_for(lambda: len(widget.get_state()["_topology"]["units"]) == 10, "the present")
    assert widget.get_state()["_history"] is None
    assert widget.get_state()["_unit_states"] == {"LP": ["slow", "31 of 32"]}


def test_units_can_stand_by_process(widget: TopologyWidget) -> None:
    widget.group_by = "process"

    def groups() -> list[str]:
        return [one["id"] for one in widget.get_state()["_topology"]["collections"]]

    wait_for(lambda: groups()[0].startswith("process:"), "groups of processes")
    widget.group_by = "collection"
    wait_for(lambda: groups() == ["ECOG"], "groups of collections")


def test_nonsense_from_a_page_does_nothing(widget: TopologyWidget) -> None:
    widget.actions = Actions()
    page = Page(widget)
    for content in (
        {"type": "history", "at": "x"},
        {"type": "history", "at": True},
        {"type": "export"},
        {"type": "export", "format": 3},
    ):
        page.say(**content)
    assert widget.get_state()["_history"] is None
    assert page.sent == []
