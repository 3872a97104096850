"""The host process: one graph, its GraphServer, and a line to the kernel that asked for it.

Commands come as JSON lines on what was standard input, events go as JSON lines to what was
standard output. The end of the commands means that the kernel is gone, and the host follows.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from multiprocessing import resource_tracker
from typing import Any, BinaryIO, NoReturn

from ezmsg.core import GraphRunner, GraphServer
from ezmsg.core.dag import CyclicException

from .backend import host_capture
from .channels import close_in_unit_processes
from .child_environment import restore_environment
from .event_sender import EventSender
from .graph_factory import (
    CyclicGraphError,
    GraphFactoryError,
    build_graph,
    find_cycle,
    publish_on,
    unpack_graph,
)
from .joined_server import JoinedServer
from .logs import LogDrain, LogSource
from .server_choice import create_graph_server
from .spec import PackedGraph, ProcessExit
from .supervisor import Supervisor

KERNEL_GONE_GRACE_S = 1.5
_SERVER_STOP_S = 0.5
_SIGNAL_CHECK_S = 0.2
_LAST_EVENTS_S = 0.5


class GraphServerStartError(Exception):
    """The GraphServer can't listen where it was asked to."""


class HostService:
    """Runs one graph from start to end; `run` does not return."""

    def __init__(self, commands: BinaryIO, sender: EventSender, drain: LogDrain) -> None:
        self._commands = commands
        self._sender = sender
        self._drain = drain
        self._kernel_pid = 0
        self._supervisor: Supervisor | None = None
        self._server: GraphServer | None = None
        self._joined: JoinedServer | None = None
        self._ending = threading.Lock()
        self._started = False
        self._sigterm = False
        self._failure_told = False
        self._waiting_for = ""

    def run(self) -> NoReturn:
        line = self._commands.readline()
        if not line:
            self._exit(0)
        command = json.loads(line)
        sizes = command["packed_bytes"]
        packed = PackedGraph(*map(self._commands.read, sizes)) if sizes else None
        # Where the kernel is not the parent (a launcher stands between) its pid tells nothing.
        if os.getppid() == command["kernel_pid"]:
            self._kernel_pid = command["kernel_pid"]
        try:
            self._run_graph(command, packed)
        except BaseException as error:
            self._fail(error, traceback.format_exc())
        self._end()

    def _run_graph(self, command: Mapping[str, Any], packed: PackedGraph | None) -> None:
        host_capture.install(self._take_own_output)
        supervisor = Supervisor(
            self._drain,
            on_exit=self._tell_exit,
            alarm=self._alarm,
            hard_end=self._end,
        )
        for fd in supervisor.fds:
            close_in_unit_processes(fd)
        self._supervisor = supervisor
        supervisor.start()
        threading.Thread(target=self._follow_commands, name="commands", daemon=True).start()
        signal.signal(signal.SIGTERM, self._on_sigterm)

        if command["start_method"] is not None:
            multiprocessing.set_start_method(command["start_method"], force=True)
        sys.path[:] = command["sys_path"]
        factory = command["factory"]
        arguments: dict[str, Any] = {}
        if factory:
            self._phase(f"building the graph with {factory}")
            arguments = build_graph(factory)
        elif packed is not None:
            self._phase("unpacking the graph")
            arguments = unpack_graph(packed)
        if command["publish_on"] is not None:
            publish_on(arguments["components"], command["publish_on"])
        address = self._join_server(command) if command["joins"] else self._start_server(command)
        if not arguments:
            self._serve(address)
            return
        self._phase("starting unit processes")
        _collect_garbage_again()
        runner = GraphRunner(
            **arguments,
            backend_process=supervisor.create_process,  # type: ignore[arg-type]
            graph_address=address,
        )
        try:
            runner.start()
        except CyclicException:
            cycle = " -> ".join(find_cycle(runner.connections))
            raise CyclicGraphError(f"the connections form a cycle: {cycle}") from None
        if not runner.running:
            raise GraphFactoryError(f"the graph{f' of {factory}' if factory else ''} has no units")
        self._started = True
        processes = supervisor.graph_started()
        self._sender.send(
            "started",
            address=f"{address[0]}:{address[1]}",
            processes=[[process.pid, process.name, process.units] for process in processes],
        )
        self._wait_for_stop()
        runner.stop()

    def _serve(self, address: tuple[str, int]) -> None:
        """Have the GraphServer alone, for parts that join it from elsewhere."""
        _collect_garbage_again()
        self._started = True
        self._sender.send("started", address=f"{address[0]}:{address[1]}", processes=[])
        self._wait_for_stop()

    def _wait_for_stop(self) -> None:
        assert self._supervisor is not None
        while not self._supervisor.stop_requested.wait(_SIGNAL_CHECK_S):
            # A signal that another thread got is handled when this one next runs.
            pass

    def _join_server(self, command: Mapping[str, Any]) -> tuple[str, int]:
        host, port = command["address"]
        self._phase(f"joining the GraphServer at {host}:{port}")
        self._joined = JoinedServer((host, port))
        if not self._joined.answers():
            raise GraphServerStartError(f"no GraphServer answers at {host}:{port}")
        os.environ["EZMSG_GRAPHSERVER_ADDR"] = f"{host}:{port}"
        return host, port

    def _start_server(self, command: Mapping[str, Any]) -> tuple[str, int]:
        self._phase("starting the GraphServer")
        address = command["address"]
        host, port = ("127.0.0.1", 0) if address is None else address
        server = create_graph_server()
        try:
            server.start((host, port))
        except OSError as error:
            raise GraphServerStartError(
                f"no GraphServer can listen on {host}:{port} ({error.strerror}); "
                "end what listens there, or leave the address out for a free port"
            ) from error
        self._server = server
        bound = server.address
        # Units that make a GraphContext of their own find this graph.
        os.environ["EZMSG_GRAPHSERVER_ADDR"] = f"{bound.host}:{bound.port}"
        return bound.host, bound.port

    def _stop_server(self) -> None:
        if self._server is not None:
            # On Python 3.12 and later it waits for clients that don't leave.
            stopping = threading.Thread(target=self._server.stop, daemon=True)
            stopping.start()
            stopping.join(_SERVER_STOP_S)

    def _follow_commands(self) -> None:
        assert self._supervisor is not None
        for line in self._commands:
            command = json.loads(line)
            if command["command"] == "stop":
                self._supervisor.request_stop(None, float(command["grace_s"]), in_order=True)
        self._supervisor.request_stop("the kernel is gone", KERNEL_GONE_GRACE_S)

    def _alarm(self) -> str | None:
        if self._supervisor is not None and not self._started:
            waiting_for = self._supervisor.waiting_for()
            if waiting_for and waiting_for != self._waiting_for:
                self._waiting_for = waiting_for
                self._phase(f"waiting for {waiting_for}")
        if self._sigterm:
            return "the host got SIGTERM"
        if self._kernel_pid and os.getppid() != self._kernel_pid:
            return "the kernel is gone"
        if self._server is not None and not self._server.is_alive():
            return "the GraphServer was shut down by a client"
        if self._joined is not None and self._joined.is_gone():
            return "the GraphServer that it had joined is gone"
        return None

    def _on_sigterm(self, _signal: int, _frame: object) -> None:
        # Nothing with a lock here: it runs between any two steps of the main thread.
        self._sigterm = True

    def _take_own_output(self, level: str, unit: str | None, text: str) -> None:
        self._sender.logs.add(own_source(), level, unit, text, time.time())

    def _phase(self, text: str) -> None:
        self._sender.send("phase", text=text)

    def _tell_exit(self, ended: ProcessExit) -> None:
        self._sender.send(
            "unit_exit",
            pid=ended.pid,
            name=ended.name,
            units=ended.units,
            exit_code=ended.exit_code,
            reason=ended.reason,
            lines=ended.lines,
        )

    def _fail(self, error: BaseException, remote_traceback: str) -> None:
        failure = self._supervisor.start_failure if self._supervisor is not None else None
        if self._started:
            self._take_own_output("ERROR", None, remote_traceback)
            return
        if self._failure_told:
            return
        self._failure_told = True
        if failure is not None:
            self._sender.send(
                "failed",
                message=failure.message,
                unit=failure.unit,
                traceback=failure.traceback,
            )
        else:
            self._sender.send(
                "failed",
                message=": ".join(filter(None, (type(error).__name__, str(error)))),
                unit=None,
                traceback=remote_traceback,
            )

    def _end(self) -> NoReturn:
        """End the host; the first caller does it, any other waits to be ended with it."""
        self._ending.acquire()
        supervisor = self._supervisor
        if supervisor is not None:
            if not self._started and supervisor.start_failure is not None:
                self._fail(RuntimeError(), "")
            supervisor.kill_all()
            if not self._started:
                # What a unit said last belongs to the reason why nothing started.
                supervisor.wait_for_last_output()
            self._stop_server()
            self._sender.send(
                "ended", reason=supervisor.stop_reason, in_order=supervisor.stopped_in_order
            )
        self._exit(0)

    def _exit(self, code: int) -> NoReturn:
        # Nothing of the interpreter's own ending is wanted: it would join what can't be
        # joined. The resource tracker removes what shared memory there may still be.
        self._sender.close(_LAST_EVENTS_S)
        os._exit(code)


def _collect_garbage_again() -> None:
    # What is there by now stays, and forked unit processes share its pages.
    gc.freeze()
    gc.enable()


_own_source: LogSource | None = None


def own_source() -> LogSource:
    """Return the host itself as a source of log records."""
    global _own_source
    if _own_source is None:
        _own_source = LogSource(os.getpid(), "host")
    return _own_source


def main() -> NoReturn:
    """Set the process up and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # ezmsg forks from a process with threads, by its design; the warning helps nobody here.
    warnings.filterwarnings("ignore", message=".*use of fork\\(\\) may lead to deadlocks.*")
    restore_environment()

    commands_fd, events_fd = os.dup(0), os.dup(1)
    null_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_fd, 0)
    os.close(null_fd)
    os.dup2(2, 1)
    # Started while 2 is still the kernel's pipe: the pipe's end then tells the kernel that
    # the tracker, the last of all, is done.
    with contextlib.suppress(AttributeError):
        resource_tracker.ensure_running()

    sender = EventSender(events_fd)
    drain = LogDrain(sender.logs)
    output_reader, output_writer = os.pipe()
    os.dup2(output_writer, 1)
    os.dup2(output_writer, 2)
    os.close(output_writer)
    drain.follow_raw(output_reader, own_source(), "stderr")
    for fd in (commands_fd, events_fd, output_reader, *drain.fds):
        close_in_unit_processes(fd)
    sender.start()
    drain.start()
    with open(commands_fd, "rb") as commands:
        HostService(commands, sender, drain).run()
