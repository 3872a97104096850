"""A graph that was written in cells, packed in the kernel for the way to its host."""

# cloudpickle has no types.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import ast
import dis
import functools
import inspect
import io
import pickle
import types
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import HostStartError
from .main_module import (
    DefinitionsPickler,
    by_reference,
    is_of_main,
    main_namespace,
    pack_definitions,
)
from .spec import PackedGraph

_LIVE_BASES = {"traitlets.HasTraits", "LiveGraph", "GraphHost", "InteractiveShell"}
_CLASS_MACHINERY = {"__dict__", "__weakref__", "_abc_impl"}
_DEEPEST_BLAME = 12
_MOST_PROBES = 2_000


def pack_graph(arguments: Mapping[str, Any]) -> PackedGraph:
    """Pack the arguments of ezmsg's runner and all of ``__main__`` that they need.

    Raises
    ------
    HostStartError
        Something can't leave this process; named.
    """
    recorder = _Recorder()
    try:
        recorder.dump(dict(arguments))
        standing = recorder.definitions()
        definitions = pack_definitions(standing, recorder.files)
        return PackedGraph(definitions, by_reference(dict(arguments), standing))
    except Exception as error:
        raise HostStartError(_cannot_travel(arguments, error)) from error


class _CannotTravel(pickle.PicklingError):
    """A live thing of this process."""


class _Recorder(DefinitionsPickler):
    """Pickles in order to see what there is: notes each class and function of ``__main__``."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self._found: dict[str, dict[int, Any]] = {}
        self.files: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if _is_live(obj):
            raise _CannotTravel(f"a {type(obj).__name__} lives in this kernel only")
        if is_of_main(obj) and obj.__qualname__.isidentifier():
            self._found.setdefault(obj.__qualname__, {})[id(obj)] = obj
        if isinstance(obj, types.FunctionType) and is_of_main(obj):
            self.files.add(obj.__code__.co_filename)
        return super().reducer_override(obj)

    def definitions(self) -> dict[str, Any]:
        """What was found, by name, and what annotations in quotes speak of."""
        standing = {name: _newest(name, found) for name, found in self._found.items()}
        mentioned = {
            name: main_namespace()[name]
            for one in list(standing.values())
            for name in _names_in_annotations(one)
            if name in main_namespace() and name not in standing
        }
        return standing | {name: value for name, value in mentioned.items() if _travels(value)}


def _newest(name: str, found: Mapping[int, Any]) -> Any:
    current = main_namespace().get(name)
    # A decorator may have put something else than a function in the place of what it was given.
    if id(current) in found or id(getattr(current, "__wrapped__", None)) in found:
        return current
    return list(found.values())[-1]


def _names_in_annotations(value: Any) -> Iterator[str]:
    """Global names in annotations that are text, as ``from __future__`` makes them."""
    try:
        annotations = inspect.get_annotations(value)
    except Exception:
        return
    for text in annotations.values():
        if isinstance(text, str):
            try:
                tree = ast.parse(text, mode="eval")
            except SyntaxError:
                continue
            yield from (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _travels(value: object) -> bool:
    try:
        _Recorder().dump(value)
    except Exception:
        return False
    return True


def _is_live(obj: object) -> bool:
    """Whether it is pickled without an error, and yet of no use elsewhere."""
    if isinstance(obj, io.IOBase):
        return not isinstance(obj, io.BytesIO | io.StringIO)
    return any(
        base.__name__ in _LIVE_BASES
        or f"{base.__module__.partition('.')[0]}.{base.__name__}" in _LIVE_BASES
        for base in type(obj).__mro__
    )


# -- who is to blame --------------------------------------------------------------------------


def _cannot_travel(arguments: Mapping[str, Any], error: Exception) -> str:
    blame = _Blame()
    culprits = list(dict.fromkeys(blame.culprits(dict(arguments), "the graph", 0)))
    if not culprits:
        return f"The graph can't be sent to its host process: {error}"
    return (
        "The graph can't be sent to its host process. What can't travel:\n"
        + "\n".join(f"  - {culprit}" for culprit in culprits)
        + "\nOpen files, locks, connections and widgets belong to this kernel: make them in the "
        "unit's initialize(), in the process where they are used."
    )


class _Blame:
    """Finds, and names, the innermost things that can't be pickled."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._probes = 0

    def culprits(self, value: Any, name: str, depth: int) -> Iterator[str]:
        guilty = []
        if depth < _DEEPEST_BLAME and not _is_live(value):
            for part_name, part in _parts(value, name):
                if id(part) in self._seen:
                    continue
                self._seen.add(id(part))
                self._probes += 1
                if self._probes < _MOST_PROBES and not _travels(part):
                    guilty.append((part, part_name))
        if not guilty:
            yield f"{name}, a {type(value).__module__}.{type(value).__qualname__}"
        for part, part_name in guilty:
            yield from self.culprits(part, part_name, depth + 1)


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What a value is made of, each with a name that its author knows it by."""
    if isinstance(value, dict):
        if name == "the graph":
            for unit, component in value["components"].items():
                yield f"unit {unit!r}", component
            return
        for key, item in value.items():
            yield f"{name}[{key!r}]", item
    elif isinstance(value, list | tuple | set | frozenset):
        for place, item in enumerate(value):
            yield f"{name}[{place}]", item
    elif inspect.isfunction(value):
        yield from _parts_of_function(value)
    elif isinstance(value, staticmethod | classmethod):
        yield from _parts_of_function(value.__func__)
    elif isinstance(value, functools._lru_cache_wrapper):
        yield from _parts_of_function(value.__wrapped__)
    elif isinstance(value, functools.cached_property):
        yield from _parts_of_function(value.func)
    elif isinstance(value, property):
        for function in (value.fget, value.fset, value.fdel):
            if inspect.isfunction(function):
                yield from _parts_of_function(function)
    elif isinstance(value, type):
        if is_of_main(value):
            for base in value.__bases__:
                yield base.__qualname__, base
            for attribute, item in vars(value).items():
                if attribute not in _CLASS_MACHINERY:
                    yield f"{value.__qualname__}.{attribute}", item
    else:
        yield type(value).__qualname__, type(value)
        for attribute, item in getattr(value, "__dict__", {}).items():
            yield f"{name}.{attribute}", item
        if inspect.ismethod(value):
            yield f"{name}.__self__", value.__self__


def _global_names(code: types.CodeType) -> set[str]:
    names = {one.argval for one in dis.get_instructions(code) if one.opname.endswith("_GLOBAL")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


def _parts_of_function(function: Any) -> Iterator[tuple[str, Any]]:
    user = function.__qualname__
    for name in sorted(_global_names(function.__code__)):
        if name in function.__globals__:
            yield f"{name!r}, which {user} uses", function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"{name!r}, which {user} closes over", cell.cell_contents
        except ValueError:
            continue
    for place, default in enumerate(function.__defaults__ or ()):
        yield f"default {place + 1} of {user}", default
