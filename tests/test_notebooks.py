"""Each notebook is stored clean and runs from top to bottom, leaving nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from stored_notebooks import NOTEBOOKS, stored_text

WHOLE_TIMEOUT_S = 900


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.reads(stored_text(path), as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By notebook: what went wrong in it, empty where nothing did."""
    return run_notebooks(NOTEBOOKS, tmp_path_factory.mktemp("notebooks"))


def run_notebooks(paths: list[Path], folder: Path) -> dict[str, str]:
    for path in paths:
        (folder / path.name).write_text(stored_text(path))
    report = folder / "report.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--nbmake", "--nbmake-timeout=120", "-q"),
            *("-p", "no:cacheprovider", f"--rootdir={folder}", f"--junitxml={report}", "."),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WHOLE_TIMEOUT_S,
    )
    assert report.exists(), done.stdout + done.stderr
    outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failures = [*case.iter("failure"), *case.iter("error")]
        outcomes[case.get("name", "")] = "\n".join(one.text or "failed" for one in failures)
    return outcomes


@pytest.mark.notebook
@pytest.mark.timeout(WHOLE_TIMEOUT_S + 30)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(
    path: Path, outcomes: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    # All run in one pytest; one that is run once more (`--reruns`) has one of its own.
    if getattr(request.node, "execution_count", 1) > 1:
        outcomes = run_notebooks([path], tmp_path)
    assert outcomes[path.name] == ""
