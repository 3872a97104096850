"""kernel_runtime stands on ezmsg alone: it never pulls in Jupyter, pandas or ezmsg_nb."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = ("ezmsg_nb", "IPython", "ipykernel", "ipywidgets", "anywidget", "pandas", "matplotlib")

IMPORT_ALL = """
import importlib, pkgutil, sys
import kernel_runtime
for module in pkgutil.walk_packages(kernel_runtime.__path__, "kernel_runtime."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("\\n".join(sys.modules))
"""


def test_kernel_runtime_imports_nothing_above_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "kernel_runtime" in loaded
    assert loaded.isdisjoint(FORBIDDEN), sorted(loaded.intersection(FORBIDDEN))
