"""Values that were sent, as the owner will report them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from kernel_runtime.settings.fitting import Fitted
from kernel_runtime.settings.reported import plain_scalar
from kernel_runtime.settings.witness import enum_value


def plain_value(value: object) -> object:
    """A coerced value in the structured form that ezmsg reports.

    Tuples and sets become lists, members of enums their values, objects the dict of their
    fields; what has no plain form becomes its ``repr``, as in ezmsg's own reports.
    """
    value = enum_value(value)
    if isinstance(value, Fitted):
        return plain_value(value.plain)
    if value is None or isinstance(value, (bool, int, float, str)):
        return plain_scalar(value)
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(enum_value(key)): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain_value(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return repr(value)
