"""What it costs to look: our own CPU, what the server sends us, what we send to browsers.

Counters are read whenever somebody asks; figures are over the time since an earlier reading.
What was not measured is None, never a guess.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from .tracing_cost import TracingCost

SHORTEST_WINDOW_S = 1.0
LONGEST_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class ObserverCost:
    """What this kernel costs and causes by looking at one graph.

    Attributes
    ----------
    window_s
        Duration that the figures are about; None before there is one.
    kernel_cpu
        CPU of this kernel, with whatever runs in its cells, as a share of one CPU.
    own_cpu
        CPU of the thread that talks to graphs, a part of `kernel_cpu`.
    observers_cpu
        CPU of the processes that hold taps and scopes.
    bytes_per_s
        What the server sends to this graph's context.
    browser_messages_per_s
        What the widgets of this kernel send, those of other graphs too.
    tracing
        How much the last trace slowed the pipeline, None where that was not measured.
    """

    window_s: float | None
    kernel_cpu: float | None
    own_cpu: float | None
    observers_cpu: float | None
    bytes_per_s: float | None
    browser_messages_per_s: float | None
    tracing: TracingCost | None

    @property
    def text(self) -> str:
        """All of it in one line."""
        if self.window_s is None:
            return "Observer: not measured yet"
        parts = [
            f"kernel {_percent(self.kernel_cpu)} of a CPU (our thread {_percent(self.own_cpu)})",
            f"{_bytes(self.bytes_per_s)}/s from the server",
            f"{_number(self.browser_messages_per_s)} messages/s to the browser",
        ]
        if self.observers_cpu:
            parts.insert(1, f"taps and scopes {_percent(self.observers_cpu)}")
        slowed = "not measured" if self.tracing is None else f"{self.tracing.text} (last trace)"
        return f"Observer: {', '.join(parts)}; slow-down by tracing: {slowed}"


@dataclass(frozen=True, slots=True)
class _Reading:
    at_s: float
    kernel_s: float
    own_s: float
    observers: dict[int, float]
    bytes: int
    messages: int


class ObserverMeter:
    """Reads what this kernel costs. Thread-safe.

    Parameters
    ----------
    own_s
        CPU seconds of our thread so far.
    bytes_received
        Bytes from the server so far.
    browser_messages
        Messages to browsers so far.
    observers
        Ids of the processes that hold taps and scopes now.
    tracing
        What the last trace cost, None where that was not measured.
    """

    def __init__(
        self,
        own_s: Callable[[], float],
        bytes_received: Callable[[], int],
        browser_messages: Callable[[], int],
        observers: Callable[[], Iterable[int]],
        tracing: Callable[[], TracingCost | None],
    ) -> None:
        self._own_s = own_s
        self._bytes_received = bytes_received
        self._browser_messages = browser_messages
        self._observers = observers
        self._tracing = tracing
        self._lock = threading.Lock()
        self._readings: deque[_Reading] = deque()
        self._readings.append(self._read())

    def cost(self) -> ObserverCost:
        """Figures of the last one to ten seconds, or since the last reading, if that is older."""
        with self._lock:
            now = self._read()
            while len(self._readings) > 1 and now.at_s - self._readings[1].at_s > LONGEST_WINDOW_S:
                self._readings.popleft()
            before = self._readings[0]
            newest = self._readings[-1]
            if now.at_s - newest.at_s >= SHORTEST_WINDOW_S:
                self._readings.append(now)
        window_s = now.at_s - before.at_s
        if window_s < SHORTEST_WINDOW_S:
            return ObserverCost(None, None, None, None, None, None, self._tracing())
        observers = [
            used - before.observers[pid]
            for pid, used in now.observers.items()
            if pid in before.observers
        ]
        return ObserverCost(
            window_s=window_s,
            kernel_cpu=(now.kernel_s - before.kernel_s) / window_s,
            own_cpu=max(0.0, now.own_s - before.own_s) / window_s,
            observers_cpu=sum(observers) / window_s if observers else None,
            bytes_per_s=max(0, now.bytes - before.bytes) / window_s,
            browser_messages_per_s=(now.messages - before.messages) / window_s,
            tracing=self._tracing(),
        )

    def _read(self) -> _Reading:
        observers = {}
        for pid in self._observers():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(pid).cpu_times()
                observers[pid] = times.user + times.system
        return _Reading(
            time.monotonic(),
            time.process_time(),
            self._own_s(),
            observers,
            self._bytes_received(),
            self._browser_messages(),
        )


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.2g}%"


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2g}"


def _bytes(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.0f} B" if value < 1000 else f"{value / 1000:.3g} kB"
