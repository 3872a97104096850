"""Widgets are heard while a cell runs, where the front end asks for that."""

from __future__ import annotations

from typing import Any


def hear_while_cells_run(comm: Any) -> None:
    """Let what a page sends on a comm arrive on the thread that the page chose.

    JupyterLab gives the widgets of a kernel a subshell, a thread of its own, so that they are
    heard while a cell runs. ipykernel 7.4 has a comm's messages follow the shell that has last
    sent on it instead, which for state that follows a running graph is mostly the one of the
    cells: every edit then waits for the end of the cell. Kernels that don't do so have no
    ``_reply_subshell_for``, and nothing is changed there.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _as_asked


def _as_asked(_data: object, asked: str | None) -> str | None:
    return asked
