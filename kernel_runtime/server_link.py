"""The life of a connection to a GraphServer: opening, status, reconnecting, closing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal, TypeVar
from uuid import UUID

from ezmsg.core.netprotocol import Command

from . import safe_pickle
from .address import Address, AddressLike, parse_address
from .errors import ClosedError, GraphError, InvalidResponseError, RequestTimeoutError
from .ezmsg_compat import EZMSG_VERSION, release_line
from .session import Session
from .streams import RECONNECT_FIRST_S, RECONNECT_LONGEST_S
from .wire import Connection, open_connection, text_argument

T = TypeVar("T")

Status = Literal["connected", "reconnecting", "closed"]

REQUEST_TIMEOUT_S = 5.0
"""Deadline of a request to the GraphServer itself."""

HEARTBEAT_EVERY_S = 1.0
HEARTBEAT_TIMEOUT_S = 1.0
"""A server that is silent for so long, while we ask, is shown as not answering."""

# Removing an edge that nobody has: the cheapest question with an answer, and without effect.
_HEARTBEAT = (
    Command.SESSION_DISCONNECT.value,
    text_argument("ezmsg_nb/heartbeat"),
    text_argument("ezmsg_nb/heartbeat"),
)


class ServerLink:
    """One session that is kept open, and what is known of the server behind it.

    Parameters
    ----------
    address
        ``"host:port"``, ``(host, port)`` or None: ``$EZMSG_GRAPHSERVER_ADDR``, else ezmsg's
        default.
    timeout
        Seconds that opening a connection may take.
    """

    def __init__(self, address: AddressLike = None, *, timeout: float = 5.0) -> None:
        self._address = parse_address(address)
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session = Session(self.open_connection)
        self._supervisor: asyncio.Task[None] | None = None
        self._status: Status = "closed"
        self._listeners: list[Callable[[Status], None]] = []
        self._server_version = ""
        self._known_session: UUID | None = None
        self._notes: list[str] = []
        self._connections: list[Connection] = []
        self._bytes_of_ended = 0

    # -- life ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the session and start to supervise it, on the running loop."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                await self._session.open()
        except TimeoutError as error:
            self._session.close()
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} accepted a connection, but did not open a "
                f"session within {self._timeout:g} s. It is stopped or busy.",
                address=str(self._address),
            ) from error
        except BaseException:
            self._session.close()
            raise
        self._known_session = self._session.session_id
        self._set_status("connected")
        self._supervisor = asyncio.create_task(self._supervise(), name="graph-supervisor")

    def shut(self) -> None:
        """End the session at once; the server drops what it owned. Idempotent."""
        if self._supervisor is not None:
            self._supervisor.cancel()
        self._let_go()

    def _let_go(self) -> None:
        self._session.close()
        self._set_status("closed")

    @property
    def owning_loop(self) -> asyncio.AbstractEventLoop | None:
        return self._loop

    @property
    def address(self) -> Address:
        return self._address

    @property
    def graph_address(self) -> Address:
        return self._address

    @property
    def status(self) -> Status:
        """``"connected"``, ``"reconnecting"`` or ``"closed"``."""
        return self._status

    @property
    def server_version(self) -> str:
        """Version of ezmsg that the server runs, as it greeted us last."""
        return self._server_version

    @property
    def session_id(self) -> UUID | None:
        return self._session.session_id

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know about this connection."""
        found = []
        if self._server_version and release_line(self._server_version) != release_line(
            EZMSG_VERSION
        ):
            found.append(
                f"The server runs ezmsg {self._server_version}, this kernel {EZMSG_VERSION}: what "
                f"only the other one knows is shown as text."
            )
        if not self._address.is_loopback:
            found.append(
                f"{self._address} is another machine: the protocol carries pickles and has no "
                f"authentication. Tunnel it (ssh -L {self._address.port}:127.0.0.1:"
                f"{self._address.port} {self._address.host}) on a network that you don't trust."
            )
        return (*found, *self._notes)

    def on_status(self, listener: Callable[[Status], None]) -> None:
        """Call `listener` on the context's loop at each change of `status`."""
        self._listeners.append(listener)

    def _set_status(self, status: Status) -> None:
        if status == self._status:
            return
        self._status = status
        for listener in list(self._listeners):
            listener(status)

    async def open_connection(self) -> Connection:
        connection = await open_connection(self._address, timeout=self._timeout)
        self._server_version = connection.server_version
        ended = [known for known in self._connections if not known.is_open]
        self._bytes_of_ended += sum(known.bytes_received for known in ended)
        self._connections = [known for known in self._connections if known not in ended]
        self._connections.append(connection)
        return connection

    @property
    def bytes_received(self) -> int:
        """Bytes that the server has sent, over all connections since the first."""
        return self._bytes_of_ended + sum(known.bytes_received for known in self._connections)

    async def open_stream_connection(self) -> Connection:
        """A connection for a subscription; refused once the link is closed."""
        self._refuse_closed("a subscription")
        return await self.open_connection()

    async def _supervise(self) -> None:
        try:
            await self._keep_session()
        finally:
            # A loop that ends cancels us: nobody can close what is still open after that.
            self._let_go()

    async def _keep_session(self) -> None:
        """Notice the end or the silence of the main session; open a new one in its place."""
        pause_s = RECONNECT_FIRST_S
        while True:
            connection = self._session.connection
            if connection is not None and connection.is_open:
                await self._take_up_session()
                self._set_status("connected")
                pause_s = RECONNECT_FIRST_S
                await self._watch(connection)
            self._set_status("reconnecting")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RECONNECT_LONGEST_S)
            with contextlib.suppress(GraphError, TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await self._session.open()

    async def _take_up_session(self) -> None:
        """Have what the former session owned made again, where this one is another."""
        former, self._known_session = self._known_session, self._session.session_id
        if former is not None and former != self._known_session:
            with contextlib.suppress(GraphError, TimeoutError):
                await self._session_renewed(former)

    async def _session_renewed(self, former: UUID) -> None:
        """Called when another session stands in for one that ended."""

    async def _watch(self, connection: Connection) -> None:
        """Return when a connection ends; say meanwhile whether the server answers."""
        while connection.is_open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_EVERY_S):
                    await connection.wait_ended()
                    return
            received = connection.bytes_received
            try:
                async with asyncio.timeout(HEARTBEAT_TIMEOUT_S):
                    await self._session.exchange(*_HEARTBEAT, framed=False)
            except (TimeoutError, GraphError):
                # A long answer that is still coming in is no silence.
                if connection.bytes_received == received:
                    self._set_status("reconnecting")
                    continue
            self._set_status("connected")

    async def command(
        self,
        command: Command,
        *arguments: bytes,
        framed: bool = False,
        timeout: float = REQUEST_TIMEOUT_S,
    ) -> bytes:
        """Send one command on the main session and return its answer.

        Raises
        ------
        ClosedError, RequestTimeoutError, ConnectionLostError, GraphServerUnavailableError
        """
        self._refuse_closed(command.name)
        try:
            async with asyncio.timeout(timeout):
                return await self._session.exchange(command.value, *arguments, framed=framed)
        except TimeoutError as error:
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"The GraphServer at {self._address} did not answer {command.name} within "
                f"{timeout:g} s. It is stopped, or another client holds its lock.",
                address=str(self._address),
                operation=command.name,
            ) from error

    async def read(self, command: Command, *arguments: bytes, expected: type[T]) -> T:
        """Send a command whose answer is one pickled value of a known type.

        Raises
        ------
        InvalidResponseError
            The answer is of another type.
        """
        return self.decoded(await self.command(command, *arguments, framed=True), command, expected)

    def decoded(self, payload: bytes, command: Command, expected: type[T]) -> T:
        """The value of an answer.

        Raises
        ------
        InvalidResponseError
            It is of another type.
        """
        value = safe_pickle.decode(payload)
        if not isinstance(value, expected):
            raise InvalidResponseError(
                f"The GraphServer at {self._address} answered {command.name} with a "
                f"{type(value).__name__} in place of a {expected.__name__}.",
                address=str(self._address),
                operation=command.name,
            )
        return value

    def _refuse_closed(self, what: str) -> None:
        if self._status == "closed":
            raise ClosedError(
                f"The connection to {self._address} was closed here, so {what} is not possible; "
                f"open a new one.",
                address=str(self._address),
                operation=what,
            )
