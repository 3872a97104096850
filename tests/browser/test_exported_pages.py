"""A notebook with its widgets' state, as a page of HTML that asks no other host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from documents import ROOT, code_blocks
from jupyter_lab import wait_for_page
from nbclient import NotebookClient
from playwright.sync_api import Browser, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CELLS = (
    "import ezmsg_nb as ezn\ng = ezn.demo()\ng",
    "g.settings.form('LP')",
    "g.topology(settings=True)",
    "g.stop()",
)


def test_page_of_nbconvert_has_everything_without_network(browser: Browser, tmp_path: Path) -> None:
    (config,) = (b for b in code_blocks(ROOT / "docs" / "howto" / "export.md") if b.file)
    (tmp_path / config.file).write_text(config.text)
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert "widgets" in notebook.metadata
    nbformat.write(notebook, tmp_path / "saved.ipynb")
    subprocess.run(
        [
            *(sys.executable, "-m", "jupyter", "nbconvert", "--to", "html"),
            *("--config", config.file, "saved.ipynb"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=120,
    )

    context = browser.new_context(viewport={"width": 1100, "height": 1000})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "saved.html").as_uri(), timeout=60_000)
    outputs = page.locator(".jp-OutputArea-output")
    pictures = outputs.locator("svg, img").filter(visible=True)
    wait_for_page(page, lambda: pictures.count() >= 2, 60.0)
    expect(outputs.locator("table", has_text="fir_fft_min_taps").first).to_be_visible()
    expect(outputs.locator("table", has_text="DOWNSAMPLE").first).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
