"""A GraphServer through which payloads pass: nothing that a peer sends runs in it, and events
and traces are read by each subscriber at its own pace."""

from __future__ import annotations

import asyncio
import functools
import logging
import pickle
import sys
import time
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from ezmsg.core.dag import CyclicException
from ezmsg.core.graphmeta import (
    GraphMetadata,
    ProcessOwnershipUpdate,
    ProcessProfilingTraceBatch,
    ProcessRegistration,
    ProcessSettingsUpdate,
    ProfilingStreamControl,
    SettingsChangedEvent,
    SettingsEventType,
    SettingsSnapshotValue,
    TopologyChangedEvent,
    TopologyEventType,
)
from ezmsg.core.graphserver import GraphServer
from ezmsg.core.netprotocol import Command, ProcessInfo, read_int, uint64_to_bytes

from ..errors import UnsafePayloadError
from .event_fanout import EventHistory
from .passing_pickle import decode, decode_inward, encode, encode_list
from .peer_payloads import PayloadError, check_payload
from .server_connections import Connection
from .server_limits import ServerLimits
from .standing_state import StandingState, StateLimitError
from .trace_store import TraceReader, TraceStore

logger = logging.getLogger("ezmsg")

_TOPOLOGY_EVENT_BYTES = 600


class PassingGraphServer(GraphServer):
    """ezmsg's GraphServer with payloads, events and traces handled by what is ours.

    Parameters
    ----------
    limits
        What clients may cost; from the environment by default.
    **kwargs
        As for a thread.
    """

    def __init__(self, *, limits: ServerLimits | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limits = limits or ServerLimits.from_environment()
        self._standing = StandingState(self.limits.state_bytes)
        kept = self._retention_policy
        self._settings_history = EventHistory(
            kept.settings_event_history_limit, self.limits.event_history_bytes
        )
        self._topology_history = EventHistory(
            kept.topology_event_history_limit, self.limits.event_history_bytes
        )
        self._traces = TraceStore(kept.profiling_trace_buffer_limit, self.limits.trace_ring_bytes)
        # ezmsg drops a process' buffer from here when the process goes.
        self._profiling_trace_buffers = self._traces.rings  # type: ignore[assignment]

    @property
    def events_missed(self) -> int:
        """Events that subscribers were too slow for; they see it by ``seq``."""
        return self._settings_history.missed + self._topology_history.missed

    @property
    def trace_samples_lost(self) -> int:
        """Trace samples that subscribers were too slow for."""
        return self._traces.lost

    async def _read_pickled_payload(self, reader: asyncio.StreamReader) -> object:
        return decode(await _read_payload(reader))

    async def _read_typed_payload(
        self, reader: asyncio.StreamReader, expected_type: type[object], *, log_prefix: str
    ) -> object | None:
        payload = await _read_payload(reader)
        try:
            value = decode(payload)
            check_payload(value, expected_type)
        except (UnsafePayloadError, PayloadError) as error:
            logger.warning("%s ignored: %s", log_prefix, error)
            return None
        self._keep(reader, value, len(payload))
        return value  # type: ignore[no-any-return]

    def _keep(self, connection: asyncio.StreamReader, value: object, size: int) -> None:
        match value:
            case GraphMetadata():
                self._standing.keep(connection, "metadata", size)
            case ProcessSettingsUpdate():
                self._standing.keep(connection, value.component_address, size)
            case ProcessRegistration():
                self._standing.keep(connection, "process", size)
            case ProcessOwnershipUpdate():
                for unit in value.removed_units:
                    self._standing.drop(connection, ("unit", unit))
                for unit in value.added_units:
                    self._standing.keep(connection, ("unit", unit), len(unit))

    async def _handle_process_register_request(
        self, process_client_id: UUID, reader: asyncio.StreamReader
    ) -> bytes:
        return await _or_refused(
            super()._handle_process_register_request(process_client_id, reader)
        )

    async def _handle_process_update_ownership_request(
        self, process_client_id: UUID, reader: asyncio.StreamReader
    ) -> bytes:
        return await _or_refused(
            super()._handle_process_update_ownership_request(process_client_id, reader)
        )

    async def _handle_process_settings_update_request(
        self, process_client_id: UUID, reader: asyncio.StreamReader
    ) -> bytes:
        return await _or_refused(
            super()._handle_process_settings_update_request(process_client_id, reader)
        )

    async def _handle_session_register_request(
        self, session_id: UUID, reader: asyncio.StreamReader
    ) -> bytes:
        return await _or_refused(super()._handle_session_register_request(session_id, reader))

    async def _handle_session_edge_request(
        self, session_id: UUID, req: bytes, reader: asyncio.StreamReader
    ) -> bytes:
        return await _or_refused(super()._handle_session_edge_request(session_id, req, reader))

    def _connect_owner(self, from_topic: str, to_topic: str, owner: UUID | str | None) -> bool:
        edge = (from_topic, to_topic)
        self._standing.keep(("edges", owner), edge, len(from_topic) + len(to_topic))
        try:
            return super()._connect_owner(from_topic, to_topic, owner)
        except CyclicException:
            self._standing.drop(("edges", owner), edge)
            raise

    def _disconnect_owner(self, from_topic: str, to_topic: str, owner: UUID | str | None) -> bool:
        self._standing.drop(("edges", owner), (from_topic, to_topic))
        return super()._disconnect_owner(from_topic, to_topic, owner)

    async def _read_profiling_stream_control(
        self, reader: asyncio.StreamReader
    ) -> ProfilingStreamControl:
        control = decode_inward(await _read_payload(reader))
        check_payload(control, ProfilingStreamControl)
        return control  # type: ignore[no-any-return]

    async def _handle_process_profiling_trace_update_request(
        self, process_client_id: UUID, reader: asyncio.StreamReader
    ) -> None:
        payload = await _read_payload(reader)
        try:
            batch = decode_inward(payload)
            check_payload(batch, ProcessProfilingTraceBatch)
        except (UnsafePayloadError, PayloadError) as error:
            logger.warning("Process control %s trace update ignored: %s", process_client_id, error)
            return
        self._traces.add(self._process_key(process_client_id), batch, payload)

    async def _handle_session_snapshot_request(self, writer: asyncio.StreamWriter) -> None:
        _answer(writer, encode(self._snapshot()))

    async def _handle_session_settings_snapshot_request(self, writer: asyncio.StreamWriter) -> None:
        states = self._settings_state
        _answer(writer, encode({address: states[address].value for address in sorted(states)}))

    async def _handle_session_settings_events_request(
        self, writer: asyncio.StreamWriter, after_seq: int
    ) -> None:
        _answer(writer, encode_list(self._settings_history.after(after_seq)))

    def _append_settings_event_locked(
        self,
        event_type: SettingsEventType,
        component_address: str,
        value: SettingsSnapshotValue,
        source_session_id: str | None,
        source_process_id: UUID | None,
        timestamp: float | None = None,
    ) -> None:
        self._settings_event_seq += 1
        event = SettingsChangedEvent(
            seq=self._settings_event_seq,
            event_type=event_type,
            component_address=component_address,
            timestamp=time.time() if timestamp is None else timestamp,
            source_session_id=source_session_id,
            source_process_id=source_process_id,
            value=value,
        )
        encoded = encode(event)
        self._settings_history.append(encoded, len(encoded))

    def _append_topology_event_locked(
        self,
        event_type: TopologyEventType,
        changed_topics: list[str],
        source_session_id: str | None,
        source_process_id: UUID | None,
        timestamp: float | None = None,
    ) -> None:
        self._topology_event_seq += 1
        event = TopologyChangedEvent(
            seq=self._topology_event_seq,
            event_type=event_type,
            timestamp=time.time() if timestamp is None else timestamp,
            changed_topics=sorted(set(changed_topics)),
            source_session_id=source_session_id,
            source_process_id=source_process_id,
        )
        # Topics and ids: all of it is the server's own, so that it can wait for a reader.
        size = _TOPOLOGY_EVENT_BYTES + sum(map(sys.getsizeof, event.changed_topics))
        self._topology_history.append(functools.partial(pickle.dumps, event), size)

    async def _handle_settings_subscriber(
        self,
        subscriber_id: UUID,
        after_seq: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        await _send_until_gone(
            reader, self._settings_history.send_from(after_seq, subscriber_id, writer)
        )

    async def _handle_topology_subscriber(
        self,
        subscriber_id: UUID,
        after_seq: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        await _send_until_gone(
            reader, self._topology_history.send_from(after_seq, subscriber_id, writer)
        )

    async def _handle_profiling_subscriber(
        self,
        subscriber_id: UUID,
        stream_control: ProfilingStreamControl,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        traces = TraceReader(self._traces, stream_control)
        await _send_until_gone(reader, self._send_traces(traces, subscriber_id, writer))

    async def _send_traces(
        self, traces: TraceReader, subscriber_id: UUID, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await traces.wait()
            began = time.thread_time()
            while message := traces.next(self._connected_processes(), subscriber_id):
                writer.writelines((uint64_to_bytes(len(message)), message))
                took_s = time.thread_time() - began
                await writer.drain()
                # A reader that catches up leaves half of the time to the others.
                await asyncio.sleep(took_s)
                began = time.thread_time()

    def _connected_processes(self) -> dict[UUID, tuple[int, str]]:
        return {
            self._process_key(client_id): (
                -1 if info.pid is None else info.pid,
                "" if info.host is None else info.host,
            )
            for client_id, info in self.clients.items()
            if isinstance(info, ProcessInfo)
        }


async def _read_payload(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(await read_int(reader))


async def _or_refused(handling: Coroutine[Any, Any, bytes]) -> bytes:
    """The answer to a command, or that it was refused for what it would have the server keep."""
    try:
        return await handling
    except StateLimitError as error:
        logger.warning("A client is refused what it asks to be kept: %s", error)
        return Command.ERROR.value


def _answer(writer: asyncio.StreamWriter, encoded: bytes) -> None:
    writer.writelines((uint64_to_bytes(len(encoded)), encoded, Command.COMPLETE.value))


async def _send_until_gone(
    connection: asyncio.StreamReader, sending: Coroutine[Any, Any, None]
) -> None:
    """Run a sender until its client is gone."""
    assert isinstance(connection, Connection)
    sender = asyncio.create_task(sending, name="server-stream")
    gone = asyncio.create_task(connection.discard(), name="server-stream-end")
    try:
        await asyncio.wait((sender, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        sender.cancel()
        ended, _ = await asyncio.gather(sender, gone, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended
