"""A notebook after its kernel: opened again, converted to HTML, and served by Voilà."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_lab import JupyterLab, notebook_page, wait_for_page
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CELLS = (
    "import ezmsg_nb as ezn\ng = ezn.demo()\ng",
    "g.settings.form('LP')",
    "g.units()",
    "g.settings['LP']",
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield context.new_page()
    context.close()


def test_a_saved_notebook_shows_the_last_state_without_its_kernel(
    browser: Browser, lab: JupyterLab
) -> None:
    lab.write_notebook("saved.ipynb", CELLS)
    with notebook_page(browser, lab, "saved.ipynb") as notebook:
        notebook.run_all()
        cutoff = notebook.page.locator('[data-field="cutoff"]').first
        cutoff.get_by_role("textbox").first.fill("20")
        cutoff.get_by_role("textbox").first.press("Enter")
        expect(cutoff).to_have_attribute("data-state", "applied", timeout=60_000)
        notebook.save()
    lab.shut_down_kernels()
    with notebook_page(browser, lab, "saved.ipynb") as notebook:
        topology = notebook.page.locator('[data-ezmsg-nb="topology"]').first
        expect(topology.locator("[role=treeitem][data-unit]")).to_have_count(10, timeout=60_000)
        cutoff = notebook.page.locator('[data-field="cutoff"]').first
        expect(cutoff.get_by_role("textbox").first).to_have_value(re.compile(r"^20(\.0)?$"))
        assert notebook.run_code("'g' in globals()") == "False"
        notebook.screenshot("saved")


def test_without_its_widgets_it_shows_picture_tables_and_settings(
    browser: Browser, lab: JupyterLab, page: Page, tmp_path: Path
) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in (*CELLS, "g.stop()")]
    )
    NotebookClient(notebook, timeout=90, kernel_name="python3", store_widget_state=False).execute()
    text, _ = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="lab"
    ).from_notebook_node(notebook)
    path = tmp_path / "saved.html"
    path.write_text(text, "utf-8")
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    drawn = _drawn(page)
    for unit in ("CLOCK", "LP", "SINK"):
        assert unit in drawn
    expect(page.locator("table").filter(has_text="DOWNSAMPLE").first).to_be_visible()
    expect(page.locator("table").filter(has_text="cutoff").first).to_be_visible()

    # Opened again where nobody saved the widgets' state, with a kernel that knows nothing.
    nbformat.write(notebook, lab.folder / "no_widgets.ipynb")
    with notebook_page(browser, lab, "no_widgets.ipynb") as opened:
        tables = opened.page.locator(".jp-OutputArea-output table")
        expect(tables.filter(has_text="DOWNSAMPLE").first).to_be_visible(timeout=60_000)
        expect(tables.filter(has_text="cutoff").first).to_be_visible(timeout=60_000)
        # The notebook isn't trusted: what JupyterLab leaves of its HTML has the picture.
        assert "ButterworthFilter" in _drawn(opened.page)


def _drawn(page: Page) -> str:
    """The static picture of the graph, once the page shows it."""
    picture = page.get_by_role("img", name=re.compile("Graph of 10 units")).first
    expect(picture).to_be_visible(timeout=60_000)
    wait_for_page(page, lambda: picture.evaluate("(image) => image.naturalWidth") > 500, 20)
    encoded = str(picture.get_attribute("src")).partition("base64,")[2]
    return base64.b64decode(encoded).decode()


def test_voila_shows_live_widgets(page: Page, lab: JupyterLab) -> None:
    # Voilà's own page asks other hosts for fonts and mathematics; the browser reaches none.
    lab.write_notebook("app.ipynb", CELLS[:2])
    page.goto(lab.url("voila/render/app.ipynb"), timeout=90_000)
    topology = page.locator('[data-ezmsg-nb="topology"]').first
    expect(topology).to_have_attribute("data-state", "connected", timeout=60_000)
    cutoff = page.locator('[data-field="cutoff"]').first
    cutoff.get_by_role("textbox").first.fill("20")
    cutoff.get_by_role("textbox").first.press("Enter")
    expect(cutoff).to_have_attribute("data-state", "applied", timeout=60_000)
    wait_for_page(page, lambda: topology.locator("[data-rate-of]").count() > 5, 20)
