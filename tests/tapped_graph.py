"""A graph for the tests of taps: arrays, and messages of a class that is not of messages."""

# ezmsg's decorators are untyped.
# mypy: disallow-untyped-decorators=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from fractions import Fraction
from typing import Any

import ezmsg.core as ez
import numpy as np
from ezmsg.util.messages.axisarray import AxisArray


class Source(ez.Unit):
    OUTPUT_ARRAY = ez.OutputStream(AxisArray)
    OUTPUT_FOREIGN = ez.OutputStream(Fraction)

    @ez.publisher(OUTPUT_ARRAY)
    @ez.publisher(OUTPUT_FOREIGN)
    async def publish(self) -> AsyncGenerator[Any, None]:
        axes = {
            "time": AxisArray.TimeAxis(fs=500.0),
            "ch": AxisArray.CoordinateAxis(
                data=np.array([f"ch{number}" for number in range(8)]), dims=["ch"]
            ),
        }
        while True:
            yield self.OUTPUT_ARRAY, AxisArray(np.zeros((25, 8)), dims=["time", "ch"], axes=axes)
            yield self.OUTPUT_FOREIGN, Fraction(3, 2)
            await asyncio.sleep(0.02)


def build() -> dict[str, Any]:
    return {"components": {"SOURCE": Source()}}
