"""Graphs that benchmarks run in our host."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

from typing import Any

import ezmsg.core as ez


class GainSettings(ez.Settings):
    gain: float = 1.0
    order: int = 4


class Gain(ez.Unit):
    SETTINGS = GainSettings
    INPUT_SETTINGS = ez.InputStream(GainSettings)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: GainSettings) -> None:
        self.apply_settings(settings)


def gain() -> dict[str, Any]:
    return {"components": {"GAIN": Gain(GainSettings())}}


def gains() -> dict[str, Any]:
    """Nine units, each in a process of its own."""
    units = {f"GAIN{number}": Gain(GainSettings()) for number in range(9)}
    return {"components": units, "process_components": tuple(units.values())}
