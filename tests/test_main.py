"""The command line: `ezmsg-nb demo` and `ezmsg-nb --version`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import ezmsg.core
import psutil
from real_graphs import ProcessTree, answers, wait_for

COMMAND = [sys.executable, "-m", "ezmsg_nb"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)


def test_version_names_what_matters() -> None:
    done = _run("--version")
    assert done.returncode == 0
    assert f"ezmsg {ezmsg.core.__version__}\n" in done.stdout
    for package in ("ezmsg-nb", "jupyterlab", "notebook", "ipykernel"):
        assert re.search(rf"^{package} \d", done.stdout, re.MULTILINE), package
    assert re.search(r"^Python 3\.\d", done.stdout, re.MULTILINE)


def test_no_command_says_what_there_is() -> None:
    done = _run()
    assert done.returncode == 2
    assert "COMMAND" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_says_what_each_command_does() -> None:
    done = _run("--help")
    assert done.returncode == 0
    for command in ("lab", "demo", "status", "doctor", "serve"):
        assert re.search(rf"^    {command} +[a-z]", done.stdout, re.MULTILINE), command
        own = _run(command, "--help")
        assert own.returncode == 0
        assert f"usage: ezmsg-nb {command}" in own.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_demo_runs_until_interrupted(tmp_path: Path) -> None:
    tree = ProcessTree([*COMMAND, "demo"], dict(os.environ), tmp_path / "demo.log")
    try:
        wait_for(
            lambda: not tree.running or "Ctrl-C" in tree.output, "the demo to run", deadline_s=60
        )
        said = re.search(r"GraphServer at (\S+):(\d+)\.", tree.output)
        assert said is not None, tree.output
        address = (said[1], int(said[2]))
        assert answers(address)
        tree.interrupt_group()
        # A host that is slow to stop is ended after 10 s.
        assert tree.wait_until_exit(30.0) == 0, tree.output
        assert "Traceback" not in tree.output
        assert not answers(address)
    finally:
        tree.end()


def test_demo_says_why_its_pipeline_ended(tmp_path: Path) -> None:
    tree = ProcessTree([*COMMAND, "demo"], dict(os.environ), tmp_path / "demo.log")
    try:
        wait_for(
            lambda: not tree.running or "Ctrl-C" in tree.output, "the demo to run", deadline_s=60
        )
        (host,) = [
            child
            for child in psutil.Process(tree.pid).children()
            if "kernel_runtime.host" in child.cmdline()
        ]
        host.kill()
        assert tree.wait_until_exit() == 1
        assert "SIGKILL" in tree.output
    finally:
        tree.end()
