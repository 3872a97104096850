"""A graph that is followed: topology, settings, rates and troubles, kept current."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ezmsg.core.graphmeta import GraphSnapshot, SettingsChangedEvent

from .context import KernelGraphContext
from .errors import ClosedError, GraphError, UnsafePayloadError
from .model import Topology
from .profiling.rates import Counts, EndpointRate, count_messages, published_hz, rates_between
from .server_link import Status
from .settings.store import SettingsStore
from .streams import Resynced
from .topology import topic_rates, topology_of
from .topology_history import TopologyHistory

REFRESH_AT_MOST_EVERY_S = 0.1
RETRY_EVERY_S = 0.5
RATES_EVERY_S = 1.0
"""A round costs server and processes about 0.6 ms of CPU a process (measured): every half second
that was over 1% of what a pipeline of 500 messages/s uses."""

RATES_TIMEOUT_S = 0.8
"""With the time between rounds below 2 s: a process that stops is told of by then."""

REREAD_EVERY_S = 5.0
"""Events tell what changes in the graph, but for topics that nothing is connected to."""

UnitCondition = Literal["ok", "dead", "stale"]


@dataclass(frozen=True, slots=True)
class UnitHealth:
    """Whether a unit runs, and what is wrong where it doesn't."""

    condition: UnitCondition
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates of one round: of all endpoints, and of each topic that an edge starts at."""

    endpoints: Mapping[str, EndpointRate]
    topics: Mapping[str, float | None]
    failures: Mapping[str, GraphError] = field(default_factory=dict)


_SEARCHED_EVENTS = 1024


class GraphFollower:
    """Keeps what is known of a graph current, as long as its context lives.

    Callbacks are called on the context's loop, and must be quick. Properties hold immutable
    values that any thread may read.

    Parameters
    ----------
    context
        An open context; the follower does not close it.
    """

    def __init__(self, context: KernelGraphContext) -> None:
        self.context = context
        self.settings = SettingsStore()
        self.history = TopologyHistory()
        self._topology = Topology()
        self._unit_states: dict[str, UnitHealth] = {}
        self._measured: Measured | None = None
        self._counts: Counts | None = None
        self._read_at = 0.0
        self._ran_in: dict[str, str] = {}
        self._notes: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stale = asyncio.Event()
        self._settings_stale = False
        self._watchers = 0
        self._watched = asyncio.Event()
        self.seen_at = time.time()
        self.topology_listeners: list[Callable[[Topology], None]] = []
        self.state_listeners: list[Callable[[Mapping[str, UnitHealth]], None]] = []
        self.rate_listeners: list[Callable[[Measured], None]] = []
        self.status_listeners: list[Callable[[Status], None]] = []

    async def start(self) -> None:
        """Read the graph once, and follow it from there."""
        await self.refresh()
        # Before anybody edits: an old event that comes late must not pass for a new report.
        events = await self._settings_history()
        for event in events:
            self._record(event)
        self.settings.take_snapshot(await self.context.settings_snapshot())
        self.context.on_status(self._take_status)
        last_seq = events[-1].seq if events else 0
        self._tasks = [
            asyncio.create_task(self._keep_refreshed(), name="follow-refresh"),
            asyncio.create_task(self._follow_topology(), name="follow-topology"),
            asyncio.create_task(self._follow_settings(last_seq), name="follow-settings"),
            asyncio.create_task(self._follow_rates(), name="follow-rates"),
        ]

    async def _settings_history(self) -> list[SettingsChangedEvent]:
        """Events of settings; the newest of them where all are too much for one message."""
        try:
            return await self.context.settings_events()
        except UnsafePayloadError:
            self._notes.append(
                "The history of settings is too long to be read at once: its oldest part is left "
                "out. All values are as they are now."
            )
        unread, nothing_after, after = 0, 0, _SEARCHED_EVENTS
        while not nothing_after or nothing_after - unread > 1:
            try:
                events = await self.context.settings_events(after)
            except UnsafePayloadError:
                unread = after
            else:
                if events:
                    return events
                nothing_after = after
            after = (unread + nothing_after) // 2 if nothing_after else 2 * after
        return []

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._tasks.clear()

    @property
    def topology(self) -> Topology:
        return self._topology

    @property
    def unit_states(self) -> Mapping[str, UnitHealth]:
        """Units that are not "ok", and why."""
        return self._unit_states

    @property
    def measured(self) -> Measured | None:
        """The newest round of rates, None before the first."""
        return self._measured

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to the graph that a person should know, oldest first."""
        return tuple(self._notes)

    def watch(self, watchers: int) -> None:
        """Say how many views want rates; with none, nothing is polled."""
        self._watchers = watchers
        if watchers:
            self._watched.set()
        else:
            self._watched.clear()
            # The next round must not average over the time in which nobody looked.
            self._counts = None

    def _take_status(self, status: Status) -> None:
        if status == "connected":
            self._stale.set()
        for listener in list(self.status_listeners):
            listener(status)

    async def refresh(self) -> None:
        """Read the graph anew, now."""
        self._take_snapshot(await self.context.snapshot())

    def _take_snapshot(self, snapshot: GraphSnapshot) -> None:
        topology = topology_of(snapshot)
        self.seen_at = time.time()
        self._read_at = time.monotonic()
        changed = topology != self._topology
        self._topology = topology
        for unit in topology.units.values():
            if unit.process_id is not None:
                self._ran_in[unit.address] = unit.process_id
        if changed:
            self.history.record(self.seen_at, topology)
            for listener in list(self.topology_listeners):
                listener(topology)
            self._judge_units(self._measured.failures if self._measured else {})

    def _judge_units(self, failures: Mapping[str, GraphError]) -> None:
        states: dict[str, UnitHealth] = {}
        for unit in self._topology.units.values():
            if unit.process_id is None and unit.address in self._ran_in:
                states[unit.address] = UnitHealth(
                    "dead", "Its process has left the GraphServer: it ended or was killed."
                )
            elif unit.process_id is not None and unit.process_id in failures:
                states[unit.address] = UnitHealth("stale", failures[unit.process_id].message)
        if states != self._unit_states:
            self._unit_states = states
            for listener in list(self.state_listeners):
                listener(states)

    async def _keep_refreshed(self) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self.refresh()
                if self._settings_stale:
                    self.settings.take_snapshot(await self.context.settings_snapshot())
                    self._settings_stale = False
            except ClosedError:
                return
            except GraphError:
                # Tried again: a graph that changed must not be shown as it was.
                self._stale.set()
                await asyncio.sleep(RETRY_EVERY_S)
            await asyncio.sleep(REFRESH_AT_MOST_EVERY_S)

    async def _follow_topology(self) -> None:
        async for event in self.context.subscribe_topology_events():
            if isinstance(event, Resynced) and event.reason == "server_restarted":
                self._notes.append(
                    "Another GraphServer answers at the address now. Processes of the graph "
                    "before may still run, but this server does not know them."
                )
                self._ran_in.clear()
            self._stale.set()

    def _record(self, event: SettingsChangedEvent) -> None:
        try:
            self.settings.record(event)
        except RecursionError:
            self._notes.append(
                f"A settings value of {event.component_address} is nested too deeply to be shown."
            )

    async def _follow_settings(self, after_seq: int) -> None:
        async for event in self.context.subscribe_settings_events(after_seq=after_seq):
            if isinstance(event, Resynced):
                self._settings_stale = True
                self._stale.set()
                continue
            self._record(event)
            if event.event_type.value == "INITIAL_SETTINGS":
                # Metadata is registered without a topology event.
                self._stale.set()

    async def _follow_rates(self) -> None:
        while True:
            await self._watched.wait()
            started = time.monotonic()
            try:
                await self._measure()
            except ClosedError:
                return
            except GraphError:
                self._counts = None
            await asyncio.sleep(max(0.05, RATES_EVERY_S - (time.monotonic() - started)))

    async def _measure(self) -> None:
        if time.monotonic() - self._read_at > REREAD_EVERY_S:
            await self.refresh()
        counts = await count_messages(self.context, self._topology, timeout=RATES_TIMEOUT_S)
        before, self._counts = self._counts, counts
        if before is None:
            return
        rates = rates_between(before, counts)
        self._measured = Measured(
            rates, topic_rates(self._topology, published_hz(rates)), counts.failures
        )
        self._judge_units(counts.failures)
        for listener in list(self.rate_listeners):
            listener(self._measured)
