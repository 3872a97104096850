"""The observer process: subscribes to a topic, and keeps the newest messages for the kernel.

What the kernel does, or does not do, never reaches the pipeline: this process always reads.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import pickle
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO, NoReturn

from ezmsg.core.messagecache import CacheMiss
from ezmsg.core.subclient import Subscriber

from ..host.host_process import restore_environment
from ..host.main_module import stand_in_main
from .ring import RING_BYTES, RingWriter

QUEUE_LENGTH = 24
"""Less than the 32 buffers of a publisher, which a longer queue could hold up."""

CONNECT_S = 10.0


class CountingSubscriber(Subscriber):
    """A leaky subscriber that knows how much it dropped."""

    dropped = 0

    def _handle_dropped_notification(self, notification: Any) -> None:
        self.dropped += 1
        super()._handle_dropped_notification(notification)


async def observe(topic: str, address: tuple[str, int], ring: RingWriter, events: BinaryIO) -> None:
    """Keep the messages of a topic until its server is gone."""
    try:
        async with asyncio.timeout(CONNECT_S):
            subscriber = await CountingSubscriber.create(
                topic, address, leaky=True, max_queue=QUEUE_LENGTH
            )
    except TimeoutError:
        raise TimeoutError(f"the GraphServer did not answer within {CONNECT_S:g} s") from None
    assert isinstance(subscriber, CountingSubscriber)
    _tell(events, event="ready")
    receiving = asyncio.create_task(_receive(subscriber, ring))
    await asyncio.wait([receiving, subscriber._graph_task], return_when=asyncio.FIRST_COMPLETED)
    if receiving.done():
        receiving.result()


async def _receive(subscriber: CountingSubscriber, ring: RingWriter) -> None:
    missed = 0
    while True:
        try:
            async with subscriber.recv_zero_copy() as message:
                payload = pickle.dumps(message, protocol=5)
        except CacheMiss:
            # Its publisher has gone, and took it along.
            missed += 1
            continue
        ring.write(payload, subscriber.dropped + missed)


def _tell(events: BinaryIO, **details: object) -> None:
    try:
        events.write(json.dumps(details).encode() + b"\n")
        events.flush()
    except OSError:
        os._exit(0)


def _end_with(lifeline: BinaryIO) -> None:
    """End at once when the kernel is gone, or closes the tap."""
    lifeline.read(1)
    os._exit(0)


def main() -> NoReturn:
    """Take the order, and observe until the end of the lifeline."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    restore_environment()
    lifeline, events = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    order = json.loads(lifeline.readline())
    definitions = lifeline.read(order["definitions_bytes"])
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    try:
        sys.path[:] = order["sys_path"]
        if definitions:
            stand_in_main(definitions)
        memory = mmap.mmap(order["memory_fd"], RING_BYTES)
        asyncio.run(observe(order["topic"], tuple(order["address"]), RingWriter(memory), events))
        _tell(events, event="ended", reason="The GraphServer is gone.")
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        _tell(events, event="ended", reason=reason, traceback=traceback.format_exc())
    os._exit(0)
