"""Rates of a pipeline whose rate is known, also while others profile it."""

from __future__ import annotations

import asyncio

import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import RunningGraph

from kernel_runtime import KernelGraphContext
from kernel_runtime.profiling.rates import (
    Counts,
    EndpointCount,
    count_messages,
    published_hz,
    rates_between,
)

WINDOW_S = 1.5


async def measure(context: KernelGraphContext, seconds: float) -> dict[str, float | None]:
    before = await count_messages(context, await context.snapshot())
    await asyncio.sleep(seconds)
    after = await count_messages(context, await context.snapshot())
    assert not after.failures
    return published_hz(rates_between(before, after))


async def test_a_second_observer_does_not_disturb(running_graph: RunningGraph) -> None:
    async with (
        KernelGraphContext(running_graph.address) as context,
        GraphContext(context.address, auto_start=False) as other,
    ):

        async def observe() -> None:
            while True:
                await other.profiling_snapshot_all()
                await asyncio.sleep(0.01)

        await context.update_setting("SOURCE", "rate_hz", 200.0)
        observing = asyncio.create_task(observe())
        try:
            rates = await measure(context, WINDOW_S)
        finally:
            observing.cancel()
            await asyncio.gather(observing, return_exceptions=True)
        source, gain = rates["SOURCE/OUTPUT"], rates["GAIN/OUTPUT"]
        assert source is not None
        assert gain is not None
        # The source sleeps 5 ms between messages, so it can only be slower than 200 Hz; when a
        # process counted is known to half a round trip, which is long on a busy machine.
        assert 40.0 < source <= 260.0
        assert gain == pytest.approx(source, rel=0.3)


def counts(at_ns: int, totals: dict[str, int], process: str = "p") -> Counts:
    endpoints = {
        name: EndpointCount(name, "publisher", f"{name}/OUT", process, total)
        for name, total in totals.items()
    }
    return Counts(endpoints, {process: at_ns}, {})


def test_rate_is_difference_over_our_window() -> None:
    rates = rates_between(
        counts(0, {"a": 10, "gone": 5}), counts(2_000_000_000, {"a": 30, "new": 7})
    )
    assert rates["a"].messages == 20
    assert rates["a"].rate_hz == 10.0
    assert rates["a"].window_s == 2.0
    assert rates["new"].rate_hz is None
    assert "gone" not in rates


def test_a_count_that_fell_is_no_rate() -> None:
    rates = rates_between(counts(0, {"a": 10}), counts(10**9, {"a": 3}))
    assert rates["a"].rate_hz is None


def test_one_unknown_publisher_makes_a_topic_unknown() -> None:
    before = counts(0, {"a": 0})
    after = Counts(
        {
            "a": EndpointCount("a", "publisher", "T", "p", 10),
            "b": EndpointCount("b", "publisher", "T", "p", 10),
        },
        {"p": 10**9},
        {},
    )
    assert published_hz(rates_between(before, after)) == {"T": None}
