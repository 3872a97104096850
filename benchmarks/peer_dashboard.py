"""ezmsg-dashboard, to measure beside it: installed into a folder that is thrown away.

``EZMSG_DASHBOARD_PYTHON`` may name a Python that has it already, for the same ezmsg as ours.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

PYTHON_ENV = "EZMSG_DASHBOARD_PYTHON"
INSTALL_S = 180.0
START_S = 30.0


@contextlib.contextmanager
def dashboard_python() -> Iterator[Path | None]:
    """A Python with ezmsg-dashboard and our version of ezmsg; None where it can't be had."""
    given = os.environ.get(PYTHON_ENV)
    if given:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="ezmsg-nb-dashboard-") as folder:
        yield _install(Path(folder))


def _install(folder: Path) -> Path | None:
    ezmsg = f"ezmsg=={importlib.metadata.version('ezmsg')}"
    python = folder / "bin" / "python"
    try:
        venv.create(folder, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", ezmsg, "ezmsg-dashboard"],
            check=True,
            timeout=INSTALL_S,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip()
        print(f"ezmsg-dashboard is left out: {said}", file=sys.stderr)
        return None
    return python


def site_packages(python: Path) -> str:
    """Where the packages of a Python are."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.run(
        [python, "-c", code], check=True, timeout=30, capture_output=True, text=True
    ).stdout.strip()


@contextlib.contextmanager
def dashboard_server(python: Path, address: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server of ezmsg-dashboard, attached to a graph; it answers when this is entered."""
    server = subprocess.Popen(
        [
            *(python, "-c", "from ezmsg.dashboard.server import cmdline; cmdline()"),
            *("--graph-address", address, "--host", "127.0.0.1", "--port", str(port)),
            *("--log-level", "error"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=python.parent,
    )
    try:
        _wait_for_port(port, server)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    raise RuntimeError(f"ezmsg-dashboard did not start within {START_S:g} s.")
