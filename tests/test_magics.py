"""Magics, the Tab key, live logs and rewiring, in a real kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cells import SOURCE, WAIT_FOR_LINE
from kernels import CellError, Kernel

GRAPH = """
source, sink = Source(), Sink()
COMPONENTS = {"SOURCE": source, "SINK": sink}
CONNECTIONS = [(source.OUTPUT, sink.INPUT)]
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with Kernel() as started:
        started.run("%load_ext ezmsg_nb\n" + SOURCE + WAIT_FOR_LINE)
        yield started


@pytest.fixture
def graph(kernel: Kernel) -> Iterator[Kernel]:
    kernel.run("%%ezmsg_run\n" + GRAPH)
    yield kernel
    kernel.run("g.stop()")


def shown(kernel: Kernel, expression: str) -> Any:
    return json.loads(kernel.run(f"import json; print(json.dumps({expression}))").text)


def test_status_without_a_graph(kernel: Kernel) -> None:
    text = kernel.run("%ezmsg").text
    assert text.startswith("No graph in this notebook.")


def test_a_cell_runs_a_graph_and_runs_it_again_in_place(graph: Kernel) -> None:
    address = shown(graph, "g.address")
    graph.run("form = g.settings.form('SOURCE'); g.settings['SOURCE']['rate_hz'] = 70.0")
    graph.run("%%ezmsg_run\n" + GRAPH)
    assert shown(graph, "[g.address, g.status]") == [address, "connected"]
    assert shown(graph, "[g.settings['SOURCE']['rate_hz'], form.value['rate_hz']]") == [70.0, 70.0]
    assert graph.run("%ezmsg").text == f"g: <LiveGraph at {address}: connected, 2 units>\n"


def test_a_cell_that_fails_leaves_the_graph(graph: Kernel) -> None:
    with pytest.raises(CellError, match="the cell's own"):
        graph.run('%%ezmsg_run\nraise ValueError("the cell\'s own")')
    assert "The cell defines no COMPONENTS" in graph.run("%%ezmsg_run\nx = 1").text
    text = graph.run("%%ezmsg_run my graph\nx = 1").text
    assert "takes the name of a variable, not 'my graph'" in text
    assert shown(graph, "g.status") == "connected"


def test_attach_opens_a_graph_under_a_name(graph: Kernel) -> None:
    graph.run("%ezmsg attach {g.address} other")
    assert shown(graph, "[other.address == g.address, len(other.units())]") == [True, 2]
    graph.run("other.close()")
    assert "%ezmsg attach ADDRESS" in graph.run("%ezmsg attack").text


COMPLETIONS = {
    "g.settings['SO": ["SOURCE"],
    "g.settings['SOURCE']['ra": ["rate_hz"],
    "with g.trace('SOURCE/OUT": ["SOURCE/OUTPUT"],
    "g.trace(['SOURCE/OUTPUT', \"SINK/": ["SINK/INPUT"],
    "g.connect('SOURCE/OUTPUT', 'SIN": ["SINK/INPUT"],
    "g.logs('SI": ["SINK"],
    "%ezmsg att": ["attach"],
}


def test_the_tab_key_knows_the_graph(graph: Kernel) -> None:
    found = {typed: graph.complete(typed) for typed in COMPLETIONS}
    assert {
        typed: [match.strip("'\"[]") for match in matches] for typed, matches in found.items()
    } == COMPLETIONS


def test_rewiring(graph: Kernel) -> None:
    graph.run("g.connect('SOURCE/OUTPUT', 'ASIDE')")
    assert shown(graph, "'ASIDE' in list(g.edges()['to_topic'])")
    with pytest.raises(CellError) as raised:
        graph.run("g.connect('ASIDE', 'SOURCE/OUTPUT')")
    assert raised.value.name == "CyclicConnectionError"
    assert "SOURCE/OUTPUT -> ASIDE" in raised.value.message
    graph.run("g.disconnect('SOURCE/OUTPUT', 'ASIDE')")
    assert not shown(graph, "'ASIDE' in list(g.edges()['to_topic'])")
    with pytest.raises(CellError, match="SOURCE/OUTPUT is not connected to ASIDE"):
        graph.run("g.disconnect('SOURCE/OUTPUT', 'ASIDE')")
    with pytest.raises(CellError, match="only its owner can take it back"):
        graph.run("g.disconnect('SOURCE/OUTPUT', 'SINK/INPUT')")


def test_log_view_follows_also_through_a_restart(graph: Kernel) -> None:
    graph.run("view = g.logs('SINK', follow=True)\ng.restart()")
    seen = graph.run(
        "wait_for_line('SINK', 'own class')\n"
        "deadline = time.monotonic() + 30\n"
        "while 'own class' not in view.value and time.monotonic() < deadline: time.sleep(0.02)\n"
        "print('own class: True True 3.0' in view.value)\nview"
    )
    assert seen.text == "True\n"
    assert "own class: True True 3.0" in seen.data[0]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in seen.data[0]
    graph.run("view.close()")
