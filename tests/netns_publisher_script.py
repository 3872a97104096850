"""A plain publisher that other machines can reach: ``python netns_publisher_script.py HOST:PORT``.

Publishes the time on REMOTE/OUT, 50 times a second, until it is interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from ezmsg.core.graphcontext import GraphContext


async def main(address: str) -> None:
    host, port = address.split(":")
    async with GraphContext((host, int(port)), auto_start=False) as context:
        # By default a publisher listens on loopback only.
        publisher = await context.publisher("REMOTE/OUT", host="0.0.0.0", force_tcp=True)
        while True:
            await publisher.broadcast(time.time())
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
