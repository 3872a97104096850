"""What the clients of a GraphServer have it keep: counted by client, bounded for all together."""

from __future__ import annotations

from collections.abc import Hashable

_OBJECT_BYTES = 200
"""For the objects around what is kept, so that many small things count too."""


class StateLimitError(Exception):
    """The server would have to keep more than its limit; nothing of it was taken."""


class StandingState:
    """Settings, metadata, names and edges that stay until their client takes them back or goes.

    Parameters
    ----------
    max_bytes
        Bound of all that is kept, as it was sent; decoded it takes a few times that.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._of: dict[Hashable, dict[Hashable, int]] = {}

    @property
    def bytes(self) -> int:
        """What is kept now."""
        return self._bytes

    def keep(self, owner: Hashable, what: Hashable, size: int) -> None:
        """Count what is kept for an owner, in place of what was kept under the same name.

        Raises
        ------
        StateLimitError
            It is too much with all that is kept already.
        """
        kept = self._of.get(owner, {})
        size += _OBJECT_BYTES
        total = self._bytes - kept.get(what, 0) + size
        if total > self._max_bytes:
            raise StateLimitError(
                f"{size} bytes more to keep would be {total} in all, over the limit of "
                f"{self._max_bytes}; EZMSG_NB_SERVER_STATE_BYTES raises it"
            )
        self._of.setdefault(owner, kept)[what] = size
        self._bytes = total

    def drop(self, owner: Hashable, what: Hashable) -> None:
        """Count one thing no longer, where it was."""
        kept = self._of.get(owner, {})
        self._bytes -= kept.pop(what, 0)
        if not kept:
            self._of.pop(owner, None)

    def drop_all(self, owner: Hashable) -> None:
        """Count nothing of an owner any more: it is gone."""
        self._bytes -= sum(self._of.pop(owner, {}).values())
