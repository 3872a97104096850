"""Tracing: switched on where it is wanted, collected, and surely switched off again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable

from ..context import KernelGraphContext
from ..errors import GraphError
from ..model import ProcessInfo, Topology
from ..topology import topology_of
from .clocks import measure_clocks
from .columns import StreamTable
from .other_observers import other_observers
from .rates import Counts, count_messages
from .recording import Interruption, TraceRecording
from .trace_controls import TraceControls, shared_controls
from .trace_decode import ProcessSamples, TraceDecoder
from .trace_scope import TraceScope, control_for
from .trace_stream import STREAM_INTERVAL_S, TraceStream
from .trace_watch import in_words, is_due, silenced, take_sight
from .tracing_cost import Moment, TracingCost, activity_between, tracing_cost

TTL_S = 60.0
"""After this long without a renewal a process stops tracing by itself."""

WATCH_EVERY_S = 0.5
LOOK_FOR_PROCESSES_EVERY_S = 1.0


class TraceHub:
    """All traces of one connection. Its coroutines run on the context's loop.

    Parameters
    ----------
    context
        An open context.
    ttl_s
        Seconds after which a process stops tracing when it is not renewed.
    interval_s
        Seconds between the server's messages.

    Attributes
    ----------
    last_cost
        What the last trace cost the pipeline, None where that was not measured.
    """

    def __init__(
        self,
        context: KernelGraphContext,
        *,
        ttl_s: float = TTL_S,
        interval_s: float = STREAM_INTERVAL_S,
    ) -> None:
        self._context = context
        self._ttl_s = ttl_s
        self._interval_s = interval_s
        self._streams = StreamTable()
        self._decoder = TraceDecoder(self._streams)
        self._stream: TraceStream | None = None
        self._controls: TraceControls | None = None
        self._recordings: list[TraceRecording] = []
        self._topology = Topology()
        self._watch: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._told: set[tuple[str, str, str]] = set()
        self.last_cost: TracingCost | None = None

    @property
    def recordings(self) -> tuple[TraceRecording, ...]:
        """Traces that run now."""
        return tuple(self._recordings)

    # -- beginning and end ----------------------------------------------------------------

    async def start(self, scope: TraceScope, max_samples: int) -> TraceRecording:
        """Begin a trace; when this returns, every process that was reached is tracing.

        Raises
        ------
        GraphError
            The graph can't be read, or none of the processes concerned could be reached.
        """
        async with self._turn:
            self._topology = topology_of(await self._context.snapshot())
            clocks, unreachable = await measure_clocks(self._context, self._processes())
            recording = TraceRecording(scope, max_samples, self._streams, self._topology, clocks)
            for process_id, error in unreachable.items():
                recording.note(f"Process {self._named(process_id)} is not traced: {error.message}")
            self._recordings.append(recording)
            self._told.clear()
            try:
                await self._begin(recording)
            except BaseException:
                self._recordings.remove(recording)
                await self._reconcile()
                await self._end_if_idle()
                raise
            return recording

    async def _begin(self, recording: TraceRecording) -> None:
        self._listen()
        failures = await self._reconcile()
        for process_id, error in failures.items():
            recording.note(f"Process {self._named(process_id)} is not traced: {error.message}")
        wanted = [
            process.process_id
            for process in self._processes()
            if control_for(recording.scope, process.process_id, self._topology, self._ttl_s)
            is not None
        ]
        if wanted and all(process_id in failures for process_id in wanted):
            raise next(iter(failures.values()))
        # Not before all of them trace: else messages would be received whose publish is not.
        recording.begin()
        recording.opening = await self._moment()
        recording.counts_before = recording.opening.counts

    def _listen(self) -> None:
        if self._stream is not None:
            return
        self._controls = shared_controls()
        self._controls.tracers.append(self)
        self._stream = TraceStream(
            self._context, self._decoder, self._interval_s, self._take, self._note_gap
        )
        self._stream.start()
        self._watch = asyncio.create_task(self._keep_alive(), name="trace-watch")

    async def stop(self, recording: TraceRecording) -> None:
        """End a trace: off where no other trace wants it, and the last samples in. Idempotent."""
        async with self._turn:
            if recording not in self._recordings:
                return
            closing = None
            try:
                with contextlib.suppress(GraphError):
                    closing = await self._moment()
                    recording.counts_after = closing.counts
            finally:
                recording.end()
                for process_id, error in (await self._reconcile()).items():
                    recording.note(
                        f"Tracing could not be switched off in process "
                        f"{self._named(process_id)}; it ends there by itself within "
                        f"{self._ttl_s:g} s. {error.message}"
                    )
                try:
                    await self._wait_for_tail(recording, closing)
                finally:
                    self._recordings.remove(recording)
                    await self._end_if_idle()

    async def _wait_for_tail(self, recording: TraceRecording, closing: Moment | None) -> None:
        """Take the last samples in; with nothing traced meanwhile, that is what to compare with."""
        if self._stream is None or not self._stream.is_live:
            return
        before = await self._untraced_moment()
        await self._stream.wait_for_tail()
        after = await self._untraced_moment() if before is not None else None
        if closing and recording.opening and before and after:
            recording.cost = tracing_cost(
                activity_between(recording.opening, closing), activity_between(before, after)
            )
            self.last_cost = recording.cost

    async def close(self) -> None:
        """End all traces at once, keeping what has come so far."""
        async with self._turn:
            for recording in self._recordings:
                recording.end()
            with contextlib.suppress(GraphError):
                await self._reconcile()
            self._recordings.clear()
            await self._end_if_idle()

    async def _end_if_idle(self) -> None:
        if self._recordings:
            return
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._stream is not None:
            await self._stream.aclose()
            self._stream = None
        if self._controls is not None:
            self._controls.tracers.remove(self)
            self._controls = None
        self._told.clear()

    # -- what is counted ------------------------------------------------------------------

    async def _counts(self) -> Counts:
        return await count_messages(self._context, self._topology)

    async def _moment(self) -> Moment:
        return Moment.now(await self._counts(), self._processes())

    async def _untraced_moment(self) -> Moment | None:
        """Totals of now, if nothing is traced from here."""
        if self._controls is None or any(
            process.process_id in self._controls.traced for process in self._processes()
        ):
            return None
        with contextlib.suppress(GraphError):
            return await self._moment()
        return None

    # -- trace controls -------------------------------------------------------------------

    def _processes(self) -> list[ProcessInfo]:
        return [process for process in self._topology.processes.values() if process.units]

    def _named(self, process_id: str) -> str:
        process = self._topology.processes.get(process_id)
        if process is None:
            return process_id
        return f"{process.pid} ({', '.join(process.units)})"

    async def _reconcile(self) -> dict[str, GraphError]:
        """Set each process' control to what all traces together want; only where it differs."""
        controls = self._controls
        if controls is None:
            return {}
        ids = [process.process_id for process in self._processes()]
        answers = await asyncio.gather(
            *(
                controls.reconcile(self._context, self._topology, process_id, self._ttl_s)
                for process_id in ids
            )
        )
        return {
            process_id: answer
            for process_id, answer in zip(ids, answers, strict=True)
            if answer is not None
        }

    def scopes_of(self, process_id: str) -> Iterable[TraceScope]:
        """What the running traces want of a process; nothing where it is not known here."""
        if process_id in self._topology.processes:
            for recording in self._recordings:
                if recording.running:
                    yield recording.scope

    def note_interruption(self, process_id: str, began_ns: int, ended_ns: int) -> None:
        """Know that a process lost samples as its control was set, between two of our times."""
        for recording in self._recordings:
            clock = recording.clocks.get(process_id)
            if clock is not None:
                ahead = clock.ahead_ns
                recording.interruptions.append(
                    Interruption(process_id, began_ns - ahead, ended_ns - ahead)
                )

    def take_batch(self, payload: bytes) -> None:
        """Take samples that a process handed over itself."""
        for samples in self._decoder.decode(payload, from_server=False):
            self._take(samples, at_once=True)

    # -- while it runs ----------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Renew controls, look after processes that fell silent, and for those that join."""
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(min(WATCH_EVERY_S, self._ttl_s / 8))
            async with self._turn:
                controls = self._controls
                if controls is None:
                    return
                ours = [each.process_id for each in self._processes()]
                await asyncio.gather(
                    *(
                        controls.renew(self._context, self._topology, process_id, self._ttl_s)
                        for process_id in ours
                    )
                )
                with contextlib.suppress(GraphError):
                    await self._look_after(controls, ours)
                    if time.monotonic() - looked_at > LOOK_FOR_PROCESSES_EVERY_S:
                        looked_at = time.monotonic()
                        await self._look_for_processes()

    async def _look_after(self, controls: TraceControls, ours: list[str]) -> None:
        """Tell a process in which nothing happens from one that no longer traces for us."""
        traced = {each: controls.traced[each] for each in ours if each in controls.traced}
        due = [process_id for process_id, each in traced.items() if is_due(each)]
        counts = await self._counts() if due else None
        for process_id, each in traced.items():
            scope = controls.scope_of(process_id)
            silent: list[str] = []
            if counts is not None and process_id in due and scope is not None:
                silent = silenced(each, process_id, scope, counts)
            if not silent and each.coarser is None:
                continue
            self._note_foreign(
                f"{self._named(process_id)} {in_words(silent, each.coarser)}: "
                f"another observer has set its trace control{self._others()}. It was set "
                f"again at {time.strftime('%H:%M:%S')}."
            )
            each.coarser = None
            await controls.reconcile(
                self._context, self._topology, process_id, self._ttl_s, again=True
            )

    def _others(self) -> str:
        pids = (process.pid for process in self._processes() if process.pid is not None)
        found = other_observers(self._context.address, pids)
        return f" (connected from this host: {', '.join(found)})" if found else ""

    def _note_foreign(self, text: str) -> None:
        for recording in self._recordings:
            recording.note(f"Process {text}")

    async def _look_for_processes(self) -> None:
        """Let processes that came into the graph be traced as well."""
        topology = topology_of(await self._context.snapshot())
        joined = [
            process
            for process in topology.processes.values()
            if process.units and process.process_id not in self._topology.processes
        ]
        left = set(self._topology.processes) - set(topology.processes)
        gone = [
            f"Process {self._named(each)} left the graph during the trace; what it had not handed "
            f"over is missing."
            for each in left
        ]
        self._topology = topology
        clocks, unreachable = await measure_clocks(self._context, joined) if joined else ({}, {})
        failures = (await self._reconcile() if joined else {}) | unreachable
        counts = await self._counts() if joined else None
        for recording in self._recordings:
            for words in gone:
                recording.note(words)
            if counts is not None:
                recording.join(topology, clocks, counts)
            for process in joined:
                failure = failures.get(process.process_id)
                recording.note(
                    f"Process {self._named(process.process_id)} joined at "
                    f"{time.strftime('%H:%M:%S')}"
                    + (f" and is not traced: {failure.message}" if failure else ".")
                )

    # -- samples --------------------------------------------------------------------------

    def _take(self, arrived: ProcessSamples, *, at_once: bool = False) -> None:
        controls = self._controls
        scope = controls.scope_of(arrived.process_id) if controls is not None else None
        traced = controls.traced.get(arrived.process_id) if controls is not None else None
        clock = self._recordings[-1].clocks.get(arrived.process_id) if self._recordings else None
        if traced is not None and clock is not None:
            foreign = take_sight(traced, self._streams, arrived, clock.ahead_ns)
            if foreign is not None and (arrived.process_id, *foreign) not in self._told:
                self._told.add((arrived.process_id, *foreign))
                self._note_foreign(
                    f"{self._named(arrived.process_id)} also traces {foreign[0]} "
                    f"({foreign[1]}), which no trace here asked for: another observer has set "
                    f"its trace control{self._others()}."
                )
        for recording in self._recordings:
            # Of traces that ended the last samples are still to come.
            mod = recording.scope.sample_mod if scope is None else scope.sample_mod
            recording.take(arrived, mod, at_once=at_once)

    def _note_gap(self) -> None:
        for recording in self._recordings:
            recording.note("The connection to the GraphServer was lost for a while.")


async def traced_for(
    hub: TraceHub, scope: TraceScope, seconds: float, max_samples: int
) -> TraceRecording:
    """Trace for a time, and return what came."""
    recording = await hub.start(scope, max_samples)
    try:
        await asyncio.sleep(seconds)
    finally:
        await hub.stop(recording)
    return recording
