"""Environment variables of the Python processes that the kernel starts."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

KERNEL_PYTHON_PATH = "EZMSG_NB_KERNEL_PYTHONPATH"
"""Environment variable with the kernel's own PYTHONPATH, where the child's differs."""


def restore_environment() -> None:
    """In the child: put back what the kernel's own environment had."""
    kernel_python_path = os.environ.pop(KERNEL_PYTHON_PATH, None)
    if kernel_python_path:
        os.environ["PYTHONPATH"] = kernel_python_path
    elif kernel_python_path is not None:
        del os.environ["PYTHONPATH"]


def child_environment() -> dict[str, str]:
    """The environment of a Python process that shall import this very package."""
    environment = dict(os.environ)
    package_root = str(Path(__file__).resolve().parents[2])
    if package_root not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        # The host imports this very package, however the kernel came by it, and then
        # restores what the kernel had.
        python_path = environment.get("PYTHONPATH", "")
        environment[KERNEL_PYTHON_PATH] = python_path
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, python_path)))
    # The kernel's inline backend would draw in a process that has no notebook.
    if environment.get("MPLBACKEND", "").startswith("module://matplotlib_inline"):
        del environment["MPLBACKEND"]
    return environment
