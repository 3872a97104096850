"""Graphs that run in a process of their own, outside the kernel."""

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
