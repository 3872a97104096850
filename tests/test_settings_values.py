"""Coercion, its refusals, and values of classes that this process can't import."""

from __future__ import annotations

import collections
import contextlib
import enum
import math
import os
import pathlib
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_settings_schema import Level, make_field, one, schema_of

from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.arrays import read_array
from kernel_runtime.settings.declared import LikeDefault, MemberReference
from kernel_runtime.settings.encoding import decode, encode, read_typed, same
from kernel_runtime.settings.field_types import parse_type
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.references import CallReference
from kernel_runtime.settings.schema import FieldSpec, build_fields, find_field
from kernel_runtime.settings.values import coerce

TAKEN: list[tuple[str, object, object]] = [
    ("float", 5, 5.0),
    ("float", np.float32(0.5), 0.5),
    ("float", 1e-6, 1e-6),
    ("float", math.inf, math.inf),
    ("int", 5, 5),
    ("int", 30_000.0, 30_000),
    ("int", np.int64(7), 7),
    ("int", 10**30, 10**30),
    ("bool", True, True),
    ("bool", np.bool_(False), False),
    ("str", "", ""),
    ("float | None", None, None),
    ("float | None", 3, 3.0),
    ("bool | None", False, False),
    ("tuple[int, ...]", [1, 2], (1, 2)),
    ("tuple[float, float]", [1, 2], (1.0, 2.0)),
    ("tuple[str, int]", ("a", 1), ("a", 1)),
    ("list[float]", (1, 2.5), [1.0, 2.5]),
    ("list[float]", np.array([1, 2]), [1.0, 2.0]),
    ("set[str]", ["a", "b", "a"], {"a", "b"}),
    ("frozenset[int]", [1], frozenset({1})),
    ("list[tuple[float, float]] | None", [[1, 2]], [(1.0, 2.0)]),
    ("dict[str, float]", {"a": 1}, {"a": 1.0}),
    ("dict[str, str | None] | None", {"a": None}, {"a": None}),
    ("collections.deque[int]", [1], collections.deque([1])),
    ("typing.Literal['a', 'b']", "b", "b"),
    ("typing.Literal[1, 2]", 2.0, 2),
    ("typing.Literal[True, 1]", 1, 1),
    ("pathlib.Path", "x/y", pathlib.Path("x/y")),
    ("os.PathLike | str", "x", "x"),
    ("pathlib.Path | None", "PosixPath('x')", pathlib.Path("x")),
    ("bool | str", True, True),
    ("bool | str", "bandpass", "bandpass"),
    ("int | str", "5", "5"),
    ("float | tuple[float, float] | None", [1, 2], (1.0, 2.0)),
    ("float | tuple[float, float] | None", 4, 4.0),
    ("tuple[int | str | ellipsis, ...] | None", [0, "...", "ch"], (0, ..., "ch")),
    ("complex", "1+2j", 1 + 2j),
    ("bytes", b"ab", b"ab"),
    ("bytes", "b'\\x00'", b"\x00"),
    ("bytes", "ab", b"ab"),
    ("dict[int, float]", {"1": 2}, {1: 2.0}),
    ("typing.Any", {"a": [1]}, {"a": [1]}),
    ("float | npt.ArrayLike", [[1.0], [2.0]], [[1.0], [2.0]]),
]
REFUSED: list[tuple[str, object, str]] = [
    ("int", 2.7, "a whole number, not 2.7"),
    ("int", True, "not true"),
    ("int", "5", "not the text '5'"),
    ("int", math.nan, "not nan"),
    ("float", True, "not true"),
    ("float", "3", "not the text '3'"),
    ("float", None, "not none"),
    ("float", 10**400, "too large"),
    ("bool", 1, "true or false, not 1"),
    ("str", 3, "text, not 3"),
    ("float | None", "x", "a number, not the text 'x'"),
    ("float | bool", "x", "a number or true or false, not the text 'x'"),
    ("tuple[float, float]", [1], "exactly 2 items, not 1"),
    ("tuple[float, float]", [1, "x"], "(item 2)"),
    ("list[int]", "12", "a list of whole numbers"),
    ("list[int]", [1, 2.5], "(item 2) takes a whole number, not 2.5"),
    ("set[typing.Any]", [[1]], "set"),
    ("dict[str, float]", [1], "a dict"),
    ("dict[str, float]", {"a": "x"}, "(entry 'a')"),
    ("typing.Literal['a', 'b']", "c", "one of 'a', 'b', not the text 'c'"),
    ("typing.Literal[1, 2]", True, "one of 1, 2, not true"),
    ("pathlib.Path", "", "an empty one is none"),
    ("pathlib.Path", 3, "a path"),
    ("float | tuple[float, float]", [1, 2, 3], "exactly 2 items"),
    ("numpy.ndarray", [[1], [1, 2]], "equal length"),
    ("numpy.ndarray", "x", "numbers"),
    ("typing.Callable", "f", "a function"),
    ("multiprocessing.Queue", "q", "can't be typed in"),
    ("???", 3, "isn't known"),
    ("complex", "one", "complex"),
    ("bytes", 3, "bytes"),
    ("dict[int, float]", {"x": 2}, "(key 'x')"),
]


def spec_of(field_type: str, **given: Any) -> FieldSpec:
    (spec,) = build_fields(schema_of(make_field("x", field_type, **given)))
    return spec


@pytest.mark.parametrize(("field_type", "value", "wanted"), TAKEN)
def test_takes(field_type: str, value: object, wanted: object) -> None:
    taken = coerce(spec_of(field_type), value)
    assert type(taken) is type(wanted)
    assert same(taken, wanted) or taken == wanted


@pytest.mark.parametrize(("field_type", "value", "why"), REFUSED)
def test_refuses_and_says_why(field_type: str, value: object, why: str) -> None:
    with pytest.raises(SettingsRejectedError) as caught:
        coerce(spec_of(field_type), value, unit="LP")
    assert why in caught.value.message
    assert caught.value.message.startswith("LP: x ")
    assert (caught.value.unit, caught.value.field) == ("LP", "x")


@pytest.mark.parametrize(
    ("field_type", "bounds", "value", "why"),
    [
        ("float", (0.0, 1.0), 1.5, "at most 1, not 1.5"),
        ("float", (0.0, 1.0), -1, "at least 0, not -1"),
        ("float", (0.0, None), math.nan, "no NaN"),
        ("float | None", (0.0, 1.0), 2.0, "at most 1"),
        ("list[int]", (1.0, 2.0), [], "at least 1 items"),
        ("str", (None, 2.0), "abc", "at most 2 characters"),
        ("typing.Annotated[int, Gt(gt=0), MultipleOf(multiple_of=4)]", None, 6, "multiple of 4"),
        ("typing.Annotated[int, Gt(gt=0)]", None, 0, "more than 0"),
        ("typing.Annotated[float, Field(allow_inf_nan=False)]", None, math.inf, "finite"),
        ("typing.Annotated[float, Field(allow_inf_nan=False)]", None, math.nan, "no NaN"),
    ],
)
def test_limits(field_type: str, bounds: object, value: object, why: str) -> None:
    with pytest.raises(SettingsRejectedError, match=why):
        coerce(spec_of(field_type, bounds=bounds), value)


def test_a_witnessed_int_refuses_a_fraction_and_says_that_it_is_a_guess() -> None:
    specs = build_fields(schema_of(make_field("x", "package.Inner")), {"x": {"order": 4}})
    order = find_field(specs, "x.order")
    assert order is not None
    assert coerce(order, 6) == LikeDefault("package.Inner", "order", 6, kinds=(enum.Enum,))
    with pytest.raises(SettingsRejectedError, match="isn't known here"):
        coerce(order, 2.7)


def test_too_deep_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    nested = "list[" * 30 + "typing.Any" + "]" * 30
    assert coerce(spec_of(nested), [[]]) is not None
    with pytest.raises(SettingsRejectedError):
        coerce(spec_of(nested), 3)


def test_members_of_an_enum_by_value_name_and_member() -> None:
    spec = one("Level", Level.HIGH)
    by_name = coerce(spec, "LOW")
    assert by_name == CallReference(f"{__name__.replace('values', 'schema')}.Level", 0)
    assert pickle.loads(pickle.dumps(by_name)) is Level.LOW
    assert pickle.loads(pickle.dumps(coerce(spec, 2))) is Level.HIGH
    assert coerce(spec, Level.LOW) is Level.LOW
    with pytest.raises(SettingsRejectedError, match="one of 0, 2, not 5"):
        coerce(spec, 5)

    class Other(enum.Enum):
        LOW = 0

    with pytest.raises(SettingsRejectedError):
        coerce(spec, Other.LOW)


def test_a_number_of_a_class_that_is_only_a_name() -> None:
    spec = one("package.Hz", 3.0)
    assert coerce(spec, 5) == MemberReference(
        "package.module.Settings", "x", 5.0, name="package.Hz"
    )
    with pytest.raises(SettingsRejectedError):
        coerce(spec, [5])


def test_an_array_keeps_its_element_type() -> None:
    spec = one("numpy.ndarray", "array([1., 0.])")
    made = coerce(spec, [1, 2], current="array([1., 0.])")
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.float64
    made = coerce(spec, [1, 2], current="array([1, 0], dtype=int16)")
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.int16
    made = coerce(spec, [1.5, 2], current="array([1, 0])")
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.float64


@pytest.mark.parametrize(
    ("text", "shape", "values"),
    [
        ("array([1., 0.])", (2,), [1.0, 0.0]),
        ("array([[1, 2], [3, -4]])", (2, 2), [[1, 2], [3, -4]]),
        ("array([nan, -inf])", (2,), [math.nan, -math.inf]),
        ("array([], dtype=float64)", (0,), []),
        ("array([0., 1., ..., 9.], shape=(1000,))", (1000,), None),
        ("array([[0., ..., 1.],\n       ...,\n       [0., ..., 1.]])", None, None),
        ("array(3)", (), 3),
        ("array(__import__('os').system('true'))", (), None),
        ("array(", None, None),
    ],
)
def test_arrays_from_their_repr(text: str, shape: tuple[int, ...] | None, values: object) -> None:
    found = read_array(text)
    assert found is not None
    assert found.shape == shape
    assert same(found.values, values)


def test_whole_objects_by_reference() -> None:
    json_schema = {
        "$defs": {
            "Inner": {
                "type": "object",
                "properties": {"order": {"type": "integer"}, "cutoff": {"type": "number"}},
                "required": ["order"],
            }
        },
        "properties": {"x": {"type": "array", "items": {"$ref": "#/$defs/Inner"}}},
    }
    (spec,) = build_fields(
        schema_of(make_field("x", "list[package.Inner]")), {"x": []}, json_schema=json_schema
    )
    made = coerce(spec, [{"order": 2, "cutoff": 3}])
    assert made == [CallReference("package.Inner", order=2, cutoff=3.0)]
    assert plain_value(made) == [{"order": 2, "cutoff": 3.0}]
    for bad, why in (
        ([{"cutoff": 1.0}], "needs a value for order"),
        ([{"order": 2.5}], "field order"),
        ([{"order": 1, "typo": 1}], "no field 'typo'"),
    ):
        with pytest.raises(SettingsRejectedError, match=why):
            coerce(spec, bad)


def test_a_class_inside_a_function_cannot_be_named_elsewhere() -> None:
    spec = one("<class 'tests.f.<locals>.Mode'>", "fast")
    with pytest.raises(SettingsRejectedError, match="can't be named"):
        coerce(spec, "slow")


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


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
)
_HASHABLE = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
_PLAIN = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_HASHABLE, inner, max_size=4),
        st.sets(_HASHABLE, max_size=4),
        st.frozensets(_HASHABLE, max_size=4),
    ),
    max_leaves=15,
)


@given(_PLAIN)
def test_the_browser_encoding_is_exact(value: object) -> None:
    import json

    travelled = json.loads(json.dumps(encode(value), allow_nan=False))
    assert same(decode(travelled), value)


@given(st.text(max_size=40))
def test_typed_text_is_a_value_or_a_reason(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert encode(read_typed(text)) is not ...


def test_huge_values_are_described() -> None:
    assert encode(list(range(100_000))) == {"k": "object", "text": "list of 100,000 items"}
    assert "shape 1000 x 64" in str(encode(np.zeros((1000, 64))))
    described = encode("x" * 100_000)
    assert isinstance(described, dict)
    assert "100,000 characters" in str(described["text"])


_TYPES = st.recursive(
    st.sampled_from(["int", "float", "str", "bool"]),
    lambda inner: st.one_of(
        inner.map(lambda x: f"{x} | None"),
        inner.map(lambda x: f"list[{x}]"),
        inner.map(lambda x: f"tuple[{x}, ...]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda x: f"tuple[{', '.join(x)}]"),
        inner.map(lambda x: f"dict[str, {x}]"),
    ),
    max_leaves=6,
)


def _value_of(text: str, data: st.DataObject) -> object:
    """A value that belongs to a type."""
    found = parse_type(text)

    def draw(wanted: Any) -> object:
        match wanted.kind:
            case "int":
                return data.draw(st.integers())
            case "float":
                return data.draw(st.floats())
            case "str":
                return data.draw(st.text(max_size=5))
            case "bool":
                return data.draw(st.booleans())
            case "none":
                return None
            case "union":
                return draw(data.draw(st.sampled_from(wanted.args)))
            case "list":
                return [draw(wanted.args[0]) for _ in range(data.draw(st.integers(0, 3)))]
            case "vtuple":
                return tuple(draw(wanted.args[0]) for _ in range(data.draw(st.integers(0, 3))))
            case "tuple":
                return tuple(draw(arg) for arg in wanted.args)
            case "dict":
                keys = data.draw(st.lists(st.text(max_size=3), max_size=3, unique=True))
                return {key: draw(wanted.args[1]) for key in keys}
        raise AssertionError(wanted.kind)

    return draw(found)


@given(_TYPES, st.data())
def test_a_value_of_the_type_passes_unchanged(text: str, data: st.DataObject) -> None:
    value = _value_of(text, data)
    assert same(coerce(spec_of(text), value), value)


@given(_TYPES, st.data())
def test_the_reported_form_of_a_value_becomes_the_value(text: str, data: st.DataObject) -> None:
    value = _value_of(text, data)
    assert same(coerce(spec_of(text), plain_value(value)), value)


@given(_TYPES, _PLAIN)
def test_what_passes_belongs_to_the_type_and_passes_again(text: str, value: object) -> None:
    spec = spec_of(text)
    try:
        taken = coerce(spec, value)
    except SettingsRejectedError:
        return
    assert same(coerce(spec, taken), taken)
