"""Names of a package that are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def on_demand(
    package: str, names: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package
        Its ``__name__``.
    names
        Module of the package -> names of it that the package has as well.
    """
    module_of = {name: module for module, found in names.items() for name in found}
    held = vars(sys.modules[package])

    def get(name: str) -> Any:
        module = module_of.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = held[name] = getattr(importlib.import_module(f".{module}", package), name)
        return found

    return get, lambda: sorted({*held, *module_of})
