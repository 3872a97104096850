"""What a unit of our host made of settings, told in the event that reports them.

ezmsg reports a settings value before the unit's handler has run. A process of our host
reports after it, and says in the same event how it went: an attribute more on ezmsg's
``SettingsSnapshotValue``, which every other reader ignores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

ATTRIBUTE = "ezmsg_nb_verdict"

VerdictKind = Literal["applied", "unseen", "refused", "adjusted"]
Origin = Literal["session", "units", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a unit took a settings value.

    Attributes
    ----------
    kind
        ``"applied"``: its own SETTINGS are the value. ``"unseen"``: its handler ended well,
        but its SETTINGS do not show the value. ``"refused"``: its handler raised.
        ``"adjusted"``: its handler made something else of it. In both cases the event carries
        what the unit holds in place of what was asked.
    asked
        The structured value that was asked.
    error, traceback
        Of the handler that raised; empty otherwise.
    origin
        Who asked: ``"session"``, a client of the GraphServer; ``"units"``, the graph itself,
        by a stream that is connected to the unit's INPUT_SETTINGS; or ``"unknown"``.
    """

    kind: VerdictKind
    asked: Mapping[str, Any]
    error: str = ""
    traceback: str = ""
    origin: Origin = "unknown"

    def as_plain(self) -> dict[str, Any]:
        """Builtin values only, which any unpickler can read."""
        return {
            "kind": self.kind,
            "asked": dict(self.asked),
            "error": self.error,
            "traceback": self.traceback,
            "origin": self.origin,
        }


def verdict_of(value: object) -> Verdict | None:
    """The verdict that came with a settings value, None where there is none that can be read."""
    found = getattr(value, ATTRIBUTE, None)
    if not isinstance(found, dict):
        return None
    kind, asked = found.get("kind"), found.get("asked")
    if kind not in ("applied", "unseen", "refused", "adjusted") or not isinstance(asked, dict):
        return None
    origin = found.get("origin")
    return Verdict(
        cast(VerdictKind, kind),
        asked,
        str(found.get("error", "")),
        str(found.get("traceback", "")),
        cast(Origin, origin) if origin in ("session", "units") else "unknown",
    )
