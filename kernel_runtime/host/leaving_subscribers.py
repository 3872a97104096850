"""Publishers of our graphs outlive subscribers that leave in the middle of a broadcast.

In ezmsg 3.9.0 and 3.10.0b5, ``Publisher.broadcast`` awaits between its channels. A channel that
ends meanwhile does one of two things, both seen with one subscriber that came and went beside
a publisher of 2,000 messages/s: ``_channels`` changes while it is iterated, and the
``RuntimeError`` ends the unit's publishing task; or the broadcast leases a buffer to the channel
after ``_handle_channel`` has freed what it held, and the publisher waits for that buffer for
ever. The same on both versions, and whoever the subscriber was.

What it relies on: ``Publisher`` keeps its channels in ``_channels`` by id and reads them with
``values()``; it leases with ``_backpressure.lease(id, buffer)``, frees all of a channel with
``_backpressure.free(id)``, and deletes the channel last.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ezmsg.core.backpressure import Backpressure
from ezmsg.core.pubclient import Publisher


class LeavableBackpressure(Backpressure):
    """Leases nothing to a channel that has gone."""

    def __init__(self, num_buffers: int) -> None:
        super().__init__(num_buffers)
        self._gone: set[UUID] = set()

    def lease(self, uuid: UUID, buf_idx: int) -> None:
        if uuid not in self._gone:
            super().lease(uuid, buf_idx)

    def free(self, uuid: UUID, buf_idx: int | None = None) -> None:
        if buf_idx is None:
            # All of it at once: the channel has ended, though its broadcast may not know.
            self._gone.add(uuid)
        super().free(uuid, buf_idx)


class ChannelsToIterate(dict[UUID, Any]):
    """Channels that may come and go while somebody goes through their `values`."""

    def values(self) -> list[Any]:  # type: ignore[override]
        return list(super().values())


class OutlivingPublisher(Publisher):
    """A publisher that outlives its subscribers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._channels = ChannelsToIterate()
        self._backpressure = LeavableBackpressure(self._num_buffers)
