"""The GraphServer of our host: ezmsg's, without what lets one client freeze the others.

It speaks to every client of ezmsg as ezmsg's own does. A command is there whole before
anything is done about it; nothing waits for a client while it holds the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
from collections.abc import Callable, Coroutine
from typing import Any, cast
from uuid import UUID, uuid1

from ezmsg.core import __version__, graphserver
from ezmsg.core.dag import CyclicException
from ezmsg.core.graphmeta import TopologyEventType
from ezmsg.core.netprotocol import (
    Address,
    ChannelInfo,
    ClientInfo,
    Command,
    ProcessInfo,
    PublisherInfo,
    SessionInfo,
    SubscriberInfo,
    encode_str,
    read_int,
    read_str,
    uint64_to_bytes,
)
from ezmsg.core.shm import SHMInfo

from ..errors import UnsafePayloadError
from .once_filter import OnceFilter
from .server_connections import CommandError, Connection, ConnectionTable, Kind
from .server_outbox import AckLane, Outbox
from .server_routes import RoutingGraphServer
from .standing_state import StateLimitError

logger = logging.getLogger("ezmsg")

_SESSION_COMMANDS = frozenset(
    one.value
    for one in Command
    if one.name.startswith("SESSION_") and not one.name.endswith("_SUBSCRIBE")
)
_PROCESS_COMMANDS = frozenset(
    one.value
    for one in Command
    if one.name.startswith("PROCESS_") and one is not Command.PROCESS_ROUTE_REQUEST
)
_SHM_FOLDER = "/dev/shm"
_LARGE_SEGMENT_BYTES = 8 << 20


class HostGraphServer(RoutingGraphServer):
    """A GraphServer that no client can wedge."""

    async def _setup(self) -> None:
        await super()._setup()
        self._connections = ConnectionTable(self.limits)
        self._watch = asyncio.create_task(self._connections.watch(), name="server-watch")
        self._openings = {
            Command.SHUTDOWN.value: self._open_shutdown,
            Command.SHM_CREATE.value: self._open_shm_create,
            Command.SHM_ATTACH.value: self._open_shm_attach,
            Command.CHANNEL.value: self._open_channel,
            Command.SESSION.value: self._open_session,
            Command.PROCESS.value: self._open_process,
            Command.SESSION_SETTINGS_SUBSCRIBE.value: self._open_settings_stream,
            Command.SESSION_TOPOLOGY_SUBSCRIBE.value: self._open_topology_stream,
            Command.SESSION_PROFILING_SUBSCRIBE.value: self._open_trace_stream,
            Command.SUBSCRIBE.value: self._open_subscriber,
            Command.PUBLISH.value: self._open_publisher,
            Command.CONNECT.value: self._open_connect,
            Command.DISCONNECT.value: self._open_disconnect,
            Command.SYNC.value: self._open_sync,
            Command.PAUSE.value: self._open_pause,
            Command.RESUME.value: self._open_resume,
            Command.DAG.value: self._open_dag,
        }

    def run(self) -> None:
        once = OnceFilter(self)
        logger.addFilter(once)
        try:
            super().run()
        finally:
            logger.removeFilter(once)

    async def _shutdown_async(self) -> None:
        # Before anybody waits for clients to go: those who don't read would not.
        self._connections.end_all()
        self._watch.cancel()
        leases = [lease for segment in self.shms.values() for lease in segment.leases]
        for lease in leases:
            lease.cancel()
        await asyncio.gather(*leases, return_exceptions=True)
        # Each lets go of its segment before ezmsg forgets them, and the segment goes once.
        await asyncio.sleep(0)
        await super()._shutdown_async()
        for outbox in list(self._outboxes.values()):
            await outbox.close()
        self._connections.end_all()

    async def api(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._connections.add(reader, writer)
        if connection is None:
            return
        try:
            writer.write(encode_str(__version__))
            await writer.drain()
            command = await connection.read(1)
            opening = self._openings.get(command)
            if opening is not None:
                await opening(connection)
            elif command:
                logger.warning("A client at %s sends what is no command", connection.host)
        except Exception as error:
            _tell(f"A client at {connection.host}", error)
        finally:
            if connection.kind == "new":
                self._standing.drop_all(connection)
                await self._connections.close(connection)

    def _serve(
        self,
        client_id: UUID,
        connection: Connection,
        kind: Kind,
        handling: Coroutine[Any, Any, None],
    ) -> None:
        """Let a client have its connection, until it goes."""
        connection.kind = kind
        self._client_tasks[client_id] = asyncio.create_task(
            self._serve_until_gone(client_id, connection, handling), name=f"server-{kind}"
        )

    async def _serve_until_gone(
        self, client_id: UUID, connection: Connection, handling: Coroutine[Any, Any, None]
    ) -> None:
        try:
            await handling
        except Exception as error:
            _tell(f"Client {client_id}", error)
        finally:
            self.clients.pop(client_id, None)
            self._updates.remove(client_id)
            self._standing.drop_all(connection)
            lane = self._lanes.pop(client_id, None)
            if lane is not None:
                lane.close()
            outbox = self._outboxes.pop(client_id, None)
            if outbox is not None:
                await outbox.close()
            await self._connections.close(connection)
            self._client_tasks.pop(client_id, None)

    async def _open_shutdown(self, connection: Connection) -> None:
        self._shutdown.set()

    async def _open_session(self, connection: Connection) -> None:
        session_id = uuid1()
        await _welcome(connection, session_id)
        self.clients[session_id] = SessionInfo(session_id, connection.writer)
        connection.commands = _SESSION_COMMANDS
        handling = self._handle_session(session_id, _as_reader(connection), connection.writer)
        self._serve(session_id, connection, "client", handling)

    async def _open_process(self, connection: Connection) -> None:
        process_id = uuid1()
        await _welcome(connection, process_id)
        self.clients[process_id] = ProcessInfo(process_id, connection.writer)
        self._outboxes[process_id] = Outbox(connection.writer, self.limits.route_queue_bytes)
        connection.commands = _PROCESS_COMMANDS
        handling = self._handle_process(process_id, _as_reader(connection), connection.writer)
        self._serve(process_id, connection, "process", handling)

    async def _open_settings_stream(self, connection: Connection) -> None:
        await self._open_event_stream(connection, self._handle_settings_subscriber)

    async def _open_topology_stream(self, connection: Connection) -> None:
        await self._open_event_stream(connection, self._handle_topology_subscriber)

    async def _open_event_stream(
        self, connection: Connection, handle: Callable[..., Coroutine[Any, Any, None]]
    ) -> None:
        subscriber_id, reader = uuid1(), _as_reader(connection)
        after_seq = int(await read_str(reader))
        await _welcome(connection, subscriber_id)
        handling = handle(subscriber_id, after_seq, reader, connection.writer)
        self._serve(subscriber_id, connection, "stream", handling)

    async def _open_trace_stream(self, connection: Connection) -> None:
        subscriber_id, reader = uuid1(), _as_reader(connection)
        control = await self._read_profiling_stream_control(reader)
        await _welcome(connection, subscriber_id)
        handling = self._handle_profiling_subscriber(
            subscriber_id, control, reader, connection.writer
        )
        self._serve(subscriber_id, connection, "stream", handling)

    async def _open_subscriber(self, connection: Connection) -> None:
        topic = await read_str(_as_reader(connection))
        self._standing.keep(connection, "topic", len(topic))
        client_id = uuid1()
        connection.writer.write(encode_str(str(client_id)))
        subscriber = SubscriberInfo(client_id, connection.writer, topic)
        self._add_client(subscriber, connection)
        await self._notify_subscriber(subscriber)
        _complete(connection)

    async def _open_publisher(self, connection: Connection) -> None:
        reader = _as_reader(connection)
        topic = await read_str(reader)
        self._standing.keep(connection, "topic", len(topic))
        client_id = uuid1()
        connection.writer.write(encode_str(str(client_id)))
        # The publisher opens its port only now, and then says which it is.
        address = await Address.from_stream(reader)
        self._add_client(PublisherInfo(client_id, connection.writer, topic, address), connection)
        await self._notify_downstream_for_topic(topic)
        _complete(connection)

    def _add_client(self, client: ClientInfo, connection: Connection) -> None:
        self.clients[client.id] = client
        if isinstance(client, SubscriberInfo):
            self._updates.add(client)
        elif isinstance(client, PublisherInfo):
            self._lanes[client.id] = AckLane(client, Command.SYNC.value)
        handling = self._handle_client(client.id, connection.reader, connection.writer)
        self._serve(client.id, connection, "client", handling)

    async def _handle_client(
        self, client_id: UUID, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        lane = self._lanes.get(client_id)
        while acknowledged := await reader.read(1):
            if acknowledged != Command.COMPLETE.value:
                continue
            if lane is not None:
                lane.acknowledged()
            else:
                self._updates.acknowledged(client_id)

    async def _open_channel(self, connection: Connection) -> None:
        publisher_id = UUID(await read_str(_as_reader(connection)))
        publisher = self.clients.get(publisher_id)
        if not isinstance(publisher, PublisherInfo):
            logger.warning(
                "A client at %s asks for publisher %s, which is not there",
                connection.host,
                publisher_id,
            )
            return
        channel_id = uuid1()
        host = publisher.writer.get_extra_info("peername")[0]
        connection.writer.writelines(
            (
                Command.COMPLETE.value,
                encode_str(str(channel_id)),
                encode_str(str(Address(host, publisher.address.port))),
            )
        )
        self._add_client(ChannelInfo(channel_id, connection.writer, publisher_id), connection)

    async def _open_shm_create(self, connection: Connection) -> None:
        reader = _as_reader(connection)
        num_buffers, buf_size = await read_int(reader), await read_int(reader)
        size = num_buffers * (buf_size + 16 * num_buffers)
        free = _free_shared_memory()
        if free is not None and size > free:
            # Its pages would be missing when they are first written: a crash of the server.
            raise CommandError(f"asks for {size} bytes of shared memory; {free} are free")
        if size > _LARGE_SEGMENT_BYTES:
            loop = asyncio.get_running_loop()
            segment = await loop.run_in_executor(None, SHMInfo.create, num_buffers, buf_size)
        else:
            segment = SHMInfo.create(num_buffers, buf_size)
        self.shms[segment.shm.name] = segment
        await self._lease(segment, connection)

    async def _open_shm_attach(self, connection: Connection) -> None:
        segment = self.shms.get(await read_str(_as_reader(connection)))
        if segment is not None:
            await self._lease(segment, connection)

    async def _lease(self, segment: SHMInfo, connection: Connection) -> None:
        name = segment.shm.name
        connection.writer.write(Command.COMPLETE.value + encode_str(name))
        with contextlib.suppress(asyncio.CancelledError):
            await segment.lease(cast(asyncio.StreamReader, _Lease(connection)), connection.writer)
        # Ending itself, the server walks through them and waits for each.
        if not segment.leases and not self._shutdown.is_set():
            self.shms.pop(name, None)

    async def _open_connect(self, connection: Connection) -> None:
        await self._change_edge(connection, add=True)

    async def _open_disconnect(self, connection: Connection) -> None:
        await self._change_edge(connection, add=False)

    async def _change_edge(self, connection: Connection, *, add: bool) -> None:
        reader = _as_reader(connection)
        from_topic, to_topic = await read_str(reader), await read_str(reader)
        owner = graphserver.PERSISTENT_EDGE_OWNER
        change = self._connect_owner if add else self._disconnect_owner
        try:
            changed = change(from_topic, to_topic, owner)
        except CyclicException:
            connection.writer.write(Command.CYCLIC.value)
            return
        _complete(connection)
        if changed:
            self._append_topology_event_locked(
                event_type=TopologyEventType.GRAPH_CHANGED,
                changed_topics=[to_topic],
                source_session_id=None,
                source_process_id=None,
            )
            await self._notify_downstream_for_topic(to_topic)

    async def _open_sync(self, connection: Connection) -> None:
        asked = [self._lanes[publisher.id].ask() for publisher in self._publishers()]
        all_in_step = asyncio.gather(*asked)
        gone = asyncio.create_task(connection.discard())
        await asyncio.wait((all_in_step, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if all_in_step.done():
            _complete(connection)
            await connection.writer.drain()
        else:
            all_in_step.cancel()

    async def _open_pause(self, connection: Connection) -> None:
        self._tell_publishers(Command.PAUSE)

    async def _open_resume(self, connection: Connection) -> None:
        self._tell_publishers(Command.RESUME)

    def _tell_publishers(self, command: Command) -> None:
        for publisher in self._publishers():
            if not publisher.writer.transport.is_closing():
                publisher.writer.write(command.value)

    async def _open_dag(self, connection: Connection) -> None:
        graph = pickle.dumps(self.graph)
        connection.writer.writelines(
            (Command.DAG.value, uint64_to_bytes(len(graph)), graph, Command.COMPLETE.value)
        )


class _Lease:
    """What ezmsg's lease of shared memory waits on: the end of the connection, and no data."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self) -> bytes:
        await self._connection.discard()
        return b""


def _as_reader(connection: Connection) -> asyncio.StreamReader:
    # It has the two methods that ezmsg's handlers and readers call.
    return cast(asyncio.StreamReader, connection)


async def _welcome(connection: Connection, client_id: UUID) -> None:
    connection.writer.write(encode_str(str(client_id)) + Command.COMPLETE.value)
    await connection.writer.drain()


def _complete(connection: Connection) -> None:
    if not connection.writer.transport.is_closing():
        connection.writer.write(Command.COMPLETE.value)


def _free_shared_memory() -> int | None:
    """Bytes that may still be taken, None where that is not known."""
    try:
        found = os.statvfs(_SHM_FOLDER)
    except (AttributeError, OSError):
        return None
    return found.f_bavail * found.f_frsize


def _tell(who: str, error: Exception) -> None:
    if isinstance(error, OSError | asyncio.IncompleteReadError):
        logger.debug("%s is gone: %s", who, error)
    elif isinstance(error, CommandError | StateLimitError | ValueError | UnsafePayloadError):
        logger.warning("%s was disconnected, for what it sent: %s", who, error)
    else:
        logger.warning("%s was disconnected after a fault here", who, exc_info=error)
