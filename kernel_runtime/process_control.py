"""Requests that the GraphServer routes to the process that owns a unit."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast
from uuid import UUID

from ezmsg.core.graphmeta import (
    GraphSnapshot,
    ProcessControlErrorCode,
    ProcessControlOperation,
    ProcessControlResponse,
)

from . import safe_pickle
from .errors import (
    ERROR_FOR_CODE,
    GraphError,
    HandlerError,
    InvalidResponseError,
    RequestTimeoutError,
    SettingsRejectedError,
    UnroutableUnitError,
    UnsupportedOperationError,
)
from .lanes import Lane
from .session import OpenConnection
from .soundness import is_graph_data, is_sound

T = TypeVar("T")

_WHAT_TO_DO: dict[type[GraphError], str] = {
    UnroutableUnitError: "Is the name right (see units()), and does its process still run?",
    RequestTimeoutError: "The process may be stopped or busy; it may still carry it out later.",
    UnsupportedOperationError: "The unit has no INPUT_SETTINGS, or its process is of a version "
    "that does not know the operation.",
    HandlerError: "The log of the unit's process may tell more.",
}


class ProcessControl:
    """Routes requests over one lane per process, and turns failures into exceptions.

    Parameters
    ----------
    address
        Of the GraphServer, for messages.
    open_connection
        Opens a connection for a lane.
    snapshot
        Reads which process owns which unit.
    """

    def __init__(
        self,
        address: str,
        open_connection: OpenConnection,
        snapshot: Callable[[], Awaitable[GraphSnapshot]],
    ) -> None:
        self._address = address
        self._open_connection = open_connection
        self._snapshot = snapshot
        self._lanes: dict[UUID | None, Lane] = {}
        self._process_of_unit: dict[str, UUID] = {}

    async def request(
        self,
        unit: str,
        operation: ProcessControlOperation | str,
        payload: bytes | None,
        payload_obj: object | None,
        timeout: float,
    ) -> ProcessControlResponse:
        """Send a request and return the response, also one that says ``ok=False``.

        Raises
        ------
        ValueError
            Both payloads given, or a timeout that is not a positive number.
        SettingsRejectedError
            The payload can't be pickled, or is too large to be sent safely.
        RequestTimeoutError, ConnectionLostError, GraphServerUnavailableError,
        InvalidResponseError
        """
        if payload is not None and payload_obj is not None:
            raise ValueError("Specify only one of payload or payload_obj")
        if not timeout > 0:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        name = operation.value if isinstance(operation, ProcessControlOperation) else operation
        if payload_obj is not None:
            payload = self._pickled(unit, name, payload_obj)
        lane = await self._lane_for(unit)
        raw = await lane.request(unit, name, payload or b"", timeout=timeout)
        response = safe_pickle.decode(raw)
        if not isinstance(response, ProcessControlResponse) or not is_sound(response):
            raise InvalidResponseError(
                f"{name} for {unit!r} was answered with a {type(response).__name__} that is not "
                f"the response that the protocol says.",
                address=self._address,
                unit=unit,
                operation=name,
            )
        if not response.ok and response.error_code in (
            ProcessControlErrorCode.UNROUTABLE_UNIT,
            ProcessControlErrorCode.PROCESS_DISCONNECTED,
            ProcessControlErrorCode.ROUTE_WRITE_FAILED,
        ):
            # Ownership has changed since it was looked up.
            self._process_of_unit.pop(unit, None)
        return response

    def payload(
        self,
        response: ProcessControlResponse,
        expected: type[T],
        unit: str | None = None,
        operation: str = "The request",
    ) -> T:
        """The decoded payload of a response.

        Raises
        ------
        GraphError
            The subclass that stands for the response's error code.
        InvalidResponseError
            No payload, or one of another type.
        """
        self.check(response, unit, operation)
        if response.payload is None:
            raise self._invalid(response, unit, operation, "no payload")
        decoded = safe_pickle.decode(response.payload)
        if not isinstance(decoded, expected):
            raise self._invalid(
                response,
                unit,
                operation,
                f"a {type(decoded).__name__} in place of a {expected.__name__}",
            )
        if is_graph_data(decoded) and not is_sound(decoded):
            raise self._invalid(
                response, unit, operation, f"a {expected.__name__} whose fields are not its own"
            )
        return decoded

    def check(self, response: ProcessControlResponse, unit: str | None, operation: str) -> None:
        """Raise the error that a response stands for; return where it is ok."""
        if response.ok:
            return
        code = response.error_code
        kind = ERROR_FOR_CODE.get(cast(ProcessControlErrorCode, code), InvalidResponseError)
        said = response.error or "no reason given"
        label = code.value if isinstance(code, ProcessControlErrorCode) else "no error code"
        hint = _WHAT_TO_DO.get(kind, "")
        raise kind(
            f"{operation}{_for(unit)} failed ({label}): {said}. {hint}".rstrip(),
            address=self._address,
            unit=unit,
            operation=operation,
            process_id=str(response.process_id) if response.process_id else None,
        )

    def silent_since(self, process_id: UUID) -> float | None:
        """``time.monotonic()`` since when a process has not answered us, None where it does."""
        lane = self._lanes.get(process_id)
        return lane.silent_since if lane is not None else None

    def learn(self, snapshot: GraphSnapshot) -> None:
        """Take note of who owns what; lanes to processes that are gone are closed."""
        self._process_of_unit = {
            unit: process.process_id
            for process in snapshot.processes.values()
            for unit in process.units
        }
        present = {process.process_id for process in snapshot.processes.values()}
        for process_id in [key for key in self._lanes if key is not None and key not in present]:
            self._lanes.pop(process_id).close()

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    async def _lane_for(self, unit: str) -> Lane:
        process_id = self._process_of_unit.get(unit)
        if process_id is None:
            self.learn(await self._snapshot())
            process_id = self._process_of_unit.get(unit)
        lane = self._lanes.get(process_id)
        if lane is None:
            # Units that nobody owns share one lane, where the server says so.
            lane = self._lanes[process_id] = Lane(self._open_connection, self._address)
        return lane

    def _pickled(self, unit: str, operation: str, value: object) -> bytes:
        try:
            return pickle.dumps(value)
        except Exception as error:
            raise SettingsRejectedError(
                f"The value for {operation} of {unit!r} can't be sent, since it can't be "
                f"pickled: {error}",
                address=self._address,
                unit=unit,
                operation=operation,
            ) from error

    def _invalid(
        self, response: ProcessControlResponse, unit: str | None, operation: str, what: str
    ) -> InvalidResponseError:
        return InvalidResponseError(
            f"{operation}{_for(unit)} was answered with {what}.",
            address=self._address,
            unit=unit,
            operation=operation,
            process_id=str(response.process_id) if response.process_id else None,
        )


def _for(unit: str | None) -> str:
    return f" for {unit!r}" if unit is not None else ""
