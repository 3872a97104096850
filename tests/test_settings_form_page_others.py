"""The settings form in a real browser: what others change while somebody edits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from settings_form_page import (
    FormPage,
    box,
    note,
    page_fixtures,
    row,
    value_is,
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


def test_an_outside_change_appears(form_page: FormPage, form: SettingsForm) -> None:
    form_page.add(form)
    form.set_value(
        "LP", {**VALUE, "cutoff": 7.5, "mode": "slow", "inner": {"gain": 3.0, "on": False}}
    )
    form_page.pump(200)
    page = form_page.page
    expect(box(page, "cutoff")).to_have_value("7.5")
    expect(box(page, "mode")).to_have_value("slow")
    expect(box(page, "inner.gain")).to_have_value("3.0")
    expect(row(page, "inner.on").locator("input")).not_to_be_checked()


def test_an_outside_change_never_overwrites_the_focused_field(
    form_page: FormPage, form: SettingsForm
) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").click()
    form.set_value("LP", {**VALUE, "cutoff": 7.5})
    form_page.pump(200)
    expect(box(page, "cutoff")).to_have_value("30.0")
    expect(note(page, "cutoff")).to_contain_text("changed elsewhere: 7.5")
    # Nothing was typed: on leaving, the other's value is taken over.
    box(page, "cutoff").press("Tab")
    expect(box(page, "cutoff")).to_have_value("7.5")
    expect(note(page, "cutoff")).to_be_empty()
    form_page.pump()
    assert form.value["cutoff"] == 7.5


def test_typing_survives_an_outside_change_and_overwrites_it_only_when_told(
    form_page: FormPage, form: SettingsForm
) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").fill("1")
    form.set_value("LP", {**VALUE, "cutoff": 7.5})
    form_page.pump(200)
    expect(box(page, "cutoff")).to_have_value("1")
    box(page, "cutoff").press("Tab")
    form_page.pump(200)
    # Leaving is no decision.
    assert form.value["cutoff"] == 7.5
    expect(box(page, "cutoff")).to_have_value("1")
    expect(note(page, "cutoff")).to_contain_text("changed elsewhere: 7.5")
    note(page, "cutoff").get_by_role("button", name="Take it").click()
    expect(box(page, "cutoff")).to_have_value("7.5")
    box(page, "cutoff").fill("2")
    form.set_value("LP", {**VALUE, "cutoff": 8.5})
    form_page.pump(200)
    note(page, "cutoff").get_by_role("button", name="Keep mine").click()
    value_is(form_page, form, "cutoff", 2.0)
    form.set_value("LP", {**VALUE, "cutoff": 9.5})
    form_page.pump(200)
    box(page, "cutoff").fill("3")
    form.set_value("LP", {**VALUE, "cutoff": 10.5})
    form_page.pump(200)
    box(page, "cutoff").press("Enter")
    form_page.pump(100)
    assert form.value["cutoff"] == 10.5
    expect(note(page, "cutoff")).to_contain_text("10.5; Enter again overwrites it")
    # Something else again: what was read is not what would be overwritten.
    form.set_value("LP", {**VALUE, "cutoff": 11.5})
    form_page.pump(200)
    box(page, "cutoff").press("Enter")
    form_page.pump(100)
    assert form.value["cutoff"] == 11.5
    box(page, "cutoff").press("Enter")
    value_is(form_page, form, "cutoff", 3.0)


def test_an_edit_that_crosses_with_an_outside_change_asks_first(
    form_page: FormPage, form: SettingsForm
) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").fill("1")
    # The page does not know of this when it sends.
    form.set_value("LP", {**VALUE, "cutoff": 7.5})
    box(page, "cutoff").press("Enter")
    form_page.pump(200)
    assert form.value["cutoff"] == 7.5
    expect(note(page, "cutoff")).to_contain_text("changed elsewhere: 7.5; Enter again")
    box(page, "cutoff").press("Enter")
    value_is(form_page, form, "cutoff", 1.0)


def test_typing_survives_when_the_form_is_built_anew(
    form_page: FormPage, form: SettingsForm
) -> None:
    form_page.add(form)
    page = form_page.page
    box(page, "cutoff").fill("1")
    form.set_value("LP", {**VALUE, "inner": {"gain": 1.0, "on": True, "new": 3}})
    form_page.pump(250)
    expect(row(page, "inner.new")).to_be_visible()
    expect(box(page, "cutoff")).to_have_value("1")
    expect(box(page, "cutoff")).to_be_focused()
    assert form.value["cutoff"] == 30.0
    box(page, "cutoff").press("Enter")
    value_is(form_page, form, "cutoff", 1.0)
