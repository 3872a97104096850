"""What a unit made of its settings, asked through ezmsg's own client."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ezmsg.core.graphcontext import GraphContext

from kernel_runtime.host import UNIT_SETTINGS, GraphHost, GraphSpec


@pytest.fixture
async def context() -> AsyncIterator[GraphContext]:
    host = GraphHost.start(GraphSpec(factory="host_graphs:settable"))
    try:
        name, _, port = host.address.rpartition(":")
        async with GraphContext((name, int(port))) as context:
            yield context
    finally:
        host.stop()


async def outcome(context: GraphContext, unit: str) -> dict[str, Any]:
    response = await context.process_request(unit, UNIT_SETTINGS, timeout=20.0)
    assert response.ok, response.error
    assert response.payload is not None
    answer = pickle.loads(response.payload)
    assert isinstance(answer, dict)
    return answer


async def settled(context: GraphContext, unit: str, received: int) -> dict[str, Any]:
    """The outcome once so many calls have come and ended."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        answer = await outcome(context, unit)
        if answer["received"] >= received and answer["finished"] == answer["received"]:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"{unit} did not finish {received} settings")


async def test_before_any_edit(context: GraphContext) -> None:
    assert await outcome(context, "GAIN") == {
        "received": 0,
        "finished": 0,
        "failed": 0,
        "error": None,
        "traceback": None,
        "structured": {"gain": 1.0, "delay_s": 0.0},
        "has_settings": True,
    }


@pytest.mark.parametrize("unit", ["GAIN", "PUBLISHING"])
async def test_handler_that_takes_it_and_one_that_raises(context: GraphContext, unit: str) -> None:
    await context.update_setting(unit, "gain", 2.0)
    taken = await settled(context, unit, 1)
    assert (taken["failed"], taken["error"]) == (0, None)
    assert taken["structured"]["gain"] == 2.0

    await context.update_setting(unit, "gain", -1.0)
    refused = await settled(context, unit, 2)
    assert (refused["failed"], refused["error"]) == (1, "ValueError: gain -1.0 is negative")
    assert "in on_settings" in refused["traceback"]
    assert refused["structured"]["gain"] == 2.0

    await context.update_setting(unit, "gain", 3.0)
    again = await settled(context, unit, 3)
    assert (again["failed"], again["error"], again["traceback"]) == (1, None, None)
    assert again["structured"]["gain"] == 3.0


async def test_slow_handler_is_seen_and_does_not_delay_the_answer(context: GraphContext) -> None:
    await context.update_setting("GAIN", "delay_s", 3.0)
    deadline = time.monotonic() + 30.0
    while (await outcome(context, "GAIN"))["received"] == 0:
        assert time.monotonic() < deadline
    running = await outcome(context, "GAIN")
    assert (running["received"], running["finished"]) == (1, 0)
    assert running["structured"]["delay_s"] == 0.0
    done = await settled(context, "GAIN", 1)
    assert done["structured"]["delay_s"] == 3.0


async def test_unit_without_dynamic_settings_and_other_operations(context: GraphContext) -> None:
    plain = await outcome(context, "PLAIN")
    assert (plain["received"], plain["has_settings"]) == (0, plain["structured"] is not None)
    unknown = await context.process_request("GAIN", "no.such.operation", timeout=2.0)
    assert not unknown.ok
    assert unknown.error is not None
    assert "Unsupported" in unknown.error
