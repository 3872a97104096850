"""Values of the standard library's small classes: times, exact numbers, ids, addresses.

They have a text form that a person can read and type. ezmsg reports them as their ``repr``, or,
where pydantic describes the settings, in a JSON form.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import fractions
import ipaddress
import re
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from kernel_runtime.settings.type_text import clean_type_text


@dataclass(frozen=True, slots=True)
class StandardType:
    """One class: how its values are read from text, and written as text.

    Attributes
    ----------
    name
        Dotted name of the class.
    type
        The class.
    words
        What it takes, for messages, with an example.
    read
        Text, or a number, -> value. Raises ``ValueError`` or ``TypeError``, or arithmetic's own.
    write
        Value -> text.
    """

    name: str
    type: type
    words: str
    read: Callable[[object], object]
    write: Callable[[object], str] = str


_CLOCK: Final = re.compile(
    r"(?:(?P<days>[+-]?\d+)\s*d(?:ays?)?,?\s*)?(?P<h>\d+):(?P<m>\d{1,2})(?::(?P<s>\d+(?:\.\d*)?))?"
)
_ISO_SPAN: Final = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<h>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<s>[\d.]+)S)?)?"
)


def _span(given: object) -> datetime.timedelta:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return datetime.timedelta(seconds=given)
    text = str(given).strip()
    found = _CLOCK.fullmatch(text) or _ISO_SPAN.fullmatch(text)
    if found is None or text.endswith("P"):
        return datetime.timedelta(seconds=float(text))
    parts = {
        name: float(part) for name, part in found.groupdict().items() if part and name in "dayshms"
    }
    made = datetime.timedelta(
        parts.get("days", 0.0),
        hours=parts.get("h", 0.0),
        minutes=parts.get("m", 0.0),
        seconds=parts.get("s", 0.0),
    )
    return -made if found.groupdict().get("sign") == "-" else made


def _range(given: object) -> range:
    parts = ast.literal_eval(str(given).strip().removeprefix("range"))
    numbers = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    return range(*numbers)


def _slice(given: object) -> slice:
    parts = ast.literal_eval(str(given).strip().removeprefix("slice"))
    numbers = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    if not all(part is None or isinstance(part, int) for part in numbers):
        raise ValueError("a slice takes whole numbers")
    return slice(*numbers)


def _dtype(given: object) -> np.dtype[np.generic]:
    # `np.float32` without quotes is a class, and stands for its dtype.
    return np.dtype(clean_type_text(str(given)).rpartition(".")[2])


def _of(kind: Callable[[str], object]) -> Callable[[object], object]:
    return lambda given: kind(str(given).strip())


def _isoformat(value: object) -> str:
    assert isinstance(value, (datetime.date, datetime.time))
    return value.isoformat()


def _decimal(given: object) -> decimal.Decimal:
    try:
        return decimal.Decimal(str(given).strip())
    except decimal.InvalidOperation:
        raise ValueError("not a decimal number") from None


def _pattern(given: object) -> re.Pattern[str]:
    try:
        return re.compile(str(given))
    except re.error as error:
        raise ValueError(str(error)) from None


def _pattern_text(value: object) -> str:
    assert isinstance(value, re.Pattern)
    return str(value.pattern)


_ALL: Final = (
    StandardType(
        "datetime.datetime",
        datetime.datetime,
        "a date and time, such as 2026-01-31 13:45:00",
        _of(datetime.datetime.fromisoformat),
        _isoformat,
    ),
    StandardType(
        "datetime.date",
        datetime.date,
        "a date, such as 2026-01-31",
        _of(datetime.date.fromisoformat),
        _isoformat,
    ),
    StandardType(
        "datetime.time",
        datetime.time,
        "a time of day, such as 13:45:00",
        _of(datetime.time.fromisoformat),
        _isoformat,
    ),
    StandardType(
        "datetime.timedelta",
        datetime.timedelta,
        "a span of time, in seconds or such as 1:30:00",
        _span,
    ),
    StandardType("decimal.Decimal", decimal.Decimal, "a decimal number, such as 1.10", _decimal),
    StandardType(
        "fractions.Fraction", fractions.Fraction, "a fraction, such as 1/3", _of(fractions.Fraction)
    ),
    StandardType("uuid.UUID", uuid.UUID, "a UUID", _of(uuid.UUID)),
    *(
        StandardType(f"ipaddress.{kind.__name__}", kind, words, _of(kind))
        for kind, words in (
            (ipaddress.IPv4Address, "an address, such as 10.0.0.1"),
            (ipaddress.IPv6Address, "an IPv6 address, such as ::1"),
            (ipaddress.IPv4Network, "a network, such as 10.0.0.0/8"),
            (ipaddress.IPv6Network, "an IPv6 network, such as fe80::/10"),
        )
    ),
    StandardType("re.Pattern", re.Pattern, "a regular expression", _pattern, _pattern_text),
    StandardType(
        "zoneinfo.ZoneInfo",
        zoneinfo.ZoneInfo,
        "a time zone, such as Europe/Berlin",
        _of(zoneinfo.ZoneInfo),
    ),
    StandardType("numpy.dtype", np.dtype, "the name of a dtype, such as float32", _dtype),
    StandardType("builtins.range", range, "start, stop, step of a range", _range, repr),
    StandardType("builtins.slice", slice, "start, stop, step of a slice", _slice, repr),
)
_BY_NAME: Final = {one.name: one for one in _ALL}
_ALIASES: Final = {
    **{f"{alias}.{one.type.__name__}": one.name for one in _ALL[:4] for alias in ("dt", "_dt")},
    **{
        one.type.__name__: one.name
        for one in _ALL
        # Others are common words that somebody's own class may have for a name.
        if one.type.__name__ not in ("time", "Pattern", "dtype")
    },
    "typing.Pattern": "re.Pattern",
    "np.dtype": "numpy.dtype",
    **dict.fromkeys(
        ("DTypeLike", "npt.DTypeLike", "np.typing.DTypeLike", "numpy.typing.DTypeLike"),
        "numpy.dtype",
    ),
}
_BY_CALL: Final = {
    **{one.type.__name__: one for one in _ALL},
    "compile": _BY_NAME["re.Pattern"],
}
_CALL: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\((?P<inside>.*)\)", re.DOTALL)


def standard_type(name: str | None) -> StandardType | None:
    """The standard class that a dotted name in a type means, or None."""
    return _BY_NAME.get(_ALIASES.get(name or "", name or ""))


def standard_type_of_report(value: object) -> StandardType | None:
    """The standard class of which a text is the ``repr``, or None."""
    if not isinstance(value, str):
        return None
    call = _CALL.fullmatch(value)
    if call is None:
        return None
    name = call["name"].rpartition(".")[2]
    found = _BY_CALL.get(name)
    return found if found is not None and read_report(found, value) is not None else None


def read_report(wanted: StandardType, value: object) -> object | None:
    """The value that a report shows, as ``repr`` or in pydantic's JSON form; None if unreadable."""
    if isinstance(value, wanted.type):
        return value
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    call = _CALL.fullmatch(value) if isinstance(value, str) else None
    try:
        if call is not None:
            return _called(wanted, ast.parse(clean_type_text(str(value)), mode="eval").body)
        return wanted.read(value)
    except (ValueError, TypeError, SyntaxError, ArithmeticError, OverflowError, KeyError):
        return None


def _called(wanted: StandardType, node: ast.expr) -> object | None:
    if not isinstance(node, ast.Call):
        return None
    args = [_literal(arg) for arg in node.args]
    named = {word.arg: _literal(word.value) for word in node.keywords if word.arg is not None}
    if wanted.type is re.Pattern:
        return re.compile(str(args[0])) if len(args) == 1 else None
    made: object = wanted.type(*args, **named)
    return made


def _literal(node: ast.expr) -> object:
    if ast.unparse(node) == "datetime.timezone.utc":
        return datetime.UTC
    return ast.literal_eval(node)


def standard_text(name: str | None, value: object) -> str | None:
    """A reported value as a person reads and types it; None where it can't be read."""
    wanted = standard_type(name)
    found = None if wanted is None else read_report(wanted, value)
    return None if wanted is None or found is None else wanted.write(found)
