"""What is wrong with a GraphServer and its graph, found by asking everybody once."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import psutil
from ezmsg.core.graphmeta import GraphSnapshot, SnapshotProcess

from .address import AddressLike, parse_address
from .context import KernelGraphContext
from .errors import GraphError
from .ezmsg_compat import EZMSG_VERSION
from .local_processes import is_alive, is_orphan
from .lost_processes import LostProcess, lost_processes
from .shared_memory import Segment, left_over_segments
from .soundness import readable_components

PING_TIMEOUT_S = 1.0
TERM_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class ExaminedProcess:
    """A process that the GraphServer lists, and what became of one ping.

    ``alive`` and ``orphan`` are None and False for processes of other machines. ``stopped``
    says that the system holds it (SIGSTOP, a debugger).
    """

    process_id: str
    pid: int | None
    host: str | None
    units: tuple[str, ...]
    rtt_s: float | None
    error: str
    alive: bool | None
    orphan: bool
    stopped: bool

    @property
    def is_well(self) -> bool:
        return (self.rtt_s is not None or not self.units) and not self.orphan

    @property
    def advice(self) -> str:
        """What to do about it; empty where it is well."""
        if self.orphan:
            return f"What started it has ended: `kill {self.pid}`, or --end-orphans."
        if self.is_well:
            return ""
        if self.alive is False:
            return (
                "It has ended, but a connection that it made is held open, by a process that it "
                "forked: end that one."
            )
        if self.stopped:
            return f"It is stopped: `kill -CONT {self.pid}` lets it go on."
        if self.alive:
            return (
                "It lives, but does not answer: busy in a call that holds its event loop, or its "
                "control connection has broken; its data may still flow. Its log may tell more; "
                "restarting the graph mends it."
            )
        return "It is on another machine, or not to be seen from here: look there."


@dataclass(frozen=True, slots=True)
class ExaminedSession:
    """A session with components or edges: who holds which addresses."""

    session_id: str
    components: tuple[str, ...]
    edges: int
    runners: tuple[ExaminedProcess, ...]

    @property
    def blocks(self) -> bool:
        """Whether it holds addresses without a graph that runs behind them."""
        return bool(self.components) and all(
            runner.orphan or runner.alive is False for runner in self.runners
        )

    @property
    def advice(self) -> str:
        if not self.blocks:
            return ""
        if not self.runners:
            return (
                "No process runs them. A graph that is just starting looks so; else whoever "
                "holds the session must close it before these addresses can be used again."
            )
        return (
            "A new graph with these addresses is refused as long as it lasts: end the processes "
            "named above."
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found; `is_well` where there is nothing to do."""

    address: str
    trouble: str = ""
    server_version: str = ""
    kernel_version: str = EZMSG_VERSION
    warnings: Sequence[str] = ()
    processes: Sequence[ExaminedProcess] = ()
    sessions: Sequence[ExaminedSession] = ()
    segments: Sequence[Segment] = field(default_factory=tuple)
    lost: Sequence[LostProcess] = ()

    @property
    def orphans(self) -> list[ExaminedProcess]:
        return [process for process in self.processes if process.orphan]

    @property
    def is_well(self) -> bool:
        return (
            not self.trouble
            and not self.segments
            and not self.lost
            and all(process.is_well for process in self.processes)
            and not any(session.blocks for session in self.sessions)
        )


async def examine(address: AddressLike = None, *, timeout: float = 3.0) -> Report:
    """Ask a GraphServer and each of its processes how they are.

    Parameters
    ----------
    address
        Of the GraphServer, as `parse_address` takes it.
    timeout
        Seconds for connecting, and for the snapshot.

    Returns
    -------
    Report
        Also where nothing answers: `trouble` says why.
    """
    parsed = parse_address(address)
    segments = await asyncio.to_thread(left_over_segments)
    lost = await asyncio.to_thread(lost_processes, parsed)
    context = KernelGraphContext(parsed, timeout=timeout)
    try:
        async with context:
            snapshot = await context.snapshot()
            processes = await asyncio.gather(
                *(_examine(context, process) for process in snapshot.processes.values())
            )
            own = str(context.session_id)
    except GraphError as error:
        return Report(
            str(parsed),
            error.message,
            server_version=context.server_version,
            segments=segments,
            lost=lost,
        )
    return Report(
        str(parsed),
        server_version=context.server_version,
        warnings=context.warnings,
        processes=processes,
        sessions=_sessions(snapshot, processes, own),
        segments=segments,
        lost=lost,
    )


async def _examine(context: KernelGraphContext, process: SnapshotProcess) -> ExaminedProcess:
    rtt_s, error = None, ""
    if process.units:
        asked = time.perf_counter()
        try:
            await context.process_ping(process.units[0], timeout=PING_TIMEOUT_S)
            rtt_s = time.perf_counter() - asked
        except GraphError as failure:
            error = failure.message
    alive = is_alive(process.pid, process.host)
    return ExaminedProcess(
        process_id=str(process.process_id),
        pid=process.pid,
        host=process.host,
        units=tuple(process.units),
        rtt_s=rtt_s,
        error=error,
        alive=alive,
        orphan=bool(alive) and process.pid is not None and is_orphan(process.pid),
        stopped=bool(alive) and process.pid is not None and _is_stopped(process.pid),
    )


def _is_stopped(pid: int) -> bool:
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return False
    return bool(status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))


def _sessions(
    snapshot: GraphSnapshot, processes: Iterable[ExaminedProcess], own: str
) -> list[ExaminedSession]:
    found = []
    for session_id, session in snapshot.sessions.items():
        components = {address for address, _ in readable_components(session.metadata)}
        edges = len(session.edges) if isinstance(session.edges, list) else 0
        if session_id == own or not (components or edges):
            continue
        runners = tuple(one for one in processes if components & set(one.units))
        found.append(ExaminedSession(session_id, tuple(sorted(components)), edges, runners))
    return found


def end_orphans(orphans: Iterable[ExaminedProcess]) -> dict[int, str]:
    """End orphaned processes of this machine: SIGTERM, and SIGKILL where that does nothing.

    Returns
    -------
    dict
        By pid: how it ended, or why it did not.
    """
    outcome: dict[int, str] = {}
    ending: list[psutil.Process] = []
    for orphan in orphans:
        if orphan.pid is None or not is_orphan(orphan.pid):
            continue
        try:
            process = psutil.Process(orphan.pid)
            process.send_signal(signal.SIGCONT)
            process.terminate()
            ending.append(process)
        except psutil.NoSuchProcess:
            outcome[orphan.pid] = "had ended already"
        except psutil.AccessDenied:
            outcome[orphan.pid] = "belongs to another user: not ended"
    ended, left = psutil.wait_procs(ending, timeout=TERM_PATIENCE_S)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            pass
    killed, stuck = psutil.wait_procs(left, timeout=TERM_PATIENCE_S)
    outcome |= {process.pid: "ended" for process in ended}
    outcome |= {process.pid: "killed, since it did not heed SIGTERM" for process in killed}
    outcome |= {process.pid: "does not end, not even by SIGKILL" for process in stuck}
    return outcome
