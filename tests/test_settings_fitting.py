"""Values of types that this process can't import, as the process that can makes them."""

from __future__ import annotations

import collections
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_settings_schema import make_field, schema_of

from kernel_runtime.settings.fitting import Fitted
from kernel_runtime.settings.held_kinds import HeldKind, held_kinds
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.schema import build_fields
from kernel_runtime.settings.values import coerce

SOURCE = Path(__file__).with_name("foreign_settings.py")
RECEIVER = """
import pickle, sys
answers = []
for payload in pickle.load(sys.stdin.buffer):
    try:
        answers.append(repr(pickle.loads(payload)))
    except Exception as error:
        answers.append(f"refused: {error}")
assert not [name for name in sys.modules if name.startswith(("kernel_runtime", "ezmsg"))]
pickle.dump(answers, sys.stdout.buffer)
"""
NOTHING: HeldKind = ("", None)
LEAF = "<Mode.FAST: 'fast'>)"
SLOW = "<Mode.SLOW: 'slow'>"

# Field, what is asked, what it holds now, and what becomes of it.
MADE: list[tuple[str, object, HeldKind | None, str]] = [
    ("needed", "slow", NOTHING, SLOW),
    ("needed", "FAST", NOTHING, "<Mode.FAST: 'fast'>"),
    ("level", 2, NOTHING, "<Level.HIGH: 2>"),
    ("strategy", "later", NOTHING, "'later'"),
    ("sizes", [1, 2], NOTHING, "(1, 2)"),
    ("axis", "time", NOTHING, "'time'"),
    ("inner", {"order": 3}, NOTHING, "Inner(order=3, leaves={}, modes=[])"),
    (
        "inner",
        {"order": 3, "leaves": {"a": {"rate": 2}}, "modes": ["slow"]},
        NOTHING,
        f"Inner(order=3, leaves={{'a': Leaf(rate=2.0, mode={LEAF}}}, modes=[{SLOW}])",
    ),
    ("inner.leaves", {"a": {"rate": 2}}, NOTHING, f"{{'a': Leaf(rate=2.0, mode={LEAF}}}"),
    ("inner.modes", ["slow"], NOTHING, f"[{SLOW}]"),
    ("inners", [{"order": 1}], NOTHING, "[Inner(order=1, leaves={}, modes=[])]"),
    ("bands", {"alpha": [8, 12]}, NOTHING, "{'alpha': (8.0, 12.0)}"),
    ("hz", 5, NOTHING, "5.0"),
    ("rates", [1, 2.5], NOTHING, "(1.0, 2.5)"),
    ("rates", [1, 2.5], ("builtins.list", None), "[1.0, 2.5]"),
    ("count_or_rate", 5, NOTHING, "5"),
    ("count_or_rate", 2.5, NOTHING, "2.5"),
    ("count_or_rate", 3.0, NOTHING, "3.0"),
    ("maybe_count", 5.0, NOTHING, "5"),
    ("points", {"a": [1, 2]}, NOTHING, "{'a': Point(x=1.0, y=2.0)}"),
    ("points", {"a": {"x": 1}}, NOTHING, "{'a': Point(x=1.0, y=0.0)}"),
    ("maybe_points", [[1, 2]], NOTHING, "[Point(x=1.0, y=2.0)]"),
    ("leaf_box", {"item": {"rate": 2}}, NOTHING, f"Box(item=Leaf(rate=2.0, mode={LEAF}, size=1)"),
    ("leaf_box.item", {"rate": 2}, NOTHING, f"Leaf(rate=2.0, mode={LEAF}"),
    ("leaf_box.item.rate", 2, NOTHING, "2.0"),
    ("own_box.item.rate", 2, NOTHING, "2.0"),
    (
        "some_box.item",
        {"rate": 2},
        ("foreign.Leaf", {"rate": ("builtins.float", None)}),
        f"Leaf(rate=2.0, mode={LEAF}",
    ),
    ("some_box.item", {"rate": 2}, ("builtins.dict", None), "{'rate': 2}"),
    ("special", {"rate": 2}, NOTHING, f"Special(rate=2.0, mode={LEAF}"),
    ("special", {"rate": 2}, ("foreign.Leaf", None), f"Leaf(rate=2.0, mode={LEAF}"),
    ("special.rate", 2, NOTHING, "2.0"),
    ("movie", {"name": "b", "year": 2.0}, NOTHING, "{'name': 'b', 'year': 2}"),
    ("options", {"gain": 2, "mode": "slow"}, NOTHING, f"{{'gain': 2.0, 'mode': {SLOW}}}"),
    ("options.gain", 2, NOTHING, "2.0"),
    ("chain", {"a": 1}, NOTHING, "ChainMap({'a': 1.0})"),
    (
        "ordered",
        {"a": {"rate": 2}},
        NOTHING,
        f"OrderedDict([('a', Leaf(rate=2.0, mode={LEAF})])",
    ),
    ("zeros", {"a": 1}, NOTHING, "defaultdict(<class 'float'>, {'a': 1.0})"),
    ("last", [1, 2], NOTHING, "deque([1.0, 2.0], maxlen=2)"),
    ("last", collections.deque([1], 3), NOTHING, "deque([1.0], maxlen=3)"),
    ("anything", [1, "x"], NOTHING, "[1, 'x']"),
    ("anything", [1, 2], ("builtins.tuple", None), "(1, 2)"),
    ("anything", {"rate": 2}, ("foreign.Leaf", None), f"Leaf(rate=2.0, mode={LEAF}"),
    ("anything", "slow", ("foreign.Mode", None), SLOW),
    ("anything", "other", ("foreign.Mode", None), "'other'"),
    ("pair", [3, 4], None, "(3, 4)"),
    (
        "params",
        {"band": [1, 2], "new": [3]},
        ("builtins.dict", {"band": ("builtins.tuple", None), "x": ("builtins.int", None)}),
        "{'band': (1, 2), 'new': [3]}",
    ),
    ("either", {"a": 1}, NOTHING, "{'a': 1.0}"),
    ("either", {"rate": 1}, ("foreign.Leaf", None), f"Leaf(rate=1.0, mode={LEAF}"),
    ("path_or_mode", "slow", NOTHING, SLOW),
    ("path_or_mode", "a/b", NOTHING, "PosixPath('a/b')"),
    ("later", {"n": 2}, NOTHING, "Later(n=2.0)"),
    ("lost", 3, ("builtins.int", None), "3"),
    ("lost", "slow", ("foreign.Mode", None), SLOW),
    ("lost_list", ["slow"], ("builtins.list", {0: ("foreign.Mode", None)}), f"[{SLOW}]"),
    ("how", "slow", NOTHING, SLOW),
    ("unset", None, NOTHING, "None"),
    ("unset", {"a": [1]}, NOTHING, "{'a': [1]}"),
    ("tags", ["a"], NOTHING, "{'a'}"),
    ("local", 1, NOTHING, "<Local.ONE: 1>"),
    ("by_level", {"2": 1, "LOW": 2}, NOTHING, "{<Level.HIGH: 2>: 1.0, <Level.LOW: 0>: 2.0}"),
    ("by_level", {"Level.HIGH": 1}, NOTHING, "{<Level.HIGH: 2>: 1.0}"),
]
REFUSED: list[tuple[str, object, HeldKind | None, str]] = [
    ("mode", "medium", NOTHING, "mode takes one of 'fast', 'slow', not 'medium'"),
    ("strategy", "never", NOTHING, "one of 'now', 'later'"),
    ("hz", "much", NOTHING, "takes float, not 'much'"),
    ("maybe_count", 2.5, NOTHING, "takes int, not 2.5"),
    ("inner", {"orders": 3}, NOTHING, "has no field 'orders'. It has order, leaves, modes"),
    ("inner", {}, NOTHING, "missing 1 required positional argument"),
    ("inner.leaves", {"a": 3}, NOTHING, "(entry 'a') takes Leaf, not 3"),
    ("bands", {"a": [1, 2, 3]}, NOTHING, "(entry 'a') takes exactly 2 items, not 3"),
    ("points", {"a": [1, 2, 3]}, NOTHING, "takes at most 2 items, not 3"),
    ("some_box", {"item": {"rate": 2}}, None, "(field item) can't be set to this"),
    ("some_box.item", {"rate": 2}, None, "what it holds isn't known"),
    ("anything", [1, 2], None, "what it holds isn't known"),
    ("params", {"a": [1, 2]}, None, "what it holds isn't known"),
    ("either", {"rate": 1}, NOTHING, "may be Leaf or dict here, and nothing tells which"),
    ("movie", {"name": "b"}, NOTHING, "needs a value for year"),
    ("movie", {"name": "b", "year": 1, "by": "c"}, NOTHING, "has no field 'by'"),
    ("lost", "x", NOTHING, "its type can't be resolved where its class is"),
    ("lost", "x", ("builtins.int", None), "its type can't be resolved where its class is"),
    ("lost_list", [{"a": 1}], NOTHING, "its type can't be resolved where its class is"),
    ("mode", None, NOTHING, "takes one of 'fast', 'slow', not None"),
    ("tags", [[1]], NOTHING, "can't be made a set"),
    ("by_level", {"9": 1}, NOTHING, "(key '9')"),
]


class Receiver:
    """Another process, which has a package that this one hasn't, and nothing of ours."""

    def __init__(self, folder: Path, *, postponed: bool) -> None:
        source = SOURCE.read_text()
        if postponed:
            source = f"from __future__ import annotations\n{source}"
        (folder / "foreign.py").write_text(source)
        self._environment = {**os.environ, "PYTHONPATH": str(folder)}

    def __call__(self, values: list[object]) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", RECEIVER],
            input=pickle.dumps([pickle.dumps(value) for value in values]),
            env=self._environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        answers: list[str] = pickle.loads(done.stdout)
        return answers


@pytest.fixture(params=["names in full", "postponed annotations"])
def received(request: pytest.FixtureRequest, tmp_path: Path) -> Receiver:
    assert "foreign" not in sys.modules
    return Receiver(tmp_path, postponed="postponed" in request.param)


def asked(cases: list[tuple[str, object, HeldKind | None, str]]) -> list[object]:
    return [Fitted("foreign.Settings", path, value, held) for path, value, held, _ in cases]


def test_each_is_made_what_its_annotation_says(received: Receiver) -> None:
    answers = received(asked(MADE))
    wrong = [
        f"{path} = {value!r}: {answer}, not {wanted}"
        for (path, value, _, wanted), answer in zip(MADE, answers, strict=True)
        if answer != wanted
    ]
    assert not wrong, "\n".join(wrong)


def test_what_does_not_fit_or_cannot_be_known_is_refused(received: Receiver) -> None:
    answers = received(asked(REFUSED))
    wrong = [
        f"{path} = {value!r}: {answer}, not {why}"
        for (path, value, _, why), answer in zip(REFUSED, answers, strict=True)
        if not answer.startswith("refused: this settings value is refused: ") or why not in answer
    ]
    assert not wrong, "\n".join(wrong)


def test_classes_in_classes_and_those_that_are_not_there(received: Receiver) -> None:
    inside, gone, no_module = received(
        [
            Fitted("foreign.Outer.Settings", "mode", 1, NOTHING),
            Fitted("foreign.Gone", "x", "y", NOTHING),
            Fitted("no_such_package.Settings", "x", "y", NOTHING),
        ]
    )
    assert inside == "<Mode.DEEP: 1>"
    assert "can't be resolved" in gone
    assert "can't be resolved" in no_module


def test_an_edit_as_ezmsg_sends_it_carries_it(tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text(SOURCE.read_text())
    schema = replace(
        schema_of(make_field("mode", "foreign.Mode")), settings_type="foreign.Settings"
    )
    (spec,) = build_fields(schema, {"mode": "fast"})
    sent = coerce(spec, "slow")
    assert isinstance(sent, Fitted)
    (answer,) = Receiver(tmp_path, postponed=False)([{"field_path": "mode", "value": sent}])
    assert answer == f"{{'field_path': 'mode', 'value': {SLOW}}}"


def test_values_compare_and_show_themselves() -> None:
    one = Fitted("a.B", "c", [1])
    assert one == Fitted("a.B", "c", [1], NOTHING)
    assert one != Fitted("a.B", "c", [2])
    assert one != Fitted("a.B", "d", [1])
    assert len({one, Fitted("a.B", "c", [1])}) == 1
    assert (repr(one), plain_value(one)) == ("[1]", [1])


def test_what_a_unit_holds_is_read_from_its_pickle_and_not_imported(tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text(SOURCE.read_text())
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            "import foreign, pickle, sys; from foreign import *\n"
            "s = Settings(Mode.SLOW, anything=(1, Leaf()), params={'a': Level.HIGH, 'b': [1.5]},\n"
            "             some_box=Box({'x': Point(1, 2)}), last=deque([1.0], 2))\n"
            "sys.stdout.buffer.write(pickle.dumps(s))",
        ],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    # As its owner reports it: in the order of its fields.
    order: list[str] = [
        line.split(":")[0].strip()
        for line in SOURCE.read_text().partition("class Settings:")[2].splitlines()
        if line.startswith("    ") and ":" in line
    ]
    shown: dict[str, Any] = dict.fromkeys(order[: order.index("by_level") + 1])
    shown["some_box"] = {"item": {"x": [1, 2]}, "size": 1}
    leaf = ("foreign.Leaf", {"rate": ("builtins.float", None), "mode": ("foreign.Mode", None)})
    floats = {0: ("builtins.float", None)}
    assert held_kinds(made, shown, "anything") == (
        "builtins.tuple",
        {0: ("builtins.int", None), 1: leaf},
    )
    assert held_kinds(made, shown, "params") == (
        "builtins.dict",
        {"a": ("foreign.Level", None), "b": ("builtins.list", floats)},
    )
    point = ("foreign.Point", {0: ("builtins.int", None), 1: ("builtins.int", None)})
    assert held_kinds(made, shown, "some_box.item") == ("builtins.dict", {"x": point})
    assert held_kinds(made, shown, "last") == ("collections.deque", floats)
    assert held_kinds(made, shown, "axis") == ("", None)
    assert held_kinds(made, shown, "nothing") is None
    assert held_kinds(None, shown, "axis") is None
    assert held_kinds(b"no pickle", shown, "axis") is None
    assert "foreign" not in sys.modules
