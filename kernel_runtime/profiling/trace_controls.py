"""Trace controls of processes, shared by all traces of this kernel.

A process has one trace control, the last writer's, and can't be asked for it. So whoever traces
here wants something of a process, and it gets the union, whichever connection sends it.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ezmsg.core.graphmeta import (
    ProcessControlOperation,
    ProfilingTraceControl,
)

from ..context import KernelGraphContext
from ..errors import GraphError, UnsupportedOperationError
from ..model import Topology
from .trace_scope import TraceScope, control_for, merged
from .trace_stream import STREAM_MAX_SAMPLES

REQUEST_S = 1.0

FOREIGN_FOR_S = 5.0
"""So long after its last sample, what another observer traces is kept on with ours."""


class Tracer(Protocol):
    """One who traces: a `TraceHub`."""

    def scopes_of(self, process_id: str) -> Iterable[TraceScope]:
        """What its running traces want of a process; nothing where it does not know it."""

    def take_batch(self, payload: bytes) -> None:
        """Take samples that a process handed over itself."""

    def note_interruption(self, process_id: str, began_ns: int, ended_ns: int) -> None:
        """Know that a process lost samples, on this process' clock, as its control was set."""


@dataclass
class Traced:
    """A process that has a trace control of ours.

    Attributes
    ----------
    last_sample_at
        By endpoint and metric, on the monotonic clock.
    totals_then
        Messages by endpoint when it was last looked at for having fallen silent.
    coarser
        Messages from one sample to the next, where that is more than was asked for.
    foreign
        Topics and metrics that another observer traces, and when they were last seen.
    """

    unit: str
    control: ProfilingTraceControl
    set_at: float = field(default_factory=time.monotonic)
    set_ns: int = field(default_factory=time.perf_counter_ns)
    last_sample_at: dict[tuple[str, str], float] = field(default_factory=dict)
    looked_at: float = field(default_factory=time.monotonic)
    totals_then: dict[str, int] = field(default_factory=dict)
    coarser: int | None = None
    foreign: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def told(self) -> TraceScope:
        """What the process was told to trace."""
        topics, metrics = self.control.publisher_topics, self.control.metrics
        return TraceScope(
            None if topics is None else frozenset(topics),
            None if metrics is None else frozenset(metrics),
            self.control.sample_mod,
        )


class TraceControls:
    """What all traces on one event loop want of each process, and what it was told.

    Parameters
    ----------
    loop
        Theirs. A process that is traced from another loop of this kernel is left alone: each
        would take the other's control away.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.tracers: list[Tracer] = []
        self.traced: dict[str, Traced] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._loop = weakref.ref(loop)

    def scope_of(self, process_id: str) -> TraceScope | None:
        """What is wanted of a process, by all together."""
        return merged(scope for tracer in self.tracers for scope in tracer.scopes_of(process_id))

    async def reconcile(
        self,
        context: KernelGraphContext,
        topology: Topology,
        process_id: str,
        ttl_s: float,
        *,
        again: bool = False,
    ) -> GraphError | None:
        """Set the control of a process to what is wanted now, if that is not what it has.

        Parameters
        ----------
        context
            Whose connection is used.
        topology
            Where the process is known.
        process_id
            Which process.
        ttl_s
            After how many seconds it stops tracing by itself.
        again
            Set it also where it should have it already.

        Returns
        -------
        GraphError or None
            Why it could not be set.
        """
        async with self._turns.setdefault(process_id, asyncio.Lock()):
            process = topology.processes.get(process_id)
            if process is None or not process.units:
                self.traced.pop(process_id, None)
                self._release(process_id)
                return None
            traced = self.traced.get(process_id)
            scope = self.scope_of(process_id)
            control = None
            if scope is not None:
                if traced is not None and again:
                    scope = _with_foreign(scope, traced)
                control = control_for(scope, process_id, topology, ttl_s)
            if control is None and traced is None:
                return None
            if traced and control and not again and _same(traced.control, control):
                return None
            if control is not None and not self._claim(process_id):
                return UnsupportedOperationError(
                    "It is traced from another event loop of this Python process already, and a "
                    "process has one trace control. End that trace first, or make both traces by "
                    "`ezmsg_nb.connect`, which runs all on one loop.",
                    unit=process.units[0],
                    process_id=process_id,
                )
            wanted = control or ProfilingTraceControl(enabled=False)
            try:
                return await self._set(context, process_id, process.units[0], wanted)
            finally:
                if process_id not in self.traced:
                    self._release(process_id)

    def _claim(self, process_id: str) -> bool:
        """Whether this loop may trace a process, from now until it is released."""
        with _claims_lock:
            holder = _claims.get(process_id)
            if holder is not None and holder is not self and holder.is_alive:
                return False
            _claims[process_id] = self
            return True

    def _release(self, process_id: str) -> None:
        with _claims_lock:
            if _claims.get(process_id) is self:
                del _claims[process_id]

    @property
    def is_alive(self) -> bool:
        """Whether anybody may still renew the controls that were set here."""
        loop = self._loop()
        return loop is not None and not loop.is_closed()

    async def renew(
        self, context: KernelGraphContext, topology: Topology, process_id: str, ttl_s: float
    ) -> None:
        """Set the control again before it expires, unless somebody has meanwhile."""
        traced = self.traced.get(process_id)
        if traced is not None and time.monotonic() - traced.set_at > 0.7 * ttl_s:
            await self.reconcile(context, topology, process_id, ttl_s, again=True)

    async def _set(
        self,
        context: KernelGraphContext,
        process_id: str,
        unit: str,
        control: ProfilingTraceControl,
    ) -> GraphError | None:
        """Set one control, with what was not yet handed over saved before: a set clears it."""
        before = self.traced.get(process_id)
        began = time.perf_counter_ns()
        try:
            if before is not None:
                await self._save(context, unit)
            began = time.perf_counter_ns()
            response = await context.process_set_profiling_trace(unit, control, timeout=REQUEST_S)
            if not response.ok:
                raise GraphError(f"It refused the trace control: {response.error}.", unit=unit)
        except GraphError as error:
            if not control.enabled:
                self.traced.pop(process_id, None)
            return error
        self.traced.pop(process_id, None)
        if control.enabled:
            self.traced[process_id] = Traced(unit, control)
            if before is not None:
                self.traced[process_id].foreign = before.foreign
                for tracer in self.tracers:
                    tracer.note_interruption(process_id, began, time.perf_counter_ns())
        return None

    async def _save(self, context: KernelGraphContext, unit: str) -> None:
        """Take what a process has not handed to the server yet, from itself."""
        response = await context.process_request(
            unit,
            ProcessControlOperation.GET_PROFILING_TRACE_BATCH,
            payload_obj=STREAM_MAX_SAMPLES,
            timeout=REQUEST_S,
        )
        if response.ok and response.payload is not None:
            for tracer in self.tracers:
                tracer.take_batch(response.payload)


def _with_foreign(scope: TraceScope, traced: Traced) -> TraceScope:
    """Leave another observer what it was seen to trace; else both would take it away in turn."""
    since = time.monotonic() - FOREIGN_FOR_S
    seen = [key for key, at in traced.foreign.items() if at > since]
    if not seen:
        return scope
    return TraceScope(
        None if scope.topics is None else scope.topics | {topic for topic, _ in seen},
        None if scope.metrics is None else scope.metrics | {metric for _, metric in seen},
        scope.sample_mod,
    )


def _same(one: ProfilingTraceControl, other: ProfilingTraceControl) -> bool:
    """Whether two controls trace the same; how long each lasts is another matter."""
    return (one.sample_mod, one.publisher_topics, one.subscriber_topics, one.metrics) == (
        other.sample_mod,
        other.publisher_topics,
        other.subscriber_topics,
        other.metrics,
    )


_of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, TraceControls] = (
    weakref.WeakKeyDictionary()
)


_claims: weakref.WeakValueDictionary[str, TraceControls] = weakref.WeakValueDictionary()
_claims_lock = threading.Lock()


def shared_controls() -> TraceControls:
    """Those of the running loop: all graphs of a kernel are followed on one."""
    loop = asyncio.get_running_loop()
    return _of_loops.setdefault(loop, TraceControls(loop))
