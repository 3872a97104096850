"""How a cell gets a `LiveGraph`: attach to a running graph, or start one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from multiprocessing import get_all_start_methods
from typing import Any

from ezmsg.core import Component

from kernel_runtime.address import Address, AddressLike, parse_address
from kernel_runtime.errors import GraphError, HostStartError
from kernel_runtime.host import GraphHost, GraphSpec, StartMethod, demo_spec
from kernel_runtime.host.definition import Connections, GraphDefinition

from .live_graph import LiveGraph, attach


def connect(
    address: AddressLike = None, timeout: float = 5.0, *, use_classes: bool = False
) -> LiveGraph:
    """Attach to the GraphServer of a graph that runs already.

    Parameters
    ----------
    address
        ``"host:port"``, ``(host, port)``, or None for ``$EZMSG_GRAPHSERVER_ADDR`` and,
        where that is unset, ezmsg's default ``127.0.0.1:25978``.
    timeout
        Seconds that it may take.
    use_classes
        Import the units' settings classes into this kernel. They tell the exact types of
        fields, and several fields of a unit become one published value. It runs the code of
        the packages that they are in.

    Raises
    ------
    ValueError
        The address is not one.
    GraphServerUnavailableError, RequestTimeoutError
        Nothing answers there, or not in time.
    """
    return attach(address, timeout, use_classes=use_classes)


def demo(*, timeout: float = 30.0) -> LiveGraph:
    """Start a small EEG pipeline in processes of its own, and attach to it.

    64 channels at 2 kHz are simulated, cut to a slice, low-pass filtered, downsampled,
    re-referenced to the common average and z-scored, in three processes. They end with
    `LiveGraph.stop`, and with the kernel.

    Raises
    ------
    HostStartError
        It did not start; nothing of it is left running. Without the packages of the
        ``demo`` extra it says so.
    """
    return _start(demo_spec(), None, timeout)


def run(
    components: Mapping[str, Component] | Component | None = None,
    *,
    connections: Connections | None = None,
    process_components: Collection[Component] | None = None,
    root_name: str | None = None,
    force_single_process: bool = False,
    graph_address: AddressLike = None,
    start_method: StartMethod | None = None,
    cluster: Any = None,
    hosts: Mapping[str, str] | None = None,
    timeout: float = 30.0,
    **units: Component,
) -> LiveGraph:
    """Run units that were written in cells, in processes of their own; returns at once.

    Takes what ``ezmsg.core.run`` takes. Classes, functions and constants of this notebook
    that the units use go with them. Interrupting a cell does not reach the graph; it ends
    with `LiveGraph.stop`, and with the kernel.

    Parameters
    ----------
    components
        Components by name; or give them as keywords.
    connections
        Pairs of a stream (or topic) that publishes and one that subscribes.
    process_components
        Components that get a process of their own.
    root_name
        Prefix of all addresses.
    force_single_process
        Run all units in one process.
    graph_address
        Where the graph's own GraphServer shall listen; a free port of this machine by default.
        At an address that other machines reach, units that are started there, with
        ``ezmsg.core.run(..., graph_address=...)``, are in the same graph; the publishers of
        this one then listen at that address too. There is no authentication: have a network
        of your own.
    start_method
        How ``multiprocessing`` starts the processes: "fork", "spawn" or "forkserver"; the
        platform's way by default.
    cluster
        A ``dask.distributed.Client``: each process group is started on one of its workers,
        in turn, and joins the GraphServer that runs beside this kernel. A worker that is lost
        is told of, as a process that died. Needs the extra ``ezmsg-nb[cluster]``, on the
        workers as well.
    hosts
        With `cluster`: which component runs where, by their names at the top of the graph:
        ``hosts={"SOURCE": "amplifier-pc"}``. A host is the name or address of a machine that
        has a worker, or of a worker itself; the others are placed in turn.
    timeout
        Seconds that the start may take.

    Raises
    ------
    HostStartError
        It did not start, and nothing of it is left running: with what can't be sent to
        another process by name, or the traceback of the process that failed.
    SettingsRejectedError
        A unit has no settings, or those of another.
    AddressCollisionError
        Two components have the same address.

    Examples
    --------
    ::

        graph = run(
            SOURCE=source, SINK=sink, connections=[(source.OUTPUT, sink.INPUT)]
        )
    """
    if isinstance(components, type):
        raise TypeError(
            f"run() takes components, and {components.__name__} is a class of them: write "
            f"run({components.__name__}(...))."
        )
    if isinstance(components, Component):
        components = {"SYSTEM": components}
    if start_method is not None and start_method not in get_all_start_methods():
        raise ValueError(
            f"start_method is {', '.join(map(repr, get_all_start_methods()))} on this platform, "
            f"not {start_method!r}."
        )
    if components is not None and units:
        raise TypeError("run() takes components as a mapping or as keywords, not both at once.")
    definition = GraphDefinition.define(
        components or units,
        connections=connections,
        process_components=process_components,
        root_name=root_name,
        force_single_process=force_single_process,
    )
    address = None if graph_address is None else parse_address(graph_address)
    if cluster is not None:
        return _attach_to(
            _start_on(cluster, definition, hosts, address, start_method, timeout), definition
        )
    if hosts:
        raise HostStartError(
            f"hosts places {', '.join(hosts)} on workers of a cluster, and there is none: give "
            f"cluster=distributed.Client(...) as well. Or start those units on their machine with "
            f"ezmsg.core.run(..., graph_address=...), at this graph's address, which is then a "
            f"graph_address of run() that the machine reaches."
        )
    spec = GraphSpec(
        graph=definition.pack(),
        address=None if address is None else (address.host, address.port),
        start_method=start_method,
        publish_on=None if address is None or address.is_loopback else address.host,
    )
    return _start(spec, definition, timeout)


def _start(spec: GraphSpec, definition: GraphDefinition | None, timeout: float) -> LiveGraph:
    return _attach_to(GraphHost.start(spec, timeout_s=timeout), definition)


def _start_on(
    cluster: Any,
    definition: GraphDefinition,
    hosts: Mapping[str, str] | None,
    address: Address | None,
    start_method: StartMethod | None,
    timeout: float,
) -> GraphHost:
    if not all(hasattr(cluster, name) for name in ("submit", "scheduler_info", "subscribe_topic")):
        raise TypeError(
            f"cluster takes a dask.distributed.Client, which the extra ezmsg-nb[cluster] installs, "
            f"not a {type(cluster).__name__}."
        )
    # Only now: it needs the extra.
    from kernel_runtime.host.cluster import ClusterHost

    return ClusterHost.start_on(
        cluster,
        definition,
        hosts=hosts,
        address=None if address is None else (address.host, address.port),
        start_method=start_method,
        timeout_s=timeout,
    )


def _attach_to(host: GraphHost, definition: GraphDefinition | None) -> LiveGraph:
    try:
        return attach(host.address, host=host, definition=definition)
    except GraphError as error:
        host.stop()
        if host.exit_reason in (None, "stopped"):
            raise
        raise HostStartError(
            f"The graph ran, and was over before it could be shown: {host.exit_reason}."
        ) from error
    except BaseException:
        host.stop()
        raise
