"""Publishers of this process on units' inlets."""

from __future__ import annotations

import asyncio

from ezmsg.core.pubclient import Publisher


async def drained(publisher: Publisher, timeout: float) -> bool:
    """Wait until subscribers have let go of all that a publisher sent.

    Returns whether they did within `timeout` seconds. The publisher goes on as before.
    """
    was_running = publisher.running
    try:
        async with asyncio.timeout(timeout):
            await publisher.sync()
        return True
    except TimeoutError:
        return False
    finally:
        if was_running:
            publisher.resume()
