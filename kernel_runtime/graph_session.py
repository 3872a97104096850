"""What a session owns in a graph, edges and metadata, and making it anew after a drop."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from typing import Any
from uuid import UUID

from ezmsg.core.graphmeta import GraphMetadata, GraphSnapshot
from ezmsg.core.netprotocol import Command

from . import safe_pickle
from .errors import GraphError, InvalidResponseError, UnsafePayloadError
from .owning_loop import on_owning_loop
from .refusals import collision_error, cycle_error
from .server_link import ServerLink
from .soundness import repair_snapshot
from .wire import payload_argument, text_argument

RESTORE_TIMEOUT_S = 5.0
REPLAY_QUIET_S = 0.3
"""A subscription's replay counts as over when nothing came for so long."""

GHOST_PATIENCE_S = 2.0
"""How long a server may take to notice that our former session has ended."""


class GraphSession(ServerLink):
    """A session that keeps what it owns across a dropped connection.

    The GraphServer forgets a session's edges and metadata with its connection. Where the
    same server answers again, both are made anew; where it is another server, `warnings`
    says that they are lost, since the graph that they were made for is gone as well.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._edges: set[tuple[str, str]] = set()
        self._metadata: GraphMetadata | None = None
        self._seen_ids: tuple[object, ...] = ()
        self._snapshot_payload = b""
        # Pickled by us, of what was decoded safely: the one thing here that is unpickled.
        self._snapshot_copy: bytes | None = None

    async def _read_snapshot(self) -> GraphSnapshot:
        payload = await self.command(Command.SESSION_SNAPSHOT, framed=True)
        if payload == self._snapshot_payload:
            # A graph that stands still: its snapshot is copied, not examined again.
            if self._snapshot_copy is None:
                try:
                    self._snapshot_copy = pickle.dumps(self._decoded_snapshot(payload))
                except RecursionError:
                    # Something in it is nested as deep as only decoding can bear.
                    return self._decoded_snapshot(payload)
            copy: GraphSnapshot = pickle.loads(self._snapshot_copy)
            return copy
        snapshot = self._decoded_snapshot(payload)
        self._snapshot_payload, self._snapshot_copy = payload, None
        return snapshot

    def _decoded_snapshot(self, payload: bytes) -> GraphSnapshot:
        snapshot = self.decoded(payload, Command.SESSION_SNAPSHOT, GraphSnapshot)
        try:
            repair_snapshot(snapshot)
        except ValueError as error:
            raise InvalidResponseError(
                f"The GraphServer at {self._address} sent {error}.",
                address=str(self._address),
                operation=Command.SESSION_SNAPSHOT.name,
            ) from error
        return snapshot

    def _remember(self, snapshot: GraphSnapshot) -> None:
        """Take note of ids that only this server can have given."""
        self._seen_ids = (*snapshot.sessions, *snapshot.processes)

    @on_owning_loop
    async def connect(self, from_topic: str, to_topic: str) -> None:
        """Connect two topics; the edge is this session's and ends with it.

        Raises
        ------
        CyclicConnectionError
            The edge would close a cycle, which the message names.
        """
        answer = await self.command(
            Command.SESSION_CONNECT, text_argument(from_topic), text_argument(to_topic)
        )
        if answer == Command.CYCLIC.value:
            raise cycle_error(from_topic, to_topic, await self._read_snapshot(), str(self._address))
        self._expect_complete(answer, Command.SESSION_CONNECT)
        self._edges.add((from_topic, to_topic))

    @on_owning_loop
    async def disconnect(self, from_topic: str, to_topic: str) -> None:
        """Remove this session's edge between two topics, where there is one."""
        # Forgotten first: an edge whose removal went unanswered must not come back.
        self._edges.discard((from_topic, to_topic))
        answer = await self.command(
            Command.SESSION_DISCONNECT, text_argument(from_topic), text_argument(to_topic)
        )
        self._expect_complete(answer, Command.SESSION_DISCONNECT)

    @on_owning_loop
    async def register_metadata(self, metadata: GraphMetadata) -> None:
        """Register what the components of this session are.

        Raises
        ------
        AddressCollisionError
            Another session holds one of the addresses; the message says which and whose.
        """
        answer = await self.command(
            Command.SESSION_REGISTER, payload_argument(pickle.dumps(metadata))
        )
        if answer == Command.ERROR.value:
            raise collision_error(
                metadata, await self._read_snapshot(), self.session_id, str(self._address)
            )
        self._expect_complete(answer, Command.SESSION_REGISTER)
        self._metadata = metadata

    async def _clear_session(self) -> None:
        self._edges.clear()
        self._metadata = None
        self._expect_complete(await self.command(Command.SESSION_CLEAR), Command.SESSION_CLEAR)

    def _expect_complete(self, answer: bytes, command: Command) -> None:
        if answer != Command.COMPLETE.value:
            raise InvalidResponseError(
                f"The GraphServer at {self._address} answered {command.name} with {answer!r}.",
                address=str(self._address),
                operation=command.name,
            )

    async def _session_renewed(self, former: UUID) -> None:
        if not self._edges and self._metadata is None:
            return
        async with asyncio.timeout(RESTORE_TIMEOUT_S):
            if await self._is_server_of(str(former)):
                await self._restore()
            else:
                self._tell_what_is_lost()

    async def _is_server_of(self, former: str) -> bool:
        """Whether the server that answers now is the one that gave us our former session."""
        now = await self._read_snapshot()
        ids = {*now.sessions, *now.processes}
        if former in ids or not ids.isdisjoint(self._seen_ids):
            return True
        if self._metadata is not None and self._metadata.components:
            events = await self.read(
                Command.SESSION_SETTINGS_EVENTS, text_argument("0"), expected=list
            )
            if any(getattr(event, "source_session_id", None) == former for event in events):
                return True
        return await self._topology_tells_of(former)

    async def _topology_tells_of(self, former: str) -> bool:
        """Look for our former session in the replay of topology events: its end is one."""
        connection = await self.open_stream_connection()
        try:
            await connection.open_client(Command.SESSION_TOPOLOGY_SUBSCRIBE, text_argument("0"))
            with contextlib.suppress(TimeoutError):
                while True:
                    async with asyncio.timeout(REPLAY_QUIET_S):
                        frame = await connection.read_frame()
                    with contextlib.suppress(UnsafePayloadError):
                        event = safe_pickle.decode(frame)
                        if getattr(event, "source_session_id", None) == former:
                            return True
        finally:
            connection.abort()
        return False

    async def _restore(self) -> None:
        failed = []
        for from_topic, to_topic in sorted(self._edges):
            try:
                await self.connect(from_topic, to_topic)
            except GraphError as error:
                failed.append(f"the connection {from_topic} -> {to_topic} ({error})")
        if self._metadata is not None:
            give_up = time.monotonic() + GHOST_PATIENCE_S
            while True:
                try:
                    await self.register_metadata(self._metadata)
                    break
                except GraphError as error:
                    if time.monotonic() > give_up:
                        failed.append(f"the metadata of this session ({error})")
                        break
                    await asyncio.sleep(0.1)
        if failed:
            self._notes.append(
                "After the connection was interrupted, not everything that this kernel had "
                f"registered could be made again: {'; '.join(failed)}."
            )

    def _tell_what_is_lost(self) -> None:
        lost = [f"{from_topic} -> {to_topic}" for from_topic, to_topic in sorted(self._edges)]
        if self._metadata is not None:
            lost.append(f"the metadata of {', '.join(sorted(self._metadata.components)) or 'it'}")
        self._edges.clear()
        self._metadata = None
        self._notes.append(
            f"Another GraphServer answers at {self._address} now. What this kernel had "
            f"registered with the former is lost with it: {', '.join(lost)}."
        )
