"""Edits of units whose process is not registered yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlRequest,
    ProcessControlResponse,
)
from ezmsg.core.netprotocol import Address
from ezmsg.core.processclient import ProcessControlClient
from real_graphs import GraphServerProcess

from kernel_runtime import HandlerError, KernelGraphContext, UnroutableUnitError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.settings.edits import OWNER_TIMEOUT_S, SettingsEditor


@pytest.fixture
async def context(graph_server: GraphServerProcess) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(graph_server.address) as opened:
        yield opened


async def test_an_edit_waits_for_the_process_that_is_about_to_register(
    context: KernelGraphContext,
) -> None:
    asked: list[str] = []

    def refuse(request: ProcessControlRequest) -> ProcessControlResponse:
        asked.append(request.unit_address)
        return ProcessControlResponse(
            request.request_id,
            ok=False,
            error="seen by its owner",
            error_code=ProcessControlErrorCode.HANDLER_ERROR,
        )

    owner = ProcessControlClient(Address(*context.address))
    owner.set_request_handler(refuse)

    async def update(unit: str, path: str, value: object, timeout: float) -> Any:
        try:
            return await context.update_setting(unit, path, value, timeout=timeout)
        except UnroutableUnitError:
            # The unit has no owner at this moment: that's when it gets one.
            await owner.register([unit])
            raise

    try:
        with pytest.raises(HandlerError, match="seen by its owner"):
            await editor(context, update).edit("LATE", {"gain": 2.0})
    finally:
        await owner.close()
    assert asked == ["LATE"]


async def test_without_an_owner_it_says_so(context: KernelGraphContext) -> None:
    async def update(unit: str, path: str, value: object, timeout: float) -> Any:
        return await context.update_setting(unit, path, value, timeout=timeout)

    with pytest.raises(UnroutableUnitError, match="No process owns unit 'NOBODY'"):
        await editor(context, update).edit(
            "NOBODY", {"gain": 2.0}, timeout=min(0.3, OWNER_TIMEOUT_S)
        )


def editor(context: KernelGraphContext, update: Any) -> SettingsEditor:
    follower = GraphFollower(context)
    return SettingsEditor(follower.settings, update, hosted=False, address=str(context.address))
