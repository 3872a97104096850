"""Where everything in the static picture of a graph stands.

The order from left to right comes from networkx; one level of collections at a time, in rows
that a page is wide enough for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import networkx as nx

from ezmsg_nb.graph_flow import children_of, loose_topics, short_type
from kernel_runtime.model import Topology

_BOX_HEIGHT: Final = 46.0
_COLUMN_GAP: Final = 44.0
_BOX_GAP: Final = 16.0
_ROW_GAP: Final = 34.0
_PADDING: Final = 14.0
_TITLE: Final = 26.0


@dataclass(slots=True)
class Box:
    """A unit, a collection or a loose topic; ``inner`` has what is in a collection."""

    id: str
    title: str
    subtitle: str
    width: float
    height: float
    process: str | None = None
    inner: list[Box] = field(default_factory=list)
    is_group: bool = False
    x: float = 0.0
    y: float = 0.0
    corridor_y: float = 0.0
    """Height of the free space below the box's row, for lines that go back to the left."""


def boxes_of(topology: Topology) -> list[Box]:
    def box(address: str) -> Box:
        unit = topology.units.get(address)
        if unit is not None:
            kind = short_type(unit.component_type)
            return Box(
                address, unit.name, kind, _width_of(unit.name, kind), _BOX_HEIGHT, unit.process_id
            )
        collection = topology.collections[address]
        inner = [box(child) for child in children_of(topology, address)]
        kind = short_type(collection.component_type)
        return Box(address, collection.name, kind, 0, 0, inner=inner, is_group=True)

    boxes = [box(address) for address in children_of(topology, None)]
    boxes += [
        Box(topic, topic, "topic", _width_of(topic, "topic"), _BOX_HEIGHT)
        for topic in loose_topics(topology)
    ]
    return boxes


def place_boxes(
    boxes: Sequence[Box], links: Iterable[tuple[str, str]], max_width: float
) -> tuple[float, float]:
    """Place boxes, and what is in them, from (0, 0) on; gives the size that they take."""
    all_links = list(links)
    for box in boxes:
        if box.is_group:
            width, height = place_boxes(box.inner, all_links, max_width - 2 * _PADDING)
            for inner in walk(box.inner):
                inner.x += _PADDING
                inner.y += _TITLE
                inner.corridor_y += _TITLE
            box.width = max(width + 2 * _PADDING, _width_of(box.title, box.subtitle))
            box.height = _TITLE + max(height, 8) + _PADDING
    columns = _columns(boxes, all_links)
    x = y = widest = 0.0
    row: list[Box] = []
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


def _stack(column: Sequence[Box], x: float, width: float) -> None:
    y = 0.0
    for box in column:
        _move(box, x + (width - box.width) / 2, y)
        y += box.height + _BOX_GAP


def _settle_row(row: Sequence[Box], y: float) -> float:
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
        for inner in walk(box.inner):
            if inner.corridor_y <= 0:
                inner.corridor_y = box.corridor_y
    return height


def _columns(boxes: Sequence[Box], links: Sequence[tuple[str, str]]) -> list[list[Box]]:
    """Boxes by their place in the flow; cycles count as one place."""
    level_of = {inner.id: box.id for box in boxes for inner in [box, *walk(box.inner)]}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(box.id for box in boxes)
    for a, b in links:
        start, end = level_of.get(a), level_of.get(b)
        if start is not None and end is not None and start != end:
            graph.add_edge(start, end)
    condensed = nx.condensation(graph)
    by_id = {box.id: box for box in boxes}
    place = {box.id: index for index, box in enumerate(boxes)}
    columns: list[list[Box]] = []
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


def _move(box: Box, dx: float, dy: float) -> None:
    for one in [box, *walk(box.inner)]:
        one.x += dx
        one.y += dy
        one.corridor_y += dy


def walk(boxes: Iterable[Box]) -> Iterator[Box]:
    for box in boxes:
        yield box
        yield from walk(box.inner)


def _width_of(title: str, subtitle: str) -> float:
    """About what the texts take; fonts aren't known here, so rather more than less."""
    return math.ceil(max(104.0, 9.8 * len(title) + 46, 6.6 * len(subtitle) + 26))
