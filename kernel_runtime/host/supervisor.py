"""Watches the unit processes of a host and brings them to an end.

ezmsg's runner joins its processes without a deadline and doesn't notice one that dies.
Here one thread sees deaths, passes stops on, and ends by pid what doesn't end by itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from .backend import HostedBackendProcess
from .channels import ControlMessage, ProcessChannel
from .logs import LogDrain, LogSource
from .process_tree import exit_words, kill_each, session_members
from .spec import ProcessExit, UnitProcess

_TICK_S = 0.2
_START_FAILURE_GRACE_S = 0.5
_COMPLETED_GRACE_S = 10.0
_HARD_END_S = 1.0
_CLEAN_UP_S = 2.0
_LAST_OUTPUT_S = 0.3


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why a unit process did not come up."""

    message: str
    unit: str | None
    traceback: str


@dataclass(slots=True)
class _Child:
    process: HostedBackendProcess
    control: Connection
    source: LogSource | None = None
    setting_up: str | None = None
    ready: bool = False
    drained: bool = False
    exit_seen: bool = False
    control_open: bool = True

    @property
    def running(self) -> bool:
        return self.source is not None and not self.exit_seen


@dataclass(slots=True)
class _StopPlan:
    reason: str | None
    grace_s: float
    in_order: bool
    began: float = field(default_factory=time.monotonic)
    passed_on: bool = False
    released: bool = False
    units_gone: float | None = None


class Supervisor:
    """The host's view of its unit processes.

    Parameters
    ----------
    drain
        Takes over the output of each process.
    on_exit
        Called for a process that ended unasked, after the start.
    alarm
        Called every tick; a text that it returns stops the graph and is the reason.
    hard_end
        Called when the graph is not gone some time after everything was killed.
    """

    def __init__(
        self,
        drain: LogDrain,
        *,
        on_exit: Callable[[ProcessExit], None],
        alarm: Callable[[], str | None],
        hard_end: Callable[[], None],
    ) -> None:
        self._drain = drain
        self._on_exit = on_exit
        self._alarm = alarm
        self._hard_end = hard_end
        self._children: list[_Child] = []
        self._started = False
        self._lock = threading.Lock()
        self._plan: _StopPlan | None = None
        self._wake_reader, self._wake_writer = Pipe(duplex=False)
        self.stop_requested = threading.Event()
        self.start_failure: StartFailure | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def fds(self) -> tuple[int, int]:
        """Its own descriptors, which a forked child has no use for."""
        return self._wake_reader.fileno(), self._wake_writer.fileno()

    def start(self) -> None:
        self._thread.start()

    def create_process(self, *args: Any, **kwargs: Any) -> HostedBackendProcess:
        """Make a unit process; ``GraphRunner`` takes this as its ``backend_process``."""
        channel = ProcessChannel()
        process = HostedBackendProcess(*args, channel=channel, **kwargs)
        self._children.append(_Child(process, channel.host_control))
        self._wake()
        return process

    def graph_started(self) -> list[UnitProcess]:
        """Note that all units run; from now on a death is an event, not a failed start."""
        self._started = True
        return [
            UnitProcess(child.process.pid or 0, child.process.name, child.process.unit_addresses)
            for child in self._children
        ]

    def waiting_for(self) -> str:
        """Say which units a start waits for, empty where it waits for none."""
        late = [child for child in self._children if not child.ready]
        return ", ".join(
            f"{child.setting_up} to initialize"
            if child.setting_up is not None
            else f"the process of {child.process.name} to come up"
            for child in late
        )

    @property
    def stop_reason(self) -> str | None:
        """Why the graph ends, None where the kernel asked for it."""
        return self._plan.reason if self._plan is not None else None

    @property
    def stopped_in_order(self) -> bool:
        """Whether it ends because it was asked to or was done."""
        return self._plan is not None and self._plan.in_order

    def request_stop(self, reason: str | None, grace_s: float, *, in_order: bool = False) -> None:
        """Stop the graph; what still runs after the grace is killed. The first call counts.

        A later call can only shorten the grace.
        """
        with self._lock:
            if self._plan is None:
                self._plan = _StopPlan(reason, grace_s, in_order)
            else:
                left_s = self._plan.began + self._plan.grace_s - time.monotonic()
                self._plan.grace_s -= max(0.0, left_s - grace_s)
        self.stop_requested.set()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_writer.send_bytes(b"\0")

    def _run(self) -> None:
        try:
            while True:
                self._wait()
                self._tick()
        except Exception:
            # Units that nobody watches would outlive the kernel: rather end them now.
            self.request_stop(f"the host's supervisor failed:\n{traceback.format_exc()}", 0.0)
            self._hard_end()

    def _tick(self) -> None:
        for child in self._children:
            self._follow_output(child)
            self._read_control(child)
            self._see_exit(child)
        if self._plan is None:
            self._look_for_a_reason()
        plan = self._plan
        if plan is None:
            return
        if not plan.passed_on:
            plan.passed_on = True
            self._tell_all(ControlMessage.STOP)
        self._enforce(plan)

    def _wait(self) -> None:
        sources: list[Any] = [self._wake_reader]
        for child in self._children:
            if child.control_open:
                sources.append(child.control)
            if child.running:
                sources.append(child.process.sentinel)
        if self._wake_reader in wait(sources, timeout=_TICK_S):
            self._wake_reader.recv_bytes()

    def _follow_output(self, child: _Child) -> None:
        pid = child.process.pid
        if child.source is not None or pid is None:
            return
        addresses = child.process.unit_addresses
        child.source = LogSource(
            pid,
            child.process.name,
            addresses[0] if len(addresses) == 1 else None,
            open_pipes=3,
        )
        channel = child.process.channel
        self._drain.follow_records(channel.records_reader.fileno(), child.source)
        self._drain.follow_raw(channel.stdout_reader.fileno(), child.source, "stdout")
        self._drain.follow_raw(channel.stderr_reader.fileno(), child.source, "stderr")

    def _read_control(self, child: _Child) -> None:
        try:
            while child.control_open and child.control.poll():
                word, *details = child.control.recv()
                self._take_message(child, ControlMessage(word), details)
        except (EOFError, OSError):
            child.control_open = False

    def _take_message(self, child: _Child, word: ControlMessage, details: list[Any]) -> None:
        if word is ControlMessage.SETTING_UP:
            child.setting_up = details[0]
        elif word is ControlMessage.READY:
            child.ready = True
        elif word is ControlMessage.DRAINED:
            child.drained = True
        elif word is ControlMessage.TERMINATE:
            self.request_stop(
                f"the graph was ended by a unit of process {child.process.name!r} "
                "(NormalTermination)",
                _COMPLETED_GRACE_S,
                in_order=True,
            )
        elif word is ControlMessage.FAILED:
            unit, message, remote_traceback = details
            self._fail_start(StartFailure(message, unit, remote_traceback))

    def _see_exit(self, child: _Child) -> None:
        if not child.running or child.source is None or child.process.exitcode is None:
            return
        self._read_control(child)
        child.exit_seen = True
        if self._plan is not None:
            return
        # The last words are in the pipes; whatever else holds these open is not waited for.
        child.source.drained.wait(_LAST_OUTPUT_S)
        exit_code = child.process.exitcode
        addresses = child.process.unit_addresses
        if not self._started:
            self._fail_start(
                StartFailure(
                    f"the process of {', '.join(addresses)} {exit_words(exit_code)} "
                    "before its units were up",
                    addresses[0] if len(addresses) == 1 else None,
                    "\n".join(child.source.last_lines),
                )
            )
            return
        self._on_exit(
            ProcessExit(
                pid=child.source.pid,
                name=child.process.name,
                units=addresses,
                exit_code=exit_code,
                reason=exit_words(exit_code),
                lines=tuple(child.source.last_lines),
            )
        )

    def _fail_start(self, failure: StartFailure) -> None:
        if self.start_failure is None:
            self.start_failure = failure
            # A process that was killed may hold the barrier's lock: never wait for it here.
            barrier = self._children[0].process.start_barrier
            threading.Thread(target=barrier.abort, name="abort-start", daemon=True).start()
            self.request_stop(failure.message, _START_FAILURE_GRACE_S)

    def _look_for_a_reason(self) -> None:
        alarm = self._alarm()
        if alarm is not None:
            self.request_stop(alarm, 1.5)
            return
        if not self._started:
            return
        running = [child for child in self._children if child.running]
        if not running:
            self.request_stop("all unit processes have ended", 1.0)
        elif all(child.drained for child in running):
            self.request_stop(
                "the graph ended by itself: all units completed",
                _COMPLETED_GRACE_S,
                in_order=True,
            )

    def _enforce(self, plan: _StopPlan) -> None:
        running = [child for child in self._children if child.running]
        elapsed_s = time.monotonic() - plan.began
        if not plan.released and (
            elapsed_s > plan.grace_s / 2 or all(child.drained for child in running)
        ):
            plan.released = True
            self._tell_all(ControlMessage.RELEASE)
        if elapsed_s > plan.grace_s:
            self.kill_all()
        if not running and plan.units_gone is None:
            plan.units_gone = time.monotonic()
        # What is left to do then is ezmsg's clean-up, which a wedged server can hold up.
        done_for_s = time.monotonic() - plan.units_gone if plan.units_gone is not None else 0.0
        if elapsed_s > plan.grace_s + _HARD_END_S or done_for_s > _CLEAN_UP_S:
            self._hard_end()

    def kill_all(self) -> None:
        """Kill whatever of this session is left, the host and the resource tracker aside."""
        own_pid = os.getpid()
        pids = {child.process.pid for child in self._children if child.running}
        pids.update(session_members(own_pid))
        kill_each([pid for pid in pids if pid is not None and pid != own_pid])

    def wait_for_last_output(self) -> None:
        """Wait a moment for what the processes, which have ended, had still in their pipes."""
        deadline = time.monotonic() + _LAST_OUTPUT_S
        for child in self._children:
            if child.source is not None:
                child.source.drained.wait(max(0.0, deadline - time.monotonic()))

    def _tell_all(self, message: ControlMessage) -> None:
        for child in self._children:
            if child.control_open:
                with contextlib.suppress(OSError):
                    child.control.send(message.value)
