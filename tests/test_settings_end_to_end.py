"""Edits of every kind on a real unit whose package this process doesn't have.

Asserts on the object that the unit holds: it writes the ``repr`` of its settings to a file.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_graphs import HOST, PortSlot, ProcessTree, wait_for

from kernel_runtime import KernelGraphContext
from kernel_runtime.errors import GraphError, SettingsRejectedError
from kernel_runtime.settings.encoding import same
from kernel_runtime.settings.fitting import knowing
from kernel_runtime.settings.plain import plain_value
from kernel_runtime.settings.schema import build_fields, find_field
from kernel_runtime.settings.values import coerce

TYPES = """
import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ezmsg.core as ez


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 2


class Shape(str, enum.Enum):
    ROUND = "round"
    FLAT = "flat"


@dataclass
class Inner:
    order: int = 4
    cutoff: float | None = None
    mode: Mode = Mode.FAST
    sizes: tuple[int, ...] = (512,)
    names: list[str] = field(default_factory=list)


class KindsSettings(ez.Settings):
    number: float = 1.0
    count: int = 3
    on: bool = True
    text: str = "a"
    maybe: float | None = None
    how: Literal["x", "y"] = "x"
    mode: Mode = Mode.FAST
    maybe_mode: Mode | None = None
    level: Level = Level.LOW
    shape: Shape = Shape.ROUND
    pair: tuple[float, float] = (1.0, 2.0)
    sizes: tuple[int, ...] = (512,)
    bands: list[tuple[float, float]] | None = None
    names: set[str] = field(default_factory=set)
    gains: dict[str, float] = field(default_factory=dict)
    folder: Path = Path("a")
    either: float | tuple[float, float] | str = 1.0
    inner: Inner = field(default_factory=Inner)
    many: list[Inner] = field(default_factory=list)
    anything: Any = None
"""
LATE = """from __future__ import annotations
from foreign_types import Inner, Level, Mode, Shape
from pathlib import Path
from typing import Any, Literal
from dataclasses import dataclass, field
import ezmsg.core as ez

"""
UNIT = """
import sys
from pathlib import Path
import ezmsg.core as ez
from ezmsg.core.graphserver import GraphServer
from {module} import KindsSettings


class Kinds(ez.Unit):
    SETTINGS = KindsSettings
    INPUT_SETTINGS = ez.InputStream(KindsSettings)

    def initialize(self) -> None:
        self.write()

    @ez.subscriber(INPUT_SETTINGS)
    async def on_settings(self, settings: KindsSettings) -> None:
        self.apply_settings(settings)
        self.write()

    def write(self) -> None:
        held = Path(sys.argv[2])
        fresh = held.with_suffix(".new")
        fresh.write_text(repr(self.SETTINGS))
        fresh.replace(held)


if __name__ == "__main__":
    host, port = sys.argv[1].split(":")
    # On 3.9 members of mixed enums leak into what the server reads, so that it must have them.
    server = GraphServer()
    server.start((host, int(port)))
    ez.run(KINDS=Kinds(KindsSettings()), graph_address=server.address)
"""

# Field, what a person gives, and what the unit then holds.
EDITS: list[tuple[str, object, str]] = [
    ("number", 5, "number=5.0"),
    ("number", float("inf"), "number=inf"),
    ("number", float("nan"), "number=nan"),
    ("count", 7.0, "count=7"),
    ("on", False, "on=False"),
    ("text", "", "text=''"),
    ("maybe", 5, "maybe=5.0"),
    ("maybe", None, "maybe=None"),
    ("how", "y", "how='y'"),
    ("mode", "slow", "mode=<Mode.SLOW: 'slow'>"),
    ("level", 2, "level=<Level.HIGH: 2>"),
    ("shape", "flat", "shape=<Shape.FLAT: 'flat'>"),
    ("pair", [3, 4], "pair=(3.0, 4.0)"),
    ("sizes", [1, 2], "sizes=(1, 2)"),
    ("bands", [[1, 2]], "bands=[(1.0, 2.0)]"),
    ("bands", None, "bands=None"),
    ("names", ["a"], "names={'a'}"),
    ("gains", {"a": 1}, "gains={'a': 1.0}"),
    ("folder", "b/c", "folder=PosixPath('b/c')"),
    ("either", [1, 2], "either=(1.0, 2.0)"),
    ("either", "auto", "either='auto'"),
    ("inner.order", 8, "inner=Inner(order=8, "),
    ("inner.cutoff", 2.5, "cutoff=2.5, "),
    ("inner.mode", "slow", "mode=<Mode.SLOW: 'slow'>, sizes=(512,)"),
    ("inner.sizes", [3], "sizes=(3,)"),
    ("inner.names", ["n"], "names=['n'])"),
    ("many", [{"order": 2}], "many=[Inner(order=2, cutoff=None, mode=<Mode.FAST: 'fast'>"),
    ("maybe_mode", "slow", "maybe_mode=<Mode.SLOW: 'slow'>"),
    ("maybe_mode", None, "maybe_mode=None"),
    ("anything", [1, "x"], "anything=[1, 'x']"),
]
REFUSED_HERE: list[tuple[str, object]] = [
    ("number", "fast"),
    ("count", 2.7),
    ("count", True),
    ("on", 1),
    ("how", "z"),
    ("pair", [1]),
    ("folder", ""),
]
REFUSED_BY_THE_CLASS: list[tuple[str, object]] = [
    ("mode", "medium"),
    ("inner.mode", "medium"),
    ("inner.order", 2.5),
]


@pytest.fixture
def slot() -> Iterator[PortSlot]:
    ports = PortSlot()
    yield ports
    ports.release()


@pytest.fixture(params=["names in full", "postponed annotations"])
def held(request: pytest.FixtureRequest, slot: PortSlot, tmp_path: Path) -> Iterator[Path]:
    """The file with the settings of a running unit KINDS."""
    (tmp_path / "foreign_types.py").write_text(TYPES)
    settings = TYPES[TYPES.index("class KindsSettings") :]
    (tmp_path / "late_types.py").write_text(LATE + settings)
    module = "foreign_types" if request.param == "names in full" else "late_types"
    script = tmp_path / "foreign_unit.py"
    script.write_text(UNIT.replace("{module}", module))
    held = tmp_path / "held.txt"
    tree = ProcessTree(
        [sys.executable, str(script), f"{HOST}:{slot.port}", str(held)],
        {**slot.environment, "PYTHONPATH": str(tmp_path)},
        tmp_path / "unit.log",
    )
    try:
        wait_for(lambda: not tree.running or held.exists(), "the unit", 20.0)
        assert tree.running, tree.output
        yield held
    finally:
        tree.end()


async def test_the_unit_holds_what_was_asked(held: Path, slot: PortSlot) -> None:
    assert "foreign_types" not in sys.modules
    async with KernelGraphContext(f"{HOST}:{slot.port}") as context:

        async def edit(path: str, value: object) -> Any:
            reported = (await context.settings_snapshot())["KINDS"]
            structured = reported.structured_value
            spec = find_field(build_fields(reported.settings_schema, structured), path)
            assert spec is not None, path
            wire = coerce(spec, value, unit="KINDS")
            wire = knowing(wire, reported.serialized, structured or {})
            return wire, await context.update_setting("KINDS", path, wire)

        async with asyncio.timeout(20):
            while "KINDS" not in await context.settings_snapshot():
                await asyncio.sleep(0.02)
        for path, value, wanted in EDITS:
            wire, reported = await edit(path, value)
            wait_for(lambda wanted=wanted: wanted in held.read_text(), f"{path}: {wanted}")  # type: ignore[misc]
            assert "_no_name_" not in held.read_text()
            found: Any = reported.structured_value
            for part in path.split("."):
                found = found[part]
            if path == "folder":
                assert "b/c" in found
            elif path != "many":
                assert same(plain_value(found), plain_value(wire))
        before = held.read_text()
        for path, value in REFUSED_HERE:
            with pytest.raises(SettingsRejectedError):
                await edit(path, value)
        for path, value in REFUSED_BY_THE_CLASS:
            with pytest.raises(GraphError, match="is refused: "):
                await edit(path, value)
        assert held.read_text() == before
        # The unit goes on as before.
        await edit("text", "last")
        wait_for(lambda: "text='last'" in held.read_text(), "the last edit")
