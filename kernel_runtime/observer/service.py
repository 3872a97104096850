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
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

from ezmsg.core.messagecache import CacheMiss
from ezmsg.core.subclient import Subscriber

from ..ezmsg_compat import channel_transport
from ..host.child_environment import restore_environment
from ..host.main_module import stand_in_main
from .acknowledging import ObservedChannels
from .leaving import leave_after_a_message
from .ring import RingWriter
from .scope_source import ScopeSource

QUEUE_LENGTH = 24
"""At most; `ObservedChannels` makes it shorter than the buffers of each publisher."""

CONNECT_S = 10.0
LEAVE_S = 1.0

Keep = Callable[[object, int], None]
"""Takes a message, and how many were lost before it."""


class CountingSubscriber(Subscriber):
    """A leaky subscriber that knows how much it dropped, and wakes its publishers seldom."""

    dropped = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._channels: ObservedChannels = ObservedChannels(self._incoming)

    def acknowledge_due(self) -> None:
        """Acknowledge what was held back long enough; called when a message has just come."""
        self._channels.send_due()

    def _handle_dropped_notification(self, notification: Any) -> None:
        self.dropped += 1
        super()._handle_dropped_notification(notification)


class Leaver:
    """Leaves the topic from outside the event loop, which may be busy."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscriber: CountingSubscriber | None = None

    def may_leave(self, subscriber: CountingSubscriber) -> None:
        """Name the subscriber whose channels are to be left; in its event loop."""
        self._loop, self._subscriber = asyncio.get_running_loop(), subscriber

    def leave(self) -> None:
        """Leave where that hurts no publisher, in `LEAVE_S` seconds at the longest."""
        if self._loop is None or self._subscriber is None:
            return
        sockets: list[socket.socket] = []
        taken_over = threading.Event()

        def take_over(subscriber: CountingSubscriber) -> None:
            for channel in subscriber._channels.values():
                transport = channel_transport(channel)
                transport.pause_reading()
                sockets.append(socket.socket(fileno=os.dup(_fd_of(transport))))
            taken_over.set()

        self._loop.call_soon_threadsafe(take_over, self._subscriber)
        if taken_over.wait(LEAVE_S / 2):
            leave_after_a_message(sockets, within_s=LEAVE_S / 2)


def _fd_of(transport: asyncio.ReadTransport) -> int:
    fd: int = transport.get_extra_info("socket").fileno()
    return fd


async def observe(
    topic: str, address: tuple[str, int], keep: Keep, events: BinaryIO, leaver: Leaver
) -> None:
    """Keep the messages of a topic until its server is gone."""
    try:
        async with asyncio.timeout(CONNECT_S):
            subscriber = await CountingSubscriber.create(
                topic, address, leaky=True, max_queue=QUEUE_LENGTH
            )
    except TimeoutError:
        raise TimeoutError(f"the GraphServer did not answer within {CONNECT_S:g} s") from None
    assert isinstance(subscriber, CountingSubscriber)
    leaver.may_leave(subscriber)
    _tell(events, event="ready")
    receiving = asyncio.create_task(receive(subscriber, keep))
    await asyncio.wait([receiving, subscriber._graph_task], return_when=asyncio.FIRST_COMPLETED)
    if receiving.done():
        receiving.result()


async def receive(subscriber: CountingSubscriber, keep: Keep) -> None:
    """Keep one message after the other; does not return."""
    missed = 0
    while True:
        try:
            async with subscriber.recv_zero_copy() as message:
                subscriber.acknowledge_due()
                keep(message, subscriber.dropped + missed)
        except CacheMiss:
            # Its publisher has gone, and took it along.
            missed += 1
        # Even where more wait: the loop reads what came meanwhile, and drops the oldest. A
        # publisher whose messages take long here would wait for this process without.
        await asyncio.sleep(0)


def _keeper(kind: str, ring: RingWriter) -> Keep:
    if kind == "scope":
        return ScopeSource(ring).take

    def keep_whole(message: object, dropped: int) -> None:
        ring.write(pickle.dumps(message, protocol=5), dropped)

    return keep_whole


def _tell(events: BinaryIO, **details: object) -> None:
    try:
        events.write(json.dumps(details).encode() + b"\n")
        events.flush()
    except OSError:
        os._exit(0)


def _end_with(lifeline: BinaryIO, leaver: Leaver) -> None:
    """End when the kernel is gone, or closes the tap."""
    lifeline.read(1)
    try:
        leaver.leave()
    finally:
        os._exit(0)


def main() -> NoReturn:
    """Take the order, and observe until the end of the lifeline."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    restore_environment()
    lifeline, events = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    order = json.loads(lifeline.readline())
    definitions = lifeline.read(order["definitions_bytes"])
    leaver = Leaver()
    threading.Thread(target=_end_with, args=(lifeline, leaver), daemon=True).start()
    try:
        sys.path[:] = order["sys_path"]
        if definitions:
            stand_in_main(definitions)
        keep = _keeper(order["kind"], RingWriter(mmap.mmap(order["memory_fd"], 0)))
        asyncio.run(observe(order["topic"], tuple(order["address"]), keep, events, leaver))
        _tell(events, event="ended", reason="The GraphServer is gone.")
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        _tell(events, event="ended", reason=reason, traceback=traceback.format_exc())
    os._exit(0)
