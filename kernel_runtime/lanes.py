"""One session per target process, so that a stopped process delays nobody else.

A session of the GraphServer serves one request at a time: with one unit process stopped, a
request to a healthy one on the same session waited 2.96 s of a 3 s timeout (measured). So
each process gets a session of its own here, opened at first use.
"""

from __future__ import annotations

import asyncio
import time

from ezmsg.core.graphmeta import ProcessControlOperation
from ezmsg.core.netprotocol import Command

from .errors import GraphError, RequestTimeoutError, SettingsRejectedError
from .session import OpenConnection, Session
from .wire import payload_argument, text_argument

GRACE_S = 0.05
"""How much longer than the server's own timeout we wait for the server to say so."""

MAX_PAYLOAD_BYTES = 1024 * 1024
"""Largest payload that is sent to a process: the server holds its one lock while it writes."""

SMALL_PAYLOAD_BYTES = 4096
"""Payloads up to this size fit a stopped process' socket buffer many times over."""

TRUSTED_FOR_S = 1.0
"""How long an answer counts as proof that a process reads its control connection."""

PROBE_TIMEOUT_S = 0.5

_PING = ProcessControlOperation.PING.value


class Lane:
    """Requests to one process, in order, over a session of their own.

    After a request that was not answered the process counts as silent: it is sent one small
    ping before anything else, because what a stopped process does not read piles up in the
    server, and a full socket buffer freezes the server for everybody (measured: one edit of
    12 MB, or 115 of 50 kB).
    """

    def __init__(self, open_connection: OpenConnection, address: str) -> None:
        self._session = Session(open_connection)
        self._address = address
        self._turn = asyncio.Lock()
        self._last_answer = 0.0
        self.silent_since: float | None = None

    async def request(
        self, unit: str, operation: str, payload: bytes = b"", *, timeout: float
    ) -> bytes:
        """Ask the process that owns a unit, and return its pickled response.

        Parameters
        ----------
        unit, operation
            Whose process is asked, and what.
        payload
            Argument of the operation, already encoded.
        timeout
            Seconds for all of it: waiting for earlier requests, sending, the answer.

        Raises
        ------
        RequestTimeoutError
            No answer in time; the message tells a silent process from a silent server.
        ConnectionLostError, GraphServerUnavailableError, SettingsRejectedError
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise SettingsRejectedError(
                f"The value for {unit!r} takes {len(payload)} bytes; more than "
                f"{MAX_PAYLOAD_BYTES} bytes are not sent, since the GraphServer serves nobody "
                f"else while it passes them on.",
                address=self._address,
                unit=unit,
                operation=operation,
            )
        deadline = time.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout + GRACE_S), self._turn:
                if operation != _PING and self._needs_proof(payload):
                    left = min(PROBE_TIMEOUT_S, deadline - time.monotonic())
                    await self._exchange(unit, _PING, b"", left)
                    if self.silent_since is not None:
                        raise self._process_silent(unit, operation)
                left = deadline - time.monotonic()
                return await self._exchange(unit, operation, payload, left)
        except TimeoutError as error:
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"No answer to {operation} for {unit!r} within {timeout:g} s, not even from the "
                f"GraphServer at {self._address}: it is stopped, busy or unreachable, or earlier "
                f"requests to this process still wait. It may still be carried out.",
                address=self._address,
                unit=unit,
                operation=operation,
            ) from error

    def _needs_proof(self, payload: bytes) -> bool:
        if self.silent_since is not None:
            return True
        stale = time.monotonic() - self._last_answer > TRUSTED_FOR_S
        return stale and len(payload) > SMALL_PAYLOAD_BYTES

    async def _exchange(self, unit: str, operation: str, payload: bytes, left_s: float) -> bytes:
        server_timeout_s = max(0.01, left_s)
        asked = time.monotonic()
        try:
            response = await self._session.exchange(
                Command.SESSION_PROCESS_REQUEST.value,
                text_argument(unit),
                text_argument(operation),
                text_argument(f"{server_timeout_s:.4f}"),
                payload_argument(payload),
                framed=True,
            )
        except asyncio.CancelledError:
            self.silent_since = self.silent_since or asked
            raise
        answered = time.monotonic()
        if answered - asked < server_timeout_s:
            self._last_answer = answered
            self.silent_since = None
        else:
            # Only the server answered, to say that its timeout ran out.
            self.silent_since = self.silent_since or asked
        return response

    def _process_silent(self, unit: str, operation: str) -> RequestTimeoutError:
        silent_s = time.monotonic() - (self.silent_since or time.monotonic())
        return RequestTimeoutError(
            f"The process of {unit!r} has not answered for {silent_s:.1f} s, so {operation} was "
            f"not sent to it. It may be stopped, or busy in a call that holds its event loop.",
            address=self._address,
            unit=unit,
            operation=operation,
        )

    def close(self) -> None:
        self._session.close()
