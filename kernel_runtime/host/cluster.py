"""A graph whose process groups are placed on the workers of a dask.distributed cluster.

The GraphServer runs beside the kernel, as that of any graph of ours; each part joins it from
its worker. Launching, queueing and machines are the cluster's.
"""

# distributed is typed in part.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

from ..errors import HostStartError
from .cluster_part import run_part, stop_event_name
from .definition import GraphDefinition
from .launcher import GraphHost
from .spec import GraphSpec, StartMethod, UnitProcess

_LOOK_EVERY_S = 0.5
_END_S = 8.0


@dataclass(slots=True)
class _Part:
    number: int
    worker: str
    units: tuple[str, ...]
    future: Any = None
    processes: list[UnitProcess] = field(default_factory=list)
    started: bool = False
    over: bool = False


class ClusterHost(GraphHost):
    """A `GraphHost` whose units run on workers. Made by `start_on`."""

    def __init__(self, spec: GraphSpec, client: Any) -> None:
        super().__init__(spec)
        self._client = client
        self._hosts: Mapping[str, str] = {}
        self._channel = f"ezmsg-nb-{uuid4()}"
        self._parts: list[_Part] = []
        self._progress = threading.Condition()
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="cluster-parts", daemon=True)

    @classmethod
    def start_on(
        cls,
        client: Any,
        definition: GraphDefinition,
        *,
        hosts: Mapping[str, str] | None = None,
        address: tuple[str, int] | None = None,
        start_method: StartMethod | None = None,
        timeout_s: float = 30.0,
    ) -> ClusterHost:
        """Start the parts of a graph on the workers of a client, in turn.

        Parameters
        ----------
        hosts
            By the names of components at the top: the host that each shall run on, or the name
            or address of a worker.

        Raises
        ------
        HostStartError
            There is no worker, or none on a host that is asked for, or a part did not start;
            nothing is left running.
        """
        workers = _workers_of(client)
        if not workers:
            raise HostStartError("The cluster has no workers that a graph could run on.")
        parts = definition.parts(hosts)
        placed = _place(parts, hosts or {}, workers)
        server = address or (_server_host(client, list(workers)), 0)
        graph = cls(GraphSpec(address=server), client)
        graph._hosts = hosts or {}
        try:
            graph._start(timeout_s)
            graph._start_parts(parts, placed, start_method, timeout_s)
        except BaseException:
            graph.stop(timeout_s=2.0)
            raise
        # What a tap needs to know, and what a restart begins with.
        graph.spec = GraphSpec(graph=definition.pack(), address=server, start_method=start_method)
        return graph

    @property
    def processes(self) -> tuple[UnitProcess, ...]:
        with self._lock:
            return tuple(one for part in self._parts if not part.over for one in part.processes)

    @property
    def workers(self) -> dict[str, str]:
        """Worker of each unit."""
        return {unit: part.worker for part in self._parts for unit in part.units}

    def successor(
        self, spec: GraphSpec, definition: GraphDefinition | None, timeout_s: float
    ) -> GraphHost:
        assert definition is not None
        return ClusterHost.start_on(
            self._client,
            definition,
            hosts=self._hosts,
            address=spec.address,
            start_method=spec.start_method,
            timeout_s=timeout_s,
        )

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop all parts, and then the server; see `GraphHost.stop`."""
        if self._host.owned_here and not self._ending.is_set():
            self._ending.set()
            self._stop_parts(min(_END_S, timeout_s))
        super().stop(timeout_s)

    # -- inside -------------------------------------------------------------------------------

    def _start_parts(
        self,
        definitions: Sequence[GraphDefinition],
        workers: Sequence[str],
        start_method: StartMethod | None,
        timeout_s: float,
    ) -> None:
        host, _, port = self.address.rpartition(":")
        local = _is_loopback(host)
        self._client.subscribe_topic(self._channel, self._take_told)
        for number, (definition, worker) in enumerate(zip(definitions, workers, strict=True)):
            self._parts.append(_Part(number, worker, definition.unit_addresses()))
            spec = GraphSpec(
                graph=definition.pack(),
                address=(host, int(port)),
                start_method=start_method,
                joins=True,
                publish_on=None if local else _host_of(worker),
            )
            self._parts[-1].future = self._client.submit(
                run_part,
                spec,
                self._channel,
                number,
                timeout_s,
                key=f"{self._channel}-{number}",
                workers=[worker],
                allow_other_workers=False,
                retries=0,
                pure=False,
            )
        self._watcher.start()
        deadline = time.monotonic() + timeout_s
        with self._progress:
            while not all(part.started for part in self._parts):
                failed = next((part for part in self._parts if part.over), None)
                if failed is not None:
                    raise self._failure_of(failed)
                if not self._progress.wait(max(0.0, deadline - time.monotonic())):
                    late = next(part for part in self._parts if not part.started)
                    raise HostStartError(
                        f"The part of {', '.join(late.units)} is not up on worker {late.worker} "
                        f"after {timeout_s:g} s."
                    )

    def _failure_of(self, part: _Part) -> HostStartError:
        what = f"was lost: the cluster has no worker {part.worker} any more"
        unit = None
        if part.future.status == "finished":
            told = part.future.result(timeout=_END_S)
            what, unit = told.get("error") or f"ended: {told['reason']}", told.get("unit")
        elif part.future.status == "error":
            what = f"failed: {part.future.exception(timeout=_END_S)}"
        return HostStartError(
            f"The part of {', '.join(part.units)} on worker {part.worker} {what}", unit=unit
        )

    def _stop_parts(self, timeout_s: float) -> None:
        from distributed import Event

        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(Exception):
            # The cluster may be gone; then its parts end with the server, by themselves.
            Event(stop_event_name(self._channel), client=self._client).set()
            while time.monotonic() < deadline and any(
                part.future.status == "pending" and not part.over for part in self._parts
            ):
                time.sleep(0.05)
            self._client.unsubscribe_topic(self._channel)
        if self._watcher.is_alive():
            self._watcher.join(2.0)

    def _take_told(self, event: tuple[float, dict[str, Any]]) -> None:
        told = event[1]
        part = self._parts[told["part"]]
        if told["kind"] == "started":
            with self._lock:
                part.processes = [
                    UnitProcess(pid, name, tuple(units)) for pid, name, units in told["processes"]
                ]
            with self._progress:
                part.started = True
                self._progress.notify_all()
        elif told["kind"] == "logs":
            self._take_event({"event": "logs", **told})
        elif told["kind"] == "unit_exit":
            self._take_unit_exit(told)

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_EVERY_S):
            try:
                workers = set(_workers_of(self._client))
            except Exception:
                # A scheduler that does not answer says nothing about the workers.
                continue
            for part in self._parts:
                if part.over:
                    continue
                if part.worker not in workers:
                    self._end_part(part, f"its worker {part.worker} was lost")
                    part.future.cancel()
                elif part.future.status != "pending":
                    self._end_part(part, f"its part on worker {part.worker} ended")

    def _end_part(self, part: _Part, reason: str) -> None:
        with self._progress:
            part.over = True
            self._progress.notify_all()
        if not part.started:
            return
        name = part.processes[0].name if part.processes else ", ".join(part.units)
        self._take_unit_exit(
            {
                "pid": part.processes[0].pid if part.processes else 0,
                "name": name,
                "units": part.units,
                "exit_code": -1,
                "reason": reason,
                "lines": [],
            }
        )


def _workers_of(client: Any) -> dict[str, set[str]]:
    """Addresses of the workers, each with what it may be called in `hosts`."""
    found = client.scheduler_info(n_workers=-1)["workers"]
    return {
        address: {address, _host_of(address), str(found[address].get("name", address))}
        for address in sorted(found)
    }


def _place(
    parts: Sequence[GraphDefinition], hosts: Mapping[str, str], workers: Mapping[str, set[str]]
) -> list[str]:
    """The worker of each part: in turn, those of the host that it is given to."""
    turns: dict[str | None, itertools.cycle[str]] = {None: itertools.cycle(workers)}
    placed = []
    for part in parts:
        name = next(iter(part.components))
        host = hosts.get(name)
        if host not in turns:
            fitting = [worker for worker, names in workers.items() if host in names]
            if not fitting:
                known = ", ".join(sorted(set().union(*workers.values())))
                raise HostStartError(
                    f"hosts gives {name} to {host!r}, and the cluster has no worker there. "
                    f"It has: {known}.",
                    unit=name,
                )
            turns[host] = itertools.cycle(fitting)
        placed.append(next(turns[host]))
    return placed


def _host_of(worker: str) -> str:
    return urlparse(worker).hostname or "127.0.0.1"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server_host(client: Any, workers: list[str]) -> str:
    """An address of this machine that all the workers can reach."""
    if all(_is_loopback(_host_of(worker)) for worker in workers):
        return "127.0.0.1"
    from distributed.utils import get_ip

    host: str = get_ip(_host_of(client.scheduler.address))
    return host
