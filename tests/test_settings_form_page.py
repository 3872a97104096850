"""The settings form in a real browser: typing, committing, refusing, searching, sizes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from settings_form_page import (
    KIND_VALUES,
    KINDS,
    FormPage,
    box,
    note,
    page_fixtures,
    row,
    value_is,
    waits_for_the_graph,
)
from test_settings_form import SCHEMA, VALUE

from ezmsg_nb.form_fields import FormSection
from ezmsg_nb.settings_form import SettingsForm

pytestmark = pytest.mark.browser
browser, page, form_page = page_fixtures()


@pytest.fixture
def form() -> Iterator[SettingsForm]:
    made = SettingsForm([FormSection("LP", SCHEMA, VALUE)])
    yield made
    made.close()


@pytest.fixture
def kinds() -> Iterator[SettingsForm]:
    made = SettingsForm.from_schema(KINDS, KIND_VALUES)
    yield made
    made.close()


def test_enter_commits(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").fill("12")
    assert form.value["cutoff"] == 30.0
    expect(note(page, "cutoff")).to_contain_text("Enter applies")
    box(page, "cutoff").press("Enter")
    value_is(form_page, form, "cutoff", 12.0)
    expect(box(page, "cutoff")).to_have_value("12.0")
    expect(box(page, "cutoff")).to_be_focused()
    expect(note(page, "cutoff")).to_be_empty()


def test_leaving_commits(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    box(form_page.page, "order").fill("6")
    box(form_page.page, "order").press("Tab")
    value_is(form_page, form, "order", 6)


def test_escape_reverts(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "order").fill("6")
    box(page, "order").press("Escape")
    expect(box(page, "order")).to_have_value("4")
    box(page, "order").press("Tab")
    form_page.pump()
    assert form.value == VALUE


def test_a_bad_value_is_refused_beside_the_field(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "order").fill("2.7")
    box(page, "order").press("Enter")
    form_page.until(lambda: form.fields["order"].state == "failed", "it is refused")
    form_page.pump()
    expect(row(page, "order")).to_have_attribute("data-state", "failed")
    expect(note(page, "order")).to_contain_text("takes a whole number, not 2.7")
    # What was typed stays to be mended; what holds is said, and one key away.
    expect(box(page, "order")).to_have_value("2.7")
    expect(note(page, "order")).to_contain_text("Back to 4")
    box(page, "order").press("Tab")
    form_page.pump()
    expect(note(page, "order")).to_contain_text("takes a whole number")
    note(page, "order").get_by_role("button").click()
    form_page.pump()
    expect(box(page, "order")).to_have_value("4")
    expect(note(page, "order")).to_be_empty()
    assert form.fields["order"].error is None
    assert form.value == VALUE


def test_pending_reported_applied_failed(form_page: FormPage, form: SettingsForm) -> None:
    release = threading.Event()
    form.on_commit(lambda *_edit: release.wait(10))
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").fill("5")
    box(page, "cutoff").press("Enter")
    form_page.until(lambda: waits_for_the_graph(form, "cutoff"), "it is sent")
    form_page.pump(120)
    expect(row(page, "cutoff")).to_have_attribute("data-state", "pending")
    expect(row(page, "cutoff")).to_contain_text("pending")
    for state in ("reported", "applied"):
        form.set_state("LP", "cutoff", state)
        form_page.pump(200)
        expect(row(page, "cutoff")).to_have_attribute("data-state", state)
        expect(row(page, "cutoff")).to_contain_text(state)
    expect(box(page, "cutoff")).to_have_value("5.0")
    release.set()
    release.clear()
    form.set_value("LP", {**VALUE, "cutoff": 5.0})
    box(page, "cutoff").fill("6")
    box(page, "cutoff").press("Enter")
    form_page.until(lambda: waits_for_the_graph(form, "cutoff"), "it is sent")
    form.set_state("LP", "cutoff", "failed", "LP raised ValueError: no")
    release.set()
    form_page.pump(200)
    expect(row(page, "cutoff")).to_have_attribute("data-state", "failed")
    expect(note(page, "cutoff")).to_contain_text("LP raised ValueError: no")
    expect(box(page, "cutoff")).to_have_value("5.0")


def test_changed_fields_are_marked_and_go_back(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "order").fill("9")
    box(page, "order").press("Enter")
    value_is(form_page, form, "order", 9)
    expect(row(page, "order")).to_have_class(re.compile("modified"))
    expect(page.get_by_text("1 changed")).to_be_visible()
    row(page, "order").get_by_title("Back to the initial value: 4").click()
    value_is(form_page, form, "order", 4)
    expect(row(page, "order")).not_to_have_class(re.compile("modified"))


def test_read_only_says_why(form_page: FormPage) -> None:
    form = SettingsForm([FormSection("LP", SCHEMA, VALUE, read_only_reason="It has no inlet.")])
    form_page.add(form)
    page = form_page.page
    expect(box(page, "cutoff")).to_be_disabled()
    expect(page.get_by_text("It has no inlet.").first).to_be_visible()
    form.close()


def test_search_finds_fields_units_and_descriptions(form_page: FormPage) -> None:
    sections = [FormSection(f"ECOG/U{index}", SCHEMA, VALUE) for index in range(6)]
    form = SettingsForm(sections)
    form_page.add(form)
    page = form_page.page
    expect(page.locator(".row:visible")).to_have_count(0)
    search = page.get_by_label("Search fields")
    search.fill("hz")
    expect(page.locator("[data-field='cutoff']:visible")).to_have_count(6)
    expect(page.locator("[data-field='order']:visible")).to_have_count(0)
    search.fill("u3")
    expect(page.locator("section:visible")).to_have_count(1)
    search.fill("nothing like it")
    expect(page.get_by_text("No field matches")).to_be_visible()
    search.press("Escape")
    expect(page.locator("section:visible")).to_have_count(6)
    expect(page.locator(".row:visible")).to_have_count(0)
    form.close()


def test_status_of_the_graph(form_page: FormPage, form: SettingsForm) -> None:
    root = form_page.add(form).locator("[data-ezmsg-nb='settings-form']")
    expect(root).to_have_attribute("data-state", "connected")
    form.show_status("lost", "the GraphServer at 127.0.0.1:25978 is gone")
    form_page.pump(200)
    expect(root).to_have_attribute("data-state", "lost")
    expect(root).to_contain_text("Lost: the GraphServer at 127.0.0.1:25978 is gone")
    expect(box(form_page.page, "cutoff")).to_be_disabled()
    form.show_status("connected")
    form_page.pump(200)
    expect(box(form_page.page, "cutoff")).to_be_enabled()


def test_a_lost_message_is_noticed(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    form._link._sequence += 1
    form.set_value("LP", {**VALUE, "cutoff": 7.5})
    form_page.pump(400)
    expect(box(form_page.page, "cutoff")).to_have_value("7.5")


def test_a_busy_kernel_is_said_and_edits_wait(
    form_page: FormPage, form: SettingsForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = form_page.add(form).locator("[data-ezmsg-nb='settings-form']")
    waiting: list[Any] = []
    answer = form._on_message
    monkeypatch.setattr(form, "_on_message", lambda *message: waiting.append(message))
    box(form_page.page, "cutoff").fill("5")
    box(form_page.page, "cutoff").press("Enter")
    expect(row(form_page.page, "cutoff")).to_have_attribute("data-state", "pending")
    expect(root).to_contain_text("The kernel is busy; edits wait for it.")
    for message in waiting:
        answer(*message)
    value_is(form_page, form, "cutoff", 5.0)
    expect(root).not_to_contain_text("The kernel is busy")
    expect(row(form_page.page, "cutoff")).to_have_attribute("data-state", "idle")


def test_without_a_kernel_it_shows_what_was_saved(
    form_page: FormPage, form: SettingsForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "_on_message", lambda *_message: None)
    root = form_page.add(form).locator("[data-ezmsg-nb='settings-form']")
    expect(root).to_contain_text("Shown as saved")
    expect(box(form_page.page, "cutoff")).to_have_value("30.0")
    expect(box(form_page.page, "cutoff")).to_be_disabled()


def test_another_protocol_says_to_reload(
    form_page: FormPage, form: SettingsForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    form.set_trait("_protocol", 999)
    expect(form_page.add(form)).to_contain_text("reload the page")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [300, 600])
def test_nothing_sticks_out(
    form_page: FormPage, kinds: SettingsForm, width: int, theme: str, tmp_path: Path
) -> None:
    page = form_page.page
    if theme == "dark":
        page.evaluate("document.documentElement.classList.add('dark')")
    root = form_page.add(kinds, width=width)
    form_page.pump(100)
    outside = root.evaluate(
        """(root) => {
          const edge = root.getBoundingClientRect().right + 0.5;
          return [...root.querySelectorAll("*")]
            .filter((x) => x.offsetParent !== null && x.getBoundingClientRect().right > edge)
            .map((x) => x.className);
        }"""
    )
    assert outside == []
    artifacts = Path(__file__).parent / "artifacts"
    artifacts.mkdir(exist_ok=True)
    form_page.picture(artifacts / f"settings-form-{theme}-{width}.png")


def test_closing_a_view_frees_it(form_page: FormPage, form: SettingsForm) -> None:
    root = form_page.add(form)
    left = form_page.page.evaluate(
        "() => { const view = views.get(1); view.close(); return view.handlers.size; }"
    )
    assert left == 0
    expect(root).to_be_empty()
