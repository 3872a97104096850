"""A unit process of our host: ezmsg's own, with its output, its end and its settings watched.

What it relies on in ezmsg (the same in 3.9 and 3.10): ``BackendProcess`` calls
``start_barrier.wait``/``abort``, ``stop_barrier.wait`` and ``term_ev.wait``/``set`` only, and
makes its control client from the name ``ProcessControlClient`` of its module; its publishers are
made from the name ``Publisher`` of ``ezmsg.core.graphcontext``.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import functools
import inspect
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from ezmsg.core import backendprocess, graphcontext
from ezmsg.core.graphmeta import SettingsSnapshotValue
from ezmsg.core.unit import SUBSCRIBES_ATTR, Unit

from ..ezmsg_compat import coerce_settings_field
from .capture import Capture, RecordPipe, current_unit
from .channels import ControlMessage, ProcessChannel
from .leaving_subscribers import OutlivingPublisher
from .main_module import by_reference, main_namespace, stand_in_main, standing_definitions
from .operations import (
    MANY_FIELDS,
    SettingsOutcome,
    observe_call,
    observe_stream,
    process_control_type,
)
from .parent_death import die_with_parent
from .settings_patches import SettingsPatches
from .settings_reports import reporting_after, with_verdict

host_capture = Capture()
"""The capture of this process: the host installs it, a forked unit process takes it over."""


class HostLink:
    """A unit process' end of its control connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self.stop_asked = threading.Event()
        self.released = threading.Event()

    def listen(self) -> None:
        """Follow the host's messages; end this process at once when the host is gone."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
                return
            if message == ControlMessage.STOP:
                self.stop_asked.set()
            elif message == ControlMessage.RELEASE:
                self.released.set()

    def send(self, message: ControlMessage, *details: str | None) -> None:
        """Tell the host; without effect when it is gone."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.send((message.value, *details))


class LinkedTermEvent:
    """In the place of the graph's ``multiprocessing.Event``.

    Setting that one waits for every process that waits on it, so that after one of them
    was killed nobody could be stopped any more. Here the host tells each process itself.
    """

    def __init__(self, link: HostLink) -> None:
        self._link = link

    def wait(self, timeout: float | None = None) -> bool:
        return self._link.stop_asked.wait(timeout)

    def is_set(self) -> bool:
        return self._link.stop_asked.is_set()

    def set(self) -> None:
        if not self._link.stop_asked.is_set():
            self._link.send(ControlMessage.TERMINATE)


class LinkedStartBarrier:
    """The start barrier, with the host told who has come to it and whether it broke."""

    def __init__(self, link: HostLink, barrier: Barrier) -> None:
        self._link = link
        self._barrier = barrier
        self.passed = False

    def wait(self, timeout: float | None = None) -> int:
        self._link.send(ControlMessage.READY)
        place = self._barrier.wait(timeout)
        self.passed = True
        return place

    def abort(self) -> None:
        self._barrier.abort()


class LinkedStopBarrier:
    """In the place of the stop barrier, which waits for ever for a process that died."""

    def __init__(self, link: HostLink, start_barrier: LinkedStartBarrier) -> None:
        self._link = link
        self._start_barrier = start_barrier

    def wait(self, timeout: float | None = None) -> int:
        if self._start_barrier.passed:
            self._link.send(ControlMessage.DRAINED)
            self._link.released.wait(timeout)
        return 0


class HostedBackendProcess(backendprocess.DefaultBackendProcess):
    """Runs units as ``DefaultBackendProcess`` does, on a leash of the host.

    Parameters
    ----------
    channel
        The pipes between the host and this process.
    *args, **kwargs
        As the ``BackendProcess`` of the installed ezmsg has them.
    """

    def __init__(self, *args: Any, channel: ProcessChannel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = channel
        addresses = self.unit_addresses
        if addresses:
            more = len(addresses) - 1
            self.name = f"{addresses[0]} +{more}" if more else addresses[0]

    def __reduce__(self) -> tuple[Any, ...]:
        # Started by spawn or forkserver: units are of classes that the kernel's cells defined.
        state = dict(self.__dict__)
        state["units"] = by_reference(self.units, main_namespace())
        return _process_to_run, (type(self), standing_definitions()), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, units=pickle.loads(state["units"]))

    @property
    def unit_addresses(self) -> tuple[str, ...]:
        return tuple(unit.address for unit in self.units)

    def start(self) -> None:
        super().start()
        self.channel.keep_host_ends()

    def run(self) -> None:
        # A host's handlers and a terminal's interrupt are no business of a unit process.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.channel.keep_child_ends()
        die_with_parent()
        records = self._capture_output()
        self._link = HostLink(self.channel.child_control)
        threading.Thread(target=self._link.listen, name="host-link", daemon=True).start()
        self._outcomes = {address: SettingsOutcome() for address in self.unit_addresses}
        self._start = LinkedStartBarrier(self._link, self.start_barrier)
        self.start_barrier = self._start  # type: ignore[assignment]
        self.stop_barrier = LinkedStopBarrier(self._link, self._start)  # type: ignore[assignment]
        self.term_ev = LinkedTermEvent(self._link)  # type: ignore[assignment]
        for unit in self.units:
            self._name_unit_code(unit)
        try:
            super().run()
        finally:
            host_capture.flush_partial()
            records.report_drops()

    def process(self, loop: asyncio.AbstractEventLoop) -> None:
        units = {unit.address: unit for unit in self.units}
        self._patches = SettingsPatches()
        control_type = process_control_type(units, self._outcomes, self._patches)
        setattr(backendprocess, "ProcessControlClient", control_type)  # noqa: B010
        setattr(graphcontext, "Publisher", OutlivingPublisher)  # noqa: B010
        backendprocess.handle_subscriber = reporting_after(
            backendprocess.handle_subscriber, units, self._outcomes, self._patches
        )
        try:
            super().process(loop)
        except Exception as error:
            if not self._start.passed:
                self._link.send(
                    ControlMessage.FAILED,
                    getattr(error, "_ezmsg_nb_unit", None),
                    f"{type(error).__name__}: {error}",
                    traceback.format_exc(),
                )
            raise

    def task_wrapper(
        self, unit: Unit, task: Callable[..., Any]
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        stream = getattr(task, SUBSCRIBES_ATTR, None)
        outcome = (
            self._outcomes[unit.address]
            if stream is not None and stream.name == "INPUT_SETTINGS"
            else None
        )
        return super().task_wrapper(unit, _in_unit_context(unit.address, task, outcome))

    def _settings_snapshot_value(self, value: object) -> SettingsSnapshotValue:
        snapshot: SettingsSnapshotValue = with_verdict(super()._settings_snapshot_value(value))
        return snapshot

    def _replace_settings_field(
        self, settings_value: object, field_path: str, value: object
    ) -> object:
        patched = self._patches.base(settings_value)
        if field_path != MANY_FIELDS or not isinstance(value, Mapping):
            patched = super()._replace_settings_field(patched, field_path, value)
        else:
            # All into one value, published once: the unit never runs on half of them.
            for path, one in value.items():
                one = coerce_settings_field(type(settings_value), path, one)
                patched = super()._replace_settings_field(patched, path, one)
        self._patches.made(patched)
        return patched

    def _capture_output(self) -> RecordPipe:
        addresses = self.unit_addresses
        records = RecordPipe(
            self.channel.records_writer.fileno(),
            default_unit=addresses[0] if len(addresses) == 1 else None,
        )
        host_capture.forget_partial()
        if sys.stdout is host_capture.stdout:
            # Forked: what the factory did to logging since the host installed it stays.
            host_capture.lead_to(records.write)
        else:
            host_capture.install(records.write)
        if sys.platform != "win32":
            os.dup2(self.channel.stdout_writer.fileno(), 1)
            os.dup2(self.channel.stderr_writer.fileno(), 2)
        faulthandler.enable(2)
        return records

    def _name_unit_code(self, unit: Unit) -> None:
        """Have set-up, shutdown, main and threads of a unit run under its name."""
        address = unit.address
        setup, shutdown = unit.setup, unit.shutdown

        async def named_setup() -> None:
            self._link.send(ControlMessage.SETTING_UP, address)
            token = current_unit.set(address)
            try:
                await setup()
            except Exception as error:
                error._ezmsg_nb_unit = address  # type: ignore[attr-defined]
                raise
            finally:
                current_unit.reset(token)

        async def named_shutdown() -> None:
            token = current_unit.set(address)
            try:
                result = shutdown()
                if inspect.isawaitable(result):
                    await result
            finally:
                current_unit.reset(token)

        unit.setup = named_setup  # type: ignore[method-assign]
        unit.shutdown = named_shutdown  # type: ignore[method-assign]
        if unit._main is not None:
            unit._main = _in_unit_context(address, unit._main, None)
        unit._threads = {
            name: _in_unit_context(address, function, None)
            for name, function in unit._threads.items()
        }


def _process_to_run(
    process_type: type[HostedBackendProcess], definitions: bytes | None
) -> HostedBackendProcess:
    if definitions is not None:
        stand_in_main(definitions)
    return process_type.__new__(process_type)


def _in_unit_context(
    address: str, function: Callable[..., Any], outcome: SettingsOutcome | None
) -> Callable[..., Any]:
    """Set the unit of this context before the call, and observe a settings handler.

    The name is set and left: each task and thread of ezmsg serves one unit, and a plain
    function in front costs less for each message than one more coroutine.
    """

    @functools.wraps(function)
    def named(*args: Any) -> Any:
        current_unit.set(address)
        if outcome is None:
            return function(*args)
        try:
            result = function(*args)
        except Exception as error:
            outcome.begin()
            outcome.end_badly(error)
            raise
        if isinstance(result, AsyncGenerator):
            return observe_stream(outcome, result)
        if inspect.isawaitable(result):
            return observe_call(outcome, result)
        outcome.begin()
        outcome.end_well()
        return result

    return named
