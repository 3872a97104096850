"""Every settings type of the corpus: the form builds, shows the value, and gives it back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from corpus import Entry, corpus_folder, entries
from settings_form_page import FormPage, chromium

from ezmsg_nb.form_fields import FormSection
from ezmsg_nb.settings_form import SettingsForm
from kernel_runtime.settings.encoding import decode, same
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.values import coerce

ENTRIES = entries()
READ_ONLY_TRUTHS = {"callable", "opaque", "any"}


def form_of(entry: Entry) -> SettingsForm:
    return SettingsForm.from_schema(entry.schema, entry.value, json_schema=entry.json_schema)


def test_the_corpus_is_whole() -> None:
    assert sorted(path.name for path in corpus_folder().glob("*.json")) == [
        "settings-3.10.json",
        "settings-3.9.json",
    ]
    assert Counter(entry.line for entry in ENTRIES) == {"3.9": 133, "3.10": 139}


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_builds_shows_and_gives_back(entry: Entry) -> None:
    given = json.dumps(entry.value)
    form = form_of(entry)
    try:
        assert same(form.value, entry.value)
        assert json.dumps(entry.value) == given
        assert set(entry.truths) <= set(form.fields)
        # What the browser gets is JSON, and each value in it is the value.
        (section,) = json.loads(json.dumps(form.get_state()["_form"]))["sections"]
        shown = {field["p"]: field["v"] for field in section["fields"]}
        assert set(shown) == set(form.fields)
        for path, field in form.fields.items():
            encoded = shown[path]
            if isinstance(encoded, dict) and encoded["k"] in ("array", "object"):
                assert isinstance(field.value, str)
            elif not field.spec.children:
                wanted = "x" if field.value == "PosixPath('x')" else field.value
                assert same(decode(encoded), wanted)
    finally:
        form.close()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_kinds_are_the_real_ones_and_editable(entry: Entry) -> None:
    form = form_of(entry)
    try:
        for name, truth in entry.truths.items():
            field = form.fields[name]
            assert field.editable or truth in READ_ONLY_TRUTHS, (name, field.reason)
            if field.kind != truth:
                assert (entry.line, truth, field.kind) in KNOWN_DIFFERENCES, name
    finally:
        form.close()


# On 3.9 a class that isn't imported is a mere name; where its value doesn't show what it is,
# the kind says "named" instead of guessing.
KNOWN_DIFFERENCES = {
    ("3.9", "union(str|enum)", "union(str|named)"),
    (
        "3.9",
        "union(array|str|path|enum|callable)",
        "union(array|str|path|named|callable)",
    ),
    ("3.9", "optional:dataclass", "optional:named"),
    ("3.9", "list[dataclass]", "list[named]"),
    ("3.9", "literal", "choice"),
    ("3.9", "union(str|opaque)", "union(str|named|named)"),
    ("3.10", "union(array|str|path|enum|callable)", "union(array|str|path|named|callable)"),
    ("3.10", "optional:dataclass", "optional:named"),
    ("3.10", "list[dataclass]", "list[named]"),
    ("3.10", "union(str|opaque)", "union(str|named|named)"),
}


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_each_value_passes_its_own_check(entry: Entry) -> None:
    """What a unit holds can be sent back to it, but for what is only a repr or incomplete."""
    form = form_of(entry)
    try:
        for field in form.fields.values():
            if field.value in ([], "array([1., 0.])") or not field.editable:
                continue
            reported = plain_value(coerce(field.spec, field.value))
            wanted = "x" if field.value == "PosixPath('x')" else field.value
            # An int in a float field is sent as a float, and equals it.
            assert reported == wanted
    finally:
        form.close()


@pytest.mark.browser
@pytest.mark.parametrize("line", ["3.9", "3.10"])
def test_value_to_controls_to_value_in_a_browser(line: str, tmp_path: Path) -> None:
    """All forms in a real page: what the controls read is what they were given."""
    sections = [
        FormSection(
            unit=str(entry),
            schema=entry.schema,
            value=entry.value,
            json_schema=entry.json_schema,
        )
        for entry in ENTRIES
        if entry.line == line
    ]
    form = SettingsForm(sections)
    try:
        with chromium() as browser:
            errors: list[str] = []
            page = browser.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            form_page = FormPage(page)
            form_page.add(form, width=420)
            form_page.pump(200)
            read = page.evaluate("views.get(1).element.querySelector('[data-ezmsg-nb]').read()")
            # Opening each and leaving each control changes nothing either.
            page.evaluate(
                """() => {
                  for (const title of document.querySelectorAll(".title[aria-expanded=false]")) {
                    title.click();
                  }
                  for (const box of document.querySelectorAll("textarea, input, select, button")) {
                    box.focus(); box.blur();
                  }
                }"""
            )
            form_page.pump(300)
            assert page.locator("[data-state='pending'], [data-state='failed']").count() == 0
        assert errors == []
        count = 0
        for section in form.get_state()["_form"]["sections"]:
            for field in section["fields"]:
                count += 1
                assert read[section["unit"]][field["p"]] == field["v"], (
                    section["unit"],
                    field["p"],
                )
        assert count > 600
        for section in sections:
            assert same(form.values[section.unit], section.value)
    finally:
        form.close()
