"""The code blocks of README and documentation, and how a terminal runs them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from real_graphs import ProcessTree, wait_for

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    if not {"_build", "notebooks"} & set(path.relative_to(ROOT).parts)
)
DEFAULT_ADDRESS = "127.0.0.1:25978"
# Of the server that a script starts by itself, where none answers at the default address.
FIRST_ADDRESS = "127.0.0.1:10000"
RUNS_ON = "# runs until Ctrl-C"

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>.*)$")
_OPTION = re.compile(r"^:(?P<name>\w+): *(?P<value>.*)$")


@dataclass(frozen=True)
class CodeBlock:
    """One fenced block: where it is, its language, its text, and the file that it is."""

    where: str
    language: str
    text: str
    file: str = ""


def code_blocks(path: Path) -> Iterator[CodeBlock]:
    """The code blocks of a Markdown file, in order."""
    lines = iter(enumerate(path.read_text("utf-8").splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if opened is None:
            continue
        indent, fence, info = opened["indent"], opened["fence"], opened["info"].strip()
        inside = []
        for _, text in lines:
            if text.strip() == fence:
                break
            inside.append(text.removeprefix(indent))
        directive = re.match(r"\{code-block\} *(\w+)", info)
        if info.startswith("{") and directive is None:
            continue
        options = {}
        while directive and inside and (option := _OPTION.match(inside[0])):
            options[option["name"]] = option["value"]
            inside.pop(0)
        language = directive[1] if directive else info
        where = f"{path.relative_to(ROOT)}:{number}"
        text = "\n".join(inside).strip("\n") + "\n"
        yield CodeBlock(where, language, text, options.get("caption", ""))


def move_defaults(folder: Path, default: int, first: int) -> dict[str, str]:
    """Environment in which ezmsg's default ports are others, for somebody may use the real ones.

    Parameters
    ----------
    folder
        Where the module goes that every Python imports at its start.
    default
        Port that takes the place of 25978.
    first
        Port that takes the place of 10000.
    """
    (folder / "sitecustomize.py").write_text(
        "import ezmsg.core.netprotocol as netprotocol\n"
        "from ezmsg.core.graphserver import GraphService\n"
        f"netprotocol.GRAPHSERVER_PORT_DEFAULT = GraphService.PORT_DEFAULT = {default}\n"
    )
    return {"PYTHONPATH": str(folder), "EZMSG_SERVER_PORT_START": str(first)}


class Terminal:
    """Runs the lines of shell blocks in a folder, with this environment's Python and commands.

    Parameters
    ----------
    folder
        Where it is, and where what ran there leaves its files.
    environment
        Its environment variables.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment, "PATH": os.pathsep.join(self._search_path())}
        self._running: list[ProcessTree] = []

    def _search_path(self) -> list[str]:
        commands = self._folder / "bin"
        commands.mkdir()
        for name, words in {
            "python": sys.executable,
            "ezmsg-nb": f"{sys.executable} -m ezmsg_nb",
        }.items():
            (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (commands / name).chmod(0o755)
        return [str(commands), os.environ["PATH"]]

    def run(self, line: str, where: str, *, until: str = "", deadline_s: float = 90.0) -> str:
        """Run a line and give its output; one that runs on is left once it has said ``until``."""
        tree = self._start(line)
        runs_on = RUNS_ON in line
        wait_for(
            lambda: not tree.running or (runs_on and tree.output != "" and until in tree.output),
            f"{where}: {line}",
            deadline_s,
        )
        if runs_on:
            assert tree.running, f"{where}: {line} ended:\n{tree.output}"
            return tree.output
        self._running.remove(tree)
        code = tree.wait_until_exit()
        # The doctor may find shared memory that others left on this machine.
        allowed = {0, 1} if " doctor " in line else {0}
        assert code in allowed, f"{where}: {line} gave {code}:\n{tree.output}"
        return tree.output

    def _start(self, line: str) -> ProcessTree:
        command = ["bash", "-c", f"cd {self._folder} && exec {line}"]
        log = self._folder / f"terminal-{len(list(self._folder.glob('terminal-*')))}.log"
        tree = ProcessTree(command, self._environment, log)
        self._running.append(tree)
        return tree

    def close(self) -> None:
        while self._running:
            self._running.pop().end()
