"""A unit that says the same again and again, for the test of stored notebooks."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez


class TellerSettings(ez.Settings):
    words: str = "first words"


class Teller(ez.Unit):
    SETTINGS = TellerSettings
    INPUT_SETTINGS = ez.InputStream(TellerSettings)
    OUTPUT = ez.OutputStream(str)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, message: TellerSettings) -> None:
        self.apply_settings(message)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        while True:
            yield self.OUTPUT, self.SETTINGS.words
            await asyncio.sleep(0.01)
