"""Objects that are opened and closed, by ``async with`` or by hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Literal, Self


class Lifetime(ABC):
    """Opened at the beginning of an ``async with`` block, and closed at its end."""

    @abstractmethod
    async def open(self) -> None:
        """Open it; where that fails, nothing stays behind."""

    @abstractmethod
    async def close(self) -> None:
        """Close it, and all that it holds. Idempotent."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        await self.close()
        return False
