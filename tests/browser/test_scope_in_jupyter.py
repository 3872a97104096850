"""Scopes and logs in JupyterLab: live traces of many channels, messages in words, log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import serious_violations
from jupyter_lab import JupyterLab, NotebookPage, notebook_page, wait_for_page
from playwright.sync_api import Browser, Locator, expect

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TESTS = Path(__file__).resolve().parents[1]
CELLS = (
    f"""import sys
sys.path.insert(0, {str(TESTS)!r})
import ezmsg.core as ez
import ezmsg_nb as ezn
from scope_graphs import ArraySettings, ArraySource, Sink, TrialSource

class Talker(ez.Unit):
    INPUT = ez.InputStream(object)

    async def initialize(self):
        self.count = 0

    @ez.subscriber(INPUT)
    async def on_message(self, message):
        self.count += 1
        if self.count % 25 == 0:
            print(f"<b>trial {{self.count}}</b>")

source = ArraySource(ArraySettings(fs_hz=30_000.0, channels=256, samples=600))
trials, talker, sink = TrialSource(), Talker(), Sink()
g = ezn.run(
    SOURCE=source, TRIALS=trials, TALKER=talker, SINK=sink,
    connections=[(source.OUTPUT, sink.INPUT), (trials.OUTPUT, talker.INPUT)],
    process_components=[source, sink],
)""",
    "scope = g.scope('SOURCE/OUTPUT', window_s=2.0)\nscope",
    "g.scope('TRIALS/OUTPUT', height=240)",
    "g.logs('TALKER', follow=True)",
)


@pytest.fixture
def page(browser: Browser, lab: JupyterLab) -> Iterator[NotebookPage]:
    lab.write_notebook("scope.ipynb", CELLS)
    with notebook_page(browser, lab, "scope.ipynb") as opened:
        try:
            opened.run_all()
            yield opened
        finally:
            opened.screenshot("scope_last_seen")


def _scope(page: NotebookPage, place: int) -> Locator:
    return page.page.locator('[data-ezmsg-nb="scope"]').nth(place)


def _number(scope: Locator, name: str) -> int:
    return int(scope.get_attribute(f"data-{name}") or 0)


def _wait_for_columns(page: NotebookPage, scope: Locator, more: int) -> None:
    before = _number(scope, "drawn")
    wait_for_page(page.page, lambda: _number(scope, "drawn") > before + more, deadline_s=20)


def _inked(scope: Locator) -> float:
    """Share of the canvas that is not empty."""
    share: float = scope.locator("canvas").evaluate(
        """canvas => {
            const {width, height} = canvas;
            const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
            let inked = 0;
            for (let at = 3; at < data.length; at += 4) inked += data[at] > 0;
            return inked / (width * height);
        }"""
    )
    return share


def test_traces_of_256_channels_move_can_be_chosen_and_paused(page: NotebookPage) -> None:
    scope = _scope(page, 0)
    scope.scroll_into_view_if_needed()
    expect(scope).to_have_attribute("data-state", "connected")
    expect(scope).to_contain_text("256 channels, 30000 Hz")
    _wait_for_columns(page, scope, 300)
    assert _inked(scope) > 0.05
    for theme in ("light", "dark"):
        page.use_theme(theme)
        scope.scroll_into_view_if_needed()
        _wait_for_columns(page, scope, 500)
        page.screenshot(f"scope_256_{theme}")
        assert serious_violations(page.page, '[data-ezmsg-nb="scope"]') == []

    chosen = scope.get_by_label(re.compile("^Channels"))
    chosen.fill("0:4, ch7")
    chosen.press("Enter")
    expect(scope).to_contain_text("5 of 256 channels")
    scope.get_by_label("Duration of a sweep").select_option("1")
    _wait_for_columns(page, scope, 2_000)
    expect(scope).to_contain_text(re.compile(r"lane: 2\.2\d* uV"))
    page.screenshot("scope_chosen")
    chosen.fill("Cz")
    chosen.press("Enter")
    expect(scope.get_by_role("status")).to_have_text("There is no channel Cz.")
    assert page.run_code("print(scope.channels)").strip().startswith("['ch0', 'ch1', 'ch2'")

    scope.scroll_into_view_if_needed()
    scope.get_by_role("button", name="Pause").click()
    expect(scope).to_have_attribute("data-paused", "true")
    held, received = _number(scope, "drawn"), int(page.run_code("print(scope.received)"))
    wait_for_page(
        page.page, lambda: int(page.run_code("print(scope.received)")) > received, deadline_s=20
    )
    assert _number(scope, "drawn") == held
    scope.get_by_role("button", name="Resume").click()
    wait_for_page(page.page, lambda: _number(scope, "drawn") > held, deadline_s=20)


def test_another_message_is_shown_part_by_part(page: NotebookPage) -> None:
    scope = _scope(page, 1)
    scope.scroll_into_view_if_needed()
    expect(scope).to_have_attribute("data-kind", "message")
    expect(scope.locator("tbody tr")).to_have_count(5)
    expect(scope).to_contain_text("left <hand>")
    number = scope.locator("tbody tr").nth(1).locator("td").nth(2)
    before = number.inner_text()
    expect(number).not_to_have_text(before)
    page.screenshot("scope_message")


def test_the_log_goes_on_by_itself_and_shows_text_as_text(page: NotebookPage) -> None:
    log = page.cells.nth(3).locator(".jp-OutputArea-output")
    log.scroll_into_view_if_needed()
    expect(log).to_contain_text(re.compile(r"<b>trial \d+</b>"))
    lines = log.get_by_text("trial")
    before = lines.count()
    wait_for_page(page.page, lambda: lines.count() > before, deadline_s=20)
    page.screenshot("logs_follow")


def test_the_picture_stays_when_the_graph_is_stopped(page: NotebookPage) -> None:
    scope = _scope(page, 0)
    scope.scroll_into_view_if_needed()
    _wait_for_columns(page, scope, 300)
    page.run_code("g.stop()")
    scope.scroll_into_view_if_needed()
    expect(scope).to_have_attribute("data-state", "closed")
    expect(scope.get_by_role("status")).to_contain_text("Stopped.")
    assert _inked(scope) > 0.01
    assert page.errors() == []
    assert page.other_hosts == set()
    page.screenshot("scope_stopped")


def test_a_stored_notebook_shows_what_the_scopes_showed_last(
    browser: Browser, lab: JupyterLab
) -> None:
    lab.write_notebook("stored.ipynb", CELLS[:3])
    with notebook_page(browser, lab, "stored.ipynb") as live:
        live.run_all()
        scope = _scope(live, 0)
        scope.scroll_into_view_if_needed()
        _wait_for_columns(live, scope, 300)
        before = _number(scope, "kept")
        wait_for_page(live.page, lambda: _number(scope, "kept") > before, deadline_s=60)
        _scope(live, 1).scroll_into_view_if_needed()
        expect(_scope(live, 1)).to_contain_text("left <hand>")
        live.save()
    lab.shut_down_kernels()
    with notebook_page(browser, lab, "stored.ipynb") as stored:
        scope = _scope(stored, 0)
        scope.scroll_into_view_if_needed()
        expect(scope).to_contain_text("256 channels, 30000 Hz")
        picture = scope.get_by_role("img", name="The last sweep of SOURCE")
        expect(picture).to_be_visible()
        assert picture.evaluate("one => one.complete && one.naturalWidth > 300")
        stored.screenshot("scope_stored")
        _scope(stored, 1).scroll_into_view_if_needed()
        expect(_scope(stored, 1)).to_contain_text("left <hand>")
