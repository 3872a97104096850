"""Build hook: every wheel, editable install and sdist carries the built front end.

Node is asked for only where the bundles in ``ezmsg_nb/static`` are not those of the sources;
an sdist carries them, so that it installs without Node.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _frontend() -> ModuleType:
    name = "ezmsg_nb_build_frontend"
    if name not in sys.modules:
        path = Path(__file__).resolve().parent / "scripts" / "frontend.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class FrontEndBuildHook(BuildHookInterface[Any]):
    """Builds the front end before hatchling collects the files."""

    def dependencies(self) -> list[str]:
        frontend = _frontend()
        if frontend.is_built() or frontend.node_on_path() is not None:
            return []
        return [frontend.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        frontend = _frontend()
        try:
            frontend.build()
        except frontend.FrontEndError as error:
            self.app.abort(f"ezmsg-nb: {error}")
