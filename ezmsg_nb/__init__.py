"""A running ezmsg pipeline, live in a notebook: see it, tune it, measure it.

Outside IPython a name is imported when it is first asked for: commands that need no DataFrame and
no widget start without them. In a notebook the cell that imports pays for it all, not the one that
starts a graph.
"""

from __future__ import annotations

import sys
import typing

from kernel_runtime.names_on_demand import on_demand as _on_demand

if typing.TYPE_CHECKING:
    from .live_graph import LiveGraph
    from .magics import load_ipython_extension, unload_ipython_extension
    from .profile_view import ProfileView
    from .scope import Scope
    from .settings_form import SettingsForm
    from .start import connect, demo, run
    from .tap import to_frame, to_xarray
    from .topology_widget import TopologyWidget

__all__ = [
    "LiveGraph",
    "ProfileView",
    "Scope",
    "SettingsForm",
    "TopologyWidget",
    "connect",
    "demo",
    "load_ipython_extension",
    "run",
    "to_frame",
    "to_xarray",
    "unload_ipython_extension",
]

_NAMES = {
    "live_graph": ("LiveGraph",),
    "magics": ("load_ipython_extension", "unload_ipython_extension"),
    "profile_view": ("ProfileView",),
    "scope": ("Scope",),
    "settings_form": ("SettingsForm",),
    "start": ("connect", "demo", "run"),
    "tap": ("to_frame", "to_xarray"),
    "topology_widget": ("TopologyWidget",),
}

__getattr__, __dir__ = _on_demand(__name__, _NAMES)

if "IPython" in sys.modules:
    for _name in __all__:
        __getattr__(_name)
