"""Sweeps: apply each combination of settings, wait until it holds, measure."""

# ipywidgets and IPython.display are untyped.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython import display
from ipywidgets.widgets.widget_box import HBox
from ipywidgets.widgets.widget_int import IntProgress
from ipywidgets.widgets.widget_string import Label

from kernel_runtime.errors import GraphError, SettingsRejectedError

if TYPE_CHECKING:
    from .live_graph import LiveGraph

Measure = Callable[["LiveGraph"], Any]
Combination = dict[str, dict[str, Any]]

MEASURE_S = 1.0
LATENCIES = ["transport_p50_ms", "transport_p99_ms"]


def sweep(
    graph: LiveGraph,
    values: Mapping[str, Mapping[str, Sequence[object]]],
    *,
    measure: Measure | None = None,
    settle_s: float = 0.5,
    repeat: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure a graph under each combination of settings; see `GraphSettings.sweep`."""
    if repeat < 1 or settle_s < 0:
        raise ValueError("repeat must be at least 1, and settle_s not negative.")
    combinations = list(_combinations(values))
    if not combinations:
        raise ValueError("There is nothing to sweep: give at least one value of one field.")
    settings = graph.settings
    # All of them, before the first is sent.
    for combination in combinations:
        for unit, fields in combination.items():
            for path, value in fields.items():
                settings.known.checked(unit, path, value)
    original: Combination = {
        unit: {path: settings[unit][path] for path in fields} for unit, fields in values.items()
    }
    measuring = measure or rates_and_latency
    shown = _Progress(len(combinations) * repeat) if progress else None
    frames: list[pd.DataFrame] = []
    try:
        for combination in combinations:
            outcomes = settings.apply(combination)
            states = {one.state for fields in outcomes.values() for one in fields.values()}
            time.sleep(settle_s)
            for round_ in range(repeat):
                frame = _rows(measuring(graph))
                for place, (name, value) in enumerate(_columns(combination).items()):
                    frame.insert(place, name, [value] * len(frame))
                frame["repeat"] = round_
                frame["state"] = "reported" if "reported" in states else "applied"
                frames.append(frame)
                if shown is not None:
                    shown.step(_label(combination))
    except BaseException as error:
        # An interrupt too: what was there comes back.
        try:
            settings.apply(original)
        except GraphError as failed:
            error.add_note(f"The settings from before the sweep could not be put back: {failed}")
        raise
    finally:
        if shown is not None:
            shown.close()
    settings.apply(original)
    return pd.concat(frames, ignore_index=True)


def rates_and_latency(graph: LiveGraph) -> pd.DataFrame:
    """What all publishers did during a traced second.

    Returns
    -------
    pandas.DataFrame
        ``unit``, ``topic``, ``rate_hz``, and of the messages' way to the slowest of the
        topic's subscribers ``transport_p50_ms`` and ``transport_p99_ms``; NaN where it can't
        be traced.
    """
    tracing = graph.trace()
    traced = False
    with contextlib.suppress(GraphError):
        tracing.start()
        traced = True
    try:
        frame = graph.profile(MEASURE_S)
    finally:
        if traced:
            tracing.stop()
    publishers = frame[(frame["role"] == "publisher") & (frame["messages_total"] > 0)]
    found = publishers[["unit", "topic", "rate_hz"]].astype({"unit": object, "topic": object})
    latency = pd.DataFrame(columns=["from_topic", *LATENCIES])
    if traced:
        edges = tracing.latency().astype({"from_topic": object})
        latency = edges.groupby("from_topic")[LATENCIES].max().reset_index()
    joined = found.merge(latency, left_on="topic", right_on="from_topic", how="left")
    return joined.drop(columns="from_topic").astype(dict.fromkeys(LATENCIES, float))


def _combinations(values: Mapping[str, Mapping[str, Sequence[object]]]) -> Iterator[Combination]:
    places = [(unit, path) for unit, fields in values.items() for path in fields]
    for unit, path in places:
        given = values[unit][path]
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise SettingsRejectedError(
                f"{unit}.{path}: give a list of values to sweep over, not {given!r}.",
                unit=unit,
                field=path,
            )
    for chosen in itertools.product(*(values[unit][path] for unit, path in places)):
        combination: Combination = {}
        for (unit, path), value in zip(places, chosen, strict=True):
            combination.setdefault(unit, {})[path] = value
        if combination:
            yield combination


def _columns(combination: Combination) -> dict[str, Any]:
    return {
        f"{unit}.{path}": value
        for unit, fields in combination.items()
        for path, value in fields.items()
    }


def _label(combination: Combination) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in _columns(combination).items())


def _rows(measured: Any) -> pd.DataFrame:
    if isinstance(measured, pd.DataFrame):
        return measured.reset_index(drop=True).copy()
    if isinstance(measured, Mapping):
        return pd.DataFrame([dict(measured)])
    return pd.DataFrame({"value": [measured]})


class _Progress:
    """A bar in the cell's output that says which combination was measured last."""

    def __init__(self, steps: int) -> None:
        self._bar = IntProgress(max=steps)
        self._text = Label(f"0 of {steps}")
        self._box = HBox([self._bar, self._text])
        display.display(self._box)

    def step(self, label: str) -> None:
        self._bar.value += 1
        self._text.value = f"{self._bar.value} of {self._bar.max}: {label}"

    def close(self) -> None:
        for widget in (self._bar, self._text, self._box):
            widget.close()
