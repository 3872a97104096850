"""Each kind of control of the settings form in a real browser, by mouse and by keys."""

from __future__ import annotations

from collections.abc import Iterator

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
)

from ezmsg_nb.settings_form import SettingsForm

pytestmark = pytest.mark.browser
browser, page, form_page = page_fixtures()


@pytest.fixture
def kinds() -> Iterator[SettingsForm]:
    made = SettingsForm.from_schema(KINDS, KIND_VALUES)
    yield made
    made.close()


def test_a_slider_commits_on_release(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    slider = row(page, "gain").locator("input[type=range]")
    place = slider.bounding_box()
    assert place is not None
    middle = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + place["width"] * 0.25, middle)
    page.mouse.down()
    for part in (0.4, 0.6, 0.8):
        page.mouse.move(place["x"] + place["width"] * part, middle)
    form_page.pump()
    assert kinds.value["gain"] == 2.5
    assert float(box(page, "gain").input_value()) == pytest.approx(8, abs=0.5)
    page.mouse.up()
    form_page.until(lambda: kinds.value["gain"] > 7, "the slider's value comes")
    before = kinds.value["gain"]
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    form_page.until(lambda: kinds.value["gain"] < before, "keys of the slider rest, then commit")
    box(page, "gain").fill("11")
    box(page, "gain").press("Enter")
    form_page.until(lambda: kinds.fields["gain"].error is not None, "it is out of bounds")


def test_each_kind_of_control(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page

    row(page, "on").locator("input").uncheck()
    value_is(form_page, kinds, "on", False)

    row(page, "invert").get_by_text("false", exact=True).click()
    value_is(form_page, kinds, "invert", False)
    row(page, "invert").get_by_text("none", exact=True).click()
    value_is(form_page, kinds, "invert", None)

    row(page, "mode").locator("select").select_option("slow")
    value_is(form_page, kinds, "mode", "slow")

    box(page, "strategy").fill("later")
    box(page, "strategy").press("Enter")
    value_is(form_page, kinds, "strategy", "later")

    box(page, "anything").fill("[1, 2.5, 'x', None]")
    box(page, "anything").press("Enter")
    value_is(form_page, kinds, "anything", [1, 2.5, "x", None])

    box(page, "text").press("End")
    box(page, "text").type("!")
    box(page, "text").press("Enter")
    form_page.until(lambda: "!" in kinds.value["text"], "the text comes")
    assert kinds.value["text"].count("\n") == 1

    box(page, "kernel").fill("[0.5, 0.25]")
    box(page, "kernel").press("Enter")
    form_page.until(lambda: kinds.value["kernel"] == "array([0.5 , 0.25])", "the array comes")


def test_an_optional_value_and_its_memory(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    toggle = row(page, "cutoff").get_by_role("switch")
    toggle.check()
    form_page.pump()
    # Switched on, and no value yet: nothing is sent, the box waits.
    assert kinds.value["cutoff"] is None
    expect(box(page, "cutoff")).to_be_focused()
    box(page, "cutoff").fill("5")
    box(page, "cutoff").press("Enter")
    value_is(form_page, kinds, "cutoff", 5.0)
    toggle.uncheck()
    value_is(form_page, kinds, "cutoff", None)
    expect(row(page, "cutoff")).to_contain_text("none (was 5.0)")
    toggle.check()
    value_is(form_page, kinds, "cutoff", 5.0)

    # Empty text is a value.
    row(page, "name").get_by_role("switch").check()
    box(page, "name").press("Enter")
    value_is(form_page, kinds, "name", "")


def test_an_optional_left_without_a_value_goes_back(
    form_page: FormPage, kinds: SettingsForm
) -> None:
    form_page.add(kinds)
    page = form_page.page
    row(page, "cutoff").get_by_role("switch").check()
    box(page, "cutoff").press("Tab")
    form_page.pump()
    assert kinds.value["cutoff"] is None
    expect(row(page, "cutoff").get_by_role("switch")).not_to_be_checked()


def test_lists(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    sizes = row(page, "sizes")
    sizes.get_by_title("Add an item").click()
    sizes.locator("textarea").nth(2).fill("3")
    sizes.locator("textarea").nth(2).press("Enter")
    value_is(form_page, kinds, "sizes", [1, 2, 3])
    sizes.get_by_title("Remove this item").nth(0).click()
    form_page.pump()
    assert kinds.value["sizes"] == [1, 2, 3]
    box(page, "anything").focus()
    value_is(form_page, kinds, "sizes", [2, 3])
    sizes.locator("textarea").nth(1).fill("x")
    sizes.locator("textarea").nth(1).press("Enter")
    form_page.until(lambda: kinds.fields["sizes"].error is not None, "it is refused")
    form_page.pump()
    expect(note(page, "sizes")).to_contain_text("takes a number, not 'x'")
    sizes.locator("textarea").nth(1).press("Escape")

    bands = row(page, "bands")
    bands.get_by_title("Add an item").click()
    bands.locator("textarea").nth(2).fill("8")
    bands.locator("textarea").nth(3).fill("12")
    bands.locator("textarea").nth(3).press("Enter")
    value_is(form_page, kinds, "bands", [[1.0, 2.0], [8.0, 12.0]])

    band = row(page, "band")
    band.locator("textarea").nth(0).fill("2")
    # On the way to the other half nothing is sent.
    band.locator("textarea").nth(0).press("Tab")
    form_page.pump()
    assert kinds.value["band"] == [1.0, 40.0]
    band.locator("textarea").nth(1).fill("50")
    band.locator("textarea").nth(1).press("Tab")
    value_is(form_page, kinds, "band", [2.0, 50.0])

    labels = row(page, "labels")
    labels.get_by_title("Add an entry").click()
    labels.locator("textarea").nth(2).fill("b")
    labels.locator("textarea").nth(3).fill("2")
    labels.locator("textarea").nth(3).press("Enter")
    value_is(form_page, kinds, "labels", {"a": 1.0, "b": 2.0})


def test_a_union_changes_its_kind(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    scale = row(page, "scale")
    scale.get_by_title("Kind of value").select_option("list")
    form_page.pump()
    assert kinds.value["scale"] == 1.0
    scale.get_by_title("Add an item").click()
    scale.locator("textarea").first.fill("2")
    scale.locator("textarea").first.press("Enter")
    value_is(form_page, kinds, "scale", [2.0])


def test_fields_of_a_nested_class(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    box(page, "inner.order").fill("8")
    box(page, "inner.order").press("Enter")
    value_is(form_page, kinds, "inner.order", 8)
    assert kinds.value["inner"] == {"order": 8, "axis": None}


def test_by_keyboard_alone(form_page: FormPage, kinds: SettingsForm) -> None:
    form_page.add(kinds)
    page = form_page.page
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search fields")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(box(page, "gain")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box(page, "gain")).to_have_value("2.6")
    page.keyboard.press("Enter")
    value_is(form_page, kinds, "gain", 2.6)
    select = row(page, "mode").locator("select")
    select.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    form_page.pump()
    # Passing over "slow" on the way to "off" does not apply it.
    assert kinds.value["mode"] == "fast"
    page.keyboard.press("Enter")
    value_is(form_page, kinds, "mode", "off")
    # Everything that can be clicked can be reached.
    reachable = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea")]
          .filter((x) => x.offsetParent !== null && !x.disabled && x.tabIndex < 0).length"""
    )
    assert reachable == 0
