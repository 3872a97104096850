"""The quickstart as a person uses it: real JupyterLab, real Chromium, a real pipeline."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from ezmsg.core.graphcontext import GraphContext
from jupyter_lab import JupyterLab, NotebookPage, notebook_page, wait_for_page
from leak_guard import segments_of, shared_memory_segments
from playwright.sync_api import Browser, Locator, expect
from real_graphs import wait_for
from stored_notebooks import NOTEBOOKS, stored_text

(NOTEBOOK,) = (path for path in NOTEBOOKS if path.name == "01_quickstart.ipynb")

pytest_plugins = ["jupyter_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def quickstart(browser: Browser, lab: JupyterLab) -> Iterator[NotebookPage]:
    """The quickstart, opened and run from top to bottom."""
    (lab.folder / NOTEBOOK.name).write_text(stored_text(NOTEBOOK))
    with notebook_page(browser, lab, NOTEBOOK.name) as page:
        try:
            page.run_all()
            yield page
        finally:
            page.screenshot("last_seen")
            lab.shut_down_kernels()


def _topology(page: NotebookPage) -> Locator:
    return page.page.locator('[data-ezmsg-nb="topology"]').first


def _field(page: NotebookPage, path: str) -> Locator:
    return page.page.locator(f'[data-ezmsg-nb="settings-form"] [data-field="{path}"]').first


def _box(page: NotebookPage, path: str) -> Locator:
    """The text box of a field."""
    return _field(page, path).get_by_role("textbox").first


def _rates(page: NotebookPage) -> dict[str, str]:
    """What the widget says of each topic's rate, those that are known."""
    labels = _topology(page).locator("[data-rate-of]")
    said = labels.evaluate_all("all => all.map(e => [e.dataset.rateOf, e.textContent])")
    return {topic: text for topic, text in said if re.search(r"\d", text)}


def _read_settings(address: str, unit: str) -> dict[str, Any]:
    """The settings that ezmsg's own client finds, from a thread with a loop of its own."""

    async def read() -> dict[str, Any]:
        host, port = address.split(":")
        async with (
            asyncio.timeout(10),
            GraphContext((host, int(port)), auto_start=False) as context,
        ):
            snapshot = await context.settings_snapshot()
        held = snapshot[unit].structured_value
        assert isinstance(held, dict)
        return held

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(read())).result(timeout=20)


def _family(lab: JupyterLab) -> list[psutil.Process]:
    """All processes below the kernels: hosts and unit processes."""
    return [
        process
        for kernel in lab.kernel_pids()
        for process in psutil.Process(kernel).children(recursive=True)
    ]


def _running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def _host(lab: JupyterLab) -> psutil.Process:
    """The host process: the child of the kernel, and itself the parent of unit processes."""
    (kernel,) = lab.kernel_pids()
    (host,) = [
        child
        for child in psutil.Process(kernel).children()
        if "kernel_runtime.host" in child.cmdline()
    ]
    return host


def test_see_the_graph_change_a_setting_and_leave_nothing(
    quickstart: NotebookPage, lab: JupyterLab
) -> None:
    page = quickstart
    topology = _topology(page)
    topology.scroll_into_view_if_needed()
    expect(topology).to_have_attribute("data-state", "connected")
    assert int(topology.get_attribute("data-units") or 0) >= 8
    assert topology.locator("[role=treeitem][data-unit]").count() >= 8
    wait_for_page(page.page, lambda: len(_rates(page)) >= 6, deadline_s=10)
    before = _rates(page)
    wait_for_page(page.page, lambda: _rates(page) != before, deadline_s=10)
    page.screenshot("topology_light")

    address = page.run_code("print(g.address)").strip()
    assert _read_settings(address, "LP")["cutoff"] == 30.0

    box = _box(page, "cutoff")
    box.scroll_into_view_if_needed()
    expect(box).to_have_value(re.compile(r"^30(\.0)?$"))
    box.fill("20")
    box.press("Enter")
    expect(_field(page, "cutoff")).to_have_attribute("data-state", "applied", timeout=5_000)
    assert _read_settings(address, "LP")["cutoff"] == 20.0
    page.screenshot("form_light")

    changed = time.monotonic()
    page.run_code('g.settings["LP"]["cutoff"] = 25.0')
    expect(box).to_have_value(re.compile(r"^25(\.0)?$"), timeout=2_000)
    assert time.monotonic() - changed < 3.0
    assert _read_settings(address, "LP")["cutoff"] == 25.0

    page.use_theme("dark")
    box.scroll_into_view_if_needed()
    page.screenshot("form_dark")
    topology.scroll_into_view_if_needed()
    page.screenshot("topology_dark")
    page.use_theme("light")

    assert page.errors() == []
    assert page.other_hosts == set()
    assert page.console_errors == []

    family = _family(lab)
    assert len(family) >= 4, "a host and three unit processes, one of which may be the host"
    segments = frozenset[str]().union(*(segments_of(process.pid) for process in family))
    assert segments, "the pipeline's messages go through shared memory"
    lab.shut_down_kernels()
    wait_for(lambda: not _running(family), "the end of the pipeline with its kernel", 30.0)
    wait_for(lambda: not segments & shared_memory_segments(), "the end of its shared memory", 30.0)


def test_widgets_say_so_when_the_graph_dies_and_no_cell_hangs(
    quickstart: NotebookPage, lab: JupyterLab
) -> None:
    page = quickstart
    topology = _topology(page)
    topology.scroll_into_view_if_needed()
    expect(topology).to_have_attribute("data-state", "connected")
    host, family = _host(lab), _family(lab)

    host.kill()
    killed = time.monotonic()
    expect(topology).not_to_have_attribute("data-state", "connected", timeout=2_000)
    told_s = time.monotonic() - killed
    page.screenshot("graph_died")
    assert told_s < 2.0

    asked = time.monotonic()
    said = page.run_code("g.units()", deadline_s=15)
    assert time.monotonic() - asked < 12.0
    assert "Error" in said
    assert "host process ended" in said
    wait_for(lambda: not _running(family), "the end of the orphaned unit processes", 30.0)
