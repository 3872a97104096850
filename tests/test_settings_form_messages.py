"""What a settings form and its browser tell each other."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from test_settings_form import SCHEMA, VALUE, Browser, number, until

from ezmsg_nb.form_fields import FormSection
from ezmsg_nb.outbox import MIN_INTERVAL_S
from ezmsg_nb.settings_form import SettingsForm


@pytest.fixture
def form() -> Iterator[SettingsForm]:
    made = SettingsForm([FormSection("LP", SCHEMA, VALUE)])
    yield made
    made.close()


def test_the_browser_is_told_of_the_whole_form_when_it_asks(form: SettingsForm) -> None:
    browser = Browser(form)
    form.edit("order", 5)
    assert browser.received == []
    browser.say("hello")
    (message,) = browser.received
    assert message["type"] == "form"
    (section,) = message["form"]["sections"]
    assert section["unit"] == "LP"
    status = {field["p"]: field for field in section["fields"]}
    assert status["order"] == {
        "p": "order",
        "v": {"k": "int", "v": "5"},
        "s": "idle",
        "i": {"k": "int", "v": "4"},
    }
    node = section["nodes"][0]
    assert (node["c"]["c"], node["c"]["low"], node["c"]["high"]) == ("number", 0.0, 100.0)
    assert node["d"] == "Edge of the band, in Hz"


def test_edits_of_the_browser_are_answered(form: SettingsForm) -> None:
    browser = Browser(form)
    browser.say("hello")
    answer = browser.edit("cutoff", number("1e1"))
    assert answer["ok"]
    assert answer["field"]["v"] == {"k": "float", "v": "10.0"}
    assert form.value["cutoff"] == 10.0
    answer = browser.edit("order", number("2.7"))
    assert not answer["ok"]
    assert "whole number, not 2.7" in answer["reason"]
    assert answer["field"]["s"] == "failed"
    assert form.value["order"] == 4
    browser.say("dismiss", unit="LP", path="order")
    assert form.fields["order"].error is None
    assert "takes a number, not 'abc'" in browser.edit("order", number("abc"))["reason"]
    assert browser.edit("order", number("4"))["ok"]
    assert form.fields["order"].state == "idle"
    assert "no field" in browser.edit("gone", None)["reason"]
    assert "no unit" in browser.edit("order", None, unit="HP")["reason"]
    assert "can't be edited" in browser.edit("fun", "x")["reason"]
    assert not browser.edit("order", {"k": "strange"})["ok"]
    assert not browser.edit("order", ["list"])["ok"]
    assert browser.edit("axis", "time")["ok"]
    assert form.value["axis"] == "time"
    assert browser.edit("axis", None)["ok"]
    assert form.value["axis"] is None
    assert browser.edit("inner.gain", number("2"))["ok"]
    assert form.value["inner"] == {"gain": 2.0, "on": True}


def test_back_to_the_initial_value(form: SettingsForm) -> None:
    browser = Browser(form)
    form.edit("cutoff", 5.0)
    assert browser.say("reset", unit="LP", path="cutoff")["ok"]
    assert form.value == VALUE


def test_initial_settings_may_come_as_leaves_by_path() -> None:
    form = SettingsForm(
        [FormSection("LP", SCHEMA, VALUE, initial={"cutoff": 30.0, "inner.gain": 0.5})]
    )
    assert form.fields["inner.gain"].modified
    assert not form.fields["cutoff"].modified
    assert not form.fields["order"].modified
    form.close()


def test_many_changes_become_few_messages(form: SettingsForm) -> None:
    browser = Browser(form)
    browser.say("hello")
    begin = time.monotonic()
    for index in range(300):
        form.set_value("LP", {**VALUE, "order": index, "cutoff": float(index)})
    until(lambda: browser.fields("order") and browser.fields("order")[-1]["v"]["v"] == "299")
    passed_s = time.monotonic() - begin
    messages = [x for x in browser.received if x["type"] == "fields"]
    assert len(messages) <= 2 + passed_s / MIN_INTERVAL_S
    assert [x["seq"] for x in messages] == list(
        range(messages[0]["seq"], messages[0]["seq"] + len(messages))
    )


def test_nothing_is_sent_before_anybody_looks(form: SettingsForm) -> None:
    browser = Browser(form)
    form.set_value("LP", {**VALUE, "order": 5})
    assert browser.received == []
