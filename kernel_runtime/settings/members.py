"""Members of enums, checked where they are known."""

from __future__ import annotations

import enum
import functools
import operator

from kernel_runtime.settings.kinds import Choice, FieldType
from kernel_runtime.settings.scalars import Refusal, find_choice
from kernel_runtime.settings.witness import enum_name, enum_value
from kernel_runtime.settings.wording import list_of_choices, shown, takes


def check_member(wanted: FieldType, value: object) -> None:
    """Refuse what can't be a member, nor its value or name, of an enum whose choices are known."""
    if isinstance(value, enum.Enum):
        ours = (wanted.name or "").rpartition(".")[2]
        theirs = (enum_name(value) or "").rpartition(".")[2]
        if ours not in ("", theirs):
            raise Refusal(takes(wanted, value))
        return
    plain = enum_value(value)
    named = isinstance(plain, str) and any(item.name == plain for item in wanted.choices)
    known = named or find_choice(wanted.choices, plain) is not None
    if not known and not _is_only_maybe_member(wanted.choices, plain) and wanted.choices:
        raise Refusal(f"takes one of {list_of_choices(wanted.choices)}, not {shown(value)}")


def _is_only_maybe_member(choices: tuple[Choice, ...], plain: object) -> bool:
    """Whether a value may be a name, or a combination of flags, where JSON Schema has neither."""
    if not choices or any(choice.name is not None for choice in choices):
        return False
    if isinstance(plain, str):
        return plain.isidentifier()
    flags = [choice.value for choice in choices]
    known = functools.reduce(operator.or_, (x for x in flags if type(x) is int), 0)
    return type(plain) is int and {*map(type, flags)} == {int} and plain | known == known
