"""What it costs to know that an edit is in force, against an edit that one hopes for.

``python -m benchmarks.settings [--quick]``

``edit_applied_ratio``: time of our edit until the unit itself holds the value, over the time
of ezmsg's bare ``update_setting`` until the event of the same edit has come.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time

from ezmsg.core.graphcontext import GraphContext

from ezmsg_nb.live_graph import attach
from kernel_runtime.host import GraphHost, GraphSpec

from .harness import arguments, interleaved, median_ratio, report

UNIT = "GAIN"
EDITS_A_ROUND = 50


async def measure(host: GraphHost, rounds: int) -> dict[str, float]:
    graph = await asyncio.to_thread(attach, host.address, host=host)
    values = itertools.count(1)
    editor = graph._make_editor()
    loop = graph._loop

    async def ours() -> float:
        async def edits() -> float:
            started = time.perf_counter()
            for _ in range(EDITS_A_ROUND):
                outcome = await editor.edit(UNIT, {"gain": float(next(values))})
                assert outcome["gain"].state == "applied"
            return time.perf_counter() - started

        return await asyncio.wrap_future(loop.submit(edits()))

    try:
        async with GraphContext(graph.aio.address, auto_start=False) as context:
            last = len(await context.settings_events())
            events = context.subscribe_settings_events(after_seq=last)

            async def theirs() -> float:
                total = 0.0
                for _ in range(EDITS_A_ROUND):
                    value = float(next(values))
                    started = time.perf_counter()
                    await context.update_setting(UNIT, "gain", value)
                    async for event in events:
                        held = event.value.structured_value
                        if held is not None and held["gain"] == value:
                            break
                    total += time.perf_counter() - started
                return total

            await ours()
            await theirs()
            found = await interleaved(rounds, {"ours": ours, "theirs": theirs})
            await events.aclose()  # type: ignore[attr-defined]
    finally:
        await asyncio.to_thread(graph.close)
    per_edit_ms = {
        name: statistics.median(seconds) / EDITS_A_ROUND * 1e3 for name, seconds in found.items()
    }
    print(
        f"until applied, ours {per_edit_ms['ours']:.2f} ms an edit; until its event, bare ", end=""
    )
    print(f"update_setting {per_edit_ms['theirs']:.2f} ms")
    return {"edit_applied_ratio": round(median_ratio(found["ours"], found["theirs"]), 3)}


def main() -> None:
    options = arguments(__doc__ or "")
    host = GraphHost.start(GraphSpec(factory="benchmarks.graphs:gain"))
    try:
        figures = asyncio.run(measure(host, rounds=60 if options.quick else 200))
    finally:
        host.stop()
    report(figures)


if __name__ == "__main__":
    main()
