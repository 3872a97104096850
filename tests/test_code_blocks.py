"""Every code block of README and documentation is run, in the order of its page.

- ``python``: in one kernel a page, after all else of the page. A block with a caption is the
  file of that name.
- ``sh``: line by line, by a shell. ``# runs until Ctrl-C`` marks a line that is left running.
- ``console``: what needs another machine, the network or root. Its commands and their options
  are looked up, not run.
- ``json``, ``dockerfile``, ``text``: read.

The default ports are others here, since something may listen there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from documents import (
    DEFAULT_ADDRESS,
    DOCUMENTS,
    FIRST_ADDRESS,
    ROOT,
    Terminal,
    code_blocks,
    move_defaults,
)
from nbclient import NotebookClient
from real_graphs import HOST, PortSlot, RunningGraph, wait_for

from ezmsg_nb import connect
from ezmsg_nb.__main__ import main

LANGUAGES = {"python", "sh", "console", "json", "dockerfile", "text"}
STARTS = re.compile(r"^(python pipeline\.py|ezmsg-nb serve)", re.MULTILINE)
# What a line that runs on has to say before the page goes on.
SAYS = {
    "pipeline.py": "Spawned GraphServer @ ",
    " lab ": "/lab/tree/ezmsg-",
    " serve": "GraphServer at ",
}
RUNNABLE = [path for path in DOCUMENTS if list(code_blocks(path))]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_code_blocks_run(
    path: Path, shared_graph: RunningGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = list(code_blocks(path))
    slot = PortSlot()
    # A page that starts a pipeline or server has the ports to itself; else a pipeline runs.
    starts = any(STARTS.search(block.text) for block in blocks)
    address = f"{HOST}:{slot.port}" if starts else shared_graph.address
    first = f"{HOST}:{slot.port + 1}" if starts else shared_graph.address
    environment = slot.environment
    environment |= move_defaults(tmp_path, default=_port(address), first=_port(first))
    environment["BROWSER"] = "true"
    for name in {*environment} - {*os.environ}:
        monkeypatch.setenv(name, environment[name])
    del environment["EZMSG_GRAPHSERVER_ADDR"]
    monkeypatch.delenv("EZMSG_GRAPHSERVER_ADDR")
    terminal = Terminal(tmp_path, environment)
    try:
        cells = []
        for block in blocks:
            text = block.text.replace(DEFAULT_ADDRESS, address).replace(FIRST_ADDRESS, first)
            if block.file:
                (tmp_path / block.file).write_text(text)
            elif block.language == "python":
                cells.append(text)
            else:
                run_or_look_up(block.where, block.language, text, terminal)
        run_cells(cells, tmp_path)
    finally:
        terminal.close()
        slot.release()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def run_or_look_up(where: str, language: str, text: str, terminal: Terminal) -> None:
    if language == "json":
        json.loads(text)
    for line in filter(str.strip, text.splitlines()):
        if language == "console":
            assert line.startswith("$ "), f"{where}: {line}"
            look_up(line.removeprefix("$ "), where)
        elif language == "sh" and line.startswith("make "):
            look_up(line, where)
        elif language == "sh":
            until = next((text for part, text in SAYS.items() if part in line), "")
            said = terminal.run(line, where, until=until)
            if line.startswith("python pipeline.py"):
                wait_for_units(
                    said.partition(SAYS["pipeline.py"])[2].split()[0], {"SOURCE", "SINK"}
                )
            elif " status " in line or " doctor " in line:
                assert "ezmsg 3." in said or '"server_version"' in said, f"{where}: {said}"


def wait_for_units(address: str, names: set[str]) -> None:
    with connect(address) as graph:
        wait_for(lambda: set(graph.units().dropna(subset="pid").index) >= names, "the pipeline", 60)


def run_cells(cells: list[str], folder: Path) -> None:
    if cells:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=90, kernel_name="python3", resources=resources).execute()


def look_up(line: str, where: str) -> None:
    """That a command's form is right, as far as can be told without running it."""
    words = [word for word in shlex.split(line, comments=True) if "=" not in word.split("/")[0]]
    command, *arguments = words
    name = Path(command).name
    if name == "make":
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {line}: {done.stderr}"
    elif name == "ssh" and shutil.which("ssh"):
        done = subprocess.run(["ssh", "-G", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {line}: {done.stderr}"
    elif name == "ezmsg-nb":
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--help"])
        assert ended.value.code == 0, f"{where}: {line}"
    else:
        assert name in {"docker", "npm", "pip", "python", "python3", "jupyter"}, line
        subprocess.run(["bash", "-n", "-c", line], check=True, timeout=10)


def test_each_page_has_known_blocks() -> None:
    assert {path.name for path in RUNNABLE} >= {"README.md", "tutorial.md", "ssh.md"}
    for path in RUNNABLE:
        for block in code_blocks(path):
            assert block.language in LANGUAGES, f"{block.where}: {block.language!r}"
