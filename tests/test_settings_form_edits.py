"""Edits of a settings form on their way: pending, reported, applied, failed, outside changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from test_settings_form import SCHEMA, VALUE, SlowGraph, until

from ezmsg_nb.edit_queue import EditQueue
from ezmsg_nb.form_fields import FormSection
from ezmsg_nb.settings_form import SettingsForm
from kernel_runtime.settings.fitting import Fitted


@pytest.fixture
def form() -> Iterator[SettingsForm]:
    made = SettingsForm([FormSection("LP", SCHEMA, VALUE)])
    yield made
    made.close()


def test_a_callback_gets_the_value_to_send_on_another_thread(form: SettingsForm) -> None:
    got: list[tuple[Any, ...]] = []
    threads: list[str] = []

    def callback(*edit: Any) -> None:
        threads.append(threading.current_thread().name)
        got.append(edit)

    form.on_commit(callback)
    form.edit("band", [1, 2])
    form.edit("mode", "slow")
    until(lambda: len(got) == 2)
    assert got == [
        ("LP", "band", (1.0, 2.0)),
        ("LP", "mode", Fitted("package.module.Settings", "mode", "slow")),
    ]
    assert threading.current_thread().name not in threads
    until(lambda: form.fields["mode"].state == "idle")
    assert form.value["band"] == [1.0, 2.0]
    assert form.value["mode"] == "slow"


def test_pending_then_reported_then_applied(form: SettingsForm) -> None:
    graph = SlowGraph()
    form.on_commit(graph)
    field = form.fields["cutoff"]
    form.edit("cutoff", 10.0)
    assert graph.started.wait(30)
    assert (field.state, field.value) == ("pending", 10.0)
    form.set_value("LP", {**VALUE, "cutoff": 10.0})
    assert field.state == "pending"
    form.set_state("LP", "cutoff", "reported")
    assert (field.state, field.value) == ("reported", 10.0)
    form.set_state("LP", "cutoff", "applied")
    graph.release.set()
    assert (field.state, field.value, field.error) == ("applied", 10.0, None)
    form.set_value("LP", {**VALUE, "cutoff": 12.0})
    assert (field.state, field.value) == ("idle", 12.0)


def test_a_failed_edit_goes_back_to_the_last_good_value(form: SettingsForm) -> None:
    def callback(unit: str, path: str, value: object) -> None:
        raise RuntimeError("the handler raised ValueError: no")

    form.on_commit(callback)
    form.edit("order", 8)
    field = form.fields["order"]
    until(lambda: field.state == "failed")
    assert field.value == 4
    assert field.error == "the handler raised ValueError: no"
    form.set_state("LP", "order", "failed")
    assert field.error


def test_the_report_of_the_unit_wins_over_what_was_asked(form: SettingsForm) -> None:
    graph = SlowGraph()
    form.on_commit(graph)
    form.edit("order", 8)
    assert graph.started.wait(30)
    form.set_value("LP", {**VALUE, "order": 6})
    field = form.fields["order"]
    assert field.value == 8
    assert field.elsewhere == 6
    form.set_state("LP", "order", "reported")
    graph.release.set()
    assert form.value["order"] == 6


def test_a_failure_after_an_outside_change_shows_that_change(form: SettingsForm) -> None:
    graph = SlowGraph()
    form.on_commit(graph)
    form.edit("order", 8)
    assert graph.started.wait(30)
    form.set_value("LP", {**VALUE, "order": 6})
    form.set_state("LP", "order", "failed", "no")
    graph.release.set()
    assert form.fields["order"].value == 6


def test_news_of_an_older_edit_settle_no_newer_one(form: SettingsForm) -> None:
    started, release = threading.Event(), threading.Event()
    sent: list[object] = []

    def callback(unit: str, path: str, value: object) -> None:
        sent.append(value)
        started.set()
        release.wait(30)
        form.set_value("LP", {**VALUE, "order": value})
        form.set_state(unit, path, "applied")

    form.on_commit(callback)
    form.edit("order", 5)
    assert started.wait(30)
    form.edit("order", 6)
    form.edit("order", 7)
    form.set_value("LP", {**VALUE, "order": 5})
    form.set_state("LP", "order", "applied")
    assert (form.fields["order"].state, form.value["order"]) == ("pending", 7)
    release.set()
    until(lambda: form.fields["order"].state == "applied")
    assert sent == [5, 7]
    assert form.value["order"] == 7


def test_an_outside_change_can_change_what_the_form_is_made_of(form: SettingsForm) -> None:
    form.set_value("LP", {**VALUE, "inner": {"gain": 1.0, "on": True, "new": [1]}})
    assert form.fields["inner.new"].kind == "list[int]"
    form.set_value("LP", {**VALUE, "inner": None})
    assert "inner.gain" not in form.fields
    assert form.fields["inner"].kind == "optional:named"
    form.set_value("LP", None)
    assert form.value is None
    assert form.fields["cutoff"].value is None


def test_edits_of_a_unit_run_one_by_one_and_the_newest_of_a_field_counts() -> None:
    edits = EditQueue()
    ran: list[str] = []
    release = threading.Event()
    started = threading.Event()

    def first() -> None:
        started.set()
        release.wait(30)
        ran.append("first")

    edits.put("LP", "a", first)
    assert started.wait(30)
    for index in range(100):
        edits.put("LP", "a", lambda index=index: ran.append(f"a{index}"))  # type: ignore[misc]
        edits.put("LP", "b", lambda index=index: ran.append(f"b{index}"))  # type: ignore[misc]
    other = threading.Event()
    edits.put("HP", "a", other.set)
    assert other.wait(30)
    release.set()
    until(lambda: len(ran) == 3)
    assert ran == ["first", "a99", "b99"]
    edits.close()
    edits.put("LP", "a", lambda: ran.append("late"))
    until(lambda: not any("edits of" in thread.name for thread in threading.enumerate()))
    assert len(ran) == 3
