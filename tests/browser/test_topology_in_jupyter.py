"""The topology widget in JupyterLab on a fine screen: cells run again, the page loaded again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessibility import serious_violations
from jupyter_lab import JupyterLab, NotebookPage, notebook_page, wait_for_page
from playwright.sync_api import Browser, Locator, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CELLS = ("import ezmsg_nb as ezn\ng = ezn.demo()", "g")
LONG_MS = 60_000


@pytest.fixture
def notebook(browser: Browser, lab: JupyterLab) -> Iterator[NotebookPage]:
    lab.write_notebook("topology.ipynb", CELLS)
    with notebook_page(browser, lab, "topology.ipynb", pixel_ratio=2) as page:
        try:
            page.run_all()
            yield page
        finally:
            page.screenshot("topology_fine")


def _topology(notebook: NotebookPage) -> Locator:
    return notebook.page.locator('[data-ezmsg-nb="topology"]')


def _is_live(notebook: NotebookPage) -> None:
    """One view, connected, with rates that are known, and every pixel of the screen painted."""
    root = _topology(notebook)
    expect(root).to_have_count(1, timeout=LONG_MS)
    root.scroll_into_view_if_needed()
    expect(root).to_have_attribute("data-state", "connected", timeout=LONG_MS)
    expect(root).to_have_attribute("data-units", "10", timeout=LONG_MS)
    rates = root.locator("[data-rate-of]", has_text=re.compile(r"\d Hz"))
    expect(rates.nth(5)).to_be_attached(timeout=LONG_MS)
    ratio = "(one) => one.width / one.clientWidth"
    assert root.locator(".ezn-stage > canvas").first.evaluate(ratio) == 2


def test_a_view_lives_through_runs_and_page_loads(notebook: NotebookPage) -> None:
    page = notebook.page
    _is_live(notebook)
    assert serious_violations(page, '[data-ezmsg-nb="topology"]') == []

    notebook.run_code("g.pause()")
    paused = _topology(notebook).locator("[data-unit]", has_text="paused")
    expect(paused).to_have_count(10, timeout=LONG_MS)
    notebook.run_code("g.resume()")
    expect(paused).to_have_count(0, timeout=LONG_MS)

    notebook.run_code("t = g.trace().start()")
    slowest = _topology(notebook).locator("[data-rate-of]", has_text=re.compile(r"p99 [\d.]+ \ws"))
    expect(slowest.first).to_be_attached(timeout=LONG_MS)
    notebook.run_code("t.stop()")
    expect(slowest).to_have_count(0, timeout=LONG_MS)

    notebook.cells.nth(1).click(position={"x": 5, "y": 5})
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    wait_for_page(page, lambda: _topology(notebook).count() == 1, 60)
    _is_live(notebook)

    notebook.save()
    notebook.reload()
    _is_live(notebook)
    assert notebook.errors() == []
