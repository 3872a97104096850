"""Undo, history, code, and collected edits in a real browser, on a graph that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from settings_form_page import FormPage, chromium

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from ezmsg_nb.settings_form import SettingsForm
from kernel_runtime.host import GraphHost, GraphSpec

pytestmark = pytest.mark.browser

START = {"GAIN": {"gain": 1.0, "delay_s": 0.0}, "PUBLISHING": {"gain": 1.0}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def hosted() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="host_graphs:settable"))
    with attach(host.address, host=host) as graph:
        # The first edit of a unit makes its publisher, with shared memory that stays.
        graph.settings.apply({"GAIN": {"gain": 2.0}, "PUBLISHING": {"gain": 2.0}})
        yield graph


@pytest.fixture
def graph(hosted: ezn.LiveGraph) -> ezn.LiveGraph:
    hosted.settings.apply(START)
    return hosted


@pytest.fixture
def form_page(browser: Browser) -> Iterator[FormPage]:
    context = browser.new_context(viewport={"width": 640, "height": 760})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield FormPage(page)
    context.close()
    assert errors == []


@pytest.fixture
def form(graph: ezn.LiveGraph) -> Iterator[SettingsForm]:
    made = graph.settings.form()
    yield made
    made.close()


def open_units(form_page: FormPage) -> None:
    for title in form_page.page.locator(".title[aria-expanded='false']").all():
        title.click()


def gain_row(page: Page, unit: str) -> str:
    return f"[data-unit='{unit}'][data-field='gain']"


def picture(form_page: FormPage, name: str) -> None:
    artifacts = Path(__file__).parent / "artifacts"
    artifacts.mkdir(exist_ok=True)
    form_page.picture(artifacts / f"{name}.png")


def test_undo_and_redo(form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph) -> None:
    form_page.add(form)
    open_units(form_page)
    page = form_page.page
    gain = page.locator(gain_row(page, "GAIN"))
    undo, redo = page.locator("[data-tool=undo]"), page.locator("[data-tool=redo]")
    expect(redo).to_be_disabled()
    gain.locator("textarea").fill("4")
    gain.locator("textarea").press("Enter")
    form_page.until(lambda: graph.settings["GAIN"]["gain"] == 4.0, "the unit has it")
    form_page.until(lambda: "GAIN.gain to 1.0" in (undo.get_attribute("title") or ""), "undo")
    undo.click()
    form_page.until(lambda: graph.settings["GAIN"]["gain"] == 1.0, "it is undone")
    form_page.until(redo.is_enabled, "it can be redone")
    expect(gain.locator("textarea")).to_have_value("1.0")
    redo.click()
    form_page.until(lambda: graph.settings["GAIN"]["gain"] == 4.0, "it is redone")


def test_undo_asks_before_it_goes_over_somebody_elses_change(
    form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph
) -> None:
    form_page.add(form)
    page = form_page.page
    graph.settings["GAIN"]["gain"] = 4.0
    with ezn.connect(graph.address) as other:
        other.settings["GAIN"]["gain"] = 5.0
        form_page.until(lambda: graph.settings["GAIN"]["gain"] == 5.0, "it is heard of")
        form_page.pump(200)
        page.locator("[data-tool=undo]").click()
        again = page.get_by_role("button", name="Undo all the same")
        form_page.until(again.is_visible, "it asks")
        expect(page.locator(".message")).to_contain_text("GAIN.gain is 5.0, not 4.0")
        assert graph.settings["GAIN"]["gain"] == 5.0
        again.click()
        form_page.until(lambda: graph.settings["GAIN"]["gain"] == 1.0, "it is undone")
    expect(page.locator(".message")).to_be_empty()


def test_collected_edits_go_together_or_not_at_all(
    form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph
) -> None:
    form_page.add(form)
    open_units(form_page)
    page = form_page.page
    page.get_by_role("switch", name="Collect changes").check()
    form_page.until(lambda: form.tools.collects, "it collects")
    for unit, text in (("GAIN", "6"), ("PUBLISHING", "-1")):
        gain = page.locator(gain_row(page, unit))
        gain.locator("textarea").fill(text)
        gain.locator("textarea").press("Enter")
    form_page.until(lambda: len(form.tools.staged) == 2, "both wait")
    form_page.pump(200)
    assert graph.settings["GAIN"]["gain"] == 1.0
    gain = page.locator(gain_row(page, "GAIN"))
    expect(gain).to_have_attribute("data-state", "staged")
    expect(gain).to_contain_text("holds 1.0 until applied")
    expect(page.locator(".staged")).to_contain_text("2 changes wait")
    picture(form_page, "form-collected")

    page.get_by_role("button", name="Apply", exact=True).click()
    bad = page.locator(gain_row(page, "PUBLISHING"))
    form_page.until(lambda: "negative" in bad.inner_text(), "the reason is beside the field")
    form_page.pump(200)
    # The one that went well was put back; both wait on.
    assert graph.settings["GAIN"]["gain"] == 1.0
    assert form.tools.staged == {"GAIN": {"gain": 6.0}, "PUBLISHING": {"gain": -1.0}}
    expect(page.locator(".message")).to_contain_text("GAIN.gain was put back to 1.0")
    picture(form_page, "form-refused-together")

    bad.get_by_role("button", name="Discard").click()
    form_page.until(lambda: list(form.tools.staged) == ["GAIN"], "one waits")
    page.get_by_role("button", name="Apply", exact=True).click()
    form_page.until(lambda: graph.settings["GAIN"]["gain"] == 6.0, "the unit has it")
    form_page.until(lambda: not form.tools.staged, "nothing waits")
    form_page.pump(200)
    expect(page.locator(".staged")).to_be_hidden()
    expect(gain).to_have_attribute("data-state", "applied")


def test_collected_edits_are_discarded_and_see_outside_changes(
    form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph
) -> None:
    form_page.add(form)
    open_units(form_page)
    page = form_page.page
    form.tools.collect(True)
    form.edit("gain", 6.0, unit="GAIN")
    form.edit("delay_s", 0.25, unit="GAIN")
    form.edit("gain", 1.0, unit="PUBLISHING")
    assert form.tools.staged == {"GAIN": {"gain": 6.0, "delay_s": 0.25}}
    form_page.pump(200)
    graph.settings["GAIN"]["gain"] = 5.0
    gain = page.locator(gain_row(page, "GAIN"))
    form_page.until(lambda: "changed elsewhere: 5.0" in gain.inner_text(), "it says so")
    page.get_by_role("button", name="Apply", exact=True).click()
    form_page.until(page.get_by_text("Apply all the same").is_visible, "it asks")
    assert graph.settings["GAIN"]["gain"] == 5.0
    gain.get_by_role("button", name="Take it").click()
    form_page.until(lambda: form.tools.staged == {"GAIN": {"delay_s": 0.25}}, "it is taken")
    form_page.pump(200)
    expect(gain.locator("textarea")).to_have_value("5.0")
    page.locator(".staged").get_by_role("button", name="Discard").click()
    form_page.until(lambda: not form.tools.staged, "nothing waits")
    form_page.pump(200)
    assert form.values["GAIN"] == {"gain": 5.0, "delay_s": 0.0}


def test_collected_edits_outlast_the_selection_of_another_unit(graph: ezn.LiveGraph) -> None:
    both = graph.topology(settings=True)
    both.selected = "GAIN"
    both.form.tools.collect(True)
    both.form.edit("gain", 6.0)
    both.selected = "PUBLISHING"
    both.form.edit("gain", 7.0)
    assert both.form.units == ("PUBLISHING",)
    assert both.form.tools.staged == {"GAIN": {"gain": 6.0}, "PUBLISHING": {"gain": 7.0}}
    both.form.tools.apply()
    assert graph.settings["GAIN"]["gain"] == 6.0
    assert graph.settings["PUBLISHING"]["gain"] == 7.0
    both.selected = "GAIN"
    assert both.form.value["gain"] == 6.0
    assert not both.form.tools.staged
    graph.settings.undo()
    assert graph.settings["PUBLISHING"]["gain"] == 1.0
    assert graph.settings["GAIN"]["gain"] == 1.0
    both.close()


def test_history_and_code(form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph) -> None:
    form_page.add(form)
    page = form_page.page
    page.locator("[data-tool=history]").click()
    with ezn.connect(graph.address) as other:
        other.settings["GAIN"]["gain"] = 5.5
    graph.settings["GAIN"]["gain"] = 4.5
    newest = page.locator(".changes li").first
    form_page.until(lambda: newest.count() and "4.5" in newest.inner_text(), "it is there")
    expect(newest).to_contain_text("GAIN.gain")
    expect(newest).to_contain_text("5.5 → 4.5")
    expect(newest).to_contain_text("this kernel")
    expect(page.locator(".changes li").nth(1)).to_contain_text("another session")
    picture(form_page, "form-history")
    page.locator("[data-tool=code]").click()
    form_page.pump(200)
    text = page.get_by_label("The same edits in Python").input_value()
    graph.settings["GAIN"]["gain"] = 1.0
    exec(text, {"g": graph})
    assert graph.settings["GAIN"]["gain"] == 4.5
    picture(form_page, "form-code")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tools_fit_300_px(
    form_page: FormPage, form: SettingsForm, graph: ezn.LiveGraph, theme: str
) -> None:
    page = form_page.page
    if theme == "dark":
        page.evaluate("document.documentElement.classList.add('dark')")
    graph.settings["GAIN"]["gain"] = 3.0
    form.tools.collect(True)
    form.edit("gain", 6.0, unit="GAIN")
    root = form_page.add(form, width=300)
    open_units(form_page)
    page.locator("[data-tool=history]").click()
    form_page.pump(300)
    outside = root.evaluate(
        """(root) => {
          const edge = root.getBoundingClientRect().right + 0.5;
          return [...root.querySelectorAll("*")]
            .filter((x) => x.getBoundingClientRect().right > edge).map((x) => x.className);
        }"""
    )
    assert outside == []
    picture(form_page, f"form-tools-{theme}-300")


def test_a_form_without_a_graph_has_no_tools(form_page: FormPage) -> None:
    from test_settings_form import SCHEMA, VALUE

    alone = SettingsForm.from_schema(SCHEMA, VALUE)
    form_page.add(alone)
    expect(form_page.page.locator(".tools")).to_be_hidden()
    with pytest.raises(ValueError, match="no graph"):
        alone.tools.collect(True)
    alone.close()
