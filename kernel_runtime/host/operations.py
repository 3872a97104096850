"""A process-control operation of our hosts: what a unit made of its settings.

ezmsg acknowledges a settings edit when the owning process has published it; whether the
unit's handler took it is known only to the unit. A process of our host counts and answers.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ezmsg.core.backendprocess import Complete, NormalTermination
from ezmsg.core.graphmeta import (
    ProcessControlErrorCode,
    ProcessControlOperation,
    ProcessControlRequest,
    ProcessControlResponse,
)
from ezmsg.core.processclient import ProcessControlClient
from ezmsg.core.settingsmeta import settings_structured_value
from ezmsg.core.unit import Unit

from .settings_patches import SettingsPatches

UNIT_SETTINGS = "ezmsg_nb.unit_settings"
"""Operation name. No payload; the response's payload is a pickled dict, see `SettingsOutcome`."""

MANY_FIELDS = "*"
"""Field path of an edit of several fields at once: its value is a dict of path -> value.

No settings class has a field of this name. Processes of our host understand it; others
refuse it, since they know no such field.
"""

RequestHandler = Callable[
    [ProcessControlRequest], ProcessControlResponse | Awaitable[ProcessControlResponse]
]


@dataclass(slots=True)
class SettingsOutcome:
    """What the settings handlers of one unit did so far.

    Attributes
    ----------
    received
        Calls of a settings handler that began.
    finished
        Calls that ended, in whatever way; fewer than `received` while one runs.
    failed
        Calls that ended by an exception.
    error, traceback
        The last failure; None again after a call that went well.
    """

    received: int = 0
    finished: int = 0
    failed: int = 0
    error: str | None = None
    traceback: str | None = None

    def begin(self) -> None:
        self.received += 1

    def end_well(self) -> None:
        self.finished += 1
        self.error = None
        self.traceback = None

    def end_badly(self, error: Exception) -> None:
        self.finished += 1
        self.failed += 1
        self.error = f"{type(error).__name__}: {error}"
        self.traceback = "".join(traceback.format_exception(error))


async def observe_call(outcome: SettingsOutcome, call: Awaitable[object]) -> None:
    """Await a settings handler and note how it ended."""
    outcome.begin()
    try:
        await call
    except (Complete, NormalTermination):
        outcome.end_well()
        raise
    except Exception as error:
        outcome.end_badly(error)
        raise
    except BaseException:
        outcome.finished += 1
        raise
    outcome.end_well()


async def observe_stream(
    outcome: SettingsOutcome, stream: AsyncGenerator[Any, None]
) -> AsyncGenerator[Any, None]:
    """Pass on what a settings handler publishes and note how it ended."""
    outcome.begin()
    try:
        async for item in stream:
            yield item
    except (Complete, NormalTermination):
        outcome.end_well()
        raise
    except Exception as error:
        outcome.end_badly(error)
        raise
    except BaseException:
        outcome.finished += 1
        raise
    outcome.end_well()


def answer_unit_settings(
    request: ProcessControlRequest,
    units: Mapping[str, Unit],
    outcomes: Mapping[str, SettingsOutcome],
) -> ProcessControlResponse:
    """Answer a `UNIT_SETTINGS` request from what is known now."""
    unit = units.get(request.unit_address)
    if unit is None:
        return ProcessControlResponse(
            request_id=request.request_id,
            ok=False,
            error=f"Unit '{request.unit_address}' does not run in this process",
            error_code=ProcessControlErrorCode.UNROUTABLE_UNIT,
        )
    outcome = outcomes.get(request.unit_address, SettingsOutcome())
    settings = unit.SETTINGS
    answer: dict[str, object] = {
        "received": outcome.received,
        "finished": outcome.finished,
        "failed": outcome.failed,
        "error": outcome.error,
        "traceback": outcome.traceback,
        "structured": settings_structured_value(settings),
        "has_settings": settings is not None,
    }
    return ProcessControlResponse(
        request_id=request.request_id, ok=True, payload=pickle.dumps(answer)
    )


def process_control_type(
    units: Mapping[str, Unit],
    outcomes: Mapping[str, SettingsOutcome],
    patches: SettingsPatches,
) -> type[ProcessControlClient]:
    """Return a ``ProcessControlClient`` that also answers `UNIT_SETTINGS` for these units.

    It tells `patches` of the edits that it takes.
    """

    class HostedProcessControl(ProcessControlClient):
        def set_request_handler(self, handler: RequestHandler | None) -> None:
            def answer(
                request: ProcessControlRequest,
            ) -> ProcessControlResponse | Awaitable[ProcessControlResponse]:
                if request.operation == UNIT_SETTINGS:
                    return answer_unit_settings(request, units, outcomes)
                if handler is None:
                    return ProcessControlResponse(
                        request_id=request.request_id,
                        ok=False,
                        error=f"Unsupported process control operation: {request.operation}",
                        error_code=ProcessControlErrorCode.HANDLER_NOT_CONFIGURED,
                    )
                if request.operation == ProcessControlOperation.UPDATE_SETTING_FIELD.value:
                    return patch(handler, request)
                return handler(request)

            async def patch(
                patching: RequestHandler, request: ProcessControlRequest
            ) -> ProcessControlResponse:
                published = False
                patches.begin(request.unit_address)
                try:
                    answered = patching(request)
                    if isinstance(answered, Awaitable):
                        answered = await answered
                    published = answered.ok
                    return answered
                finally:
                    patches.end(published=published)

            super().set_request_handler(answer)

    return HostedProcessControl
