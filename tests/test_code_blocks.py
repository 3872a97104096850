"""Every code block of README and documentation is run, in the order of its page.

- ``python``: in one kernel a page, after all else of the page. A block with a caption is the
  file of that name.
- ``sh`` and ``console``: line by line, by a shell, in a checkout. ``# runs until Ctrl-C`` marks a
  line that is left running. pip says what it would do, from the packages that there are.
- ``dockerfile``: its ``RUN`` lines.
- ``json``: read.

What can't be run here is in `OTHERWISE`, line by line, with the reason. The default ports are
others here, since something may listen there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import ezmsg.core
import nbformat
import pytest
from documents import (
    DEFAULT_ADDRESS,
    DOCUMENTS,
    FIRST_ADDRESS,
    CodeBlock,
    Terminal,
    code_blocks,
    move_defaults,
    without_network,
)
from nbclient import NotebookClient
from real_graphs import HOST, PortSlot, RunningGraph, wait_for

from ezmsg_nb import connect

LANGUAGES = {"python", "sh", "console", "json", "dockerfile"}
STARTS = re.compile(r"^(python pipeline\.py|ezmsg-nb serve)", re.MULTILINE)
ELSEWHERE = "192.168.0.10"

# Instead of each of these lines the other one is run, and why. Nothing where that is empty.
ANOTHER_MACHINE = "there is no other machine: ssh says how it understands the line"
NO_ENGINE = "there is no Docker engine"
OTHERWISE = {
    "python3 -m venv .venv": (
        "python3 -m venv --without-pip .venv",
        "pip is that of this environment, which saves seconds",
    ),
    "make lab": ("make -n lab", "it would set up environments from the network"),
    "make test": ("make -n test", "it would run this test within itself"),
    ".venv/bin/python -m pytest": (
        ".venv/bin/python -m pytest --version",
        "it would run this test within itself",
    ),
    "python -m benchmarks.observer_cost --quick": (
        "python -m benchmarks.observer_cost --help",
        "it takes minutes, and a machine with nothing else to do",
    ),
    "ssh -N -L 25978:127.0.0.1:25978 me@lab-pc": (
        "ssh -G -N -L 25978:127.0.0.1:25978 me@lab-pc",
        ANOTHER_MACHINE,
    ),
    "ssh -L 8888:127.0.0.1:8888 me@lab-pc": (
        "ssh -G -L 8888:127.0.0.1:8888 me@lab-pc",
        ANOTHER_MACHINE,
    ),
    "docker build -t ezmsg-nb .": ("", NO_ENGINE),
    'docker run --rm --init --shm-size=1g -p 127.0.0.1:8888:8888 -v "$PWD":/work ezmsg-nb': (
        "",
        NO_ENGINE,
    ),
}

# How things are installed and opened, which is the same whatever ezmsg: run on the released line.
OF_NO_EZMSG = re.compile(r"pip install|-m venv|-m pytest|^(\.venv/bin/)?(jupyter|voila) ")

# What a line that runs on has to say before the page goes on.
SPAWNED = "Spawned GraphServer @ "
SAYS = {
    "python pipeline.py": SPAWNED,
    "_part.py": None,
    # Given a file, it says where the browser gets it from; of what it opens, only its own page.
    "jupyter lab": "/lab?token=",
    "voila ": "running at:",
    " lab ": "/lab/tree/",
    " serve": "GraphServer at ",
}
# Units that there are once a script of a page runs.
UNITS_OF = {
    "python pipeline.py": {"SOURCE", "SINK"},
    "python amplifier_part.py": {"AMPLIFIER"},
    "python gpu_part.py": {"AMPLIFIER", "DECODER"},
}
RUNNABLE = [path for path in DOCUMENTS if list(code_blocks(path))]


@pytest.mark.timeout(400)
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
    environment |= move_defaults(tmp_path / "site", default=_port(address), first=_port(first))
    environment |= without_network(tmp_path / "jupyter")
    for name in {*environment} - {*os.environ}:
        monkeypatch.setenv(name, environment[name])
    del environment["EZMSG_GRAPHSERVER_ADDR"]
    monkeypatch.delenv("EZMSG_GRAPHSERVER_ADDR")
    terminal = Terminal(tmp_path, environment)
    changed = {
        f"{ELSEWHERE}:25978": address,
        ELSEWHERE: HOST,
        DEFAULT_ADDRESS: address,
        FIRST_ADDRESS: first,
        "--port 8888": f"--port {slot.port + 2}",
    }
    try:
        cells = []
        for block in blocks:
            text = block.text
            if block.file:
                (terminal.checkout / block.file).write_text(text)
            elif block.language == "python":
                cells.append(_replaced(text, changed))
            elif block.language == "json":
                json.loads(text)
            else:
                for line in lines_of(block):
                    run_line(line, block.where, changed, terminal)
        run_cells(cells, terminal.checkout)
    finally:
        terminal.close()
        slot.release()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _replaced(text: str, changed: dict[str, str]) -> str:
    for old, new in changed.items():
        text = text.replace(old, new)
    return text


def lines_of(block: CodeBlock) -> Iterator[str]:
    """The commands of a block for a shell, or of a Dockerfile."""
    for line in filter(str.strip, block.text.splitlines()):
        if block.language == "dockerfile":
            if line.startswith("RUN "):
                # The folder that it copies the checkout to.
                yield line.removeprefix("RUN ").replace("'/src[", "'.[")
        elif block.language == "console":
            assert line.startswith("$ "), f"{block.where}: {line}"
            yield line.removeprefix("$ ")
        else:
            yield line


def run_line(line: str, where: str, changed: dict[str, str], terminal: Terminal) -> None:
    if OF_NO_EZMSG.search(line) and not ezmsg.core.__version__.startswith("3.9."):
        return
    bare = line.partition("  #")[0].strip()
    if bare in OTHERWISE:
        instead, _why = OTHERWISE[bare]
        if instead and not (instead.startswith("ssh ") and shutil.which("ssh") is None):
            terminal.run(instead, where)
        return
    until = next((text for part, text in SAYS.items() if part in line), "")
    said = terminal.run(_replaced(line, changed), where, until=until)
    script = next((script for script in UNITS_OF if script in line), None)
    if script is not None:
        spawned = said.partition(SPAWNED)[2].split()
        wait_for_units(spawned[0] if spawned else changed[DEFAULT_ADDRESS], UNITS_OF[script])
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


def test_each_page_has_known_blocks() -> None:
    assert {path.name for path in RUNNABLE} >= {"README.md", "tutorial.md", "ssh.md"}
    for path in RUNNABLE:
        for block in code_blocks(path):
            assert block.language in LANGUAGES, f"{block.where}: {block.language!r}"


def test_all_that_is_not_run_as_written_is_written_somewhere() -> None:
    lines = {
        line.partition("  #")[0].strip().removeprefix("$ ")
        for path in RUNNABLE
        for block in code_blocks(path)
        for line in block.text.splitlines()
    }
    assert OTHERWISE.keys() <= lines
