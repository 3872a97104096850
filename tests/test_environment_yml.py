"""environment.yml asks for the versions that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def _split(requirement: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(.*)", requirement)
    assert match is not None
    return match[1].lower(), match[2]


def test_same_packages_and_versions_as_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = dict(map(_split, [*project["dependencies"], *extras["lab"], *extras["demo"]]))
    wanted["python"] = project["requires-python"]

    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (by_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    by_conda = [entry for entry in listed if isinstance(entry, str)]
    given = dict(map(_split, [*by_conda, *by_pip]))

    assert given.pop("pip") == ""
    assert given.pop("nodejs") == ">=20.19"
    assert given == wanted
