"""The leak guard around every test, and real GraphServers and pipelines to test against."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from leak_guard import LeakGuard
from real_graphs import (
    GraphServerProcess,
    RunningGraph,
    graph_server_process,
    running_pipeline,
)

# A shell that runs the tests in the background has them ignore SIGINT, and all that they start
# would inherit that and could not be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LEAK_DEADLINE_S = 15.0


def _check(guard: LeakGuard, whose: str) -> None:
    left = guard.found or guard.wait_until_clean(LEAK_DEADLINE_S)
    if left:
        lines = "\n".join(f"  - {line}" for line in left)
        pytest.fail(f"{whose} left behind, {LEAK_DEADLINE_S:g} s after its end:\n{lines}", False)


# Where the last test of a run is run once more, the session's fixtures are made once more. What
# there was before all tests is still the measure then, and what was left behind is not forgiven.
_SESSION: list[LeakGuard] = []


@pytest.fixture(scope="session", autouse=True)
def nothing_left_by_the_session() -> Iterator[None]:
    if not _SESSION:
        _SESSION.append(LeakGuard())
    yield
    _check(_SESSION[0], "The fixtures of this run")


@pytest.fixture(autouse=True)
def nothing_left_by_the_test(
    nothing_left_by_the_session: None, request: pytest.FixtureRequest
) -> Iterator[None]:
    guard = LeakGuard()
    yield
    _check(guard, request.node.name)


@pytest.fixture
def graph_server(tmp_path: Path) -> Iterator[GraphServerProcess]:
    """A GraphServer in a process of its own, on a free port."""
    with graph_server_process(tmp_path) as server:
        yield server


@pytest.fixture
def running_graph(graph_server: GraphServerProcess, tmp_path: Path) -> Iterator[RunningGraph]:
    """SOURCE -> GAIN -> SINK in three processes, started by a script, messages flowing."""
    with running_pipeline(graph_server, tmp_path) as graph:
        yield graph


@pytest.fixture(scope="module")
def shared_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGraph]:
    """The same pipeline, one for all tests of a module that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared_graph")
    with graph_server_process(folder) as server, running_pipeline(server, folder) as graph:
        yield graph
