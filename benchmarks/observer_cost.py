"""What it costs a pipeline to be looked at.

``python -m benchmarks.observer_cost [--quick]``

A pipeline of 500 messages/s in three processes runs throughout. Windows with nothing attached,
with our topology and profile views in sight, and with ezmsg-dashboard and its page in Chromium
take turns. Our browser's side is played by its messages; the figures are of the pipeline and of
the kernel alone.

``pipeline_cpu_added_percent``: CPU seconds of units and server, more than with nothing attached:
median over rounds, and the 95% confidence interval of it (bootstrap).
``pipeline_cpu_added_percent_dashboard``: the same of ezmsg-dashboard; null where it is not
installed (it needs ezmsg 3.10).
``pipeline_cpu_percent``: of one CPU, with nothing attached.
``latency_p99_ratio``: 99th percentile of the latency from end to end, ours over nothing.
``kernel_cpu_percent``: CPU of our kernel, of one CPU. ``browser_messages_per_s``: what our
widgets send. ``throughput_ratio``: messages/s of the same pipeline at full speed, ours over
nothing (``throughput_hz``), and ``throughput_ratio_dashboard``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil

from kernel_runtime.host import GraphHost, GraphSpec

from .harness import arguments, median_ratio, report
from .observed_graph import LATENCY_FILE_ENV, RATE_ENV, RATE_HZ

SETTLE_S = 0.5
DASHBOARD_START_S = 15.0
RESAMPLES = 4000

Figure = TypeVar("Figure")


@dataclass
class Window:
    """What was measured in one window."""

    pipeline_cpu_s: float
    latency_p99_ns: float


@dataclass
class Pipeline:
    """The pipeline, and what it has used and noted so far."""

    host: GraphHost
    latency_file: Path
    _read: int = field(default=0)

    def cpu_s(self) -> float:
        root = psutil.Process(self.host.pid)
        return sum(_ran_s(process.pid) for process in (root, *root.children(recursive=True)))

    def new_latencies(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        values = np.fromfile(self.latency_file, np.int64, offset=self._read)
        self._read += values.nbytes
        return values

    def measure(self, seconds: float, beat: Callable[[], object]) -> Window:
        time.sleep(SETTLE_S)
        self.new_latencies()
        before = self.cpu_s()
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            time.sleep(min(3.0, left_s))
            beat()
        used = self.cpu_s() - before
        return Window(used, float(np.percentile(self.new_latencies(), 99)))

    def throughput(self, seconds: float, beat: Callable[[], object]) -> float:
        """Messages per second at the end of the pipeline."""
        time.sleep(SETTLE_S)
        self.new_latencies()
        began = time.monotonic()
        while (left_s := began + seconds - time.monotonic()) > 0:
            time.sleep(min(3.0, left_s))
            beat()
        return len(self.new_latencies()) / (time.monotonic() - began)


def _ran_s(pid: int) -> float:
    """CPU time of a process' threads, to the nanosecond: ticks of 10 ms are 1% of a window."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


class OurKernel:
    """Our kernel in a process of its own, attached only while it is in sight."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.observer_kernel", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        self.cpu_s = 0.0
        self.sent = 0
        self.seconds = 0.0

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def say(self, word: str) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._answer()

    @contextlib.contextmanager
    def in_sight(self) -> Iterator[Callable[[], object]]:
        self.say("on")
        time.sleep(SETTLE_S)
        began, before = time.monotonic(), self.say("beat")
        yield lambda: self.say("beat")
        after = self.say("beat")
        self.seconds += time.monotonic() - began
        self.cpu_s += after["cpu_s"] - before["cpu_s"]
        self.sent += int(after["sent"] - before["sent"])
        self.say("off")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def nothing() -> Iterator[Callable[[], object]]:
    yield lambda: None


def has_dashboard() -> bool:
    try:
        found = importlib.util.find_spec("ezmsg.dashboard.backend.app") is not None
        return found and importlib.util.find_spec("playwright") is not None
    except ImportError:
        return False


@contextlib.contextmanager
def dashboard_in_sight(address: str) -> Iterator[Callable[[], object]]:
    """ezmsg-dashboard's server, and its page in Chromium."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-c", "from ezmsg.dashboard.server import cmdline; cmdline()"),
            *("--graph-address", address, "--host", "127.0.0.1", "--port", str(port)),
            *("--log-level", "error"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_port(port, server)
        with sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            path = chromium if Path(chromium).exists() else None
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/", wait_until="load")
            yield lambda: None
            browser.close()
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + DASHBOARD_START_S
    while time.monotonic() < give_up and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    raise RuntimeError("ezmsg-dashboard did not start.")


def added_percent(ours: list[Window], alone: list[Window]) -> dict[str, float]:
    """Median of the CPU time added, in percent, with the 95% interval of the median."""
    added = np.array(
        [
            100.0 * (one.pipeline_cpu_s / other.pipeline_cpu_s - 1.0)
            for one, other in zip(ours, alone, strict=True)
        ]
    )
    again = np.random.default_rng(0).choice(added, (RESAMPLES, len(added)))
    low, high = np.percentile(np.median(again, axis=1), [2.5, 97.5])
    return {
        "median": round(float(np.median(added)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }


def take_turns(
    address: str,
    kernel: OurKernel,
    rounds: int,
    window: Callable[[Callable[[], object]], Figure],
) -> dict[str, list[Figure]]:
    """Windows with nothing attached, with ours, with ezmsg-dashboard, in turn and turned order."""
    contestants: dict[str, Callable[[], AbstractContextManager[Callable[[], object]]]]
    contestants = {"alone": nothing, "ours": kernel.in_sight}
    if has_dashboard():
        contestants["dashboard"] = lambda: dashboard_in_sight(address)
    found: dict[str, list[Figure]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(rounds):
        for name in order:
            with contestants[name]() as beat:
                found[name].append(window(beat))
        order.reverse()
    return found


@contextlib.contextmanager
def observed_pipeline(folder: Path, rate_hz: float) -> Iterator[tuple[Pipeline, OurKernel]]:
    latency_file = folder / f"latencies_{rate_hz:g}"
    latency_file.touch()
    os.environ[LATENCY_FILE_ENV] = str(latency_file)
    os.environ[RATE_ENV] = str(rate_hz)
    host = GraphHost.start(GraphSpec(factory="benchmarks.observed_graph:build"))
    try:
        kernel = OurKernel(host.address)
        try:
            yield Pipeline(host, latency_file), kernel
        finally:
            kernel.close()
    finally:
        host.stop()


def fixed_rate(folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    with observed_pipeline(folder, RATE_HZ) as (pipeline, kernel):
        found = take_turns(
            pipeline.host.address, kernel, rounds, lambda beat: pipeline.measure(seconds, beat)
        )
        ratios = (
            one.latency_p99_ns / other.latency_p99_ns
            for one, other in zip(found["ours"], found["alone"], strict=True)
        )
        return {
            "pipeline_cpu_percent": round(
                100.0 * statistics.median(each.pipeline_cpu_s for each in found["alone"]) / seconds,
                2,
            ),
            "pipeline_cpu_added_percent": added_percent(found["ours"], found["alone"]),
            "pipeline_cpu_added_percent_dashboard": added_percent(
                found["dashboard"], found["alone"]
            )
            if "dashboard" in found
            else None,
            "latency_p99_ratio": round(statistics.median(ratios), 4),
            "kernel_cpu_percent": round(100.0 * kernel.cpu_s / kernel.seconds, 3),
            "browser_messages_per_s": round(kernel.sent / kernel.seconds, 3),
        }


def saturated(folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    with observed_pipeline(folder, 0.0) as (pipeline, kernel):
        found = take_turns(
            pipeline.host.address, kernel, rounds, lambda beat: pipeline.throughput(seconds, beat)
        )
        return {
            "throughput_hz": round(statistics.median(found["alone"])),
            "throughput_ratio": round(median_ratio(found["ours"], found["alone"]), 4),
            "throughput_ratio_dashboard": round(median_ratio(found["dashboard"], found["alone"]), 4)
            if "dashboard" in found
            else None,
        }


def main() -> None:
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="ezmsg-nb-observer-") as folder:
        rounds, seconds = (3, 2.0) if options.quick else (60, 3.0)
        figures = fixed_rate(Path(folder), rounds, seconds)
        figures |= saturated(Path(folder), max(1, rounds // 5), seconds)
        report(figures)


if __name__ == "__main__":
    main()
