"""Whether a decoded message is what its class says: a pickle may set any attribute to anything.

Peers pickle what they like into values that the GraphServer passes on unseen: a settings
event whose address is a list, a ping without a pid. What of a message is not sound is left
out, so that it costs itself only.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from ezmsg.core import graphmeta
from ezmsg.core.graphmeta import GraphMetadata, GraphSnapshot, SnapshotProcess, SnapshotSession

from .stand_ins import StandIn

_OPEN = (graphmeta.SettingsSchemaMetadata,)
"""Classes that grow from version to version; whoever reads them looks at each attribute."""

_PROCESS_FIELDS = {field.name for field in dataclasses.fields(SnapshotProcess)}

MAX_DEPTH: Final = 100
MAX_ITEMS: Final = 2_000_000
"""A value that holds more, or is nested deeper, is none that settings are made of."""

Check = Callable[[object], bool]


def is_sound(value: object) -> bool:
    """Whether a dataclass of ezmsg has all its fields, each of the type that it declares."""
    kind: Any = type(value)
    return _check_for(kind)(value)


def is_graph_data(value: object) -> bool:
    """Whether a value is of a dataclass of ezmsg, which `is_sound` can judge."""
    return type(value).__module__ == graphmeta.__name__ and dataclasses.is_dataclass(value)


def is_modest(value: object) -> bool:
    """Whether a value of any kind can be walked through, shown and compared in bounded time.

    Containers that hold one another twice, and so on, are few bytes in a pickle and without
    end to whoever walks through them; those nested deep overflow the stack.
    """
    level = list(filter(_holds, [value]))
    left = MAX_ITEMS
    for _ in range(MAX_DEPTH):
        if not level:
            return True
        left -= sum(map(_size, level))
        if left < 0:
            return False
        level = [item for one in level for item in _items(one) if _holds(item)]
    return not level


def _holds(value: object) -> bool:
    return isinstance(value, dict | list | tuple | set | frozenset | StandIn)


def _size(value: Any) -> int:
    if isinstance(value, StandIn):
        return len(value.args) + len(value.kwargs) + len(value.items) + 1
    return len(value)


def _items(value: Any) -> Iterable[object]:
    if isinstance(value, StandIn):
        return (*value.args, *value.kwargs.values(), *value.items, value.state)
    return (*value, *value.values()) if isinstance(value, dict) else value


@functools.cache
def _check_for(hint: Any) -> Check:
    if hint is Any or hint is object:
        return is_modest
    if hint is float:
        return lambda value: type(value) in (float, int)
    if hint in (int, str, bytes, bool):
        return lambda value: type(value) is hint
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        either = [_check_for(one) for one in arguments if one is not types.NoneType]
        if len(either) == 1 and len(arguments) == 2 and types.NoneType in arguments:
            known = either[0]
            return lambda value: value is None or known(value)
        either = [_check_for(one) for one in arguments]
        return lambda value: any(check(value) for check in either)
    if hint in _OPEN:
        # A stand-in where the other side's class is not known here.
        return lambda value: True
    if dataclasses.is_dataclass(hint):
        return _dataclass_check(hint)
    if origin is list:
        item = _check_for(arguments[0])
        return lambda value: type(value) is list and all(map(item, value))
    if origin is dict:
        key, item = map(_check_for, arguments)
        return lambda value: (
            type(value) is dict and all(map(key, value)) and all(map(item, value.values()))
        )
    if isinstance(hint, type) and issubclass(hint, UUID | enum.Enum | types.NoneType | tuple):
        return lambda value: isinstance(value, hint)
    return lambda value: True


def _dataclass_check(kind: Any) -> Check:
    hints = typing.get_type_hints(kind)
    checks = [(field.name, _check_for(hints[field.name])) for field in dataclasses.fields(kind)]
    missing = object()

    def check(value: object) -> bool:
        if not isinstance(value, kind):
            return False
        for name, sound in checks:
            found = getattr(value, name, missing)
            if found is missing or not sound(found):
                return False
        return True

    return check


def repair_snapshot(snapshot: GraphSnapshot) -> None:
    """Leave out of a snapshot what can't be read, in place.

    An honest snapshot is not changed. Metadata are left as they are; read their components
    with `readable_components`.

    Raises
    ------
    ValueError
        The snapshot as a whole is not one.
    """
    parts = [getattr(snapshot, name, None) for name in ("graph", "edge_owners", "sessions")]
    parts.append(getattr(snapshot, "processes", None))
    if not all(type(part) is dict for part in parts):
        raise ValueError("a GraphSnapshot without its graph, sessions or processes")
    _keep(snapshot.graph, lambda topic, to: _is_text(topic) and _are_texts(to))
    _keep(
        snapshot.edge_owners,
        lambda edge, who: (
            isinstance(edge, tuple)
            and len(edge) == 2
            and all(map(_is_text, edge))
            and _are_texts(who)
        ),
    )
    _keep(snapshot.sessions, lambda key, session: _is_text(key) and _is_session(session))
    _keep(snapshot.processes, lambda key, process: _is_process(process))
    for process in snapshot.processes.values():
        if type(process.pid) is not int:
            process.pid = None
        if type(process.host) is not str:
            process.host = None
        if not _are_texts(process.units):
            units = process.units if isinstance(process.units, list) else []
            process.units = [unit for unit in units if _is_text(unit)]


def _keep(items: dict[Any, Any], wanted: Callable[[Any, Any], bool]) -> None:
    if not all(map(wanted, items, items.values())):
        for key in [key for key, item in items.items() if not wanted(key, item)]:
            del items[key]


def _is_text(value: object) -> bool:
    return type(value) is str


def _are_texts(value: object) -> bool:
    return type(value) is list and all(map(_is_text, value))


def _is_session(session: object) -> bool:
    return isinstance(session, SnapshotSession) and hasattr(session, "metadata")


def _is_process(process: object) -> bool:
    # All fields are its own: a dataclass is read from its pickle without being initialised.
    return isinstance(process, SnapshotProcess) and vars(process).keys() >= _PROCESS_FIELDS


def readable_components(metadata: GraphMetadata | None) -> Iterator[tuple[str, Any]]:
    """Components of a session's metadata by address, past those that can't be read.

    Their classes may be stand-ins of another ezmsg version; they are judged by attributes.
    """
    components = getattr(metadata, "components", None)
    if type(components) is dict:
        for component in components.values():
            if _is_component(component):
                yield component.address, component


def _is_component(component: Any) -> bool:
    names = ("address", "name", "component_type", "settings_type")
    if not all(_is_text(getattr(component, name, None)) for name in names):
        return False
    dynamic = getattr(component, "dynamic_settings", None)
    topic = getattr(dynamic, "input_topic", 0)
    if not (type(getattr(dynamic, "enabled", None)) is bool and (topic is None or _is_text(topic))):
        return False
    children = getattr(component, "children", None)
    if children is not None and not _are_texts(children):
        return False
    if not all(_is_text(getattr(task, "name", None)) for task in members(component, "tasks")):
        return False
    return all(
        _is_text(getattr(stream, "name", None)) and _is_text(getattr(stream, "address", None))
        for kind in ("streams", "topics", "relays")
        for stream in members(component, kind)
    )


def members(component: Any, name: str) -> list[Any]:
    """The streams, topics, relays or tasks of a component; none where it has none."""
    found = getattr(component, name, None)
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else []
