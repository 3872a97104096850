"""Settings by the control plane: snapshot, events, whole values and single fields."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from ezmsg.core.graphmeta import SettingsEventType
from real_graphs import RunningGraph

from kernel_runtime import KernelGraphContext, Resynced, UnsupportedOperationError


@pytest.fixture
async def context(shared_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(shared_graph.address) as opened:
        yield opened


async def test_a_patched_field_is_answered_announced_and_listed(
    context: KernelGraphContext,
) -> None:
    last = len(await context.settings_events())
    patched = await context.update_setting("GAIN", "gain", 2.5)
    assert patched.structured_value is not None
    assert patched.structured_value["gain"] == 2.5
    async with asyncio.timeout(30), context.subscribe_settings_events(after_seq=last) as stream:
        event = await anext(stream)
    assert not isinstance(event, Resynced)
    assert event.event_type is SettingsEventType.SETTINGS_UPDATED
    assert event.seq == last + 1
    assert event.value == patched
    assert (await context.settings_snapshot())["GAIN"] == patched
    assert (await context.settings_events(last))[0] == event


async def test_initial_settings_come_first(
    context: KernelGraphContext, shared_graph: RunningGraph
) -> None:
    async with asyncio.timeout(30), context.subscribe_settings_events() as stream:
        events = [await anext(stream) for _ in shared_graph.units]
    for event in events:
        assert not isinstance(event, Resynced)
        assert event.event_type is SettingsEventType.INITIAL_SETTINGS
    assert {event.component_address for event in events} == set(shared_graph.units)  # type: ignore[union-attr]


async def test_the_settings_topic_is_found(context: KernelGraphContext) -> None:
    assert await context.settings_input_topic("GAIN") == "GAIN/INPUT_SETTINGS"
    with pytest.raises(UnsupportedOperationError, match="NOBODY"):
        await context.settings_input_topic("NOBODY")


async def test_a_whole_value_reaches_the_unit_again_and_again(
    context: KernelGraphContext,
) -> None:
    # On 3.9.0 a publisher that comes and goes makes the unit deaf after a call or two.
    async with context.subscribe_settings_events(
        after_seq=len(await context.settings_events())
    ) as stream:
        for rate in (50.0, 60.0, 70.0, 80.0, 100.0):
            value = {"rate_hz": rate}
            await context.update_settings("SOURCE", value)
            async with asyncio.timeout(30):
                event = await anext(stream)
            assert event.value.structured_value == value  # type: ignore[union-attr]
