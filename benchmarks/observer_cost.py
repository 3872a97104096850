"""What it costs a pipeline to be looked at.

``python -m benchmarks.observer_cost [--quick]``

A pipeline of 500 messages/s in three processes runs throughout, and so does a page of JupyterLab
in headless Chromium. Windows in which nothing is attached, in which the page's kernel shows our
topology and profile view, and in which ezmsg-dashboard's server and page are attached (every
fifth round) take turns.

``pipeline_cpu_added_percent``: CPU seconds of units and server, more than with nothing attached,
over rounds: median of the means of all pairs of them (Hodges and Lehmann), and the 95%
confidence interval of it (bootstrap). ``pipeline_cpu_added_percent_dashboard``: the same of
ezmsg-dashboard, null where it can't be installed; a quick run has it only where
``EZMSG_DASHBOARD_PYTHON`` names a Python that has it.
``pipeline_cpu_percent``: of one CPU, with nothing attached.
``latency_p99_ms``: 99th percentile of the latency from end to end with nothing attached;
``latency_p99_ratio``, ``latency_p99_ratio_dashboard``: that of the others over it.
``kernel_cpu_percent``: of our kernel, of one CPU. ``pages_cpu_percent``: of Chromium, JupyterLab
and the kernel together; ``pages_cpu_percent_dashboard``: of Chromium, its server, and the idle
page of JupyterLab. ``strangers_cpu_percent``: of all else on this machine; with more than a few
percent the other figures say little. ``browser_messages_per_s``: what our widgets send.
``throughput_hz``: messages/s of the same pipeline at full speed; ``throughput_ratio``,
``throughput_ratio_dashboard``: that of the others over it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from playwright.sync_api import Browser

from kernel_runtime.host import GraphHost, GraphSpec

from .cpu import machine_cpu_s, tree_cpu_s
from .harness import arguments, free_port, median_ratio, report
from .observed_graph import LATENCY_FILE_ENV, RATE_ENV, RATE_HZ
from .observer_page import JupyterLab, OurPage, chromium
from .peer_dashboard import PYTHON_ENV, dashboard_python, dashboard_server

SETTLE_S = 1.0
DASHBOARD_EVERY = 5
RESAMPLES = 2000

Figure = TypeVar("Figure")
Attached = Callable[[], AbstractContextManager[None]]


@dataclass
class Window:
    """What was measured in one window: CPU seconds a second, and a latency."""

    pipeline_cpu: float
    others_cpu: float
    machine_cpu: float
    latency_p99_ns: float


@dataclass
class Pipeline:
    """The pipeline, and what it has used and noted so far."""

    host: GraphHost
    latency_file: Path
    _read: int = field(default=0)

    def new_latencies(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        values = np.fromfile(self.latency_file, np.int64, offset=self._read)
        self._read += values.nbytes
        return values

    def _used(self) -> tuple[float, float, float]:
        pipeline = self.host.pid
        assert pipeline is not None
        return tree_cpu_s(pipeline), tree_cpu_s(without=pipeline), machine_cpu_s()

    def measure(self, seconds: float) -> Window:
        self.new_latencies()
        before = self._used()
        began = time.monotonic()
        time.sleep(seconds)
        after = self._used()
        lasted_s = time.monotonic() - began
        pipeline, others, machine = (
            (late - early) / lasted_s for late, early in zip(after, before, strict=True)
        )
        latency_p99_ns = float(np.percentile(self.new_latencies(), 99))
        return Window(pipeline, others, machine, latency_p99_ns)

    def throughput(self, seconds: float) -> float:
        """Messages per second at the end of the pipeline."""
        self.new_latencies()
        began = time.monotonic()
        time.sleep(seconds)
        return len(self.new_latencies()) / (time.monotonic() - began)


@contextlib.contextmanager
def dashboard_in_sight(python: Path, browser: Browser, address: str) -> Iterator[None]:
    """ezmsg-dashboard's server, and its page with numbers on it."""
    port = free_port()
    with dashboard_server(python, address, port):
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        try:
            page.goto(f"http://127.0.0.1:{port}/", wait_until="load")
            page.get_by_text("Hz").first.wait_for(timeout=30_000)
            yield
        finally:
            page.close()


def estimate(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Median of the means of all pairs: as robust as needed, and surer than a median."""
    one, other = np.triu_indices(len(values))
    return float(np.median((values[one] + values[other]) / 2))


def added_percent(those: list[Window], alone: list[Window]) -> dict[str, float]:
    """CPU time added to the pipeline's, in percent, with its 95% interval."""
    added = np.array(
        [
            100.0 * (one.pipeline_cpu / other.pipeline_cpu - 1.0)
            for one, other in zip(those, alone, strict=True)
        ]
    )
    again = np.random.default_rng(0).choice(added, (RESAMPLES, len(added)))
    low, high = np.percentile([estimate(each) for each in again], [2.5, 97.5])
    return {
        "median": round(estimate(added), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "rounds": len(added),
    }


@dataclass
class Turns:
    """Who takes turns at looking."""

    ours: Attached
    dashboard: Attached | None

    def take(
        self, rounds: int, window: Callable[[], Figure]
    ) -> tuple[list[tuple[Figure, Figure]], list[tuple[Figure, Figure]]]:
        """Pairs of ours and nothing, and of ezmsg-dashboard and nothing.

        The order turns every round, and who looks on goes on looking.
        """
        attached: dict[str, Attached] = {"alone": contextlib.nullcontext, "ours": self.ours}
        if self.dashboard is not None:
            attached["dashboard"] = self.dashboard
        plan = []
        for number in range(rounds):
            names = ["alone", "ours"]
            if "dashboard" in attached and number % DASHBOARD_EVERY == 0:
                names.append("dashboard")
            plan += [(number, name) for name in (reversed(names) if number % 2 else names)]
        found: dict[str, dict[int, Figure]] = {name: {} for name in attached}
        for name, turns in itertools.groupby(plan, lambda turn: turn[1]):
            with attached[name]():
                time.sleep(SETTLE_S)
                for number, _ in turns:
                    found[name][number] = window()
        alone = found.pop("alone")
        pairs = {
            name: [(those[number], alone[number]) for number in sorted(those)]
            for name, those in found.items()
        }
        return pairs["ours"], pairs.get("dashboard", [])


@contextlib.contextmanager
def running_pipeline(folder: Path, rate_hz: float) -> Iterator[Pipeline]:
    latency_file = folder / f"latencies_{rate_hz:g}"
    latency_file.touch()
    os.environ[LATENCY_FILE_ENV] = str(latency_file)
    os.environ[RATE_ENV] = str(rate_hz)
    host = GraphHost.start(GraphSpec(factory="benchmarks.observed_graph:build"))
    try:
        yield Pipeline(host, latency_file)
    finally:
        host.stop()


@dataclass
class Stage:
    """Where the pages are shown."""

    browser: Browser
    lab: JupyterLab
    dashboard: Path | None

    @contextlib.contextmanager
    def turns(self, pipeline: Pipeline) -> Iterator[tuple[Turns, OurPage]]:
        address, python = pipeline.host.address, self.dashboard
        page = OurPage(self.browser, self.lab, address)
        try:
            yield (
                Turns(
                    page.in_sight,
                    None
                    if python is None
                    else lambda: dashboard_in_sight(python, self.browser, address),
                ),
                page,
            )
        finally:
            page.close()


def fixed_rate(stage: Stage, folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    with running_pipeline(folder, RATE_HZ) as pipeline, stage.turns(pipeline) as (turns, page):
        ours, dashboard = turns.take(rounds, lambda: pipeline.measure(seconds))
    alone = [other for _, other in ours]
    looked = page.looked
    return {
        "pipeline_cpu_percent": _percent(each.pipeline_cpu for each in alone),
        "pipeline_cpu_added_percent": added_percent([one for one, _ in ours], alone),
        "pipeline_cpu_added_percent_dashboard": added_percent(
            [one for one, _ in dashboard], [other for _, other in dashboard]
        )
        if dashboard
        else None,
        "latency_p99_ms": round(statistics.median(each.latency_p99_ns for each in alone) / 1e6, 3),
        "latency_p99_ratio": _p99_ratio(ours),
        "latency_p99_ratio_dashboard": _p99_ratio(dashboard) if dashboard else None,
        "kernel_cpu_percent": round(100.0 * looked.kernel_s / looked.window_s, 3),
        "pages_cpu_percent": _percent(one.others_cpu for one, _ in ours),
        "pages_cpu_percent_dashboard": _percent(one.others_cpu for one, _ in dashboard)
        if dashboard
        else None,
        "strangers_cpu_percent": _percent(
            each.machine_cpu - each.pipeline_cpu - each.others_cpu for each in alone
        ),
        "browser_messages_per_s": round(looked.sent / looked.sent_in_s, 3),
    }


def _percent(shares: Iterator[float]) -> float:
    return round(100.0 * statistics.median(shares), 2)


def _p99_ratio(pairs: list[tuple[Window, Window]]) -> float:
    ratios = (one.latency_p99_ns / other.latency_p99_ns for one, other in pairs)
    return round(statistics.median(ratios), 4)


def saturated(stage: Stage, folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    with running_pipeline(folder, 0.0) as pipeline, stage.turns(pipeline) as (turns, _):
        ours, dashboard = turns.take(rounds, lambda: pipeline.throughput(seconds))
    return {
        "throughput_hz": round(statistics.median(other for _, other in ours)),
        "throughput_ratio": round(median_ratio(*zip(*ours, strict=True)), 4),
        "throughput_ratio_dashboard": round(median_ratio(*zip(*dashboard, strict=True)), 4)
        if dashboard
        else None,
    }


def main() -> None:
    options = arguments(__doc__ or "")
    rounds, full_rounds, seconds = (3, 1, 1.0) if options.quick else (40, 8, 4.0)
    # To install the peer takes longer than a quick run may.
    has_peer = not options.quick or PYTHON_ENV in os.environ
    peer = dashboard_python() if has_peer else contextlib.nullcontext(None)
    with tempfile.TemporaryDirectory(prefix="ezmsg-nb-observer-") as made, peer as python:
        folder = Path(made)
        lab = JupyterLab(folder / "lab")
        try:
            with chromium() as browser:
                stage = Stage(browser, lab, python)
                figures = fixed_rate(stage, folder, rounds, seconds)
                figures |= saturated(stage, folder, full_rounds, seconds)
        finally:
            lab.close()
    report(figures)


if __name__ == "__main__":
    main()
