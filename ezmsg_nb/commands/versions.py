"""``ezmsg-nb --version``: the versions that a report of a fault needs."""

from __future__ import annotations

import importlib.metadata
import platform

_SHOWN = (
    "ezmsg-nb",
    "ezmsg",
    "ezmsg-sigproc",
    "anywidget",
    "ipywidgets",
    "ipykernel",
    "jupyterlab",
    "notebook",
    "pandas",
)


def versions() -> str:
    """Name and version of each package that matters, a line each, and of Python."""
    lines = []
    for package in _SHOWN:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} (not installed)")
    return "\n".join([*lines, f"Python {platform.python_version()} on {platform.platform()}"])
