"""Fields from ezmsg's schema, JSON Schema, the value as a witness, and the real class."""

from __future__ import annotations

import enum
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from ezmsg.core.graphmeta import SettingsFieldMetadata, SettingsSchemaMetadata
from ezmsg.core.settingsmeta import settings_schema_from_type, settings_structured_value

from kernel_runtime.safe_pickle import decode as safe_decode
from kernel_runtime.settings.kinds import Constraints
from kernel_runtime.settings.schema import MISSING, FieldSpec, build_fields, find_field


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 2


@dataclass
class Inner:
    order: int = 4
    cutoff: float | None = None
    sizes: tuple[int, ...] = (512,)


@dataclass
class Outer:
    fs: float
    mode: Mode = Mode.FAST
    level: Level = Level.LOW
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    many: list[Inner] = field(default_factory=list)
    ratio: Annotated[float, "0 to 1"] = 0.5
    folder: Path | None = None
    how: Literal["a", "b"] = "a"
    old: Optional[Mode] = None  # noqa: UP045
    anything: Any = None


def make_field(name: str, field_type: str, **given: Any) -> SettingsFieldMetadata:
    made: dict[str, Any] = {
        "required": True,
        "default": None,
        "description": None,
        "bounds": None,
        "choices": None,
        "widget_hint": None,
        **given,
    }
    return SettingsFieldMetadata(name=name, field_type=field_type, **made)


def schema_of(*fields: SettingsFieldMetadata) -> SettingsSchemaMetadata:
    return SettingsSchemaMetadata(
        provider="dataclass", settings_type="package.module.Settings", fields=list(fields)
    )


def one(field_type: str, value: object, *, json: object = None, **given: Any) -> FieldSpec:
    json_schema = None if json is None else {"properties": {"x": json}, "type": "object"}
    (spec,) = build_fields(
        schema_of(make_field("x", field_type, **given)), {"x": value}, json_schema=json_schema
    )
    return spec


def kinds(specs: tuple[FieldSpec, ...]) -> dict[str, str]:
    return {spec.path: spec.kind for root in specs for spec in root.walk()}


def test_a_real_schema_without_the_class() -> None:
    value = settings_structured_value(Outer(fs=100.0))
    found = kinds(build_fields(settings_schema_from_type(Outer), value))
    assert found["fs"] == "float"
    assert found["mode"] == "choice"
    assert found["inner"] == "dataclass"
    assert found["inner.order"] == "int"
    assert found["inner.sizes"] == "list[int]"
    assert found["maybe"] == "optional:named"
    assert found["many"] == "list[named]"
    assert found["folder"] == "optional:path"
    assert found["how"] == "literal"
    assert found["anything"] == "any"


def test_the_real_class_tells_all() -> None:
    value = settings_structured_value(Outer(fs=100.0))
    specs = build_fields(settings_schema_from_type(Outer), value, settings_class=Outer)
    found = kinds(specs)
    assert found["inner.cutoff"] == "optional:float"
    assert found["inner.sizes"] == "vtuple[int]"
    assert found["maybe"] == "optional:dataclass"
    assert found["many"] == "list[dataclass]"
    assert found["old"] == "optional:enum"
    mode = find_field(specs, "mode")
    assert mode is not None
    assert [(choice.name, choice.value) for choice in mode.type.choices] == [
        ("FAST", "fast"),
        ("SLOW", "slow"),
    ]


def test_one_bad_annotation_costs_one_field() -> None:
    @dataclass
    class Partly:
        good: int | None = None
        bad: NotImported | None = None  # type: ignore[name-defined]  # noqa: F821

    specs = build_fields(
        settings_schema_from_type(Partly), {"good": 1, "bad": "x"}, settings_class=Partly
    )
    assert kinds(specs) == {"good": "optional:int", "bad": "optional:choice"}


def test_a_nested_schema_that_is_known_from_another_unit() -> None:
    inner = settings_schema_from_type(Inner)
    assert inner is not None
    outer = schema_of(make_field("inner", inner.settings_type))
    value = {"inner": {"order": 4, "cutoff": None, "sizes": [512]}}
    specs = build_fields(outer, value, known_schemas={inner.settings_type: inner})
    assert kinds(specs) == {
        "inner": "dataclass",
        "inner.order": "int",
        "inner.cutoff": "optional:float",
        "inner.sizes": "vtuple[int]",
    }


@pytest.mark.parametrize(
    ("field_type", "value", "kind"),
    [
        ("package.Mode", "fast", "enum"),
        ("package.Mode", 2, "enum"),
        ("Mode", "fast", "choice"),
        ("package.Inner", {"a": 1}, "dataclass"),
        ("package.Inner | None", {"a": None}, "optional:dataclass"),
        ("package.Inner | None", None, "optional:named"),
        ("package.Thing", "<package.Thing object at 0x7f>", "opaque"),
        ("package.Thing", "Thing(a=1)", "opaque"),
        ("datetime.timedelta", "datetime.timedelta(days=1)", "timedelta"),
        ("builtins.range", "range(0, 3)", "range"),
        ("numpy.dtype", "dtype('float32')", "dtype"),
        ("list[package.Inner]", [{"a": 1}, {"a": 2}], "list[dataclass]"),
        ("list[package.Mode]", ["fast"], "list[enum]"),
        ("package.Mode | tuple[package.Mode, ...]", "fast", "union(enum|vtuple[enum])"),
        ("str | package.Mode", "fast", "union(str|named)"),
        ("dict[str, package.Inner]", {"x": {"a": 1.5}}, "dict[dataclass]"),
        ("Bands", [[1.0, 2.0]], "list[list[float]]"),
        ("float", None, "optional:float"),
        ("float", 5, "float"),
        ("tuple[float, float]", [], "tuple[float,float]"),
        ("???", 3, "unknown"),
        ("float | None", 3.0, "optional:float"),
    ],
)
def test_the_value_as_a_witness(field_type: str, value: object, kind: str) -> None:
    assert one(field_type, value).kind == kind


def test_a_field_that_began_as_none_may_be_none_again() -> None:
    schema = schema_of(make_field("x", "float"))
    (spec,) = build_fields(schema, {"x": 2.0}, initial={"x": None})
    assert spec.kind == "optional:float"
    (spec,) = build_fields(schema, {"x": 2.0}, initial={"x": 1.0})
    assert spec.kind == "float"


def test_hint_and_value_must_agree() -> None:
    assert one("???", 3.0, widget_hint="float_input").kind == "float"
    assert one("???", "3.0", widget_hint="float_input").kind == "unknown"
    assert one("PrintSettings", None, widget_hint="int_input").kind == "optional:named"


def test_what_cannot_be_edited_says_why() -> None:
    for field_type, value, word in (
        ("typing.Callable", "<function f at 0x7f>", "function"),
        ("package.Thing", "<package.Thing object at 0x7f>", "object"),
        ("???", 3, "not known"),
        ("numpy.ndarray", "array([0., 1., ..., 9.], shape=(1000,))", "array"),
    ):
        spec = one(field_type, value)
        assert not spec.editable
        assert spec.reason is not None
        assert word in spec.reason


def test_small_arrays_can_be_edited() -> None:
    assert one("numpy.ndarray", "array([1., 0.])").editable


def test_a_default_that_is_only_a_repr_is_no_default() -> None:
    (spec,) = build_fields(
        schema_of(
            make_field("x", "numpy.ndarray", required=False, default="array([1.])"),
        ),
        {"x": "array([1.])"},
    )
    assert spec.default is MISSING
    assert one("float", 1.0, required=True).default is MISSING
    assert one("float", 1.0, required=False, default=2.0).default == 2.0


def test_bounds_are_limits_of_numbers_and_lengths_of_the_rest() -> None:
    assert one("float", 1.0, bounds=(0.0, None)).type.constraints == Constraints(ge=0.0)
    assert one("str", "a", bounds=(1.0, 3.0)).type.constraints == Constraints(
        min_length=1, max_length=3
    )
    limited = one("int | None", 3, bounds=(1.0, 9.0))
    assert limited.type.without_none.constraints == Constraints(ge=1.0, le=9.0)


def test_choices_of_any_type() -> None:
    assert one("float", 1.0, choices=[1.0, 2.0]).kind == "literal"
    assert one("str | None", None, choices=["a", "b"]).kind == "optional:literal"
    assert one("param.parameters.Selector", "a", choices=["a", "b"]).kind == "literal"
    assert one("list[str]", ["a"], choices=["a", "b"]).kind == "list[literal]"
    assert one("package.Mode", "fast", choices=["fast", "slow"]).kind == "enum"


def test_json_schema_gives_choices_limits_and_nested_fields() -> None:
    assert one("Strategy", "a", json={"enum": ["a", "b"]}).kind == "literal"
    spec = one("float", 1.0, json={"type": "number", "minimum": 0, "exclusiveMaximum": 9})
    assert spec.type.constraints == Constraints(ge=0, lt=9)
    json_schema = {
        "$defs": {
            "Mode": {"enum": ["fast", "slow"], "title": "Mode", "type": "string"},
            "Inner": {
                "type": "object",
                "properties": {
                    "mode": {"$ref": "#/$defs/Mode", "default": "fast"},
                    "again": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]},
                },
                "required": ["mode"],
            },
        },
        "properties": {"x": {"$ref": "#/$defs/Inner"}},
        "type": "object",
    }
    (spec,) = build_fields(
        schema_of(make_field("x", "package.Inner")),
        {"x": {"mode": "fast", "again": None}},
        json_schema=json_schema,
    )
    assert (spec.kind, spec.type.name) == ("dataclass", "package.Inner")
    assert [child.kind for child in spec.children] == ["enum", "optional:dataclass"]


@pytest.mark.parametrize(
    "json_schema",
    [
        {},
        [],
        "text",
        {"properties": []},
        {"properties": {"x": None}},
        {"properties": {"x": {"$ref": "#/$defs/Gone"}}},
        {"$defs": {"A": {"$ref": "#/$defs/A"}}, "properties": {"x": {"$ref": "#/$defs/A"}}},
        {"properties": {"x": {"type": ["integer", "null"]}}},
        {"properties": {"x": {"anyOf": []}}},
        {"properties": {"x": {"type": "martian"}}},
    ],
)
def test_odd_json_schemas_do_no_harm(json_schema: object) -> None:
    (spec,) = build_fields(schema_of(make_field("x", "int")), {"x": 3}, json_schema=json_schema)
    assert spec.kind in ("int", "optional:int")
    assert spec.editable


def test_live_enum_members_in_a_schema() -> None:
    spec = one("Level", Level.HIGH, default=Level.LOW, required=False)
    assert spec.kind == "enum"
    assert [choice.name for choice in spec.type.choices] == ["LOW", "HIGH"]
    assert spec.type.name == f"{__name__}.Level"


def test_stand_ins_for_enum_members_of_packages_that_are_not_here() -> None:
    pickled = b"\x80\x04\x8c\x09elsewhere\x8c\x05Level\x93K\x02\x85R."
    stand_in = safe_decode(pickled)
    spec = one("Level", stand_in)
    assert spec.kind == "enum"
    assert spec.type.name == "elsewhere.Level"
    assert [choice.value for choice in spec.type.choices] == [2]


def test_a_schema_may_be_any_object_with_its_attributes() -> None:
    stand_in = types.SimpleNamespace(
        settings_type="a.B",
        fields=[types.SimpleNamespace(name="x", field_type="int", widget_hint=None)],
    )
    (spec,) = build_fields(stand_in, {"x": 1})
    assert spec.kind == "int"
    assert build_fields(None, None) == ()
    assert build_fields(types.SimpleNamespace(fields=7), {"y": 1})[0].kind == "int"


def test_values_without_a_field_in_the_schema_are_shown_too() -> None:
    specs = build_fields(schema_of(), {"x": 1.0, "y": {"z": True}})
    assert kinds(specs) == {"x": "float", "y": "dataclass", "y.z": "bool"}
