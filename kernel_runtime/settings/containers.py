"""What containers of a field are built from, and with."""

from __future__ import annotations

import importlib
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


def standard_class(name: str) -> Callable[[object], object]:
    """A container of the standard library, which every process has."""
    module, _, short = name.rpartition(".")
    found: Callable[[object], object] = getattr(importlib.import_module(module), short)
    return found


def key_as_it_was(wanted: FieldType, key: object) -> object:
    """A number that was the key of a dict: ezmsg reports all keys as text."""
    if wanted.kind not in ("int", "float") or not isinstance(key, str):
        return key
    try:
        return int(key) if wanted.kind == "int" else float(key)
    except ValueError:
        return key


def sequence_of(wanted: FieldType, value: object) -> list[object]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, np.ndarray):
        made = value.tolist()
        if isinstance(made, list):
            return made
    raise Refusal(takes(wanted, value))
