"""Graphs that run in a process of their own, outside the kernel.

A name is imported when it is first asked for: the host itself needs none of them, and starts
sooner without.
"""

from __future__ import annotations

import typing

from ..names_on_demand import on_demand as _on_demand

if typing.TYPE_CHECKING:
    from .launcher import GraphHost, HostStatus
    from .operations import MANY_FIELDS, UNIT_SETTINGS
    from .spec import GraphSpec, LogRecord, ProcessExit, StartMethod, UnitProcess, demo_spec

__all__ = [
    "MANY_FIELDS",
    "UNIT_SETTINGS",
    "GraphHost",
    "GraphSpec",
    "HostStatus",
    "LogRecord",
    "ProcessExit",
    "StartMethod",
    "UnitProcess",
    "demo_spec",
]

_NAMES = {
    "launcher": ("GraphHost", "HostStatus"),
    "operations": ("MANY_FIELDS", "UNIT_SETTINGS"),
    "spec": ("GraphSpec", "LogRecord", "ProcessExit", "StartMethod", "UnitProcess", "demo_spec"),
}
__getattr__, __dir__ = _on_demand(__name__, _NAMES)
