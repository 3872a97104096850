"""Trace controls that a process can take."""

from __future__ import annotations

from ezmsg.core.graphmeta import ProfilingTraceControl

from ..errors import SettingsRejectedError

_NAME_LISTS = (
    "publisher_topics",
    "subscriber_topics",
    "publisher_endpoint_ids",
    "subscriber_endpoint_ids",
    "metrics",
)


def check_trace_control(control: ProfilingTraceControl, unit: str) -> None:
    """Refuse a control that would break the process that gets it.

    A control of wrong types, such as ``sample_mod="x"``, ends the control connection of a
    process for good (measured on 3.9.0 and 3.10.0b5): its pings time out for ever.

    Raises
    ------
    SettingsRejectedError
    """

    def refuse(field: str, need: str) -> SettingsRejectedError:
        return SettingsRejectedError(
            f"Trace control for {unit!r}: {field} must be {need}, not "
            f"{getattr(control, field, None)!r}.",
            unit=unit,
            field=field,
        )

    if not isinstance(control, ProfilingTraceControl):
        raise SettingsRejectedError(
            f"Trace control for {unit!r} must be a ProfilingTraceControl, not a "
            f"{type(control).__name__}.",
            unit=unit,
        )
    if not isinstance(control.enabled, bool):
        raise refuse("enabled", "True or False")
    if type(control.sample_mod) is not int or control.sample_mod < 1:
        raise refuse("sample_mod", "a whole number of at least 1")
    for field in _NAME_LISTS:
        names = getattr(control, field)
        if names is not None and not (
            isinstance(names, list) and all(isinstance(name, str) for name in names)
        ):
            raise refuse(field, "a list of texts, or None")
    ttl = control.ttl_seconds
    if ttl is not None and (type(ttl) not in (int, float) or not 0 < ttl < float("inf")):
        raise refuse("ttl_seconds", "a positive number of seconds, or None")
