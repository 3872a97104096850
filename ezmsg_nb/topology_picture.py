"""A graph as a picture that needs no browser code, and as text: for exported notebooks.

The order from left to right comes from networkx; one level of collections at a time, in rows
that a page is wide enough for. Colours are such that both a white and a black page will do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import networkx as nx

from kernel_runtime.model import CollectionInfo, Topology, UnitInfo

_ROW_WIDTH: Final = 980.0
_BOX_HEIGHT: Final = 46.0
_COLUMN_GAP: Final = 44.0
_BOX_GAP: Final = 16.0
_ROW_GAP: Final = 34.0
_PADDING: Final = 14.0
_TITLE: Final = 26.0
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


@dataclass(slots=True)
class _Box:
    """A unit, a collection or a loose topic; ``inner`` has what is in a collection."""

    id: str
    title: str
    subtitle: str
    width: float
    height: float
    process: str | None = None
    inner: list[_Box] = field(default_factory=list)
    is_group: bool = False
    x: float = 0.0
    y: float = 0.0
    corridor_y: float = 0.0
    """Height of the free space below the box's row, for lines that go back to the left."""


def topology_svg(topology: Topology) -> str:
    """Draw a graph.

    Parameters
    ----------
    topology
        The graph; an empty one gives a picture that says so.

    Returns
    -------
    str
        An SVG document, about 1000 px wide, of a height that the graph needs.
    """
    boxes = _boxes_of(topology)
    links = _links_of(topology)
    width, height = _place(boxes, links, _ROW_WIDTH)
    flat = {box.id: box for box in _walk(boxes)}
    letters = _letters(topology)
    if not boxes:
        width, height = 320.0, 20.0
    legend_y = height + 22
    drawn = [(flat[a], flat[b]) for a, b in links if a in flat and b in flat]
    parts = [
        *(_draw_group(box) for box in flat.values() if box.is_group),
        *(_draw_link(start, end) for start, end in drawn),
        *(_draw_card(box, letters) for box in flat.values() if not box.is_group),
    ]
    if not boxes:
        parts.append(_text(0, 14, "This graph has no units.", size=13, fill=_TITLE_INK))
    legend, legend_width = _draw_legend(topology, letters, legend_y)
    parts.append(legend)
    # Lines to another row go around at the left and right.
    margin = 20 if any(_turns(start, end) for start, end in drawn) else 1
    total_width = math.ceil(max(width, legend_width) + 2 * margin)
    total_height = math.ceil((legend_y + 14 if legend else height) + 2)
    label = quoteattr(
        f"Graph of {len(topology.units)} units in {len(topology.processes)} processes"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label={label} '
        f'viewBox="{-margin} -1 {total_width} {total_height + 1}" width="{total_width}" '
        f'height="{total_height + 1}" style="max-width:100%;height:auto" '
        f'font-family="{_FONT}">' + "".join(parts) + "</svg>"
    )


def topology_text(topology: Topology) -> str:
    """The graph as an indented list: collections, units, and where their streams go."""
    targets: dict[str, list[str]] = {}
    for edge in topology.edges:
        targets.setdefault(edge.from_unit or edge.from_topic, []).append(edge.to_topic)
    units, edges = len(topology.units), len(topology.edges)
    lines = [f"Graph of {units} units and {edges} edges in {len(topology.processes)} processes"]

    def add(address: str, depth: int) -> None:
        component = topology.units.get(address) or topology.collections.get(address)
        if component is None:
            return
        arrow = ", ".join(dict.fromkeys(targets.get(address, ())))
        pid = getattr(component, "pid", None)
        notes = f" [pid {pid}]" if pid is not None else ""
        kind = _short_type(component.component_type)
        lines.append(
            f"{'  ' * depth}{component.name} ({kind}){notes}{f' -> {arrow}' if arrow else ''}"
        )
        for child in _children(topology, address):
            add(child, depth + 1)

    for address in _children(topology, None):
        add(address, 1)
    for topic in topology.topics:
        arrow = ", ".join(targets.get(topic, ()))
        lines.append(f"  {topic} (topic){f' -> {arrow}' if arrow else ''}")
    return "\n".join(lines)


def _children(topology: Topology, parent: str | None) -> list[str]:
    """Addresses directly in a collection; what names an unknown collection is at the root."""
    known = topology.collections
    components: list[UnitInfo | CollectionInfo] = [*known.values(), *topology.units.values()]
    return [
        one.address
        for one in components
        if (one.collection if one.collection in known else None) == parent
    ]


def _boxes_of(topology: Topology) -> list[_Box]:
    def box(address: str) -> _Box:
        unit = topology.units.get(address)
        if unit is not None:
            kind = _short_type(unit.component_type)
            return _Box(
                address, unit.name, kind, _width_of(unit.name, kind), _BOX_HEIGHT, unit.process_id
            )
        collection = topology.collections[address]
        inner = [box(child) for child in _children(topology, address)]
        kind = _short_type(collection.component_type)
        return _Box(address, collection.name, kind, 0, 0, inner=inner, is_group=True)

    loose = {edge.from_topic for edge in topology.edges if edge.from_unit is None}
    loose |= {edge.to_topic for edge in topology.edges if edge.to_unit is None}
    loose |= set(topology.topics)
    boxes = [box(address) for address in _children(topology, None)]
    boxes += [
        _Box(topic, topic, "topic", _width_of(topic, "topic"), _BOX_HEIGHT)
        for topic in sorted(loose)
    ]
    return boxes


def _links_of(topology: Topology) -> list[tuple[str, str]]:
    """Lines between boxes: edges that pass borders of collections are followed to their ends."""
    following: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    into: set[str] = set()
    for edge in topology.edges:
        following.setdefault(edge.from_topic, []).append(edge.to_topic)
        owner[edge.from_topic] = edge.from_unit or edge.from_topic
        owner[edge.to_topic] = edge.to_unit or edge.to_topic
        into.add(edge.to_topic)
    borders = set(topology.collections)
    links: dict[tuple[str, str], None] = {}
    for start in following:
        if owner[start] in borders and start in into:
            continue
        waiting, seen = [*following[start]], {start}
        while waiting:
            topic = waiting.pop(0)
            if topic in seen:
                continue
            seen.add(topic)
            passes_on = following.get(topic, []) if owner[topic] in borders else []
            if passes_on:
                waiting += passes_on
            else:
                links[owner[start], owner[topic]] = None
    return list(links)


def _place(
    boxes: Sequence[_Box], links: Iterable[tuple[str, str]], max_width: float
) -> tuple[float, float]:
    """Place boxes, and what is in them, from (0, 0) on; gives the size that they take."""
    all_links = list(links)
    for box in boxes:
        if box.is_group:
            width, height = _place(box.inner, all_links, max_width - 2 * _PADDING)
            for inner in _walk(box.inner):
                inner.x += _PADDING
                inner.y += _TITLE
                inner.corridor_y += _TITLE
            box.width = max(width + 2 * _PADDING, _width_of(box.title, box.subtitle))
            box.height = _TITLE + max(height, 8) + _PADDING
    columns = _columns(boxes, all_links)
    x = y = widest = 0.0
    row: list[_Box] = []
    for column in [*columns, None]:
        column_width = max((box.width for box in column), default=0.0) if column else 0.0
        if column is None or (row and x + column_width > max_width):
            row_height = _settle_row(row, y)
            widest = max(widest, x - _COLUMN_GAP)
            y += row_height + _ROW_GAP
            x, row = 0.0, []
        if column is None:
            break
        _stack(column, x, column_width)
        row += column
        x += column_width + _COLUMN_GAP
    return max(widest, 0.0), max(y - _ROW_GAP, 0.0)


def _stack(column: Sequence[_Box], x: float, width: float) -> None:
    y = 0.0
    for box in column:
        _move(box, x + (width - box.width) / 2, y)
        y += box.height + _BOX_GAP


def _settle_row(row: Sequence[_Box], y: float) -> float:
    """Centre the columns of a row on each other; gives the row's height."""
    bottoms: dict[float, float] = {}
    centres = {id(box): box.x + box.width / 2 for box in row}
    for box in row:
        centre = centres[id(box)]
        bottoms[centre] = max(bottoms.get(centre, 0.0), box.y + box.height)
    height = max(bottoms.values(), default=0.0)
    for box in row:
        _move(box, 0, y + (height - bottoms[centres[id(box)]]) / 2)
        box.corridor_y = y + height + _ROW_GAP / 2
        for inner in _walk(box.inner):
            if inner.corridor_y <= 0:
                inner.corridor_y = box.corridor_y
    return height


def _columns(boxes: Sequence[_Box], links: Sequence[tuple[str, str]]) -> list[list[_Box]]:
    """Boxes by their place in the flow; cycles count as one place."""
    level_of = {inner.id: box.id for box in boxes for inner in [box, *_walk(box.inner)]}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(box.id for box in boxes)
    for a, b in links:
        start, end = level_of.get(a), level_of.get(b)
        if start is not None and end is not None and start != end:
            graph.add_edge(start, end)
    condensed = nx.condensation(graph)
    by_id = {box.id: box for box in boxes}
    place = {box.id: index for index, box in enumerate(boxes)}
    columns: list[list[_Box]] = []
    height_of: dict[str, float] = {}
    for generation in nx.topological_generations(condensed):
        ids = [member for node in generation for member in condensed.nodes[node]["members"]]

        def wanted(member: str) -> tuple[float, int]:
            before = [height_of[a] for a in graph.predecessors(member) if a in height_of]
            return (sum(before) / len(before) if before else math.inf, place[member])

        ids.sort(key=wanted)
        for index, member in enumerate(ids):
            height_of[member] = index - (len(ids) - 1) / 2
        columns.append([by_id[member] for member in ids])
    return columns


def _move(box: _Box, dx: float, dy: float) -> None:
    for one in [box, *_walk(box.inner)]:
        one.x += dx
        one.y += dy
        one.corridor_y += dy


def _walk(boxes: Iterable[_Box]) -> Iterator[_Box]:
    for box in boxes:
        yield box
        yield from _walk(box.inner)


def processes_by_flow(topology: Topology) -> list[str]:
    """Ids of the processes that run units: the one with the sources first, and so on."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(topology.units)
    graph.add_edges_from(
        (a, b) for a, b in _links_of(topology) if a in topology.units and b in topology.units
    )
    condensed = nx.condensation(graph)
    place = {unit: index for index, unit in enumerate(topology.units)}
    first = {
        node: min(place[unit] for unit in condensed.nodes[node]["members"]) for node in condensed
    }
    processes: dict[str, None] = {}
    for node in nx.lexicographical_topological_sort(condensed, key=first.__getitem__):
        for unit in sorted(condensed.nodes[node]["members"], key=place.__getitem__):
            process = topology.units[unit].process_id
            if process is not None:
                processes[process] = None
    return list(processes)


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


def _draw_card(box: _Box, letters: Mapping[str, tuple[str, str]]) -> str:
    letter, color = letters.get(box.process or "", ("", "#9aa5b1"))
    x, y, width, height = box.x, box.y, box.width, box.height
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
        f'fill="{_CARD}" stroke="{_LINE}" stroke-opacity="0.5"/>',
        f'<path d="M{x + 6:g} {y:g}h-1a5 6 0 0 0 -5 6v{height - 12:g}a5 6 0 0 0 5 6h1z" '
        f'fill="{color}"/>',
        _text(x + 14, y + 19, box.title, size=13, fill=_INK, weight=600),
        _text(x + 14, y + 35, box.subtitle, size=11, fill=_MUTED),
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


def _draw_group(box: _Box) -> str:
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="9" '
        f'fill="#808a96" fill-opacity="0.1" stroke="{_LINE}" stroke-opacity="0.6"/>'
        + _text(box.x + 12, box.y + 17, box.title, size=12, fill=_TITLE_INK, weight=600)
    )


def _turns(start: _Box, end: _Box) -> bool:
    return end.x - (start.x + start.width) < 12


def _draw_link(start: _Box, end: _Box) -> str:
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
        f'<path d="{line}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'
        f'<path d="{tip}" fill="{_LINE}"/>'
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


def _short_type(name: str) -> str:
    bare = name.removeprefix("<class '").removesuffix("'>").partition("[")[0]
    return bare.replace(":", ".").rpartition(".")[2]


def _width_of(title: str, subtitle: str) -> float:
    """About what the texts take; fonts aren't known here, so rather more than less."""
    return math.ceil(max(104.0, 9.8 * len(title) + 46, 6.6 * len(subtitle) + 26))
