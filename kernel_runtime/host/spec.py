"""What a graph host is asked to run, and what it tells about its processes."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from ..errors import HostStartError

DEMO_PACKAGES = ("ezmsg.sigproc", "ezmsg.simbiophys")

StartMethod = Literal["fork", "spawn", "forkserver"]


@dataclass(frozen=True, slots=True)
class PackedGraph:
    """A graph as bytes.

    Attributes
    ----------
    definitions
        Classes and functions of the kernel's ``__main__`` that it uses, by name.
    arguments
        Arguments of ezmsg's runner, which refer to the definitions by name.
    """

    definitions: bytes
    arguments: bytes


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """A graph that a host process is to run.

    Attributes
    ----------
    factory
        ``"module:function"``. Called in the host without arguments; returns a dict of
        arguments of ``ezmsg.core.run``: ``components``, ``connections``,
        ``process_components``, ``root_name`` (all but the first optional).
    graph
        Those arguments themselves, packed by `kernel_runtime.host.packing.pack_graph`; in
        the place of a factory.
    address
        ``(host, port)`` that the GraphServer shall listen on; a free port of 127.0.0.1
        where None.
    start_method
        How unit processes are started (``multiprocessing``); the platform's default
        where None.
    joins
        Whether the GraphServer at `address` runs already, and the graph is a part of what
        meets there. Else the host starts one. Without `factory` and `graph` it does nothing
        more.
    publish_on
        Address that the units' publishers listen on, where others than this machine shall
        reach them; loopback where None.
    """

    factory: str = ""
    graph: PackedGraph | None = None
    address: tuple[str, int] | None = None
    start_method: StartMethod | None = None
    joins: bool = False
    publish_on: str | None = None


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line (or one logged message) of the host or of a unit process.

    Attributes
    ----------
    time
        Unix time in seconds.
    process
        Name of the process: ``"host"``, or the first of its units and how many more.
    unit
        Address of the unit that was running, None where it is not known.
    level
        ``"stdout"``, ``"stderr"``, or the name of a logging level.
    """

    time: float
    pid: int
    process: str
    unit: str | None
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class UnitProcess:
    """A process of the graph and the units that run in it."""

    pid: int
    name: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """A unit process that ended although nobody had asked it to.

    Attributes
    ----------
    exit_code
        As ``multiprocessing`` has it: negative for the signal that ended it.
    reason
        The same in words.
    lines
        The last lines that it printed or logged, oldest first.
    """

    pid: int
    name: str
    units: tuple[str, ...]
    exit_code: int
    reason: str
    lines: tuple[str, ...]


def demo_spec() -> GraphSpec:
    """Return the spec of the EEG pipeline of `kernel_runtime.host.demo_pipeline`.

    Raises
    ------
    HostStartError
        The packages of the ``demo`` extra are not installed.
    """
    missing = [name for name in DEMO_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise HostStartError(
            f"The demo needs {' and '.join(missing)}: install ezmsg-nb with its extra, "
            f"ezmsg-nb[demo]."
        )
    return GraphSpec(factory="kernel_runtime.host.demo_pipeline:build")
