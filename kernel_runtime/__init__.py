"""The kernel side of ezmsg-nb: a client of ezmsg's control plane, without Jupyter.

A name is imported when it is first asked for: the processes of a host import parts of this
package and start faster without the rest.
"""

from __future__ import annotations

import typing

from .names_on_demand import on_demand as _on_demand

if typing.TYPE_CHECKING:
    from .address import Address, parse_address
    from .background import BackgroundLoop, background_loop
    from .context import KernelGraphContext
    from .errors import (
        AddressCollisionError,
        ClosedError,
        ConnectionLostError,
        CyclicConnectionError,
        GraphError,
        GraphServerUnavailableError,
        HandlerError,
        HostStartError,
        InvalidResponseError,
        ProcessDisconnectedError,
        RequestTimeoutError,
        SettingsNotAppliedError,
        SettingsRejectedError,
        UnroutableUnitError,
        UnsafePayloadError,
        UnsupportedOperationError,
    )
    from .kernel_process import KernelProcess
    from .process_requests import ProfilingSnapshots
    from .stand_ins import StandIn
    from .streams import Resynced

__all__ = [
    "Address",
    "AddressCollisionError",
    "BackgroundLoop",
    "ClosedError",
    "ConnectionLostError",
    "CyclicConnectionError",
    "GraphError",
    "GraphServerUnavailableError",
    "HandlerError",
    "HostStartError",
    "InvalidResponseError",
    "KernelGraphContext",
    "KernelProcess",
    "ProcessDisconnectedError",
    "ProfilingSnapshots",
    "RequestTimeoutError",
    "Resynced",
    "SettingsNotAppliedError",
    "SettingsRejectedError",
    "StandIn",
    "UnroutableUnitError",
    "UnsafePayloadError",
    "UnsupportedOperationError",
    "background_loop",
    "parse_address",
]

_NAMES = {
    "address": ("Address", "parse_address"),
    "background": ("BackgroundLoop", "background_loop"),
    "context": ("KernelGraphContext",),
    "errors": (
        "AddressCollisionError",
        "ClosedError",
        "ConnectionLostError",
        "CyclicConnectionError",
        "GraphError",
        "GraphServerUnavailableError",
        "HandlerError",
        "HostStartError",
        "InvalidResponseError",
        "ProcessDisconnectedError",
        "RequestTimeoutError",
        "SettingsNotAppliedError",
        "SettingsRejectedError",
        "UnroutableUnitError",
        "UnsafePayloadError",
        "UnsupportedOperationError",
    ),
    "kernel_process": ("KernelProcess",),
    "process_requests": ("ProfilingSnapshots",),
    "stand_ins": ("StandIn",),
    "streams": ("Resynced",),
}
__getattr__, __dir__ = _on_demand(__name__, _NAMES)
