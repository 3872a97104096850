"""Values on their way to a unit: coerced to the field's type and checked.

Owners on ezmsg 3.9, and on 3.10 without pydantic, write what comes and answer "ok". So what is
wrong is refused here, with the reason, before anything is sent.
"""

from __future__ import annotations

import collections
import enum
import pathlib
from collections.abc import Mapping
from typing import Final

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
from kernel_runtime.settings.declared import (
    AsDeclared,
    DequeLikeDefault,
    LikeDefault,
    MemberReference,
)
from kernel_runtime.settings.kinds import FieldType
from kernel_runtime.settings.members import (
    in_module_of,
    is_only_maybe_member,
    member_of,
    text_or_member,
)
from kernel_runtime.settings.named_values import NamedReference
from kernel_runtime.settings.references import CallReference, ItemsReference, can_be_looked_up
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

_REFERENCES: Final = (CallReference, LikeDefault, MemberReference, AsDeclared)


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
        A value of the field's own type. Where its class isn't importable here, a
        `CallReference` or `LikeDefault` that becomes one where it is unpickled.

    Raises
    ------
    SettingsRejectedError
        The value doesn't fit the field, with the reason.
    """
    try:
        if spec.spoiled is not None and value is not None:
            raise Refusal(f"can't be set: {spec.spoiled}")
        return _Coercer(spec, current).coerce(spec.type, value, outermost=True)
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

    def coerce(self, wanted: FieldType, value: object, *, outermost: bool = False) -> object:
        if isinstance(value, _REFERENCES):
            return value
        if outermost and _is_guessed(wanted) and isinstance(value, (list, tuple, Mapping)):
            return self._as_declared(wanted, value, outermost)
        if isinstance(value, str) and wanted.kind in ("bool", "int", "float", "complex"):
            # A scalar of numpy is reported as its repr.
            number = numpy_number(value)
            value = value if number is None else number
        match wanted.kind:
            case "union":
                return self._union(wanted, value, outermost)
            case "none":
                if value is None:
                    return None
            case "any":
                return self._as_declared(wanted, value, outermost)
            case "bool":
                if isinstance(value, (bool, np.bool_)):
                    return numpy_of(self.spec, bool(value), outermost)
            case "int":
                number = limited(wanted, int_of(wanted, value))
                exact = numpy_of(self.spec, number, outermost)
                return self._as_default(wanted, exact, outermost, enum.Enum)
            case "float":
                return numpy_of(self.spec, limited(wanted, float_of(wanted, value)), outermost)
            case "complex":
                return numpy_of(self.spec, complex_of(wanted, value), outermost)
            case "str":
                if isinstance(value, str):
                    text = sized(wanted, str(enum_value(value)))
                    return self._as_default(wanted, text, outermost, enum.Enum, pathlib.PurePath)
            case "bytes":
                raw = sized(wanted, bytes_of(wanted, value))
                return bytearray(raw) if self.spec.type_text.endswith("bytearray") else raw
            case "standard":
                return standard_of(wanted, value)
            case "path":
                return path_of(wanted, value)
            case "literal":
                return literal_of(wanted, value)
            case "enum" | "choice":
                return member_of(self.spec, wanted, value, outermost)
            case "list" | "vtuple" | "set" | "frozenset":
                return self._items(wanted, value, outermost)
            case "tuple":
                return self._fixed(wanted, value)
            case "dict":
                return self._dict(wanted, value)
            case "dataclass":
                return self._object(wanted, value)
            case "named":
                return self._named(wanted, value)
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

    def _union(self, wanted: FieldType, value: object, outermost: bool) -> object:
        exact = exact_kinds(value)
        others = [arg for arg in wanted.args if arg.kind not in exact]
        fitting = [arg for kind in exact for arg in wanted.args if arg.kind == kind]
        reasons: list[str] = []
        takes_text = isinstance(value, str) and any(arg.kind == "str" for arg in wanted.args)
        for alternative in (*fitting, *others):
            if takes_text and is_only_maybe_member(alternative.choices, value):
                continue
            try:
                made = self.coerce(alternative, value, outermost=outermost)
                if alternative.kind == "str" and type(made) is str and outermost:
                    return text_or_member(self.spec, wanted, made)
                return made
            except Refusal as refusal:
                reasons.append(str(refusal))
        real = [arg for arg in wanted.args if arg.kind != "none"]
        if len(real) == 1 and value is not None:
            place = (*fitting, *others).index(real[0])
            raise Refusal(reasons[place])
        if len(fitting) == 1:
            raise Refusal(reasons[0])
        raise Refusal(takes(wanted, value))

    def _items(self, wanted: FieldType, value: object, outermost: bool) -> object:
        items = [
            self._at(f"item {index}", wanted.args[0], item)
            for index, item in enumerate(sequence_of(wanted, value), 1)
        ]
        sized(wanted, items)
        try:
            built = BUILDERS[wanted.kind](items)
        except TypeError:
            raise Refusal("can't hold lists or dicts in a set") from None
        if wanted.name == DEQUE and outermost:
            return self._deque(items)
        if wanted.name is not None and not wanted.witnessed:
            return standard_class(wanted.name)(items)
        if wanted.name is not None and not outermost and self._can_make(wanted.name):
            return ItemsReference(in_module_of(self.spec, wanted.name), items)
        return self._as_default(wanted, built, outermost, list, tuple, set, frozenset)

    def _deque(self, items: list[object]) -> object:
        """As long as it may be now, or, where that isn't reported, as its default may be."""
        owner = self.spec.owner
        if not isinstance(self.current, list) or not can_be_looked_up(owner):
            return collections.deque(items, longest(self.current))
        assert owner is not None
        return DequeLikeDefault(owner, self.spec.name, items)

    def _as_default(
        self, wanted: FieldType, value: object, outermost: bool, *kinds: type
    ) -> object:
        """A value whose type is only guessed, of the kind that the field's default has."""
        owner = self.spec.owner
        if not (outermost and wanted.witnessed) or owner is None or not can_be_looked_up(owner):
            return value
        return LikeDefault(owner, self.spec.name, value, kinds=kinds)

    def _as_declared(self, wanted: FieldType, value: object, outermost: bool) -> object:
        """A value of a field that holds None, and of whose type nothing is known here."""
        owner = self.spec.owner
        plain = isinstance(value, (str, int, float, list, tuple, dict))
        if not (outermost and wanted.witnessed and plain) or not can_be_looked_up(owner):
            return value
        assert owner is not None
        return AsDeclared(owner, self.spec.name, value)

    def _can_make(self, name: str) -> bool:
        return can_be_looked_up(in_module_of(self.spec, name))

    def _fixed(self, wanted: FieldType, value: object) -> object:
        items = sequence_of(wanted, value)
        if len(items) != len(wanted.args):
            raise Refusal(f"takes exactly {len(wanted.args)} items, not {len(items)}")
        made = tuple(
            self._at(f"item {index}", arg, item)
            for index, (arg, item) in enumerate(zip(wanted.args, items, strict=True), 1)
        )
        if wanted.name is not None and self._can_make(wanted.name):
            return ItemsReference(in_module_of(self.spec, wanted.name), list(made))
        return made

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
        if wanted.name is None or not can_be_looked_up(in_module_of(self.spec, wanted.name)):
            raise Refusal("can't be set as a whole: its class isn't known here. Set its fields")
        members = {member.name: member for member in wanted.members}
        given: dict[str, object] = {}
        for key, item in value.items():
            if key not in members and not wanted.witnessed:
                known = ", ".join(members)
                raise Refusal(f"has no field {key!r}. It has {known}")
            member = members.get(str(key))
            if member is not None:
                item = self._at(f"field {key}", member.type, item)
            guessed = member is None or member.type.witnessed
            name = in_module_of(self.spec, wanted.name)
            given[str(key)] = (
                AsDeclared(name, str(key), item) if guessed and _is_plain(item) else item
            )
        lacking = [name for name, item in members.items() if item.required and name not in given]
        if lacking:
            raise Refusal(f"needs a value for {', '.join(lacking)}")
        return CallReference(in_module_of(self.spec, wanted.name), **given)

    def _named(self, wanted: FieldType, value: object) -> object:
        name = in_module_of(self.spec, wanted.name or "")
        if _is_instance_named(value, wanted.name):
            return value
        if not can_be_looked_up(name):
            raise Refusal(f"can't be set from here: its class ({name}) can't be named elsewhere")
        if isinstance(value, Mapping):
            parts = {str(key): item for key, item in value.items()}
            return CallReference(
                name,
                **{
                    key: AsDeclared(name, key, item) if _is_plain(item) else item
                    for key, item in parts.items()
                },
            )
        if isinstance(value, (list, tuple)):
            return NamedReference(name, list(value))
        if isinstance(value, (bool, int, float, str)) and not is_repr(value):
            return NamedReference(name, value)
        raise Refusal(takes(wanted, value))

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


def _is_guessed(wanted: FieldType) -> bool:
    """Whether a value shows a settings class, or a list of whatever, and nothing names it."""
    inner = wanted.args[0] if wanted.kind in ("list", "vtuple") else wanted
    if not (wanted.witnessed and wanted.name is None):
        return False
    return inner.kind == "any" or (inner.kind == "dataclass" and inner.name is None)


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float, list, tuple, dict))


def _is_instance_named(value: object, name: str | None) -> bool:
    found = type(value)
    return found.__module__ != "builtins" and found.__qualname__ == (name or "").rpartition(".")[2]
