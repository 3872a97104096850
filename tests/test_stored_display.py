"""What a notebook that was executed without a browser has stored of a scope."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

TESTS = Path(__file__).resolve().parent
CELLS = (
    f"""import sys, time
sys.path.insert(0, {str(TESTS)!r})
import ezmsg_nb as ezn
import stored_graph

g = ezn.run(TELLER=stored_graph.Teller(), connections=[("TELLER/OUTPUT", "WATCHED")])

def tell(words):
    g.settings["TELLER"]["words"] = words
    give_up = time.monotonic() + 60
    while scope._newest() is None or words not in str(scope._newest().rows):
        assert time.monotonic() < give_up
        time.sleep(0.02)
""",
    "scope = g.scope('TELLER/OUTPUT')\nscope",
    "tell('second words')",
    "pass",
    "tell('last words')\ng.stop()",
    "scope.close()",
)


def test_the_last_state_is_stored_and_not_the_first() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    stored = []

    def shown() -> dict[str, str]:
        (output,) = notebook.cells[1].outputs
        return dict(output["data"])

    with client.setup_kernel():
        for place, cell in enumerate(notebook.cells):
            client.execute_cell(cell, place)
            stored.append(shown() if place > 0 else {})
    live = "application/vnd.jupyter.widget-view+json"
    assert "first words" in stored[1]["text/html"]
    # Nothing shows it live, so the cells bring it on.
    assert "second words" in stored[3]["text/html"]
    # The graph is over.
    assert "last words" in stored[4]["text/html"]
    assert live in stored[4]
    # No widget is left: its last picture alone is.
    assert "last words" in stored[5]["text/html"]
    assert live not in stored[5]
