"""What differs between ezmsg 3.9 and 3.10, in one place.

Both lines share the control plane. Known differences that matter here: 3.10 has relays as
metadata of their collection (3.9 runs them as hidden units), a JSON Schema in settings
schemas, and some attributes that 3.9 objects lack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import ezmsg.core
from ezmsg.core import settingsmeta
from ezmsg.core.messagechannel import Channel

EZMSG_VERSION: str = ezmsg.core.__version__

HIDDEN_UNIT_PREFIX = "__relay_"
"""Name prefix of the units that ezmsg 3.9 makes for a collection's relays."""


def release_line(version: str) -> str:
    """``"3.10"`` for ``"3.10.0b5"``: versions of one line speak the same control plane."""
    return ".".join(version.split(".")[:2])


def json_schema_of(settings_schema: object) -> dict[str, Any] | None:
    """The JSON Schema that 3.10 adds to a settings schema, None where there is none."""
    found = getattr(settings_schema, "json_schema", None)
    return found if isinstance(found, dict) else None


def relay_topics(collection: object) -> Iterator[tuple[str, str]]:
    """Inner topics of a collection's relays, as (topic, ``"input"`` or ``"output"``).

    3.10 forwards through topics of its own (``relay_input_topic``, ``relay_output_topic``);
    on 3.9 those are streams of hidden units, and this yields nothing.
    """
    relays = getattr(collection, "relays", None)
    if not isinstance(relays, dict):
        return
    for relay in relays.values():
        inward = getattr(relay, "relay_input_topic", None)
        outward = getattr(relay, "relay_output_topic", None)
        if isinstance(inward, str):
            yield inward, "input"
        if isinstance(outward, str):
            yield outward, "output"


def coerce_settings_field(settings_type: type, field_path: str, value: object) -> object:
    """What an owner makes of a value before it patches a field: 3.10 checks it, 3.9 does not."""
    coerce = getattr(settingsmeta, "coerce_settings_field_value", None)
    return value if coerce is None else coerce(settings_type, field_path, value)


def channel_transport(channel: Channel) -> asyncio.Transport:
    """The connection on which a channel hears from its publisher: a stream on 3.9, a protocol of
    its own on 3.10.
    """
    stream = getattr(channel, "_pub_writer", None)
    transport: asyncio.Transport = (
        channel._proto._transport if stream is None else stream.transport  # type: ignore[attr-defined, unused-ignore]
    )
    return transport
