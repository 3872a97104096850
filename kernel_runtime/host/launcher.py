"""Graphs that run out of the kernel: start one, hear of it, stop it.

The host is a process in a session of its own, so that interrupting a cell never reaches it.
It ends with the kernel, however that ends, and takes unit processes, port and shared memory
along.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from kernel_runtime.errors import HostStartError

from .definition import GraphDefinition
from .host_process import HostProcess
from .spec import GraphSpec, LogRecord, ProcessExit, UnitProcess

_KEPT_RECORDS = 10_000
_TAIL_RECORDS = 20
_FAILED_START_END_S = 4.0
_KILL_END_S = 4.0
_STOP_MARGIN_S = 1.5

HostStatus = Literal["running", "stopped", "died"]


class GraphHost:
    """A graph in a host process, from the kernel's side. Thread-safe.

    Made by `GraphHost.start`.
    """

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec
        self._lock = threading.Lock()
        self._stopping = threading.Lock()
        self._records: deque[LogRecord] = deque()
        self._dropped = 0
        self._started = threading.Event()
        self._phase = "starting Python"
        self._address = ""
        self._processes: dict[int, UnitProcess] = {}
        self._failure: dict[str, Any] | None = None
        self._stop_asked = False
        self._end_reason: str | None = None
        self._ended_in_order = False
        self._status: HostStatus = "running"
        self._exit_reason: str | None = None
        self._exit_callbacks: list[Callable[[str], None]] = []
        self._record_callbacks: list[Callable[[], None]] = []
        self._unit_exits: list[ProcessExit] = []
        self._unit_exit_callbacks: list[Callable[[ProcessExit], None]] = []
        self._host = HostProcess(
            on_event=self._take_event, on_text=self._take_text, on_death=self._take_death
        )

    @classmethod
    def start(cls, spec: GraphSpec, *, timeout_s: float = 30.0) -> GraphHost:
        """Start a host with the graph and return when all its units run.

        Raises
        ------
        HostStartError
            With the traceback of the host or unit process and its last lines. Nothing of the
            graph is left running then.
        """
        graph = cls(spec)
        try:
            graph._start(timeout_s)
        except BaseException:
            graph._end_now(grace_s=0.3)
            raise
        return graph

    @property
    def address(self) -> str:
        """``"host:port"`` of the GraphServer."""
        return self._address

    @property
    def pid(self) -> int:
        """Process id of the host."""
        return self._host.pid

    @property
    def status(self) -> HostStatus:
        """``"running"``; ``"stopped"`` when it ended in order; ``"died"`` when it did not."""
        return self._status

    @property
    def exit_reason(self) -> str | None:
        """Why it no longer runs, None while it does."""
        return self._exit_reason

    @property
    def processes(self) -> tuple[UnitProcess, ...]:
        """The unit processes that have not ended."""
        with self._lock:
            return tuple(self._processes.values())

    @property
    def logs_dropped(self) -> int:
        """How many records were lost to limits, at any place on their way."""
        return self._dropped

    def logs(self, unit: str | None = None) -> list[LogRecord]:
        """Return the newest records, oldest first; those of one unit where it is given."""
        with self._lock:
            records = list(self._records)
        return records if unit is None else [r for r in records if r.unit == unit]

    def on_records(self, callback: Callable[[], None]) -> None:
        """Have `callback()` called when `logs` has more; quickly, it holds up the reading."""
        self._record_callbacks.append(callback)

    def on_exit(self, callback: Callable[[str], None]) -> None:
        """Have `callback(reason)` called, in a thread, when the host ends without `stop`.

        At once where that has happened already.
        """
        with self._lock:
            if self._exit_reason is None:
                self._exit_callbacks.append(callback)
                return
            if self._stop_asked:
                return
        _call_in_thread(callback, self._exit_reason)

    def on_unit_exit(self, callback: Callable[[ProcessExit], None]) -> None:
        """Have `callback(exit)` called, in a thread, when a unit process ends unasked.

        At once for those that have ended already.
        """
        with self._lock:
            self._unit_exit_callbacks.append(callback)
            past = list(self._unit_exits)
        for ended in past:
            _call_in_thread(callback, ended)

    def successor(
        self, spec: GraphSpec, definition: GraphDefinition | None, timeout_s: float
    ) -> GraphHost:
        """Start another graph where this one ran; errors as `start`."""
        return GraphHost.start(spec, timeout_s=timeout_s)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the graph and end the host; nothing of it is left on return.

        Units get about `timeout_s` to shut down, then they are killed. Without effect where
        the host has ended, and in a fork of the process that started it.
        """
        if not self._host.owned_here:
            return
        with self._stopping:
            if self._host.ended.is_set():
                self._host.join(_KILL_END_S)
                return
            with self._lock:
                if self._exit_reason is None:
                    self._stop_asked = True
            grace_s = max(0.2, timeout_s - _STOP_MARGIN_S)
            self._end(grace_s, max(timeout_s, grace_s + _STOP_MARGIN_S))

    def _start(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        graph = self.spec.graph
        packed = () if graph is None else (graph.definitions, graph.arguments)
        taken = self._host.send(
            {
                "command": "start",
                "kernel_pid": os.getpid(),
                "factory": self.spec.factory,
                "packed_bytes": [len(part) for part in packed],
                "address": self.spec.address,
                "start_method": self.spec.start_method,
                "joins": self.spec.joins,
                "publish_on": self.spec.publish_on,
                "sys_path": [path or os.getcwd() for path in sys.path],
            },
            timeout_s,
            attachments=packed,
        )
        answered = taken and self._started.wait(max(0.0, deadline - time.monotonic()))
        if self._address:
            return
        phase = self._phase
        self._end_now(grace_s=0.3)
        late = f"not up after {timeout_s:g} s, while {phase}"
        raise self._start_error(None if answered else late)

    def _start_error(self, late: str | None) -> HostStartError:
        failure = self._failure
        if failure is not None:
            what = failure["message"]
            remote = str(failure["traceback"]).rstrip()
        else:
            remote = ""
            what = late or f"{self._end_reason or self._exit_reason} while {self._phase}"
        unit = failure["unit"] if failure is not None else None
        graph_name = f"graph of {self.spec.factory}" if self.spec.factory else "graph"
        parts = [f"The {graph_name} did not start{f' (unit {unit})' if unit else ''}: {what}"]
        if remote:
            parts.append(f"--- in the graph's process ---\n{remote}")
        tail = _without_traceback([record.text for record in self.logs()], remote)[-_TAIL_RECORDS:]
        if tail:
            parts.append("--- last lines of its log ---\n" + "\n".join(tail))
        return HostStartError("\n\n".join(parts), unit=unit)

    def _end_now(self, grace_s: float) -> None:
        self._end(grace_s, _FAILED_START_END_S)

    def _end(self, grace_s: float, timeout_s: float) -> None:
        asked = self._host.send({"command": "stop", "grace_s": grace_s}, timeout_s=0.5)
        if asked and self._host.join(timeout_s):
            return
        self._host.kill_tree()
        self._host.join(_KILL_END_S)

    def _take_event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "logs":
            self._keep([LogRecord(*record) for record in event["records"]], int(event["dropped"]))
        elif kind == "phase":
            self._phase = event["text"]
        elif kind == "started":
            with self._lock:
                self._processes = {
                    pid: UnitProcess(pid, name, tuple(units))
                    for pid, name, units in event["processes"]
                }
            self._address = event["address"]
            self._started.set()
        elif kind == "failed":
            self._failure = event
            self._started.set()
        elif kind == "unit_exit":
            self._take_unit_exit(event)
        elif kind == "ended":
            self._end_reason = event["reason"] or "stopped"
            self._ended_in_order = event["in_order"]

    def _take_unit_exit(self, event: dict[str, Any]) -> None:
        ended = ProcessExit(
            pid=event["pid"],
            name=event["name"],
            units=tuple(event["units"]),
            exit_code=event["exit_code"],
            reason=event["reason"],
            lines=tuple(event["lines"]),
        )
        with self._lock:
            self._processes.pop(ended.pid, None)
            self._unit_exits.append(ended)
            callbacks = list(self._unit_exit_callbacks)
        for callback in callbacks:
            _call_in_thread(callback, ended)

    def _take_text(self, text: str) -> None:
        self._keep([LogRecord(time.time(), self.pid, "host", None, "stderr", text)], 0)

    def _take_death(self, reason: str) -> None:
        with self._lock:
            if self._end_reason is not None:
                self._status = "stopped" if self._ended_in_order else "died"
                self._exit_reason = self._end_reason
            elif self._stop_asked:
                self._status = "stopped"
                self._exit_reason = "killed: it did not stop in time"
            else:
                self._status = "died"
                self._exit_reason = reason
            self._processes.clear()
            callbacks = [] if self._stop_asked else list(self._exit_callbacks)
            self._exit_callbacks.clear()
        self._started.set()
        for callback in callbacks:
            _call_in_thread(callback, self._exit_reason)

    def _keep(self, records: list[LogRecord], dropped: int) -> None:
        with self._lock:
            self._records.extend(records)
            self._dropped += dropped
            while len(self._records) > _KEPT_RECORDS:
                self._records.popleft()
                self._dropped += 1
        for callback in self._record_callbacks:
            callback()


def _without_traceback(lines: list[str], remote: str) -> list[str]:
    """What was printed, but for a traceback that ends as the one that is shown already."""
    ending = remote.rpartition("\n")[2]
    kept: list[str] = []
    traceback_at: int | None = None
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            traceback_at = len(kept)
        kept.append(line)
        if traceback_at is not None and line == ending:
            del kept[traceback_at:]
            traceback_at = None
    return kept


def _call_in_thread(callback: Callable[[Any], None], argument: object) -> None:
    """Call it in a thread of its own: a callback that blocks holds up nothing of ours."""
    threading.Thread(
        target=callback, args=(argument,), name="graph-host-callback", daemon=True
    ).start()
