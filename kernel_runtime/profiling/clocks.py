"""Clocks of the processes of a graph, mapped to wall time.

Trace samples carry ``perf_counter_ns`` of their process. On Linux that is one clock for all
processes of a host; another host has another. A profiling snapshot carries the same clock,
so round trips tell how it stands against ours, to within half of the trip.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..errors import GraphError
from ..model import ProcessInfo
from .rates import ProfiledContext

ROUND_TRIPS = 4


@dataclass(frozen=True, slots=True)
class ProcessClock:
    """How the clock of a process maps to wall time.

    Attributes
    ----------
    process_id, host
        Whose clock.
    offset_ns
        To be added to a time of the process to get Unix time in nanoseconds.
    error_ns
        Half-width of what the offset may be wrong by, against our own clock; 0 where the
        process shares it.
    round_trip_ns
        Of the best round trip.
    shared
        Whether the process reads the very clock that this process reads.
    """

    process_id: str
    host: str | None
    offset_ns: int
    error_ns: int
    round_trip_ns: int
    shared: bool

    @property
    def key(self) -> str:
        """Equal for processes whose times can be compared without an error."""
        return "here" if self.shared else f"{self.host or self.process_id} {self.offset_ns}"

    @property
    def ahead_ns(self) -> int:
        """How much further our ``perf_counter_ns`` is than that of the process."""
        return 0 if self.shared else self.offset_ns - wall_offset_ns()


def wall_offset_ns() -> int:
    """Unix time minus ``perf_counter_ns`` of this process."""
    before = time.perf_counter_ns()
    wall = time.time_ns()
    return wall - (before + time.perf_counter_ns()) // 2


async def measure_clocks(
    context: ProfiledContext, processes: Iterable[ProcessInfo], *, timeout: float = 1.0
) -> tuple[dict[str, ProcessClock], dict[str, GraphError]]:
    """Ask every process that owns units for its clock, all at the same time.

    Returns
    -------
    tuple
        Clocks by process id, and why a process has none.
    """
    to_wall_ns = wall_offset_ns()
    here = socket.gethostname()

    async def ask(process: ProcessInfo) -> ProcessClock | GraphError:
        best: tuple[int, int] | None = None
        for _ in range(ROUND_TRIPS):
            asked = time.perf_counter_ns()
            try:
                answer = await context.process_profiling_snapshot(process.units[0], timeout=timeout)
            except GraphError as error:
                return error
            answered = time.perf_counter_ns()
            ahead_ns = int(answer.timestamp) - (asked + answered) // 2
            if best is None or answered - asked < best[0]:
                best = answered - asked, ahead_ns
        assert best is not None
        trip_ns, ahead_ns = best
        # The name alone does not say it: containers may share one and not the clock.
        shared = (
            sys.platform == "linux" and process.host == here and abs(ahead_ns) <= trip_ns // 2 + 1
        )
        return ProcessClock(
            process_id=process.process_id,
            host=process.host,
            offset_ns=to_wall_ns if shared else to_wall_ns - ahead_ns,
            error_ns=0 if shared else trip_ns // 2,
            round_trip_ns=trip_ns,
            shared=shared,
        )

    asked = [process for process in processes if process.units]
    answers = await asyncio.gather(*(ask(process) for process in asked))
    clocks: dict[str, ProcessClock] = {}
    failures: dict[str, GraphError] = {}
    for process, answer in zip(asked, answers, strict=True):
        if isinstance(answer, ProcessClock):
            clocks[process.process_id] = answer
        else:
            failures[process.process_id] = answer
    return _one_a_host(clocks), failures


def _one_a_host(clocks: dict[str, ProcessClock]) -> dict[str, ProcessClock]:
    """Let processes of another host share the best round trip's offset, where theirs agree."""
    best: dict[str, ProcessClock] = {}
    for clock in clocks.values():
        known = best.get(clock.host or "")
        if not clock.shared and (known is None or clock.error_ns < known.error_ns):
            best[clock.host or ""] = clock
    found = {}
    for process_id, clock in clocks.items():
        other = best.get(clock.host or "")
        if (
            not clock.shared
            and other is not None
            and abs(clock.offset_ns - other.offset_ns) <= clock.error_ns + other.error_ns
        ):
            clock = replace(clock, offset_ns=other.offset_ns, error_ns=other.error_ns)
        found[process_id] = clock
    return found


def clock_error_ns(
    clocks: Mapping[str, ProcessClock], from_process: str, to_process: str
) -> int | None:
    """By how much a time between two processes may be wrong; None where it can't be known."""
    if from_process == to_process:
        return 0
    one, other = clocks.get(from_process), clocks.get(to_process)
    if one is None or other is None:
        return None
    if one.key == other.key:
        return 0
    return one.error_ns + other.error_ns
