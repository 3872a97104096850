"""Settings of a graph's units, as its GraphServer and their processes know them."""

from __future__ import annotations

import asyncio
from typing import Any

from ezmsg.core.graphmeta import (
    ProcessControlOperation,
    SettingsChangedEvent,
    SettingsFieldUpdateRequest,
    SettingsSnapshotValue,
)
from ezmsg.core.netprotocol import Command
from ezmsg.core.pubclient import Publisher

from .endpoints import Endpoints
from .errors import RequestTimeoutError, UnsupportedOperationError
from .inlets import drained
from .owning_loop import on_owning_loop
from .process_requests import ProcessRequests
from .server_link import REQUEST_TIMEOUT_S
from .soundness import is_sound, readable_components
from .wire import text_argument

INLET_TIMEOUT_S = 1.5
"""How long closing waits for units to let go of what was published on their INPUT_SETTINGS.

Only a unit that is still at a value which was published from here makes it wait at all: one in a
long settings handler, or whose process is stopped. It leaves `LiveGraph.close` half of its time.
"""


class SettingsRequests(ProcessRequests, Endpoints):
    """A session that reads settings and changes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings_publishers: dict[str, Publisher] = {}

    @on_owning_loop
    async def settings_snapshot(self) -> dict[str, SettingsSnapshotValue]:
        """Settings by component address, as the GraphServer knows them.

        A value that is none, as a hostile peer may report it, is left out.
        """
        found: dict[str, SettingsSnapshotValue] = await self.read(
            Command.SESSION_SETTINGS_SNAPSHOT, expected=dict
        )
        return {
            unit: value
            for unit, value in found.items()
            if type(unit) is str and isinstance(value, SettingsSnapshotValue) and is_sound(value)
        }

    @on_owning_loop
    async def settings_events(self, after_seq: int = 0) -> list[SettingsChangedEvent]:
        """The settings events that the server keeps (its newest 10,000) after a number.

        An event that is none is left out, and missing in the numbers.
        """
        events: list[SettingsChangedEvent] = await self.read(
            Command.SESSION_SETTINGS_EVENTS, text_argument(str(int(after_seq))), expected=list
        )
        return [
            event for event in events if isinstance(event, SettingsChangedEvent) and is_sound(event)
        ]

    @on_owning_loop
    async def settings_input_topic(self, component_address: str) -> str:
        """The topic of a component's INPUT_SETTINGS, from the registered metadata.

        Raises
        ------
        UnsupportedOperationError
            No such component, one without dynamic settings, or several topics for it.
        """
        topics: set[str] = set()
        for session in (await self._read_snapshot()).sessions.values():
            for address, component in readable_components(session.metadata):
                dynamic = component.dynamic_settings
                if address != component_address:
                    continue
                if dynamic.enabled and dynamic.input_topic is not None:
                    topics.add(dynamic.input_topic)
        if len(topics) == 1:
            return topics.pop()
        what = (
            f"has several settings topics: {sorted(topics)}"
            if topics
            else "is not registered with dynamic settings (an INPUT_SETTINGS stream)"
        )
        raise UnsupportedOperationError(
            f"{component_address!r} {what}.", address=str(self._address), unit=component_address
        )

    @on_owning_loop
    async def update_settings(
        self, component_address: str, value: object, *, input_topic: str | None = None
    ) -> None:
        """Publish a whole settings value to a component's INPUT_SETTINGS.

        Returns when it is published, which is before the unit has it. One publisher a topic
        stays open: on ezmsg 3.9 a publisher that comes and goes makes the unit deaf
        (measured: 6 of 6 runs).
        """
        topic = input_topic or await self.settings_input_topic(component_address)
        publisher = self._settings_publishers.get(topic)
        if publisher is None:
            publisher = await self._endpoint(Publisher.create(topic, self._address), topic)
            self._settings_publishers[topic] = publisher
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await publisher.broadcast(value)
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"{component_address!r} did not take a settings value within "
                f"{REQUEST_TIMEOUT_S:g} s: its inlet is full. It may still take it later.",
                address=str(self._address),
                unit=component_address,
            ) from error

    @on_owning_loop
    async def settings_taken(self, component_address: str, *, timeout: float = 5.0) -> bool:
        """Wait until a unit has let go of every settings value that was published from here.

        Its settings handler has ended then, in whatever way.

        Returns
        -------
        bool
            Whether it did within `timeout` seconds.
        """
        topic = await self.settings_input_topic(component_address)
        publisher = self._settings_publishers.get(topic)
        return publisher is None or await drained(publisher, timeout)

    async def _leave_inlets(self) -> None:
        """Let units finish with what was published on their INPUT_SETTINGS, for a moment.

        On ezmsg 3.9 a publisher that ends while a unit is at its message ends the unit's inlet
        too: nobody could change its settings any more.
        """
        await asyncio.gather(
            *(
                drained(publisher, INLET_TIMEOUT_S)
                for publisher in self._settings_publishers.values()
            )
        )
        self._settings_publishers.clear()

    @on_owning_loop
    async def update_setting(
        self, component_address: str, field_path: str, value: object, *, timeout: float = 2.0
    ) -> SettingsSnapshotValue:
        """Have the owning process patch one field and publish the result.

        The answer means that the patched value was published, not that the unit applied it.

        Raises
        ------
        UnroutableUnitError, UnsupportedOperationError, HandlerError, SettingsRejectedError
        """
        return await self._ask(
            component_address,
            ProcessControlOperation.UPDATE_SETTING_FIELD,
            SettingsSnapshotValue,
            payload_obj=SettingsFieldUpdateRequest(field_path=field_path, value=value),
            timeout=timeout,
        )

    async def _close_endpoints(self) -> None:
        await self._leave_inlets()
        await super()._close_endpoints()
