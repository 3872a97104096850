"""What holds for any value: the encoding is exact, and coercion changes no value of a type."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_settings_values import spec_of

from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.encoding import decode, encode, read_typed, same
from kernel_runtime.settings.field_types import parse_type
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.values import coerce

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
