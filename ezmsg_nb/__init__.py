"""A running ezmsg pipeline, live in a notebook: see it, tune it, measure it."""

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
