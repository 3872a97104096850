"""``graph.settings``: settings of all units, checked, sent and confirmed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from kernel_runtime.context import KernelGraphContext
from kernel_runtime.model import UnitInfo
from kernel_runtime.settings.as_python import changes_as_python
from kernel_runtime.settings.edits import SettingsEditor
from kernel_runtime.settings.known_fields import KnownFields, UseClasses
from kernel_runtime.settings.outcomes import EditOutcome
from kernel_runtime.settings.saved import both_sides, differences_to, save_preset
from kernel_runtime.settings.store import SettingsChange, SettingsStore, same_value
from kernel_runtime.settings.transactions import SettingsTransactions
from kernel_runtime.settings.undo import Transaction
from kernel_runtime.settings.whole_values import WholeValues

from .frames import settings_diff_frame, settings_frame, settings_history_frame
from .unit_settings import UnitSettings

T = TypeVar("T")

RunBlocking = Callable[[Coroutine[Any, Any, T], float], T]

# The first edit after a start may have to wait for what the unit's handler imports.
EDIT_TIMEOUT_S = 15.0


class GraphSettings(Mapping[str, UnitSettings]):
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
        Whether settings classes tell the exact types of fields: as for `KnownFields`.
    context
        Publishes whole settings values. None for a graph of our host, which is asked for several
        fields at once.
    graph_name
        Named in files of settings.

    Attributes
    ----------
    known
        Fields and values of the units.
    undo_listeners
        Called when there is something else to undo or redo.
    """

    def __init__(
        self,
        store: SettingsStore,
        editor: SettingsEditor,
        unit_info: Callable[[str], UnitInfo | None],
        run: RunBlocking[Any],
        *,
        use_classes: UseClasses | None,
        graph_name: str = "",
        context: KernelGraphContext | None = None,
    ) -> None:
        self._context = context
        self._unit_info = unit_info
        self._run = run
        self._use_classes = use_classes
        self._graph_name = graph_name
        self.make_form: Callable[[str | None], Any] | None = None
        self.run_sweep: Callable[..., pd.DataFrame] | None = None
        self.undo_listeners: list[Callable[[], None]] = []
        self.follow(store, editor)

    def follow(self, store: SettingsStore, editor: SettingsEditor) -> None:
        """Be the settings of this graph, in the place of one that was there before."""
        self._store = store
        self.known = KnownFields(store, self._unit_info, use_classes=self._use_classes)
        if self._use_classes is not None and self._context is not None:
            editor.whole = WholeValues(self.known, self._context)
        self._transactions = SettingsTransactions(self.known, editor, self._undo_changed)
        self._undo_changed()

    def _undo_changed(self) -> None:
        for listener in list(self.undo_listeners):
            listener()

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
            DataFrame) becomes rows. By default `ezmsg_nb.settings_sweep.rates_and_latency`:
            rates of all publishers and latency of their messages over a second.
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

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def frame(self) -> pd.DataFrame:
        """One row a field: ``unit``, ``field`` (dotted path), ``value``."""
        return settings_frame({unit: self.known.values_of(unit) for unit in self})

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
            ``{unit: {field path: EditOutcome}}``. The fields of a unit are one published value
            in a graph of our host, and elsewhere where the settings class may be used
            (``connect(..., use_classes=True)``). Else they go one by one, in the given order,
            and the outcomes' ``note`` says so, and why.

        Raises
        ------
        SettingsRejectedError
            A value, field or unit is wrong; nothing was sent.
        GraphError
            An edit failed; the ones before it were put back, and the error's notes say so.
        """
        return self._blocking(
            self._transactions.apply(changes, timeout=timeout),
            timeout=timeout,
            edits=sum(len(fields) for fields in changes.values()),
        )

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
        return self._blocking(
            self._transactions.undo(force=force, timeout=EDIT_TIMEOUT_S),
            timeout=EDIT_TIMEOUT_S,
            edits=len(self._transactions.to_undo),
        )

    def redo(self, *, force: bool = False) -> dict[str, dict[str, EditOutcome]]:
        """Make the last undone edit again; parameters and errors as `undo`."""
        return self._blocking(
            self._transactions.redo(force=force, timeout=EDIT_TIMEOUT_S),
            timeout=EDIT_TIMEOUT_S,
            edits=len(self._transactions.to_redo),
        )

    def save(self, path: str | Path) -> None:
        """Write the settings that can be changed to a YAML file, for `load` and `diff`."""
        save_preset(path, self.known, graph=self._graph_name)

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
        wanted = differences_to(path, self.known, skip_unknown=skip_unknown)
        return self.apply(wanted, timeout=timeout)

    def diff(self, other: str | Path | GraphSettings) -> pd.DataFrame:
        """What differs from a file that `save` wrote, or from the settings of another graph.

        Returns
        -------
        pandas.DataFrame
            ``unit``, ``field``, ``here``, ``there``; a missing value where one side has no
            such field.
        """
        theirs = other.known if isinstance(other, GraphSettings) else other
        return settings_diff_frame(*both_sides(self.known, theirs))

    def why_not_whole(self, unit: str, fields: Mapping[str, object]) -> str | None:
        """Why several checked fields of a unit are not one published value, None where they are."""
        return self._transactions.why_not_whole(unit, fields)

    @property
    def to_undo(self) -> Transaction:
        """What `undo` would change."""
        return self._transactions.to_undo

    @property
    def to_redo(self) -> Transaction:
        """What `redo` would change."""
        return self._transactions.to_redo

    def changes(self) -> list[SettingsChange]:
        """What `history` shows, oldest first."""
        return self._store.history()

    def as_python(self, units: Collection[str] | None = None) -> str:
        """Code that makes the difference between the initial settings and those of now.

        Parameters
        ----------
        units
            Only these; all of them by default.
        """
        changes = {}
        for unit in self if units is None else [unit for unit in self if unit in units]:
            initial, now = self.known.initial(unit), self.known.values_of(unit)
            changed = {
                path: now[path]
                for path in self.known.editable(unit)
                if path in now and path in initial and not same_value(now[path], initial[path])
            }
            if changed:
                changes[unit] = changed
        return changes_as_python(changes)

    def send(self, unit: str, path: str, value: object, timeout: float) -> EditOutcome:
        """Send a value that is checked already, and wait until it is reported or applied.

        See `SettingsEditor.edit` for the errors. It can be undone.
        """
        return self._blocking(
            self._transactions.edit(unit, path, value, timeout=timeout), timeout=timeout, edits=1
        )

    def send_all(
        self, changes: Mapping[str, Mapping[str, object]], timeout: float
    ) -> dict[str, dict[str, EditOutcome]]:
        """`apply` for values that are checked already."""
        return self._blocking(
            self._transactions.apply_checked(changes, timeout=timeout),
            timeout=timeout,
            edits=sum(len(fields) for fields in changes.values()),
        )

    def _blocking(self, coroutine: Coroutine[Any, Any, T], *, timeout: float, edits: int) -> T:
        # Each edit has its own deadline; each may have to be put back.
        result: T = self._run(coroutine, 2 * timeout * max(1, edits) + 1.0)
        return result
