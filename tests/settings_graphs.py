"""A graph with a unit that has settings of every kind."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
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


class SlowKinds(Kinds):
    """Takes a tenth of a second for its settings."""

    @ez.subscriber(Kinds.INPUT_SETTINGS)
    async def on_settings(self, settings: KindsSettings) -> None:
        await asyncio.sleep(0.1)
        self.apply_settings(settings)


def slow_kinds() -> dict[str, Any]:
    return {"components": {"KINDS": SlowKinds(KindsSettings())}}


class Limited(ez.Unit):
    """Makes of its settings what it can: no number above ten, no text at all."""

    SETTINGS = KindsSettings
    INPUT_SETTINGS = ez.InputStream(KindsSettings)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: KindsSettings) -> None:
        self.apply_settings(replace(settings, number=min(settings.number, 10.0), text="fixed"))


class Driver(ez.Unit):
    """Publishes settings for another unit when it is told to."""

    SETTINGS = KindsSettings
    INPUT_SETTINGS = ez.InputStream(KindsSettings)
    OUTPUT = ez.OutputStream(KindsSettings)

    @ez.subscriber(INPUT_SETTINGS)
    @ez.publisher(OUTPUT)
    async def on_settings(self, settings: KindsSettings) -> AsyncGenerator[Any, None]:
        self.apply_settings(settings)
        yield self.OUTPUT, settings


def driven() -> dict[str, Any]:
    """LIMITED changes what it is asked; DRIVEN has its settings from DRIVER."""
    driver, follower = Driver(KindsSettings()), Kinds(KindsSettings())
    return {
        "components": {
            "LIMITED": Limited(KindsSettings()),
            "DRIVER": driver,
            "DRIVEN": follower,
        },
        "connections": ((driver.OUTPUT, follower.INPUT_SETTINGS),),
    }


def many_kinds() -> dict[str, Any]:
    return {"components": {"KINDS": Kinds(KindsSettings())}}
