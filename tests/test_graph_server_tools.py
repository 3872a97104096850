"""Units and tools of others with our GraphServer: ezmsg-sigproc, run by ezmsg itself, and
ezmsg-dashboard, 0.4 with ezmsg 3.9 and 0.5 with ezmsg 3.10.

The dashboard brings pydantic, with which ezmsg 3.10 treats settings otherwise; so it gets an
environment of its own, made here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ezmsg.core
import pytest
from ezmsg.core.graphcontext import GraphContext
from raw_clients import RawSession
from real_graphs import HOST, OurServerProcess, ProcessTree, wait_for

from kernel_runtime.ezmsg_compat import release_line

HERE = Path(__file__).parent
DASHBOARDS = {"3.9": ("0.4", "constraints.txt"), "3.10": ("0.5", "constraints-ezmsg-3.10.txt")}
RUN_DEMO = """
import sys, ezmsg.core
from kernel_runtime.host.demo_pipeline import build
ezmsg.core.run(**build(), graph_address=(sys.argv[1], int(sys.argv[2])))
"""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServerProcess]:
    found = OurServerProcess(tmp_path_factory.mktemp("server"))
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def graph(
    server: OurServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProcessTree]:
    """Units of ezmsg-sigproc in three processes, signals flowing."""
    tree = ProcessTree(
        [sys.executable, "-c", RUN_DEMO, HOST, str(server.port)],
        server.slot.environment,
        tmp_path_factory.mktemp("graph") / "graph.log",
    )
    try:
        wait_for(lambda: not tree.running or "first block" in tree.output, "a signal", 60.0)
        assert tree.running, tree.output
        yield tree
    finally:
        tree.end()


@pytest.fixture(scope="module")
def python_of_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    version, constraints = DASHBOARDS[release_line(ezmsg.core.__version__)]
    folder = tmp_path_factory.mktemp("dashboard")
    python = folder / "bin" / "python"
    install = ["pip", "install", "--quiet", "--python", str(python), "--constraint"]
    wanted = [f"ezmsg-dashboard=={version}.*", f"ezmsg=={ezmsg.core.__version__}"]
    for arguments in (
        ["venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
        [*install, str(HERE.parent / constraints), *wanted],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
    return python


class Dashboard:
    """A dashboard in a process of its own, asked as its page does."""

    def __init__(self, python: Path, server: OurServerProcess, folder: Path) -> None:
        # A port of the server's slot, far above those that its publishers take.
        port = server.port + 30
        self._python = python
        self._where = f"{HOST}:{port}"
        command = [str(python), "-m", "ezmsg.core", "dashboard", "--graph-address"]
        # Only its own environment: nothing of this one by PYTHONPATH.
        environment = {**server.slot.environment, "PYTHONPATH": ""}
        self._tree = ProcessTree(
            [*command, server.address, "--port", str(port)], environment, folder / "dashboard.log"
        )
        try:
            wait_for(lambda: not self._tree.running or self._healthy(), "the dashboard", 60.0)
            assert self._tree.running, self._tree.output
        except BaseException:
            self.close()
            raise

    def _healthy(self) -> bool:
        try:
            self.get("/api/health")
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self._where}{path}", timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"http://{self._where}{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def wait_for_events(self, *kinds: str) -> None:
        command = [str(self._python), str(HERE / "dashboard_events.py")]
        done = subprocess.run(
            [*command, f"ws://{self._where}/ws/events", *kinds],
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    @property
    def output(self) -> str:
        return self._tree.output

    def close(self) -> None:
        self._tree.end()


def cutoff(server: OurServerProcess) -> object:
    with RawSession(server.address) as session:
        return session.settings()["LP"].structured_value["cutoff"]


def test_a_graph_of_sigproc_run_by_ezmsg(server: OurServerProcess, graph: ProcessTree) -> None:
    with RawSession(server.address) as session:
        snapshot = session.snapshot()
        units = {unit for process in snapshot.processes.values() for unit in process.units}
        assert {"ECOG/OSC", "SLICE", "LP", "DOWNSAMPLE", "CAR", "ZSCORE", "SINK"} <= units
        assert len(snapshot.processes) == 3
        assert "ZSCORE/OUTPUT_SIGNAL" in snapshot.graph
    assert cutoff(server) == 40.0


async def test_an_edit_by_ezmsgs_own_client(server: OurServerProcess, graph: ProcessTree) -> None:
    async with GraphContext((HOST, server.port), auto_start=False) as context:
        await context.update_setting("LP", "cutoff", 30.0, timeout=10.0)
        profile = await context.profiling_snapshot_all(timeout_per_process=10.0)
        passed = {
            publisher.topic: publisher.messages_published_total
            for process in profile.values()
            for publisher in process.publishers.values()
        }
        assert passed["ZSCORE/OUTPUT_SIGNAL"] > 0
    # The owner reports what it has published a little later.
    wait_for(lambda: cutoff(server) == 30.0, "the edit")


def test_the_dashboard(
    server: OurServerProcess, graph: ProcessTree, python_of_dashboard: Path, tmp_path: Path
) -> None:
    dashboard = Dashboard(python_of_dashboard, server, tmp_path)
    try:
        found = dashboard.get("/api/snapshot")
        snapshot = found.get("snapshot", found)
        assert len(snapshot["processes"]) == 3
        assert "ZSCORE/OUTPUT_SIGNAL" in json.dumps(snapshot)
        assert "time_constant" in json.dumps(dashboard.get("/api/settings"))
        dashboard.post("/api/settings/LP/field", {"field_path": "cutoff", "value": 25.0})
        wait_for(lambda: cutoff(server) == 25.0, "its edit")
        for process_id in snapshot["processes"]:
            control = {"process_id": process_id, "enabled": True}
            dashboard.post("/api/profiling/trace-control", control)
        dashboard.wait_for_events("topology.changed", "settings.changed", "profiling.trace")
        assert "Traceback" not in dashboard.output
    finally:
        dashboard.close()
    assert "Traceback" not in server.output
    assert graph.running
