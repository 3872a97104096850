"""Edits of settings: one writer per unit, and proof of what became of each edit.

ezmsg acknowledges an edit when the owning process has published the patched value, and
loses acknowledged edits of different fields when they follow each other quickly (15 of 15
rounds with a handler of 0.1 s, measured). So the next edit of a unit waits for the event of
the last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ezmsg.core.graphmeta import SettingsSnapshotValue

from ..errors import GraphError, RequestTimeoutError, SettingsNotAppliedError
from .store import SettingsStore, structured_of, value_at

EditState = Literal["reported", "applied"]

POLL_FIRST_S = 0.001
POLL_LONGEST_S = 0.05
FAILURE_SETTLES_S = 0.05
"""A failure counts once it still stands after this time: the handler that failed may have
been an earlier one's, while ours has not begun."""


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """What is known to have become of an edit.

    Attributes
    ----------
    state
        ``"applied"``: the unit itself holds the value. ``"reported"``: the process that owns
        the unit has reported it; whether the unit took it can't be asked.
    value
        The structured value of the field as its owner has it, which may differ from what
        was asked.
    note
        What a person should know besides; empty mostly.
    """

    state: EditState
    value: Any
    note: str = ""


UpdateSetting = Callable[[str, str, object, float], Awaitable[SettingsSnapshotValue]]
AskUnit = Callable[[str, float], Awaitable[Mapping[str, Any]]]


class SettingsEditor:
    """Writes settings of a graph, each unit's in order.

    Parameters
    ----------
    store
        Follows the settings events of the graph.
    update_setting
        Sends an edit to the owner: (unit, field path, value, timeout) -> patched value.
    ask_unit
        Asks a unit itself what it holds, see `kernel_runtime.host.operations`; None for a
        graph that isn't our host's.
    address
        Of the GraphServer, for messages.
    """

    def __init__(
        self,
        store: SettingsStore,
        update_setting: UpdateSetting,
        ask_unit: AskUnit | None,
        address: str,
    ) -> None:
        self._store = store
        self._update_setting = update_setting
        self._ask_unit = ask_unit
        self._address = address
        self._turns: dict[str, asyncio.Lock] = {}
        self._failures_seen: dict[str, int] = {}

    async def edit(
        self,
        unit: str,
        path: str,
        value: object,
        *,
        timeout: float = 5.0,
        on_reported: Callable[[], None] | None = None,
    ) -> EditOutcome:
        """Set one field, and return when it is known to be in force.

        Parameters
        ----------
        unit, path
            Address of the unit; dotted path of the field.
        value
            As the owner shall have it: already coerced to the field's type.
        timeout
            Seconds for all of it, waiting for earlier edits of the unit included.
        on_reported
            Called when the owner has reported the value and the unit is still to be asked.

        Raises
        ------
        SettingsNotAppliedError
            It was sent, and the owner did not report it, or the unit's handler failed or
            does not hold it; the message says which.
        RequestTimeoutError, HandlerError, UnroutableUnitError, UnsupportedOperationError
            It was refused, or nothing is known: it may still be applied later.
        """
        deadline = time.monotonic() + timeout
        turn = self._turns.setdefault(unit, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout):
                await turn.acquire()
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"{unit}.{path} was not sent: an earlier edit of {unit!r} has not settled within "
                f"{timeout:g} s.",
                address=self._address,
                unit=unit,
                field=path,
            ) from error
        try:
            return await self._edit_in_turn(unit, path, value, deadline, timeout, on_reported)
        finally:
            turn.release()

    async def _edit_in_turn(
        self,
        unit: str,
        path: str,
        value: object,
        deadline: float,
        timeout: float,
        on_reported: Callable[[], None] | None,
    ) -> EditOutcome:
        if self._ask_unit is not None and unit not in self._failures_seen:
            self._failures_seen[unit] = (await self._ask(unit, deadline))["failed"]
        known = self._store.state(unit)
        seq_before = known.seq if known else 0
        patched: dict[str, Any] | None = None
        self._store.begin_own(unit)
        try:
            left = max(0.05, deadline - time.monotonic())
            patched = structured_of(await self._update_setting(unit, path, value, left))
        finally:
            self._store.end_own(unit, patched)
        expected = value_at(patched, path)

        def reported() -> bool:
            state = self._store.state(unit)
            return (
                state is not None
                and state.seq > seq_before
                and _holds(state.structured, path, expected)
            )

        left = max(0.0, deadline - time.monotonic())
        if not await self._store.wait_until(reported, left):
            raise SettingsNotAppliedError(
                f"{unit}.{path} = {expected!r} was published by the unit's process, but not "
                f"reported within {timeout:g} s: the unit may be busy in its settings handler, or "
                f"its inlet does not listen any more. It may still be applied.",
                address=self._address,
                unit=unit,
                field=path,
            )
        if self._ask_unit is None:
            return EditOutcome("reported", expected)
        if on_reported is not None:
            on_reported()
        return await self._until_applied(unit, path, expected, deadline, timeout)

    async def _until_applied(
        self, unit: str, path: str, expected: Any, deadline: float, timeout: float
    ) -> EditOutcome:
        pause_s = POLL_FIRST_S
        failing_since: float | None = None
        while True:
            answer = await self._ask(unit, deadline)
            structured = answer["structured"]
            if isinstance(structured, Mapping) and _holds(structured, path, expected):
                self._failures_seen[unit] = answer["failed"]
                return EditOutcome("applied", expected)
            now = time.monotonic()
            idle = answer["received"] == answer["finished"]
            if idle and answer["error"] and answer["failed"] > self._failures_seen[unit]:
                failing_since = failing_since or now
                if now - failing_since >= FAILURE_SETTLES_S:
                    self._failures_seen[unit] = answer["failed"]
                    raise self._handler_failed(unit, path, expected, answer)
            else:
                failing_since = None
            if now + pause_s >= deadline:
                if idle:
                    return EditOutcome(
                        "reported",
                        expected,
                        f"{unit}'s settings handler ended without an error, but its SETTINGS do "
                        f"not show the value.",
                    )
                raise SettingsNotAppliedError(
                    f"{unit}.{path} = {expected!r} was reported, but the unit's settings handler "
                    f"has not finished within {timeout:g} s. It may still apply it.",
                    address=self._address,
                    unit=unit,
                    field=path,
                )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_LONGEST_S)

    def _handler_failed(
        self, unit: str, path: str, expected: Any, answer: Mapping[str, Any]
    ) -> SettingsNotAppliedError:
        held = "not known"
        if isinstance(answer["structured"], Mapping):
            try:
                held = repr(value_at(answer["structured"], path))
            except KeyError:
                held = "not among its settings"
        error = SettingsNotAppliedError(
            f"{unit}.{path} = {expected!r} was not taken: the unit's settings handler raised "
            f"{answer['error']}. The unit still holds {held}.",
            address=self._address,
            unit=unit,
            field=path,
        )
        if answer.get("traceback"):
            error.add_note(str(answer["traceback"]))
        return error

    async def _ask(self, unit: str, deadline: float) -> Mapping[str, Any]:
        assert self._ask_unit is not None
        return await self._ask_unit(unit, max(0.05, deadline - time.monotonic()))


def _holds(structured: Mapping[str, Any], path: str, expected: Any) -> bool:
    try:
        found = value_at(structured, path)
    except KeyError:
        return False
    # NaN is what was asked where NaN was asked.
    return bool(found == expected or (found != found and expected != expected))


def describe_failure(error: BaseException) -> str:
    """One line for a person, for a place beside the field."""
    if isinstance(error, GraphError):
        return error.message
    return f"{type(error).__name__}: {error}"
