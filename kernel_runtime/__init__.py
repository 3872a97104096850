"""The kernel side of ezmsg-nb: a client of ezmsg's control plane, without Jupyter."""

from .address import Address, parse_address
from .background import BackgroundLoop, background_loop
from .context import KernelGraphContext, ProfilingSnapshots
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
