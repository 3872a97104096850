"""Why a field can't be edited."""

from __future__ import annotations

import re
from typing import Final

from kernel_runtime.settings.arrays import read_array
from kernel_runtime.settings.kinds import FieldType

_READ_ONLY_KINDS: Final = ("callable", "opaque", "unknown", "ellipsis")
_ITERABLE: Final = re.compile(
    r"(?:(?:typing\.)?Optional\[)?(?:(?:typing|collections\.abc)\.)?Iterable\b"
)


def read_only_reason(refined: FieldType, value: object, text: str | None) -> str | None:
    """Why a field that holds `value` can't be edited, None where it can.

    Parameters
    ----------
    refined
        Its type, as far as it is known.
    value
        The structured value that it holds.
    text
        The type as ezmsg spells it, for the message.
    """
    return _reason_of_kind(refined, text) or _reason_of_array(refined, value)


def reason_of_iterable(text: str | None) -> str | None:
    """Why an iterable can't be set where pydantic checks what comes, None for other types."""
    if text is None or not _ITERABLE.match(text):
        return None
    return (
        "pydantic, which checks settings in the unit's process, makes an iterator of it that can "
        "be gone through only once, and no longer be reported"
    )


def _reason_of_kind(refined: FieldType, text: str | None) -> str | None:
    shown = text or refined.text or refined.name or "not stated"
    kinds = {arg.kind for arg in refined.args} if refined.kind == "union" else {refined.kind}
    if not kinds <= {*_READ_ONLY_KINDS}:
        # None can be given also where nothing else can.
        return None
    if kinds == {"callable"}:
        return f"A function can't be typed in here (type: {shown})."
    if "opaque" in kinds:
        return f"Only the text of this object is known here, not the object (type: {shown})."
    return f"What this field takes is not known here (type: {shown})."


def _reason_of_array(refined: FieldType, value: object) -> str | None:
    """Why an array can't be edited: only small ones, whose numbers are all known, can."""
    if refined.without_none.kind != "array":
        return None
    array = read_array(value)
    if array is None or array.values is not None:
        return None
    return f"This {array} can't be edited as text: its numbers are not all known here."
