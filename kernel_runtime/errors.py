"""Everything that can go wrong with a graph, as one exception tree.

::

    GraphError
    ├── GraphServerUnavailableError    nothing answers at the address
    ├── ConnectionLostError            the connection ended while it was in use
    ├── RequestTimeoutError            no answer within the deadline
    ├── UnroutableUnitError            no connected process owns the unit
    ├── ProcessDisconnectedError       the owning process left before it answered
    ├── UnsupportedOperationError      the process does not know the operation
    ├── HandlerError                   the process tried, and its handler failed
    ├── InvalidResponseError           an answer that is not what the protocol says
    ├── AddressCollisionError          a component address is held by another session
    ├── CyclicConnectionError          a connection would close a cycle
    ├── SettingsRejectedError          a settings value refused before it was sent
    ├── SettingsNotAppliedError        a settings value sent, but not known to be in force
    ├── UnsafePayloadError             a message that can't be read without running its code
    ├── HostStartError                 a graph of our host did not start
    └── ClosedError                    the context or graph was closed here

Each carries what is known of ``address`` (``"host:port"`` of the GraphServer), ``unit``,
``field``, ``process_id`` and ``operation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ezmsg.core.dag import CyclicException
from ezmsg.core.graphmeta import ProcessControlErrorCode


class GraphError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What happened, to what, and what to do next. Never empty.
    address, unit, field, process_id, operation
        What the error is about, where known.
    """

    def __init__(
        self,
        message: str,
        *,
        address: str | None = None,
        unit: str | None = None,
        field: str | None = None,
        process_id: str | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.address = address
        self.unit = unit
        self.field = field
        self.process_id = process_id
        self.operation = operation

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))


def _rebuild(cls: type[GraphError], message: str, state: dict[str, object]) -> GraphError:
    error = cls(message)
    error.__dict__.update(state)
    return error


class GraphServerUnavailableError(GraphError):
    """Nothing that speaks ezmsg's protocol answers at the address."""


class ConnectionLostError(GraphError):
    """The connection to the GraphServer ended while a request or stream used it."""


class RequestTimeoutError(GraphError, TimeoutError):
    """No answer came within the deadline; what was asked may still happen later."""


class UnroutableUnitError(GraphError):
    """No process that is connected to the GraphServer owns the unit."""


class ProcessDisconnectedError(GraphError):
    """The process that owns the unit left, or could not be reached, before it answered."""


class UnsupportedOperationError(GraphError):
    """The owning process does not support the operation for this unit."""


class HandlerError(GraphError):
    """The owning process tried to do what was asked and its handler failed."""


class InvalidResponseError(GraphError):
    """An answer came that is not what the protocol says."""


class AddressCollisionError(GraphError):
    """A component address is already registered by another session."""


class CyclicConnectionError(GraphError, CyclicException):
    """A connection was refused because it would close a cycle; the message names it."""


class SettingsRejectedError(GraphError, ValueError):
    """A settings value was refused here, before anything was sent."""


class SettingsNotAppliedError(GraphError):
    """A settings value was sent and is not, or not known to be, in force.

    ``held`` has what the unit itself holds in its place, by field path, where the unit
    could be asked.
    """

    held: Mapping[str, Any] | None = None


class UnsafePayloadError(GraphError):
    """A message can't be read without running code that came with it."""


class HostStartError(GraphError):
    """A graph in a host process of ours did not start; nothing of it is left running."""


class ClosedError(GraphError):
    """The context, stream or graph was closed on this side."""


ERROR_FOR_CODE: dict[ProcessControlErrorCode, type[GraphError]] = {
    ProcessControlErrorCode.UNROUTABLE_UNIT: UnroutableUnitError,
    ProcessControlErrorCode.ROUTE_WRITE_FAILED: ProcessDisconnectedError,
    ProcessControlErrorCode.TIMEOUT: RequestTimeoutError,
    ProcessControlErrorCode.PROCESS_DISCONNECTED: ProcessDisconnectedError,
    ProcessControlErrorCode.UNSUPPORTED_OPERATION: UnsupportedOperationError,
    ProcessControlErrorCode.HANDLER_NOT_CONFIGURED: UnsupportedOperationError,
    ProcessControlErrorCode.HANDLER_ERROR: HandlerError,
    ProcessControlErrorCode.INVALID_RESPONSE: InvalidResponseError,
}
"""Each error code of ezmsg's process control, and the exception that stands for it."""
