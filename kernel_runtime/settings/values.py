"""Values on their way to a unit: coerced to the field's type and checked.

Owners on ezmsg 3.9, and on 3.10 without pydantic, write what comes and answer "ok". So what is
wrong is refused here, with the reason, before anything is sent.
"""

from __future__ import annotations

import collections
import enum
import pathlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kernel_runtime.errors import SettingsRejectedError
from kernel_runtime.settings.arrays import array_of, numpy_number, read_array
from kernel_runtime.settings.containers import (
    BUILDERS,
    DEQUE,
    MADE_WHEN_MISSING,
    key_as_it_was,
    longest,
    sequence_of,
    standard_class,
)
from kernel_runtime.settings.fitting import Fitted, can_be_looked_up, is_open, leaves_open
from kernel_runtime.settings.kinds import FieldType
from kernel_runtime.settings.members import check_member
from kernel_runtime.settings.scalars import (
    Refusal,
    bytes_of,
    complex_of,
    float_of,
    int_of,
    limited,
    literal_of,
    numpy_of,
    path_of,
    sized,
    standard_of,
)
from kernel_runtime.settings.schema import FieldSpec
from kernel_runtime.settings.type_names import ARRAY_PROTOCOLS
from kernel_runtime.settings.witness import enum_value, is_repr
from kernel_runtime.settings.wording import exact_kinds, takes


def coerce(
    spec: FieldSpec, value: object, *, unit: str | None = None, current: object = None
) -> object:
    """The value to send for a field.

    Parameters
    ----------
    spec
        The field.
    value
        What a person or program gives: plain data, an enum member or its name or value.
    unit
        Address of the unit, for the error.
    current
        The structured value that the field holds now (for the element type of an array).

    Returns
    -------
    object
        A value of the field's own type, or a `Fitted` that becomes one where it is unpickled:
        where no more is known here of the type than a name, or than what the field holds.

    Raises
    ------
    SettingsRejectedError
        The value doesn't fit the field, with the reason.
    """
    try:
        if spec.spoiled is not None and value is not None:
            raise Refusal(f"can't be set: {spec.spoiled}")
        if isinstance(value, Fitted):
            return value
        made = _Coercer(spec, current).coerce(spec.type, value, outermost=True)
        named = spec.settings_class
        if made is None and spec.type.nullable:
            return None
        if named is None or not can_be_looked_up(named) or not leaves_open(spec.type):
            return made
        return Fitted(named, spec.path, made)
    except Refusal as refusal:
        place = f"{unit}: {spec.path}" if unit else spec.path
        raise SettingsRejectedError(f"{place} {refusal}.", unit=unit, field=spec.path) from None
    except RecursionError:
        raise SettingsRejectedError(
            f"{spec.path} is nested too deeply to be sent.", unit=unit, field=spec.path
        ) from None


class _Coercer:
    def __init__(self, spec: FieldSpec, current: object) -> None:
        self.spec = spec
        self.current = current
        self.fits = can_be_looked_up(spec.settings_class)

    def coerce(self, wanted: FieldType, value: object, *, outermost: bool = False) -> object:
        if isinstance(value, str) and wanted.kind in ("bool", "int", "float", "complex"):
            # A scalar of numpy is reported as its repr.
            number = numpy_number(value)
            value = value if number is None else number
        if is_open(wanted):
            return self._open(wanted, value)
        match wanted.kind:
            case "union":
                return self._union(wanted, value, outermost)
            case "none":
                if value is None:
                    return None
            case "bool":
                if isinstance(value, (bool, np.bool_)):
                    return numpy_of(self.spec, bool(value), outermost)
            case "int":
                return numpy_of(self.spec, limited(wanted, int_of(wanted, value)), outermost)
            case "float":
                return numpy_of(self.spec, limited(wanted, float_of(wanted, value)), outermost)
            case "complex":
                return numpy_of(self.spec, complex_of(wanted, value), outermost)
            case "str":
                if isinstance(value, str):
                    return sized(wanted, str(enum_value(value)))
            case "bytes":
                raw = sized(wanted, bytes_of(wanted, value))
                return bytearray(raw) if self.spec.type_text.endswith("bytearray") else raw
            case "standard":
                return standard_of(wanted, value)
            case "path":
                return path_of(wanted, value)
            case "literal":
                return literal_of(wanted, value)
            case "enum":
                check_member(wanted, value)
                return self._open(wanted, value)
            case "list" | "vtuple" | "set" | "frozenset":
                return self._items(wanted, value)
            case "tuple":
                return self._fixed(wanted, value)
            case "dict":
                return self._dict(wanted, value)
            case "dataclass":
                return self._object(wanted, value)
            case "array":
                return self._array(wanted, value)
            case "ellipsis":
                if value is ... or value in ("...", "Ellipsis"):
                    return ...
            case "callable":
                if callable(value):
                    return value
            case "opaque":
                if not isinstance(value, (bool, int, float, str, bytes, list, tuple, dict)):
                    return value
            case "unknown":
                raise Refusal(f"can't be set: what it takes isn't known (it is {wanted.text})")
        raise Refusal(takes(wanted, value))

    def _open(self, wanted: FieldType, value: object) -> object:
        """A value of which only its unit's process can say what it has to be."""
        if wanted.kind in ("named", "choice") and isinstance(value, str) and is_repr(value):
            raise Refusal(takes(wanted, value))
        if self.fits or _tells_itself(wanted, value):
            return value
        if wanted.kind == "int" and isinstance(value, float):
            raise Refusal(
                f"{takes(wanted, value)} (it holds a whole number, and its type isn't known here)"
            )
        name = f" ({wanted.name})" if wanted.name else ""
        raise Refusal(
            f"can't be set to this: what it takes isn't known here{name}, and its settings class "
            f"can't be named elsewhere"
        )

    def _union(self, wanted: FieldType, value: object, outermost: bool) -> object:
        if isinstance(value, str) and outermost and self.spec.numbers_only:
            rest = tuple(arg for arg in wanted.args if arg.kind not in ("str", "bytes", "complex"))
            wanted = replace(wanted, args=rest)
        exact = exact_kinds(value)
        others = [arg for arg in wanted.args if arg.kind not in exact]
        fitting = [arg for kind in exact for arg in wanted.args if arg.kind == kind]
        if self.fits and any(map(is_open, wanted.args)):
            # Which of them a value is meant for is seen where all of them are known.
            return self._read(fitting, value)
        reasons: list[str] = []
        for alternative in (*fitting, *others):
            try:
                return self.coerce(alternative, value, outermost=outermost)
            except Refusal as refusal:
                reasons.append(str(refusal))
        real = [arg for arg in wanted.args if arg.kind != "none"]
        if len(real) == 1 and value is not None:
            place = (*fitting, *others).index(real[0])
            raise Refusal(reasons[place])
        if len(fitting) == 1:
            raise Refusal(reasons[0])
        raise Refusal(takes(wanted, value))

    def _read(self, fitting: list[FieldType], value: object) -> object:
        """What stands for an object of the standard library, or for an array, as that."""
        for alternative in fitting:
            if alternative.kind in ("standard", "array"):
                try:
                    return self.coerce(alternative, value)
                except Refusal:
                    continue
        return value

    def _items(self, wanted: FieldType, value: object) -> object:
        items = [
            self._at(f"item {index}", wanted.args[0], item)
            for index, item in enumerate(sequence_of(wanted, value), 1)
        ]
        sized(wanted, items)
        if wanted.name == DEQUE:
            # As long as it may be now; its unit's process knows how long its default may be.
            known = longest(self.current)
            return items if known is None and self.fits else collections.deque(items, known)
        if wanted.name is not None:
            return standard_class(wanted.name)(items)
        if leaves_open(wanted.args[0]):
            # What can't be in a set may be made something that can.
            return items
        try:
            return BUILDERS[wanted.kind](items)
        except TypeError:
            raise Refusal("can't hold lists or dicts in a set") from None

    def _fixed(self, wanted: FieldType, value: object) -> object:
        items = sequence_of(wanted, value)
        if len(items) != len(wanted.args):
            raise Refusal(f"takes exactly {len(wanted.args)} items, not {len(items)}")
        return tuple(
            self._at(f"item {index}", arg, item)
            for index, (arg, item) in enumerate(zip(wanted.args, items, strict=True), 1)
        )

    def _at(self, place: str, wanted: FieldType, value: object) -> object:
        try:
            return self.coerce(wanted, value)
        except Refusal as refusal:
            raise Refusal(f"({place}) {refusal}") from None

    def _dict(self, wanted: FieldType, value: object) -> object:
        if not isinstance(value, Mapping):
            raise Refusal(takes(wanted, value))
        key_type, value_type = wanted.args
        made: dict[object, object] = {}
        for key, item in value.items():
            made_key = self._at(f"key {key!r}", key_type, key_as_it_was(key_type, key))
            made[made_key] = self._at(f"entry {key!r}", value_type, item)
        sized(wanted, made)
        if wanted.name == "collections.defaultdict":
            # As the type says what is missing: defaultdict[str, int] makes zeros.
            return collections.defaultdict(MADE_WHEN_MISSING.get(value_type.kind), made)
        return made if wanted.name is None else standard_class(wanted.name)(made)

    def _object(self, wanted: FieldType, value: object) -> object:
        if not isinstance(value, Mapping):
            if _is_instance_named(value, wanted.name):
                return value
            raise Refusal(takes(wanted, value))
        if not self.fits:
            raise Refusal("can't be set as a whole: its class isn't known here. Set its fields")
        members = {member.name: member for member in wanted.members}
        given: dict[str, object] = {}
        for key, item in value.items():
            member = members.get(str(key))
            if member is None:
                raise Refusal(f"has no field {key!r}. It has {', '.join(members)}")
            given[str(key)] = self._at(f"field {key}", member.type, item)
        lacking = [name for name, item in members.items() if item.required and name not in given]
        if lacking:
            raise Refusal(f"needs a value for {', '.join(lacking)}")
        return given

    def _array(self, wanted: FieldType, value: object) -> object:
        if isinstance(value, np.ndarray):
            return value
        reported = read_array(value)
        if reported is not None and reported.values is not None:
            value = reported.values
        if isinstance(value, (bool, str, bytes, Mapping)) or value is None:
            raise Refusal(takes(wanted, value))
        try:
            made = array_of(value, self.current)
        except ValueError:
            raise Refusal("takes numbers in lists of equal length") from None
        # ArrayLike takes lists as they are; a field of ndarray needs the array itself.
        return value if wanted.name in ARRAY_PROTOCOLS else made


def _tells_itself(wanted: FieldType, value: object) -> bool:
    """Whether a value is what it has to be, as far as reports go."""
    if value is None or isinstance(value, (enum.Enum, pathlib.PurePath, tuple, set, frozenset)):
        return True
    if not isinstance(value, (bool, int, float, str, list, dict)):
        return True
    if wanted.kind == "any":
        return not isinstance(value, (list, dict))
    return wanted.kind == {bool: "bool", int: "int", float: "float", str: "str"}.get(type(value))


def _is_instance_named(value: object, name: str | None) -> bool:
    found = type(value)
    return found.__module__ != "builtins" and found.__qualname__ == (name or "").rpartition(".")[2]
