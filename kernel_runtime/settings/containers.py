"""What containers of a field are built from, and with."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from typing import Final

import numpy as np

from kernel_runtime.settings.kinds import FieldType
from kernel_runtime.settings.scalars import Refusal
from kernel_runtime.settings.wording import takes

BUILDERS: Final[dict[str, Callable[[list[object]], object]]] = {
    "list": list,
    "vtuple": tuple,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
MADE_WHEN_MISSING: Final[dict[str, Callable[[], object]]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list": list,
    "dict": dict,
    "set": set,
}


DEQUE: Final = "collections.deque"
_DEQUE: Final = re.compile(r"deque\((?P<items>\[.*\])(?:, maxlen=(?P<longest>\d+))?\)", re.DOTALL)


def deque_items(text: str) -> list[object] | None:
    """The items in the ``repr`` of a deque, None where they can't be read."""
    found = _DEQUE.fullmatch(text)
    try:
        items = None if found is None else ast.literal_eval(found["items"])
    except (ValueError, SyntaxError):
        return None
    return items if isinstance(items, list) else None


def longest(reported: object) -> int | None:
    """How many items a deque may have, by its ``repr``; None for any number of them."""
    found = _DEQUE.fullmatch(reported) if isinstance(reported, str) else None
    return None if found is None or found["longest"] is None else int(found["longest"])


def standard_class(name: str) -> Callable[[object], object]:
    """A container of the standard library, which every process has."""
    module, _, short = name.rpartition(".")
    found: Callable[[object], object] = getattr(importlib.import_module(module), short)
    return found


def key_as_it_was(wanted: FieldType, key: object) -> object:
    """A number or member that was the key of a dict: ezmsg reports all keys as text."""
    if wanted.kind in ("named", "enum", "choice") and isinstance(key, str):
        # A member that is text too comes as `Class.NAME` from ezmsg 3.9.
        member = key.removeprefix(f"{(wanted.name or '').rpartition('.')[2]}.")
        return int(key) if key.isdecimal() and not wanted.choices else member
    if wanted.kind not in ("int", "float") or not isinstance(key, str):
        return key
    try:
        return int(key) if wanted.kind == "int" else float(key)
    except ValueError:
        return key


def sequence_of(wanted: FieldType, value: object) -> list[object]:
    if isinstance(value, str) and wanted.name == DEQUE:
        items = deque_items(value)
        if items is not None:
            return items
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, np.ndarray):
        made = value.tolist()
        if isinstance(made, list):
            return made
    raise Refusal(takes(wanted, value))
