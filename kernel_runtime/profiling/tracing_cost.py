"""How much tracing slows a pipeline: rates and CPU while it was on, and right after or before.

A fixed-rate pipeline keeps its rate and uses more CPU; a saturated one loses rate. So both are
given, and what a message costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import ProcessInfo
from .process_load import LoadSample, loads_between, sample_loads
from .rates import Counts, rates_between

SHORTEST_WINDOW_S = 0.5
"""Windows below this are too short to be compared."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Totals of a graph at one time."""

    counts: Counts
    loads: dict[str, LoadSample]

    @classmethod
    def now(cls, counts: Counts, processes: Iterable[ProcessInfo]) -> Moment:
        """With counts that were just made."""
        return cls(counts, sample_loads(processes))


@dataclass(frozen=True, slots=True)
class Activity:
    """What a graph did in a window.

    Attributes
    ----------
    window_s
        Its duration.
    messages_per_s
        Published by all publishers together.
    cpu
        Of the processes on this host together, as a share of one CPU; None where there are none.
    """

    window_s: float
    messages_per_s: float
    cpu: float | None

    @property
    def cpu_per_message_us(self) -> float | None:
        if self.cpu is None or self.messages_per_s <= 0:
            return None
        return 1e6 * self.cpu / self.messages_per_s


@dataclass(frozen=True, slots=True)
class TracingCost:
    """What tracing cost the pipeline.

    Attributes
    ----------
    traced, untraced
        What it did with tracing on, and without.
    """

    traced: Activity
    untraced: Activity

    @property
    def slowdown(self) -> float | None:
        """Share of the rate that was lost; about 0 at a fixed rate. None of an idle graph."""
        if self.untraced.messages_per_s <= 0:
            return None
        return 1.0 - self.traced.messages_per_s / self.untraced.messages_per_s

    @property
    def cpu_added(self) -> float | None:
        """CPU that was used more, as a share of one CPU."""
        if self.traced.cpu is None or self.untraced.cpu is None:
            return None
        return self.traced.cpu - self.untraced.cpu

    @property
    def text(self) -> str:
        """Both in words."""
        slowdown, added = self.slowdown, self.cpu_added
        rate = (
            "rate not measured"
            if slowdown is None
            else f"{0.0 - slowdown:+.1%} messages/s "
            f"({self.untraced.messages_per_s:,.0f} -> {self.traced.messages_per_s:,.0f})"
        )
        cpu = (
            "CPU not measured"
            if added is None
            else f"{100 * added:+.1f}% of a CPU "
            f"({self.untraced.cpu or 0.0:.0%} -> {self.traced.cpu or 0.0:.0%})"
        )
        return f"{rate}, {cpu}"


def activity_between(before: Moment, after: Moment) -> Activity | None:
    """What happened from one moment to another; None of too short a time, or unknown rates."""
    rates = [
        rate
        for rate in rates_between(before.counts, after.counts).values()
        if rate.count.role == "publisher"
    ]
    known = [rate.rate_hz for rate in rates if rate.rate_hz is not None]
    windows = [rate.window_s for rate in rates if rate.window_s is not None]
    if not windows or len(known) < len(rates) or min(windows) < SHORTEST_WINDOW_S:
        return None
    loads = loads_between(before.loads, after.loads)
    cpu = sum(load.cpu for load in loads.values()) if loads else None
    return Activity(sum(windows) / len(windows), sum(known), cpu)


def tracing_cost(traced: Activity | None, untraced: Activity | None) -> TracingCost | None:
    """The two compared; None where one is missing."""
    return None if traced is None or untraced is None else TracingCost(traced, untraced)
