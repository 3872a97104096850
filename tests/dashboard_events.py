"""Reads a dashboard's events: ``dashboard_events.py URL KIND ...``, until each kind was there.

Run by the dashboard's own environment, which has what it needs.
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def main(url: str, *kinds: str) -> None:
    missing = set(kinds)
    seen: set[str] = set()
    try:
        async with asyncio.timeout(20), connect(url, max_size=None) as events:
            while missing:
                seen.add(json.loads(await events.recv())["kind"])
                missing -= seen
    except TimeoutError:
        sys.exit(f"missing {sorted(missing)}, seen {sorted(seen)}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
