"""Who changed a setting, as far as it can be known; and units that make something else of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import wait_for
from settings_graphs import KindsSettings
from test_settings_agreement import held_by_the_unit

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec


@pytest.fixture(scope="module")
def driven() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="settings_graphs:driven"))
    with attach(host.address, host=host) as graph:
        # The first edit of a unit makes its publisher, with shared memory that stays.
        for unit in ("LIMITED", "DRIVER", "DRIVEN"):
            graph.settings[unit]["count"] = 4
        yield graph


def sources(graph: ezn.LiveGraph, unit: str) -> dict[str, str]:
    """Who made the last change of each field."""
    return {one.field: one.source for one in graph.settings.changes() if one.unit == unit}


def test_a_unit_that_holds_something_else_than_it_was_asked(driven: ezn.LiveGraph) -> None:
    outcomes = driven.settings["LIMITED"].update(number=50.0, text="mine", on=False)
    assert {path: (one.state, one.value) for path, one in outcomes.items()} == {
        "number": ("applied", 10.0),
        "text": ("applied", "fixed"),
        "on": ("applied", False),
    }
    assert "was asked for 50.0 and holds 10.0" in outcomes["number"].note
    assert outcomes["on"].note == ""
    held = held_by_the_unit(driven, "LIMITED")
    assert dict(driven.settings["LIMITED"])["number"] == held["number"] == 10.0
    found = sources(driven, "LIMITED")
    assert found["on"] == "this kernel"
    assert found["number"] == "the unit itself"


def test_a_form_shows_what_the_unit_made_of_it(driven: ezn.LiveGraph) -> None:
    form = driven.settings.form("LIMITED")
    form.edit("number", 70.0)
    wait_for(lambda: form.fields["number"].state != "pending", "it settles")
    assert (form.fields["number"].value, form.fields["text"].value) == (10.0, "fixed")
    form.close()


async def test_another_session_and_another_unit(driven: ezn.LiveGraph) -> None:
    host, port = driven.address.split(":")
    async with GraphContext((host, int(port)), auto_start=False) as theirs:
        await theirs.update_setting("DRIVER", "number", 3.0)
    await asyncio.to_thread(
        wait_for, lambda: driven.settings["DRIVEN"]["number"] == 3.0, "it drives the other"
    )
    await asyncio.to_thread(
        wait_for, lambda: driven.settings["DRIVER"]["number"] == 3.0, "the report of its own"
    )
    assert sources(driven, "DRIVER")["number"] == "another session"
    assert sources(driven, "DRIVEN")["number"] == "another unit"


async def test_a_value_on_an_inlet_that_both_publish_to_is_not_known_which(
    driven: ezn.LiveGraph,
) -> None:
    host, port = driven.address.split(":")
    async with GraphContext((host, int(port)), auto_start=False) as theirs:
        publisher = await theirs.publisher("DRIVEN/INPUT_SETTINGS")
        await publisher.broadcast(KindsSettings(text="whose"))
        await asyncio.to_thread(
            wait_for, lambda: driven.settings["DRIVEN"]["text"] == "whose", "it arrives"
        )
        await publisher.sync()
    assert sources(driven, "DRIVEN")["text"] == "not known which"
