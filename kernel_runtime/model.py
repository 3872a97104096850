"""What a graph is made of, as plain immutable values.

`kernel_runtime.topology` builds these from ezmsg's ``GraphSnapshot``; views, frames and
pictures read them. Process and session ids are strings everywhere in this model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PortDirection = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Port:
    """One stream of a unit, or one topic of a collection's boundary.

    Attributes
    ----------
    name
        Name of the stream in its component, for example ``"OUTPUT_SIGNAL"``.
    topic
        Its address in the graph, for example ``"LP/OUTPUT_SIGNAL"``.
    direction
        ``"input"`` or ``"output"``.
    msg_type
        Message type as ezmsg spells it.
    leaky
        Whether an input drops messages rather than hold its publisher back.
    relay
        Whether this is a collection's relay (a subscriber and publisher of its own).
    """

    name: str
    topic: str
    direction: PortDirection
    msg_type: str
    leaky: bool = False
    relay: bool = False


@dataclass(frozen=True, slots=True)
class UnitInfo:
    """One Unit, from the metadata of the session that registered it.

    ``process_id``, ``pid`` and ``host`` are None while no connected process owns the unit.
    ``settings_topic`` is the topic of INPUT_SETTINGS, None where the unit has none.
    """

    address: str
    name: str
    component_type: str
    settings_type: str
    collection: str | None
    ports: tuple[Port, ...]
    tasks: tuple[str, ...]
    session_id: str
    settings_topic: str | None = None
    process_id: str | None = None
    pid: int | None = None
    host: str | None = None

    @property
    def dynamic_settings(self) -> bool:
        return self.settings_topic is not None

    @property
    def inputs(self) -> tuple[Port, ...]:
        return tuple(port for port in self.ports if port.direction == "input")

    @property
    def outputs(self) -> tuple[Port, ...]:
        return tuple(port for port in self.ports if port.direction == "output")


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """One Collection: its place in the tree and the topics of its boundary."""

    address: str
    name: str
    component_type: str
    collection: str | None
    ports: tuple[Port, ...]
    children: tuple[str, ...]
    session_id: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection of two topics.

    ``from_unit`` and ``to_unit`` are the components (units, or collections for their
    boundary topics) that the topics belong to, None for a topic of no component.
    ``owners`` are session ids, or ``"persistent"``.
    """

    from_topic: str
    to_topic: str
    from_unit: str | None
    to_unit: str | None
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process with a control connection. ``pid`` and ``host`` come from its registration."""

    process_id: str
    pid: int | None
    host: str | None
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole graph at one moment.

    ``topics`` are those that belong to no component (low-level publishers and subscribers).
    """

    units: Mapping[str, UnitInfo] = field(default_factory=dict)
    collections: Mapping[str, CollectionInfo] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    processes: Mapping[str, ProcessInfo] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
