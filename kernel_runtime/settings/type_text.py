"""From the text of a type to text that is a Python expression.

`repr` of a class or enum in a type's text (``<class 'float'>``, ``<enum 'Mode'>``) isn't an
expression. Outside quotes such a piece is replaced by the name that it holds.
"""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = re.compile(r"""(?:class|enum|flag|aenum|data\w*|type)\s+(['"])(?P<name>.+)\1""")
_MEMBER: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s*:.*", re.DOTALL)
_UNNAMEABLE: Final = "_no_name_"


def clean_type_text(text: str) -> str:
    """The text with each ``<...>`` outside quotes replaced by a name.

    A piece without a name that can be written down (``<locals>``, ``<object at 0x1>``) becomes
    a name that stands for nothing.
    """
    pieces: list[str] = []
    index = 0
    while index < len(text):
        character = text[index]
        if character in "'\"":
            end = _end_of_quotes(text, index)
            pieces.append(text[index:end])
            index = end
        elif character == "<":
            closed = _end_of_angle(text, index)
            if closed is None:
                pieces.append(text[index:])
                break
            pieces.append(_name_in(text[index + 1 : closed - 1]))
            index = closed
        else:
            pieces.append(character)
            index += 1
    return "".join(pieces).strip()


def _end_of_quotes(text: str, start: int) -> int:
    quote = text[start]
    index = start + 1
    while index < len(text) and text[index] != quote:
        index += 2 if text[index] == "\\" else 1
    return min(index + 1, len(text))


def _end_of_angle(text: str, start: int) -> int | None:
    depth = 0
    index = start
    while index < len(text):
        character = text[index]
        if character in "'\"":
            index = _end_of_quotes(text, index)
            continue
        if character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
            if depth == 0:
                return index + 1
        index += 1
    return None


def _name_in(inside: str) -> str:
    named = _NAMED.fullmatch(inside.strip())
    if named is not None:
        return clean_type_text(named["name"])
    member = _MEMBER.fullmatch(inside.strip())
    return member["name"] if member is not None else _UNNAMEABLE
