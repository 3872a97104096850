"""What becomes of edits: applied in a graph of our host, reported elsewhere, or an error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import RunningGraph

from kernel_runtime import (
    HandlerError,
    KernelGraphContext,
    RequestTimeoutError,
    SettingsNotAppliedError,
)
from kernel_runtime.follower import GraphFollower
from kernel_runtime.host import UNIT_SETTINGS, GraphHost, GraphSpec
from kernel_runtime.settings.edits import SettingsEditor
from kernel_runtime.settings.outcomes import EditOutcome


async def follow(context: KernelGraphContext) -> GraphFollower:
    follower = GraphFollower(context)
    await follower.start()
    return follower


def editor_of(follower: GraphFollower, *, hosted: bool) -> SettingsEditor:
    context = follower.context

    async def update(unit: str, path: str, value: object, timeout: float) -> Any:
        return await context.update_setting(unit, path, value, timeout=timeout)

    return SettingsEditor(follower.settings, update, hosted=hosted, address=str(context.address))


@pytest.fixture
async def hosted() -> AsyncIterator[GraphFollower]:
    host = await asyncio.to_thread(GraphHost.start, GraphSpec(factory="host_graphs:settable"))
    try:
        async with KernelGraphContext(host.address) as context:
            follower = await follow(context)
            yield follower
            await follower.stop()
    finally:
        await asyncio.to_thread(host.stop)


async def held_by(follower: GraphFollower, unit: str) -> dict[str, Any]:
    """What the unit itself holds, asked in its process."""
    context = follower.context
    response = await context.process_request(unit, UNIT_SETTINGS, timeout=20.0)
    answer = context.decode_process_payload(response, dict)
    structured = answer["structured"]
    assert isinstance(structured, dict)
    return {**structured, "received": answer["received"]}


@pytest.mark.parametrize("unit", ["GAIN", "PUBLISHING"])
async def test_applied_means_that_the_unit_holds_it(hosted: GraphFollower, unit: str) -> None:
    editor = editor_of(hosted, hosted=True)
    assert await editor.edit(unit, {"gain": 2.5}) == {"gain": EditOutcome("applied", 2.5)}
    assert (await held_by(hosted, unit))["gain"] == 2.5


async def test_14_a_slow_handler_is_waited_for(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    await editor.edit("GAIN", {"delay_s": 0.6})
    started = time.monotonic()
    outcome = await editor.edit("GAIN", {"gain": 3.0})
    assert outcome["gain"].state == "applied"
    assert time.monotonic() - started >= 0.55
    assert (await held_by(hosted, "GAIN"))["gain"] == 3.0


@pytest.mark.parametrize("unit", ["GAIN", "PUBLISHING"])
async def test_14_a_raising_handler_is_an_error_with_its_words(
    hosted: GraphFollower, unit: str
) -> None:
    editor = editor_of(hosted, hosted=True)
    await editor.edit(unit, {"gain": 2.0})
    with pytest.raises(SettingsNotAppliedError, match=r"gain -1\.0 is negative.*holds 2\.0") as bad:
        await editor.edit(unit, {"gain": -1.0})
    assert (bad.value.unit, bad.value.field) == (unit, "gain")
    assert "on_settings" in "".join(bad.value.__notes__)
    # The server reports what the unit holds, not what it refused.
    reported = hosted.settings.state(unit)
    assert reported is not None
    assert reported.structured["gain"] == 2.0
    assert (await hosted.context.settings_snapshot())[unit].structured_value == reported.structured
    assert await editor.edit(unit, {"gain": 4.0}) == {"gain": EditOutcome("applied", 4.0)}


async def test_a_handler_longer_than_the_deadline_is_not_called_applied(
    hosted: GraphFollower,
) -> None:
    editor = editor_of(hosted, hosted=True)
    await editor.edit("GAIN", {"delay_s": 2.0}, timeout=30.0)
    with pytest.raises(SettingsNotAppliedError, match="has not finished"):
        await editor.edit("GAIN", {"gain": 7.0}, timeout=0.5)


async def test_elsewhere_it_is_reported_and_not_called_applied(running_graph: RunningGraph) -> None:
    async with KernelGraphContext(running_graph.address) as context:
        follower = await follow(context)
        outcome = await editor_of(follower, hosted=False).edit("GAIN", {"gain": 5.0})
        assert outcome == {"gain": EditOutcome("reported", 5.0)}
        state = follower.settings.state("GAIN")
        assert state is not None
        assert state.structured["gain"] == 5.0
        await follower.stop()


async def test_quick_edits_of_several_fields_lose_none(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    await editor.edit("GAIN", {"delay_s": 0.02})
    for round_ in range(10):
        gain, delay_s = float(round_ + 1), 0.02 + round_ / 1e4
        await asyncio.gather(
            editor.edit("GAIN", {"gain": gain}), editor.edit("GAIN", {"delay_s": delay_s})
        )
        held = await held_by(hosted, "GAIN")
        assert (held["gain"], held["delay_s"]) == (gain, delay_s)


async def test_an_edit_waits_its_turn_only_until_its_deadline(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    await editor.edit("GAIN", {"delay_s": 0.8})
    slow = asyncio.create_task(editor.edit("GAIN", {"gain": 1.5}))
    await asyncio.sleep(0)
    with pytest.raises(RequestTimeoutError, match="was not sent"):
        await editor.edit("GAIN", {"gain": 1.6}, timeout=0.2)
    assert (await slow)["gain"].value == 1.5


async def test_changes_know_who_made_them(running_graph: RunningGraph) -> None:
    async with (
        KernelGraphContext(running_graph.address) as context,
        GraphContext(context.address, auto_start=False) as other,
    ):
        follower = await follow(context)
        store = follower.settings
        assert await store.wait_until(lambda: store.initial("GAIN") is not None, 30.0)
        await editor_of(follower, hosted=False).edit("GAIN", {"gain": 2.0})
        await other.update_setting("GAIN", "label", "theirs")

        def label() -> object:
            state = store.state("GAIN")
            return state.structured["label"] if state else None

        assert await store.wait_until(lambda: label() == "theirs", 30.0)
        changes = [change for change in store.history() if change.source != "initial"]
        assert [(c.field, c.old, c.new, c.source) for c in changes] == [
            ("gain", 1.0, 2.0, "this kernel"),
            ("label", "gain", "theirs", "not known which"),
        ]
        await follower.stop()


async def test_fields_together_are_one_value_in_a_graph_of_our_host(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    assert editor.why_not_whole("GAIN", {}) is None
    before = (await held_by(hosted, "GAIN"))["received"]
    outcome = await editor.edit("GAIN", {"gain": 6.0, "delay_s": 0.01})
    assert {path: one.state for path, one in outcome.items()} == {
        "gain": "applied",
        "delay_s": "applied",
    }
    assert await held_by(hosted, "GAIN") == {
        "gain": 6.0,
        "delay_s": 0.01,
        "received": before + 1,
    }


async def test_fields_together_are_all_refused_with_one(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    with pytest.raises(HandlerError, match="no_such"):
        await editor.edit("GAIN", {"gain": 9.0, "no_such": 1})
    assert (await held_by(hosted, "GAIN"))["gain"] == 1.0
    assert editor_of(hosted, hosted=False).why_not_whole("GAIN", {})


async def test_an_edit_to_what_it_was_registered_with_is_applied_too(hosted: GraphFollower) -> None:
    editor = editor_of(hosted, hosted=True)
    assert hosted.settings.initial("GAIN") == {"gain": 1.0, "delay_s": 0.0}
    assert await editor.edit("GAIN", {"gain": 1.0}) == {"gain": EditOutcome("applied", 1.0)}
    assert (await held_by(hosted, "GAIN"))["received"] == 1
