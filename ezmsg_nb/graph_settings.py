"""``graph.settings``: settings of all units as mappings that check, send and confirm."""

from __future__ import annotations

import contextlib
import pprint
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from kernel_runtime.errors import (
    GraphError,
    SettingsRejectedError,
    UnroutableUnitError,
)
from kernel_runtime.model import UnitInfo
from kernel_runtime.settings.edits import EditOutcome, SettingsEditor
from kernel_runtime.settings.presets import UnitPreset, read_preset, write_preset
from kernel_runtime.settings.schema import FieldSpec, build_fields, find_field
from kernel_runtime.settings.store import ReportedSettings, SettingsStore, same_value, value_at
from kernel_runtime.settings.undo import FieldEdit, Transaction, UndoLog
from kernel_runtime.settings.values import coerce

from .frames import settings_diff_frame, settings_frame, settings_history_frame

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
    graph_name
        Named in files of settings.
    """

    def __init__(
        self,
        store: SettingsStore,
        editor: SettingsEditor,
        unit_info: Callable[[str], UnitInfo | None],
        run: RunBlocking[Any],
        *,
        use_classes: bool,
        graph_name: str = "",
    ) -> None:
        self._store = store
        self._editor = editor
        self._unit_info = unit_info
        self._run = run
        self._use_classes = use_classes
        self._graph_name = graph_name
        self._undo_log = UndoLog()
        self.make_form: Callable[[str | None], Any] | None = None
        self.run_sweep: Callable[..., pd.DataFrame] | None = None

    def follow(self, store: SettingsStore, editor: SettingsEditor) -> None:
        """Be the settings of a graph that was started in the place of this one."""
        self._store = store
        self._editor = editor
        self._undo_log = UndoLog()

    def form(self, unit: str | None = None) -> Any:
        """Settings as a form (`SettingsForm`): of one unit, or of all of them."""
        assert self.make_form is not None
        if unit is not None:
            self[unit]
        return self.make_form(unit)

    def sweep(
        self,
        values: Mapping[str, Mapping[str, Sequence[object]]],
        *,
        measure: Callable[[Any], Any] | None = None,
        settle_s: float = 0.5,
        repeat: int = 1,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Measure the graph under each combination of settings, and put the old ones back.

        Parameters
        ----------
        values
            ``{unit: {field path: [value, ...]}}``; all combinations are gone through, the
            last field fastest.
        measure
            Called with the graph for each; what it returns (a number, a mapping, or a
            DataFrame) becomes rows. Rates of all publishers over a second by default.
        settle_s
            Seconds to wait after the settings are in force.
        repeat
            How often to measure each combination.
        progress
            Whether to show a bar.

        Returns
        -------
        pandas.DataFrame
            One column for each field (``"LP.cutoff"``), the measured ones, ``repeat`` (from
            0) and ``state`` ("applied", or "reported" where the unit can't be asked).

        Raises
        ------
        SettingsRejectedError
            A value is wrong; nothing was sent.
        GraphError
            An edit failed. The settings from before are put back, on an interrupt too.
        """
        assert self.run_sweep is not None
        return self.run_sweep(
            values, measure=measure, settle_s=settle_s, repeat=repeat, progress=progress
        )

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
        return settings_frame({unit: self.values_of(unit) for unit in self})

    def history(self) -> pd.DataFrame:
        """One row a change: ``time, unit, field, old, new, source``."""
        return settings_history_frame(self._store.history())

    def apply(
        self, changes: Mapping[str, Mapping[str, object]], *, timeout: float = EDIT_TIMEOUT_S
    ) -> dict[str, dict[str, EditOutcome]]:
        """Set fields of several units: all checked first, then applied unit by unit.

        Parameters
        ----------
        changes
            ``{unit: {field path: value}}``.
        timeout
            Seconds for each unit.

        Returns
        -------
        dict
            ``{unit: {field path: EditOutcome}}``. In a graph of our host the fields of a unit
            are one published value; elsewhere they go one by one, in the given order, and
            the outcomes' ``note`` says so.

        Raises
        ------
        SettingsRejectedError
            A value, field or unit is wrong; nothing was sent.
        GraphError
            An edit failed; the ones before it were put back, and the error's notes say so.
        """
        outcomes, edits = self._apply(changes, timeout)
        self._undo_log.record(edits)
        return outcomes

    def _apply(
        self, changes: Mapping[str, Mapping[str, object]], timeout: float = EDIT_TIMEOUT_S
    ) -> tuple[dict[str, dict[str, EditOutcome]], Transaction]:
        steps = [
            (unit, step)
            for unit, fields in changes.items()
            for step in self._steps(
                {path: self.checked(unit, path, fields[path]) for path in fields}
            )
        ]
        outcomes: dict[str, dict[str, EditOutcome]] = {}
        done: list[FieldEdit] = []
        for unit, step in steps:
            before = {path: self._now(unit, path) for path in step}
            try:
                found = self._send(unit, step, timeout)
            except BaseException as error:
                for note in self._put_back(done, timeout):
                    error.add_note(note)
                raise
            if len(step) < len(changes[unit]):
                found = {path: one.one_by_one() for path, one in found.items()}
            outcomes.setdefault(unit, {}).update(found)
            done.extend(
                FieldEdit(unit, path, before[path], one.value) for path, one in found.items()
            )
        return outcomes, tuple(done)

    def _steps(self, fields: dict[str, object]) -> list[dict[str, object]]:
        if self._editor.combines:
            return [fields] if fields else []
        return [{path: value} for path, value in fields.items()]

    def _put_back(self, done: list[FieldEdit], timeout: float) -> Iterator[str]:
        for edit in reversed(done):
            place = f"{edit.unit}.{edit.field}"
            try:
                value = self.checked(edit.unit, edit.field, edit.before)
                self._send(edit.unit, {edit.field: value}, timeout)
                yield f"{place} was put back to {edit.before!r}."
            except GraphError as error:
                yield f"{place} could not be put back to {edit.before!r}: {error}"

    def undo(self, *, force: bool = False) -> dict[str, dict[str, EditOutcome]]:
        """Take the last edit of this kernel back.

        Parameters
        ----------
        force
            Also where a field was changed by somebody else since.

        Raises
        ------
        SettingsRejectedError
            There is nothing to undo, or somebody else has changed a field since.
        """
        edits = self._undo_log.to_undo()
        if edits is None:
            raise SettingsRejectedError("There is no edit of this kernel to undo.")
        outcomes = self._go(edits, force)
        self._undo_log.moved_back()
        return outcomes

    def redo(self, *, force: bool = False) -> dict[str, dict[str, EditOutcome]]:
        """Make the last undone edit again; parameters and errors as `undo`."""
        edits = self._undo_log.to_redo()
        if edits is None:
            raise SettingsRejectedError("There is no undone edit of this kernel to redo.")
        outcomes = self._go(edits, force)
        self._undo_log.moved_forward()
        return outcomes

    def _go(self, edits: Transaction, force: bool) -> dict[str, dict[str, EditOutcome]]:
        changed = [
            f"{edit.unit}.{edit.field} is {self._now(edit.unit, edit.field)!r}, not {edit.before!r}"
            for edit in edits
            if self._now(edit.unit, edit.field) != edit.before
        ]
        if changed and not force:
            raise SettingsRejectedError(
                f"Changed by somebody else since: {'; '.join(changed)}. Nothing was undone or "
                f"redone; force=True does it all the same."
            )
        changes: dict[str, dict[str, object]] = {}
        for edit in edits:
            changes.setdefault(edit.unit, {})[edit.field] = edit.after
        return self._apply(changes)[0]

    def save(self, path: str | Path) -> None:
        """Write the settings that can be changed to a YAML file, for `load` and `diff`."""
        preset = {}
        for unit in self:
            if self.read_only_reason(unit) is None:
                values = self.values_of(unit)
                saved = {path: values[path] for path in self._editable(unit) if path in values}
                preset[unit] = UnitPreset(self._settings_type(unit), saved)
        write_preset(path, preset, graph=self._graph_name)

    def load(
        self, path: str | Path, *, skip_unknown: bool = False, timeout: float = EDIT_TIMEOUT_S
    ) -> dict[str, dict[str, EditOutcome]]:
        """Apply the differences to a file that `save` wrote, as one transaction.

        Parameters
        ----------
        path
            The file.
        skip_unknown
            Leave out units and fields that this graph does not have, in place of refusing.
        timeout
            Seconds for each unit.

        Raises
        ------
        SettingsRejectedError
            Units or fields that this graph does not have, named; or a bad value. Nothing was
            sent.
        """
        wanted: dict[str, dict[str, object]] = {}
        unknown: list[str] = []
        for unit, preset in read_preset(path).items():
            values = self.values_of(unit) if self._store.state(unit) is not None else {}
            for field, value in preset.values.items():
                if field not in values:
                    unknown.append(f"{unit}.{field}" if values else unit)
                elif not same_value(values[field], value):
                    wanted.setdefault(unit, {})[field] = value
        if unknown and not skip_unknown:
            raise SettingsRejectedError(
                f"{path} has what this graph does not: {', '.join(dict.fromkeys(unknown))}. "
                f"Nothing was changed; skip_unknown=True leaves those out."
            )
        return self.apply(wanted, timeout=timeout)

    def diff(self, other: str | Path | GraphSettings) -> pd.DataFrame:
        """What differs from a file that `save` wrote, or from the settings of another graph.

        Returns
        -------
        pandas.DataFrame
            ``unit``, ``field``, ``here``, ``there``; a missing value where one side has no
            such field.
        """
        if isinstance(other, GraphSettings):
            there = {unit: other.values_of(unit) for unit in other}
            here = {unit: self.values_of(unit) for unit in self}
        else:
            there = {unit: dict(found.values) for unit, found in read_preset(other).items()}
            # A file has only what can be changed.
            here = {
                unit: {
                    path: value
                    for path, value in self.values_of(unit).items()
                    if path in self._editable(unit)
                }
                for unit in self
                if self.read_only_reason(unit) is None
            }
        return settings_diff_frame(here, there)

    def as_python(self) -> str:
        """Code that makes the difference between the initial settings and those of now."""
        changes = {}
        for unit in self:
            initial, now = self.initial(unit), self.values_of(unit)
            changed = {
                path: now[path]
                for path in self._editable(unit)
                if path in now and path in initial and not same_value(now[path], initial[path])
            }
            if changed:
                changes[unit] = changed
        return f"g.settings.apply({pprint.pformat(changes, sort_dicts=False)})"

    def _editable(self, unit: str) -> list[str]:
        return [spec.path for spec in self._leaf_fields(unit) if spec.editable]

    def _settings_type(self, unit: str) -> str:
        info = self._unit_info(unit)
        return info.settings_type if info is not None else ""

    def _now(self, unit: str, path: str) -> Any:
        return self.values_of(unit).get(path)

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

    def send(self, unit: str, path: str, value: object, timeout: float) -> EditOutcome:
        """Send a checked value and wait until it is reported or applied; it can be undone.

        See `SettingsEditor.edit` for parameters and errors.
        """
        before = self._now(unit, path)
        outcome = self._send(unit, {path: value}, timeout)[path]
        self._undo_log.record((FieldEdit(unit, path, before, outcome.value),))
        return outcome

    def _send(self, unit: str, fields: dict[str, object], timeout: float) -> dict[str, EditOutcome]:
        edit = self._editor.edit(unit, fields, timeout=timeout)
        outcomes: dict[str, EditOutcome] = self._run(edit, timeout + 1.0)
        return outcomes


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
            if not same_value(now.get(path), initial[path])
        }
        self._graph.apply({self._unit: wanted})

    def __repr__(self) -> str:
        shown = ", ".join(f"{path}={value!r}" for path, value in self.items())
        return f"<settings of {self._unit}: {shown}>"

    def _repr_html_(self) -> str:
        frame = settings_frame({self._unit: dict(self)})[["field", "value"]]
        return str(frame.to_html(index=False))
