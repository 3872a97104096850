"""The last sweep of a scope as a picture, and a message as a table: for exported notebooks."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from kernel_runtime.observer.extremes import Floats
from kernel_runtime.observer.scope_chunks import StreamShape
from kernel_runtime.observer.seen_message import SeenRow

_WIDTH, _GUTTER, _FOOT = 900, 90, 24
_MOST_CHANNELS = 64
_MOST_POINTS = 9_600
_COLORS = ("#2f6fb3", "#2c8a77", "#93489b", "#8a7a1e", "#6a5ec4", "#b0562c")
_MUTED = "#737e8b"


def most_columns(channels: int) -> int:
    """How many columns a picture of so many channels may have."""
    return max(40, min(400, _MOST_POINTS // (2 * max(1, min(channels, _MOST_CHANNELS)))))


def scope_svg(
    topic: str, shape: StreamShape, selected: Sequence[int], columns: Floats, seconds: float
) -> str:
    """Draw a sweep.

    Parameters
    ----------
    columns
        Shape (columns, selected channels, 2): least and greatest.
    seconds
        That they stand for.

    Returns
    -------
    str
        An SVG document.
    """
    shown = list(selected)[:_MOST_CHANNELS]
    lane = max(7.0, min(60.0, 420.0 / max(1, len(shown))))
    height = lane * len(shown) + _FOOT + 18
    half = half_range(columns[:, : len(shown)])
    parts = [_label(_GUTTER, 12, f"{topic}, {shape.fs_hz:g} Hz", anchor="start")]
    every = max(1, round(11 / lane))
    for place, channel in enumerate(shown):
        middle = 18 + lane * (place + 0.5)
        if place % every == 0:
            parts.append(_label(_GUTTER - 6, middle + 3.5, shape.channels[channel], anchor="end"))
        path = _path(columns[:, place], half, middle, lane)
        if path:
            color = _COLORS[place % len(_COLORS)]
            parts.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1"/>')
    left_out = len(selected) - len(shown)
    words = f"{seconds:.3g} s; a lane is {2 * half:.3g}{f' {shape.unit}' if shape.unit else ''}"
    if left_out:
        words += f"; {left_out} more channels are not in this picture"
    parts.append(_label(_GUTTER, height - 8, words, anchor="start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'width="{_WIDTH}" height="{height:.0f}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="10">{"".join(parts)}</svg>'
    )


def svg_url(svg: str) -> str:
    """An SVG document as the source of an image; empty where it is empty."""
    if not svg:
        return ""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def half_range(columns: Floats) -> float:
    """Half of what a lane has to span, so that nearly all channels fit; as the browser has it."""
    with np.errstate(all="ignore"):
        least = np.fmin.reduce(columns[..., 0], axis=0, initial=np.inf)
        greatest = np.fmax.reduce(columns[..., 1], axis=0, initial=-np.inf)
        spans = greatest - least
    spans = spans[np.isfinite(spans)]
    if len(spans) == 0:
        return 1.0
    return float(max(np.quantile(spans, 0.95) / 2.0, 1e-12)) * 1.1


def _path(values: Floats, half: float, middle: float, lane: float) -> str:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return ""
    center = (float(known.min()) + float(known.max())) / 2.0
    step = (_WIDTH - _GUTTER - 10) / max(1, len(values) - 1)
    words = []
    pen_up = True
    for place, (least, greatest) in enumerate(values):
        if not np.isfinite(least):
            pen_up = True
            continue
        x = _GUTTER + place * step
        for value in (least, greatest) if least != greatest else (least,):
            y = middle - (float(value) - center) / half * lane / 2.0
            words.append(f"{'M' if pen_up else 'L'}{x:.1f} {y:.1f}")
            pen_up = False
    return "".join(words)


def _label(x: float, y: float, text: str, *, anchor: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:.1f}" text-anchor="{anchor}" fill="{_MUTED}">{escape(text)}</text>'
    )


def rows_html(rows: Sequence[SeenRow]) -> str:
    """A message in words as a table."""
    lines = [
        f'<tr><td style="text-align:left;padding-left:{0.6 + 1.2 * row["depth"]:g}em">'
        f"{html.escape(row['name'])}</td>"
        f'<td style="text-align:left">{html.escape(row["type"])}</td>'
        f'<td style="text-align:left;white-space:pre-wrap">{html.escape(row["text"])}</td></tr>'
        for row in rows
    ]
    return f"<table><tr><th>part</th><th>type</th><th>value</th></tr>{''.join(lines)}</table>"


def rows_text(rows: Sequence[SeenRow]) -> str:
    """A message in words as lines."""
    return "\n".join(
        f"{'  ' * row['depth']}{row['name']}{': ' if row['name'] else ''}"
        f"{row['type']} {row['text']}".rstrip()
        for row in rows
    )
