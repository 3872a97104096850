"""What may be said of a unit in a picture: how it is, or what became of it."""

from __future__ import annotations

from typing import Final, Literal

UnitState = Literal["ok", "dead", "stale", "slow", "paused", "added", "removed", "moved", "changed"]
"""The first five are how a unit is: well, its process died, doesn't answer, held back by who
reads from it, paused. The others say what became of it between two times."""

MARK_COLORS: Final = {
    "added": "#2e8540",
    "removed": "#c62828",
    "moved": "#b26a00",
    "changed": "#1f6fbf",
    "dead": "#c62828",
    "slow": "#b26a00",
}
"""For pictures without a theme: readable on white and on black pages."""

MARK_SIGNS: Final = {"added": "+", "removed": "−", "moved": "→", "changed": "✎"}  # noqa: RUF001
