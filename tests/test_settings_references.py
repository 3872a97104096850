"""Values of classes that this process can't import, as another process receives them."""

from __future__ import annotations

import enum
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_settings_schema import Level, make_field, schema_of

from kernel_runtime.settings.declared import LikeDefault, MemberReference
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.references import CallReference
from kernel_runtime.settings.schema import build_fields
from kernel_runtime.settings.values import coerce

FOREIGN = """
import enum
from dataclasses import dataclass, field
from typing import Literal

class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"

class Level(enum.IntEnum):
    LOW = 0
    HIGH = 2

Strategy = Literal["now", "later"]

@dataclass
class Inner:
    order: int
    mode: Mode = Mode.FAST

@dataclass(slots=True)
class Settings:
    needed: Mode
    mode: Mode = Mode.FAST
    level: Level = Level.LOW
    strategy: Strategy = "now"
    sizes: tuple[int, ...] = (1,)
    names: list[str] = field(default_factory=list)
    axis: str | None = None
    inner: Inner | None = None

class Outer:
    class Mode(enum.Enum):
        DEEP = 1
"""
RECEIVER = """
import pickle, sys
print(repr(pickle.load(sys.stdin.buffer)))
"""


@pytest.fixture
def received(tmp_path: Path) -> Any:
    """Unpickles values in another process, which has a package that this one hasn't."""
    (tmp_path / "foreign_package.py").write_text(FOREIGN)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def receive(*values: object) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RECEIVER],
            input=pickle.dumps(values),
            env=environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.stdout.decode().strip() or done.stderr.decode().strip().splitlines()[-1]

    assert "foreign_package" not in sys.modules
    return receive


def test_values_of_classes_that_only_the_receiver_has(received: Any) -> None:
    settings = "foreign_package.Settings"
    assert received(
        CallReference("foreign_package.Mode", "slow"),
        CallReference("foreign_package.Outer.Mode", 1),
        CallReference("foreign_package.Inner", order=3),
        [
            CallReference(
                "foreign_package.Inner", order=1, mode=CallReference("foreign_package.Mode", "slow")
            )
        ],
        MemberReference(settings, "mode", "slow", name="Mode"),
        MemberReference(settings, "level", 2, name="Level"),
        MemberReference(settings, "strategy", "later", name="Strategy"),
        MemberReference(settings, "needed", "fast", name="Mode"),
        LikeDefault(settings, "sizes", [1, 2], kinds=(list, tuple)),
        LikeDefault(settings, "names", ["a"], kinds=(list, tuple)),
        LikeDefault(settings, "axis", "time", kinds=(enum.Enum,)),
        LikeDefault(settings, "sizes", "auto", kinds=(enum.Enum,)),
        MemberReference(settings, "nothing", "x", name="Nothing"),
    ) == (
        "(<Mode.SLOW: 'slow'>, <Mode.DEEP: 1>, Inner(order=3, mode=<Mode.FAST: 'fast'>), "
        "[Inner(order=1, mode=<Mode.SLOW: 'slow'>)], <Mode.SLOW: 'slow'>, <Level.HIGH: 2>, "
        "'later', <Mode.FAST: 'fast'>, (1, 2), ['a'], 'time', 'auto', 'x')"
    )


@pytest.mark.parametrize(
    "reference",
    [
        CallReference("foreign_package.Mode", "medium"),
        CallReference("foreign_package.Gone", 1),
        CallReference("no_such_package.Mode", 1),
        CallReference("foreign_package.Inner", typo=1),
    ],
)
def test_what_the_class_refuses_is_an_error_of_unpickling(
    received: Any, reference: CallReference
) -> None:
    assert "Error" in received(reference)


def test_an_edit_as_ezmsg_sends_it_carries_a_reference(received: Any) -> None:
    from ezmsg.core.graphmeta import SettingsFieldUpdateRequest

    schema = replace(
        schema_of(make_field("mode", "foreign_package.Mode")),
        settings_type="foreign_package.Settings",
    )
    (spec,) = build_fields(schema, {"mode": "fast"})
    update = SettingsFieldUpdateRequest(field_path="x", value=coerce(spec, "slow"))
    assert "value=<Mode.SLOW: 'slow'>" in received(update)


def test_references_compare_and_show_themselves() -> None:
    assert CallReference("a.B", 1) == CallReference("a.B", 1)
    assert CallReference("a.B", 1) != CallReference("a.B", 2)
    assert repr(CallReference("a.B", 1, x="y")) == "a.B(1, x='y')"
    assert len({CallReference("a.B", 1), CallReference("a.B", 1)}) == 1
    assert "'x' (as a.B.c has it)" in repr(LikeDefault("a.B", "c", "x", kinds=(str,)))


def test_plain_values_are_those_that_ezmsg_reports() -> None:
    from ezmsg.core.settingsmeta import _sanitize

    for value in (
        (1, 2.0),
        {"a", "b"},
        {"a": (1,), 2: None},
        [Level.HIGH],
        np.array([1.0]),
        None,
        "x",
        3.0,
    ):
        wanted = _sanitize(value)
        assert plain_value(value) == wanted
    assert plain_value(CallReference("a.Mode", "fast")) == "fast"
