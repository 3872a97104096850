"""Real GraphServers and pipelines for tests, each in processes of their own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

HOST = "127.0.0.1"

# Publishers take ports upward from a start port, so servers that share a machine stand apart.
# The slots end below ezmsg's own default ports (25978 and up) and the ephemeral range.
SLOT_PORTS = 40
FIRST_PORT = 17000
LAST_PORT = 25900

PIPELINE_SCRIPT = Path(__file__).parent / "pipeline_script.py"
PIPELINE_UNITS = ("SOURCE", "GAIN", "SINK")


def wait_for(condition: Callable[[], bool], what: str, deadline_s: float = 30.0) -> None:
    """Wait until a condition holds; fail with what was waited for at the deadline."""
    give_up = time.monotonic() + deadline_s
    pause_s = 0.005
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"Waited {deadline_s:g} s in vain for {what}.")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.1)


class PortSlot:
    """A run of 40 ports that no other test on this machine uses while it is held."""

    def __init__(self) -> None:
        starts = list(range(FIRST_PORT, LAST_PORT - SLOT_PORTS, SLOT_PORTS))
        random.shuffle(starts)
        for port in starts:
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                # The last port of the run is the lock: bound, never listening.
                held.bind((HOST, port + SLOT_PORTS - 1))
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                    probe.bind((HOST, port))
            except OSError:
                held.close()
                continue
            self._held = held
            self.port = port
            return
        raise AssertionError(f"No free run of {SLOT_PORTS} ports from {FIRST_PORT} up.")

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process whose server and publishers are to stay in this slot."""
        return {
            **os.environ,
            "EZMSG_GRAPHSERVER_ADDR": f"{HOST}:{self.port}",
            "EZMSG_PUBLISHER_PORT_START": str(self.port + 3),
            "PYTHONUNBUFFERED": "1",
        }

    def release(self) -> None:
        self._held.close()


class ProcessTree:
    """A subprocess in a session of its own, and all that it starts."""

    def __init__(self, command: list[str], environment: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def output(self) -> str:
        """All that the process and its children printed so far."""
        return self._output.read_text(errors="replace")

    def child_pids(self) -> list[int]:
        """Its processes below it, without multiprocessing's resource tracker."""
        return [
            child.pid
            for child in self._descendants()
            if not any("resource_tracker" in part for part in _command_line(child))
        ]

    def kill(self) -> None:
        """SIGKILL to the process itself, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait(timeout=30)

    def wait_until_exit(self, deadline_s: float = 10.0) -> int:
        return self._popen.wait(timeout=deadline_s)

    def interrupt_group(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to the whole process group."""
        try:
            os.killpg(self.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def end(self, deadline_s: float = 2.0) -> None:
        """End the tree in order, and what does not end by itself by SIGKILL."""
        family = self._descendants()
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        # Units of a dead parent do not heed an interrupt: those are killed at once.
        if self.running:
            os.kill(self.pid, signal.SIGCONT)
            self.interrupt_group()
            with contextlib.suppress(AssertionError):
                wait_for(lambda: not self._descendants() and not self.running, "it", deadline_s)
        # The resource tracker goes last, by itself: it unlinks the shared memory of the dead.
        for process in self._descendants():
            if not any("resource_tracker" in part for part in _command_line(process)):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        if self.running:
            self._popen.kill()
        self._popen.wait(timeout=30)
        wait_for(lambda: not self._descendants(), f"the end of all that {self.pid} started")

    def _descendants(self) -> list[psutil.Process]:
        """Everything in its session, which orphans keep after their parent's death."""
        found = []
        for process in psutil.process_iter():
            try:
                in_session = os.getsid(process.pid) == self.pid and process.pid != self.pid
                if in_session and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, ProcessLookupError, PermissionError):
                continue
        return found


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def answers(address: tuple[str, int]) -> bool:
    """Whether a GraphServer greets a client at this address."""
    try:
        with socket.create_connection(address, timeout=1.0) as connection:
            return len(connection.recv(1)) == 1
    except OSError:
        return False


class GraphServerProcess:
    """A GraphServer of the installed ezmsg, in a process of its own on a free port.

    Attributes
    ----------
    address
        ``"127.0.0.1:PORT"``.
    slot
        The ports that belong to this server and its publishers.
    """

    def __init__(self, folder: Path) -> None:
        self.slot = PortSlot()
        self._output = folder / f"graph_server_{self.slot.port}.log"
        self._tree = self._start()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ezmsg.core", "serve", "--address", self.address]

    def _start(self) -> ProcessTree:
        tree = ProcessTree(self.command(), self.slot.environment, self._output)
        try:
            wait_for(
                lambda: not tree.running or answers((HOST, self.slot.port)),
                f"a GraphServer at {self.address}",
            )
            assert tree.running, f"GraphServer at {self.address} ended:\n{tree.output}"
        except BaseException:
            tree.end()
            raise
        return tree

    @property
    def host(self) -> str:
        return HOST

    @property
    def port(self) -> int:
        return self.slot.port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.slot.port}"

    @property
    def pid(self) -> int:
        return self._tree.pid

    @property
    def running(self) -> bool:
        return self._tree.running

    @property
    def output(self) -> str:
        return self._tree.output

    def send_signal(self, number: int) -> None:
        """Send a signal; one that stops the process has done so when this returns."""
        os.kill(self.pid, number)
        if number == signal.SIGSTOP:
            server = psutil.Process(self.pid)
            wait_for(lambda: server.status() == psutil.STATUS_STOPPED, "the server to stand still")

    def kill(self) -> None:
        self._tree.kill()

    def restart(self) -> None:
        """End this server, if it still runs, and start a new one on the same port."""
        self._tree.end()
        self._tree = self._start()

    def close(self) -> None:
        self._tree.end()
        self.slot.release()


class OurServerProcess(GraphServerProcess):
    """The GraphServer of our host, in a process of its own on a free port."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "kernel_runtime.host.serving", self.address]


class RunningGraph:
    """A pipeline that a script runs by ``ez.run`` against a GraphServer.

    Three units in three processes: ``SOURCE`` (``rate_hz``) -> ``GAIN`` (``gain``, ``offset``,
    ``label``, ``enabled``, ``mode``) -> ``SINK``, all with INPUT_SETTINGS. It is made when
    messages have reached the sink.
    """

    def __init__(self, server: GraphServerProcess, folder: Path) -> None:
        self.server = server
        arrived = folder / "arrived.txt"
        self._tree = ProcessTree(
            [sys.executable, str(PIPELINE_SCRIPT), server.address, str(arrived)],
            server.slot.environment,
            folder / "pipeline.log",
        )
        try:
            wait_for(
                lambda: not self._tree.running or arrived.exists(),
                "messages at the sink of the test pipeline",
                deadline_s=20.0,
            )
            assert self._tree.running, f"The test pipeline ended:\n{self._tree.output}"
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        return self.server.address

    @property
    def units(self) -> tuple[str, ...]:
        return PIPELINE_UNITS

    @property
    def pid(self) -> int:
        """The process that called ``ez.run`` (it runs one of the units itself)."""
        return self._tree.pid

    @property
    def pids(self) -> list[int]:
        """All processes that run units."""
        return [self._tree.pid, *self._tree.child_pids()]

    @property
    def running(self) -> bool:
        return self._tree.running

    @property
    def output(self) -> str:
        return self._tree.output

    def close(self) -> None:
        self._tree.end()


@contextlib.contextmanager
def graph_server_process(folder: Path) -> Iterator[GraphServerProcess]:
    server = GraphServerProcess(folder)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def running_pipeline(server: GraphServerProcess, folder: Path) -> Iterator[RunningGraph]:
    graph = RunningGraph(server, folder)
    try:
        yield graph
    finally:
        graph.close()
