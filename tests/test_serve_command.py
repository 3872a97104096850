"""`ezmsg-nb serve`, and ezmsg's own command line against what it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_clients import RawSession
from real_graphs import HOST, OurServerProcess, PortSlot, ProcessTree, answers, wait_for

SERVE = [sys.executable, "-m", "ezmsg_nb", "serve"]


def ezmsg(slot: PortSlot, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ezmsg.core", *arguments, "--address", f"{HOST}:{slot.port}"],
        env=slot.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.fixture
def slot() -> Iterator[PortSlot]:
    held = PortSlot()
    try:
        yield held
    finally:
        held.release()


def test_serve_until_a_client_shuts_it_down(slot: PortSlot, tmp_path: Path) -> None:
    # Where to listen comes from the environment here.
    tree = ProcessTree(SERVE, slot.environment, tmp_path / "serve.log")
    try:
        wait_for(lambda: not tree.running or "Ctrl-C" in tree.output, "the server", 60.0)
        assert f"GraphServer at {HOST}:{slot.port}" in tree.output
        with RawSession(f"{HOST}:{slot.port}") as session:
            session.connect("FROM/OUT", "TO/IN")
            assert "FROM" in ezmsg(slot, "mermaid")
            assert "FROM" in ezmsg(slot, "graphviz")
            ezmsg(slot, "shutdown")
        assert tree.wait_until_exit() == 0
        assert "A client has shut it down." in tree.output
        assert not answers((HOST, slot.port))
    finally:
        tree.end()


def test_serve_ends_on_sigterm(tmp_path: Path) -> None:
    server = OurServerProcess(tmp_path)
    try:
        with RawSession(server.address) as session:
            server.send_signal(signal.SIGTERM)
            assert session.ended(5.0)
        wait_for(lambda: not server.running, "its end")
        assert "Traceback" not in server.output
    finally:
        server.close()


@pytest.mark.timeout(300)
def test_serve_says_what_is_wrong(slot: PortSlot) -> None:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SERVE, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    wrong = run("--address", "nowhere")
    assert (wrong.returncode, "no port" in wrong.stderr) == (2, True)
    # The slot's last port is bound by the slot itself.
    taken = run("--address", f"{HOST}:{slot.port + 39}")
    assert (taken.returncode, "end what listens there" in taken.stderr) == (1, True)
    limit = run("--address", f"{HOST}:{slot.port}", EZMSG_NB_SERVER_COMMAND_S="soon")
    assert (limit.returncode, "positive number" in limit.stderr) == (2, True)
