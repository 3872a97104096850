"""Tracing: switched on where it is wanted, collected, and surely switched off again."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ezmsg.core.graphmeta import (
    ProcessControlOperation,
    ProfilingStreamControl,
    ProfilingTraceControl,
)
from ezmsg.core.netprotocol import Command

from ..context import KernelGraphContext
from ..errors import GraphError, UnsafePayloadError
from ..model import ProcessInfo, Topology
from ..streams import SupervisedStream
from ..topology import topology_of
from ..wire import Connection, payload_argument
from .clocks import ProcessClock, measure_clocks, wall_offset_ns
from .columns import StreamTable
from .rates import Counts, count_messages
from .recording import Interruption, TraceRecording
from .trace_decode import ProcessSamples, TraceDecoder
from .trace_scope import TraceScope, control_for, merged

TTL_S = 60.0
"""After this long without a renewal a process stops tracing by itself."""

STREAM_INTERVAL_S = 0.5
"""How often the server hands over samples. It keeps 200,000 a process and scans them all each
time, under its one lock: longer intervals cost less, and this one loses nothing up to 400,000
samples/s of a process, three times what was ever seen to arrive."""

STREAM_MAX_SAMPLES = 200_000
"""Samples of a process that one message may bring: all that the server keeps."""

WATCH_EVERY_S = 0.5
SILENT_AFTER_S = 2.0
"""A process that traced and now sends nothing for so long is asked what it does."""

TAIL_DEADLINE_S = 3.0
TAIL_QUIET_S = 0.2
REQUEST_S = 1.0


class TraceStream(SupervisedStream[None]):
    """The trace subscription; its samples go to a callback as soon as they come."""

    def __init__(
        self,
        context: KernelGraphContext,
        decoder: TraceDecoder,
        interval_s: float,
        take: Callable[[ProcessSamples], None],
        gap: Callable[[], None],
    ) -> None:
        super().__init__(context, 1)
        self._decoder = decoder
        self._deliver = take
        self._gap = gap
        control = ProfilingStreamControl(interval=interval_s, max_samples=STREAM_MAX_SAMPLES)
        self._setup = payload_argument(pickle.dumps(control))
        self.bytes_received = 0
        self.messages = 0
        self.last_message_at = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="trace-stream")

    async def _drain(self, connection: Connection, *, resume: bool) -> None:
        await connection.open_client(Command.SESSION_PROFILING_SUBSCRIBE, self._setup)
        if resume:
            self._gap()
        self.is_live = True
        while True:
            frame = await connection.read_frame()
            self.bytes_received += len(frame)
            try:
                arrived = self._decoder.decode(frame)
            except UnsafePayloadError:
                self.undecodable += 1
                continue
            self.messages += 1
            self.last_message_at = time.monotonic()
            for samples in arrived:
                self._deliver(samples)


@dataclass
class _Traced:
    """A process that has a trace control of ours."""

    unit: str
    control: ProfilingTraceControl
    set_at: float
    last_sample_at: float = field(default_factory=time.monotonic)
    messages_then: int | None = None


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
        self._recordings: list[TraceRecording] = []
        self._traced: dict[str, _Traced] = {}
        self._changed_ns: dict[str, int] = {}
        self._topology = Topology()
        self._watch: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

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
            snapshot = await self._context.snapshot()
            self._topology = topology_of(snapshot)
            clocks, unreachable = await measure_clocks(self._context, self._processes())
            recording = TraceRecording(scope, max_samples, self._streams, self._topology, clocks)
            for process_id, error in unreachable.items():
                recording.note(f"Process {self._named(process_id)} is not traced: {error.message}")
            self._recordings.append(recording)
            try:
                await self._begin(recording)
            except BaseException:
                self._recordings.remove(recording)
                await self._apply_scope()
                await self._end_if_idle()
                raise
            return recording

    async def _begin(self, recording: TraceRecording) -> None:
        if self._stream is None:
            self._stream = TraceStream(
                self._context,
                self._decoder,
                self._interval_s,
                self._take,
                self._note_gap,
            )
            self._stream.start()
            self._watch = asyncio.create_task(self._keep_alive(), name="trace-watch")
        failures = await self._apply_scope()
        for process_id, error in failures.items():
            recording.note(f"Process {self._named(process_id)} is not traced: {error.message}")
        wanted = [
            process_id
            for process_id in (process.process_id for process in self._processes())
            if control_for(recording.scope, process_id, self._topology, self._ttl_s) is not None
        ]
        if wanted and all(process_id in failures for process_id in wanted):
            raise next(iter(failures.values()))
        # Not before all of them trace: else messages would be received whose publish is not.
        recording.begin()
        recording.counts_before = await self._counts()

    async def stop(self, recording: TraceRecording) -> None:
        """End a trace: off where no other trace wants it, and the last samples in. Idempotent."""
        async with self._turn:
            if recording not in self._recordings:
                return
            try:
                with contextlib.suppress(GraphError):
                    recording.counts_after = await self._counts()
            finally:
                recording.end()
                for process_id, error in (await self._apply_scope()).items():
                    recording.note(
                        f"Tracing could not be switched off in process "
                        f"{self._named(process_id)}; it ends there by itself within "
                        f"{self._ttl_s:g} s. {error.message}"
                    )
                try:
                    await self._wait_for_tail()
                finally:
                    self._recordings.remove(recording)
                    await self._end_if_idle()

    async def close(self) -> None:
        """End all traces at once, keeping what has come so far."""
        async with self._turn:
            for recording in self._recordings:
                recording.end()
            self._recordings.clear()
            with contextlib.suppress(GraphError):
                await self._apply_scope()
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

    # -- trace controls -------------------------------------------------------------------

    def _processes(self) -> list[ProcessInfo]:
        return [process for process in self._topology.processes.values() if process.units]

    def _named(self, process_id: str) -> str:
        process = self._topology.processes.get(process_id)
        if process is None:
            return process_id
        return f"{process.pid} ({', '.join(process.units)})"

    async def _apply_scope(self) -> dict[str, GraphError]:
        """Set each process' control to what all traces together want; only where it differs."""
        scope = merged(recording.scope for recording in self._recordings if recording.running)
        changes: list[tuple[str, str, ProfilingTraceControl]] = []
        for process in self._processes():
            control = None
            if scope is not None:
                control = control_for(scope, process.process_id, self._topology, self._ttl_s)
            traced = self._traced.get(process.process_id)
            if control is None and traced is not None:
                off = ProfilingTraceControl(enabled=False)
                changes.append((process.process_id, process.units[0], off))
            elif control is not None and (traced is None or traced.control != control):
                changes.append((process.process_id, process.units[0], control))
        answers = await asyncio.gather(*(self._set(*change) for change in changes))
        return {
            change[0]: answer
            for change, answer in zip(changes, answers, strict=True)
            if answer is not None
        }

    async def _set(
        self, process_id: str, unit: str, control: ProfilingTraceControl
    ) -> GraphError | None:
        """Set one control, with what was not yet handed over saved before: a set clears it."""
        began = time.perf_counter_ns()
        try:
            if process_id in self._traced:
                await self._drain(process_id)
            began = time.perf_counter_ns()
            response = await self._context.process_set_profiling_trace(
                unit, control, timeout=REQUEST_S
            )
            if not response.ok:
                raise GraphError(f"It refused the trace control: {response.error}.", unit=unit)
        except GraphError as error:
            if not control.enabled:
                self._traced.pop(process_id, None)
            return error
        self._changed_ns[process_id] = time.perf_counter_ns()
        before = self._traced.pop(process_id, None)
        if control.enabled:
            self._traced[process_id] = _Traced(unit, control, time.monotonic())
            if before is not None:
                self._note_interruption(process_id, began)
        return None

    def _note_interruption(self, process_id: str, began_ns: int) -> None:
        ended_ns = time.perf_counter_ns()
        for recording in self._recordings:
            clock = recording.clocks.get(process_id)
            if clock is not None:
                ahead = _ahead_ns(clock)
                recording.interruptions.append(
                    Interruption(process_id, began_ns - ahead, ended_ns - ahead)
                )

    async def _keep_alive(self) -> None:
        """Renew controls before they expire, and look after processes that fell silent."""
        while True:
            await asyncio.sleep(min(WATCH_EVERY_S, self._ttl_s / 8))
            async with self._turn:
                now = time.monotonic()
                due = [
                    (process_id, traced.unit, traced.control)
                    for process_id, traced in self._traced.items()
                    if now - traced.set_at > 0.7 * self._ttl_s
                ]
                await asyncio.gather(*(self._set(*each) for each in due))
                silent = [
                    process_id
                    for process_id, traced in self._traced.items()
                    if now - traced.last_sample_at > SILENT_AFTER_S
                ]
                if silent:
                    with contextlib.suppress(GraphError):
                        await self._ask_silent(silent)

    async def _ask_silent(self, silent: list[str]) -> None:
        """Tell a process in which nothing happens from one that no longer traces for us."""
        counts = await self._counts()
        for process_id in silent:
            traced = self._traced.get(process_id)
            if traced is None or process_id not in counts.at_ns:
                continue
            scope = TraceScope(
                topics=frozenset(traced.control.publisher_topics)
                if traced.control.publisher_topics is not None
                else None
            )
            messages = sum(
                endpoint.messages_total
                for endpoint in counts.endpoints.values()
                if endpoint.process_id == process_id and scope.wants(endpoint.topic, "")
            )
            before, traced.messages_then = traced.messages_then, messages
            traced.last_sample_at = time.monotonic()
            metrics = traced.control.metrics
            if before is None or messages - before <= traced.control.sample_mod:
                continue
            if metrics is not None and not {"publish_delta_ns", "lease_time_ns"} & set(metrics):
                continue
            for recording in self._recordings:
                recording.note(
                    f"Process {self._named(process_id)} had stopped to trace although "
                    f"messages flow: another observer has set its trace control. It was "
                    f"switched on again at {time.strftime('%H:%M:%S')}."
                )
            await self._set(process_id, traced.unit, traced.control)

    # -- samples --------------------------------------------------------------------------

    def _take(self, arrived: ProcessSamples, *, at_once: bool = False) -> None:
        traced = self._traced.get(arrived.process_id)
        if traced is not None:
            traced.last_sample_at = time.monotonic()
            traced.messages_then = None
        scope = merged(recording.scope for recording in self._recordings)
        if scope is None:
            return
        self._look_for_foreign_samples(arrived, scope)
        for recording in self._recordings:
            recording.take(arrived, scope.sample_mod, at_once=at_once)

    def _look_for_foreign_samples(self, arrived: ProcessSamples, scope: TraceScope) -> None:
        """Samples that nobody here asked for tell that another observer set the control."""
        clock = self._recordings[-1].clocks.get(arrived.process_id)
        if clock is None or (scope.topics is None and scope.metrics is None):
            return
        # What came before the last change of the control may be older history, or our own.
        since_ns = self._changed_ns.get(arrived.process_id, self._recordings[-1].began_ns)
        newest = arrived.samples.code[arrived.samples.time_ns > since_ns - _ahead_ns(clock)][-64:]
        streams = (self._streams[code] for code in set(newest.tolist()))
        foreign = [stream for stream in streams if not scope.wants(stream.topic, stream.metric)]
        if not foreign:
            return
        for recording in self._recordings:
            recording.note(
                f"Process {self._named(arrived.process_id)} also traces "
                f"{foreign[0].topic} ({foreign[0].metric}), which no trace here asked for: "
                f"another observer has set its trace control."
            )

    def _note_gap(self) -> None:
        for recording in self._recordings:
            recording.note("The connection to the GraphServer was lost for a while.")

    async def _drain(self, process_id: str) -> None:
        """Take what a process has not handed to the server yet, from itself."""
        response = await self._context.process_request(
            self._traced[process_id].unit,
            ProcessControlOperation.GET_PROFILING_TRACE_BATCH,
            payload_obj=STREAM_MAX_SAMPLES,
            timeout=REQUEST_S,
        )
        if response.ok and response.payload is not None:
            for samples in self._decoder.decode(response.payload, from_server=False):
                self._take(samples, at_once=True)

    async def _counts(self) -> Counts:
        return await count_messages(self._context, await self._context.snapshot())

    async def _wait_for_tail(self) -> None:
        """Wait until the server has handed over what it had when this was called."""
        stream = self._stream
        if stream is None or not stream.is_live:
            return
        asked = time.monotonic()
        # The answers of the processes came after all that they had pushed, so the server's next
        # round brings it, in one message or in many: a round's time, and then silence.
        while stream.is_live:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            quiet_s = now - max(asked, stream.last_message_at)
            if now - asked > self._interval_s + TAIL_QUIET_S and quiet_s > TAIL_QUIET_S:
                return
            if now - asked > TAIL_DEADLINE_S:
                return


def _ahead_ns(clock: ProcessClock) -> int:
    """How much further our ``perf_counter_ns`` is than that of a process."""
    return 0 if clock.shared else clock.offset_ns - wall_offset_ns()


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
