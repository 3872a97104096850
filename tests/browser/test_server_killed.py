"""The GraphServer of a script's pipeline is killed under a notebook that is attached to it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
from jupyter_lab import JupyterLab, NotebookPage, notebook_page
from playwright.sync_api import Browser
from real_graphs import RunningGraph

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CELLS = (
    "import ezmsg_nb as ezn\ng = ezn.connect({address!r})\ng.topology()",
    "g.settings.form('GAIN')",
)


def test_widgets_say_so_within_2_s_and_no_cell_hangs(
    running_graph: RunningGraph, browser: Browser, lab: JupyterLab
) -> None:
    with attached_notebook(browser, lab, running_graph.address) as notebook:
        page = notebook.page
        topology = '[data-ezmsg-nb="topology"]'
        page.locator(f"{topology}[data-state=connected]").wait_for(timeout=20_000)
        page.locator('[data-ezmsg-nb="settings-form"]').wait_for(timeout=20_000)
        running_graph.server.kill()
        killed = time.monotonic()
        page.locator(f"{topology}[data-state=reconnecting]").wait_for(timeout=2_000)
        page.get_by_text("does not answer").first.wait_for(timeout=2_000)
        assert time.monotonic() - killed < 2.0
        notebook.screenshot("server_killed")
        asked = time.monotonic()
        said = notebook.run_code("try:\n    g.units()\nexcept Exception as e:\n    print(type(e))")
        assert "GraphServerUnavailableError" in said
        assert time.monotonic() - asked < 10.0


@contextlib.contextmanager
def attached_notebook(browser: Browser, lab: JupyterLab, address: str) -> Iterator[NotebookPage]:
    """A notebook that is attached to a graph and shows it, with all cells run."""
    lab.write_notebook("attached.ipynb", [cell.format(address=address) for cell in CELLS])
    with notebook_page(browser, lab, "attached.ipynb") as notebook:
        try:
            notebook.run_all()
            yield notebook
        finally:
            lab.shut_down_kernels()
