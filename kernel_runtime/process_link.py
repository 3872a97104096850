"""The control connection of this process: requests that the GraphServer routes to it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pickle
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlOperation,
    ProcessControlRequest,
    ProcessControlResponse,
    ProcessPing,
    ProcessRegistration,
    ProcessStats,
    ProfilingTraceControl,
)
from ezmsg.core.netprotocol import Command
from ezmsg.core.profiling import PROFILES

from . import safe_pickle
from .context import KernelGraphContext
from .errors import ClosedError, GraphError, RequestTimeoutError, SettingsRejectedError
from .profiling.trace_control import check_trace_control
from .refusals import ownership_error
from .soundness import is_sound
from .streams import RECONNECT_FIRST_S, RECONNECT_LONGEST_S
from .wire import Connection, payload_argument

REGISTER_TIMEOUT_S = 5.0
TRACE_PUSH_EVERY_S = 0.02
TRACE_PUSH_SAMPLES = 5000
MOST_REQUESTS_AT_ONCE = 64
"""Requests beyond are refused at once, so that nobody fills the memory of this process."""

_UNSUPPORTED = ProcessControlErrorCode.UNSUPPORTED_OPERATION
_INVALID = ProcessControlErrorCode.INVALID_RESPONSE
_FAILED = ProcessControlErrorCode.HANDLER_ERROR


class ProcessLink:
    """Registers one unit as owned by this process, and answers for it.

    Parameters
    ----------
    context
        Opens connections, and lives on the loop that this runs on.
    unit
        Address of the unit.
    operations
        Custom operations by name.
    endpoint_ids
        Says which endpoints of this process belong to the unit, for profiling.
    """

    def __init__(
        self,
        context: KernelGraphContext,
        unit: str,
        operations: Mapping[str, Callable[[bytes], bytes | Awaitable[bytes]]],
        endpoint_ids: Callable[[], set[str]],
    ) -> None:
        for name in operations:
            if name in ProcessControlOperation.__members__:
                raise ValueError(f"{name} is an operation of ezmsg, and is answered already")
        self._context = context
        self._unit = unit
        self._operations = operations
        self._endpoint_ids = endpoint_ids
        self._connection: Connection | None = None
        self._server: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._tracing: asyncio.Task[None] | None = None
        self.process_id: UUID | None = None
        self.on_registered: Callable[[], Awaitable[None]] | None = None

    async def open(self) -> None:
        """Register, and answer from now on.

        Raises
        ------
        AddressCollisionError
            Another process owns the unit.
        """
        connection = await self._register()
        self._server = asyncio.create_task(self._supervise(connection), name="kernel-process")

    async def close(self) -> None:
        """Leave: the GraphServer drops what this process owned."""
        tasks = [task for task in (self._server, self._tracing, *self._answering) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._tracing is not None:
            PROFILES.set_trace_control(ProfilingTraceControl(enabled=False))
        if self._connection is not None:
            self._connection.abort()
        self._server = self._tracing = self._connection = None

    async def _register(self) -> Connection:
        connection = await self._context.open_stream_connection()
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT_S):
                self.process_id = await connection.open_client(Command.PROCESS)
                registration = ProcessRegistration(
                    pid=os.getpid(), host=socket.gethostname(), units=[self._unit]
                )
                await connection.send(
                    Command.PROCESS_REGISTER.value, payload_argument(pickle.dumps(registration))
                )
                answer = await connection.read_byte()
        except TimeoutError as error:
            connection.abort()
            if isinstance(error, GraphError):
                raise
            raise RequestTimeoutError(
                f"The GraphServer at {self._context.address} did not register {self._unit!r} "
                f"within {REGISTER_TIMEOUT_S:g} s.",
                address=str(self._context.address),
                unit=self._unit,
            ) from error
        except BaseException:
            connection.abort()
            raise
        if answer != Command.COMPLETE.value:
            connection.abort()
            raise ownership_error(
                self._unit, await self._context.snapshot(), str(self._context.address)
            )
        self._connection = connection
        return connection

    async def _supervise(self, connection: Connection) -> None:
        try:
            await self._keep_registered(connection)
        finally:
            # A loop that ends cancels us: nobody can close what is still open after that.
            if self._connection is not None:
                self._connection.abort()

    async def _keep_registered(self, connection: Connection) -> None:
        while True:
            with contextlib.suppress(GraphError):
                await self._serve(connection)
            connection.abort()
            pause_s = RECONNECT_FIRST_S
            while not connection.is_open:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RECONNECT_LONGEST_S)
                try:
                    connection = await self._register()
                except ClosedError:
                    return
                except GraphError:
                    continue
            if self.on_registered is not None:
                await self.on_registered()

    async def _serve(self, connection: Connection) -> None:
        while True:
            command = await connection.read_byte()
            if command != Command.PROCESS_ROUTE_REQUEST.value:
                # Nothing else is ever sent here; the stream is out of step.
                return
            try:
                request = safe_pickle.decode(await connection.read_frame())
            except GraphError:
                if not connection.is_open:
                    raise
                continue
            if not (isinstance(request, ProcessControlRequest) and is_sound(request)):
                continue
            if len(self._answering) >= MOST_REQUESTS_AT_ONCE:
                refusal = _failure(request, "too many requests at once", _FAILED)
                await self._send(connection, Command.PROCESS_ROUTE_RESPONSE, refusal)
                continue
            task = asyncio.create_task(self._answer(connection, request))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, connection: Connection, request: ProcessControlRequest) -> None:
        try:
            response = await self._response(request)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            response = _failure(request, f"process request handler failed: {said}", _FAILED)
        response.process_id = self.process_id
        with contextlib.suppress(GraphError):
            await self._send(connection, Command.PROCESS_ROUTE_RESPONSE, response)

    async def _send(self, connection: Connection, command: Command, value: object) -> None:
        await connection.send(command.value, payload_argument(pickle.dumps(value)))

    async def _response(self, request: ProcessControlRequest) -> ProcessControlResponse:
        name = str(getattr(request.operation, "value", request.operation))
        handler = self._operations.get(name)
        if handler is not None:
            result = handler(request.payload or b"")
            answer: object = await result if inspect.isawaitable(result) else result
            if not isinstance(answer, bytes):
                what = f"the operation {name} returned a {type(answer).__name__}, not bytes"
                return _failure(request, what, _INVALID)
            return ProcessControlResponse(request.request_id, ok=True, payload=answer)
        if name == ProcessControlOperation.SET_PROFILING_TRACE.value:
            return self._set_trace(request)
        found = self._about_itself(name, request)
        if found is None:
            what = f"Unsupported process control operation: {name}"
            return _failure(request, what, _UNSUPPORTED)
        return ProcessControlResponse(request.request_id, ok=True, payload=pickle.dumps(found))

    def _about_itself(self, name: str, request: ProcessControlRequest) -> object | None:
        process_id = self.process_id
        assert process_id is not None
        whose: dict[str, Any] = {
            "process_id": process_id,
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        if name == ProcessControlOperation.PING.value:
            return ProcessPing(**whose, timestamp=time.time())
        if name == ProcessControlOperation.GET_PROCESS_STATS.value:
            return ProcessStats(**whose, owned_units=[self._unit], timestamp=time.time())
        if name == ProcessControlOperation.GET_PROFILING_SNAPSHOT.value:
            snapshot = PROFILES.snapshot()
            own = self._endpoint_ids()
            # Endpoints of another graph that this kernel watches are not this unit's.
            return replace(
                snapshot,
                **whose,
                publishers={key: one for key, one in snapshot.publishers.items() if key in own},
                subscribers={key: one for key, one in snapshot.subscribers.items() if key in own},
            )
        if name == ProcessControlOperation.GET_PROFILING_TRACE_BATCH.value:
            wanted = safe_pickle.decode(request.payload) if request.payload else 1000
            most = wanted if type(wanted) is int and wanted > 0 else 1000
            return replace(PROFILES.trace_batch(max_samples=most), **whose)
        return None

    def _set_trace(self, request: ProcessControlRequest) -> ProcessControlResponse:
        try:
            control = safe_pickle.decode(request.payload or b"")
            check_trace_control(control, self._unit)
        except (GraphError, SettingsRejectedError) as error:
            return _failure(request, f"Invalid profiling trace control: {error}", _INVALID)
        PROFILES.set_trace_control(control)
        if control.enabled and (self._tracing is None or self._tracing.done()):
            self._tracing = asyncio.create_task(self._push_traces(), name="kernel-process-trace")
        return ProcessControlResponse(request.request_id, ok=True)

    async def _push_traces(self) -> None:
        """Send samples to the GraphServer until tracing is off or its time is over."""
        while PROFILES.trace_enabled():
            await asyncio.sleep(TRACE_PUSH_EVERY_S)
            batch = PROFILES.trace_batch(max_samples=TRACE_PUSH_SAMPLES)
            connection = self._connection
            if batch.samples and connection is not None and self.process_id is not None:
                batch = replace(batch, process_id=self.process_id, pid=os.getpid())
                with contextlib.suppress(GraphError):
                    await self._send(connection, Command.PROCESS_PROFILING_TRACE_UPDATE, batch)


def _failure(
    request: ProcessControlRequest, error: str, code: ProcessControlErrorCode
) -> ProcessControlResponse:
    return ProcessControlResponse(request.request_id, ok=False, error=error, error_code=code)
