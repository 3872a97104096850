"""Names that a type expression may hold, and what they stand for."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

PlainKind = Literal[
    "none",
    "bool",
    "int",
    "float",
    "complex",
    "str",
    "bytes",
    "path",
    "array",
    "callable",
    "any",
    "ellipsis",
    "opaque",
]
ContainerKind = Literal["list", "tuple", "set", "frozenset", "dict"]


class Container(NamedTuple):
    """A container's kind, and the class that is to be built where it isn't the builtin one."""

    kind: ContainerKind
    name: str | None = None


_TYPING_MODULES: Final = frozenset(
    {
        "typing",
        "typing_extensions",
        "builtins",
        "types",
        "collections.abc",
        "collections",
        "abc",
        "t",
        "te",
        "tp",
        "ty",
        "dataclasses",
    }
)
"""Modules, and the aliases that people give them, whose names count without them."""

_WRAPPERS: Final = frozenset(
    {"ClassVar", "Final", "InitVar", "NotRequired", "ReadOnly", "Required", "TypeGuard"}
)

ARRAY_PROTOCOLS: Final = frozenset(
    {
        "numpy._typing._array_like._Buffer",
        "numpy._typing._array_like._SupportsArray",
        "numpy._typing._array_like._SupportsArrayFunc",
        "numpy._typing._nested_sequence._NestedSequence",
        "ArrayLike",
        "numpy.typing.ArrayLike",
        "numpy._typing.ArrayLike",
        "numpy._typing._array_like.ArrayLike",
        "npt.ArrayLike",
    }
)
"""What numpy.asarray takes, as numpy's own unions spell it."""

DTYPE_PROTOCOLS: Final = "numpy._typing._dtype_like."
"""Where the parts of numpy's DTypeLike live."""

OPAQUE_ROOTS: Final = frozenset(
    {
        "_io",
        "_thread",
        "asyncio",
        "concurrent",
        "contextvars",
        "ctypes",
        "io",
        "logging",
        "multiprocessing",
        "queue",
        "selectors",
        "socket",
        "ssl",
        "subprocess",
        "threading",
        "weakref",
    }
)
"""Packages of the standard library whose objects live in one process and can't be typed in."""

_INTS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_ANY_NUMBER: Final = ("number", "inexact")
_COMPLEX: Final = ("complex64", "complex128", "clongdouble", "complexfloating")
_FLOATS: Final = ("float16", "float32", "float64", "longdouble")

PLAIN_NAMES: Final[dict[str, PlainKind]] = {
    "None": "none",
    "NoneType": "none",
    "bool": "bool",
    "int": "int",
    "SupportsIndex": "int",
    "SupportsInt": "int",
    "float": "float",
    "SupportsFloat": "float",
    "numbers.Integral": "int",
    "numbers.Real": "float",
    "numbers.Number": "float",
    "complex": "complex",
    "str": "str",
    "Text": "str",
    "AnyStr": "str",
    "LiteralString": "str",
    "bytes": "bytes",
    "bytearray": "bytes",
    "Any": "any",
    "object": "any",
    "Hashable": "any",
    "ellipsis": "ellipsis",
    "Ellipsis": "ellipsis",
    "EllipsisType": "ellipsis",
    "Callable": "callable",
    "FunctionType": "callable",
    "MethodType": "callable",
    "BuiltinFunctionType": "callable",
    "LambdaType": "callable",
    "function": "callable",
    "functools.partial": "callable",
    "type": "opaque",
    "Type": "opaque",
    "ModuleType": "opaque",
    "Generator": "opaque",
    "Coroutine": "opaque",
    "Awaitable": "opaque",
    "Path": "path",
    "PurePath": "path",
    "PathLike": "path",
    "os.PathLike": "path",
    "os.PathLike[str]": "path",
    **{
        f"{module}.{name}": "path"
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath")
    },
    "ArrayLike": "array",
    "NDArray": "array",
    "ndarray": "array",
    "Buffer": "array",
    **{
        f"{module}.{name}": "array"
        for module in ("numpy", "np", "numpy.typing", "npt", "np.typing", "numpy._typing")
        for name in ("ndarray", "ArrayLike", "NDArray")
    },
    **dict.fromkeys(ARRAY_PROTOCOLS, "array"),
    **{f"{module}.{name}": "int" for module in ("numpy", "np") for name in (*_INTS, "integer")},
    **{
        f"{module}.{name}": "float" for module in ("numpy", "np") for name in (*_FLOATS, "floating")
    },
    **{f"{module}.{name}": "float" for module in ("numpy", "np") for name in _ANY_NUMBER},
    **{f"{module}.{name}": "complex" for module in ("numpy", "np") for name in _COMPLEX},
    "numpy.bool": "bool",
    "numpy.bool_": "bool",
    "np.bool": "bool",
    "np.bool_": "bool",
    "numpy.str_": "str",
    "np.str_": "str",
    # The descriptors of the `param` package, which ezmsg names instead of a value's type.
    "param.parameters.String": "str",
    "param.parameters.Boolean": "bool",
    "param.parameters.Event": "bool",
    "param.parameters.Integer": "int",
    "param.parameters.Number": "float",
    "param.parameters.Magnitude": "float",
    "param.parameters.Color": "str",
    "param.parameters.Path": "path",
    "param.parameters.Filename": "path",
    "param.parameters.Foldername": "path",
    "param.parameters.Callable": "callable",
    "param.parameters.Action": "callable",
    "param.parameters.Array": "array",
    "param.parameters.Parameter": "any",
    "param.parameters.Selector": "any",
    "param.parameters.ObjectSelector": "any",
    "param.parameterized.String": "str",
    "param.parameterized.Parameter": "any",
}

_LIST: Final = Container("list")
_DICT: Final = Container("dict")
_SET: Final = Container("set")
_CONTAINERS: Final[dict[str, Container]] = {
    **dict.fromkeys(
        ("list", "List", "Sequence", "MutableSequence", "Iterable", "Collection", "Reversible"),
        _LIST,
    ),
    "deque": Container("list", "collections.deque"),
    "Deque": Container("list", "collections.deque"),
    "tuple": Container("tuple"),
    "Tuple": Container("tuple"),
    **dict.fromkeys(("set", "Set", "MutableSet", "AbstractSet"), _SET),
    "frozenset": Container("frozenset"),
    "FrozenSet": Container("frozenset"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), _DICT),
    "OrderedDict": Container("dict", "collections.OrderedDict"),
    "DefaultDict": Container("dict", "collections.defaultdict"),
    "defaultdict": Container("dict", "collections.defaultdict"),
    "Counter": Container("dict", "collections.Counter"),
    "param.parameters.List": _LIST,
    "param.parameters.ListSelector": _LIST,
    "param.parameters.Tuple": Container("tuple"),
    "param.parameters.NumericTuple": Container("tuple"),
    "param.parameters.XYCoordinates": Container("tuple"),
    "param.parameters.Range": Container("tuple"),
    "param.parameters.Dict": _DICT,
}


def typing_name(dotted: str) -> str:
    """The name without its module, where that is one of the modules of type constructs."""
    module, _, name = dotted.rpartition(".")
    return name if module in _TYPING_MODULES else dotted


def container_of(dotted: str) -> Container | None:
    """The container that a name stands for, or None."""
    return _CONTAINERS.get(typing_name(dotted))


def is_wrapper(name: str) -> bool:
    """Whether a name in front of ``[X]`` leaves X what it is (``Final``, ``ClassVar``, ...)."""
    return name in _WRAPPERS
