"""Settings of rare types on real units whose classes this process hasn't imported.

Asserts on the object that the unit holds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ezmsg.core
import pytest
from real_graphs import HOST, PortSlot, ProcessTree, wait_for

import ezmsg_nb as ezn
from kernel_runtime import GraphError, SettingsRejectedError
from kernel_runtime.ezmsg_compat import release_line

RELEASE_LINE = release_line(ezmsg.core.__version__)
SOURCE = Path(__file__).with_name("odd_settings.py")
UNITS = ("Names", "Members", "Standard", "Containers", "Unreadable", "Nested")
# A note here is for a line of ezmsg or a spelling of the annotations that differ.
SLOW = "<Mode.SLOW: 'slow'>"

# Unit, field, what a person gives, and what the unit then holds.
EDITS: list[tuple[str, str, object, str]] = [
    ("Names", "ann", 5, "ann=5.0"),
    ("Names", "ann_opt", 2, "ann_opt=2.0"),
    ("Names", "lit_mixed", "1", "lit_mixed='1'"),
    ("Names", "lit_mixed", True, "lit_mixed=True"),
    ("Names", "lit_mixed", None, "lit_mixed=None"),
    ("Names", "lit_enum", "slow", f"lit_enum={SLOW}"),
    ("Names", "newtype", 5, "newtype=5.0"),
    ("Names", "alias", [3, 4], "alias=(3.0, 4.0)"),
    ("Names", "bands", {"alpha": [8, 12]}, "bands={'alpha': (8.0, 12.0)}"),
    ("Names", "number", 2.5, "number=2.5"),
    ("Names", "number", 3, "number=3"),
    ("Names", "maybe_number", 2.5, "maybe_number=2.5"),
    ("Names", "numbers", [1, 2.5], "numbers=[1, 2.5]"),
    ("Names", "shape", "box", "shape='box'"),
    ("Names", "maybe_shape", "box", "maybe_shape='box'"),
    ("Names", "maybe_band", [1, 2], "maybe_band=(1.0, 2.0)"),
    ("Names", "maybe_hz", 2.5, "maybe_hz=2.5"),
    ("Names", "quoted", 7.0, "quoted=7"),
    ("Names", "later", {"n": 3}, "later=Later(n=3)"),
    ("Members", "twin", 2, "twin=<Twin.C: 2>"),
    ("Members", "twin", "B", "twin=<Twin.A: 1>"),
    ("Members", "mixed", "TEXT", "mixed=<Mixed.TEXT: '1'>"),
    ("Members", "rights", 3, "rights=<Rights.R|W: 3>"),
    ("Members", "window", "box", "window=<Window.BOX: 'box'>"),
    ("Members", "maybe_window", "BOX", "maybe_window=<Window.BOX: 'box'>"),
    ("Members", "order", "TWO", "order=<Order.TWO: 2>"),
    ("Members", "layout", [3, 4], "layout=<Layout.LARGE: (3, 4)>"),
    ("Members", "orders", {"box": 2}, "orders={<Window.BOX: 'box'>: <Order.TWO: 2>}"),
    ("Members", "mode_or_text", "slow", f"mode_or_text={SLOW}"),
    ("Members", "mode_or_text", "other", "mode_or_text='other'"),
    ("Members", "text_or_mode", "other", "text_or_mode='other'"),
    ("Members", "modes", ["slow"], f"modes=[{SLOW}]"),
    ("Members", "mode_dict", {"slow": 2}, f"mode_dict={{{SLOW}: 2.0}}"),
    ("Members", "mode_or_modes", ["slow"], f"mode_or_modes=({SLOW},)"),
    ("Standard", "movie", {"name": "b", "year": 2}, "movie={'name': 'b', 'year': 2}"),
    ("Standard", "movie.year", 5, "movie={'name': 'b', 'year': 5}"),
    ("Standard", "point", [2.0, 3], "point=Point(x=2.0, y=3)"),
    ("Standard", "points", [[1.0, 2]], "points=[Point(x=1.0, y=2)]"),
    ("Standard", "by_point", {"a": [1, 2]}, "by_point={'a': Point(x=1.0, y=2)}"),
    ("Standard", "maybe_points", [[1, 2]], "maybe_points=[Point(x=1.0, y=2)]"),
    ("Standard", "when", "2021-02-03 04:05", "when=datetime.datetime(2021, 2, 3, 4, 5)"),
    ("Standard", "span", 120, "span=datetime.timedelta(seconds=120)"),
    ("Standard", "span", "1:00:00", "span=datetime.timedelta(seconds=3600)"),
    ("Standard", "exact", "2.50", "exact=Decimal('2.50')"),
    ("Standard", "part", "1/2", "part=Fraction(1, 2)"),
    ("Standard", "dtype", "int16", "dtype=dtype('int16')"),
    ("Standard", "single", 2.5, "single=np.float32(2.5)"),
    ("Standard", "small", 100, "small=np.int8(100)"),
    ("Standard", "double", 2, "double=np.float64(2.0)"),
    ("Standard", "double_z", "1+1j", "double_z=np.complex64(1+1j)"),
    ("Standard", "like_dtype", "int16", "like_dtype=dtype('int16')"),
    ("Standard", "maybe_array", [1, 2], "maybe_array=array([1., 2.])"),
    ("Standard", "array", [3, 4], "array=array([3, 4])"),
    ("Standard", "z", "3+4j", "z=(3+4j)"),
    ("Standard", "raw", b"q", "raw=bytearray(b'q')"),
    ("Containers", "folder", "b/c", "folder=PosixPath('b/c')"),
    ("Containers", "folder", None, "folder=None"),
    ("Containers", "lists", {"a": [1, 2]}, "lists={'a': [1, 2]}"),
    ("Containers", "by_pair", {(1, 2): 4}, "by_pair={(1, 2): 4.0}"),
    ("Containers", "mapping", {"a": 1}, "mapping={'a': 1.0}"),
    ("Containers", "ordered", {"a": 1}, "ordered=OrderedDict([('a', 1)])"),
    ("Containers", "held", [3, 4], "held=(3, 4)"),
    ("Containers", "sequence", [2], "sequence=[2.0]"),
    ("Containers", "queue", [1, 2], "queue=deque([1, 2])"),
    ("Containers", "last", [2, 3], "last=deque([2.0, 3.0], maxlen=2)"),
    ("Containers", "weights", [1, float("nan")], "weights=[1.0, nan]"),
    ("Containers", "stream", [2], "stream=[2.0]"),
    ("Containers", "frozen", ["a"], "frozen=frozenset({'a'})"),
    ("Containers", "bare", [2, "b"], "bare=(2, 'b')"),
    ("Containers", "anything", [1, "x"], "anything=[1, 'x']"),
    ("Unreadable", "number", 2, "number=2.0"),
    ("Unreadable", "zeros", {"a": 1}, "zeros=defaultdict(<class 'int'>, {'a': 1})"),
    ("Unreadable", "counts", {"a": 1}, "counts=Counter({'a': 1})"),
    ("Unreadable", "chain", {"a": 1}, "chain=ChainMap({'a': 1.0})"),
    ("Nested", "tree.leaf.a", 5, "tree=Tree(leaf=Leaf(a=5, b=None, "),
    ("Nested", "tree.leaf.b", 2, "Leaf(a=5, b=2.0, "),
    ("Nested", "tree.leaf.c", "slow", f"Leaf(a=5, b=2.0, c={SLOW}, name='leaf')"),
    ("Nested", "tree.maybe", {"c": "slow"}, f"maybe=Leaf(a=1, b=None, c={SLOW}, "),
    ("Nested", "tree.leaves", [{"a": 2, "b": 1.5}], "leaves=[Leaf(a=2, b=1.5, "),
    ("Nested", "tree.by_name", {"k": {"b": 2}}, "by_name={'k': Leaf(a=1, b=2.0, "),
    ("Nested", "leaf_box.item", {"b": 2}, "leaf_box=Box(item=Leaf(a=1, b=2.0, "),
    ("Nested", "bare_box.item", {"b": 3}, "bare_box=Box(item=Leaf(a=1, b=3.0, "),
    ("Nested", "maybe", {"leaf": {"c": "slow"}}, f"maybe=Tree(leaf=Leaf(a=1, b=None, c={SLOW}"),
    ("Nested", "maybe.leaf.a", 7, "maybe=Tree(leaf=Leaf(a=7, "),
    ("Nested", "leaves", [{"name": "x"}, None], "c=<Mode.FAST: 'fast'>, name='x'), None]"),
    ("Nested", "by_name", {"k": {"c": "slow"}}, f"by_name={{'k': Leaf(a=1, b=None, c={SLOW}"),
    ("Nested", "box.item", 5, "box=Box(item=5, size=1)"),
    ("Nested", "maybe_box", {"item": 2.5}, "maybe_box=Box(item=2.5, size=1)"),
    ("Nested", "leaf_or_float", {"a": 2}, "leaf_or_float=Leaf(a=2, "),
    ("Nested", "leaf_or_float", 2, "leaf_or_float=2.0"),
]
REFUSED: list[tuple[str, str, object]] = [
    ("Names", "lit_mixed", 2),
    ("Names", "shape", "ham"),
    ("Names", "maybe_shape", "ham"),
    ("Names", "maybe_number", "much"),
    ("Names", "nonsense", 5),
    ("Names", "quoted", 2.5),
    ("Members", "twin", "D"),
    ("Members", "modes", ["medium"]),
    ("Members", "order", 2.5),
    ("Members", "layout", [1, 4]),
    ("Standard", "movie", {"name": "b", "year": 1, "by": "c"}),
    ("Standard", "by_point", {"a": [1, 2, 3]}),
    ("Standard", "when", "yesterday"),
    ("Standard", "exact", "much"),
    ("Standard", "small", 300),
    ("Standard", "dtype", "float31"),
    ("Containers", "lists", {"a": [1.5]}),
    ("Nested", "leaf_or_float", {"d": 2}),
]


SOURCES = ["names in full", "postponed annotations"]
if RELEASE_LINE == "3.10":
    SOURCES += ["checked by pydantic", "postponed annotations, checked by pydantic"]


def _folder_of_pydantic(folder: Path) -> Path:
    """pydantic for the units alone, as it changes what ezmsg 3.10 does."""
    constraints = SOURCE.parents[1] / "constraints-ezmsg-3.10.txt"
    command = ["pip", "install", "--quiet", "--target", str(folder), "--constraint"]
    done = subprocess.run(
        [sys.executable, "-m", "uv", *command, str(constraints), "pydantic>=2.7,<3"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=SOURCES)
def odd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ezn.LiveGraph, Path]]:
    """The graph, and the folder where each unit writes what it holds."""
    folder = tmp_path_factory.mktemp("odd")
    imported_from = [folder]
    if "checked by pydantic" in request.param:
        imported_from.append(_folder_of_pydantic(tmp_path_factory.mktemp("pydantic")))
    source = SOURCE.read_text()
    if "postponed annotations" in request.param:
        source = f"from __future__ import annotations\n{source}".replace(
            "settings: settings_type", "settings: Any"
        )
    script = folder / "odd_settings.py"
    script.write_text(source)
    slot = PortSlot()
    tree = ProcessTree(
        [sys.executable, str(script), f"{HOST}:{slot.port}", str(folder)],
        {**slot.environment, "PYTHONPATH": ":".join(map(str, imported_from))},
        folder / "units.log",
    )
    try:
        wait_for(
            lambda: not tree.running or all((folder / unit).exists() for unit in UNITS),
            "the units",
            30.0,
        )
        assert tree.running, tree.output
        with ezn.connect(f"{HOST}:{slot.port}") as graph:
            wait_for(lambda: set(graph.settings) >= set(UNITS), "all settings")
            # Settings are registered before the processes that take edits of them.
            wait_for(lambda: set(graph.processes()["units"].explode()) >= set(UNITS), "owners")
            # The first edit of a unit makes its publisher, with shared memory that stays.
            first = {unit: (path, value) for unit, path, value, _ in reversed(EDITS)}
            graph.settings.apply({unit: {path: value} for unit, (path, value) in first.items()})
            yield graph, folder
    finally:
        tree.end()
        slot.release()


def test_each_arrives_as_what_it_is(
    odd: tuple[ezn.LiveGraph, Path], request: pytest.FixtureRequest
) -> None:
    graph, folder = odd
    assert "odd_settings" not in sys.modules

    def holds(unit: str, wanted: str) -> bool:
        return wanted in (folder / unit).read_text()

    wrong = []
    for unit, path, value, wanted in EDITS:
        if path == "stream" and "checked by pydantic" in request.node.name:
            with pytest.raises(SettingsRejectedError, match="gone through only once"):
                graph.settings[unit][path] = value
            continue
        graph.settings[unit][path] = value
        try:
            wait_for(lambda unit=unit, wanted=wanted: holds(unit, wanted), wanted)  # type: ignore[misc]
        except AssertionError:
            held = [
                line for line in _lines(folder, unit) if line.startswith(path.partition(".")[0])
            ]
            wrong.append(f"{unit}.{path} = {value!r}: {held}, not {wanted}")
    assert not wrong, "\n".join(wrong)
    before = {unit: _lines(folder, unit) for unit in UNITS}
    for unit, path, bad in REFUSED:
        with pytest.raises((SettingsRejectedError, GraphError)):
            graph.settings[unit][path] = bad
    assert {unit: _lines(folder, unit) for unit in UNITS} == before


def test_only_what_nobody_could_type_is_read_only(odd: tuple[ezn.LiveGraph, Path]) -> None:
    graph, _ = odd
    form: Any = graph.settings.form()
    locked = {
        f"{unit}.{path}"
        for unit in UNITS
        for path, field in form.section(unit).fields.items()
        if not field.editable
    }
    form.close()
    assert locked == {"Names.nonsense", "Standard.names"}


def test_what_is_saved_is_what_is_there(odd: tuple[ezn.LiveGraph, Path]) -> None:
    graph, folder = odd
    saved = folder / "settings.yaml"
    graph.settings.save(saved)
    assert graph.settings.diff(saved).empty
    assert graph.settings.load(saved) == {}
    assert graph.settings["Members"]["window"] in ("hann", "box")


@pytest.mark.parametrize(
    ("unit", "path", "values", "first"),
    [
        ("Members", "order", [1, 2], "<Order.ONE: 1>"),
        ("Members", "orders", [{"hann": 1}, {"box": 2}], "{<Window.HANN: 'hann'>: <Order.ONE: 1>}"),
        ("Standard", "array", [[1, 2], [3, 4]], "array([1, 2])"),
        ("Standard", "single", [1.5, 2.5], "np.float32(1.5)"),
        ("Standard", "double_z", ["1j", "2j"], "np.complex64(1j)"),
        ("Containers", "last", [[1.0], [2.0]], "deque([1.0], maxlen=2)"),
    ],
)
def test_any_edit_can_be_undone_and_redone(
    odd: tuple[ezn.LiveGraph, Path], unit: str, path: str, values: list[object], first: str
) -> None:
    graph, folder = odd
    settings = graph.settings[unit]
    reported = []
    for value in values:
        settings[path] = value
        reported.append(settings[path])
    assert reported[0] != reported[1]
    graph.settings.undo()
    assert settings[path] == reported[0]
    graph.settings.redo()
    assert settings[path] == reported[1]
    graph.settings.undo()
    wait_for(lambda: f"{path}={first}" in _lines(folder, unit), "the unit holds the first again")


def _lines(folder: Path, unit: str) -> list[str]:
    return (folder / unit).read_text().splitlines()
