"""On a worker of dask.distributed: one part of a graph, from its start to its end.

The worker has to have this package; what is told goes through the scheduler, as plain values.
"""

# distributed is typed in part.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from ..errors import HostStartError
from .launcher import GraphHost
from .spec import GraphSpec, ProcessExit

_LOOK_EVERY_S = 0.3


def stop_event_name(channel: str) -> str:
    """Name of the event that ends all parts of a graph."""
    return f"{channel}-stop"


def run_part(spec: GraphSpec, channel: str, part: int, timeout_s: float) -> dict[str, Any]:
    """Run a part until it ends, or is told to.

    Parameters
    ----------
    channel
        Topic of the scheduler that it is told on what happens.
    part
        Its number.

    Returns
    -------
    dict
        ``reason`` of its end; where it did not start ``error`` and ``unit``.
    """
    from distributed import Event, get_worker, secede

    worker = get_worker()

    def tell(kind: str, **details: object) -> None:
        worker.log_event(channel, {"part": part, "kind": kind, **details})

    def tell_exit(ended: ProcessExit) -> None:
        tell(
            "unit_exit",
            pid=ended.pid,
            name=ended.name,
            units=list(ended.units),
            exit_code=ended.exit_code,
            reason=ended.reason,
            lines=list(ended.lines),
        )

    stop = Event(stop_event_name(channel))
    # It runs as long as the graph: the worker's threads are for others.
    secede()
    try:
        host = GraphHost.start(spec, timeout_s=timeout_s)
    except HostStartError as error:
        return {"error": str(error), "unit": error.unit}
    sent = 0

    def tell_logs() -> None:
        nonlocal sent
        records = host.logs()
        total = len(records) + host.logs_dropped
        new = records[len(records) - min(len(records), total - sent) :]
        if total > sent:
            tell(
                "logs", records=[list(astuple(one)) for one in new], dropped=total - sent - len(new)
            )
        sent = total

    try:
        host.on_unit_exit(tell_exit)
        processes = [[one.pid, one.name, list(one.units)] for one in host.processes]
        tell("started", processes=processes)
        while host.exit_reason is None and not stop.wait(_LOOK_EVERY_S):
            tell_logs()
    finally:
        host.stop()
        tell_logs()
    return {"reason": host.exit_reason or "stopped"}
