"""A graph with a unit that has settings of every kind."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import ezmsg.core as ez


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True)
class Inner:
    order: int = 4
    gain: float = 1.0


class KindsSettings(ez.Settings):
    number: float = 1.0
    count: int = 3
    on: bool = True
    maybe: float | None = None
    text: str = "text"
    mode: Mode = Mode.FAST
    band: tuple[float, float] = (1.0, 40.0)
    sizes: tuple[int, ...] = (1, 2)
    labels: dict[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    # As many units declare it, against their own type.
    unset: float = None


class Kinds(ez.Unit):
    SETTINGS = KindsSettings
    INPUT_SETTINGS = ez.InputStream(KindsSettings)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: KindsSettings) -> None:
        self.apply_settings(settings)


def many_kinds() -> dict[str, Any]:
    return {"components": {"KINDS": Kinds(KindsSettings())}}
