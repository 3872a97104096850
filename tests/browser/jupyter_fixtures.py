"""One Jupyter server and one Chromium for the tests of a module.

A test module asks for them with ``pytest_plugins = ["jupyter_fixtures"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyter_lab import JupyterLab, chromium, jupyter_lab
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """JupyterLab and Notebook 7, for notebooks of any name; end their kernels after a test."""
    with jupyter_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab
