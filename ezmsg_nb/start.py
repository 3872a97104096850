"""How a cell gets a `LiveGraph`: attach to a running graph, or start one."""

from __future__ import annotations

from kernel_runtime.address import AddressLike
from kernel_runtime.host import GraphHost, demo_spec

from .live_graph import LiveGraph, attach


def connect(address: AddressLike = None, timeout: float = 5.0) -> LiveGraph:
    """Attach to the GraphServer of a graph that runs already.

    Parameters
    ----------
    address
        ``"host:port"``, ``(host, port)``, or None for ``$EZMSG_GRAPHSERVER_ADDR`` and,
        where that is unset, ezmsg's default ``127.0.0.1:25978``.
    timeout
        Seconds that it may take.

    Raises
    ------
    ValueError
        The address is not one.
    GraphServerUnavailableError, RequestTimeoutError
        Nothing answers there, or not in time.
    """
    return attach(address, timeout)


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
    host = GraphHost.start(demo_spec(), timeout_s=timeout)
    try:
        return attach(host.address, host=host)
    except BaseException:
        host.stop()
        raise
