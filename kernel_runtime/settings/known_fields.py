"""What is known of the settings of a graph's units: fields, values, what may be changed."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..errors import SettingsRejectedError, UnroutableUnitError
from ..model import UnitInfo
from .schema import FieldSpec, build_fields, find_field
from .store import ReportedSettings, SettingsStore, value_at
from .values import coerce

UseClasses = Literal["imported", "import"]


class KnownFields:
    """Fields and values of the units of a graph, and the check of a value before it is sent.

    Parameters
    ----------
    store
        What is reported.
    unit_info
        Looks a unit up in the current topology.
    use_classes
        ``"imported"``: settings classes that this process has imported tell the exact types of
        fields; only for a graph whose units come from the same code. ``"import"``: they are
        imported for that. None: neither.
    """

    def __init__(
        self,
        store: SettingsStore,
        unit_info: Callable[[str], UnitInfo | None],
        *,
        use_classes: UseClasses | None,
    ) -> None:
        self._not_importable: set[str] = set()
        self._store = store
        self._unit_info = unit_info
        self._use_classes = use_classes
        # For the last report of each unit: one edit looks at its fields several times.
        self._built: dict[str, tuple[ReportedSettings, tuple[FieldSpec, ...]]] = {}

    def units(self) -> list[str]:
        """Addresses of the components that have reported settings, sorted."""
        return sorted(self._store.states())

    def value(self, unit: str, path: str) -> Any:
        """The value at a path, None where there is none."""
        return self.values_of(unit).get(path)

    def editable(self, unit: str) -> list[str]:
        """Paths of the fields of a unit that a value can be given for."""
        return [spec.path for spec in self._leaf_fields(unit) if spec.editable]

    def settings_type(self, unit: str) -> str:
        """Dotted name of a unit's settings class, empty where not known."""
        info = self._unit_info(unit)
        return info.settings_type if info is not None else ""

    def values_of(self, unit: str) -> dict[str, Any]:
        """Values of a unit by dotted path; a dict that is a value of its own stays one."""
        return self._by_path(unit, self.reported(unit).structured)

    def initial(self, unit: str) -> dict[str, Any]:
        """What a unit was registered with, by dotted path; empty where not known."""
        return self._by_path(unit, self._store.initial(unit) or {})

    def _by_path(self, unit: str, structured: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for spec in self._leaf_fields(unit):
            # A field in a group that is None now leads nowhere.
            with contextlib.suppress(KeyError):
                found[spec.path] = value_at(structured, spec.path)
        return found

    def _leaf_fields(self, unit: str) -> list[FieldSpec]:
        return [spec for top in self.fields(unit) for spec in top.walk() if not spec.children]

    def reported(self, unit: str) -> ReportedSettings:
        state = self._store.state(unit)
        if state is None:
            raise UnroutableUnitError(f"Unit {unit!r} is not in the graph any more.", unit=unit)
        return state

    def fields(self, unit: str) -> tuple[FieldSpec, ...]:
        """What is known of a unit's fields: kinds, choices, bounds, nested fields."""
        state = self.reported(unit)
        built = self._built.get(unit)
        if built is None or built[0] is not state:
            fields = build_fields(
                state.schema,
                state.structured,
                settings_class=self.settings_class(unit),
                known_schemas=self.known_schemas(),
                initial=self._store.initial(unit),
            )
            built = self._built[unit] = (state, fields)
        return built[1]

    def known_schemas(self) -> dict[str, object]:
        """Schemas of all units by settings type, for settings classes nested in others."""
        schemas = (state.schema for state in self._store.states().values())
        return {schema.settings_type: schema for schema in schemas if schema is not None}

    def settings_class(self, unit: str) -> type | None:
        """The settings class of a unit, where this process has it and it may be used."""
        info = self._unit_info(unit)
        if info is None or self._use_classes is None:
            return None
        module_name, _, class_name = info.settings_type.rpartition(".")
        if self._use_classes == "import":
            self._import(module_name)
        # Only what is imported already: importing a signal-processing package takes seconds,
        # which a cell that sets one field must not pay.
        found = getattr(sys.modules.get(module_name), class_name, None)
        return found if isinstance(found, type) else None

    def _import(self, module: str) -> None:
        if not module or module in sys.modules or module in self._not_importable:
            return
        try:
            importlib.import_module(module)
        except Exception:
            # A package that isn't here, or one that raises when it is imported: its fields are
            # known from the schema, as without it.
            self._not_importable.add(module)

    def read_only_reason(self, unit: str) -> str | None:
        """Why no setting of a unit can be changed, None where they can."""
        info = self._unit_info(unit)
        if info is None:
            return "This is a collection: its settings are read once, when the graph starts."
        if not info.dynamic_settings:
            return "The unit has no INPUT_SETTINGS stream, so its settings are fixed."
        return None

    def checked(self, unit: str, path: str, value: object) -> object:
        """A value as the unit's owner shall have it.

        Raises
        ------
        SettingsRejectedError
            Unknown unit or field, a unit or field that can't be changed, or a bad value.
        """
        if self._store.state(unit) is None:
            raise SettingsRejectedError(
                f"No unit {unit!r} has reported settings. Known: {', '.join(self.units())}.",
                unit=unit,
            )
        reason = self.read_only_reason(unit)
        if reason is not None:
            raise SettingsRejectedError(f"{unit}.{path}: {reason}", unit=unit, field=path)
        fields = self.fields(unit)
        spec = find_field(fields, path)
        if spec is None:
            known = ", ".join(field.path for top in fields for field in top.walk())
            raise SettingsRejectedError(
                f"{unit!r} has no setting {path!r}. It has: {known}.", unit=unit, field=path
            )
        return coerce(spec, value, unit=unit, current=self.value(unit, path))
