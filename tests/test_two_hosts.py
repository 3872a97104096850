"""A graph across two network namespaces, with real addresses and a real cable to cut.

The server and the pipeline are in a namespace of their own, this process is in the other one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_graphs import PIPELINE_SCRIPT, PortSlot, ProcessTree, answers, wait_for

from kernel_runtime import GraphError, KernelGraphContext, Resynced

PUBLISHER_SCRIPT = Path(__file__).parent / "netns_publisher_script.py"
CUT_S = 10.0


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=10)


class OtherHost:
    """A network namespace with a GraphServer, a pipeline and a publisher, at one end of a cable."""

    def __init__(self, folder: Path) -> None:
        number = os.getpid() % 200 + 20
        self._namespace = f"ezmsg-nb-{os.getpid()}"
        self._here, self._there = f"ezh{os.getpid() % 100000}", f"ezt{os.getpid() % 100000}"
        self.host = f"10.213.{number}.2"
        self._slot = PortSlot()
        self.address = f"{self.host}:{self._slot.port}"
        self._folder = folder
        self._trees: list[ProcessTree] = []
        ip("netns", "add", self._namespace)
        try:
            ip("link", "add", self._here, "type", "veth", "peer", "name", self._there)
            ip("link", "set", self._there, "netns", self._namespace)
            ip("addr", "add", f"10.213.{number}.1/24", "dev", self._here)
            ip("link", "set", self._here, "up")
            self._inside("addr", "add", f"{self.host}/24", "dev", self._there)
            self._inside("link", "set", "lo", "up")
            self.set_cable("up")
            self._start_graph()
        except BaseException:
            self.close()
            raise

    def _inside(self, *arguments: str) -> None:
        ip("netns", "exec", self._namespace, "ip", *arguments)

    def set_cable(self, state: str) -> None:
        self._inside("link", "set", self._there, state)

    def _run(self, *command: str) -> ProcessTree:
        environment = {**self._slot.environment, "EZMSG_GRAPHSERVER_ADDR": self.address}
        tree = ProcessTree(
            ["ip", "netns", "exec", self._namespace, sys.executable, *command],
            environment,
            self._folder / f"other_host_{len(self._trees)}.log",
        )
        self._trees.insert(0, tree)
        return tree

    def _start_graph(self) -> None:
        # Publishers of units listen on loopback, so the units meet the server there.
        local = f"127.0.0.1:{self._slot.port}"
        self._run("-m", "ezmsg.core", "serve", "--address", f"0.0.0.0:{self._slot.port}")
        target = (self.host, self._slot.port)
        wait_for(lambda: answers(target), f"a GraphServer at {self.address}")
        arrived = self._folder / "arrived.txt"
        pipeline = self._run(str(PIPELINE_SCRIPT), local, str(arrived))
        self._run(str(PUBLISHER_SCRIPT), self.address)
        wait_for(lambda: not pipeline.running or arrived.exists(), "messages at the sink", 20.0)
        assert pipeline.running, pipeline.output

    def close(self) -> None:
        for tree in self._trees:
            tree.end()
        self._slot.release()
        subprocess.run(["ip", "netns", "del", self._namespace], capture_output=True, timeout=10)
        subprocess.run(["ip", "link", "del", self._here], capture_output=True, timeout=10)


@pytest.fixture(scope="module")
def other_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherHost]:
    if shutil.which("ip") is None:
        pytest.skip("`ip` (iproute2) is not installed, so no network namespace can be made")
    try:
        subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, timeout=10)
        host = OtherHost(tmp_path_factory.mktemp("other_host"))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here (needs root): {error.stderr}")
    try:
        yield host
    finally:
        host.close()


async def until(condition: Callable[[], bool], what: str, deadline_s: float) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up, f"Waited {deadline_s:g} s in vain for {what}."
        await asyncio.sleep(0.01)


async def test_a_graph_on_another_host(other_host: OtherHost) -> None:
    async with KernelGraphContext(other_host.address) as context:
        (warning,) = context.warnings
        assert "no authentication" in warning
        assert f"ssh -L {context.address.port}:127.0.0.1" in warning
        assert (await context.process_ping("GAIN")).pid
        assert (await context.update_setting("GAIN", "gain", 2.0)).structured_value
        everything = await context.profiling_snapshot_all(timeout_per_process=2.0)
        assert (len(everything), everything.failures) == (3, {})
        # A message across the cable, by ezmsg's own transport.
        subscriber = await context.subscriber("HERE/IN", leaky=True)
        await context.connect("REMOTE/OUT", "HERE/IN")
        async with asyncio.timeout(30):
            assert abs(await subscriber.recv() - time.time()) < 5.0


async def test_19_the_cable_is_cut_for_10_s(other_host: OtherHost) -> None:
    async with KernelGraphContext(other_host.address, timeout=2.0) as context:

        async def received() -> int:
            snapshot = await context.process_profiling_snapshot("SINK")
            return sum(one.messages_received_total for one in snapshot.subscribers.values())

        await context.connect("GAIN/OUTPUT", "HERE/WATCH")
        stream = context.subscribe_topology_events()
        async with asyncio.timeout(30):
            while (event := await anext(stream)).changed_topics != ["HERE/WATCH"]:  # type: ignore[union-attr]
                pass
        waiting = asyncio.create_task(anext(stream))
        before = await received()
        other_host.set_cable("down")
        cut = time.monotonic()
        try:
            await until(lambda: context.status == "reconnecting", "the status to say so", 30.0)
            while time.monotonic() - cut < CUT_S:
                async with asyncio.timeout(30):
                    with pytest.raises(GraphError):
                        await context.process_ping("GAIN", timeout=0.5)
                await asyncio.sleep(0.2)
            assert not waiting.done()
        finally:
            other_host.set_cable("up")
        await until(lambda: context.status == "connected", "the server to be back", 30.0)
        async with asyncio.timeout(30):
            while True:
                try:
                    # The pipeline at the other end went on: 100 messages a second at best.
                    assert await received() - before > 0.5 * CUT_S * 100
                    break
                except GraphError:
                    continue
        assert "HERE/WATCH" in (await context.snapshot()).graph["GAIN/OUTPUT"]
        await context.disconnect("GAIN/OUTPUT", "HERE/WATCH")
        async with asyncio.timeout(30):
            following = await waiting
        assert not isinstance(following, Resynced)
        assert not isinstance(event, Resynced)
        assert following.seq == event.seq + 1
        await stream.aclose()
