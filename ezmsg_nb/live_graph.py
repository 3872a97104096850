"""`LiveGraph`: a running graph, for cells. Blocking, thread-safe, with a display of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

import pandas as pd
from ezmsg.core import Component
from ezmsg.core.graphmeta import GraphSnapshot

from kernel_runtime.address import AddressLike
from kernel_runtime.background import BackgroundLoop, background_loop
from kernel_runtime.context import KernelGraphContext
from kernel_runtime.errors import ClosedError, GraphError, HostStartError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.host import GraphHost, LogRecord, ProcessExit
from kernel_runtime.host.definition import GraphDefinition
from kernel_runtime.model import Edge, UnitInfo
from kernel_runtime.profiling.observer_cost import ObserverCost
from kernel_runtime.profiling.process_load import LoadSample, loads_between, sample_loads
from kernel_runtime.profiling.rates import Counts, count_messages, rates_between
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.server_link import Status
from kernel_runtime.settings.edits import SettingsEditor
from kernel_runtime.topology_history import topology_changes

from .frames import (
    edges_frame,
    logs_frame,
    processes_frame,
    profile_frame,
    topology_changes_frame,
    units_frame,
)
from .graph_settings import GraphSettings
from .graph_taps import GraphTaps
from .graph_traces import GraphTraces
from .graph_views import GraphViews
from .log_view import LogView
from .profile_view import ProfileView
from .restart import RestartPlan, open_follower
from .scope import Scope
from .settings_sweep import sweep
from .tap import GraphTap
from .topology_difference import DifferenceFrame, difference
from .trace import DEFAULT_MAX_SAMPLES, Trace

T = TypeVar("T")

CALL_TIMEOUT_S = 10.0
PING_TIMEOUT_S = 0.5
DEFAULT_PROFILE_S = 1.0
"""Window of `profile()` where there is no earlier count to measure from."""

OLDEST_BASELINE_S = 10.0


class LiveGraph:
    """A graph that runs somewhere, seen and edited from a notebook.

    Made by `ezmsg_nb.connect`, `ezmsg_nb.demo` and `ezmsg_nb.run`. Every method returns or
    raises within its deadline, whatever happens to the graph. Usable as a context manager,
    which stops the graph where it is of our host, and else detaches.
    """

    def __init__(
        self,
        follower: GraphFollower,
        loop: BackgroundLoop,
        host: GraphHost | None = None,
        definition: GraphDefinition | None = None,
        *,
        use_classes: bool = False,
    ) -> None:
        self._follower = follower
        self._loop = loop
        self._host = host
        self._definition = definition
        self._closed = False
        self.is_lost = False
        self.is_paused = False
        self._end_reason = ""
        self._exits: list[ProcessExit] = []
        self._baseline: Counts | None = None
        self._loads: Mapping[str, LoadSample] = {}
        self._lock = threading.Lock()
        context = follower.context
        self._settings = GraphSettings(
            follower.settings,
            self._make_editor(),
            self._unit_info,
            self._run_within,
            use_classes="imported" if host is not None else "import" if use_classes else None,
            graph_name=str(context.address),
            context=context if host is None else None,
        )
        self._views = GraphViews(self, follower, loop)
        self._taps = GraphTaps(self, self._definitions)
        self._traces = GraphTraces(follower, loop, self._run_within, self._taps.pids)
        follower.status_listeners.append(self._taps.show_status)
        self._settings.make_form = self._views.form
        self._settings.run_sweep = functools.partial(sweep, self)
        if host is not None:
            self._listen_to(host)

    # -- what it is -------------------------------------------------------------------------

    @property
    def aio(self) -> KernelGraphContext:
        """The asyncio client behind this; its methods may be awaited from any loop."""
        return self._follower.context

    @property
    def address(self) -> str:
        """``"host:port"`` of the GraphServer."""
        return str(self.aio.address)

    @property
    def status(self) -> Status:
        """``"connected"``, ``"reconnecting"`` or ``"closed"``."""
        return "closed" if self._closed else self.aio.status

    @property
    def status_text(self) -> str:
        """What there is to say of the status, and what looking at the graph costs."""
        text = self.connection_text
        return text if self.status != "connected" else f"{text}. {self.observer_cost.text}"

    @property
    def observer_cost(self) -> ObserverCost:
        """What looking at this graph costs: our CPU, bytes, messages, slow-down by tracing."""
        return self._traces.meter.cost()

    @property
    def connection_text(self) -> str:
        """Where and which the server is, or the reason of a trouble."""
        if self._closed:
            return self._end_reason or "Closed here."
        if self.status == "reconnecting":
            seen = time.strftime("%H:%M:%S", time.localtime(self._follower.seen_at))
            return (
                f"The GraphServer at {self.address} does not answer; trying again. "
                f"What is shown is from {seen}."
            )
        return ". ".join((f"{self.address}, ezmsg {self.server_version}", *self.warnings))

    @property
    def server_version(self) -> str:
        """Version of ezmsg that the GraphServer runs."""
        return self.aio.server_version

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about this graph and the connection to it."""
        died = (
            f"The process of {', '.join(exit.units)} ended: {exit.reason}" for exit in self._exits
        )
        return (*self.aio.warnings, *self._follower.notes, *died)

    @property
    def settings(self) -> GraphSettings:
        """Settings of all units: ``graph.settings["LP"]["cutoff"] = 30.0``."""
        return self._settings

    # -- reading ------------------------------------------------------------------------------

    def snapshot(self) -> GraphSnapshot:
        """ezmsg's own ``GraphSnapshot``, read now."""
        return self._run(self.aio.snapshot())

    def units(self) -> pd.DataFrame:
        """One row a unit; see `ezmsg_nb.frames.units_frame` for the columns."""
        self._refresh()
        return units_frame(self._follower.topology)

    def edges(self) -> pd.DataFrame:
        """One row a connection; see `ezmsg_nb.frames.edges_frame` for the columns."""
        self._refresh()
        return edges_frame(self._follower.topology)

    def processes(self) -> pd.DataFrame:
        """One row a process, each pinged once; see `ezmsg_nb.frames.processes_frame`."""
        self._refresh()
        topology = self._follower.topology
        return processes_frame(topology, self._run(self._ping_all()))

    def profile(self, seconds: float | None = None) -> pd.DataFrame:
        """Message totals and rates of all endpoints.

        Parameters
        ----------
        seconds
            Length of the window that rates are measured in; the call takes as long. Without
            it the window reaches back to the last profile of this graph, where that is less
            than ten seconds old, and is one second else.

        Returns
        -------
        pandas.DataFrame
            See `ezmsg_nb.frames.profile_frame`.
        """
        if seconds is not None and not seconds > 0:
            raise ValueError(f"seconds must be positive, not {seconds!r}")
        window_s = seconds if seconds is not None else DEFAULT_PROFILE_S
        return self._run_within(self._profile(seconds), window_s + CALL_TIMEOUT_S)

    def profile_view(self, **options: Any) -> ProfileView:
        """All endpoints as a live table (`ProfileView`): rates, backpressure, processes."""
        return self._views.profile(**options)

    def trace(
        self,
        topics: Sequence[str] | str | None = None,
        metrics: Sequence[str] | str | None = None,
        sample_mod: int = 1,
        max_samples: int = DEFAULT_MAX_SAMPLES,
    ) -> Trace:
        """Trace messages during a block: ``with graph.trace() as t: ...``.

        Parameters
        ----------
        topics
            Topics, units or collections; all where None. Latency needs both ends.
        metrics
            Some of ``"publish_delta_ns"``, ``"backpressure_wait_ns"``, ``"lease_time_ns"``,
            ``"user_span_ns"``; all where None.
        sample_mod
            Trace every n-th message. Latency and losses need 1.
        max_samples
            Samples to keep, 28 bytes each; of more the newest.

        Raises
        ------
        ValueError
            A name that is not in this graph, or an argument out of range.
        """
        self._refresh()
        return self._traces.trace(topics, metrics, sample_mod, max_samples)

    def edge_figures(self, seconds: float = 1.0) -> pd.DataFrame:
        """Rate and backpressure of each edge now, and its latency in the last trace.

        Parameters
        ----------
        seconds
            How long to count; the call takes as long.

        Returns
        -------
        pandas.DataFrame
            See `ezmsg_nb.cost_frames.edge_figures_frame`.
        """
        return self._traces.edge_figures(seconds)

    def bottlenecks(self, seconds: float = 2.0) -> pd.DataFrame:
        """What limits the graph, ranked, each with its evidence in words.

        Parameters
        ----------
        seconds
            How long to look; everything is traced meanwhile.

        Returns
        -------
        pandas.DataFrame
            See `ezmsg_nb.trace_frames.bottlenecks_frame`.
        """
        return self._traces.bottlenecks(seconds)

    @overload
    def logs(self, unit: str | None = None, follow: Literal[False] = False) -> pd.DataFrame: ...

    @overload
    def logs(self, unit: str | None = None, *, follow: Literal[True]) -> LogView: ...

    def logs(self, unit: str | None = None, follow: bool = False) -> pd.DataFrame | LogView:
        """What units printed and logged, of a graph that was started from here.

        Parameters
        ----------
        unit
            Only lines of this unit.
        follow
            Give a view that goes on showing the newest lines.

        Raises
        ------
        GraphError
            The graph was started elsewhere: its output goes where it was started.
        """
        if self._host is None:
            raise GraphError(
                f"The graph at {self.address} was not started from this kernel, so its output is "
                f"in the terminal, or the log, that it was started with.",
                address=self.address,
            )
        if follow:
            return self._views.logs(unit, self.log_records)
        frame = logs_frame(self.log_records(unit))
        if self._host.logs_dropped:
            frame.attrs["dropped"] = self._host.logs_dropped
        return frame

    def log_records(self, unit: str | None) -> list[LogRecord]:
        """The same as records, oldest first; none where the graph was started elsewhere."""
        return self._host.logs(unit) if self._host is not None else []

    @property
    def unit_names(self) -> list[str]:
        """Addresses of the units, as they are known now."""
        return sorted(self._follower.topology.units)

    @property
    def topic_names(self) -> list[str]:
        """All topics that something is connected to, or a unit has, as they are known now."""
        topology = self._follower.topology
        ports = (port for unit in topology.units.values() for port in unit.ports)
        ends = (topic for edge in topology.edges for topic in (edge.from_topic, edge.to_topic))
        return sorted({*(port.topic for port in ports), *ends, *topology.topics})

    def topology_events(self) -> pd.DataFrame:
        """What changed in the graph since this was attached to it.

        Returns
        -------
        pandas.DataFrame
            ``time`` (when it was seen here), ``change`` ("unit added", "unit moved",
            "connected", ...), ``subject``, ``detail``; oldest first.
        """
        return topology_changes_frame(self._follower.history.changes())

    def topology_diff(self, t0: Any = None, t1: Any = None) -> pd.DataFrame:
        """What differs between the graph at two times.

        Parameters
        ----------
        t0, t1
            Anything that ``pandas.Timestamp`` takes, UTC where no zone is given; by default
            the beginning of this session, and now.

        Returns
        -------
        pandas.DataFrame
            As `topology_events`, with ``time`` that of the later one. It shows itself with a
            picture of the changes, in colours, above the table.
        """
        history = self._follower.history
        start, end = _unix_s(t0, 0.0), _unix_s(t1, time.time())
        before, after = history.at(start), history.at(end)
        changes = topology_changes(before, after)
        frame = DifferenceFrame(topology_changes_frame((end, change) for change in changes))
        frame.difference = difference(before, after)
        return frame

    # -- views --------------------------------------------------------------------------------

    def topology(self, **options: Any) -> Any:
        """The graph as a live, interactive picture (`TopologyWidget`).

        Parameters
        ----------
        settings
            True puts the settings form of the selected unit beside it
            (`TopologyWithSettings`: ``.topology``, ``.form``, ``.selected``).
        **options
            Those of `TopologyWidget`, such as ``height`` in px.
        """
        return self._views.topology(**options)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self._views.display(**kwargs)

    def __repr__(self) -> str:
        units = len(self._follower.topology.units)
        return f"<LiveGraph at {self.address}: {self.status}, {units} units>"

    # -- doing --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause every publisher of the graph."""
        self._run(self.aio.pause())
        self.is_paused = True
        self._views.show_unit_states()

    def resume(self) -> None:
        """Resume every publisher of the graph."""
        self._run(self.aio.resume())
        self.is_paused = False
        self._views.show_unit_states()

    def close(self) -> None:
        """Detach: widgets keep their last state, the graph runs on. Idempotent.

        A graph of our host goes on as well, until `stop` or the end of this kernel.
        """
        self._close("Closed here; the graph was left as it is.")

    def stop(self) -> None:
        """Stop a graph that was started from here, and detach. Idempotent.

        Raises
        ------
        GraphError
            The graph was started elsewhere; use `close`.
        """
        if self._host is None:
            raise GraphError(
                f"The graph at {self.address} was not started from this kernel, so it is not "
                f"stopped from here. close() detaches from it.",
                address=self.address,
            )
        self._close("Stopped.")
        self._host.stop()

    def restart(self, *, timeout: float = 30.0, **changed_units: Component) -> None:
        """Stop the graph and start it again at the same address.

        Settings that were edited meanwhile are set again where they fit. Open widgets go on
        with the new graph. A graph that was stopped, or died, is started again.

        Parameters
        ----------
        timeout
            Seconds that the start may take.
        **changed_units
            Components to put in the place of those with these names. A class that was defined
            anew in a cell is used where a unit of it is given here.

        Raises
        ------
        GraphError
            The graph was started elsewhere.
        HostStartError
            A unit can't be used; the old graph runs on. Or the new graph did not start; then
            nothing runs, and `restart` may be called again.
        """
        if self._host is None:
            raise GraphError(
                f"The graph at {self.address} was not started from this kernel, so it is not "
                f"restarted from here.",
                address=self.address,
            )
        definition = self._definition
        if changed_units and definition is None:
            raise HostStartError(
                f"{', '.join(changed_units)}: this graph was not made from units of this kernel, "
                f"so none can be replaced. Start one with run(...)."
            )
        if definition is not None:
            definition = definition.with_components(changed_units)
        self._start_again(self._host, definition, timeout)

    def tap(self, topic: str, *, trust: bool | None = None) -> GraphTap:
        """Receive the messages of a topic, without ever holding the pipeline back.

        Parameters
        ----------
        topic
            Such as ``"LP/OUTPUT_SIGNAL"``; `edges` has those that are connected.
        trust
            Whether messages may be of any class, whose code then runs in this kernel: by
            default only in a graph that was started from here. Elsewhere they are plain
            values, arrays, ezmsg's own messages, and classes of this notebook.

        Returns
        -------
        GraphTap
            With ``latest()``, ``collect(...)``, ``async for``, and ``close()``.

        Raises
        ------
        GraphError
            There is no such topic, or it could not be subscribed to.
        """
        self._refresh()
        return self._taps.tap(topic, trust=trust)

    def scope(
        self,
        topic: str,
        *,
        window_s: float = 4.0,
        channels: Sequence[str | int] | None = None,
        height: int = 380,
    ) -> Scope:
        """The messages of a topic as a live picture, without holding the pipeline back.

        Arrays over time are traces that are swept; of other messages the newest is shown,
        part by part.

        Parameters
        ----------
        topic
            Such as ``"LP/OUTPUT_SIGNAL"``.
        window_s
            Duration of a sweep, in s.
        channels
            Names or places of the channels to show; the first 256 by default.
        height
            Height of the widget, in px.

        Raises
        ------
        GraphError
            There is no such topic, or it could not be subscribed to.
        """
        self._refresh()
        return self._taps.scope(topic, window_s=window_s, channels=channels, height=height)

    @property
    def can_restart(self) -> bool:
        """Whether it was started from here."""
        return self._host is not None

    def restart_as(self, definition: GraphDefinition, *, timeout: float = 30.0) -> None:
        """Start another graph in the place of this one; as `restart`."""
        assert self._host is not None
        self._start_again(self._host, definition, timeout)

    def connect(self, from_topic: str, to_topic: str) -> None:
        """Connect two topics while the graph runs.

        The connection is this kernel's: it ends with `disconnect`, `close`, and the kernel.

        Raises
        ------
        CyclicConnectionError
            It would close a cycle, which the message names.
        """
        self._run(self.aio.connect(from_topic, to_topic))
        self._refresh()

    def disconnect(self, from_topic: str, to_topic: str) -> None:
        """Take back a connection that `connect` made.

        Raises
        ------
        GraphError
            There is none, or it is the pipeline's own, which only its process can take back.
        """
        self._refresh()
        edge = self._edge(from_topic, to_topic)
        if edge is None:
            raise GraphError(
                f"{from_topic} is not connected to {to_topic}; edges() has what is.",
                address=self.address,
            )
        if str(self.aio.session_id) not in edge.owners:
            raise GraphError(
                f"{from_topic} -> {to_topic} was not connected from this kernel, but by "
                f"{', '.join(edge.owners)}: only its owner can take it back.",
                address=self.address,
            )
        self._run(self.aio.disconnect(from_topic, to_topic))
        self._refresh()

    def __enter__(self) -> LiveGraph:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._host is not None:
            self.stop()
        else:
            self.close()
        return False

    # -- inside -------------------------------------------------------------------------------

    def running_traces(self) -> tuple[TraceRecording, ...]:
        """Traces of this graph that run now."""
        return self._traces.hub.recordings

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._run_within(coroutine, CALL_TIMEOUT_S)

    def _run_within(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        try:
            self._raise_if_ended()
        except ClosedError:
            coroutine.close()
            raise
        try:
            return self._loop.run(coroutine, timeout=timeout)
        except GraphError:
            # Why it ended says more than how the request failed.
            self._raise_if_ended()
            raise

    def _raise_if_ended(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.address}: {self.connection_text}", address=self.address)

    def _refresh(self) -> None:
        self._run(self._follower.refresh())

    def _unit_info(self, unit: str) -> UnitInfo | None:
        return self._follower.topology.units.get(unit)

    async def _ping_all(self) -> Mapping[str, float | GraphError]:
        async def ping(unit: str) -> float | GraphError:
            asked = time.perf_counter()
            try:
                await self.aio.process_ping(unit, timeout=PING_TIMEOUT_S)
            except GraphError as error:
                return error
            return time.perf_counter() - asked

        processes = [p for p in self._follower.topology.processes.values() if p.units]
        trips = await asyncio.gather(*(ping(process.units[0]) for process in processes))
        return {process.process_id: trip for process, trip in zip(processes, trips, strict=True)}

    async def _profile(self, seconds: float | None) -> pd.DataFrame:
        before = self._baseline if seconds is None else None
        if before is not None and before.age_s > OLDEST_BASELINE_S:
            before = None
        if before is None:
            self._loads = sample_loads(self._follower.topology.processes.values())
            before = await count_messages(self.aio, await self.aio.snapshot())
            await asyncio.sleep(DEFAULT_PROFILE_S if seconds is None else seconds)
        await self._follower.refresh()
        after = self._baseline = await count_messages(self.aio, await self.aio.snapshot())
        topology = self._follower.topology
        loads_before, self._loads = self._loads, sample_loads(topology.processes.values())
        loads = loads_between(loads_before, self._loads)
        return profile_frame(topology, rates_between(before, after), after.failures, loads)

    async def _update_setting(self, unit: str, path: str, value: object, timeout: float) -> Any:
        return await self.aio.update_setting(unit, path, value, timeout=timeout)

    def _edge(self, from_topic: str, to_topic: str) -> Edge | None:
        for edge in self._follower.topology.edges:
            if (edge.from_topic, edge.to_topic) == (from_topic, to_topic):
                return edge
        return None

    def _start_again(
        self, old_host: GraphHost, definition: GraphDefinition | None, timeout: float
    ) -> None:
        plan = RestartPlan.of(old_host, definition, self._settings)
        self._close("Stopped, to be started again.")
        old_host.stop()
        try:
            host, follower = plan.start(self._loop, timeout)
        except BaseException:
            self._end_reason = "Stopped for a restart, which failed."
            self._views.show_status()
            raise
        self._definition = plan.definition
        self._go_on_with(follower, host)
        self._run(plan.edited.wait_for_initial(follower.settings))
        plan.keep_edits(self._settings)

    def _make_editor(self) -> SettingsEditor:
        return SettingsEditor(
            self._follower.settings,
            self._update_setting,
            hosted=self._host is not None,
            address=self.address,
        )

    def _listen_to(self, host: GraphHost) -> None:
        host.on_exit(functools.partial(self._take_host_exit, host))
        host.on_unit_exit(functools.partial(self._take_unit_exit, host))
        host.on_records(self._views.show_logs)

    def _go_on_with(self, follower: GraphFollower, host: GraphHost) -> None:
        """Take up a graph that was started in the place of the one before."""
        with self._lock:
            self._follower, self._host = follower, host
            self._closed = self.is_lost = self.is_paused = False
            self._end_reason = ""
            self._exits.clear()
            self._baseline = None
        self._settings.follow(follower.settings, self._make_editor())
        self._views.follow(follower)
        self._traces = GraphTraces(follower, self._loop, self._run_within, self._taps.pids)
        self._listen_to(host)
        self._views.show_all()
        follower.status_listeners.append(self._taps.show_status)
        self._taps.go_on()

    def _definitions(self) -> bytes:
        """What the cells of this kernel defined for the graph, as its host was given it."""
        graph = self._host.spec.graph if self._host is not None else None
        return graph.definitions if graph is not None else b""

    def _take_host_exit(self, host: GraphHost, reason: str) -> None:
        if host is self._host:
            self._close(f"The graph's host process ended: {reason.rstrip('.')}.", lost=True)

    def _take_unit_exit(self, host: GraphHost, exit: ProcessExit) -> None:
        if host is self._host:
            self._exits.append(exit)
            self._views.show_unit_exit(exit)
            self._views.show_status()

    def _close(self, reason: str, *, lost: bool = False) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.is_lost = lost
            self._end_reason = reason
        self._views.show_status()
        self._taps.show_status()
        self._taps.end()
        with contextlib.suppress(GraphError, RuntimeError):
            self._loop.run(self._detach(), timeout=3.0)

    async def _detach(self) -> None:
        await self._traces.hub.close()
        await self._follower.stop()
        await self.aio.close()


def _unix_s(moment: Any, default: float) -> float:
    if moment is None:
        return default
    stamp = pd.Timestamp(moment)
    return (stamp if stamp.tzinfo else stamp.tz_localize("UTC")).timestamp()


def attach(
    address: AddressLike = None,
    timeout: float = 5.0,
    host: GraphHost | None = None,
    definition: GraphDefinition | None = None,
    *,
    use_classes: bool = False,
) -> LiveGraph:
    """Open a `LiveGraph` on the background loop; see `ezmsg_nb.connect`."""
    loop = background_loop()
    follower = open_follower(loop, address, timeout)
    return LiveGraph(follower, loop, host, definition, use_classes=use_classes)
