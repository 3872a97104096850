"""`KernelGraphContext`: the control plane of one GraphServer, for asyncio callers.

Method names, arguments and result types are those of
``ezmsg.core.graphcontext.GraphContext``. Unlike there, every request has a deadline and
ends in a result or a typed error, each target process has a session of its own, nothing
that arrives is unpickled outside an allow-list, and streams survive the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Literal, TypeVar
from uuid import UUID

from ezmsg.core.graphmeta import (
    GraphSnapshot,
    ProcessControlOperation,
    ProcessControlResponse,
    ProcessPing,
    ProcessProfilingSnapshot,
    ProcessProfilingTraceBatch,
    ProcessStats,
    ProfilingStreamControl,
    ProfilingTraceControl,
    ProfilingTraceStreamBatch,
    SettingsChangedEvent,
    SettingsFieldUpdateRequest,
    SettingsSnapshotValue,
    TopologyChangedEvent,
)
from ezmsg.core.netprotocol import Command
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber

from .address import AddressLike
from .errors import GraphError, RequestTimeoutError, UnsupportedOperationError
from .event_streams import BatchStream, EventStream
from .graph_session import GraphSession
from .owning_loop import on_owning_loop
from .process_control import ProcessControl
from .profiling.trace_control import check_trace_control
from .server_link import REQUEST_TIMEOUT_S
from .soundness import is_sound, readable_components
from .streams import SupervisedStream
from .subscriptions import Subscription
from .wire import Connection, payload_argument, text_argument

T = TypeVar("T")
E = TypeVar("E", Publisher, Subscriber)

CLOSE_TIMEOUT_S = 1.0


class ProfilingSnapshots(dict[UUID, ProcessProfilingSnapshot]):
    """Profiling snapshots by process id; ``failures`` has who did not answer, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[UUID, GraphError] = {}


class KernelGraphContext(GraphSession):
    """A session with a GraphServer, and everything that it can be asked.

    Parameters
    ----------
    address
        ``"host:port"``, ``(host, port)`` or None: ``$EZMSG_GRAPHSERVER_ADDR``, else ezmsg's
        default. A GraphServer must run there.
    auto_start
        Only False. A GraphServer inside a kernel would keep it from ever exiting; a graph
        of our host brings its own.
    timeout
        Seconds that opening may take.

    Notes
    -----
    Methods may be called from any event loop; those of another loop than the one that
    opened the context are handed over to it. Every method may raise `ClosedError`,
    `RequestTimeoutError`, `ConnectionLostError` and `GraphServerUnavailableError`.

    Examples
    --------
    ::

        async with KernelGraphContext("127.0.0.1:25978") as context:
            snapshot = await context.snapshot()
    """

    def __init__(
        self, address: AddressLike = None, *, auto_start: bool = False, timeout: float = 5.0
    ) -> None:
        if auto_start:
            raise UnsupportedOperationError(
                "auto_start=True is refused: a GraphServer inside this process would keep it from "
                "exiting. Start the pipeline first, or use ezmsg_nb.run()."
            )
        super().__init__(address, timeout=timeout)
        self._processes = ProcessControl(
            str(self._address), self.open_connection, self._read_snapshot
        )
        self._learned: bytes | None = None
        self._streams: set[SupervisedStream[Any]] = set()
        self._endpoints: set[Publisher | Subscriber] = set()
        self._settings_publishers: dict[str, Publisher] = {}

    async def __aenter__(self) -> KernelGraphContext:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        await self.close()
        return False

    @on_owning_loop
    async def close(self) -> None:
        """End streams, publishers, subscribers and sessions. Quick and idempotent.

        The server drops what this session owned (edges, metadata) by itself.
        """
        if self.status == "closed":
            return
        for stream in list(self._streams):
            await stream.aclose()
        self._streams.clear()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._close_endpoints()
        self._processes.close()
        self.shut()

    # -- graph ----------------------------------------------------------------------------

    @on_owning_loop
    async def snapshot(self) -> GraphSnapshot:
        """Edges, owners, sessions with metadata, and processes, as they are now."""
        snapshot = await self._read_snapshot()
        if self._learned is not self._snapshot_payload:
            self._processes.learn(snapshot)
            self._remember(snapshot)
            self._learned = self._snapshot_payload
        return snapshot

    @on_owning_loop
    async def revert(self) -> None:
        """Close this context's publishers and subscribers, and drop its edges and metadata."""
        await self._close_endpoints()
        await self._clear_session()

    @on_owning_loop
    async def publisher(self, /, topic: str, **kwargs: Any) -> Publisher:
        """A publisher of ezmsg's own class; it must be used on this context's loop."""
        return await self._endpoint(Publisher.create(topic, self._address, **kwargs), topic)

    @on_owning_loop
    async def subscriber(self, /, topic: str, **kwargs: Any) -> Subscriber:
        """A subscriber of ezmsg's own class; it must be used on this context's loop.

        It holds the pipeline back whenever this process does not read: see `tap` for
        watching from a kernel.
        """
        return await self._endpoint(Subscriber.create(topic, self._address, **kwargs), topic)

    async def _endpoint(self, creation: Coroutine[Any, Any, E], topic: str) -> E:
        self._refuse_closed(f"an endpoint of {topic!r}")
        making = asyncio.create_task(creation, name=f"endpoint-{topic}")
        try:
            # Never cancelled: half a registration would hold the server's lock for good.
            async with asyncio.timeout(self._timeout):
                endpoint = await asyncio.shield(making)
        except TimeoutError as error:
            making.add_done_callback(_close_late)
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} did not register an endpoint of {topic!r} "
                f"within {self._timeout:g} s.",
                address=str(self._address),
            ) from error
        except asyncio.CancelledError:
            making.add_done_callback(_close_late)
            raise
        except (OSError, EOFError) as error:
            raise GraphError(
                f"No endpoint of {topic!r} could be made at {self._address}: {error}",
                address=str(self._address),
            ) from error
        self._endpoints.add(endpoint)
        return endpoint

    @on_owning_loop
    async def close_endpoint(self, endpoint: Publisher | Subscriber) -> None:
        """Close one publisher or subscriber that this context made."""
        self._endpoints.discard(endpoint)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                endpoint.close()
                await endpoint.wait_closed()

    async def _close_endpoints(self) -> None:
        endpoints = list(self._endpoints)
        self._endpoints.clear()
        self._settings_publishers.clear()
        for endpoint in endpoints:
            endpoint.close()
        for endpoint in endpoints:
            await endpoint.wait_closed()

    @on_owning_loop
    async def pause(self) -> None:
        """Pause every publisher of the graph.

        An edit of a setting waits as well, and with it all that its process is asked: resume
        first.
        """
        await self._single_command(Command.PAUSE, answered=False)

    @on_owning_loop
    async def resume(self) -> None:
        """Resume every publisher of the graph."""
        await self._single_command(Command.RESUME, answered=False)

    @on_owning_loop
    async def sync(self, timeout: float | None = None) -> None:
        """Pause every publisher, and wait until none has anything under way; `resume` after.

        While a unit process is stopped this holds the server's lock, so that other clients
        wait too; don't call it on a graph that others use.
        """
        await self._single_command(Command.SYNC, answered=True, timeout=timeout)

    async def _single_command(
        self, command: Command, *, answered: bool, timeout: float | None = None
    ) -> None:
        deadline = REQUEST_TIMEOUT_S if timeout is None else timeout
        connection: Connection | None = None
        try:
            async with asyncio.timeout(deadline):
                connection = await self.open_stream_connection()
                await connection.send(command.value)
                if answered:
                    await connection.read_byte()
                else:
                    # The server closes the connection once it has carried it out.
                    await connection.wait_ended()
        except TimeoutError as error:
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} did not carry out {command.name} within "
                f"{deadline:g} s.",
                address=str(self._address),
                operation=command.name,
            ) from error
        finally:
            if connection is not None:
                connection.abort()

    # -- settings -------------------------------------------------------------------------

    @on_owning_loop
    async def settings_snapshot(self) -> dict[str, SettingsSnapshotValue]:
        """Settings by component address, as the GraphServer knows them.

        A value that is none, as a hostile peer may report it, is left out.
        """
        found: dict[str, SettingsSnapshotValue] = await self.read(
            Command.SESSION_SETTINGS_SNAPSHOT, expected=dict
        )
        return {
            unit: value
            for unit, value in found.items()
            if type(unit) is str and isinstance(value, SettingsSnapshotValue) and is_sound(value)
        }

    @on_owning_loop
    async def settings_events(self, after_seq: int = 0) -> list[SettingsChangedEvent]:
        """The settings events that the server keeps (its newest 10,000) after a number.

        An event that is none is left out, and missing in the numbers.
        """
        events: list[SettingsChangedEvent] = await self.read(
            Command.SESSION_SETTINGS_EVENTS, text_argument(str(int(after_seq))), expected=list
        )
        return [
            event for event in events if isinstance(event, SettingsChangedEvent) and is_sound(event)
        ]

    @on_owning_loop
    async def settings_input_topic(self, component_address: str) -> str:
        """The topic of a component's INPUT_SETTINGS, from the registered metadata.

        Raises
        ------
        UnsupportedOperationError
            No such component, one without dynamic settings, or several topics for it.
        """
        topics: set[str] = set()
        for session in (await self._read_snapshot()).sessions.values():
            for address, component in readable_components(session.metadata):
                dynamic = component.dynamic_settings
                if address != component_address:
                    continue
                if dynamic.enabled and dynamic.input_topic is not None:
                    topics.add(dynamic.input_topic)
        if len(topics) == 1:
            return topics.pop()
        what = (
            f"has several settings topics: {sorted(topics)}"
            if topics
            else "is not registered with dynamic settings (an INPUT_SETTINGS stream)"
        )
        raise UnsupportedOperationError(
            f"{component_address!r} {what}.", address=str(self._address), unit=component_address
        )

    @on_owning_loop
    async def update_settings(
        self, component_address: str, value: object, *, input_topic: str | None = None
    ) -> None:
        """Publish a whole settings value to a component's INPUT_SETTINGS.

        Returns when it is published, which is before the unit has it. One publisher a topic
        stays open: on ezmsg 3.9 a publisher that comes and goes makes the unit deaf
        (measured: 6 of 6 runs).
        """
        topic = input_topic or await self.settings_input_topic(component_address)
        publisher = self._settings_publishers.get(topic)
        if publisher is None:
            publisher = await self._endpoint(Publisher.create(topic, self._address), topic)
            self._settings_publishers[topic] = publisher
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await publisher.broadcast(value)
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"{component_address!r} did not take a settings value within "
                f"{REQUEST_TIMEOUT_S:g} s: its inlet is full. It may still take it later.",
                address=str(self._address),
                unit=component_address,
            ) from error

    @on_owning_loop
    async def update_setting(
        self, component_address: str, field_path: str, value: object, *, timeout: float = 2.0
    ) -> SettingsSnapshotValue:
        """Have the owning process patch one field and publish the result.

        The answer means that the patched value was published, not that the unit applied it.

        Raises
        ------
        UnroutableUnitError, UnsupportedOperationError, HandlerError, SettingsRejectedError
        """
        return await self._ask(
            component_address,
            ProcessControlOperation.UPDATE_SETTING_FIELD,
            SettingsSnapshotValue,
            payload_obj=SettingsFieldUpdateRequest(field_path=field_path, value=value),
            timeout=timeout,
        )

    # -- processes ------------------------------------------------------------------------

    @on_owning_loop
    async def process_request(
        self,
        unit_address: str,
        operation: ProcessControlOperation | str,
        *,
        payload: bytes | None = None,
        payload_obj: object | None = None,
        timeout: float = 2.0,
    ) -> ProcessControlResponse:
        """Send an operation to the process that owns a unit, and return its response as it is.

        A response that says ``ok=False`` is returned, not raised; the typed methods raise.
        """
        return await self._processes.request(unit_address, operation, payload, payload_obj, timeout)

    async def _ask(
        self,
        unit: str,
        operation: ProcessControlOperation,
        expected: type[T],
        *,
        timeout: float,
        payload_obj: object | None = None,
    ) -> T:
        response = await self._processes.request(unit, operation, None, payload_obj, timeout)
        return self._processes.payload(response, expected, unit, operation.value)

    def decode_process_payload(
        self,
        response: ProcessControlResponse,
        expected_type: type[T] = object,  # type: ignore[assignment]
    ) -> T:
        """The payload of a response, decoded without running anything of it.

        Raises
        ------
        GraphError
            The subclass for the response's error code; `InvalidResponseError` for a payload
            that is missing or of another type.
        """
        return self._processes.payload(response, expected_type)

    @on_owning_loop
    async def process_ping(self, unit_address: str, *, timeout: float = 2.0) -> ProcessPing:
        """Have the owning process answer; its ``pid`` is that of the process itself."""
        return await self._ask(
            unit_address, ProcessControlOperation.PING, ProcessPing, timeout=timeout
        )

    @on_owning_loop
    async def process_stats(self, unit_address: str, *, timeout: float = 2.0) -> ProcessStats:
        """The units that the owning process says it owns."""
        return await self._ask(
            unit_address, ProcessControlOperation.GET_PROCESS_STATS, ProcessStats, timeout=timeout
        )

    @on_owning_loop
    async def process_profiling_snapshot(
        self, unit_address: str, *, timeout: float = 2.0
    ) -> ProcessProfilingSnapshot:
        """Counters of the endpoints of one process.

        Its ``*_window`` fields are shared by all observers of the process, and under fork
        its ``pid`` is the parent's: use totals, and the pid of the process registration.
        """
        return await self._ask(
            unit_address,
            ProcessControlOperation.GET_PROFILING_SNAPSHOT,
            ProcessProfilingSnapshot,
            timeout=timeout,
        )

    @on_owning_loop
    async def process_set_profiling_trace(
        self, unit_address: str, control: ProfilingTraceControl, *, timeout: float = 2.0
    ) -> ProcessControlResponse:
        """Set the trace control of the owning process; it replaces that of any other observer.

        Raises
        ------
        SettingsRejectedError
            A control that would end the process' control connection for good.
        """
        check_trace_control(control, unit_address)
        return await self._processes.request(
            unit_address, ProcessControlOperation.SET_PROFILING_TRACE, None, control, timeout
        )

    @on_owning_loop
    async def process_profiling_trace_batch(
        self, unit_address: str, *, max_samples: int = 1000, timeout: float = 2.0
    ) -> ProcessProfilingTraceBatch:
        """Take trace samples out of the owning process' own buffers."""
        return await self._ask(
            unit_address,
            ProcessControlOperation.GET_PROFILING_TRACE_BATCH,
            ProcessProfilingTraceBatch,
            payload_obj=int(max_samples),
            timeout=timeout,
        )

    @on_owning_loop
    async def profiling_snapshot_all(
        self, *, timeout_per_process: float = 0.5
    ) -> ProfilingSnapshots:
        """Profiling snapshots of all processes that own units, asked at the same time.

        Returns
        -------
        ProfilingSnapshots
            A dict of those that answered, by process id; ``failures`` has the others.
        """
        snapshot = await self.snapshot()
        asked = [process for process in snapshot.processes.values() if process.units]
        answers = await asyncio.gather(
            *(
                self.process_profiling_snapshot(process.units[0], timeout=timeout_per_process)
                for process in asked
            ),
            return_exceptions=True,
        )
        found = ProfilingSnapshots()
        for process, answer in zip(asked, answers, strict=True):
            if isinstance(answer, ProcessProfilingSnapshot):
                found[process.process_id] = answer
            elif isinstance(answer, GraphError):
                found.failures[process.process_id] = answer
            else:
                raise answer
        return found

    def silent_since(self, process_id: UUID) -> float | None:
        """``time.monotonic()`` since when a process has left our requests unanswered."""
        return self._processes.silent_since(process_id)

    # -- streams --------------------------------------------------------------------------

    def subscribe_settings_events(
        self, *, after_seq: int = 0
    ) -> Subscription[SettingsChangedEvent]:
        """Settings events after a number, and `Resynced` where the history was cut."""
        return self._subscription(
            EventStream(
                self,
                Command.SESSION_SETTINGS_SUBSCRIBE,
                SettingsChangedEvent,
                after_seq,
                self.settings_events,
            )
        )

    def subscribe_topology_events(
        self, *, after_seq: int = 0
    ) -> Subscription[TopologyChangedEvent]:
        """Topology events after a number, and `Resynced` where the history was cut."""
        return self._subscription(
            EventStream(self, Command.SESSION_TOPOLOGY_SUBSCRIBE, TopologyChangedEvent, after_seq)
        )

    def subscribe_profiling_trace(
        self, control: ProfilingStreamControl
    ) -> Subscription[ProfilingTraceStreamBatch]:
        """Trace batches as the server collects them, every ``control.interval`` seconds.

        Each subscription makes the server scan its whole buffer at each interval: subscribe
        only while tracing.
        """
        return self._subscription(
            BatchStream(
                self,
                Command.SESSION_PROFILING_SUBSCRIBE,
                payload_argument(pickle.dumps(control)),
                ProfilingTraceStreamBatch,
            )
        )

    def _subscription(self, stream: SupervisedStream[T]) -> Subscription[T]:
        self._streams.add(stream)
        return Subscription(stream)

    def release_stream(self, stream: SupervisedStream[Any]) -> None:
        """Forget a stream that has ended."""
        self._streams.discard(stream)


def _close_late(making: asyncio.Task[Any]) -> None:
    """Close an endpoint that was made after nobody waited for it any more."""
    if not making.cancelled() and making.exception() is None:
        making.result().close()
