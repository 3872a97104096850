"""`LiveGraph`: a running graph, for cells. Blocking, thread-safe, with a display of its own."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, overload

import pandas as pd
from ezmsg.core import Component

from kernel_runtime.address import AddressLike
from kernel_runtime.background import BackgroundLoop, background_loop
from kernel_runtime.errors import GraphError, HostStartError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.host import GraphHost, LogRecord, ProcessExit
from kernel_runtime.host.definition import GraphDefinition
from kernel_runtime.model import Edge
from kernel_runtime.profiling.observer_cost import ObserverCost
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.settings.edits import SettingsEditor

from .frames import logs_frame
from .graph_frames import GraphFrames
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
from .trace import DEFAULT_MAX_SAMPLES, Trace


class LiveGraph(GraphFrames):
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
        super().__init__(follower, loop)
        self._host = host
        self._definition = definition
        self.is_lost = False
        self.is_paused = False
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
    def status_text(self) -> str:
        """What there is to say of the status, and what looking at the graph costs."""
        text = self.connection_text
        return text if self.status != "connected" else f"{text}. {self.observer_cost.text}"

    @property
    def observer_cost(self) -> ObserverCost:
        """What looking at this graph costs: our CPU, bytes, messages, slow-down by tracing."""
        return self._traces.meter.cost()

    @property
    def settings(self) -> GraphSettings:
        """Settings of all units: ``graph.settings["LP"]["cutoff"] = 30.0``."""
        return self._settings

    # -- reading ------------------------------------------------------------------------------

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
