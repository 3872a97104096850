"""From the name of a factory, or from a packed graph, to the arguments of ezmsg's runner."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterable, Mapping
from typing import Any

from ezmsg.core import Component
from ezmsg.core.stream import OutputStream

from .main_module import stand_in_main
from .spec import PackedGraph

_GRAPH_ARGUMENTS = {
    "components",
    "connections",
    "process_components",
    "root_name",
    "force_single_process",
}


class GraphFactoryError(Exception):
    """The factory of a graph can't be found or gives no graph."""


class CyclicGraphError(Exception):
    """The connections of a graph lead from a topic back to it."""


def build_graph(factory: str) -> dict[str, Any]:
    """Import and call a factory ``"module:function"`` and check what it gives."""
    module_name, colon, function_name = factory.partition(":")
    if not (module_name and colon and function_name):
        raise GraphFactoryError(f"factory {factory!r} is not of the form 'package.module:function'")
    module = importlib.import_module(module_name)
    try:
        function = getattr(module, function_name)
    except AttributeError:
        raise GraphFactoryError(
            f"module {module_name!r} has no function {function_name!r}"
        ) from None
    arguments = function()
    if not isinstance(arguments, dict) or "components" not in arguments:
        raise GraphFactoryError(
            f"factory {factory!r} gave {type(arguments).__name__}, not a dict with 'components'"
        )
    unknown = sorted(set(arguments) - _GRAPH_ARGUMENTS)
    if unknown:
        raise GraphFactoryError(
            f"factory {factory!r} gave unknown arguments {', '.join(map(repr, unknown))}; "
            f"known are {', '.join(sorted(_GRAPH_ARGUMENTS))}"
        )
    return arguments


def unpack_graph(graph: PackedGraph) -> dict[str, Any]:
    """Put the definitions of a kernel's cells into ``__main__``, and make the graph of them."""
    stand_in_main(graph.definitions)
    arguments: dict[str, Any] = pickle.loads(graph.arguments)
    return arguments


def publish_on(components: Mapping[str, Component], host: str) -> None:
    """Have all publishers listen on an address, but for those that have one of their own."""
    for component in components.values():
        for stream in component.streams.values():
            if isinstance(stream, OutputStream) and stream.host is None:
                stream.host = host
        publish_on(component.components, host)


def find_cycle(connections: Iterable[tuple[str, str]]) -> list[str]:
    """Return the topics of one cycle, first and last the same; empty where there is none."""
    following: dict[str, list[str]] = {}
    for from_topic, to_topic in connections:
        following.setdefault(from_topic, []).append(to_topic)
    done: set[str] = set()
    for start in following:
        path = [start]
        branches = [iter(following[start])]
        while path and start not in done:
            topic = next(branches[-1], None)
            if topic is None:
                done.add(path.pop())
                branches.pop()
            elif topic in path:
                return [*path[path.index(topic) :], topic]
            elif topic not in done:
                path.append(topic)
                branches.append(iter(following.get(topic, ())))
    return []
