"""The public names of both packages: explicit, sorted, and there."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
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


@pytest.mark.parametrize("name", ["ezmsg_nb", "kernel_runtime"])
def test_a_package_says_where_each_name_lives(name: str) -> None:
    module = importlib.import_module(name)
    assert sorted(itertools.chain(*module._NAMES.values())) == sorted(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        module.Nonsense  # noqa: B018


def test_a_part_of_kernel_runtime_comes_without_the_client() -> None:
    script = "import sys, kernel_runtime.address; print('kernel_runtime.context' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "False\n", done.stderr


def test_a_command_comes_without_pandas_and_widgets() -> None:
    script = "import sys, ezmsg_nb.__main__; print({'pandas', 'networkx'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "set()\n", done.stderr
