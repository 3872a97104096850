"""A graph as a picture that needs no browser code, and as text: for exported notebooks.

Colours are such that both a white and a black page will do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from ezmsg_nb.graph_flow import children_of, links_of, processes_by_flow, short_type, streams_of
from ezmsg_nb.picture_layout import Box, boxes_of, place_boxes, walk
from ezmsg_nb.topology_coarse import coarse
from ezmsg_nb.topology_encoding import EdgeMark
from ezmsg_nb.topology_states import MARK_COLORS, MARK_SIGNS, UnitState
from kernel_runtime.model import Topology

_ROW_WIDTH: Final = 980.0
_LINE: Final = "#7f8a97"
_CARD: Final = "#f8f9fb"
_INK: Final = "#1f2933"
_MUTED: Final = "#5b6672"
_TITLE_INK: Final = "#737e8b"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_PROCESS_COLORS: Final = (
    "#4078b2",
    "#3ca08e",
    "#a4509e",
    "#948e2c",
    "#7a6ecc",
    "#54acde",
    "#34843e",
    "#c4708c",
)


def topology_svg(
    topology: Topology,
    *,
    units: Mapping[str, tuple[UnitState, str]] | None = None,
    edges: Mapping[tuple[str, str], EdgeMark] | None = None,
    most_boxes: int | None = None,
) -> str:
    """Draw a graph.

    Parameters
    ----------
    topology
        The graph; an empty one gives a picture that says so.
    units, edges
        What became of its parts, as `ezmsg_nb.topology_difference.difference` has it.
    most_boxes
        A graph of more is drawn coarser, as `ezmsg_nb.topology_coarse.coarse` has it.

    Returns
    -------
    str
        An SVG document, about 1000 px wide, of a height that the graph needs.
    """
    whole = topology
    states = units or {}
    if most_boxes is not None:
        coarser = coarse(whole, most_boxes)
        topology = coarser.topology
        states = {coarser.box_of.get(unit, unit): state for unit, state in states.items()}
    boxes = boxes_of(topology)
    links = links_of(topology)
    width, height = place_boxes(boxes, links, _ROW_WIDTH)
    flat = {box.id: box for box in walk(boxes)}
    letters = _letters(whole)
    if not boxes:
        width, height = 320.0, 20.0
    legend_y = height + 22
    drawn = [(flat[a], flat[b]) for a, b in links if a in flat and b in flat]
    marks = _marks_of_links(topology, edges or {})
    parts = [
        *(_draw_group(box) for box in flat.values() if box.is_group),
        *(_draw_link(start, end, marks.get((start.id, end.id))) for start, end in drawn),
        *(
            _draw_card(box, letters, states.get(box.id))
            for box in flat.values()
            if not box.is_group
        ),
    ]
    if not boxes:
        parts.append(_text(0, 14, "This graph has no units.", size=13, fill=_TITLE_INK))
    legend, legend_width = _draw_legend(whole, letters, legend_y)
    parts.append(legend)
    # Lines to another row go around at the left and right.
    margin = 20 if any(_turns(start, end) for start, end in drawn) else 1
    total_width = math.ceil(max(width, legend_width) + 2 * margin)
    total_height = math.ceil((legend_y + 14 if legend else height) + 2)
    label = quoteattr(f"Graph of {len(whole.units)} units in {len(whole.processes)} processes")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label={label} '
        f'viewBox="{-margin} -1 {total_width} {total_height + 1}" width="{total_width}" '
        f'height="{total_height + 1}" style="max-width:100%;height:auto" '
        f'font-family="{_FONT}">' + "".join(parts) + "</svg>"
    )


def topology_text(topology: Topology, *, most_boxes: int | None = None) -> str:
    """The graph as an indented list: collections, units, and where their streams go.

    Parameters
    ----------
    topology
        The graph.
    most_boxes
        A graph of more units and topics is listed coarser.
    """
    units, edges = len(topology.units), len(topology.edges)
    lines = [f"Graph of {units} units and {edges} edges in {len(topology.processes)} processes"]
    whole = topology
    if most_boxes is not None:
        topology = coarse(whole, most_boxes).topology
    targets: dict[str, list[str]] = {}
    for edge in topology.edges:
        end = edge.to_topic if topology is whole else edge.to_unit or edge.to_topic
        targets.setdefault(edge.from_unit or edge.from_topic, []).append(end)

    def add(address: str, depth: int) -> None:
        component = topology.units.get(address) or topology.collections.get(address)
        if component is None:
            return
        arrow = ", ".join(dict.fromkeys(targets.get(address, ())))
        pid = getattr(component, "pid", None)
        notes = f" [pid {pid}]" if pid is not None else ""
        kind = short_type(component.component_type)
        lines.append(
            f"{'  ' * depth}{component.name} ({kind}){notes}{f' -> {arrow}' if arrow else ''}"
        )
        for child in children_of(topology, address):
            add(child, depth + 1)

    for address in children_of(topology, None):
        add(address, 1)
    for topic in topology.topics:
        arrow = ", ".join(targets.get(topic, ()))
        lines.append(f"  {topic} (topic){f' -> {arrow}' if arrow else ''}")
    return "\n".join(lines)


def _letters(topology: Topology) -> dict[str, tuple[str, str]]:
    """Process -> its letter and colour."""
    processes = processes_by_flow(topology)
    return {
        process: (
            chr(65 + index % 26) + (str(index // 26) if index >= 26 else ""),
            _PROCESS_COLORS[index % len(_PROCESS_COLORS)],
        )
        for index, process in enumerate(processes)
    }


def _marks_of_links(
    topology: Topology, edges: Mapping[tuple[str, str], EdgeMark]
) -> dict[tuple[str, str], EdgeMark]:
    """Marks of edges, for the pairs of components that the picture joins."""
    return {
        (stream.start, stream.end): edges[edge]
        for stream in streams_of(topology)
        for edge in edges
        if edge[0] == stream.from_topic or edge[1] == stream.to_topic
    }


def _draw_card(
    box: Box, letters: Mapping[str, tuple[str, str]], state: tuple[UnitState, str] | None
) -> str:
    letter, color = letters.get(box.process or "", ("", "#9aa5b1"))
    x, y, width, height = box.x, box.y, box.width, box.height
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="{_CARD}" {_card_stroke(state)}/>',
        f'<path d="M{x + 6:g} {y:g}h-1a5 6 0 0 0 -5 6v{height - 12:g}a5 6 0 0 0 5 6h1z" '
        f'fill="{color}"/>',
        _text(x + 14, y + 19, box.title, size=13, fill=_INK, weight=600),
        _card_subtitle(x + 14, y + 35, box, state),
    ]
    if letter:
        parts.append(
            f'<rect x="{x + width - 22:g}" y="{y + 7:g}" width="15" height="15" rx="4" '
            f'fill="{color}" fill-opacity="0.18"/>'
        )
        parts.append(
            _text(x + width - 14.5, y + 18.5, letter, size=10.5, fill=_INK, weight=600, anchor=True)
        )
    return f"<g><title>{escape(box.id)}</title>{''.join(parts)}</g>"


def _card_stroke(state: tuple[UnitState, str] | None) -> str:
    color = MARK_COLORS.get(state[0]) if state else None
    if color is None:
        return f'stroke="{_LINE}" stroke-opacity="0.5"'
    dashes = ' stroke-dasharray="5 4"' if state and state[0] == "removed" else ""
    return f'stroke="{color}" stroke-width="2"{dashes}'


def _card_subtitle(x: float, y: float, box: Box, state: tuple[UnitState, str] | None) -> str:
    color = MARK_COLORS.get(state[0]) if state else None
    if state is None or color is None:
        return _text(x, y, box.subtitle, size=11, fill=_MUTED)
    words = f"{MARK_SIGNS.get(state[0], '!')} {state[0]}"
    return _text(x, y, words, size=11, fill=color, weight=600)


def _draw_group(box: Box) -> str:
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="9" '
        f'fill="#808a96" fill-opacity="0.1" stroke="{_LINE}" stroke-opacity="0.6"/>'
        + _text(box.x + 12, box.y + 17, box.title, size=12, fill=_TITLE_INK, weight=600)
    )


def _turns(start: Box, end: Box) -> bool:
    return end.x - (start.x + start.width) < 12


def _draw_link(start: Box, end: Box, mark: EdgeMark | None) -> str:
    color = MARK_COLORS[mark] if mark else _LINE
    dashes = ' stroke-dasharray="5 4"' if mark == "removed" else ""
    x1, y1 = start.x + start.width, start.y + start.height / 2
    x2, y2 = end.x, end.y + end.height / 2
    if not _turns(start, end):
        bend = max(14.0, min(60.0, (x2 - x1) / 2))
        line = f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2 - 5:g} {y2:g}"
    else:
        # To the next row, or back: around the right side, along the corridor, in from the left.
        y = start.corridor_y
        down, into = math.copysign(8, y - y1), math.copysign(8, y2 - y)
        line = (
            f"M{x1:g} {y1:g}h8q8 0 8 {down:g}V{y - down:g}q0 {down:g} -8 {down:g}"
            f"H{x2 - 10:g}q-8 0 -8 {into:g}V{y2 - into:g}q0 {into:g} 8 {into:g}h5"
        )
    tip = f"M{x2 - 1:g} {y2:g}l-7 -3.5v7z"
    return (
        f'<path d="{line}" fill="none" stroke="{color}" '
        f'stroke-width="{2.5 if mark else 1.5}"{dashes}/>'
        f'<path d="{tip}" fill="{color}"/>'
    )


def _draw_legend(
    topology: Topology, letters: Mapping[str, tuple[str, str]], y: float
) -> tuple[str, float]:
    parts = []
    x = 0.0
    for process, (letter, color) in letters.items():
        info = topology.processes.get(process)
        pid = f"pid {info.pid}" if info is not None and info.pid is not None else "process"
        units = sum(unit.process_id == process for unit in topology.units.values())
        words = f"{pid} · {units} unit{'' if units == 1 else 's'}"
        if x > _ROW_WIDTH - 120:
            break
        parts.append(
            f'<rect x="{x:g}" y="{y - 11:g}" width="14" height="14" rx="4" fill="{color}"/>'
        )
        parts.append(
            _text(x + 7, y - 0.5, letter, size=10, fill="#ffffff", weight=600, anchor=True)
        )
        parts.append(_text(x + 20, y, words, size=11, fill=_TITLE_INK))
        x += 20 + 6.2 * len(words) + 18
    return "".join(parts), x


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    fill: str,
    weight: int = 400,
    anchor: bool = False,
) -> str:
    middle = ' text-anchor="middle"' if anchor else ""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}"{bold}{middle}>'
        f"{escape(text)}</text>"
    )
