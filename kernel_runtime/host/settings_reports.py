"""Settings are reported once the unit has taken them, with how it went."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, cast

from ezmsg.core.backendprocess import Complete, NormalTermination
from ezmsg.core.settingsmeta import settings_structured_value
from ezmsg.core.subclient import Subscriber
from ezmsg.core.unit import Unit

from ..settings.verdict import ATTRIBUTE, Origin, Verdict
from .operations import SettingsOutcome
from .settings_patches import SettingsPatches

logger = logging.getLogger("ezmsg")

Handler = Callable[..., Coroutine[Any, Any, None]]
Report = Callable[[Any], Awaitable[None]]
HandleSubscriber = Callable[..., Coroutine[Any, Any, None]]

_verdict: ContextVar[Verdict | None] = ContextVar("settings_verdict", default=None)


def reporting_after(
    handle_subscriber: HandleSubscriber,
    units: Mapping[str, Unit],
    outcomes: Mapping[str, SettingsOutcome],
    patches: SettingsPatches,
) -> HandleSubscriber:
    """``handle_subscriber`` of ezmsg, with the report of settings moved behind the handlers.

    Parameters
    ----------
    handle_subscriber
        ezmsg's own: calls ``on_message``, which reports, before the unit's handlers.
    units, outcomes
        Of this process, by address.
    patches
        What this process was asked to patch.
    """
    unit_of_topic = {
        unit.streams["INPUT_SETTINGS"].address: unit
        for unit in units.values()
        if "INPUT_SETTINGS" in unit.streams
    }

    async def handle(
        sub: Subscriber, callables: set[Handler], on_message: Report | None = None
    ) -> None:
        unit = unit_of_topic.get(sub.topic)
        if on_message is None or unit is None or not callables:
            await handle_subscriber(sub, callables, on_message=on_message)
            return
        name = next((getattr(one, "__name__", None) for one in callables), None)
        outcome = outcomes[unit.address]
        report = on_message

        async def take_then_report(message: Any) -> None:
            failed_before = outcome.failed
            origin = _origin(sub, by_patch=patches.is_waited_for(unit.address, message))
            before: Any = unit.SETTINGS
            for handler in list(callables):
                try:
                    await handler(message)
                except (Complete, NormalTermination):
                    callables.remove(handler)
            asked = settings_structured_value(message) or {}
            held = settings_structured_value(unit.SETTINGS)
            # What the unit holds is the truth, for its owner and the server too.
            truth = unit.SETTINGS if held is not None else message
            patches.taken(unit.address, message)
            if outcome.failed > failed_before:
                error, trace = outcome.error or "", outcome.traceback or ""
                await _told(report, truth, Verdict("refused", asked, error, trace, origin))
            elif held == asked or _alike(unit.SETTINGS, message):
                await _told(report, message, Verdict("applied", asked, origin=origin))
            elif held is not None and before is not cast(Any, unit).SETTINGS:
                await _told(report, truth, Verdict("adjusted", asked, origin=origin))
            else:
                await _told(report, message, Verdict("unseen", asked, origin=origin))
            if not callables:
                raise Complete

        take_then_report.__name__ = name or take_then_report.__name__
        await handle_subscriber(sub, {take_then_report})

    return handle


def _alike(held: object, asked: object) -> bool:
    """Whether settings that can't be read field by field are the same, by all that they show."""
    return settings_structured_value(asked) is None and repr(held) == repr(asked)


def _origin(sub: Subscriber, *, by_patch: bool) -> Origin:
    """Who asked for a value: told by what publishes to the unit's inlet at all."""
    if by_patch:
        return "session"
    channels = sub._channels.values()
    units = any(channel.topic != sub.topic for channel in channels)
    # Units publish to streams of their own, this process for edits of single fields.
    sessions = any(
        channel.topic == sub.topic and channel._local_backpressure is None for channel in channels
    )
    if units == sessions:
        return "unknown"
    return "units" if units else "session"


async def _told(report: Report, message: Any, verdict: Verdict) -> None:
    token = _verdict.set(verdict)
    try:
        await report(message)
    except Exception as error:
        # As ezmsg does: a report that fails must not end the unit's inlet.
        logger.warning("Settings could not be reported to the GraphServer: %s", error)
    finally:
        _verdict.reset(token)


def with_verdict(snapshot: Any) -> Any:
    """Put the verdict of the report that is being made on a ``SettingsSnapshotValue``."""
    verdict = _verdict.get()
    if verdict is not None:
        setattr(snapshot, ATTRIBUTE, verdict.as_plain())
    return snapshot
