"""Two states of a graph in one: with what was added, removed and moved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import pandas as pd

from ezmsg_nb.topology_encoding import EdgeMark
from ezmsg_nb.topology_picture import topology_svg
from ezmsg_nb.topology_states import UnitState
from kernel_runtime.model import Edge, Topology
from kernel_runtime.topology_history import topology_changes

MOST_ROWS: Final = 60


@dataclass(frozen=True, slots=True)
class TopologyDifference:
    """The union of two topologies, and what became of its parts.

    ``units`` maps addresses to a state and words; ``edges`` the two topics of an edge to a mark.
    """

    union: Topology
    units: dict[str, tuple[UnitState, str]] = field(default_factory=dict)
    edges: dict[tuple[str, str], EdgeMark] = field(default_factory=dict)


def difference(before: Topology, after: Topology) -> TopologyDifference:
    """Compare two states of a graph; places in the union are those of the later one."""
    units: dict[str, tuple[UnitState, str]] = {}
    for change in topology_changes(before, after):
        match change.kind:
            case "unit added":
                units[change.subject] = ("added", "")
            case "unit removed":
                units[change.subject] = ("removed", "")
            case "unit moved":
                units[change.subject] = ("moved", change.detail)
    old, new = _by_topics(before), _by_topics(after)
    edges: dict[tuple[str, str], EdgeMark] = {}
    edges.update(dict.fromkeys(new.keys() - old.keys(), "added"))
    edges.update(dict.fromkeys(old.keys() - new.keys(), "removed"))
    union = replace(
        after,
        units={**after.units, **{k: v for k, v in before.units.items() if k not in after.units}},
        collections={**before.collections, **after.collections},
        edges=(*after.edges, *(edge for key, edge in old.items() if key not in new)),
        processes={**before.processes, **after.processes},
        topics=tuple(dict.fromkeys((*after.topics, *before.topics))),
    )
    return TopologyDifference(union, units, edges)


def _by_topics(topology: Topology) -> dict[tuple[str, str], Edge]:
    return {(edge.from_topic, edge.to_topic): edge for edge in topology.edges}


class DifferenceFrame(pd.DataFrame):
    """Changes as a table that shows itself with a picture of them, in colours."""

    _metadata: ClassVar[list[str]] = ["difference"]
    difference: TopologyDifference | None = None

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        table = self.to_html(max_rows=MOST_ROWS, notebook=True)
        if self.difference is None:
            return table
        found = self.difference
        picture = topology_svg(found.union, units=found.units, edges=found.edges)
        return f'<div style="max-width:100%;overflow:auto">{picture}</div>{table}'
