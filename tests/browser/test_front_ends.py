"""Every widget in JupyterLab and Notebook 7: it shows, it works, nobody is kept out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessibility import serious_violations
from jupyter_lab import FRONT_ENDS, FrontEnd, JupyterLab, NotebookPage, notebook_page
from playwright.sync_api import Browser, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CELLS = (
    "import ezmsg_nb as ezn\ng = ezn.demo()\ng",
    "g.settings.form('LP')",
    "g.profile_view(height=300)",
)
WIDGETS = ("topology", "settings-form", "profile")


@pytest.fixture(params=FRONT_ENDS)
def widgets(
    request: pytest.FixtureRequest, browser: Browser, lab: JupyterLab
) -> Iterator[NotebookPage]:
    """A notebook with all widgets of a running graph, in each front end."""
    front_end: FrontEnd = request.param
    lab.write_notebook("widgets.ipynb", CELLS)
    with notebook_page(browser, lab, "widgets.ipynb", front_end) as page:
        try:
            page.run_all()
            yield page
        finally:
            page.screenshot(f"widgets_{front_end}")


def test_all_widgets_work_and_nobody_is_kept_out(widgets: NotebookPage) -> None:
    page = widgets.page
    topology = page.locator('[data-ezmsg-nb="topology"]').first
    topology.scroll_into_view_if_needed()
    expect(topology).to_have_attribute("data-state", "connected")
    expect(topology.locator("[role=treeitem][data-unit]")).to_have_count(10)
    expect(topology.locator("[data-rate-of]", has_text=re.compile(r"\d")).nth(5)).to_be_attached()

    cutoff = page.locator('[data-ezmsg-nb="settings-form"] [data-field="cutoff"]').first
    box = cutoff.get_by_role("textbox").first
    box.scroll_into_view_if_needed()
    box.fill("20")
    box.press("Enter")
    expect(cutoff).to_have_attribute("data-state", "applied", timeout=10_000)

    for theme in ("light", "dark"):
        widgets.use_theme(theme)
        for name in WIDGETS:
            widget = page.locator(f'[data-ezmsg-nb="{name}"]').first
            widget.scroll_into_view_if_needed()
            expect(widget).to_be_visible()
            assert serious_violations(page, f'[data-ezmsg-nb="{name}"]') == [], (name, theme)

    assert widgets.errors() == []
    assert widgets.other_hosts == set()
    assert widgets.console_errors == []
