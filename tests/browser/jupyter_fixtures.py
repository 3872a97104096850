"""A Jupyter server for the tests of a module, and a Chromium for each test.

A test module asks for them with ``pytest_plugins = ["jupyter_fixtures"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyter_lab import JupyterLab, chromium, jupyter_lab
from playwright.sync_api import Browser


@pytest.fixture
def browser() -> Iterator[Browser]:
    # Not shared: Chromium starts helper processes when it likes, which would look left behind.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with jupyter_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(jupyter_server: JupyterLab) -> Iterator[JupyterLab]:
    """JupyterLab and Notebook 7, for notebooks of any name; no kernel outlives a test."""
    yield jupyter_server
    jupyter_server.shut_down_kernels()
