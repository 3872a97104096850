"""Whole settings values of units whose classes are at hand, published as one.

For a graph that isn't of our host. Made from what the owner reports, with the changes in it, and
published on the unit's INPUT_SETTINGS. What can't be made again exactly as the unit has it, a
function for one, rules it out.
"""

from __future__ import annotations

import asyncio
import dataclasses
import pickle
import pkgutil
from collections.abc import Mapping
from typing import Any

from ezmsg.core.settingsmeta import settings_structured_value

from ..context import KernelGraphContext
from ..errors import GraphError, SettingsRejectedError
from .kinds import FieldType
from .known_fields import KnownFields
from .reported import plain_report
from .schema import FieldSpec
from .store import same_value
from .values import coerce


class CannotComposeError(SettingsRejectedError):
    """A whole value can't be made here."""


class WholeValues:
    """Makes whole settings values and publishes them.

    Parameters
    ----------
    fields
        What is known of the units.
    context
        Publishes them, by one publisher a unit that stays open.
    """

    def __init__(self, fields: KnownFields, context: KernelGraphContext) -> None:
        self._fields = fields
        self._context = context

    async def publish(self, unit: str, value: object, timeout: float) -> None:
        """Publish a value; errors as of `KernelGraphContext.update_settings`."""
        async with asyncio.timeout(timeout):
            await self._context.update_settings(unit, value)

    async def taken(self, unit: str, timeout: float) -> bool:
        """Whether the unit has finished within `timeout` seconds with all that was published."""
        return await self._context.settings_taken(unit, timeout=timeout)

    def why_not(self, unit: str, changes: Mapping[str, object]) -> str | None:
        """Why no whole value with these changes can be made, None where it can."""
        try:
            self.compose(unit, changes)
        except CannotComposeError as error:
            return error.message
        return None

    def compose(self, unit: str, changes: Mapping[str, object]) -> tuple[Any, dict[str, Any]]:
        """The settings as they are reported, with changes in them.

        Parameters
        ----------
        unit
            Its address.
        changes
            Dotted path -> value, already coerced.

        Returns
        -------
        tuple
            The object, and its structured value.

        Raises
        ------
        CannotComposeError
            The class isn't imported here, or a field can't be made again.
        """
        settings_class = self._fields.settings_class(unit)
        if settings_class is None:
            raise CannotComposeError(
                f"The settings class of {unit} ({self._fields.settings_type(unit)}) is not "
                f"imported here.",
                unit=unit,
            )
        structured = self._fields.reported(unit).structured
        if not dataclasses.is_dataclass(settings_class) or not structured:
            raise CannotComposeError(f"{unit}'s settings can't be read field by field.", unit=unit)
        try:
            made = _Composer(unit, structured, changes).object_of(
                settings_class, self._fields.fields(unit), structured
            )
        except GraphError:
            raise
        except Exception as error:
            # A class raises what it likes when it is called.
            raise CannotComposeError(
                f"{unit}'s settings can't be made here: {type(error).__name__}: {error}", unit=unit
            ) from error
        return made, plain_report(settings_structured_value(made) or {})


class _Composer:
    def __init__(
        self, unit: str, structured: Mapping[str, Any], changes: Mapping[str, object]
    ) -> None:
        self._unit = unit
        self._structured = structured
        self._changes = changes

    def object_of(
        self, kind: Any, specs: tuple[FieldSpec, ...], structured: Mapping[str, Any]
    ) -> Any:
        known = {spec.name: spec for spec in specs}
        values = {}
        for field in dataclasses.fields(kind):
            if field.init:
                values[field.name] = self._value(kind, field, known.get(field.name), structured)
        return kind(**values)

    def _value(
        self,
        kind: Any,
        field: dataclasses.Field[Any],
        spec: FieldSpec | None,
        structured: Mapping[str, Any],
    ) -> Any:
        if spec is None or field.name not in structured:
            raise self._cannot(field.name, "it is not reported")
        if spec.path in self._changes:
            return _real(self._changes[spec.path])
        reported = structured[field.name]
        inside = any(path.startswith(f"{spec.path}.") for path in self._changes)
        default = _default(field)
        if not inside and same_value(_reported(default), reported) and default is not _NONE_KNOWN:
            return default
        inner = _class_of(spec, kind)
        if spec.children and isinstance(reported, Mapping) and dataclasses.is_dataclass(inner):
            return self.object_of(inner, spec.children, reported)
        if spec.reason is not None or (reported is not None and _is_open(spec.type)):
            raise self._cannot(spec.path, "what it holds can't be made here")
        try:
            made = _real(coerce(spec, reported, current=reported))
        except SettingsRejectedError as error:
            raise self._cannot(spec.path, error.message) from None
        if not same_value(_reported(made), reported):
            raise self._cannot(spec.path, "what it holds can't be made here exactly")
        return made

    def _cannot(self, path: str, why: str) -> CannotComposeError:
        return CannotComposeError(f"{self._unit}.{path}: {why}.", unit=self._unit, field=path)


_NONE_KNOWN = object()


@dataclasses.dataclass
class _Holder:
    value: Any


def _reported(value: object) -> Any:
    """A value as ezmsg reports it."""
    return plain_report((settings_structured_value(_Holder(value)) or {}).get("value"))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return _NONE_KNOWN


def _class_of(spec: FieldSpec, kind: Any) -> Any:
    """The class of a group's value."""
    name = spec.type.without_none.name
    if not spec.children or name is None:
        return None
    if "." not in name:
        name = f"{kind.__module__}.{name}"
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return None


def _real(value: object) -> Any:
    """A coerced value with its references looked up: their classes are imported here."""
    return pickle.loads(pickle.dumps(value))


def _is_open(found: FieldType) -> bool:
    """Whether several objects are reported in the same way, so that one can't be made again."""
    kinds = ("any", "unknown", "opaque", "callable", "named", "choice", "array")
    return found.kind in kinds or found.witnessed or any(map(_is_open, found.args))
