"""The code blocks of README and documentation, and how a terminal runs them."""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
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
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        # hatchling would build a wheel for pip, which only asks for what is in one.
        "import os\n"
        "os.environ.pop('PIP_BUILD_TRACKER', None)\n"
        "try:\n"
        "    import ezmsg.core.netprotocol as netprotocol\n"
        "    from ezmsg.core.graphserver import GraphService\n"
        "except ImportError:\n"
        "    pass\n"
        "else:\n"
        f"    netprotocol.GRAPHSERVER_PORT_DEFAULT = GraphService.PORT_DEFAULT = {default}\n"
    )
    return {"PYTHONPATH": str(folder), "EZMSG_SERVER_PORT_START": str(first)}


def without_network(folder: Path) -> dict[str, str]:
    """Environment in which pip only says what it would do, and Jupyter opens no browser.

    Parameters
    ----------
    folder
        Where Jupyter's settings go.
    """
    folder.mkdir()
    may_run = {"ServerApp": {"allow_root": True, "open_browser": False}}
    (folder / "jupyter_server_config.json").write_text(json.dumps(may_run))
    return {
        "PIP_DRY_RUN": "1",
        "PIP_NO_INDEX": "1",
        # The tests of the wheel install what it depends on.
        "PIP_NO_DEPS": "1",
        # What pip calls so: 0 is "no build isolation".
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "JUPYTER_CONFIG_DIR": str(folder),
        "BROWSER": "true",
    }


class Terminal:
    """Runs the lines of shell blocks in a checkout, with this environment's Python and commands.

    Parameters
    ----------
    folder
        Where the checkout is made, of links to the files of this one.
    environment
        Its environment variables.

    Attributes
    ----------
    checkout
        Where it is, and where what ran there leaves its files.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        for path in ROOT.iterdir():
            if not path.name.startswith("."):
                (self.checkout / path.name).symlink_to(path)
        self._logs = folder
        self._environment = {**environment, "PATH": self._search_path(folder / "bin")}
        self._running: list[ProcessTree] = []

    @staticmethod
    def _search_path(commands: Path) -> str:
        commands.mkdir()
        for name, words in {
            "python": sys.executable,
            "python3": sys.executable,
            "pip": f"{sys.executable} -m pip",
            "ezmsg-nb": f"{sys.executable} -m ezmsg_nb",
            "jupyter": f"{sys.executable} -m jupyter",
            "voila": f"{sys.executable} -m voila",
        }.items():
            (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (commands / name).chmod(0o755)
        return os.pathsep.join(
            [str(commands), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        )

    def run(
        self, line: str, where: str, *, until: str | None = "", deadline_s: float = 90.0
    ) -> str:
        """Run a line and give its output; one that runs on is left once it has said ``until``.

        Where that is empty it has to say anything, where it is None nothing.
        """
        tree = self._start(line)
        runs_on = RUNS_ON in line

        def has_begun() -> bool:
            return until is None or (tree.output != "" and until in tree.output)

        wait_for(
            lambda: not tree.running or (runs_on and has_begun()), f"{where}: {line}", deadline_s
        )
        if runs_on:
            assert tree.running, f"{where}: {line} ended:\n{tree.output}"
            return tree.output
        self._running.remove(tree)
        code = tree.wait_until_exit()
        # The doctor may find shared memory that others left on this machine.
        allowed = {0, 1} if " doctor " in line else {0}
        assert code in allowed, f"{where}: {line} gave {code}:\n{tree.output}"
        # pip goes on without an extra that it doesn't know.
        assert "does not provide the extra" not in tree.output, f"{where}: {tree.output}"
        if "-m venv " in line:
            self._furnish(self.checkout / ".venv")
        return tree.output

    def _furnish(self, environment: Path) -> None:
        """Put into an empty environment what pip, which only says what it would do, does not."""
        (packages,) = environment.glob("lib/python*/site-packages")
        ours = sysconfig.get_path("purelib")
        (packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        for name in ("jupyter", "pip"):
            (environment / "bin" / name).symlink_to(self._logs / "bin" / name)

    def _start(self, line: str) -> ProcessTree:
        # `env`, for a line may begin with a variable.
        command = ["bash", "-c", f"cd {self.checkout} && exec env {line}"]
        log = self._logs / f"terminal-{len(list(self._logs.glob('terminal-*')))}.log"
        tree = ProcessTree(command, self._environment, log)
        self._running.append(tree)
        return tree

    def close(self) -> None:
        while self._running:
            self._running.pop().end()
