"""What the benchmarks share: interleaved rounds, medians, free ports, one JSON line at the end."""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence


def arguments(description: str) -> argparse.Namespace:
    """Options of every benchmark: ``--quick`` for a run under 50 s."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under 50 s")
    return parser.parse_args()


async def interleaved(
    rounds: int, contestants: Mapping[str, Callable[[], Awaitable[float]]]
) -> dict[str, list[float]]:
    """Measure each contestant once a round, in turn, and in turned order every other round.

    Returns what each gave, by name and round: a slow moment of the machine meets them all.
    """
    found: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(rounds):
        for name in order:
            found[name].append(await contestants[name]())
        order.reverse()
    return found


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios round by round."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def free_port() -> int:
    """A port of this machine that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def report(figures: Mapping[str, object]) -> None:
    """Print the figures as one JSON object, the last line of a benchmark's output."""
    print(json.dumps(dict(figures)))
    sys.stdout.flush()
