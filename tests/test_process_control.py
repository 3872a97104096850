"""Operations that the process of a unit carries out: as ezmsg does them, refused where unsafe."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlOperation,
    ProcessControlResponse,
    ProcessPing,
)
from real_graphs import RunningGraph

from kernel_runtime import (
    GraphError,
    HandlerError,
    InvalidResponseError,
    KernelGraphContext,
    SettingsRejectedError,
    UnroutableUnitError,
    UnsupportedOperationError,
)
from kernel_runtime.errors import ERROR_FOR_CODE


@pytest.fixture
async def context(shared_graph: RunningGraph) -> AsyncIterator[KernelGraphContext]:
    async with KernelGraphContext(shared_graph.address) as opened:
        yield opened


async def test_ping_and_stats_tell_of_the_process_itself(
    context: KernelGraphContext, shared_graph: RunningGraph
) -> None:
    pids = set()
    for unit in shared_graph.units:
        ping, stats = await context.process_ping(unit), await context.process_stats(unit)
        assert (ping.pid, ping.host, ping.process_id) == (stats.pid, stats.host, stats.process_id)
        assert unit in stats.owned_units
        pids.add(ping.pid)
    assert pids == set(shared_graph.pids)


async def test_errors_are_named(context: KernelGraphContext) -> None:
    with pytest.raises(UnroutableUnitError, match="NOBODY") as unroutable:
        await context.process_ping("NOBODY")
    assert (unroutable.value.unit, unroutable.value.operation) == ("NOBODY", "PING")
    assert unroutable.value.address == str(context.address)
    with pytest.raises(HandlerError, match="no_such_field"):
        await context.update_setting("GAIN", "no_such_field", 1)
    with pytest.raises(ValueError, match="payload"):
        await context.process_request("GAIN", "PING", payload=b"x", payload_obj=1)
    for timeout in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            await context.process_ping("GAIN", timeout=timeout)


async def test_an_unknown_operation_is_answered_not_raised(context: KernelGraphContext) -> None:
    response = await context.process_request("GAIN", "no such operation", payload=b"\x00\xff")
    assert not response.ok
    with pytest.raises(UnsupportedOperationError):
        context.decode_process_payload(response, object)


async def test_what_can_not_be_sent_is_refused_here(context: KernelGraphContext) -> None:
    with pytest.raises(SettingsRejectedError, match="pickled"):
        await context.update_setting("GAIN", "label", threading.Lock())
    with pytest.raises(SettingsRejectedError, match="bytes"):
        await context.update_setting("GAIN", "label", "x" * 12_000_000)


@pytest.mark.parametrize("code", list(ProcessControlErrorCode))
def test_each_error_code_has_its_exception(
    code: ProcessControlErrorCode, shared_graph: RunningGraph
) -> None:
    context = KernelGraphContext(shared_graph.address)
    response = ProcessControlResponse("1", ok=False, error="the reason", error_code=code)
    with pytest.raises(ERROR_FOR_CODE[code], match=f"{code.value}.*the reason"):
        context.decode_process_payload(response, object)


@pytest.mark.parametrize(
    ("payload", "what"),
    [(None, "no payload"), (b"garbage", "damaged"), (b"\x80\x04K\x01.", "a int in place of")],
)
def test_an_answer_that_is_none(
    payload: bytes | None, what: str, shared_graph: RunningGraph
) -> None:
    context = KernelGraphContext(shared_graph.address)
    with pytest.raises(GraphError, match=what):
        context.decode_process_payload(ProcessControlResponse("1", True, payload), dict)


def test_an_answer_with_other_fields_than_its_own(shared_graph: RunningGraph) -> None:
    context = KernelGraphContext(shared_graph.address)
    raw = b"\x80\x04cezmsg.core.graphmeta\nProcessPing\n)\x81}\x8c\x03pid\x8c\x04nonesb."
    with pytest.raises(InvalidResponseError, match="fields"):
        context.decode_process_payload(ProcessControlResponse("1", True, raw), ProcessPing)


async def test_a_cancelled_request_leaves_the_lane_usable(context: KernelGraphContext) -> None:
    for pause_s in (0.0, 0.0001, 0.0005, 0.002):
        asked = [
            asyncio.create_task(context.snapshot()),
            asyncio.create_task(context.process_ping("GAIN")),
        ]
        await asyncio.sleep(pause_s)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert "SOURCE/OUTPUT" in (await context.snapshot()).graph
        assert (await context.process_stats("GAIN")).owned_units == ["GAIN"]


async def test_an_operation_may_be_given_by_name(context: KernelGraphContext) -> None:
    for operation in (ProcessControlOperation.PING, "PING"):
        response = await context.process_request("GAIN", operation)
        assert response.ok
        assert response.process_id is not None
