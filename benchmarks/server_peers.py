"""Processes around a benchmark of GraphServers: ``python -m benchmarks.server_peers ROLE ...``.

``stock HOST:PORT`` and ``ours HOST:PORT`` are the servers; ``processes HOST:PORT COUNT FULL
RATE`` is COUNT unit processes with FULL trace samples each, tracing RATE a second more. Each
says ``ready`` and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import sys
import threading
import time

from ezmsg.core.graphmeta import ProcessProfilingTraceBatch, ProfilingTraceSample
from ezmsg.core.graphserver import GraphServer
from ezmsg.core.netprotocol import Address, Command, uint64_to_bytes
from ezmsg.core.processclient import ProcessControlClient

from kernel_runtime.host.server_choice import create_graph_server
from kernel_runtime.host.serving import serve_until_told

_PUSH_SAMPLES = 2000
_PUSH_S = 0.02


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _ready() -> None:
    threading.Thread(target=_end_with_input, daemon=True).start()
    print("ready", flush=True)


def serve(role: str, address: str) -> None:
    logging.getLogger("ezmsg").setLevel(logging.ERROR)
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


async def processes(address: str, count: int, full: int, rate_hz: float) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit)
    writers: list[tuple[asyncio.StreamWriter, bytes]] = []
    for number in range(count):
        client = ProcessControlClient(Address.from_string(address))
        await client.register([f"P{number}/UNIT"])
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


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "processes":
        asyncio.run(processes(where, int(rest[0]), int(rest[1]), float(rest[2])))
    else:
        serve(role, where)
