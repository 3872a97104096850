"""The wheel and the sdist: whole, small, and good without Node or this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from stored_notebooks import stored_text

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ("topology.js", "topology.css", "settings_form.js", "profile_view.js", "scope.js")
BUNDLE_LIMIT = 150_000
WHEEL_LIMIT = 2_000_000

QUICKSTART = ROOT / "notebooks" / "01_quickstart.ipynb"
WITHOUT_EXTRAS = ROOT / "tests" / "without_extras_script.py"

pytestmark = pytest.mark.timeout(300)


def _run(*command: str | Path, folder: Path, path: str) -> str:
    environment = {**os.environ, "PATH": path}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _build(kind: str, source: Path, target: Path, path: str) -> Path:
    _run(
        *(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", target, source),
        folder=target,
        path=path,
    )
    (built,) = (file for file in target.iterdir() if file.suffix in {".whl", ".gz"})
    return built


@pytest.fixture(scope="module")
def without_node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which there is nothing at all."""
    return str(tmp_path_factory.mktemp("empty_path"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"), os.environ["PATH"])


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("sdist", ROOT, tmp_path_factory.mktemp("sdist"), os.environ["PATH"])


def test_wheel_has_each_bundle_as_recorded(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        record = json.loads(archive.read("ezmsg_nb/static/build.json"))
        sizes = {name: archive.getinfo(f"ezmsg_nb/static/{name}").file_size for name in BUNDLES}
    assert set(record["bundles"]) == set(BUNDLES)
    for name, size in sizes.items():
        assert size == record["bundles"][name]["bytes"]
        assert 1_000 < size < BUNDLE_LIMIT, f"{name}: {size} bytes"
    assert {"ezmsg_nb/py.typed", "kernel_runtime/py.typed"} <= names


def test_wheel_is_small_and_holds_nothing_else(wheel: Path) -> None:
    assert wheel.stat().st_size < WHEEL_LIMIT
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        suffixes = {Path(name).suffix for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ezmsg_nb", "kernel_runtime"}
    assert not suffixes & {".ts", ".map", ".pyc", ".ipynb"}


def test_wheel_has_every_module_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}
    listed = {
        path.relative_to(ROOT).as_posix()
        for package in ("ezmsg_nb", "kernel_runtime")
        for path in (ROOT / package).rglob("*.py")
    }
    assert packed == listed


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory, without_node: str) -> Path:
    """The Python of an environment with nothing but the wheel, the lab and demo extras."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "environment" / "bin" / "python"
    uv = (sys.executable, "-m", "uv")
    _run(
        *(*uv, "venv", "--python", sys.executable, folder / "environment"),
        folder=folder,
        path=without_node,
    )
    versions = _installed_versions(folder)
    for wanted in (f"ezmsg-nb @ {wheel.as_uri()}", f"ezmsg-nb[demo] @ {wheel.as_uri()}"):
        _run(
            *(*uv, "pip", "install", "--python", python, "--constraint", versions, wanted),
            folder=folder,
            path=without_node,
        )
        if "[" not in wanted:
            _check_that_missing_extras_are_named(python, folder, without_node)
    return python


def _check_that_missing_extras_are_named(python: Path, folder: Path, path: str) -> None:
    """Without extras a graph runs, and what needs an extra says which."""
    said = _run(python, WITHOUT_EXTRAS, folder=folder, path=path)
    assert said.splitlines()[-5:] == [
        "demo: ezmsg-nb[demo]",
        "parquet: ezmsg-nb[trace]",
        "perfetto: ezmsg-nb[trace]",
        "xarray: ezmsg-nb[tap]",
        "lab: ezmsg-nb[lab]",
    ], said


def test_wheel_works_in_an_empty_environment_without_node(
    installed: Path, tmp_path: Path, without_node: str
) -> None:
    said = _run(
        *(installed, "-c"),
        "import ezmsg_nb, importlib.resources as r;"
        "print(ezmsg_nb.__file__);"
        "print(len(r.files('ezmsg_nb').joinpath('static/topology.js').read_text()))",
        folder=tmp_path,
        path=without_node,
    )
    file, size = said.split()
    assert Path(file).is_relative_to(installed.parents[1])
    assert int(size) > 0


def test_the_quickstart_runs_from_the_wheel(
    installed: Path, tmp_path: Path, without_node: str
) -> None:
    notebook = nbformat.reads(stored_text(QUICKSTART), as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    # Displaying a graph is what the end of a cell does.
    script = tmp_path / "quickstart.py"
    script.write_text(
        "\n".join([*cells, "print(g.units().shape[0], type(topology).__name__)", "g.stop()"])
    )
    said = _run(installed, script, folder=tmp_path, path=without_node)
    assert said.splitlines()[-1] == "10 TopologyWidget"


def _installed_versions(folder: Path) -> Path:
    """The versions of this environment, so that the test adds none of its own."""
    frozen = _run(
        *(sys.executable, "-m", "uv", "pip", "freeze", "--exclude-editable"),
        *("--python", sys.executable),
        folder=folder,
        path=os.environ["PATH"],
    )
    file = folder / "installed.txt"
    lines = [line for line in frozen.splitlines() if "==" in line]
    file.write_text("\n".join(lines))
    return file


def test_sdist_builds_a_wheel_without_node(sdist: Path, tmp_path: Path, without_node: str) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert not (source / "frontend" / "node_modules").exists()
    target = tmp_path / "built"
    target.mkdir()
    wheel = _build("wheel", source, target, without_node)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"ezmsg_nb/static/{name}" for name in BUNDLES} <= names
