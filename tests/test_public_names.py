"""The public names of both packages: explicit, sorted, and there."""

from __future__ import annotations

import importlib
import types

import pytest


def _constants_classes_functions(name: str) -> tuple[bool, bool, str]:
    return not name.isupper(), not name[0].isupper(), name


@pytest.mark.parametrize("name", ["ezmsg_nb", "kernel_runtime"])
def test_all_is_sorted_and_complete(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=_constants_classes_functions)
    assert len(module.__all__) == len(set(module.__all__))
    public = {
        attribute
        for attribute, value in vars(module).items()
        if not attribute.startswith("_")
        and not isinstance(value, types.ModuleType)
        and attribute != "annotations"
    }
    assert public - set(module.__all__) == set(), "public, but not in __all__"
    for attribute in module.__all__:
        assert getattr(module, attribute) is not None
