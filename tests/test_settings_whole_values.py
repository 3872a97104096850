"""Several fields of a unit as one published value, in a graph that is not of our host."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_graphs import wait_for
from slow_graph import slow_graph, taken

import ezmsg_nb as ezn
from kernel_runtime import KernelGraphContext

MODULE = "slow_unit"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with slow_graph(tmp_path_factory.mktemp("slow")) as graph:
        yield graph


def test_without_the_class_it_says_that_it_was_not_atomic(slow: tuple[str, Path]) -> None:
    address, held = slow
    with ezn.connect(address) as graph:
        before = len(taken(held))
        outcomes = graph.settings["SLOW"].update(cutoff=31.0, order=5)
        assert MODULE not in sys.modules
        assert all("Not atomic" in one.note for one in outcomes.values())
        assert "use_classes=True" in outcomes["order"].note
        wait_for(lambda: len(taken(held)) == before + 2, "the unit took both")
        assert "cutoff=31.0, order=2" in taken(held)[-2]


def test_with_the_class_the_unit_never_runs_on_half_of_them(slow: tuple[str, Path]) -> None:
    address, held = slow
    with ezn.connect(address, use_classes=True) as graph:
        unit = graph.settings["SLOW"]
        before = len(taken(held))
        changes = {"cutoff": 32.0, "order": 6, "inner.gain": 2.5, "band": [3, 4]}
        outcomes = unit.update(changes)
        assert {one.note for one in outcomes.values()} == {""}
        assert (unit["cutoff"], unit["order"], unit["inner.gain"]) == (32.0, 6, 2.5)
        # The unit has let go of it when this returns.
        (newest,) = taken(held)[before:]
        assert "cutoff=32.0, order=6, band=(3.0, 4.0), inner=Inner(order=4, gain=2.5)" in newest
        assert "folder=PosixPath('a'), function=<built-in function abs>" in newest
        graph.settings.undo()
        assert len(taken(held)) == before + 2
        assert "order=5, band=(1.0, 2.0), inner=Inner(order=4, gain=1.0)" in taken(held)[-1]


def test_kernels_come_and_go_and_the_unit_still_listens(slow: tuple[str, Path]) -> None:
    """On ezmsg 3.9 a publisher that ends at the wrong moment leaves a unit deaf."""
    address, held = slow
    number = 0
    for _ in range(4):
        with ezn.connect(address, use_classes=True) as graph:
            for _ in range(4):
                number += 1
                graph.settings["OTHER"].update(cutoff=float(number), order=number)
    assert f"cutoff={number}.0, order={number}, " in taken(held, "OTHER")[-1]
    with ezn.connect(address) as graph:
        graph.settings["OTHER"]["order"] = 99
        wait_for(lambda: "order=99, " in taken(held, "OTHER")[-1], "a last edit arrives")


def test_a_context_that_closes_at_once_leaves_the_unit_listening(slow: tuple[str, Path]) -> None:
    address, held = slow

    from slow_unit import SlowSettings

    async def publish(number: int) -> None:
        async with KernelGraphContext(address) as context:
            await context.update_settings("OTHER", SlowSettings(order=number, delay_s=0.05))

    with ezn.connect(address, use_classes=True) as graph:
        graph.settings["OTHER"]["delay_s"] = 0.05
        for number in range(100, 106):
            asyncio.run(publish(number))
        wait_for(lambda: "order=105, " in taken(held, "OTHER")[-1], "the last arrives")
        graph.settings["OTHER"].update(order=1, delay_s=0.0)
        assert "order=1, " in taken(held, "OTHER")[-1]
