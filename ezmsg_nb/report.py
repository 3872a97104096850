"""One HTML page about a trace: pictures, tables, settings and versions, nothing from outside."""

from __future__ import annotations

import html
import importlib.metadata
import io
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from kernel_runtime.profiling.latency import TraceReader

from .plots import new_axes, plot_gantt, plot_latency, plot_rates
from .topology_picture import topology_svg
from .trace_frames import latency_frame

if TYPE_CHECKING:
    from .trace import Trace

PACKAGES = ("ezmsg-nb", "ezmsg", "ezmsg-sigproc", "numpy", "pandas", "matplotlib")

STYLE = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; margin: 2rem auto; max-width: 68rem;
       padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-size: .85rem }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd }
th { text-align: right; color: #555; font-weight: 600 }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }
.wide { overflow-x: auto } svg { max-width: 100%; height: auto } .note { color: #8a4b00 }
"""


def write_report(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write the page.

    Parameters
    ----------
    trace
        What it is about.
    path
        The file; it is overwritten.
    """
    recording = trace.recording
    summary, *notes = trace.summary()
    began = pd.Timestamp(recording.started_at, unit="ns", tz="UTC")
    parts = [
        f"<h1>Trace of {began:%Y-%m-%d %H:%M:%S} UTC</h1><p>{html.escape(summary)}</p>",
        *(f'<p class="note">{html.escape(note)}</p>' for note in notes),
        _section("The graph", topology_svg(recording.topology)),
    ]
    parts.append(_section("Messages per second", _svg(plot_rates(trace).figure)))
    try:
        edges = TraceReader(recording).edges()
    except ValueError as error:
        parts.append(_section("Latency", f"<p>{html.escape(str(error))}</p>"))
    else:
        picture = _svg(plot_latency(trace, edges=edges).figure)
        frame = latency_frame(recording.topology, edges)
        parts.append(_section("Latency of connections", picture + _table(_short(frame))))
    spans = new_axes(8.0, 1.0 + 0.3 * max(2, len(recording.topology.units)))
    parts.append(_section("What each unit held, 200 ms", _svg(plot_gantt(trace, spans).figure)))
    losses = trace.losses()
    parts.append(_section("Losses", _table(losses.drop(columns="endpoint_id"))))
    parts.append(_section("Clocks", _table(trace.clock().reset_index())))
    settings = pd.DataFrame(
        [
            (unit, field, repr(value))
            for unit, fields in sorted(trace.settings_now().items())
            for field, value in fields.items()
        ],
        columns=["unit", "field", "value"],
    )
    parts.append(_section("Settings at the time of this report", _table(settings)))
    parts.append(_section("Versions", _table(_versions())))
    page = (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>ezmsg trace, {began:%Y-%m-%d %H:%M}</title><style>{STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>"
    )
    Path(path).write_text(page, encoding="utf-8")


def _section(title: str, body: str) -> str:
    return f"<h2>{html.escape(title)}</h2><div class=wide>{body}</div>"


def _svg(figure: object) -> str:
    assert isinstance(figure, Figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _table(frame: pd.DataFrame) -> str:
    return frame.to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format)


def _short(frame: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in frame.columns if name not in ("publisher", "subscriber")]
    return frame[[name for name in names if "p90" not in name and "topic" not in name]]


def _versions() -> pd.DataFrame:
    rows = [("Python", platform.python_version()), ("platform", platform.platform())]
    for name in PACKAGES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return pd.DataFrame(rows, columns=["package", "version"])
