"""How long other clients of a GraphServer wait while one client, or one process, is at fault."""

from __future__ import annotations

import contextlib
import json
import pickle
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from ezmsg.core.graphmeta import ProcessRegistration, ProfilingStreamControl
from ezmsg.core.netprotocol import Command, encode_str, uint64_to_bytes

from .server_peers import peer, server
from .server_probe import Client, ask_process

_STORM_HZ = 1000.0
_SLOW_READERS = 50
_FLOOD_HZ = 5000.0

Going = threading.Event
Begin = Callable[[], None]
"""Called when a fault is about to begin: what was started for it does not count."""

Fault = Callable[[str, Begin], AbstractContextManager[None]]


def _framed(value: object) -> bytes:
    payload = pickle.dumps(value)
    return uint64_to_bytes(len(payload)) + payload


@contextlib.contextmanager
def _client(address: str, *sent: bytes) -> Iterator[Client]:
    client = Client(address, 60.0)
    try:
        client.send(*sent)
        yield client
    finally:
        client.socket.close()


@contextlib.contextmanager
def _session(address: str) -> Iterator[Client]:
    with _client(address) as client:
        client.welcome(Command.SESSION)
        yield client


@contextlib.contextmanager
def _deaf_process(address: str) -> Iterator[None]:
    """A process that is registered, and reads nothing from then on."""
    with _client(address) as client:
        client.welcome(Command.PROCESS)
        registration = ProcessRegistration(1, "here", ["DEAF/UNIT"])
        client.send(Command.PROCESS_REGISTER.value, _framed(registration))
        client.read(1)
        yield


@contextlib.contextmanager
def _all_the_while(act: Callable[[Going], None]) -> Iterator[None]:
    """Let a thread act until the end; it sees when that is by its argument."""
    over = threading.Event()

    def run() -> None:
        # A server that is wedged closes, or is closed, in the midst of it.
        with contextlib.suppress(OSError):
            act(over)

    acting = threading.Thread(target=run, daemon=True)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join(1.0)


def nothing(address: str, begin: Begin) -> AbstractContextManager[None]:
    begin()
    return contextlib.nullcontext()


@contextlib.contextmanager
def half_sent_command(address: str, begin: Begin) -> Iterator[None]:
    begin()
    with _client(address, Command.PUBLISH.value + b"\x05"):
        yield


@contextlib.contextmanager
def publisher_without_address(address: str, begin: Begin) -> Iterator[None]:
    begin()
    with _client(address, Command.PUBLISH.value, encode_str("TOPIC")):
        yield


@contextlib.contextmanager
def large_edit_of_stopped_process(address: str, begin: Begin) -> Iterator[None]:
    with _deaf_process(address), _session(address) as editor:
        edit = ask_process("DEAF/UNIT", "EDIT", bytes(12_000_000), 60.0)
        begin()
        with _all_the_while(lambda over: editor.send(edit)):
            yield


@contextlib.contextmanager
def many_edits_of_stopped_process(address: str, begin: Begin) -> Iterator[None]:
    edit = ask_process("DEAF/UNIT", "EDIT", bytes(50_000), 0.001)
    with _deaf_process(address), _session(address) as editor:

        def send(over: Going) -> None:
            while not over.is_set():
                editor.answer(edit)

        begin()
        with _all_the_while(send):
            yield


@contextlib.contextmanager
def sync_with_stopped_publisher(address: str, begin: Begin) -> Iterator[None]:
    with _client(address, Command.PUBLISH.value, encode_str("STOPPED")) as publisher:
        publisher.frame()
        publisher.send(encode_str("127.0.0.1:9"))
        publisher.read(1)
        begin()
        with _client(address, Command.SYNC.value):
            yield


@contextlib.contextmanager
def set_up_at_stopped_subscriber(address: str, begin: Begin) -> Iterator[None]:
    with peer("subscriber", address, "STOPPED") as subscriber:
        subscriber.suspend()
        try:

            def publish(over: Going) -> None:
                while not over.is_set():
                    with _client(address, Command.PUBLISH.value, encode_str("STOPPED")) as new:
                        new.frame()
                        new.send(encode_str("127.0.0.1:9"))
                        new.read(1)

            begin()
            with _all_the_while(publish):
                yield
        finally:
            subscriber.resume()


@contextlib.contextmanager
def slow_readers_of_events(address: str, begin: Begin) -> Iterator[None]:
    command = Command.SESSION_TOPOLOGY_SUBSCRIBE.value + encode_str("0")
    with contextlib.ExitStack() as stack:
        for _ in range(_SLOW_READERS):
            stack.enter_context(_client(address, command))
        editor = stack.enter_context(_session(address))

        def edit(over: Going) -> None:
            began = time.perf_counter()
            number = 0
            while not over.is_set():
                number += 1
                editor.send(
                    (Command.SESSION_CONNECT if number % 2 else Command.SESSION_DISCONNECT).value,
                    encode_str("A"),
                    encode_str("B" * 1000),
                )
                editor.read(1)
                time.sleep(max(0.0, began + number / _FLOOD_HZ - time.perf_counter()))

        begin()
        stack.enter_context(_all_the_while(edit))
        yield


@contextlib.contextmanager
def stuck_trace_reader(address: str, begin: Begin) -> Iterator[None]:
    control = ProfilingStreamControl(interval=0.05, max_samples=10_000)
    with peer("processes", address, "4", "0", "10000", "T"):
        begin()
        with _client(address, Command.SESSION_PROFILING_SUBSCRIBE.value, _framed(control)):
            yield


@contextlib.contextmanager
def absurd_lengths(address: str, begin: Begin) -> Iterator[None]:
    commands = (Command.SUBSCRIBE, Command.CONNECT, Command.SHM_ATTACH, Command.PUBLISH)

    def send(over: Going) -> None:
        while not over.is_set():
            for command in commands:
                with _client(address, command.value, b"\xff" * 7 + b"\x0f"):
                    time.sleep(0.005)

    begin()
    with _all_the_while(send):
        yield


@contextlib.contextmanager
def storm_of_connections(address: str, begin: Begin) -> Iterator[None]:
    with peer("storm", address, str(_STORM_HZ)):
        begin()
        yield


FAULTS: Mapping[str, Fault] = {
    "nothing": nothing,
    "half_sent_command": half_sent_command,
    "publisher_without_address": publisher_without_address,
    "large_edit_of_stopped_process": large_edit_of_stopped_process,
    "many_edits_of_stopped_process": many_edits_of_stopped_process,
    "sync_with_stopped_publisher": sync_with_stopped_publisher,
    "set_up_at_stopped_subscriber": set_up_at_stopped_subscriber,
    "50_slow_readers_of_events": slow_readers_of_events,
    "stuck_trace_reader": stuck_trace_reader,
    "absurd_lengths": absurd_lengths,
    "storm_of_connections": storm_of_connections,
}


def longest_ms(address: str, fault: Fault, seconds: float, deadline_s: float) -> dict[str, float]:
    """Measure the longest snapshot, ping and connection of another client under a fault, in ms.

    Where one is over the deadline, that is what it took at least. There has to be a unit
    process ``P0/UNIT``.
    """
    command = [sys.executable, "-m", "benchmarks.server_probe", address, str(deadline_s)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as probe:
        stdin, stdout = probe.stdin, probe.stdout
        assert stdin is not None and stdout is not None

        def begin() -> None:
            stdin.write("begin\n")
            stdin.flush()
            stdout.readline()

        try:
            with fault(address, begin):
                time.sleep(seconds)
                stdin.close()
                found: dict[str, float] = json.loads(stdout.read())
        finally:
            probe.kill()
    return found


def longest_ms_by_fault(
    kind: str, seconds: float, storm_s: float, deadline_s: float, rounds: int
) -> dict[str, float]:
    """Measure the longest wait of another client under each fault, in ms: median of rounds.

    Our server has all faults in turn, round by round; ezmsg's own each once, a new one each time.
    """
    found: dict[str, list[float]] = {name: [] for name in FAULTS}
    stock = kind == "stock"
    for some in [[name] for name in FAULTS] if stock else [list(FAULTS) * rounds]:
        with server(kind) as (address, _), peer("processes", str(address), "1", "0", "0"):
            for name in some:
                length_s = storm_s if name == "storm_of_connections" else seconds
                waits_ms = longest_ms(str(address), FAULTS[name], length_s, deadline_s)
                print(f"{kind}, {name}: longest wait in ms {waits_ms}", flush=True)
                found[name].append(max(waits_ms.values()))
    return {name: statistics.median(waits) for name, waits in found.items()}
