"""Cells of a notebook that writes a pipeline, as text to run in a kernel or a script."""

SOURCE = """
from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import ezmsg.core as ez
import ezmsg_nb as ezn

SCALE = 3.0

def scaled(value: float) -> float:
    return float(np.asarray(value) * SCALE)

class Mode(Enum):
    REST = 1
    TASK = 2

@dataclass
class Sample:
    value: float
    mode: Mode = Mode.REST

class SourceSettings(ez.Settings):
    rate_hz: float = 100.0
    mode: Mode = Mode.TASK
    names: list[str] = field(default_factory=list)

class SourceState(ez.State):
    count: int = 0
    seen: list = field(default_factory=list)

class Source(ez.Unit):
    SETTINGS = SourceSettings
    STATE = SourceState
    INPUT_SETTINGS = ez.InputStream(SourceSettings)
    OUTPUT = ez.OutputStream(Sample)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, message: SourceSettings) -> None:
        self.apply_settings(message)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator:
        while True:
            await asyncio.sleep(1.0 / self.SETTINGS.rate_hz)
            self.STATE.count += 1
            yield self.OUTPUT, Sample(scaled(self.STATE.count), self.SETTINGS.mode)

class Sink(ez.Unit):
    INPUT = ez.InputStream(Sample)

    @ez.subscriber(INPUT)
    async def on_message(self, message: Sample) -> None:
        if message.value <= SCALE:
            print("own class:", type(message) is Sample, message.mode is Mode.TASK, message.value)
"""

RUN = """
source, sink = Source(), Sink()
g = ezn.run(
    SOURCE=source, SINK=sink,
    connections=[(source.OUTPUT, sink.INPUT)],
    process_components=[source, sink],
)
"""

WAIT_FOR_LINE = """
import time

def wait_for_line(unit: str, text: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = [line for line in g.logs(unit)["text"] if text in line]
        if lines:
            return lines[-1]
        time.sleep(0.02)
    raise AssertionError(f"{unit} never said {text!r}: {list(g.logs()['text'])}")
"""
