"""Graphs for the tests of the host: factories by name, units with the habits to survive."""

# ezmsg's decorators are untyped, and it declares SETTINGS as None.
# mypy: disallow-untyped-decorators=false, disable-error-code="assignment"

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import ezmsg.core as ez


class SourceSettings(ez.Settings):
    rate_hz: float = 200.0


class Source(ez.Unit):
    SETTINGS = SourceSettings
    OUTPUT = ez.OutputStream(int)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        period_s = 1.0 / self.SETTINGS.rate_hz
        next_s = time.monotonic()
        number = 0
        while True:
            next_s += period_s
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
            yield self.OUTPUT, number
            number += 1


class Sink(ez.Unit):
    INPUT = ez.InputStream(int)

    async def initialize(self) -> None:
        self.count = 0

    @ez.subscriber(INPUT)
    async def on_message(self, message: int) -> None:
        self.count += 1


def _pipeline(source: Source | Finite, sink: Sink, **more: ez.Unit) -> dict[str, Any]:
    return {
        "components": {"SOURCE": source, "SINK": sink, **more},
        "connections": ((source.OUTPUT, sink.INPUT),),
        "process_components": (source, sink, *more.values()),
    }


def steady() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink())


def rapid() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings(rate_hz=2_000.0)), Sink())


class Stubborn(ez.Unit):
    """Ignores signals and never gives its event loop or its process back."""

    @ez.task
    async def refuse(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        print("stubborn now")
        while True:
            try:
                time.sleep(60)
            except BaseException:
                continue


def stubborn() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), STUBBORN=Stubborn())


class Parent(ez.Unit):
    """Starts a process of its own, which nobody stops."""

    async def initialize(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"grandchild {child.pid}")


def with_grandchild() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), PARENT=Parent())


class Talker(ez.Unit):
    """Prints in every way there is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    async def initialize(self) -> None:
        print("talker initializes")

    @ez.task
    async def talk(self) -> None:
        print("printed", "in two parts", end="")
        print(" and finished")
        print("to standard error", file=sys.stderr)
        logging.getLogger("ezmsg").warning("logged by ezmsg's logger")
        logging.getLogger("my.module").error("logged by my own\nover two lines")
        os.write(1, b"raw standard output\n")
        os.write(2, b"raw standard error\n")
        subprocess.run(["echo", "from a subprocess"], check=True)
        print("long " + "x" * 10_000)
        print("the last word")

    async def shutdown(self) -> None:
        print("talker shuts down")


class Quiet(ez.Unit):
    """Shares a process with another, so that only the context tells whose line it is."""

    @ez.task
    async def murmur(self) -> None:
        for number in range(5):
            print(f"murmur {number}")
            await asyncio.sleep(0.01)


def talkative() -> dict[str, Any]:
    return {"components": {"TALKER": Talker(), "QUIET": Quiet(), "STAYING": Sink()}}


def talkative_alone() -> dict[str, Any]:
    talker = Talker()
    return {
        "components": {"TALKER": talker, "STAYING": Sink()},
        "process_components": (talker,),
    }


class Flood(ez.Unit):
    """Prints from a thread as fast as it can, and straight to the descriptor too."""

    async def initialize(self) -> None:
        self.printed = 0
        threading.Thread(target=self._flood, daemon=True).start()

    def _flood(self) -> None:
        began = time.monotonic()
        while True:
            for _ in range(1_000):
                print(f"flood line {self.printed} of a text that is about as long as usual")
                self.printed += 1
            os.write(1, b"raw flood line of a text that is about as long as usual\n" * 100)
            # At 100,000 lines a second this thread must leave time to the pipeline.
            ahead_s = self.printed / 100_000 - (time.monotonic() - began)
            if ahead_s > 0:
                time.sleep(ahead_s)


def flooding() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), FLOOD=Flood())


class Fragile(ez.Unit):
    async def initialize(self) -> None:
        print("looking for the amplifier")
        raise ValueError("the amplifier is not there")


def fragile() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), FRAGILE=Fragile())


class Dying(ez.Unit):
    async def initialize(self) -> None:
        print("about to be killed")
        os.kill(os.getpid(), signal.SIGKILL)


def dying() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), DYING=Dying())


class Hanging(ez.Unit):
    async def initialize(self) -> None:
        await asyncio.sleep(3600)


def hanging() -> dict[str, Any]:
    return _pipeline(Source(SourceSettings()), Sink(), HANGING=Hanging())


def hanging_factory() -> dict[str, Any]:
    time.sleep(3600)
    raise AssertionError("not reached")


def raising_factory() -> dict[str, Any]:
    raise LookupError("no such electrode layout")


def exiting_factory() -> dict[str, Any]:
    raise SystemExit("factory wants out")


def not_a_graph() -> list[int]:
    return [1]


def empty() -> dict[str, Any]:
    return {"components": {}}


def cyclic() -> dict[str, Any]:
    return {
        "components": {"SINK": Sink()},
        "connections": (("START", "A"), ("A", "SINK/INPUT"), ("A", "B"), ("B", "A")),
    }


class Finite(ez.Unit):
    OUTPUT = ez.OutputStream(int)

    @ez.publisher(OUTPUT)
    async def publish(self) -> AsyncGenerator[Any, None]:
        for number in range(10):
            yield self.OUTPUT, number
        raise ez.NormalTermination


def finite() -> dict[str, Any]:
    return _pipeline(Finite(), Sink())


class Completing(ez.Unit):
    @ez.task
    async def work(self) -> None:
        raise ez.Complete


def completing() -> dict[str, Any]:
    first, second = Completing(), Completing()
    return {
        "components": {"FIRST": first, "SECOND": second},
        "process_components": (first, second),
    }


class GainSettings(ez.Settings):
    gain: float = 1.0
    delay_s: float = 0.0


class Gain(ez.Unit):
    """Its settings handler refuses a negative gain and takes as long as it is told."""

    SETTINGS = GainSettings
    INPUT_SETTINGS = ez.InputStream(GainSettings)

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: GainSettings) -> None:
        await asyncio.sleep(settings.delay_s)
        if settings.gain < 0:
            raise ValueError(f"gain {settings.gain} is negative")
        self.apply_settings(settings)


class Publishing(ez.Unit):
    """A settings handler that also publishes."""

    SETTINGS = GainSettings
    INPUT_SETTINGS = ez.InputStream(GainSettings)
    OUTPUT = ez.OutputStream(float)

    @ez.subscriber(INPUT_SETTINGS)
    @ez.publisher(OUTPUT)
    async def on_settings(self, settings: GainSettings) -> AsyncGenerator[Any, None]:
        if settings.gain < 0:
            raise ValueError(f"gain {settings.gain} is negative")
        self.apply_settings(settings)
        yield self.OUTPUT, settings.gain


def settable() -> dict[str, Any]:
    return {
        "components": {
            "GAIN": Gain(GainSettings()),
            "PUBLISHING": Publishing(GainSettings()),
            "PLAIN": Sink(),
        }
    }
