"""Fault 20: a process that is connected ends, or forks, in every state: no hang, no noise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real_graphs import GraphServerProcess, wait_for

LOUD_PYTHON = (sys.executable, "-W", "error::ResourceWarning")
"""Says of each socket that is still open at the end that it is."""

# Everything open that can be: streams that wait, a process of the graph, a request under way.
CLIENT = """
import asyncio, os, sys
from kernel_runtime import KernelGraphContext, KernelProcess, background_loop

loop = background_loop()
context = KernelGraphContext(sys.argv[1])
loop.run(context.__aenter__(), timeout=5)
process = KernelProcess(context, "CLIENT")
loop.run(process.open(), timeout=5)
loop.run(process.publisher("OUT"), timeout=5)
loop.run(context.connect("CLIENT/OUT", "NOBODY"), timeout=5)
for stream in (context.subscribe_topology_events(), context.subscribe_settings_events()):
    async def read(stream=stream):
        async for event in stream:
            pass
    loop.submit(read())
print("open", flush=True)
sys.stdin.readline()
loop.submit(context.snapshot())
if "fork" in sys.argv:
    child = os.fork()
    if child == 0:
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
if "close" in sys.argv:
    loop.run(process.close(), timeout=5)
    loop.run(context.close(), timeout=5)
"""


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("connected", "exit"),
        ("connected", "fork"),
        ("gone", "exit"),
        ("gone", "close"),
        ("stopped", "close"),
        ("stopped", "fork"),
    ],
)
def test_the_end_is_quick_and_quiet(
    state: str, how: str, graph_server: GraphServerProcess, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [*LOUD_PYTHON, "-c", CLIENT, graph_server.address, how],
        env=graph_server.slot.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "open\n"
        if state == "gone":
            graph_server.kill()
        elif state == "stopped":
            graph_server.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        _, noise = client.communicate("\n", timeout=20)
        took_s = time.monotonic() - started
    assert client.returncode == 0, noise
    assert noise == ""
    assert took_s < 5.0
    if state == "stopped":
        os.kill(graph_server.pid, signal.SIGCONT)


LEFT_OPEN = """
import asyncio, sys
from kernel_runtime import KernelGraphContext, KernelProcess

async def main():
    context = KernelGraphContext(sys.argv[1])
    await context.open()
    process = KernelProcess(context, "CLIENT")
    await process.open()
    await context.process_ping("CLIENT")
    stream = context.subscribe_topology_events()
    await anext(stream)

asyncio.run(main())
"""


def test_a_context_that_is_open_when_its_loop_ends_leaves_no_socket(
    graph_server: GraphServerProcess,
) -> None:
    ran = subprocess.run(
        [*LOUD_PYTHON, "-c", LEFT_OPEN, graph_server.address],
        env=graph_server.slot.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_killed_client_leaves_nothing_in_the_graph(graph_server: GraphServerProcess) -> None:
    from kernel_runtime import KernelGraphContext, background_loop

    loop = background_loop()
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, graph_server.address],
        env=graph_server.slot.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "open\n"
        context = KernelGraphContext(graph_server.address)
        loop.run(context.__aenter__(), timeout=5)
        try:
            snapshot = loop.run(context.snapshot(), timeout=5)
            assert len(snapshot.processes) == 1
            client.kill()

            def nothing_left() -> bool:
                snapshot = loop.run(context.snapshot(), timeout=5)
                return not snapshot.processes and not snapshot.graph and len(snapshot.sessions) == 1

            wait_for(nothing_left, "the graph to forget the client", 30.0)
        finally:
            loop.run(context.close(), timeout=5)
            loop.stop()
