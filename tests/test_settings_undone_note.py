"""An edit of ours that takes another client's back says so.

The owner is ezmsg's own client of a process, with a handler that does what owners do with two
requests at once: it makes ours from the value before the other's.
"""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

from ezmsg.core.graphmeta import (
    ProcessControlRequest,
    ProcessControlResponse,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Address
from ezmsg.core.processclient import ProcessControlClient
from real_graphs import GraphServerProcess

from kernel_runtime import KernelGraphContext
from kernel_runtime.follower import GraphFollower
from kernel_runtime.settings.edits import SettingsEditor

UNIT = "LP"
BEFORE: dict[str, Any] = {"cutoff": 10.0, "order": 2}


def reported(values: dict[str, Any]) -> SettingsSnapshotValue:
    return SettingsSnapshotValue(serialized=None, repr_value=values, structured_value=values)


async def test_what_our_edit_took_back_is_said(graph_server: GraphServerProcess) -> None:
    async with KernelGraphContext(graph_server.address) as context:
        follower = GraphFollower(context)
        owner = ProcessControlClient(Address(*context.address))
        reports: list[asyncio.Task[None]] = []

        async def report(*values: dict[str, Any]) -> None:
            for one in values:
                await owner.report_settings_update(UNIT, reported(one))

        def handle(request: ProcessControlRequest) -> ProcessControlResponse:
            ours = {**BEFORE, "cutoff": 30.0}
            reports.append(asyncio.ensure_future(report({**BEFORE, "order": 9}, ours)))
            payload = pickle.dumps(reported(ours))
            return ProcessControlResponse(request.request_id, ok=True, payload=payload)

        async def update(unit: str, path: str, value: object, timeout: float) -> Any:
            return await context.update_setting(unit, path, value, timeout=timeout)

        owner.set_request_handler(handle)
        try:
            await owner.register([UNIT])
            await report(BEFORE)
            await follower.start()
            store = follower.settings
            assert await store.wait_until(lambda: store.state(UNIT) is not None, 30.0)
            editor = SettingsEditor(store, update, hosted=False, address=str(context.address))
            outcomes = await editor.edit(UNIT, {"cutoff": 30.0}, timeout=30.0)
            assert outcomes["cutoff"].value == 30.0
            said = outcomes["cutoff"].note
            assert "somebody else set order to 9" in said
            assert "was told 2 again" in said
            seen = [(change.field, change.new) for change in store.history()]
            assert ("order", 9) in seen
            assert seen.index(("order", 9)) < seen.index(("cutoff", 30.0))
        finally:
            await asyncio.gather(*reports)
            await follower.stop()
            await owner.close()
