"""Settings of types that are rare in ezmsg packages: ``python odd_settings.py HOST:PORT FOLDER``.

Runs one unit for each settings class; it writes what it holds to a file of its name.
"""

# ezmsg's decorators are untyped, and the settings are odd on purpose.
# mypy: ignore-errors

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import sys
import uuid
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
)

import ezmsg.core as ez
import numpy as np
import numpy.typing as npt
from ezmsg.core.graphserver import GraphServer

T = TypeVar("T")
Hz = NewType("Hz", float)
Band = tuple[float, float]
Bands = dict[str, Band]
Number = int | float
Shape = Literal["hann", "box"]
ShapeOrNone = Optional[Shape]  # noqa: UP045


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Twin(enum.Enum):
    A = 1
    B = 1
    C = 2


class Mixed(enum.Enum):
    ONE = 1
    TEXT = "1"
    PAIR = (1, 2)


class Window(str, enum.Enum):  # noqa: UP042 - as in ezmsg's own packages
    HANN = "hann"
    BOX = "box"


class Order(enum.IntEnum):
    ONE = 1
    TWO = 2


class Layout(enum.Enum):
    SMALL = (1, 2)
    LARGE = (3, 4)


class Rights(enum.Flag):
    R = 1
    W = 2


class Movie(TypedDict):
    name: str
    year: int


class Point(NamedTuple):
    x: float
    y: int = 0


@dataclass
class Leaf:
    a: int = 1
    b: float | None = None
    c: Mode = Mode.FAST
    name: str = "leaf"


@dataclass
class Tree:
    leaf: Leaf = field(default_factory=Leaf)
    maybe: Leaf | None = None
    leaves: list[Leaf] = field(default_factory=list)
    by_name: dict[str, Leaf] = field(default_factory=dict)


@dataclass
class Box(Generic[T]):
    item: T
    size: int = 1


class Names(ez.Settings):
    ann: Annotated[Annotated[float, "inner"], "outer"] = 3.0
    ann_opt: Annotated[Optional[float], "Hz"] = None  # noqa: UP045
    lit_mixed: Literal[1, "1", True, None] = 1
    lit_enum: Literal[Mode.FAST, Mode.SLOW] = Mode.FAST
    newtype: Hz = 3.0
    alias: Band = (1.0, 2.0)
    bands: Bands = field(default_factory=dict)
    number: Number = 1
    maybe_number: Number | None = None
    numbers: list[Number] = field(default_factory=lambda: [1])
    shape: Shape = "hann"
    maybe_shape: ShapeOrNone = None
    maybe_band: Band | None = None
    maybe_hz: Hz | None = None
    quoted: "int" = 3
    later: Optional["Later"] = None
    nonsense: "this is (nonsense" = 3  # noqa: F722


class Members(ez.Settings):
    twin: Twin = Twin.A
    mixed: Mixed = Mixed.ONE
    rights: Rights = Rights.R
    window: Window = Window.HANN
    maybe_window: Window | None = None
    order: Order = Order.ONE
    layout: Layout = Layout.SMALL
    orders: dict[Window, Order] = field(default_factory=lambda: {Window.HANN: Order.ONE})
    mode_or_text: Mode | str = Mode.FAST
    text_or_mode: str | Mode = "fast"
    modes: list[Mode] = field(default_factory=list)
    mode_dict: dict[Mode, float] = field(default_factory=lambda: {Mode.FAST: 1.0})
    mode_or_modes: Mode | tuple[Mode, ...] = Mode.FAST


class Standard(ez.Settings):
    movie: Movie = field(default_factory=lambda: {"name": "a", "year": 1})
    point: Point = Point(1.0, 2)
    points: list[Point] = field(default_factory=list)
    by_point: dict[str, Point] = field(default_factory=dict)
    maybe_points: list[Point] | None = None
    when: datetime.datetime = datetime.datetime(2020, 1, 2, 3, 4, 5)
    span: datetime.timedelta | None = None
    exact: decimal.Decimal = decimal.Decimal("1.10")
    part: fractions.Fraction = fractions.Fraction(1, 3)
    uid: uuid.UUID = uuid.UUID(int=5)
    dtype: np.dtype = np.dtype("float32")
    single: np.float32 = np.float32(1.5)
    small: np.int8 = np.int8(3)
    double: np.float64 = np.float64(1.5)
    double_z: np.complex64 = np.complex64(1j)
    like_dtype: npt.DTypeLike = np.float32
    names: np.ndarray = field(default_factory=lambda: np.array(["a"]))
    maybe_array: npt.NDArray[np.float64] | None = None
    array: np.ndarray = field(default_factory=lambda: np.array([1, 2]))
    z: complex = 1 + 2j
    raw: bytearray = field(default_factory=lambda: bytearray(b"ab"))


class Containers(ez.Settings):
    folder: Path | None = None
    lists: dict[str, list[int]] = field(default_factory=dict)
    by_pair: dict[tuple[int, int], float] = field(default_factory=lambda: {(1, 2): 3.0})
    mapping: Mapping[str, float] = field(default_factory=dict)
    ordered: OrderedDict[str, int] = field(default_factory=OrderedDict)
    sequence: Sequence[float] = (1.0,)
    queue: deque[int] = field(default_factory=collections.deque)
    last: deque[float] = field(default_factory=lambda: collections.deque([1.0], maxlen=2))
    weights: list[float] = field(default_factory=list)
    stream: Iterable[float] = (1.0,)
    frozen: frozenset[str] = frozenset()
    bare: tuple = (1, "a")
    anything: Any = 3
    held: Any = None


class Unreadable(ez.Settings):
    """`dataclasses.asdict` fails on a defaultdict, so that ezmsg reports the ``repr`` of it all."""

    number: float = 1.0
    zeros: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    counts: Counter[str] = field(default_factory=Counter)
    chain: ChainMap[str, float] = field(default_factory=ChainMap)


class Nested(ez.Settings):
    tree: Tree = field(default_factory=Tree)
    maybe: Tree | None = None
    leaves: list[Leaf | None] = field(default_factory=list)
    by_name: dict[str, Leaf] = field(default_factory=dict)
    leaf_box: Box[Leaf] = field(default_factory=lambda: Box(Leaf()))
    bare_box: Box = field(default_factory=lambda: Box(Leaf()))
    box: Box[int] = field(default_factory=lambda: Box(3))
    maybe_box: Box[float] | None = None
    leaf_or_float: Leaf | float = 1.0


@dataclass
class Later:
    n: int = 1


ALL = (Names, Members, Standard, Containers, Unreadable, Nested)


def unit_of(settings_type: type, folder: Path) -> ez.Unit:
    class Odd(ez.Unit):
        SETTINGS = settings_type
        INPUT_SETTINGS = ez.InputStream(settings_type)

        def initialize(self) -> None:
            self.write()

        @ez.subscriber(INPUT_SETTINGS)
        async def on_settings(self, settings: settings_type) -> None:
            self.apply_settings(settings)
            self.write()

        def write(self) -> None:
            held = self.SETTINGS
            lines = [f"{one.name}={getattr(held, one.name)!r}" for one in dataclasses.fields(held)]
            fresh = folder / f"{settings_type.__name__}.new"
            fresh.write_text("\n".join(lines) + "\n")
            fresh.replace(folder / settings_type.__name__)

    if settings_type.__name__ == "Containers":
        return Odd(settings_type(held=(1, 2)))
    return Odd(settings_type())


def main(address: str, folder: str) -> None:
    # Under its own name, so that its classes are what another process could import.
    import odd_settings

    host, port = address.split(":")
    server = GraphServer()
    server.start((host, int(port)))
    units = {one.__name__: unit_of(one, Path(folder)) for one in odd_settings.ALL}
    ez.run(components=units, graph_address=server.address)


if __name__ == "__main__":
    main(*sys.argv[1:])
