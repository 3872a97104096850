"""Coercion and its refusals."""

from __future__ import annotations

import collections
import enum
import math
import pathlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_settings_schema import Level, make_field, one, schema_of

from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.arrays import read_array
from kernel_runtime.settings.encoding import same
from kernel_runtime.settings.fitting import Fitted
from kernel_runtime.settings.plain import plain_value
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
    ("collections.deque[int]", [1], [1]),
    ("collections.OrderedDict[str, int]", {"a": 1}, collections.OrderedDict(a=1)),
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
    ("set[int | list[int]]", [[1]], "set"),
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
    taken = taken.value if isinstance(taken, Fitted) else taken
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


def test_what_is_only_seen_is_left_to_the_process_that_has_the_class() -> None:
    schema = schema_of(make_field("x", "package.Inner"))
    value = {"x": {"order": 4, "mode": "fast", "sizes": [1]}}
    specs = build_fields(schema, value)
    for path, given in (
        ("x.order", 2.7),
        ("x.mode", "slow"),
        ("x.sizes", [2]),
        ("x", {"order": 1}),
    ):
        spec = find_field(specs, path)
        assert spec is not None
        assert coerce(spec, given) == Fitted("package.module.Settings", path, given)
    # Where no other process could find the class, nothing but what is seen is sent.
    nameless = replace(schema, settings_type="package.make.<locals>.Settings")
    specs = build_fields(nameless, value)
    for path, given, why in (
        ("x.order", 2.7, "isn't known here"),
        ("x.sizes", [2], "can't be named elsewhere"),
        ("x", {"order": 1}, "can't be set"),
    ):
        spec = find_field(specs, path)
        assert spec is not None
        with pytest.raises(SettingsRejectedError, match=why):
            coerce(spec, given)
    order = find_field(specs, "x.order")
    assert order is not None
    assert coerce(order, 6) == 6


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

    def asked(value: object) -> object:
        made = coerce(spec, value)
        assert isinstance(made, Fitted)
        return made.value

    assert asked("LOW") == "LOW"
    assert asked(2) == 2
    assert asked(Level.LOW) is Level.LOW
    with pytest.raises(SettingsRejectedError, match="one of 0, 2, not 5"):
        coerce(spec, 5)

    class Other(enum.Enum):
        LOW = 0

    with pytest.raises(SettingsRejectedError):
        coerce(spec, Other.LOW)


def test_text_is_no_number_of_an_array_like_unless_the_field_has_text() -> None:
    array_like = "float | numpy.typing.ArrayLike | str | bytes | complex | None"
    for value in (10.0, None, "array([1., 0.])"):
        spec = one(array_like, value)
        with pytest.raises(SettingsRejectedError, match="numbers or none, not the text 'x'"):
            coerce(spec, "x")
        assert coerce(spec, [1.0, 2.0]) == [1.0, 2.0]
    assert coerce(one(array_like, "auto"), "x") == "x"
    assert coerce(one(array_like, 1.0, default="auto", required=False), "x") == "x"


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
    assert made == Fitted("package.module.Settings", "x", [{"order": 2, "cutoff": 3.0}])
    assert plain_value(made) == [{"order": 2, "cutoff": 3.0}]
    for bad, why in (
        ([{"cutoff": 1.0}], "needs a value for order"),
        ([{"order": 2.5}], "field order"),
        ([{"order": 1, "typo": 1}], "no field 'typo'"),
    ):
        with pytest.raises(SettingsRejectedError, match=why):
            coerce(spec, bad)


def test_a_class_inside_a_function_cannot_be_named_elsewhere() -> None:
    local = make_field("x", "<class 'tests.f.<locals>.Mode'>")
    schema = replace(schema_of(local), settings_type="tests.f.<locals>.Settings")
    (spec,) = build_fields(schema, {"x": "fast"})
    with pytest.raises(SettingsRejectedError, match="can't be named"):
        coerce(spec, "slow")
    # The annotation of a class that can be looked up holds the class itself.
    (spec,) = build_fields(schema_of(local), {"x": "fast"})
    assert coerce(spec, "slow") == Fitted("package.module.Settings", "x", "slow")
