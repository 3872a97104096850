"""A large graph with few enough boxes for a page: collections, or whole processes, as one box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ezmsg_nb.graph_flow import loose_topics, short_type
from ezmsg_nb.topology_groups import by_process
from kernel_runtime.model import CollectionInfo, Topology, UnitInfo

MOST_BOXES: Final = 60
"""More are neither read in a picture on a page nor worth their bytes in a notebook."""


@dataclass(frozen=True, slots=True)
class CoarseTopology:
    """A graph in which a unit may stand for many.

    Attributes
    ----------
    topology
        The graph; the type of a unit that stands for others says for how many.
    box_of
        Unit -> the unit that stands for it.
    """

    topology: Topology
    box_of: Mapping[str, str]


def coarse(topology: Topology, most: int = MOST_BOXES) -> CoarseTopology:
    """Fold as few collections as will do, or else everything but the processes.

    Parameters
    ----------
    topology
        The graph; one that is small enough is left as it is.
    most
        Boxes that there may be. A graph of more processes than this keeps one box for each.
    """
    whole = CoarseTopology(topology, {unit: unit for unit in topology.units})
    if _boxes(topology) <= most:
        return whole
    deepest = max((len(_around(topology, one)) for one in topology.collections), default=-1)
    for depth in range(deepest, -1, -1):
        folded = _folded(topology, depth)
        if _boxes(folded.topology) <= most:
            return folded
    return _folded(by_process(topology), 0)


def _boxes(topology: Topology) -> int:
    return len(topology.units) + len(loose_topics(topology))


def _around(topology: Topology, address: str) -> list[str]:
    """The collections around a component, from the root inwards."""
    found: list[str] = []
    component: UnitInfo | CollectionInfo | None = topology.units.get(
        address
    ) or topology.collections.get(address)
    while component is not None and component.collection not in (None, *found):
        parent = topology.collections.get(component.collection or "")
        if parent is not None:
            found.append(parent.address)
        component = parent
    return found[::-1]


def _folded(topology: Topology, depth: int) -> CoarseTopology:
    """The graph with each collection folded that has so many around it."""

    def box_of(address: str) -> str:
        chain = [*_around(topology, address), address]
        outermost = chain[depth] if len(chain) > depth else address
        return outermost if outermost in topology.collections else address

    boxes = {one: box_of(one) for one in (*topology.units, *topology.collections)}
    kept = {one for one in topology.collections if len(_around(topology, one)) < depth}
    inside: dict[str, list[UnitInfo]] = {
        box: [] for box in boxes.values() if box in topology.collections and box not in kept
    }
    units: dict[str, UnitInfo] = {}
    for unit in topology.units.values():
        box = boxes[unit.address]
        if box in inside:
            inside[box].append(unit)
        else:
            units[unit.address] = unit
    for address, members in inside.items():
        units[address] = _standing_for(topology.collections[address], members)
    edges = (
        replace(
            edge,
            from_unit=boxes.get(edge.from_unit or "", edge.from_unit),
            to_unit=boxes.get(edge.to_unit or "", edge.to_unit),
        )
        for edge in topology.edges
    )
    coarser = replace(
        topology,
        units=units,
        collections={address: topology.collections[address] for address in kept},
        edges=tuple(
            edge for edge in edges if edge.from_unit is None or edge.from_unit != edge.to_unit
        ),
    )
    return CoarseTopology(coarser, {unit: boxes[unit] for unit in topology.units})


def _standing_for(collection: CollectionInfo, members: list[UnitInfo]) -> UnitInfo:
    count = len(members)
    where = members[0] if len({unit.process_id for unit in members}) == 1 else None
    words = f"{short_type(collection.component_type)} · {count} unit{'' if count == 1 else 's'}"
    return UnitInfo(
        address=collection.address,
        name=collection.name,
        component_type=words,
        settings_type="",
        collection=collection.collection,
        ports=collection.ports,
        tasks=(),
        session_id=collection.session_id,
        process_id=where.process_id if where else None,
        pid=where.pid if where else None,
        host=where.host if where else None,
    )
