"""The settings form as a person uses it, in JupyterLab and in Notebook 7."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ezmsg.core.graphcontext import GraphContext
from jupyter_lab import FRONT_ENDS, FrontEnd, JupyterLab, NotebookPage, notebook_page
from playwright.sync_api import Browser, Locator, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=30_000)

CELLS = (
    "import ezmsg_nb as ezn\ng = ezn.demo()\nprint(g.address)",
    "import ipywidgets\n"
    "form = g.settings.form('LP')\n"
    "ipywidgets.Box([form], layout=ipywidgets.Layout(width='300px'))",
)


@pytest.fixture(params=FRONT_ENDS)
def page(
    request: pytest.FixtureRequest, browser: Browser, lab: JupyterLab
) -> Iterator[NotebookPage]:
    """A notebook with a form of 300 px."""
    front_end: FrontEnd = request.param
    lab.write_notebook("form.ipynb", CELLS)
    with notebook_page(browser, lab, "form.ipynb", front_end) as page:
        try:
            page.run_all()
            yield page
        finally:
            page.screenshot(f"form_{front_end}")


def _form(page: NotebookPage) -> Locator:
    return page.page.locator('[data-ezmsg-nb="settings-form"]').first


def _field(page: NotebookPage, path: str) -> Locator:
    return _form(page).locator(f'[data-field="{path}"]').first


def _change_elsewhere(address: str, value: float) -> None:
    """What ezmsg's own client, or a dashboard, does beside us."""

    async def change() -> None:
        host, port = address.split(":")
        async with (
            asyncio.timeout(10),
            GraphContext((host, int(port)), auto_start=False) as context,
        ):
            await context.update_setting("LP", "cutoff", value)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(change())).result(timeout=20)


def test_typing_committing_refusing_undoing_and_others(page: NotebookPage) -> None:
    keyboard = page.page.keyboard
    cells = page.cells.count()
    field = _field(page, "cutoff")
    box = field.get_by_role("textbox").first
    box.scroll_into_view_if_needed()
    width, needed = _form(page).evaluate("e => [e.clientWidth, e.scrollWidth]")
    assert needed <= width <= 300

    # Keys of the notebook (delete, insert, cut a cell, to another type) are text in here.
    box.click()
    keyboard.press("ControlOrMeta+a")
    keyboard.type("dd b x m y")
    keyboard.press("Enter")
    expect(field).to_have_attribute("data-state", "failed")
    expect(field).to_contain_text("takes a number")
    assert page.cells.count() == cells
    keyboard.press("Escape")
    expect(box).to_have_value(re.compile(r"^40(\.0)?$"))

    keyboard.press("ControlOrMeta+a")
    keyboard.type("2e1")
    keyboard.press("Enter")
    expect(field).to_have_attribute("data-state", "applied", timeout=30_000)
    expect(box).to_have_value(re.compile(r"^20(\.0)?$"))

    # Somebody else changes it while it is being typed in: what is typed stays, and it says so.
    address = page.page.locator(".jp-OutputArea-output").first.inner_text().strip()
    box.click()
    keyboard.press("ControlOrMeta+a")
    keyboard.type("22")
    _change_elsewhere(address, 26.0)
    expect(field).to_contain_text("changed elsewhere: 26")
    expect(box).to_have_value("22")
    keyboard.press("Escape")
    expect(box).to_have_value(re.compile(r"^26(\.0)?$"))

    _form(page).locator("[data-tool=history]").click()
    changes = _form(page).locator(".changes li")
    expect(changes.first).to_contain_text("another session")
    expect(changes.nth(1)).to_contain_text("this kernel")
    page.screenshot(f"form_history_{page.front_end}")
    _form(page).locator("[data-tool=history]").click()

    # Undo asks before it goes over what somebody else has set.
    _form(page).locator("[data-tool=undo]").click()
    _form(page).get_by_role("button", name="Undo all the same").click()
    expect(box).to_have_value(re.compile(r"^40(\.0)?$"), timeout=30_000)
    assert page.errors() == []
    assert page.console_errors == []


WAIT_FOR_THE_EDIT = """
import time
give_up = time.monotonic() + 90
while g.settings["LP"]["cutoff"] != 33.0 and time.monotonic() < give_up:
    time.sleep(0.05)
print("seen" if time.monotonic() < give_up else "not seen while this cell ran")
"""


def test_edits_are_taken_while_a_cell_runs(page: NotebookPage) -> None:
    cell = page.start_code(WAIT_FOR_THE_EDIT.strip())
    expect(cell.locator(".jp-InputPrompt")).to_contain_text("*")
    box = _field(page, "cutoff").get_by_role("textbox").first
    box.scroll_into_view_if_needed()
    box.click()
    page.page.keyboard.press("ControlOrMeta+a")
    page.page.keyboard.type("33")
    page.page.keyboard.press("Enter")
    expect(cell.locator(".jp-OutputArea-output")).to_have_text("seen", timeout=100_000)
    expect(_field(page, "cutoff")).to_have_attribute("data-state", "applied")
