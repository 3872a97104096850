"""The notebooks as they are stored, whatever somebody has run and saved in this checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def stored_text(path: Path) -> str:
    """A notebook's text from git's index; from the file itself where there is no git."""
    name = path.relative_to(ROOT).as_posix()
    try:
        done = subprocess.run(
            ["git", "show", f":{name}"], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
    except FileNotFoundError:
        return path.read_text()
    return done.stdout if done.returncode == 0 else path.read_text()
