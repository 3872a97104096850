"""The kernel's side of the settings form: what it holds, and what is displayed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_settings_schema import make_field, schema_of

from ezmsg_nb import settings_form
from ezmsg_nb.form_fields import FormSection
from ezmsg_nb.front_end import MissingBundleError
from ezmsg_nb.settings_form import SettingsForm
from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.encoding import encode
from kernel_runtime.settings.fitting import Fitted

SCHEMA = schema_of(
    make_field("cutoff", "float", bounds=(0.0, 100.0), description="Edge of the band, in Hz"),
    make_field("order", "int"),
    make_field("axis", "str | None"),
    make_field("band", "tuple[float, float]"),
    make_field("mode", "package.Mode"),
    make_field("inner", "package.Inner"),
    make_field("fun", "typing.Callable"),
)
VALUE: dict[str, Any] = {
    "cutoff": 30.0,
    "order": 4,
    "axis": None,
    "band": [1.0, 40.0],
    "mode": "fast",
    "inner": {"gain": 1.0, "on": True},
    "fun": "<function f at 0x7f>",
}


class Browser:
    """What a page would see of a form, and say to it."""

    def __init__(self, form: SettingsForm) -> None:
        self.form = form
        self.received: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        form.send = self._receive
        self.number = 0

    def _receive(self, content: Any, buffers: Any = None) -> None:
        with self.lock:
            self.received.append(json.loads(json.dumps(content)))

    def say(self, kind: str, **content: Any) -> dict[str, Any]:
        self.number += 1
        self.form._on_message(self.form, {"type": kind, "id": self.number, **content}, [])
        answers = [x for x in self.received if x["type"] == "answer" and x["id"] == self.number]
        return answers[0] if answers else {}

    def edit(self, path: str, value: Any, unit: str = "LP") -> dict[str, Any]:
        return self.say("edit", unit=unit, path=path, value=value)

    def fields(self, path: str, unit: str = "LP") -> list[dict[str, Any]]:
        with self.lock:
            messages = [x for x in self.received if x["type"] == "fields"]
        return [
            status
            for message in messages
            for status in message["units"].get(unit, [])
            if status["p"] == path
        ]


@pytest.fixture
def form() -> Iterator[SettingsForm]:
    made = SettingsForm([FormSection("LP", SCHEMA, VALUE)])
    yield made
    made.close()


def until(done: Callable[[], object], deadline_s: float = 30.0) -> None:
    end = time.monotonic() + deadline_s
    while not done():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.005)


class SlowGraph:
    """Takes an edit and says nothing of it until it is released."""

    def __init__(self) -> None:
        self.started, self.release = threading.Event(), threading.Event()

    def __call__(self, unit: str, path: str, value: object) -> None:
        self.started.set()
        self.release.wait(30)


def number(text: str) -> dict[str, str]:
    return {"k": "number", "v": text}


def test_holds_what_it_is_given(form: SettingsForm) -> None:
    assert form.value == VALUE
    assert form.values == {"LP": VALUE}
    assert form.units == ("LP",)
    assert list(form.fields)[-3:] == ["inner.gain", "inner.on", "fun"]
    assert form.fields["inner.gain"].value == 1.0
    assert form.fields["cutoff"].kind == "float"
    assert form.section("LP").fields["order"].editable
    assert "function" in (form.fields["fun"].reason or "")
    assert repr(form.fields["order"]) == "<FormField order: int = 4>"


def test_what_is_given_is_not_changed(form: SettingsForm) -> None:
    form.edit("inner.gain", 2.0)
    form.edit("band", [2, 3])
    assert form.value["inner"]["gain"] == 2.0
    assert form.value["band"] == [2.0, 3.0]
    assert VALUE["inner"]["gain"] == 1.0
    assert VALUE["band"] == [1.0, 40.0]


def test_an_edit_without_a_graph_is_taken_at_once(form: SettingsForm) -> None:
    form.edit("cutoff", 5)
    assert form.value["cutoff"] == 5.0
    assert type(form.value["cutoff"]) is float
    assert form.fields["cutoff"].state == "idle"
    assert form.fields["cutoff"].modified
    form.edit("cutoff", 30.0)
    assert not form.fields["cutoff"].modified


def test_a_refused_edit_leaves_the_value_and_a_reason(form: SettingsForm) -> None:
    with pytest.raises(SettingsRejectedError, match="at most 100, not 500"):
        form.edit("cutoff", 500)
    field = form.fields["cutoff"]
    assert (field.state, field.value) == ("failed", 30.0)
    assert field.error is not None
    assert "at most 100" in field.error
    with pytest.raises(SettingsRejectedError, match="can't be edited"):
        form.edit("fun", "x")
    with pytest.raises(KeyError, match="It has cutoff"):
        form.edit("cutof", 1)
    with pytest.raises(KeyError, match="no unit 'HP'"):
        form.edit("cutoff", 1, unit="HP")


def test_status_units_and_read_only_units(form: SettingsForm) -> None:
    browser = Browser(form)
    browser.say("hello")
    form.show_status("lost", "the server is gone")
    until(lambda: len(browser.received) > 1)
    assert browser.received[-1]["form"]["status"] == {"state": "lost", "text": "the server is gone"}
    form.show_sections(
        [
            FormSection("LP", SCHEMA, {**VALUE, "order": 5}),
            FormSection("SRC", SCHEMA, VALUE, read_only_reason="It has no INPUT_SETTINGS."),
        ]
    )
    assert form.units == ("LP", "SRC")
    assert form.section("LP").fields["order"].value == 5
    field = form.section("SRC").fields["order"]
    assert (field.editable, field.reason) == (False, "It has no INPUT_SETTINGS.")
    with pytest.raises(ValueError, match="2 units"):
        _ = form.value
    with pytest.raises(ValueError, match="2 units"):
        _ = form.fields


def test_what_is_too_large_is_described_and_read_only() -> None:
    schema = schema_of(make_field("big", "list[float]"), make_field("text", "str"))
    value = {"big": [0.5] * 50_000, "text": "x" * 100_000}
    form = SettingsForm.from_schema(schema, value)
    assert form.value == value
    assert "list of 50,000 items" in (form.fields["big"].reason or "")
    assert "100,000 characters" in (form.fields["text"].reason or "")
    assert len(json.dumps(form.get_state()["_form"])) < 3_000
    form.close()


def test_an_optional_group_is_set_as_a_whole_and_remembers() -> None:
    json_schema = {
        "$defs": {
            "Inner": {
                "type": "object",
                "properties": {
                    "order": {"type": "integer", "default": 4},
                    "cutoff": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                },
            }
        },
        "type": "object",
        "properties": {"x": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]}},
    }
    schema = schema_of(make_field("x", "package.Inner | None"))
    form = SettingsForm.from_schema(schema, {"x": None}, json_schema=json_schema)
    sent: list[object] = []
    form.on_commit(lambda _unit, _path, value: sent.append(value))
    form.edit("x", {"order": 2, "cutoff": 5})
    until(lambda: form.fields["x"].state == "idle")
    assert sent == [Fitted("package.module.Settings", "x", {"order": 2, "cutoff": 5.0})]
    assert form.value == {"x": {"order": 2, "cutoff": 5.0}}
    assert form.fields["x.order"].value == 2
    form.edit("x", None)
    until(lambda: form.fields["x"].state == "idle")
    assert form.value == {"x": None}
    assert "x.order" not in form.fields
    (node,) = form.get_state()["_form"]["sections"][0]["nodes"]
    members = {member["n"]: member["v"] for member in node["c"]["of"]["members"]}
    assert members == {"order": encode(2), "cutoff": encode(5.0)}
    form.close()


def test_without_a_front_end_it_is_an_escaped_table() -> None:
    schema = schema_of(
        make_field("<b>name</b>", "str"), make_field("fun", "typing.Callable | None")
    )
    form = SettingsForm(
        [FormSection("<script>", schema, {"<b>name</b>": "<img src=x>", "fun": None})]
    )
    data, _metadata = form._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    html = data["text/html"]
    for raw in ("<script>", "<b>name", "<img"):
        assert raw not in html
    assert "&lt;img src=x&gt;" in html
    assert "<script>" in data["text/plain"]
    assert "<b>name</b> = '<img src=x>'" in data["text/plain"]
    form.close()


def test_forms_with_nothing_in_them_say_so() -> None:
    empty = SettingsForm()
    assert "No settings to show" in empty._repr_mimebundle_()[0]["text/html"]
    assert empty.values == {}
    bare = SettingsForm.from_schema(None, {})
    assert "no settings" in bare._repr_mimebundle_()[0]["text/html"]
    assert bare.value == {}
    empty.close()
    bare.close()


def test_a_missing_bundle_is_told_where_the_form_would_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_name: str) -> object:
        raise MissingBundleError("The browser part is missing: run `npm run build`.")

    monkeypatch.setattr(settings_form, "bundle", missing)
    form = SettingsForm.from_schema(SCHEMA, VALUE)
    assert "run `npm run build`" in form.get_state()["_esm"]
    assert form.value == VALUE
    form.close()


def test_a_closed_form_sends_nothing_and_holds_no_thread(form: SettingsForm) -> None:
    browser = Browser(form)
    browser.say("hello")
    form.set_value("LP", {**VALUE, "order": 5})
    form.set_value("LP", {**VALUE, "order": 6})
    form.close()
    sent = len(browser.received)
    form.set_value("LP", {**VALUE, "order": 7})
    form.set_state("LP", "order", "applied")
    assert len(browser.received) == sent


def test_many_threads_at_once(form: SettingsForm) -> None:
    browser = Browser(form)
    browser.say("hello")
    form.on_commit(lambda *_edit: None)

    def work(index: int) -> None:
        for step in range(50):
            form.set_value("LP", {**VALUE, "order": index * 100 + step})
            browser.edit("cutoff", number(f"{index}.{step}"))
            form.set_state("LP", "order", "applied")
            assert form.value["mode"] == "fast"

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    until(lambda: form.fields["cutoff"].state != "pending")
    sequence = [x["seq"] for x in browser.received if x["type"] == "fields"]
    assert sequence == sorted(set(sequence))


def test_the_bundle_is_small() -> None:
    form = SettingsForm()
    assert len(form.get_state()["_esm"].encode()) < 80_000
    form.close()
