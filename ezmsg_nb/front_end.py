"""Where the built browser bundles are, and which protocol they speak."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROTOCOL: Final = 1
"""Version of traits and messages; ``frontend/src/shared/protocol.ts`` holds the same number."""

_STATIC = Path(__file__).parent / "static"


class MissingBundleError(FileNotFoundError):
    """A widget's browser bundle isn't in the installation."""


def bundle(name: str, ending: str = "js") -> Path:
    """Path of one widget's browser bundle.

    Parameters
    ----------
    name
        ``"topology"`` or ``"settings_form"``.
    ending
        ``"js"``, or ``"css"`` for the style sheet of a widget that has one of its own.

    Raises
    ------
    MissingBundleError
        The bundle hasn't been built (in a checkout), or the installation is incomplete.
    """
    path = _STATIC / f"{name}.{ending}"
    if not path.is_file():
        raise MissingBundleError(
            f"The browser part of this widget is missing: {path.name} is not in {path.parent}. "
            "In a checkout build it with `npm ci && npm run build` in frontend/ (`make lab` "
            "does both); an installed package without it is incomplete: reinstall ezmsg-nb."
        )
    return path
