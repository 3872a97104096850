"""A command finds the GraphServer that a script started by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import move_defaults
from real_graphs import HOST, SLOT_PORTS, PortSlot, ProcessTree, answers, wait_for

from ezmsg_nb.__main__ import main
from kernel_runtime import local_servers
from kernel_runtime.address import Address

SCRIPT = """
import asyncio
import ezmsg.core as ez

class Alone(ez.Unit):
    @ez.task
    async def wait(self) -> None:
        await asyncio.Event().wait()

ez.run(ALONE=Alone())
"""


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[PortSlot]:
    """Ports that are searched, and no others: servers of other tests come and go."""
    slot = PortSlot()
    monkeypatch.delenv("EZMSG_GRAPHSERVER_ADDR", raising=False)
    monkeypatch.setenv("EZMSG_SERVER_PORT_START", str(slot.port))
    monkeypatch.setattr(local_servers, "SEARCHED_PORTS", SLOT_PORTS)
    monkeypatch.setattr(local_servers, "GRAPHSERVER_PORT_DEFAULT", slot.port)
    yield slot
    slot.release()


@pytest.fixture
def script(slot: PortSlot, tmp_path: Path) -> Iterator[ProcessTree]:
    """A script that was told no address."""
    # Nothing answers at the last port, which the slot keeps for itself.
    moved = move_defaults(tmp_path / "site", default=slot.port + SLOT_PORTS - 1, first=slot.port)
    environment = {**slot.environment, **moved}
    del environment["EZMSG_GRAPHSERVER_ADDR"]
    path = tmp_path / "alone.py"
    path.write_text(SCRIPT)
    tree = ProcessTree([sys.executable, str(path)], environment, tmp_path / "alone.log")
    yield tree
    tree.end()


def test_a_running_server_is_found_and_named(
    slot: PortSlot, script: ProcessTree, capsys: pytest.CaptureFixture[str]
) -> None:
    address = Address(HOST, slot.port)
    wait_for(lambda: "Spawned GraphServer @ " in script.output, "the script's server", 60)
    (found,) = asyncio.run(local_servers.local_servers())
    assert (found.address, found.pid) == (address, script.pid)
    assert found.server_version.startswith("3.")
    assert "alone.py" in found.command
    for command in ("status", "doctor"):
        assert main([command, f"{HOST}:1"]) == 1
        said = capsys.readouterr()
        assert f"  {address} (ezmsg 3." in said.out + said.err
    wait_for(lambda: main(["status"]) == 0, "its unit", 60)
    assert f"{address}  ezmsg 3." in capsys.readouterr().out


def test_of_several_servers_one_has_to_be_named(
    slot: PortSlot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = (slot.port + 1, slot.port + 2)
    trees = []
    try:
        for port in ports:
            serve = [sys.executable, "-m", "ezmsg.core", "serve", "--address", f"{HOST}:{port}"]
            trees.append(ProcessTree(serve, slot.environment, tmp_path / f"{port}.log"))
        wait_for(lambda: all(answers((HOST, port)) for port in ports), "both servers", 60)
        assert main(["status"]) == 2
        said = capsys.readouterr().err
        assert all(f"{HOST}:{port} (ezmsg 3." in said for port in ports)
        assert "Give an address" in said
    finally:
        for tree in trees:
            tree.end()
