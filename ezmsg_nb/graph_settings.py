"""``graph.settings``: settings of all units as mappings that check, send and confirm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

import pandas as pd

from kernel_runtime.errors import GraphError, SettingsRejectedError, UnroutableUnitError
from kernel_runtime.model import UnitInfo
from kernel_runtime.settings.edits import EditOutcome, SettingsEditor
from kernel_runtime.settings.schema import FieldSpec, build_fields, find_field
from kernel_runtime.settings.store import ReportedSettings, SettingsStore, leaves
from kernel_runtime.settings.values import coerce

from .frames import settings_frame, settings_history_frame

T = TypeVar("T")

RunBlocking = Callable[[Coroutine[Any, Any, T], float], T]

EDIT_TIMEOUT_S = 5.0


class GraphSettings(Mapping[str, "UnitSettings"]):
    """Settings of every unit of a graph, by address.

    Parameters
    ----------
    store, editor
        What is known, and who writes.
    unit_info
        Looks a unit up in the current topology.
    run
        Runs a coroutine on the graph's loop and waits for it.
    use_classes
        Whether settings classes that this process has imported may tell the exact types of
        fields; only for a graph whose units come from the same code.
    """

    def __init__(
        self,
        store: SettingsStore,
        editor: SettingsEditor,
        unit_info: Callable[[str], UnitInfo | None],
        run: RunBlocking[Any],
        *,
        use_classes: bool,
    ) -> None:
        self._store = store
        self._editor = editor
        self._unit_info = unit_info
        self._run = run
        self._use_classes = use_classes
        self.make_form: Callable[[str | None], Any] | None = None

    def form(self, unit: str | None = None) -> Any:
        """Settings as a form (`SettingsForm`): of one unit, or of all of them."""
        assert self.make_form is not None
        if unit is not None:
            self[unit]
        return self.make_form(unit)

    def __getitem__(self, unit: str) -> UnitSettings:
        if self._store.state(unit) is None:
            known = ", ".join(sorted(self._store.states())) or "none"
            raise KeyError(f"No unit {unit!r} has reported settings. Known: {known}.")
        return UnitSettings(self, unit)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._store.states()))

    def __len__(self) -> int:
        return len(self._store.states())

    def __repr__(self) -> str:
        return f"<settings of {', '.join(self) or 'no unit'}>"

    def frame(self) -> pd.DataFrame:
        """One row a field: ``unit``, ``field`` (dotted path), ``value``."""
        return settings_frame(
            {
                unit: dict(leaves(state.structured))
                for unit, state in sorted(self._store.states().items())
            }
        )

    def history(self) -> pd.DataFrame:
        """One row a change: ``time, unit, field, old, new, source``."""
        return settings_history_frame(self._store.history())

    def apply(
        self, changes: Mapping[str, Mapping[str, object]], *, timeout: float = EDIT_TIMEOUT_S
    ) -> dict[str, dict[str, EditOutcome]]:
        """Set fields of several units: all checked first, then applied in order.

        Parameters
        ----------
        changes
            ``{unit: {field path: value}}``.
        timeout
            Seconds for each field.

        Returns
        -------
        dict
            ``{unit: {field path: EditOutcome}}``.

        Raises
        ------
        SettingsRejectedError
            A value, field or unit is wrong; nothing was sent.
        GraphError
            An edit failed; the ones before it were put back, and the error's notes say so.
        """
        planned = [
            (unit, path, self.checked(unit, path, value), self._now(unit, path))
            for unit, fields in changes.items()
            for path, value in fields.items()
        ]
        outcomes: dict[str, dict[str, EditOutcome]] = {}
        done: list[tuple[str, str, Any]] = []
        for unit, path, value, before in planned:
            try:
                outcomes.setdefault(unit, {})[path] = self.send(unit, path, value, timeout)
            except BaseException as error:
                for note in self._put_back(done, timeout):
                    error.add_note(note)
                raise
            done.append((unit, path, before))
        return outcomes

    def _put_back(self, done: list[tuple[str, str, Any]], timeout: float) -> Iterator[str]:
        for unit, path, before in reversed(done):
            try:
                self.send(unit, path, self.checked(unit, path, before), timeout)
                yield f"{unit}.{path} was put back to {before!r}."
            except GraphError as error:
                yield f"{unit}.{path} could not be put back to {before!r}: {error}"

    def _now(self, unit: str, path: str) -> Any:
        return self.values_of(unit).get(path)

    def values_of(self, unit: str) -> dict[str, Any]:
        return dict(leaves(self.reported(unit).structured))

    def reported(self, unit: str) -> ReportedSettings:
        state = self._store.state(unit)
        if state is None:
            raise UnroutableUnitError(f"Unit {unit!r} is not in the graph any more.", unit=unit)
        return state

    def initial(self, unit: str) -> dict[str, Any]:
        return dict(leaves(self._store.initial(unit) or {}))

    def fields(self, unit: str) -> tuple[FieldSpec, ...]:
        """What is known of a unit's fields: kinds, choices, bounds, nested fields."""
        state = self.reported(unit)
        return build_fields(
            state.schema,
            state.structured,
            settings_class=self.settings_class(unit),
            known_schemas=self.known_schemas(),
        )

    def known_schemas(self) -> dict[str, object]:
        """Schemas of all units by settings type, for settings classes nested in others."""
        schemas = (state.schema for state in self._store.states().values())
        return {schema.settings_type: schema for schema in schemas if schema is not None}

    def settings_class(self, unit: str) -> type | None:
        """The settings class of a unit, where this process has it and it may be used."""
        info = self._unit_info(unit)
        if info is None or not self._use_classes:
            return None
        module_name, _, class_name = info.settings_type.rpartition(".")
        # Only what is imported already: importing a signal-processing package takes seconds,
        # which a cell that sets one field must not pay.
        found = getattr(sys.modules.get(module_name), class_name, None)
        return found if isinstance(found, type) else None

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
                f"No unit {unit!r} has reported settings. Known: {', '.join(self)}.", unit=unit
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
        return coerce(spec, value, unit=unit, current=self._now(unit, path))

    def send(
        self,
        unit: str,
        path: str,
        value: object,
        timeout: float,
        on_reported: Callable[[], None] | None = None,
    ) -> EditOutcome:
        """Send a checked value and wait until it is reported or applied.

        See `SettingsEditor.edit` for parameters and errors.
        """
        edit = self._editor.edit(unit, path, value, timeout=timeout, on_reported=on_reported)
        outcome: EditOutcome = self._run(edit, timeout + 1.0)
        return outcome


class UnitSettings(MutableMapping[str, Any]):
    """Settings of one unit: dotted field path -> value.

    Assigning sends the value and returns once the unit holds it (a graph of our host) or
    its owner has reported it (elsewhere); else it raises.
    """

    def __init__(self, graph: GraphSettings, unit: str) -> None:
        self._graph = graph
        self._unit = unit

    @property
    def schema(self) -> tuple[FieldSpec, ...]:
        """What is known of each field."""
        return self._graph.fields(self._unit)

    def __getitem__(self, path: str) -> Any:
        values = self._graph.values_of(self._unit)
        if path not in values:
            raise KeyError(f"{self._unit!r} has no setting {path!r}. It has: {', '.join(values)}.")
        return values[path]

    def __setitem__(self, path: str, value: object) -> None:
        self._graph.apply({self._unit: {path: value}})

    def __delitem__(self, path: str) -> None:
        raise TypeError("A setting can't be removed; `reset` puts its initial value back.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.values_of(self._unit))

    def __len__(self) -> int:
        return len(self._graph.values_of(self._unit))

    def update(self, *args: Any, **fields: object) -> None:
        """Set several fields, given as a mapping of dotted paths or by name.

        All are checked before the first is sent; they are sent one by one, and those sent
        are put back when one fails.
        """
        self._graph.apply({self._unit: dict(*args, **fields)})

    def reset(self, *paths: str) -> None:
        """Put fields, or all of them, back to what the unit was registered with."""
        initial, now = self._graph.initial(self._unit), self._graph.values_of(self._unit)
        unknown = [path for path in paths if path not in initial]
        if unknown or not initial:
            raise SettingsRejectedError(
                f"The initial values of {self._unit!r} are not known here"
                + (f" for {', '.join(unknown)}." if unknown else "."),
                unit=self._unit,
            )
        wanted = {
            path: initial[path]
            for path in (paths or initial)
            if now.get(path) != initial[path] or type(now.get(path)) is not type(initial[path])
        }
        self._graph.apply({self._unit: wanted})

    def __repr__(self) -> str:
        shown = ", ".join(f"{path}={value!r}" for path, value in self.items())
        return f"<settings of {self._unit}: {shown}>"

    def _repr_html_(self) -> str:
        frame = settings_frame({self._unit: dict(self)})[["field", "value"]]
        return str(frame.to_html(index=False))
