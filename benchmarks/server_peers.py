"""Processes around a benchmark of GraphServers: ``python -m benchmarks.server_peers ROLE ...``.

``stock HOST:PORT`` and ``ours HOST:PORT`` are the servers; ``processes HOST:PORT COUNT FULL
RATE [NAME]`` is COUNT unit processes with FULL trace samples each, tracing RATE a second more;
``subscriber HOST:PORT TOPIC`` is one subscriber; ``storm HOST:PORT RATE`` connects, begins a
command and goes, RATE times a second. Each says ``ready`` and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
from ezmsg.core.graphmeta import ProcessProfilingTraceBatch, ProfilingTraceSample
from ezmsg.core.graphserver import GraphServer
from ezmsg.core.netprotocol import Address, Command, uint64_to_bytes
from ezmsg.core.processclient import ProcessControlClient
from ezmsg.core.subclient import Subscriber

from kernel_runtime.host.server_choice import create_graph_server
from kernel_runtime.host.serving import serve_until_told

from .harness import free_port

_PUSH_SAMPLES = 2000
_PUSH_S = 0.02


@contextlib.contextmanager
def peer(*role: str, **environment: str) -> Iterator[psutil.Process]:
    """One process of this module, from when it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server_peers", *role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip() == "ready":
                    break
            else:
                raise RuntimeError(f"{role} did not start")
            yield psutil.Process(process.pid)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def server(kind: str, **environment: str) -> Iterator[tuple[Address, psutil.Process]]:
    address = Address("127.0.0.1", free_port())
    with peer(kind, str(address), **environment) as process:
        yield address, process


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _ready() -> None:
    threading.Thread(target=_end_with_input, daemon=True).start()
    print("ready", flush=True)


def serve(role: str, address: str) -> None:
    logging.getLogger("ezmsg").setLevel(logging.ERROR)
    # ezmsg's own says of each connection that broke off that nobody took its error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    server = GraphServer() if role == "stock" else create_graph_server()
    server.start(Address.from_string(address))
    _ready()
    serve_until_told(server)


def _push_of(client: ProcessControlClient, count: int) -> bytes:
    now = time.time()
    batch = ProcessProfilingTraceBatch(
        process_id=client.process_id,
        pid=os.getpid(),
        host="here",
        timestamp=now,
        samples=[
            ProfilingTraceSample(
                timestamp=now + number * 1e-6,
                endpoint_id=f"endpoint-{number % 8}",
                topic="UNIT/OUTPUT",
                metric="publish_delta_ns",
                value=1000.0 + number,
                sample_seq=number,
            )
            for number in range(count)
        ],
    )
    payload = pickle.dumps(batch)
    command = Command.PROCESS_PROFILING_TRACE_UPDATE.value
    return command + uint64_to_bytes(len(payload)) + payload


async def processes(address: str, count: int, full: int, rate_hz: float, name: str = "P") -> None:
    writers: list[tuple[asyncio.StreamWriter, bytes]] = []
    for number in range(count):
        client = ProcessControlClient(Address.from_string(address))
        await client.register([f"{name}{number}/UNIT"])
        assert client._writer is not None
        large = _push_of(client, _PUSH_SAMPLES)
        for _ in range(0, full, _PUSH_SAMPLES):
            client._writer.write(large)
            await client._writer.drain()
        writers.append((client._writer, _push_of(client, int(rate_hz * _PUSH_S))))
    _ready()
    while True:
        await asyncio.sleep(_PUSH_S)
        if rate_hz:
            for writer, push in writers:
                writer.write(push)
                await writer.drain()


async def subscriber(address: str, topic: str) -> None:
    await Subscriber.create(topic, Address.from_string(address))
    _ready()
    await asyncio.Event().wait()


async def storm(address: str, rate_hz: float) -> None:
    _ready()
    began = time.perf_counter()
    for made in itertools.count(1):
        try:
            _, writer = await asyncio.open_connection(*Address.from_string(address))
        except OSError:
            # All ports of this side are in use for a moment, or the server has gone.
            continue
        writer.write(Command.PUBLISH.value + b"\x01")
        writer.transport.abort()
        await asyncio.sleep(max(0.0, began + made / rate_hz - time.perf_counter()))


async def client(role: str, where: str, *rest: str) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit)
    if role == "processes":
        await processes(where, int(rest[0]), int(rest[1]), float(rest[2]), *rest[3:])
    elif role == "subscriber":
        await subscriber(where, rest[0])
    else:
        await storm(where, float(rest[0]))


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role in ("stock", "ours"):
        serve(role, where)
    else:
        asyncio.run(client(role, where, *rest))
