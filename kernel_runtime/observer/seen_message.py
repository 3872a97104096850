"""What can be said of any message in a few lines, made where the message is."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

import numpy as np

MAX_ROWS = 60
MAX_DEPTH = 4
MAX_TEXT = 200
_ITEMS_SHOWN = 8


class SeenRow(TypedDict):
    """One part of a message: how deep it lies, its name, its type and its value in words."""

    depth: int
    name: str
    type: str
    text: str


def rows_of(message: object) -> list[SeenRow]:
    """Describe a message, and its fields and items where it has some.

    Never more than `MAX_ROWS` rows; an object that can't be printed says so.
    """
    rows: list[SeenRow] = []
    for row in _walk("", message, 0):
        if len(rows) == MAX_ROWS:
            rows.append({"depth": 0, "name": "…", "type": "", "text": "more than is shown"})
            break
        rows.append(row)
    return rows


def _walk(name: str, value: object, depth: int) -> Iterator[SeenRow]:
    parts = list(_parts(value)) if depth < MAX_DEPTH else []
    yield {
        "depth": depth,
        "name": name,
        "type": type(value).__qualname__,
        "text": _text(value, has_parts=bool(parts)),
    }
    for part_name, part in parts:
        yield from _walk(part_name, part, depth + 1)


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield field.name, getattr(value, field.name, None)
    elif isinstance(value, Mapping):
        yield from ((str(key), value[key]) for key in list(value)[: MAX_ROWS + 1])
    elif isinstance(value, list | tuple) and not all(
        isinstance(item, str | int | float | bool | None) for item in value
    ):
        names = getattr(value, "_fields", None) or [f"[{at}]" for at in range(len(value))]
        yield from list(zip(map(str, names), value, strict=False))[:_ITEMS_SHOWN]


def _text(value: object, *, has_parts: bool) -> str:
    try:
        if isinstance(value, np.ndarray):
            text = _array_text(value)
        elif isinstance(value, enum.Enum):
            text = f"{value.name} = {value.value!r}"
        elif has_parts:
            text = _size_text(len(value)) if isinstance(value, list | tuple | Mapping) else ""
        else:
            text = repr(value)
    except Exception as error:
        # What a foreign class does when it is printed is not for us to know.
        text = f"(not printable: {type(error).__name__})"
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _size_text(size: int) -> str:
    return "1 item" if size == 1 else f"{size} items"


def _array_text(array: np.ndarray[Any, Any]) -> str:
    shape = " x ".join(map(str, array.shape)) or "scalar"
    words = f"{shape} {array.dtype}"
    if array.size and array.dtype.kind in "iufb":
        words += f", {array.min():.6g} … {array.max():.6g}, mean {array.mean(dtype=float):.6g}"
    if 0 < array.size <= _ITEMS_SHOWN:
        words += f": {array.tolist()!r}"
    return words
