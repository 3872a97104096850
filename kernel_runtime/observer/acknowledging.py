"""Messages acknowledged a few at a time, which wakes their publisher less often.

Each acknowledgement wakes the publishing process from its wait, and that costs it more than
reading the acknowledgement does. Several that come together wake it once; and at the moment when
it has just sent the next message it is awake already. A publisher has 32 buffers, as a rule, and
waits for a buffer only where all are taken.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from ezmsg.core.messagechannel import Channel, NotificationQueue
from ezmsg.core.netprotocol import Command, uint64_to_bytes

from ..ezmsg_compat import channel_transport

QUEUE_SHARE = 0.6
"""Of a publisher's buffers: so many of its messages may wait here at most."""

MOST_HELD = 4
BUFFERS_A_HELD_ONE = 8
"""A publisher of few buffers can't spare any of them."""

HOLD_S = 0.2
"""At the longest: who waits for a publisher to have all its buffers free waits so much longer."""


class HeldAcknowledgements:
    """Acknowledges the messages of a channel, `MOST_HELD` at a time.

    Made in the event loop of the channel, in the place of the channel's own acknowledging.
    """

    def __init__(self, channel: Channel) -> None:
        self._transport = channel_transport(channel)
        self._most = max(1, min(MOST_HELD, channel.num_buffers // BUFFERS_A_HELD_ONE))
        self._held: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        channel._acknowledge = self.take  # type: ignore[method-assign]

    def take(self, msg_id: int) -> None:
        """Acknowledge a message by its number, soon."""
        self._held.append(Command.RX_ACK.value + uint64_to_bytes(msg_id))
        if self._most == 1 or len(self._held) > self._most:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._send)

    def send_due(self) -> None:
        """Send what is held where it is enough."""
        if len(self._held) >= self._most:
            self._send()

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        # Where the connection has ended the publisher has freed all of them by itself.
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


class ObservedChannels(dict[UUID, Channel]):
    """Channels of a subscriber by their publishers, each with `HeldAcknowledgements`.

    Parameters
    ----------
    queue
        Of the subscriber: made so short that no publisher has to wait for it.
    """

    def __init__(self, queue: NotificationQueue) -> None:
        super().__init__()
        self._queue: Any = queue
        self._held: dict[UUID, HeldAcknowledgements] = {}

    def __setitem__(self, publisher: UUID, channel: Channel) -> None:
        super().__setitem__(publisher, channel)
        self._held[publisher] = HeldAcknowledgements(channel)
        share = max(1, int(QUEUE_SHARE * channel.num_buffers))
        self._queue._maxsize = min(self._queue._maxsize, share)

    def __delitem__(self, publisher: UUID) -> None:
        super().__delitem__(publisher)
        del self._held[publisher]

    def send_due(self) -> None:
        """Send what is held where it is enough; called when a message has just come."""
        for held in self._held.values():
            held.send_due()
