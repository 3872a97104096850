"""Values as owners report them, made plain.

ezmsg 3.9 takes a member of an enum that is also a number or text, and ``numpy.float64``, for plain
values. They come as objects of their own classes, or as stand-ins for these: equal ones of two
reports would be of different types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from kernel_runtime.settings.witness import enum_name, enum_value

_SCALAR_DTYPE: Final = re.compile(r"[fiub]\d{1,2}|U\d{1,5}")


def plain_report(value: Any) -> Any:
    """A structured value with the plain values of such members and numbers in it."""
    if isinstance(value, Mapping):
        return {key: plain_report(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain_report, value))
    if enum_name(value) is not None:
        return enum_value(value)
    return plain_scalar(value)


def plain_scalar(value: object) -> object:
    """The number or text that a scalar of numpy is, or that its stand-in keeps; else `value`."""
    if isinstance(value, np.generic):
        plain: object = value.item()
        return plain
    args = getattr(value, "args", None)
    if getattr(value, "qualname", None) != "scalar" or not isinstance(args, tuple):
        return value
    dtype_args = getattr(args[0], "args", None) if len(args) == 2 else None
    name = dtype_args[0] if isinstance(dtype_args, tuple) and dtype_args else None
    if not isinstance(name, str) or not _SCALAR_DTYPE.fullmatch(name):
        return value
    # In the memory of the machine that it comes from, which has our byte order but for antiques.
    try:
        found: object = np.frombuffer(args[1], dtype=name)[0].item()
    except (TypeError, ValueError, IndexError):
        return value
    return found
