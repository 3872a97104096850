"""The tools of a settings form in a real browser, by keyboard alone, with a graph behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from settings_form_page import FormPage, chromium
from slow_graph import slow_graph

import ezmsg_nb as ezn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ezn.LiveGraph]:
    """A graph whose settings class is not used here: fields go one by one."""
    with (
        slow_graph(tmp_path_factory.mktemp("slow")) as (address, _),
        ezn.connect(address) as opened,
    ):
        yield opened


def test_collect_apply_history_and_undo_by_keyboard_alone(
    browser: Browser, graph: ezn.LiveGraph
) -> None:
    unit = graph.settings["SLOW"]
    before = (unit["cutoff"], unit["order"])
    form = graph.settings.form("SLOW")
    context = browser.new_context(viewport={"width": 340, "height": 900})
    try:
        page = context.new_page()
        shown = FormPage(page)
        root = shown.add(form, width=300)

        def until(locator: Locator, what: str) -> None:
            shown.until(lambda: locator.count() > 0 and locator.is_visible(), what)

        _tab_to(page, root.get_by_role("switch", name="Collect changes"))
        page.keyboard.press("Space")
        shown.until(lambda: form.tools.collects, "changes are collected")
        for path, text in (("cutoff", "33.5"), ("order", "7")):
            _tab_to(page, root.locator(f"[data-field='{path}']").first.get_by_role("textbox").first)
            page.keyboard.press("ControlOrMeta+a")
            page.keyboard.type(text)
            page.keyboard.press("Enter")
        until(root.get_by_text("2 changes wait"), "both wait")
        assert (unit["cutoff"], unit["order"]) == before
        width, needed = root.evaluate("e => [e.clientWidth, e.scrollWidth]")
        assert needed <= width

        badge = root.get_by_role("button", name="not atomic")
        until(badge, "it says that it will not be atomic")
        _tab_to(page, badge)
        page.keyboard.press("Enter")
        expect(root.locator(".message")).to_contain_text("use_classes=True")
        _tab_to(page, root.locator(".message").get_by_role("button", name="Close"))
        page.keyboard.press("Enter")
        expect(badge).to_be_focused()

        _tab_to(page, root.get_by_role("button", name="Apply"))
        page.keyboard.press("Enter")
        shown.until(lambda: unit["order"] == 7, "it is applied")
        undo = root.get_by_role("button", name="Undo", exact=True)
        shown.until(lambda: _is_focused(undo), "the focus went to undo")
        assert unit["cutoff"] == 33.5

        _tab_to(page, root.get_by_role("button", name="History of changes"))
        page.keyboard.press("Enter")
        until(root.locator(".changes li").first, "the history")
        expect(root.locator(".changes li").first).to_contain_text("this kernel")
        _tab_to(page, root.locator(".changes"))

        _tab_to(page, undo)
        page.keyboard.press("Enter")
        shown.until(lambda: (unit["cutoff"], unit["order"]) == before, "both are undone")
        redo = root.get_by_role("button", name="Redo", exact=True)
        shown.until(lambda: _is_focused(redo), "nothing is left to undo")
    finally:
        context.close()
        form.close()


def _is_focused(locator: Locator) -> bool:
    return bool(locator.evaluate("e => document.activeElement === e"))


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until a control has the focus, once around the page at most."""
    expect(wanted).to_be_visible()
    for _ in range(60):
        if _is_focused(wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} can't be reached with Tab.")
