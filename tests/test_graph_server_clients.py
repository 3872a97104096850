"""The client's own tests of contexts, streams and faults, with our GraphServer behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_graphs import GraphServerProcess, OurServerProcess

# Collected here, they take the server of this module.
from test_context import *  # noqa: F403
from test_differential import *  # noqa: F403
from test_faults import *  # noqa: F403
from test_streams import *  # noqa: F403

del test_4_a_half_sent_command_of_another_client  # noqa: F821 - it needs a server that waits


@pytest.fixture
def graph_server(tmp_path: Path) -> Iterator[GraphServerProcess]:
    """Our GraphServer in a process of its own, on a free port."""
    server = OurServerProcess(tmp_path)
    try:
        yield server
    finally:
        server.close()
