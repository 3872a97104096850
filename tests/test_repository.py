"""What lies around the code says the same as the code: CI, hooks, commands, addresses."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
REGISTRIES = re.compile(r"pypi\.org|pythonhosted|npmjs|conda\.anaconda|unpkg|jsdelivr|esm\.sh")


def _tracked() -> list[Path]:
    try:
        done = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
    except FileNotFoundError:
        pytest.skip("no git here")
    if done.returncode != 0:
        pytest.skip("no checkout of git")
    return [ROOT / name for name in done.stdout.splitlines()]


@pytest.mark.skipif(not WORKFLOW.exists(), reason="a source distribution has no workflows")
def test_ci_covers_each_supported_python_and_each_line_of_ezmsg() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    matrix = jobs["line"]["strategy"]["matrix"]
    classified = {
        classifier.rpartition(" ")[2]
        for classifier in PROJECT["classifiers"]
        if re.search(r":: 3\.\d+$", classifier)
    }
    assert set(matrix["python"]) == classified
    makefile = (ROOT / "Makefile").read_text()
    for line in matrix["include"]:
        made = re.search(rf"^{re.escape(line['environment'])}/\S+: (\S+)$", makefile, re.MULTILINE)
        assert made is not None
        assert f"ezmsg=={line['ezmsg']}." in (ROOT / made[1]).read_text()
    assert {"run": ".ci/run"} in jobs["whole"]["steps"]


def test_targets_that_are_written_about_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        mentioned = set(re.findall(r"`make (\w+)", (ROOT / name).read_text()))
        assert mentioned <= targets, name


def test_no_file_names_a_registry() -> None:
    allowed = {ROOT / "tests" / "test_repository.py"}
    found = [
        path.relative_to(ROOT).as_posix()
        for path in _tracked()
        if path.suffix not in {".png"} and path not in allowed and path.exists()
        if REGISTRIES.search(path.read_text("utf-8", errors="replace"))
    ]
    assert found == []
