"""The subscription that brings trace samples from a GraphServer."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable

from ezmsg.core.graphmeta import ProfilingStreamControl
from ezmsg.core.netprotocol import Command

from ..context import KernelGraphContext
from ..errors import UnsafePayloadError
from ..streams import SupervisedStream
from ..wire import Connection, payload_argument
from .trace_decode import ProcessSamples, TraceDecoder

STREAM_INTERVAL_S = 0.5
"""How often the server hands over samples. It keeps 200,000 a process and scans them all each
time, under its one lock: longer intervals cost less, and this one loses nothing up to 400,000
samples/s of a process, three times what was ever seen to arrive."""

STREAM_MAX_SAMPLES = 200_000
"""Samples of a process that one message may bring: all that the server keeps."""

TAIL_DEADLINE_S = 3.0
TAIL_QUIET_S = 0.2


class TraceStream(SupervisedStream[None]):
    """The trace subscription; its samples go to a callback as soon as they come."""

    def __init__(
        self,
        context: KernelGraphContext,
        decoder: TraceDecoder,
        interval_s: float,
        take: Callable[[ProcessSamples], None],
        gap: Callable[[], None],
    ) -> None:
        super().__init__(context, 1)
        self._decoder = decoder
        self._deliver = take
        self._gap = gap
        self._interval_s = interval_s
        control = ProfilingStreamControl(interval=interval_s, max_samples=STREAM_MAX_SAMPLES)
        self._setup = payload_argument(pickle.dumps(control))
        self._last_message_at = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="trace-stream")

    async def _drain(self, connection: Connection, *, resume: bool) -> None:
        await connection.open_client(Command.SESSION_PROFILING_SUBSCRIBE, self._setup)
        if resume:
            self._gap()
        self.is_live = True
        while True:
            frame = await connection.read_frame()
            try:
                arrived = self._decoder.decode(frame)
            except UnsafePayloadError:
                self.undecodable += 1
                continue
            self._last_message_at = time.monotonic()
            for samples in arrived:
                self._deliver(samples)

    async def wait_for_tail(self) -> None:
        """Wait until the server has handed over what it had when this was called."""
        asked = time.monotonic()
        # The answers of the processes came after all that they had pushed, so the server's next
        # round brings it, in one message or in many: a round's time, and then silence.
        while self.is_live:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            quiet_s = now - max(asked, self._last_message_at)
            if now - asked > self._interval_s + TAIL_QUIET_S and quiet_s > TAIL_QUIET_S:
                return
            if now - asked > TAIL_DEADLINE_S:
                return
