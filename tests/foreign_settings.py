"""Settings classes of a package that tests don't import: read as text, and run by another process.

With postponed annotations, and without.
"""

# mypy: ignore-errors

import enum
from collections import ChainMap, OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar

T = TypeVar("T")
Hz = NewType("Hz", float)
Strategy = Literal["now", "later"]
Bands = dict[str, tuple[float, float]]
Count = int
MaybeCount = Optional[Count]  # noqa: UP045


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 2


def local_enum():
    class Local(enum.Enum):
        ONE = 1

    return Local


LOCAL = local_enum()


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Movie(TypedDict):
    name: str
    year: int


class Options(TypedDict, total=False):
    gain: float
    mode: Mode


@dataclass
class Leaf:
    rate: float = 1.0
    mode: Mode = Mode.FAST


@dataclass
class Special(Leaf):
    pass


@dataclass
class Inner:
    order: int
    leaves: dict[str, Leaf] = field(default_factory=dict)
    modes: list[Mode] = field(default_factory=list)


@dataclass
class Box(Generic[T]):
    item: T
    size: int = 1


@dataclass
class LeafBox(Box[Leaf]):
    pass


@dataclass(frozen=True, slots=True)
class Settings:
    needed: Mode
    mode: Mode = Mode.FAST
    level: Level = Level.LOW
    strategy: Strategy = "now"
    sizes: tuple[int, ...] = (1,)
    names: list[str] = field(default_factory=list)
    axis: str | None = None
    inner: Inner | None = None
    inners: list[Inner] = field(default_factory=list)
    bands: Bands = field(default_factory=dict)
    hz: Hz = 1.0
    rates: Sequence[Hz] = ()
    count_or_rate: Count | float = 1
    maybe_count: MaybeCount = None
    points: dict[str, Point] = field(default_factory=dict)
    maybe_points: list[Point] | None = None
    leaf_box: Box[Leaf] | None = None
    some_box: Box | None = None
    own_box: LeafBox | None = None
    special: Leaf = field(default_factory=Special)
    movie: Movie | None = None
    options: Options = field(default_factory=dict)
    chain: ChainMap[str, float] = field(default_factory=ChainMap)
    ordered: OrderedDict[str, Leaf] = field(default_factory=OrderedDict)
    zeros: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    last: deque[float] = field(default_factory=lambda: deque(maxlen=2))
    anything: Any = None
    pair: Any = (1, 2)
    params: dict[str, Any] = field(default_factory=dict)
    either: dict[str, float] | Leaf | None = None
    path_or_mode: Path | Mode = Mode.FAST
    later: "Later | None" = None
    lost: "Gone | None" = None  # noqa: F821
    lost_list: "list[Gone]" = field(default_factory=list)  # noqa: F821
    how: Callable[[float], float] | Mode = Mode.FAST
    unset: dict[str, Any] = None
    tags: set[Any] = field(default_factory=set)
    local: LOCAL = None
    by_level: dict[Level, float] = field(default_factory=dict)


@dataclass
class Later:
    n: float = 1.0


class Outer:
    class Mode(enum.Enum):
        DEEP = 1

    @dataclass
    class Settings:
        mode: "Outer.Mode" = None
