"""A client that asks all the time: ``python -m benchmarks.server_probe HOST:PORT DEADLINE_S``.

From a line of its standard input, which it answers, until that ends, it takes a snapshot, asks
the unit ``P0/UNIT`` and makes a new connection, in turn; then it prints the longest answer to
each in ms, as JSON. It stops asking for what was not there by the deadline.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable

from ezmsg.core.netprotocol import Command, encode_str, uint64_to_bytes

_PAUSE_S = 0.002


class Client:
    """A connection to a GraphServer, after the handshake."""

    def __init__(self, address: str, timeout_s: float) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.frame()

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionResetError("the server closed the connection")
            data += more
        return data

    def frame(self) -> bytes:
        return self.read(int.from_bytes(self.read(8), "little"))

    def welcome(self, command: Command) -> None:
        """Become what the command says: a session, a process."""
        self.send(command.value)
        self.frame()
        self.read(1)

    def answer(self, *request: bytes) -> bytes:
        self.send(*request)
        answer = self.frame()
        self.read(1)
        return answer


def ask_process(unit: str, operation: str, payload: bytes, timeout_s: float) -> bytes:
    """Make the command that sends a request to a process."""
    return b"".join(
        (
            Command.SESSION_PROCESS_REQUEST.value,
            encode_str(unit),
            encode_str(operation),
            encode_str(str(timeout_s)),
            uint64_to_bytes(len(payload)),
            payload,
        )
    )


def main(address: str, deadline_s: float) -> None:
    sessions = []
    for _ in range(2):
        session = Client(address, deadline_s)
        session.welcome(Command.SESSION)
        sessions.append(session)
    ping = ask_process("P0/UNIT", "PING", b"", 60.0)

    def connect() -> None:
        client = Client(address, deadline_s)
        client.socket.close()

    asking: dict[str, Callable[[], object]] = {
        "snapshot": lambda: sessions[0].answer(Command.SESSION_SNAPSHOT.value),
        "ping": lambda: sessions[1].answer(ping),
        "connect": connect,
    }
    longest_s = dict.fromkeys(asking, 0.0)
    for ask in asking.values():
        ask()
    sys.stdin.readline()
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    print("asking", flush=True)
    while asking and not over.wait(_PAUSE_S):
        for name, ask in list(asking.items()):
            began = time.perf_counter()
            try:
                ask()
            except OSError:
                del asking[name]
            longest_s[name] = max(longest_s[name], time.perf_counter() - began)
    print(json.dumps({name: round(longest * 1e3, 1) for name, longest in longest_s.items()}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
