"""Classes of what a unit's settings hold, as their pickle names them.

A report shows tuples as lists, and objects as dicts. ezmsg sends along the pickle of the settings;
read as data, with nothing imported or called, it names the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import UnsafePayloadError
from ..safe_pickle import decode
from ..stand_ins import StandIn

LARGEST_PICKLE: Final = 1_000_000
"""Bytes of a pickle that is still read, for an edit of a field whose type says nothing."""
MOST_KINDS: Final = 2_000
"""Values whose classes are told."""

HeldKind = tuple[str, dict[Any, Any] | None]


def held_kinds(serialized: object, structured: Mapping[str, Any], path: str) -> HeldKind | None:
    """Classes of what a field holds, and of what is in it.

    Parameters
    ----------
    serialized
        The pickle of the unit's settings.
    structured
        Their structured value, as their owner reports it.
    path
        Dotted path of the field.

    Returns
    -------
    tuple or None
        Dotted name of the class, empty for None; and, by key or place, the same of what is in
        it. None where the pickle can't be read.
    """
    if not isinstance(serialized, bytes) or len(serialized) > LARGEST_PICKLE:
        return None
    try:
        found: Any = decode(serialized)
    except UnsafePayloadError:
        return None
    shown: Any = structured
    for name in path.split("."):
        inside = _inside(found, shown)
        if name not in inside:
            return None
        found = inside[name]
        shown = shown.get(name) if isinstance(shown, Mapping) else None
    reader = _Reader()
    read = reader.read(found, shown)
    return read if reader.left >= 0 else None


class _Reader:
    def __init__(self) -> None:
        self.left = MOST_KINDS

    def read(self, value: object, shown: object) -> HeldKind:
        self.left -= 1
        if self.left < 0 or value is None:
            return ("", None)
        if isinstance(value, StandIn):
            name = f"{value.module}.{value.qualname}"
        else:
            name = f"{type(value).__module__}.{type(value).__qualname__}"
        parts = {
            place: self.read(item, _shown_at(shown, place))
            for place, item in _inside(value, shown).items()
        }
        return (name, parts or None)


def _shown_at(shown: object, place: object) -> object:
    if isinstance(shown, Mapping):
        return shown.get(place, shown.get(str(place)))
    if isinstance(shown, list) and isinstance(place, int) and place < len(shown):
        found: object = shown[place]
        return found
    return None


def _inside(value: object, shown: object) -> dict[Any, Any]:
    """What is in a value by field, key or place."""
    if isinstance(value, StandIn):
        return _inside_stand_in(value, shown)
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if isinstance(key, str | int | float)}
    return dict(enumerate(value)) if isinstance(value, list | tuple) else {}


def _inside_stand_in(value: StandIn, shown: object) -> dict[Any, Any]:
    state = value.state
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
        state = {**(state[0] or {}), **state[1]}
    if isinstance(state, dict):
        fields = state.get("__dict__", state)
        return dict(fields) if isinstance(fields, dict) else {}
    if isinstance(state, list) and isinstance(shown, Mapping) and len(shown) == len(state):
        # A frozen dataclass with slots keeps the values alone, in the order of its fields.
        return dict(zip(shown, state, strict=True))
    if value.items:
        pairs = [item for item in value.items if isinstance(item, tuple) and len(item) == 2]
        if isinstance(shown, Mapping) and len(pairs) == len(value.items):
            return {key: item for key, item in pairs if isinstance(key, str | int | float)}
        return dict(enumerate(value.items))
    return dict(enumerate(value.args)) if len(value.args) > 1 else {}
