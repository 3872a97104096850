"""Clients of a GraphServer that do on the wire what a library would not."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ezmsg.core.graphmeta import ProcessRegistration
from ezmsg.core.netprotocol import Command, encode_str, uint64_to_bytes
from real_graphs import wait_for

PEER_SCRIPT = Path(__file__).parent / "graph_server_peer.py"


def payload(value: object) -> bytes:
    encoded = value if isinstance(value, bytes) else pickle.dumps(value)
    return uint64_to_bytes(len(encoded)) + encoded


class RawClient:
    """A connection after the handshake; all that it waits for has a deadline."""

    def __init__(self, address: str, *sent: bytes, timeout_s: float = 5.0) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.version = self.text()
        if sent:
            self.send(*sent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionResetError("the server closed the connection")
            data += more
        return data

    def number(self) -> int:
        return int.from_bytes(self.exactly(8), "little")

    def frame(self) -> bytes:
        return self.exactly(self.number())

    def text(self) -> str:
        return self.frame().decode()

    def value(self) -> Any:
        """A framed answer, decoded as ezmsg's own client does it."""
        found = pickle.loads(self.frame())
        assert self.exactly(1) == Command.COMPLETE.value
        return found

    def welcome(self) -> str:
        client_id = self.text()
        assert self.exactly(1) == Command.COMPLETE.value
        return client_id

    def ended(self, within_s: float) -> bool:
        """Whether the server closes the connection in time, whatever it still sends."""
        self.socket.settimeout(within_s)
        give_up = time.monotonic() + within_s
        try:
            while self.socket.recv(1 << 20):
                if time.monotonic() > give_up:
                    return False
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


class RawSession(RawClient):
    """A session."""

    def __init__(self, address: str, timeout_s: float = 5.0) -> None:
        super().__init__(address, Command.SESSION.value, timeout_s=timeout_s)
        self.session_id = self.welcome()

    def snapshot(self) -> Any:
        self.send(Command.SESSION_SNAPSHOT.value)
        return self.value()

    def settings(self) -> Any:
        self.send(Command.SESSION_SETTINGS_SNAPSHOT.value)
        return self.value()

    def connect(self, from_topic: str, to_topic: str, *, add: bool = True) -> bytes:
        command = Command.SESSION_CONNECT if add else Command.SESSION_DISCONNECT
        self.send(command.value, encode_str(from_topic), encode_str(to_topic))
        return self.exactly(1)

    def ask_process(self, unit: str, operation: str, data: bytes, timeout_s: float) -> Any:
        self.send(
            Command.SESSION_PROCESS_REQUEST.value,
            encode_str(unit),
            encode_str(operation),
            encode_str(str(timeout_s)),
            payload(data),
        )
        return self.value()


class RawProcess(RawClient):
    """A process control connection."""

    def __init__(self, address: str, *units: str) -> None:
        super().__init__(address, Command.PROCESS.value)
        self.process_id = self.welcome()
        if units:
            registration = ProcessRegistration(os.getpid(), "here", list(units))
            assert self.command(Command.PROCESS_REGISTER, registration) == Command.COMPLETE.value

    def command(self, command: Command, value: object) -> bytes:
        self.send(command.value, payload(value))
        return self.exactly(1)


def serves_others(address: str, within_s: float) -> bool:
    """Whether a new client gets a session and a snapshot in time."""
    try:
        with RawSession(address, timeout_s=within_s) as session:
            session.snapshot()
    except OSError:
        return False
    return True


@contextmanager
def peer(address: str, role: str, name: str, ready: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A client of ezmsg's own in a process of its own, to be stopped and continued.

    ``process`` owns a unit of that name, ``publisher`` has a topic, ``subscriber`` a topic or
    several with commas between.
    """
    command = [sys.executable, str(PEER_SCRIPT), address, role, name, str(ready)]
    with subprocess.Popen(command) as process:
        try:
            wait_for(
                lambda: process.poll() is not None or ready.exists(), f"the {role} {name}", 20.0
            )
            assert process.poll() is None
            yield process
        finally:
            # Not by SIGKILL: its resource tracker would wait for the server's.
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
