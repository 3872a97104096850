"""Graphs written in cells, through restarts, interrupts, deaths of units and of kernels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from cells import RUN, SOURCE, WAIT_FOR_LINE
from kernels import CellError, Kernel
from leak_guard import segments_of, shared_memory_segments
from real_graphs import answers, wait_for

GONE_S = 30.0


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with Kernel() as started:
        started.run(SOURCE + WAIT_FOR_LINE)
        yield started


@pytest.fixture
def graph(kernel: Kernel) -> Iterator[Kernel]:
    kernel.run(RUN)
    yield kernel
    kernel.run("g.stop()")


def shown(kernel: Kernel, expression: str) -> Any:
    return json.loads(kernel.run(f"import json; print(json.dumps({expression}))").text)


def test_restart_keeps_address_edits_and_widgets(graph: Kernel) -> None:
    graph.run(
        "address, form, picture = g.address, g.settings.form('SOURCE'), g.topology()\n"
        "g.settings['SOURCE'].update(rate_hz=200.0, mode='REST')\n"
        "g.restart()"
    )
    assert shown(graph, "[g.address == address, g.status, g.warnings]") == [True, "connected", []]
    assert shown(graph, "g.settings['SOURCE']['rate_hz']") == 200.0
    graph.run("g.settings['SOURCE']['rate_hz'] = 50.0")
    assert shown(graph, "form.value['rate_hz']") == 50.0
    graph.run("form.close(); picture.close()")


def test_restart_with_a_changed_unit_and_settings_that_no_longer_fit(graph: Kernel) -> None:
    graph.run("g.settings['SOURCE'].update(rate_hz=200.0, mode='REST')")
    text = graph.run(
        "import warnings\n"
        "class SourceSettings(ez.Settings):\n    rate_hz: float = 100.0\n    gain: float = 2.0\n"
        "class Source(ez.Unit):\n    SETTINGS = SourceSettings\n"
        "    INPUT_SETTINGS = ez.InputStream(SourceSettings)\n"
        "    OUTPUT = ez.OutputStream(Sample)\n"
        "    @ez.subscriber(INPUT_SETTINGS)\n"
        "    async def on_settings(self, message): self.apply_settings(message)\n"
        "    @ez.publisher(OUTPUT)\n"
        "    async def publish(self):\n"
        "        yield self.OUTPUT, Sample(self.SETTINGS.gain)\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    g.restart()\n"
        "print(*[warning.message for warning in caught])\n"
        "print(wait_for_line('SINK', 'own class'), dict(g.settings['SOURCE']))"
    ).text
    assert "SOURCE.mode = 1: there is no such field any more" in text
    assert "own class: True False 2.0 {'rate_hz': 200.0, 'gain': 2.0}" in text
    graph.run(SOURCE)


def test_a_restart_that_is_refused_leaves_the_graph_running(graph: Kernel) -> None:
    with pytest.raises(CellError, match="The graph has no OTHER to replace"):
        graph.run("g.restart(OTHER=Sink())")
    assert shown(graph, "g.status") == "connected"


def test_a_restart_that_fails_can_be_made_again(graph: Kernel) -> None:
    graph.run(
        "class Failing(Sink):\n"
        "    async def initialize(self):\n        raise ValueError('no amplifier')\n"
        "g.settings['SOURCE']['rate_hz'] = 150.0\n"
    )
    with pytest.raises(CellError, match="no amplifier"):
        graph.run("g.restart(SINK=Failing())")
    assert shown(graph, "[g.status, g.status_text]") == [
        "closed",
        "Stopped for a restart, which failed.",
    ]
    graph.run("g.restart(SINK=Sink())")
    assert shown(graph, "g.settings['SOURCE']['rate_hz']") == 150.0


def test_a_unit_that_dies_is_shown_with_its_last_lines(graph: Kernel) -> None:
    text = graph.run(
        "class Dying(Sink):\n"
        "    @ez.task\n    async def die(self):\n"
        "        print('out of electrodes')\n        import os; os._exit(3)\n"
        "g.restart(SINK=Dying())\n"
        "deadline = time.monotonic() + 30\n"
        "while not g.warnings and time.monotonic() < deadline: time.sleep(0.02)\n"
        "print(g.warnings, list(g.logs('SINK')['text']))"
    ).text
    assert text == (
        "('The process of SINK ended: ended with exit code 3',) ['out of electrodes']\n"
    )
    graph.run("g.restart(SINK=Sink())")
    assert shown(graph, "g.warnings") == []


def test_interrupting_a_cell_leaves_the_graph_running(graph: Kernel) -> None:
    message_id = graph.client.execute("print('busy'); time.sleep(30)", stop_on_error=False)
    while graph.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    graph.manager.interrupt_kernel()
    reply = graph.client.get_shell_msg(timeout=60)
    while reply["parent_header"].get("msg_id") != message_id:
        reply = graph.client.get_shell_msg(timeout=60)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert shown(graph, "[g.status, len(g.processes()), g.warnings]") == ["connected", 2, []]


@pytest.mark.parametrize("end", ["restart", "kill"])
@pytest.mark.parametrize("unit", ["well behaved", "stubborn"])
def test_the_end_of_a_kernel_ends_the_graph(end: str, unit: str) -> None:
    with Kernel() as kernel:
        kernel.run(SOURCE + WAIT_FOR_LINE + RUN + "import json")
        if unit == "stubborn":
            kernel.run(
                "class Stubborn(Sink):\n"
                "    @ez.task\n    async def block(self):\n"
                "        import signal, time\n"
                "        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
                "        print('blocks')\n        time.sleep(60)\n"
                "g.restart(SINK=Stubborn())\nwait_for_line('SINK', 'blocks')\n"
            )
        host, address = json.loads(kernel.run("print(json.dumps([g._host.pid, g.address]))").text)
        tree = [psutil.Process(host), *psutil.Process(host).children(recursive=True)]
        segments = frozenset[str]().union(*(segments_of(process.pid) for process in tree))
        assert len(tree) >= 3
        if end == "kill":
            kernel.kill()
        else:
            kernel.restart()
        name, _, port = address.rpartition(":")
        wait_for(
            lambda: (
                not any(process.is_running() for process in tree)
                and not answers((name, int(port)))
                and not shared_memory_segments() & segments
            ),
            "processes, port and shared memory to be gone",
            GONE_S,
        )
