"""What peers of a GraphServer may send as payloads, checked before anything is done with it.

ezmsg's handlers sort, hash and store what they are given: one unit named by a number would
fail every later snapshot of every client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from ezmsg.core.graphmeta import (
    GraphMetadata,
    ProcessControlResponse,
    ProcessOwnershipUpdate,
    ProcessProfilingTraceBatch,
    ProcessRegistration,
    ProcessSettingsUpdate,
    ProfilingStreamControl,
)


class PayloadError(ValueError):
    """A payload is not what its command takes."""


def _field(payload: object, name: str, *types: type) -> Any:
    value = getattr(payload, name, None)
    if not isinstance(value, types):
        raise PayloadError(
            f"the {name} of a {type(payload).__name__} is of type {type(value).__name__}"
        )
    return value


def _texts(payload: object, name: str) -> None:
    values = _field(payload, name, list, tuple, set, frozenset)
    if not all(isinstance(value, str) for value in values):
        raise PayloadError(f"the {name} of a {type(payload).__name__} are not all texts")


def _registration(payload: object) -> None:
    _field(payload, "pid", int)
    _field(payload, "host", str)
    _texts(payload, "units")


def _ownership(payload: object) -> None:
    _texts(payload, "added_units")
    _texts(payload, "removed_units")


def _settings_update(payload: object) -> None:
    _field(payload, "component_address", str)
    _field(payload, "timestamp", int, float)
    _field(payload, "value", object)


def _response(payload: object) -> None:
    _field(payload, "request_id", str)
    _field(payload, "payload", bytes, type(None))


def _metadata(payload: object) -> None:
    components = _field(payload, "components", dict)
    for address, component in components.items():
        if not isinstance(address, str):
            raise PayloadError("the address of a component is not a text")
        _field(component, "address", str)
        if len(_field(component, "initial_settings", tuple)) != 2:
            raise PayloadError(f"the initial_settings of {address} are not a pair")
        if not hasattr(component, "settings_schema"):
            raise PayloadError(f"the settings_schema of {address} is missing")


def _trace_batch(payload: object) -> None:
    _field(payload, "pid", int)
    _field(payload, "host", str)
    _field(payload, "samples", list)


def _stream_control(payload: object) -> None:
    _field(payload, "interval", int, float)
    _field(payload, "max_samples", int)
    process_ids = _field(payload, "process_ids", list, tuple, set, type(None))
    for process_id in process_ids or ():
        if not isinstance(process_id, UUID) or type(getattr(process_id, "int", None)) is not int:
            raise PayloadError("the process_ids of a ProfilingStreamControl are not all ids")


_CHECKS: dict[type, Callable[[object], None]] = {
    GraphMetadata: _metadata,
    ProcessControlResponse: _response,
    ProcessOwnershipUpdate: _ownership,
    ProcessProfilingTraceBatch: _trace_batch,
    ProcessRegistration: _registration,
    ProcessSettingsUpdate: _settings_update,
    ProfilingStreamControl: _stream_control,
}


def check_payload(payload: object, expected: type) -> None:
    """Check a decoded payload.

    Raises
    ------
    PayloadError
        It is of another type, or a field of it is; the message says which.
    """
    if not isinstance(payload, expected):
        raise PayloadError(f"a {type(payload).__name__} came in place of a {expected.__name__}")
    check = _CHECKS.get(expected)
    if check is not None:
        check(payload)
