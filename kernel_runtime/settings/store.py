"""What the GraphServer knows of every unit's settings, followed by events."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ezmsg.core.graphmeta import SettingsChangedEvent, SettingsSnapshotValue

from .reported import plain_report
from .verdict import Origin, Verdict, verdict_of

HISTORY_LENGTH = 10_000
EXPECTED_AT_MOST = 20

ChangeSource = Literal[
    "this kernel",
    "another session",
    "another unit",
    "the unit itself",
    "not known which",
    "initial",
]


_BY_ORIGIN: dict[Origin, ChangeSource] = {
    "session": "another session",
    "units": "another unit",
    "unknown": "not known which",
}


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """One field of one unit that changed.

    Attributes
    ----------
    time
        Unix seconds, as the owner stamped it.
    unit, field
        Address of the unit; dotted path of the field, empty where the unit's settings can't be
        read field by field: the values are the text of all of them then.
    old, new
        Structured values; ``old`` is None where none was known.
    source
        ``"this kernel"`` for an edit that this context made, ``"initial"`` for the first
        report of a unit. In a graph of our host else ``"another session"``, ``"another unit"``
        that is connected to its INPUT_SETTINGS, or ``"the unit itself"``, which made another
        value of what it was asked. ezmsg's own events don't say who asked, so that elsewhere
        it is ``"not known which"`` of these.
    seq
        Number of the event on its server.
    """

    time: float
    unit: str
    field: str
    old: Any
    new: Any
    source: ChangeSource
    seq: int


@dataclass(frozen=True, slots=True)
class ReportedSettings:
    """The settings of one unit, as reported.

    ``structured`` is a plain nested dict; empty where the value can't be read field by field.
    ``serialized`` is their pickle, unread, as far as one came along. ``verdict`` is how the unit
    took them, None where it can't be known.
    """

    structured: Mapping[str, Any]
    schema: Any
    text: str
    seq: int
    reported_at: float
    serialized: bytes | None = None
    verdict: Verdict | None = None


def structured_of(value: SettingsSnapshotValue) -> dict[str, Any]:
    """The fields of a reported value as plain data."""
    for found in (value.structured_value, value.repr_value):
        if isinstance(found, dict):
            return {str(name): plain_report(item) for name, item in found.items()}
    return {}


def _verdict_of(value: SettingsSnapshotValue) -> Verdict | None:
    verdict = verdict_of(value)
    return verdict and replace(verdict, asked=plain_report(verdict.asked))


def _text_of(value: SettingsSnapshotValue) -> str:
    return value.repr_value if isinstance(value.repr_value, str) else ""


def value_at(structured: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path.

    Raises
    ------
    KeyError
        The path leads nowhere.
    """
    found: Any = structured
    for part in path.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(path)
        found = found[part]
    return found


def leaves(structured: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and values of everything that isn't itself a mapping with fields."""
    for name, value in structured.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def same_value(one: Any, other: Any) -> bool:
    """Equal and of the same kind: 1, 1.0 and True are three values; a list may be a tuple."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    return type(one) is type(other) and (one == other or (one != one and other != other))


def same_or_both_nan(one: Any, other: Any) -> bool:
    """Equal, 1 and 1.0 too; NaN is what was asked where NaN was asked, inside lists as well."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_or_both_nan, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same_or_both_nan(one[key], other[key]) for key in one
        )
    return bool(one == other or (one != one and other != other))


def value_or_none(structured: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where the path leads nowhere."""
    try:
        return value_at(structured, path)
    except KeyError:
        return None


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Paths of the leaves that differ."""
    known = dict(leaves(before))
    return {
        path
        for path, value in leaves(after)
        if path not in known or not same_value(known[path], value)
    }


def apart_from(paths: Collection[str], fields: Collection[str]) -> set[str]:
    """Those of some paths that are no part of these fields, nor these of them."""
    return {
        path
        for path in paths
        if not any(f"{path}.".startswith(f"{own}.") or own.startswith(f"{path}.") for own in fields)
    }


class SettingsStore:
    """Current and initial settings of all units, and the history of changes.

    Written on the context's loop only; read from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, ReportedSettings] = {}
        self._initial: dict[str, dict[str, Any]] = {}
        self._history: deque[SettingsChange] = deque(maxlen=HISTORY_LENGTH)
        self._listeners: list[Callable[[str, ReportedSettings], None]] = []
        self._waiters: set[asyncio.Event] = set()
        self._watchers: dict[str, list[asyncio.Queue[ReportedSettings]]] = {}
        self._own_expected: dict[str, list[dict[str, Any]]] = {}
        self._own_pending: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    def state(self, unit: str) -> ReportedSettings | None:
        with self._lock:
            return self._states.get(unit)

    def states(self) -> dict[str, ReportedSettings]:
        with self._lock:
            return dict(self._states)

    def initial(self, unit: str) -> dict[str, Any] | None:
        """The structured value that the unit was registered with, None where not known."""
        with self._lock:
            return self._initial.get(unit)

    def history(self) -> list[SettingsChange]:
        """Changes of fields, oldest first; the newest `HISTORY_LENGTH` are kept."""
        with self._lock:
            return list(self._history)

    def on_change(self, listener: Callable[[str, ReportedSettings], None]) -> None:
        """Call `listener` with unit and state, on the context's loop, at each report."""
        self._listeners.append(listener)

    def begin_own(self, unit: str) -> None:
        """Note that this kernel is about to edit a unit: its event may come before the answer."""
        self._own_pending[unit] = []

    def end_own(self, unit: str, patched: dict[str, Any] | None) -> None:
        """Note what the owner answered, None where the edit failed."""
        came = self._own_pending.pop(unit, [])
        if patched is None:
            return
        for seq, structured in came:
            if structured == patched:
                self._relabel(seq)
                return
        expected = self._own_expected.setdefault(unit, [])
        expected.append(patched)
        # One whose event never comes must not stay for ever.
        del expected[:-EXPECTED_AT_MOST]

    def _relabel(self, seq: int) -> None:
        with self._lock:
            for place in range(len(self._history) - 1, -1, -1):
                change = self._history[place]
                if change.seq < seq:
                    break
                if change.seq == seq and change.source != "the unit itself":
                    self._history[place] = replace(change, source="this kernel")

    def take_snapshot(self, snapshot: Mapping[str, SettingsSnapshotValue]) -> None:
        """Take a whole settings snapshot as the truth; units that it lacks are gone."""
        with self._lock:
            for unit in set(self._states) - set(snapshot):
                del self._states[unit]
        for unit, value in snapshot.items():
            known = self.state(unit)
            if known is None or known.structured != structured_of(value):
                self._take(unit, value, seq=known.seq if known else 0, at=0.0)

    def record(self, event: SettingsChangedEvent) -> None:
        """Take an event: a new current value, or the initial one of a newly registered unit."""
        unit, structured = event.component_address, structured_of(event.value)
        known = self.state(unit)
        initial = event.event_type.value == "INITIAL_SETTINGS"
        if initial:
            with self._lock:
                self._initial[unit] = structured
        self._note_changes(unit, known, structured, event, initial=initial)
        self._take(unit, event.value, seq=event.seq, at=event.timestamp)

    def _note_changes(
        self,
        unit: str,
        known: ReportedSettings | None,
        structured: dict[str, Any],
        event: SettingsChangedEvent,
        *,
        initial: bool,
    ) -> None:
        source: ChangeSource = "not known which"
        verdict = verdict_of(event.value)
        asked = dict(verdict.asked) if verdict is not None else structured
        if unit in self._own_pending:
            self._own_pending[unit].append((event.seq, asked))
        expected = self._own_expected.get(unit, [])
        if asked in expected:
            del expected[: expected.index(asked) + 1]
            source = "this kernel"
        elif initial or known is None:
            source = "initial"
        elif verdict is not None:
            source = _BY_ORIGIN[verdict.origin]
        adjusted = verdict is not None and verdict.kind == "adjusted"
        before = dict(leaves(known.structured)) if known else {}
        with self._lock:
            for path, new in leaves(structured):
                old = before.get(path)
                if path not in before or not same_value(old, new):
                    by_itself = adjusted and not same_value(value_or_none(asked, path), new)
                    by: ChangeSource = "the unit itself" if by_itself else source
                    self._history.append(
                        SettingsChange(event.timestamp, unit, path, old, new, by, event.seq)
                    )
            text = _text_of(event.value)
            if not structured and (known is None or text != known.text):
                # No field of it can be read: all of it is one change.
                old_text = known.text if known is not None else None
                self._history.append(
                    SettingsChange(event.timestamp, unit, "", old_text, text, source, event.seq)
                )

    def _take(self, unit: str, value: SettingsSnapshotValue, *, seq: int, at: float) -> None:
        state = ReportedSettings(
            structured=structured_of(value),
            schema=value.settings_schema,
            text=_text_of(value),
            seq=seq,
            reported_at=at,
            serialized=value.serialized,
            verdict=_verdict_of(value),
        )
        with self._lock:
            self._states[unit] = state
        for waiter in self._waiters:
            waiter.set()
        for reports in self._watchers.get(unit, ()):
            reports.put_nowait(state)
        for listener in list(self._listeners):
            listener(unit, state)

    @contextlib.contextmanager
    def watch(self, unit: str) -> Iterator[asyncio.Queue[ReportedSettings]]:
        """All reports of a unit from now on, in order, none passed over."""
        reports: asyncio.Queue[ReportedSettings] = asyncio.Queue()
        watchers = self._watchers.setdefault(unit, [])
        watchers.append(reports)
        try:
            yield reports
        finally:
            watchers.remove(reports)

    async def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait on the context's loop until a condition on this store holds.

        Returns whether it came to hold within `timeout` seconds.
        """
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    changed.clear()
                    await changed.wait()
            return True
        except TimeoutError:
            return condition()
        finally:
            self._waiters.discard(changed)
