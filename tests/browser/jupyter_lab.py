"""A real Jupyter server with folders of its own, and notebook pages in Chromium that drive it.

The one server has JupyterLab and Notebook 7: `notebook_page` opens a notebook in either. The
browser reaches this machine and no other.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import nbformat
import psutil
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright
from real_graphs import HOST, ProcessTree, wait_for

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Every other host is one that does not exist.
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
]
Theme = Literal["light", "dark"]
FrontEnd = Literal["lab", "notebook"]
FRONT_ENDS: tuple[FrontEnd, ...] = ("lab", "notebook")
_URL_OF = {"lab": "lab/tree", "notebook": "notebooks"}

_BEGUN = re.compile(r"[*\d]")
"""In the prompt of a cell that waits, runs, or has run."""


def browser_path() -> str:
    for name in BROWSERS:
        path = shutil.which(name)
        if path is not None:
            return path
    raise AssertionError(f"None of {', '.join(BROWSERS)} is on PATH; `make browser` installs one.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


class JupyterLab:
    """JupyterLab and Notebook 7 on a free port, with a token, their own folders and settings.

    Attributes
    ----------
    folder
        The root folder that it serves.
    """

    def __init__(self, home: Path, theme: Theme = "light") -> None:
        self.folder = home / "notebooks"
        self.folder.mkdir(parents=True)
        self._token = secrets.token_hex(16)
        self._port = _free_port()
        environment = self._own_folders(home, theme)
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            f"--ServerApp.ip={HOST}",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.folder}",
            f"--IdentityProvider.token={self._token}",
            "--LabApp.extension_manager=readonly",
        ]
        self._tree = ProcessTree(command, environment, home / "jupyter_lab.log")
        try:
            wait_for(
                lambda: not self._tree.running or self._answers(),
                f"JupyterLab on port {self._port}",
                deadline_s=60,
            )
            assert self._tree.running, f"JupyterLab ended:\n{self._tree.output}"
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _own_folders(home: Path, theme: Theme) -> dict[str, str]:
        folders = {
            "JUPYTER_CONFIG_DIR": home / "config",
            "JUPYTER_DATA_DIR": home / "data",
            "JUPYTER_RUNTIME_DIR": home / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
            "IPYTHONDIR": home / "ipython",
            "MPLCONFIGDIR": home / "matplotlib",
        }
        for folder in folders.values():
            folder.mkdir()
        # The first start would ask about news from another host.
        page_config = home / "config" / "labconfig" / "page_config.json"
        page_config.parent.mkdir()
        news = "@jupyterlab/apputils-extension:announcements"
        page_config.write_text(json.dumps({"disabledExtensions": {news: True}}))
        themes = home / "settings" / "@jupyterlab" / "apputils-extension"
        themes.mkdir(parents=True)
        chosen = {"theme": f"JupyterLab {theme.title()}"}
        (themes / "themes.jupyterlab-settings").write_text(json.dumps(chosen))
        widgets = home / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
        widgets.mkdir(parents=True)
        # What Settings > Save Widget State Automatically does.
        (widgets / "plugin.jupyterlab-settings").write_text(json.dumps({"saveState": True}))
        return {
            **os.environ,
            **{name: str(folder) for name, folder in folders.items()},
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }

    @property
    def pid(self) -> int:
        return self._tree.pid

    @property
    def output(self) -> str:
        return self._tree.output

    def write_notebook(self, name: str, cells: Sequence[str]) -> None:
        """Put a notebook of these code cells into the folder."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
        )
        nbformat.write(notebook, self.folder / name)

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self._port}/{path}?token={self._token}"

    def _ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"http://{HOST}:{self._port}/{path}",
            method=method,
            headers={"Authorization": f"token {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read()
        return json.loads(body) if body else None

    def _answers(self) -> bool:
        try:
            self._ask("api/status")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def kernel_ids(self) -> list[str]:
        return [kernel["id"] for kernel in self._ask("api/kernels")]

    def kernel_pids(self) -> list[int]:
        return [
            child.pid
            for child in psutil.Process(self.pid).children()
            if any("ipykernel" in part for part in child.cmdline())
        ]

    def shut_down_kernels(self) -> None:
        """What "Shut Down Kernel" in the menu does, for all kernels."""
        for kernel in self.kernel_ids():
            self._ask(f"api/kernels/{kernel}", method="DELETE")

    def close(self) -> None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            self.shut_down_kernels()
        self._tree.end()


class NotebookPage:
    """A notebook open in JupyterLab or Notebook 7, as a person sees and drives it.

    Attributes
    ----------
    front_end
        ``"lab"`` or ``"notebook"``.
    other_hosts
        Hosts other than this machine that the page asked for anything.
    console_errors
        What the page wrote to the browser's console as errors.
    """

    def __init__(
        self,
        browser: Browser,
        lab: JupyterLab,
        notebook: str,
        front_end: FrontEnd = "lab",
        *,
        with_kernel: bool = True,
        pixel_ratio: float = 1.0,
    ) -> None:
        self.front_end = front_end
        self._with_kernel = with_kernel
        self._context = browser.new_context(
            viewport={"width": 1400, "height": 1000}, device_scale_factor=pixel_ratio
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(20_000)
        self.other_hosts: set[str] = set()
        self.console_errors: list[str] = []
        self.page.on("request", lambda request: self._note_host(request.url))
        self.page.on(
            "console",
            lambda said: self.console_errors.append(said.text) if said.type == "error" else None,
        )
        self.page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        # Without the tabs that an earlier page of this server had open.
        address = lab.url(f"{_URL_OF[front_end]}/{notebook}") + "&reset"
        self.page.goto(address, timeout=60_000)
        self._wait_until_open()

    def reload(self) -> None:
        """Load the page again, as the browser's button does; its kernel lives on."""
        self.page.reload(timeout=60_000)
        self._wait_until_open()

    def _wait_until_open(self) -> None:
        self.page.locator(".jp-NotebookPanel").wait_for(timeout=60_000)
        self.cells.first.wait_for(timeout=60_000)
        if self._with_kernel:
            self._wait_for_kernel()

    def _wait_for_kernel(self) -> None:
        # Not asked from the server: jupyter_server answers 500 while a kernel starts.
        if self.front_end == "lab":
            statusbar = self.page.locator("#jp-main-statusbar")
            statusbar.get_by_text(re.compile(r"Python 3 .*\| Idle")).wait_for(timeout=60_000)
        else:
            self.wait_until_idle()
            # Notebook 7 opens with two errors of its own, before any code of ours is there.
            self.console_errors.clear()

    def _note_host(self, url: str) -> None:
        host = urlparse(url).hostname
        if host not in {None, HOST}:
            self.other_hosts.add(str(host))

    @property
    def cells(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel .jp-CodeCell")

    def wait_until_idle(self, deadline_s: float = 60.0) -> None:
        indicator = self.page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle", timeout=deadline_s * 1000)

    def run_all(self, deadline_s: float = 90.0) -> None:
        """Run > Run All Cells, and wait until all have run."""
        self._start_all()
        try:
            wait_for_page(
                self.page,
                lambda: bool(self.errors()) or 0 < self.cells.count() == self._counted(),
                deadline_s,
            )
        except AssertionError as error:
            error.add_note(f"Prompts of the cells: {self._prompts()}; errors: {self.errors()}")
            error.add_note(f"Console: {self.console_errors}")
            error.add_note(f"Picture: {self.screenshot('not-run')}")
            raise
        assert not self.errors(), "\n".join(self.errors())
        self.wait_until_idle(deadline_s)

    def _start_all(self) -> None:
        # Notebook 7 shows a kernel as idle before it is connected to it, and until then forgets
        # what it is told to run: no prompt changes then.
        for _ in range(10):
            self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
            self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
            with contextlib.suppress(AssertionError):
                wait_for_page(self.page, lambda: any(map(_BEGUN.search, self._prompts())), 5.0)
                return

    def _counted(self) -> int:
        """Code cells that have run: those whose prompt shows a number."""
        return sum(bool(re.search(r"\d", text)) for text in self._prompts())

    def _prompts(self) -> list[str]:
        prompts = self.page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt")
        return prompts.all_text_contents()

    def run_code(self, code: str, deadline_s: float = 30.0) -> str:
        """Type code into a new last cell, run it, and give the text of its output."""
        cell = self.start_code(code)
        prompt = cell.locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(r"\d"), timeout=deadline_s * 1000)
        return "\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts())

    def start_code(self, code: str) -> Locator:
        """Type code into a new last cell and have it run; the cell, which may run for long."""
        before = self.cells.count()
        self.cells.last.click(position={"x": 5, "y": 5})
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        expect(self.cells).to_have_count(before + 1)
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")
        return self.cells.nth(before)

    def save(self) -> None:
        """File > Save Notebook, and wait until it is on disk."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^File$")).click()
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ):
            self.page.locator('.lm-Menu-item[data-command="docmanager:save"]').click()

    def use_theme(self, theme: Theme) -> None:
        """Settings > Theme > JupyterLab Light or Dark."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Settings$")).click()
        self.page.locator(".lm-Menu-item", has_text=re.compile("^Theme$")).hover()
        self.page.locator(".lm-Menu-item", has_text=f"JupyterLab {theme.title()}").first.click()
        light = "true" if theme == "light" else "false"
        body = self.page.locator("body")
        expect(body).to_have_attribute("data-jp-theme-light", light, timeout=20_000)

    def errors(self) -> list[str]:
        """Tracebacks that cells show."""
        shown = self.page.locator(
            '.jp-OutputArea-output[data-mime-type$="stderr"], '
            '.jp-OutputArea-output[data-mime-type$="error"]'
        )
        return shown.all_inner_texts()

    def screenshot(self, name: str) -> Path:
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        # Written here: Playwright would start threads for it that stay as long as its browser.
        path.write_bytes(self.page.screenshot())
        return path

    def close(self) -> None:
        self._context.close()


def wait_for_page(page: Page, condition: Callable[[], bool], deadline_s: float) -> None:
    """Wait for a condition, and let the page's events through meanwhile."""
    give_up = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"The page did not come to that in {deadline_s:g} s.")
        page.wait_for_timeout(50)


@contextlib.contextmanager
def jupyter_lab(home: Path, theme: Theme = "light") -> Iterator[JupyterLab]:
    lab = JupyterLab(home, theme)
    try:
        yield lab
    finally:
        lab.close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    driver: Playwright
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path(), args=BROWSER_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def notebook_page(
    browser: Browser,
    lab: JupyterLab,
    notebook: str,
    front_end: FrontEnd = "lab",
    *,
    with_kernel: bool = True,
    pixel_ratio: float = 1.0,
) -> Iterator[NotebookPage]:
    """A notebook open in a front end; without a kernel where none is to be waited for."""
    page = NotebookPage(
        browser, lab, notebook, front_end, with_kernel=with_kernel, pixel_ratio=pixel_ratio
    )
    try:
        yield page
    finally:
        page.close()
