"""Telling subscribers which publishers they have: in turn where they would meet, and without
waiting for those who stand still."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from ezmsg.core import graphserver
from ezmsg.core.netprotocol import Command, SubscriberInfo, encode_str

from .stopped_clients import addresses_of_stopped

logger = logging.getLogger("ezmsg")

_LOOK_AFTER_S = 0.05


class _Told:
    """One subscriber, and what it was told."""

    def __init__(self, client: SubscriberInfo) -> None:
        self.client = client
        self.known: set[UUID] = set()
        self.under_way: set[UUID] | None = None
        self.registering: list[UUID] = []
        self.silent = False
        self.stopped = False
        self.waiting: list[asyncio.Future[None]] = []
        self.waiting_for_next: list[asyncio.Future[None]] = []
        self.timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Its end of the connection, where that is on this machine."""
        peer = self.client.writer.get_extra_info("peername")
        own = self.client.writer.get_extra_info("sockname")
        return (peer[0], peer[1]) if peer and own and peer[0] == own[0] else None


class UpdateNotifier:
    """Sends UPDATE to subscribers, one at a time to each, always with what is true then.

    Two subscribers in one process that register a new publisher at the same time make two
    channels to it, and lose one: so nobody is told of a publisher while another registers
    it. A subscriber that does not acknowledge in time holds nobody up any longer; it is told
    what has changed when it has acknowledged. One that is busy gets that time, one whose
    process is found to be stopped does not.

    Parameters
    ----------
    publishers_of
        Gives the ids of the publishers upstream of a topic.
    """

    def __init__(self, publishers_of: Callable[[str], list[UUID]]) -> None:
        self._publishers_of = publishers_of
        self._subscribers: dict[UUID, _Told] = {}
        self._to_tell: dict[UUID, _Told] = {}
        self._registering: set[UUID] = set()
        self._look: asyncio.Future[frozenset[tuple[str, int]]] | None = None

    def add(self, client: SubscriberInfo) -> None:
        self._subscribers[client.id] = _Told(client)

    def remove(self, client_id: UUID) -> None:
        """Forget a subscriber that is gone; nobody waits for it any more."""
        told = self._subscribers.pop(client_id, None)
        if told is not None:
            self._to_tell.pop(client_id, None)
            self._release(told)
            self._tell_whoever_can_be()

    def tell(self, clients: Iterable[SubscriberInfo]) -> list[asyncio.Future[None]]:
        """Tell subscribers what publishers they have.

        Each result is there when the subscriber has taken it up, is gone, or was waited for
        long enough.
        """
        loop = asyncio.get_running_loop()
        asked = []
        for client in clients:
            told = self._subscribers.get(client.id)
            if told is None:
                continue
            self._to_tell[client.id] = told
            if not told.silent:
                waiting: asyncio.Future[None] = loop.create_future()
                told.waiting_for_next.append(waiting)
                asked.append(waiting)
        self._tell_whoever_can_be()
        return asked

    def acknowledged(self, client_id: UUID) -> None:
        """A subscriber has sent COMPLETE."""
        told = self._subscribers.get(client_id)
        if told is None or told.under_way is None:
            return
        told.known, told.under_way = told.under_way, None
        told.silent = told.stopped = False
        self._release(told, only_sent=True)
        self._tell_whoever_can_be()

    def _tell_whoever_can_be(self) -> None:
        found: dict[str, list[UUID]] = {}
        for told in list(self._to_tell.values()):
            if told.under_way is not None:
                continue
            topic = told.client.topic
            if topic not in found:
                found[topic] = self._publishers_of(topic)
            new = [one for one in found[topic] if one not in told.known]
            if self._registering.isdisjoint(new):
                del self._to_tell[told.client.id]
                self._send(told, found[topic], new)

    def _send(self, told: _Told, publishers: list[UUID], new: list[UUID]) -> None:
        told.waiting, told.waiting_for_next = told.waiting_for_next, []
        writer = told.client.writer
        if writer.transport.is_closing():
            self._release(told)
            return
        told.under_way = set(publishers)
        told.registering = new
        self._registering.update(new)
        text = ",".join(str(one) for one in publishers)
        writer.write(Command.UPDATE.value + encode_str(text))
        if told.stopped:
            self._give_up(told)
            return
        loop = asyncio.get_running_loop()
        timeout_s = graphserver.SUBSCRIBER_UPDATE_TIMEOUT_SEC
        told.timer = loop.call_later(
            min(_LOOK_AFTER_S, timeout_s), self._is_slow, told, loop.time() + timeout_s
        )

    def _is_slow(self, told: _Told, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        told.timer = loop.call_at(deadline, self._fell_silent, told)
        if self._look is None and told.address is not None:
            self._look = loop.run_in_executor(None, addresses_of_stopped)
            self._look.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Future[frozenset[tuple[str, int]]]) -> None:
        self._look = None
        if look.cancelled() or look.exception() is not None:
            return
        stopped = [told for told in self._subscribers.values() if told.address in look.result()]
        for told in stopped:
            told.stopped = told.under_way is not None or told.client.id in self._to_tell
        for told in stopped:
            if told.timer is not None:
                self._fell_silent(told)

    def _fell_silent(self, told: _Told) -> None:
        self._give_up(told)
        self._tell_whoever_can_be()

    def _give_up(self, told: _Told) -> None:
        told.silent = True
        logger.warning(
            "Subscriber %s of %s does not take up a change of its publishers; it will when it "
            "reads again",
            told.client.id,
            told.client.topic,
        )
        self._release(told)

    def _release(self, told: _Told, *, only_sent: bool = False) -> None:
        """Let go on whoever waits for a subscriber, or for what it registers."""
        if told.timer is not None:
            told.timer.cancel()
            told.timer = None
        self._registering.difference_update(told.registering)
        told.registering = []
        for waiting in told.waiting if only_sent else told.waiting + told.waiting_for_next:
            if not waiting.done():
                waiting.set_result(None)
        told.waiting = []
        if not only_sent:
            told.waiting_for_next = []
