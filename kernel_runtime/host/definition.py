"""A graph as it was given to `ezmsg_nb.run`: checked, and kept to be started again."""

from __future__ import annotations

import enum
from collections.abc import Collection as SizedIterable
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, cast

from ezmsg.core import Component, Unit
from ezmsg.core.stream import Stream

from ..errors import AddressCollisionError, HostStartError, SettingsRejectedError
from .main_module import in_force, is_of_main
from .packing import pack_graph
from .spec import PackedGraph

Connections: TypeAlias = Iterable[tuple[Stream | str | enum.Enum, Stream | str | enum.Enum]]
"""Pairs of what publishes and what subscribes, as ``ezmsg.core.run`` takes them."""


@dataclass(frozen=True)
class GraphDefinition:
    """Components, with connections and processes by their addresses.

    Addresses stay right when a component is replaced by another; streams would not.

    Made by `define`.
    """

    components: Mapping[str, Component]
    connections: tuple[tuple[str, str], ...]
    process_components: tuple[str, ...] | None
    root_name: str | None
    force_single_process: bool

    @classmethod
    def define(
        cls,
        components: Mapping[str, Component],
        *,
        connections: Connections | None,
        process_components: SizedIterable[Component] | None,
        root_name: str | None,
        force_single_process: bool = False,
    ) -> GraphDefinition:
        """Check the arguments of a run, and take them up.

        Raises
        ------
        TypeError
            A component or an end of a connection is none.
        HostStartError
            There is no component, or one is given twice.
        AddressCollisionError
            Two components would have the same address.
        SettingsRejectedError
            A unit has no settings, and needs some, or has those of another unit.
        """
        if not components:
            raise HostStartError(
                "There is nothing to run: give units by name, as in run(SOURCE=Source(), ...)."
            )
        located = _locate(components, root_name)
        for name, component in components.items():
            # Units in a collection may get theirs later, from its `configure`.
            if isinstance(component, Unit):
                _check_settings(name, component)
        topics = {
            id(stream): f"{address}/{stream.name}"
            for address, component in located.items()
            for stream in component.streams.values()
        }
        return cls(
            dict(components),
            tuple((_topic(start, topics), _topic(end, topics)) for start, end in connections or ()),
            None
            if process_components is None
            else tuple(_address_in(located, component) for component in process_components),
            root_name,
            force_single_process,
        )

    def with_components(self, changed: Mapping[str, Component]) -> GraphDefinition:
        """The same graph with some of its components replaced; errors as `define`."""
        unknown = sorted(set(changed) - set(self.components))
        if unknown:
            raise HostStartError(
                f"The graph has no {', '.join(unknown)} to replace. It has: "
                f"{', '.join(self.components)}."
            )
        GraphDefinition.define(
            {**self.components, **changed},
            connections=None,
            process_components=None,
            root_name=self.root_name,
        )
        return replace(self, components={**self.components, **changed})

    def parts(self, hosts: Mapping[str, str] | None = None) -> list[GraphDefinition]:
        """The process groups, each as a graph of its own that joins the others.

        A component (at the top) that has a process of its own makes a part; all others are
        one together, or one for each of the `hosts` that they are given by name. A connection
        belongs to the part that publishes.

        Raises
        ------
        HostStartError
            `hosts` names a component that is not there.
        """
        hosts = hosts or {}
        unknown = sorted(set(hosts) - set(self.components))
        if unknown:
            raise HostStartError(
                f"hosts names {', '.join(unknown)}, and the graph has no such component at its "
                f"top. It has: {', '.join(self.components)}.",
                unit=unknown[0],
            )
        own = [
            name
            for name in self.components
            if self._address_of(name) in (self.process_components or ())
        ]
        shared: dict[str | None, list[str]] = {}
        for name in self.components:
            if name not in own:
                shared.setdefault(hosts.get(name), []).append(name)
        groups = [*shared.values(), *([name] for name in own)]
        owner = {name: at for at, names in enumerate(groups) for name in names}
        parts = []
        for at, names in enumerate(groups):
            addresses = [self._address_of(name) for name in names]
            parts.append(
                replace(
                    self,
                    components={name: self.components[name] for name in names},
                    connections=tuple(
                        (start, end)
                        for start, end in self.connections
                        if owner.get(self._top_of(start), 0) == at
                    ),
                    process_components=tuple(
                        one
                        for one in self.process_components or ()
                        if one not in addresses
                        and any(one.startswith(f"{address}/") for address in addresses)
                    ),
                )
            )
        return parts

    def unit_addresses(self) -> tuple[str, ...]:
        """Addresses of all units."""
        located = _locate(self.components, self.root_name)
        return tuple(address for address, one in located.items() if isinstance(one, Unit))

    def _address_of(self, name: str) -> str:
        return "/".join(filter(None, (self.root_name, name)))

    def _top_of(self, topic: str) -> str:
        """Name of the component at the top that a topic belongs to, if to any."""
        prefix = f"{self.root_name}/" if self.root_name else ""
        return topic.removeprefix(prefix).partition("/")[0]

    def pack(self) -> PackedGraph:
        """As bytes for a host; errors as `kernel_runtime.host.packing.pack_graph`."""
        components = {name: _renewed(name, one) for name, one in self.components.items()}
        located = _locate(components, self.root_name)
        arguments: dict[str, Any] = {
            "components": components,
            "connections": list(self.connections),
            "root_name": self.root_name,
            "force_single_process": self.force_single_process,
        }
        if self.process_components is not None:
            lost = [address for address in self.process_components if address not in located]
            if lost:
                raise HostStartError(
                    f"process_components has {', '.join(lost)}, which the replaced components "
                    f"do not have any more.",
                    unit=lost[0],
                )
            arguments["process_components"] = tuple(
                located[address] for address in self.process_components
            )
        return pack_graph(arguments)


def _locate(components: Mapping[str, Component], root_name: str | None) -> dict[str, Component]:
    """All components by the addresses that ezmsg's runner will give them."""
    owners: dict[int, str] = {}
    for name, component in components.items():
        if isinstance(component, type):
            raise TypeError(
                f"{name} is the class {component.__name__}, not one of its instances: write "
                f"{name}={component.__name__}(...)."
            )
        if not isinstance(component, Component):
            raise TypeError(
                f"{name} is a {type(component).__name__}, not a Unit or Collection of ezmsg."
            )
        if id(component) in owners:
            raise HostStartError(
                f"{owners[id(component)]} and {name} are one and the same "
                f"{type(component).__name__}: make one for each.",
                unit=name,
            )
        owners[id(component)] = name
        if component._name is not None:
            raise HostStartError(
                f"{name} is in a graph already, as {component._name}: make a new "
                f"{type(component).__name__} for this one.",
                unit=name,
            )
    located: dict[str, Component] = {}
    for name, top in components.items():
        for address, component in _with_parts("/".join(filter(None, (root_name, name))), top):
            if address in located:
                raise AddressCollisionError(
                    f"Two components have the address {address!r}: a "
                    f"{type(located[address]).__name__} and a {type(component).__name__}. "
                    f"Rename one of them.",
                    unit=address,
                )
            located[address] = component
    return located


def _with_parts(address: str, component: Component) -> Iterator[tuple[str, Component]]:
    yield address, component
    for name, part in component.components.items():
        yield from _with_parts(f"{address}/{name}", part)


def _address_in(located: Mapping[str, Component], wanted: Component) -> str:
    for address, component in located.items():
        if component is wanted:
            return address
    raise HostStartError(
        f"process_components has a {type(wanted).__name__} that is none of the graph's components."
    )


def _topic(end: object, topics: Mapping[int, str]) -> str:
    if isinstance(end, Stream):
        if id(end) not in topics:
            raise HostStartError(
                f"A connection has a stream {end.name!r} that is of none of the graph's "
                f"components. Write it with the component itself, as in SOURCE.OUTPUT."
            )
        return topics[id(end)]
    if isinstance(end, enum.Enum):
        return end.name
    if isinstance(end, str):
        return end
    raise TypeError(
        f"A connection has {end!r}, a {type(end).__name__}: give streams, such as SOURCE.OUTPUT, "
        f"or topics as text."
    )


def _renewed(name: str, component: Component) -> Component:
    """A component of the class that was defined in the place of its own, where one was."""
    old, new = type(component), cast(type[Any], in_force(type(component)))
    if new is old:
        return component
    if not issubclass(new, Component) or any("__init__" in vars(one) for one in _own(old, new)):
        raise HostStartError(
            f"{old.__name__} was defined again, and {name} is still one of the old. Make a new "
            f"one: {name}={new.__name__}(...).",
            unit=name,
        )
    settings = None
    try:
        if component._settings_applied:
            settings = _carried_over(component.SETTINGS, new.__settings_type__)
        renewed: Component = new(settings=settings)
    except TypeError as error:
        raise HostStartError(
            f"{old.__name__} was defined again, and the settings of {name} do not fit it: "
            f"{error}. Make a new one: {name}={new.__name__}(...).",
            unit=name,
        ) from error
    return renewed


def _own(*classes: type) -> Iterator[type]:
    return (base for one in classes for base in one.__mro__ if is_of_main(base))


def _carried_over(settings: Any, new: Any) -> Any:
    """Settings of a new class with the values of the old, where these are not its defaults."""
    if type(settings) is new:
        return settings
    known = {field.name for field in fields(new)}
    return new(
        **{
            field.name: getattr(settings, field.name)
            for field in fields(settings)
            if field.name in known and not _is_default(field, getattr(settings, field.name))
        }
    )


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        default = field.default
    elif field.default_factory is not MISSING:
        default = field.default_factory()
    else:
        return False
    try:
        return type(value) is type(default) and bool(value == default)
    except (TypeError, ValueError):
        # Arrays, which have no one answer.
        return False


def _check_settings(address: str, unit: Unit) -> None:
    expected: type = type(unit).__settings_type__
    if not unit._settings_applied:
        needed = ", ".join(
            field.name
            for field in (fields(expected) if is_dataclass(expected) else ())
            if field.default is MISSING and field.default_factory is MISSING
        )
        raise SettingsRejectedError(
            f"{address} has no settings, and {expected.__name__} has no default for {needed}: "
            f"give them, as in {type(unit).__name__}({expected.__name__}(...)).",
            unit=address,
        )
    if not isinstance(unit.SETTINGS, expected):
        raise SettingsRejectedError(
            f"{address} has settings of type {type(unit.SETTINGS).__name__}; "
            f"{type(unit).__name__} takes {expected.__name__}.",
            unit=address,
        )
