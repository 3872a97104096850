"""Arrays in settings: what the ``repr`` of one tells, and new ones from typed numbers."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

import numpy as np

SMALL_ARRAY: Final = 64
"""Arrays of up to this many numbers can be edited as text."""


@dataclass(frozen=True, slots=True)
class ArrayText:
    """An array as a report shows it.

    ``values`` is the nested list of its numbers, None where the report leaves some out.
    """

    shape: tuple[int, ...] | None
    dtype: str
    values: object = None

    @property
    def size(self) -> int | None:
        return None if self.shape is None else int(np.prod(self.shape, dtype=np.int64))

    def __str__(self) -> str:
        shape = "unknown" if self.shape is None else " x ".join(map(str, self.shape)) or "scalar"
        return f"array of {self.dtype}, shape {shape}"


def read_array(value: object) -> ArrayText | None:
    """What an array, or the ``repr`` of one, is; None for anything else.

    Parameters
    ----------
    value
        A numpy array, or text such as ``"array([1., 0.])"``. The text is never evaluated.
    """
    if isinstance(value, np.ndarray):
        small = value.size <= SMALL_ARRAY and value.dtype.kind in "biuf"
        return ArrayText(value.shape, str(value.dtype), value.tolist() if small else None)
    if not isinstance(value, str) or not value.startswith("array("):
        return None
    try:
        call = ast.parse(value.replace("...,", ""), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ArrayText(None, "unknown type")
    if not isinstance(call, ast.Call) or not call.args:
        return ArrayText(None, "unknown type")
    named = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    values = _numbers(call.args[0])
    dtype = named.get("dtype", "").strip("'\"").rpartition(".")[2]
    shape = _shape(values)
    if "..." in value:
        stated = named.get("shape")
        return ArrayText(_stated_shape(stated), dtype or _natural_dtype(values))
    known = values if _all_known(values) else None
    return ArrayText(shape, dtype or _natural_dtype(values), known)


_NUMPY_SCALAR: Final = re.compile(r"np\.(?P<kind>\w+?_?)\((?P<inside>.*)\)")


def numpy_number(text: str) -> bool | int | float | complex | None:
    """The number in the ``repr`` of a numpy scalar (``"np.float32(1.5)"``), None in other text."""
    if text in ("np.True_", "np.False_"):
        return text == "np.True_"
    found = _NUMPY_SCALAR.fullmatch(text)
    if found is None:
        return None
    try:
        value = ast.literal_eval(found["inside"])
    except (ValueError, SyntaxError):
        return float(found["inside"]) if found["inside"] in ("nan", "inf", "-inf") else None
    return value if isinstance(value, (bool, int, float, complex)) else None


def _numbers(node: ast.expr) -> object:
    if isinstance(node, ast.List):
        return [_numbers(item) for item in node.elts]
    if isinstance(node, ast.Name) and node.id in ("nan", "inf"):
        return float(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _numbers(node.operand)
        return -inner if isinstance(inner, (int, float)) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return node.value
    return None


def _all_known(values: object) -> bool:
    if isinstance(values, list):
        return all(map(_all_known, values))
    return values is not None


def _shape(values: object) -> tuple[int, ...] | None:
    shape: list[int] = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0] if values else None
    return tuple(shape)


def _stated_shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        shape = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return shape if isinstance(shape, tuple) else None


def _natural_dtype(values: object) -> str:
    while isinstance(values, list):
        values = values[0] if values else 0.0
    if isinstance(values, bool):
        return "bool"
    return "int64" if isinstance(values, int) else "float64"


def array_of(numbers: object, current: object) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """A new array of typed numbers, with the element type that the field holds now.

    Parameters
    ----------
    numbers
        A number, or numbers in nested lists of equal lengths.
    current
        The field's current value or its report.

    Raises
    ------
    ValueError
        The lists are ragged, or hold something else than numbers.
    """
    known = read_array(current)
    made = np.asarray(numbers)
    if made.dtype.kind not in "biuf":
        raise ValueError("it holds something else than numbers")
    if known is None or made.dtype.kind == "b":
        return made if made.dtype.kind != "i" else made.astype(np.float64)
    try:
        wanted = np.dtype(known.dtype)
    except TypeError:
        return made
    if made.dtype.kind == "f" and wanted.kind in "iu" and not np.array_equal(made, np.rint(made)):
        return made
    return made.astype(wanted)
