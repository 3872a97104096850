"""`ezmsg-nb lab`: a notebook is written once, and JupyterLab opens on it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ezmsg_nb.__main__ import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Commands that the process would have become, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _path, command: commands.append(command))
    return commands


def test_opens_jupyterlab_on_a_notebook_for_the_address(
    started: list[list[str]], tmp_path: Path
) -> None:
    main(["lab", "127.0.0.1:17000", "--no-browser", "--port", "8899"])
    (command,) = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {"ezmsg-127.0.0.1-17000.ipynb", "--no-browser", "--port=8899"} <= set(command)
    notebook = nbformat.read(tmp_path / "ezmsg-127.0.0.1-17000.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert 'ezn.connect("127.0.0.1:17000")' in notebook.cells[0].source


def test_the_demo_notebook_runs(started: list[list[str]], tmp_path: Path) -> None:
    main(["lab"])
    (command,) = started
    notebook = nbformat.read(tmp_path / "ezmsg-demo.ipynb", as_version=4)
    assert "ezmsg-demo.ipynb" in command
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert "transport_p50_ms" in str(notebook.cells[-1].outputs)


def test_a_notebook_that_is_there_stays_as_it_is(
    started: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = tmp_path / "ezmsg-demo.ipynb"
    notebook.write_text("mine")
    main(["lab"])
    assert notebook.read_text() == "mine"
    assert "opened as it is" in capsys.readouterr().out
    assert "ezmsg-demo.ipynb" in started[0]


def test_without_jupyterlab_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert main(["lab"]) == 1
    assert "ezmsg-nb[lab]" in capsys.readouterr().err


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "nonsense"]) == 2
    assert "no port" in capsys.readouterr().err
