"""The wheel and the sdist: whole, small, and good without Node or this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ("topology.js", "topology.css", "settings_form.js", "profile_view.js", "scope.js")
BUNDLE_LIMIT = 150_000
WHEEL_LIMIT = 2_000_000

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


def test_wheel_imports_in_an_empty_environment_without_node(
    wheel: Path, tmp_path: Path, without_node: str
) -> None:
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    uv = (sys.executable, "-m", "uv")
    _run(*uv, "venv", "--python", sys.executable, environment, folder=tmp_path, path=without_node)
    installed = _installed_versions(tmp_path)
    _run(
        *(*uv, "pip", "install", "--python", python, "--constraint", installed, wheel),
        folder=tmp_path,
        path=without_node,
    )
    said = _run(
        *(python, "-c"),
        "import ezmsg_nb, kernel_runtime, importlib.resources as r;"
        "print(ezmsg_nb.__file__);"
        "print(len(r.files('ezmsg_nb').joinpath('static/topology.js').read_text()))",
        folder=tmp_path,
        path=without_node,
    )
    file, size = said.split()
    assert Path(file).is_relative_to(environment)
    assert int(size) > 0


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
