"""One client of ezmsg's own: ``graph_server_peer.py HOST:PORT ROLE NAME READY_FILE``.

See `raw_clients.peer`. A process writes what it is asked to do into the file, a line each. A
subscriber is one for each topic that its name lists.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from ezmsg.core.graphmeta import ProcessControlRequest, ProcessControlResponse
from ezmsg.core.netprotocol import Address
from ezmsg.core.processclient import ProcessControlClient
from ezmsg.core.pubclient import Publisher
from ezmsg.core.subclient import Subscriber


async def main(where: str, role: str, name: str, ready: str) -> None:
    address = Address.from_string(where)
    asked: list[str] = []

    def answer(request: ProcessControlRequest) -> ProcessControlResponse:
        asked.append(str(request.operation))
        Path(ready).write_text("\n".join(asked))
        return ProcessControlResponse(request.request_id, ok=True)

    client: ProcessControlClient | Publisher | Subscriber
    if role == "process":
        client = ProcessControlClient(address)
        client.set_request_handler(answer)
        await client.register([name])
    elif role == "publisher":
        client = await Publisher.create(name, address, buf_size=1024)
    else:
        for topic in name.split(","):
            client = await Subscriber.create(topic, address)
    Path(ready).touch()
    await asyncio.Event().wait()
    del client


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
