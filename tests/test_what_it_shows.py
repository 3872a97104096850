"""The page "what ezmsg-nb shows" has every column of every table, and no other."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import pytest

import ezmsg_nb
from ezmsg_nb import LiveGraph, ProfileView, plots
from ezmsg_nb.graph_settings import GraphSettings
from ezmsg_nb.trace import Trace

PAGE = Path(__file__).resolve().parent.parent / "docs" / "what_it_shows.md"
CALLED = {LiveGraph: "g", GraphSettings: "g.settings", Trace: "trace", ProfileView: None}

pytestmark = pytest.mark.timeout(180)


def documented() -> dict[str, set[str]]:
    """Names in the first column of the tables of columns, by the calls in a section's title."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        names: set[str] = set()
        for table in re.findall(r"^\| column \|.*\n(?:\|.*\n)+", text, re.MULTILINE):
            for row in table.splitlines()[2:]:
                names |= set(re.findall(r"`([^`]+)`", row.split("|")[1]))
        for call in re.findall(r"([\w.]+)\(\)", title):
            found[call] = names
    return found


@pytest.fixture(scope="module")
def g() -> Iterator[LiveGraph]:
    with ezmsg_nb.demo() as graph:
        yield graph


@pytest.fixture(scope="module")
def shown(g: LiveGraph, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[pd.DataFrame]]:
    """Tables of a running graph, by how the page calls them."""
    g.settings.save(preset := tmp_path_factory.mktemp("presets") / "before.yaml")
    g.settings["LP"]["cutoff"] = 20.0
    with g.trace() as trace:
        time.sleep(0.7)
    return {
        "g.units": [g.units()],
        "g.edges": [g.edges()],
        "g.processes": [g.processes()],
        "g.profile": [g.profile(0.2), g.profile_view().frame()],
        "g.edge_figures": [g.edge_figures(0.2)],
        "g.bottlenecks": [g.bottlenecks(0.5)],
        "g.topology_events": [g.topology_events()],
        "g.topology_diff": [g.topology_diff()],
        "g.logs": [g.logs()],
        "g.settings.frame": [g.settings.frame()],
        "g.settings.history": [g.settings.history()],
        "g.settings.diff": [g.settings.diff(preset)],
        "g.settings.sweep": [
            g.settings.sweep({"LP": {"cutoff": [20.0]}}, settle_s=0, progress=False)
        ],
        "trace.frame": [trace.frame()],
        "trace.latency": [trace.latency()],
        "trace.path": [trace.path("SLICE", "SINK")],
        "trace.clock": [trace.clock()],
        "trace.losses": [trace.losses()],
        "trace.cost": [trace.cost()],
        "ezmsg_nb.plots.compare": [plots.compare(trace, trace)],
    }


def test_every_column_is_on_the_page_and_every_name_is_a_column(
    shown: dict[str, list[pd.DataFrame]],
) -> None:
    page = documented()
    missing, unknown = [], []
    together: dict[frozenset[str], set[str]] = {}
    for call, frames in shown.items():
        columns = {
            str(name)
            for frame in frames
            for name in (*frame.columns, *frame.index.names)
            if name is not None
        }
        assert columns, call
        names = page[call]
        missing += [
            f"{call}: {column}"
            for column in sorted(columns)
            if not any(fnmatchcase(column, name) for name in names)
        ]
        # Two calls in one title have one table.
        together.setdefault(frozenset(names), set()).update(columns)
    for patterns, columns in together.items():
        unknown += [name for name in patterns if not any(fnmatchcase(c, name) for c in columns)]
    assert (missing, unknown) == ([], [])


def test_every_call_that_gives_a_table_is_on_the_page() -> None:
    calls = {
        f"{called}.{name}"
        for owner, called in CALLED.items()
        if called is not None
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
        and "pd.DataFrame" in str(inspect.signature(method).return_annotation)
    }
    assert len(calls) > 15
    assert calls <= documented().keys()


def test_picture_with_settings_shows_both_where_there_is_no_kernel(g: LiveGraph) -> None:
    both = g.topology(settings=True)
    data, _ = both._repr_mimebundle_()
    picture, _ = both.topology._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == both.model_id
    assert data["text/html"] == picture["text/html"]
    both.selected = "LP"
    data, _ = both._repr_mimebundle_()
    assert picture["text/html"] in data["text/html"]
    assert "fir_fft_min_taps" in data["text/html"]
    both.close()
