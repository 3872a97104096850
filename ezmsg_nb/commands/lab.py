"""``ezmsg-nb lab``: JupyterLab on a notebook that shows a graph."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from kernel_runtime.address import Address, parse_address

CELLS_AFTER = (
    "g.settings.form()",
    "import time\n\nwith g.trace() as trace:\n    time.sleep(2)\n\n"
    'trace.latency()[["from_unit", "to_unit", "count", "transport_p50_ms", "processing_p50_ms"]]',
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "lab",
        help="open JupyterLab on a notebook that shows a running graph, or the demo",
        description="Writes a notebook into this folder, where it isn't there yet, and opens "
        "JupyterLab on it. With an address the notebook is attached to that graph; without, it "
        "starts the demo pipeline.",
    )
    parser.add_argument(
        "address", nargs="?", metavar="HOST:PORT", help="of the GraphServer of a running graph"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument("--port", type=int, help="of JupyterLab (default: 8888, or the next free)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the notebook and become JupyterLab; returns only where that can't be."""
    if importlib.util.find_spec("jupyterlab") is None:
        print(
            "ezmsg-nb: JupyterLab is not installed: install ezmsg-nb with its extra, "
            "ezmsg-nb[lab].",
            file=sys.stderr,
        )
        return 1
    try:
        address = parse_address(arguments.address) if arguments.address else None
    except ValueError as error:
        print(f"ezmsg-nb: {error}", file=sys.stderr)
        return 2
    return _become_jupyter_lab(_notebook(address), arguments)


def _become_jupyter_lab(notebook: Path, arguments: argparse.Namespace) -> NoReturn:
    # The address that is printed leads to the notebook too, for a browser on another machine.
    page = f"--LabApp.default_url=/lab/tree/{quote(notebook.name)}"
    command = [sys.executable, "-m", "jupyterlab", str(notebook), page]
    if arguments.no_browser:
        command.append("--no-browser")
    if arguments.port is not None:
        command.append(f"--port={arguments.port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    sys.stdout.flush()
    os.execv(command[0], command)


def _notebook(address: Address | None) -> Path:
    name = "ezmsg-demo" if address is None else f"ezmsg-{address.host}-{address.port}"
    path = Path(f"{name.replace(':', '_')}.ipynb")
    if path.exists():
        print(f"{path} is there already, and is opened as it is.")
        return path
    start = "ezn.demo()" if address is None else f'ezn.connect("{address}")'
    cells = (f"import ezmsg_nb as ezn\n\ng = {start}\ng", *CELLS_AFTER)
    path.write_text(json.dumps(_document(cells), indent=1) + "\n", "utf-8")
    return path


def _document(cells: Sequence[str]) -> dict[str, object]:
    # Written by hand: nbformat comes with the lab extra, and this module is imported without.
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
