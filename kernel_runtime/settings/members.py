"""Members of enums for a field, from their value, name, or text that may be either."""

from __future__ import annotations

import enum
import functools
import operator

from kernel_runtime.settings.declared import MemberReference, module_of
from kernel_runtime.settings.kinds import Choice, FieldType
from kernel_runtime.settings.named_values import NamedReference
from kernel_runtime.settings.references import CallReference, can_be_looked_up
from kernel_runtime.settings.scalars import Refusal, find_choice
from kernel_runtime.settings.schema import FieldSpec
from kernel_runtime.settings.witness import enum_name, enum_value
from kernel_runtime.settings.wording import list_of_choices, shown, takes


def member_of(spec: FieldSpec, wanted: FieldType, value: object, outermost: bool) -> object:
    """The member that a value means, as its owner shall have it."""
    if isinstance(value, enum.Enum):
        ours = (wanted.name or "").rpartition(".")[2]
        theirs = (enum_name(value) or "").rpartition(".")[2]
        if ours in ("", theirs):
            return value
        raise Refusal(takes(wanted, value))
    plain = enum_value(value)
    found = find_choice(wanted.choices, plain)
    if found is None and isinstance(plain, str):
        found = next((item for item in wanted.choices if item.name == plain), None)
    if found is not None:
        plain = found.value
    elif is_only_maybe_member(wanted.choices, plain):
        return _of_guessed_class(spec, wanted.name, plain, outermost)
    elif not wanted.witnessed and wanted.choices:
        raise Refusal(f"takes one of {list_of_choices(wanted.choices)}, not {shown(value)}")
    else:
        alike = {type(item.value) for item in wanted.choices} or {str}
        if alike == {float} and type(plain) is int:
            plain = float(plain)
        if alike == {int} and type(plain) is float and "." not in (wanted.name or "."):
            # A bare name may be an alias, of `int | float` for one.
            return _of_guessed_class(spec, wanted.name, plain, outermost)
        # Text may be a member's name; the class itself refuses what it doesn't have.
        if type(plain) not in alike and not isinstance(plain, str):
            raise Refusal(takes(wanted, value))
        return _of_guessed_class(spec, wanted.name, plain, outermost)
    return _of_class(spec, wanted.name, plain, outermost)


def is_only_maybe_member(choices: tuple[Choice, ...], plain: object) -> bool:
    """Whether a value may be a name, or a combination of flags, where JSON Schema has neither."""
    if not choices or any(choice.name is not None for choice in choices):
        return False
    if find_choice(choices, plain) is not None:
        return False
    if isinstance(plain, str):
        return plain.isidentifier()
    flags = [choice.value for choice in choices]
    known = functools.reduce(operator.or_, (x for x in flags if type(x) is int), 0)
    return type(plain) is int and {*map(type, flags)} == {int} and plain | known == known


def _of_guessed_class(spec: FieldSpec, name: str | None, plain: object, outermost: bool) -> object:
    """A value or name of a member of an enum, of which no more than the name is known."""
    owner = spec.owner
    nameable = name is None or "." not in name or can_be_looked_up(name)
    if owner is None or not can_be_looked_up(owner) or not nameable:
        return _of_class(spec, name, plain, outermost)
    if not outermost and name is None:
        return plain
    return MemberReference(owner, spec.name, plain, name=name)


def _of_class(spec: FieldSpec, name: str | None, plain: object, outermost: bool) -> object:
    """A plain value as an instance of a class that is known by name, if at all."""
    if name is not None and can_be_looked_up(name):
        # A list is how a tuple is reported; lists are hardly ever the values of members.
        return CallReference(name, tuple(plain) if isinstance(plain, list) else plain)
    if name is not None and "." in name:
        raise Refusal(f"can't be set from here: its class ({name}) can't be named elsewhere")
    owner = spec.owner
    if owner is not None and can_be_looked_up(owner):
        if outermost:
            return MemberReference(owner, spec.name, plain, name=name)
        if name is not None:
            return NamedReference(in_module_of(spec, name), plain)
    return plain


def text_or_member(spec: FieldSpec, wanted: FieldType, text: str) -> object:
    """Text in a field that also takes members of an enum whose values aren't known here."""
    owner = spec.owner
    named = any(arg.kind in ("named", "choice", "enum") for arg in wanted.args)
    if not named or owner is None or not can_be_looked_up(owner):
        return text
    return MemberReference(owner, spec.name, text, or_text=True)


def in_module_of(spec: FieldSpec, name: str) -> str:
    """A bare class name, as seen from the module of the class that uses it."""
    module = module_of(spec.owner or spec.settings_class or "")
    return f"{module}.{name}" if module and "." not in name else name
