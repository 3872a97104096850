"""Edits of settings as the Python code that makes them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def changes_as_python(changes: Mapping[str, Mapping[str, object]]) -> str:
    """A call of ``g.settings.apply`` with one line a unit.

    Parameters
    ----------
    changes
        ``{unit: {field path: plain value}}``.
    """
    if not changes:
        return "g.settings.apply({})"
    lines = "".join(f"    {unit!r}: {literal(fields)},\n" for unit, fields in changes.items())
    return f"g.settings.apply({{\n{lines}}})"


def literal(value: object) -> str:
    """A plain value as Python code; NaN and infinity too, whose ``repr`` is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
