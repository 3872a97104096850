"""Type expressions as text: what they are read as, and that nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_runtime.settings.field_types import parse_type
from kernel_runtime.settings.kinds import Constraints, FieldType

READ = [
    ("float", "float"),
    ("builtins.int", "int"),
    ("<class 'bool'>", "bool"),
    ("<class 'my.pkg.Mode'>", "named"),
    ("<enum 'Mode'>", "named"),
    ("None", "none"),
    ("<class 'NoneType'>", "none"),
    ("'float'", "float"),
    ("\"'int'\"", "int"),
    ("ForwardRef('float')", "float"),
    ("typing.Optional[ForwardRef('list[int]')]", "optional:list[int]"),
    ("float | None", "optional:float"),
    ("None | str", "optional:str"),
    ("typing.Optional[float]", "optional:float"),
    ("Optional['float']", "optional:float"),
    ("t.Union[int, str, None]", "optional:union(int|str)"),
    ("typing.Union[typing.Union[int, str], typing.Optional[int]]", "optional:union(int|str)"),
    ("Union[int]", "int"),
    ("List[float]", "list[float]"),
    ("collections.abc.Sequence[str]", "list[str]"),
    ("typing.Iterable[int]", "list[int]"),
    ("list", "list"),
    ("typing.List", "list"),
    ("tuple[int, ...]", "vtuple[int]"),
    ("Tuple[float, float]", "tuple[float,float]"),
    ("tuple[()]", "tuple[]"),
    ("tuple", "tuple"),
    ("set[str] | None", "optional:set[str]"),
    ("typing.FrozenSet[int]", "frozenset[int]"),
    ("dict[str, float]", "dict[float]"),
    ("Mapping[int, list[str]]", "dict[int,list[str]]"),
    ("typing.Dict", "dict"),
    ("list[tuple[float, float]] | None", "optional:list[tuple[float,float]]"),
    ("typing.Literal['a', 'b']", "literal"),
    ("typing.Annotated[float, Ge(ge=0), Le(le=1)]", "float"),
    ("typing.Annotated[int | None, 'count']", "optional:int"),
    ("ClassVar[int]", "int"),
    ("typing.Final[str]", "str"),
    ("pathlib.Path", "path"),
    ("os.PathLike[str]", "path"),
    ("numpy.ndarray", "array"),
    ("numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[~_ScalarT]]", "array"),
    ("npt.NDArray[np.float64]", "array"),
    ("numpy.float64", "float"),
    ("typing.Callable[[int], 'Sequence[int] | None']", "callable"),
    ("collections.abc.Callable", "callable"),
    ("typing.Any", "any"),
    ("object", "any"),
    ("~T", "any"),
    ("tuple[int | str | ellipsis, ...] | None", "optional:vtuple[union(int|str|ellipsis)]"),
    ("multiprocessing.connection.Connection", "opaque"),
    ("my.package.Settings", "named"),
    ("UpdateStrategy", "named"),
    ("my.package.Generic[int]", "named"),
    ("param.parameters.Integer", "int"),
    ("list[\n  int\n]", "list[int]"),
    # Names that merely contain the name of a type.
    ("PrintSettings", "named"),
    ("my.floaty.Stringent", "named"),
    ("Boolean", "named"),
]
NONSENSE = [
    "",
    "   ",
    "???",
    "float |",
    "list[",
    "1 + 2",
    "lambda: 0",
    "f()",
    "a, b",
    "print('x')",
    "__import__('os').system('true')",
    "float) or (int",
    "[" * 300,
    "'" * 7,
    "x" * 30_000,
    "\0",
    "int if True else str",
    "a b",
    "<",
    "float \udcff",
]


@pytest.mark.parametrize(("text", "kind"), READ)
def test_reads(text: str, kind: str) -> None:
    assert parse_type(text).describe() == kind


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_unknown(text: str) -> None:
    found = parse_type(text)
    assert found.kind == "unknown"
    assert found.text == text


def test_a_numpy_union_is_one_array() -> None:
    text = (
        "typing.Union[float, numpy._typing._array_like._Buffer, "
        "numpy._typing._array_like._SupportsArray[numpy.dtype[typing.Any]], "
        "numpy._typing._nested_sequence._NestedSequence[complex | bytes | str], "
        "complex, bytes, str, NoneType]"
    )
    assert parse_type(text).describe() == "optional:union(float|array|str)"


def test_bytes_without_numpy_stay() -> None:
    assert parse_type("bytes | complex").describe() == "union(bytes|complex)"


def test_literal_values_keep_their_types() -> None:
    found = parse_type("typing.Literal[1, True, 1.0, '1', None, -2, b'x']")
    assert [choice.value for choice in found.choices] == [1, True, 1.0, "1", None, -2, b"x"]
    assert [type(choice.value) for choice in found.choices[:3]] == [int, bool, float]


def test_literal_of_enum_members_is_an_open_choice() -> None:
    assert parse_type("typing.Literal[<Mode.FAST: 'fast'>, <Mode.SLOW: 'slow'>]").kind == "choice"
    assert parse_type("Literal[Mode.FAST]").kind == "choice"


@pytest.mark.parametrize(
    ("metadata", "limits"),
    [
        ("Ge(ge=0), Lt(lt=1.5)", Constraints(ge=0, lt=1.5)),
        ("annotated_types.Interval(gt=-1, ge=None, lt=None, le=2)", Constraints(gt=-1, le=2)),
        ("Ge(0), Le(5)", Constraints(ge=0, le=5)),
        (
            "FieldInfo(annotation=NoneType, required=True, "
            "metadata=[Gt(gt=0), MultipleOf(multiple_of=2)])",
            Constraints(gt=0, multiple_of=2),
        ),
        ("Field(ge=0, allow_inf_nan=False)", Constraints(ge=0, finite=True)),
        ("<object object at 0x7f00>, Ge(ge=1)", Constraints(ge=1)),
        ("'in Hz'", Constraints()),
        ("Ge(ge=True)", Constraints()),
    ],
)
def test_annotated_limits(metadata: str, limits: Constraints) -> None:
    found = parse_type(f"typing.Annotated[float, {metadata}]")
    assert (found.kind, found.constraints) == ("float", limits)


def test_limits_of_an_optional_hold_for_its_value() -> None:
    found = parse_type("typing.Annotated[int | None, Ge(ge=1)]")
    assert found.without_none.constraints == Constraints(ge=1)


def test_a_local_class_is_named_but_has_no_name_to_look_up() -> None:
    found = parse_type("<class 'tests.test_x.test_y.<locals>.Mode'>")
    assert found.kind == "named"


def test_a_thousand_alternatives_need_no_deep_stack() -> None:
    text = " | ".join(f"package.Class{index}" for index in range(150))
    assert len(parse_type(text).args) == 150


@given(st.text(max_size=200))
def test_any_text_gives_a_type(text: str) -> None:
    found = parse_type(text)
    assert isinstance(found.describe(), str)


_NAMES = st.sampled_from(["int", "float", "str", "bool", "pkg.Mode", "numpy.ndarray", "None"])
_EXPRESSIONS = st.recursive(
    _NAMES,
    lambda inner: st.one_of(
        inner.map(lambda x: f"typing.Optional[{x}]"),
        inner.map(lambda x: f"list[{x}]"),
        inner.map(lambda x: f"tuple[{x}, ...]"),
        st.tuples(inner, inner).map(lambda x: f"{x[0]} | {x[1]}"),
        st.tuples(inner, inner).map(lambda x: f"dict[{x[0]}, {x[1]}]"),
        st.lists(inner, min_size=1, max_size=4).map(lambda x: f"typing.Union[{', '.join(x)}]"),
        inner.map(repr),
    ),
    max_leaves=12,
)


def _kinds(found: FieldType) -> set[str]:
    return {found.kind}.union(*(_kinds(arg) for arg in found.args))


@given(_EXPRESSIONS)
def test_every_expression_of_known_parts_is_known(text: str) -> None:
    assert "unknown" not in _kinds(parse_type(text))


@given(_EXPRESSIONS)
def test_unions_are_flat_and_without_doubles(text: str) -> None:
    waiting = [parse_type(text)]
    while waiting:
        found = waiting.pop()
        waiting += found.args
        if found.kind == "union":
            assert len(found.args) > 1
            assert len(set(found.args)) == len(found.args)
            assert all(arg.kind != "union" for arg in found.args)
