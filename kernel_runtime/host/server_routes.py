"""What a GraphServer sends to publishers, subscribers and processes: never waited for while
it holds the lock, and bounded where the client does not read."""

from __future__ import annotations

import asyncio
import logging
import math
import pickle
from typing import Any, cast
from uuid import UUID, uuid1

from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlRequest,
    ProcessControlResponse,
)
from ezmsg.core.netprotocol import (
    Command,
    SubscriberInfo,
    read_int,
    read_str,
    uint64_to_bytes,
)

from .passing_pickle import encode
from .server_connections import CommandError, Connection
from .server_messages import PassingGraphServer
from .server_outbox import AckLane, Outbox
from .server_updates import UpdateNotifier

logger = logging.getLogger("ezmsg")

_LONGEST_WAIT_S = 3600.0
_REQUESTER_CHECK_S = 0.5


class RoutingGraphServer(PassingGraphServer):
    """A GraphServer whose clients wait for nobody but whom they asked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lanes: dict[UUID, AckLane] = {}
        self._outboxes: dict[UUID, Outbox] = {}
        self._updates = UpdateNotifier(self._publisher_ids_of)

    async def _notify_downstream_for_topic(self, topic: str) -> None:
        if subscribers := self._downstream_subs(topic):
            await _all(self._updates.tell(subscribers))

    async def _notify_subscriber(self, sub: SubscriberInfo) -> None:
        await _all(self._updates.tell((sub,)))

    def _publisher_ids_of(self, topic: str) -> list[UUID]:
        return [publisher.id for publisher in self._upstream_pubs(topic)]

    async def _write_process_response(
        self,
        process_client_id: UUID,
        fallback_writer: asyncio.StreamWriter,
        response: bytes,
    ) -> None:
        await self._outboxes[process_client_id].send(response)

    async def _handle_session_process_request(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        unit_address = await read_str(reader)
        operation = await read_str(reader)
        timeout_s = float(await read_str(reader))
        payload = await reader.readexactly(await read_int(reader))
        if math.isnan(timeout_s):
            raise CommandError("asks for a timeout that is not a number")
        routing = asyncio.create_task(
            self._route_process_request(
                unit_address, operation, payload or None, min(timeout_s, _LONGEST_WAIT_S)
            )
        )
        try:
            while not routing.done():
                await asyncio.wait((routing,), timeout=_REQUESTER_CHECK_S)
                if cast(Connection, reader).reader.at_eof():
                    raise ConnectionResetError("the requester is gone")
        finally:
            routing.cancel()
        response = encode(routing.result())
        writer.writelines((uint64_to_bytes(len(response)), response, Command.COMPLETE.value))

    async def _route_process_request(
        self, unit_address: str, operation: str, payload: bytes | None, timeout: float
    ) -> ProcessControlResponse:
        request_id = str(uuid1())
        process = self._process_for_unit(unit_address)
        if process is None:
            return ProcessControlResponse(
                request_id=request_id,
                ok=False,
                error=f"No process owns unit '{unit_address}'",
                error_code=ProcessControlErrorCode.UNROUTABLE_UNIT,
            )

        def failed(code: ProcessControlErrorCode, text: str) -> ProcessControlResponse:
            return ProcessControlResponse(
                request_id=request_id,
                ok=False,
                error=text,
                error_code=code,
                process_id=self._process_key(process.id),
            )

        request = pickle.dumps(ProcessControlRequest(request_id, unit_address, operation, payload))
        parcel = self._outboxes[process.id].hand_in(
            b"".join((Command.PROCESS_ROUTE_REQUEST.value, uint64_to_bytes(len(request)), request))
        )
        if parcel is None:
            return failed(
                ProcessControlErrorCode.ROUTE_WRITE_FAILED,
                "Failed to route request to owning process: it is going, or does not read and "
                "has too much waiting for it already",
            )
        answer: asyncio.Future[ProcessControlResponse] = asyncio.get_running_loop().create_future()
        self._pending_process_requests[request_id] = (process.id, answer)
        try:
            await asyncio.wait((answer,), timeout=max(0.0, timeout))
            if answer.done():
                return answer.result()
        finally:
            self._pending_process_requests.pop(request_id, None)
            outbox = self._outboxes.get(process.id)
            unsent = not answer.done() and outbox is not None and outbox.take_back(parcel)
        text = (
            f"Timed out waiting for process response (unit={unit_address}, "
            f"operation={operation}, timeout={timeout}s)"
        )
        if unsent:
            text += "; the process was sent nothing of it, and won't be"
        return failed(ProcessControlErrorCode.TIMEOUT, text)


async def _all(asked: list[asyncio.Future[None]]) -> None:
    for one in asked:
        await one
