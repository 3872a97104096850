"""Graphs that run in a process of their own, outside the kernel.

A name is imported when it is first asked for: the host itself needs none of them, and starts
sooner without.
"""

from __future__ import annotations

import importlib
import typing

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
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> typing.Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{module}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
