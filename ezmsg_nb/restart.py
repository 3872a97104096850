"""A graph of our host started again: in its place, with the settings that were edited."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kernel_runtime.address import AddressLike, parse_address
from kernel_runtime.background import BackgroundLoop
from kernel_runtime.context import KernelGraphContext
from kernel_runtime.errors import GraphError
from kernel_runtime.follower import GraphFollower
from kernel_runtime.host import GraphHost
from kernel_runtime.host.definition import GraphDefinition
from kernel_runtime.host.spec import GraphSpec
from kernel_runtime.settings.store import SettingsStore, same_value

from .graph_settings import GraphSettings

OPEN_TIMEOUT_S = 5.0
INITIAL_SETTINGS_TIMEOUT_S = 2.0


async def _open(address: AddressLike, timeout: float) -> GraphFollower:
    context = KernelGraphContext(address, timeout=timeout)
    await context.__aenter__()
    try:
        follower = GraphFollower(context)
        async with asyncio.timeout(timeout):
            await follower.start()
    except BaseException:
        await context.close()
        raise
    return follower


def open_follower(loop: BackgroundLoop, address: AddressLike, timeout: float) -> GraphFollower:
    """Open a context on the background loop, and follow its graph."""
    return loop.run(_open(address, timeout), timeout=timeout + 1.0)


@dataclass(frozen=True, slots=True)
class EditedSettings:
    """What was changed while a graph ran, by unit and field, with the value from before."""

    changes: Mapping[str, Mapping[str, tuple[Any, Any]]]

    @classmethod
    def of(cls, settings: GraphSettings) -> EditedSettings:
        changes: dict[str, dict[str, tuple[Any, Any]]] = {}
        for unit in settings:
            initial, now = settings.known.initial(unit), settings.known.values_of(unit)
            edited = {
                path: (initial[path], value)
                for path, value in now.items()
                if path in initial and not same_value(initial[path], value)
            }
            if edited and settings.known.read_only_reason(unit) is None:
                changes[unit] = edited
        return cls(changes)

    async def wait_for_initial(self, store: SettingsStore) -> None:
        """Wait until it is known what the edited units were registered with, if it comes."""
        await store.wait_until(
            lambda: all(store.initial(unit) is not None for unit in self.changes),
            INITIAL_SETTINGS_TIMEOUT_S,
        )

    def apply_to(self, settings: GraphSettings) -> list[str]:
        """Make the edits again where they fit; say which did not.

        Where the code now gives a field another initial value than before, the code's counts.
        """
        lost: list[str] = []
        wanted: dict[str, dict[str, object]] = {}
        for unit, fields in self.changes.items():
            initial = settings.known.initial(unit) if unit in settings else {}
            for path, (before, value) in fields.items():
                if path not in initial:
                    lost.append(f"{unit}.{path} = {value!r}: there is no such field any more")
                elif same_value(initial[path], before):
                    wanted.setdefault(unit, {})[path] = value
        for unit, changes in wanted.items():
            for path, value in list(changes.items()):
                try:
                    settings.known.checked(unit, path, value)
                except GraphError as error:
                    lost.append(f"{unit}.{path} = {value!r}: {error}")
                    del changes[path]
            try:
                settings.apply({unit: changes} if changes else {})
            except GraphError as error:
                lost.append(f"{unit}: {error}")
        return lost


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """A graph that is ready to be started in another's place: packed, with edits to keep."""

    old_host: GraphHost
    spec: GraphSpec
    definition: GraphDefinition | None
    edited: EditedSettings

    @classmethod
    def of(
        cls,
        host: GraphHost,
        definition: GraphDefinition | None,
        settings: GraphSettings,
    ) -> RestartPlan:
        """Make the plan; what can be refused is refused here, while the old graph runs.

        Raises
        ------
        HostStartError
            Something of it can't be sent to the host.
        """
        address = parse_address(host.address)
        spec = replace(host.spec, address=(address.host, address.port))
        if definition is not None:
            spec = replace(spec, factory="", graph=definition.pack())
        return cls(host, spec, definition, EditedSettings.of(settings))

    def start(self, loop: BackgroundLoop, timeout: float) -> tuple[GraphHost, GraphFollower]:
        """Start the new graph, and follow it. The old one must have ended."""
        host = self.old_host.successor(self.spec, self.definition, timeout)
        try:
            return host, open_follower(loop, host.address, OPEN_TIMEOUT_S)
        except BaseException:
            host.stop()
            raise

    def keep_edits(self, settings: GraphSettings) -> None:
        """Make the edits again in the new graph, and warn of those that could not be."""
        lost = self.edited.apply_to(settings)
        if lost:
            warnings.warn(
                "Edited settings that the new graph does not have:\n  " + "\n  ".join(lost),
                stacklevel=3,
            )
