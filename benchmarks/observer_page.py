"""JupyterLab in Chromium with our topology and profile view in sight, for `observer_cost`.

A notebook page is open all the time; only while it is looked at is its kernel attached to the
graph, with both views on screen.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from .cpu import process_cpu_s

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "browser")]

from jupyter_lab import JupyterLab, NotebookPage, chromium, wait_for_page  # noqa: E402

__all__ = ["JupyterLab", "NotebookPage", "OurPage", "chromium", "wait_for_page"]

NOTEBOOK = "looking.ipynb"
FIRST, ON, OFF = range(3)
SHOWN_S = 30.0


def _cells(address: str) -> list[str]:
    return [
        "import json, os, time\n"
        "import ezmsg_nb as ezn\n"
        "from IPython.display import display\n"
        "from ezmsg_nb.watched_widget import browser_traffic\n"
        "print(os.getpid())",
        f"g = ezn.connect({address!r})\n"
        "views = [g.topology(height=260), g.profile_view(height=260)]\n"
        "began, before = time.monotonic(), browser_traffic.messages\n"
        "display(*views)",
        "print(json.dumps({'sent': browser_traffic.messages - before,"
        " 'seconds': time.monotonic() - began, 'watched': [each.watching for each in views]}))\n"
        "for each in views:\n"
        "    each.close()\n"
        "g.close()",
    ]


@dataclass
class Looked:
    """What looking took, over all windows."""

    kernel_s: float = 0.0
    window_s: float = 0.0
    sent: int = 0
    sent_in_s: float = 0.0


class OurPage:
    """A notebook whose kernel is attached while it is in sight."""

    def __init__(self, browser: Browser, lab: JupyterLab, address: str) -> None:
        self._lab = lab
        lab.write_notebook(NOTEBOOK, _cells(address))
        self._notebook = NotebookPage(browser, lab, NOTEBOOK)
        self.looked = Looked()
        self._runs = 0
        self._kernel_pid = int(self._run(FIRST))

    def _run(self, place: int) -> str:
        """Run a cell, and give its text once it has run."""
        self._runs += 1
        cell = self._notebook.cells.nth(place)
        cell.locator(".cm-content").click()
        self._notebook.page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(rf"\[{self._runs}\]"), timeout=SHOWN_S * 1000)
        errors = self._notebook.errors()
        if errors:
            raise RuntimeError("\n".join(errors))
        return "\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts())

    @contextlib.contextmanager
    def in_sight(self) -> Iterator[None]:
        """Both views are on screen and have numbers when this is entered."""
        self._run(ON)
        page = self._notebook.page
        rates = page.locator('td[data-column="rate"]')
        wait_for_page(
            page, lambda: any(re.search(r"\d", text) for text in rates.all_inner_texts()), SHOWN_S
        )
        began, before = time.monotonic(), process_cpu_s(self._kernel_pid)
        yield
        self.looked.window_s += time.monotonic() - began
        self.looked.kernel_s += process_cpu_s(self._kernel_pid) - before
        said = json.loads(self._run(OFF))
        if not all(said["watched"]):
            raise RuntimeError(f"Not all views were in sight: {said['watched']}.")
        self.looked.sent += said["sent"]
        self.looked.sent_in_s += said["seconds"]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(self._notebook.page.screenshot())

    def close(self) -> None:
        self._notebook.close()
        self._lab.shut_down_kernels()
