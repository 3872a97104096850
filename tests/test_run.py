"""Graphs written in cells: what travels, what is refused, and how a start fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import RUN, SOURCE, WAIT_FOR_LINE
from kernels import CellError, Kernel

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with Kernel() as started:
        started.run(SOURCE + WAIT_FOR_LINE)
        yield started


def run_and_stop(kernel: Kernel, code: str) -> str:
    try:
        return kernel.run(code).text
    finally:
        kernel.run("'g' in dir() and g.stop()")


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_classes_of_a_script_are_the_same_in_every_process(
    start_method: str, tmp_path: Path
) -> None:
    script = tmp_path / "pipeline.py"
    run = RUN.replace("connections=", f"start_method={start_method!r}, connections=")
    said = 'print(wait_for_line("SINK", "own class"))'
    script.write_text("\n".join([SOURCE, WAIT_FOR_LINE, run, said, "g.stop()"]))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "own class: True True 3.0"


def test_cells_of_a_kernel_run_out_of_it(kernel: Kernel) -> None:
    text = run_and_stop(
        kernel,
        RUN + 'print(wait_for_line("SINK", "own class"))\n'
        "import os; print(os.getpid() in set(g.units()['pid']), list(g.units().index))",
    )
    assert text.splitlines() == ["own class: True True 3.0", "False ['SINK', 'SOURCE']"]


def test_a_class_that_was_defined_again_is_used(kernel: Kernel) -> None:
    kernel.run(
        "class Sink(ez.Unit):\n    INPUT = ez.InputStream(Sample)\n"
        "    @ez.subscriber(INPUT)\n"
        "    async def on_message(self, message: Sample) -> None:\n"
        "        print('the new one')\n"
    )
    assert run_and_stop(kernel, RUN + 'print(wait_for_line("SINK", "the new"))') == "the new one\n"
    kernel.run(SOURCE)


def test_units_made_before_their_class_was_defined_again_are_of_the_new_one(
    kernel: Kernel,
) -> None:
    kernel.run("source, sink = Source(SourceSettings(rate_hz=50.0)), Sink()\n" + SOURCE)
    text = run_and_stop(
        kernel,
        RUN.replace("source, sink = Source(), Sink()", "")
        + "print(wait_for_line('SINK', 'own'), g.settings['SOURCE']['rate_hz'])",
    )
    assert text == "own class: True True 3.0 50.0\n"


def test_a_class_that_descends_from_its_older_self(kernel: Kernel) -> None:
    kernel.run("class Sink(Sink):\n    async def initialize(self) -> None: print('a descendant')\n")
    said = "print(wait_for_line('SINK', 'desc'), wait_for_line('SINK', 'own'))"
    assert run_and_stop(kernel, RUN + said) == "a descendant own class: True True 3.0\n"
    kernel.run(SOURCE)


def test_a_unit_with_a_constructor_is_not_made_anew_unasked(kernel: Kernel) -> None:
    own = "class Own(ez.Unit):\n    def __init__(self, size):\n        super().__init__()\n"
    with pytest.raises(CellError, match=r"OWN is still one of the old. Make a new one: OWN=Own"):
        kernel.run(f"{own}own = Own(3)\n{own}ezn.run(OWN=own)")


REFUSED = [
    ("LOCK = threading.Lock()", "with LOCK: pass", "'LOCK', which Refused.initialize uses"),
    ("FILE = open('/dev/null', 'w')", "FILE.write('x')", "'FILE', which Refused.initialize uses"),
    ("import ipywidgets; BOX = ipywidgets.IntText()", "BOX.value", "'BOX', which Refused."),
    ("SHELL = get_ipython()", "SHELL.run_cell('')", "'SHELL', which Refused.initialize uses"),
    (
        "LOCK = threading.Lock()\nimport functools\n@functools.cache\ndef kept(): return LOCK",
        "kept()",
        "'LOCK', which kept uses",
    ),
    (
        "TOOLS = {'a': [1, threading.Event()]}",
        "TOOLS['a']",
        "'TOOLS', which Refused.initialize uses['a'][1]",
    ),
]


@pytest.mark.parametrize(("definition", "use", "named"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_travel_is_refused_by_name(
    kernel: Kernel, definition: str, use: str, named: str
) -> None:
    with pytest.raises(CellError) as raised:
        kernel.run(
            f"{definition}\nclass Refused(ez.Unit):\n"
            f"    async def initialize(self) -> None:\n        {use}\n"
            "ezn.run(REFUSED=Refused())"
        )
    assert raised.value.name == "HostStartError"
    assert named in raised.value.message
    assert "make them in the unit's initialize()" in raised.value.message


FAILURES = [
    (
        "class Failing(ez.Unit):\n"
        "    async def initialize(self):\n        raise ValueError('no amplifier')\n"
        "ezn.run(FAILING=Failing())",
        "HostStartError",
        "raise ValueError('no amplifier')\nValueError: no amplifier",
    ),
    (
        "class Importing(ez.Unit):\n"
        "    async def initialize(self):\n        import no_such_package\n"
        "ezn.run(IMPORTING=Importing())",
        "HostStartError",
        "No module named 'no_such_package'",
    ),
    (
        "class NeedsSettings(ez.Settings):\n    gain: float\n    name: str = ''\n"
        "class Needs(ez.Unit):\n    SETTINGS = NeedsSettings\n"
        "ezn.run(NEEDS=Needs())",
        "SettingsRejectedError",
        "NEEDS has no settings, and NeedsSettings has no default for gain",
    ),
    (
        "wrong = Source()\nwrong.apply_settings(ez.Settings())\nezn.run(WRONG=wrong)",
        "SettingsRejectedError",
        "WRONG has settings of type Settings; Source takes SourceSettings",
    ),
    (
        "ezn.run(SINK=Sink(), connections=[('a', 'b'), ('b', 'SINK/INPUT'), ('b', 'a')])",
        "HostStartError",
        "the connections form a cycle: a -> b -> a",
    ),
    (
        "class Inner(ez.Collection):\n    SINK = Sink()\nezn.run({'A': Inner(), 'A/SINK': Sink()})",
        "AddressCollisionError",
        "Two components have the address 'A/SINK'",
    ),
    ("ezn.run(SOURCE=Source)", "TypeError", "write SOURCE=Source(...)"),
    ("ezn.run(Source)", "TypeError", "Source is a class of them: write run(Source(...))"),
    (
        "ezn.run(SINK=Sink(), start_method='thread')",
        "ValueError",
        "start_method is 'fork', 'spawn', 'forkserver' on this platform, not 'thread'",
    ),
    ("one = Sink()\nezn.run(A=one, B=one)", "HostStartError", "A and B are one and the same Sink"),
    ("ezn.run()", "HostStartError", "There is nothing to run"),
    (
        "ezn.run(SINK=Sink(), connections=[(Source().OUTPUT, 'SINK/INPUT')])",
        "HostStartError",
        "a stream 'OUTPUT' that is of none of the graph's components",
    ),
    (
        "import socket\nbusy = socket.create_server(('127.0.0.1', 0))\n"
        "try:\n    ezn.run(SINK=Sink(), graph_address=busy.getsockname()[:2])\n"
        "finally:\n    busy.close()",
        "HostStartError",
        "Address already in use",
    ),
]


@pytest.mark.parametrize(("code", "error", "message"), FAILURES, ids=range(len(FAILURES)))
def test_a_start_that_fails_raises_in_the_cell(
    kernel: Kernel, code: str, error: str, message: str
) -> None:
    with pytest.raises(CellError) as raised:
        kernel.run(code)
    assert raised.value.name == error
    assert message in raised.value.message
    assert kernel.run(CHILDREN).text == "[]\n"


CHILDREN = """
import psutil
print([p.cmdline() for p in psutil.Process().children(recursive=True)])
"""


def test_helpers_that_keep_what_they_found_come_along(kernel: Kernel) -> None:
    text = run_and_stop(
        kernel,
        "import functools\n"
        "@functools.lru_cache(maxsize=7)\n"
        "def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n"
        "class Table:\n"
        "    @functools.cached_property\n    def values(self): return [fibonacci(30)]\n"
        "class Cached(ez.Unit):\n"
        "    async def initialize(self) -> None:\n"
        "        table = Table()\n"
        "        kept = table.values is table.values and fibonacci.cache_info().hits > 0\n"
        "        print('found', table.values, kept, fibonacci.cache_parameters()['maxsize'])\n"
        "g = ezn.run(CACHED=Cached(), SINK=Sink())\nprint(wait_for_line('CACHED', 'found'))",
    )
    assert text == "found [832040] True 7\n"


def test_names_in_quoted_annotations_come_along(kernel: Kernel) -> None:
    kernel.run(
        "from __future__ import annotations\n"
        "from fractions import Fraction\n"
        "class RatioSettings(ez.Settings):\n    ratio: Fraction = Fraction(1, 2)\n"
        "class Ratio(ez.Unit):\n    SETTINGS = RatioSettings\n"
        "    async def initialize(self) -> None:\n"
        "        import typing\n"
        "        print('hints', typing.get_type_hints(type(self.SETTINGS)))\n"
    )
    text = run_and_stop(
        kernel, "g = ezn.run(RATIO=Ratio(), SINK=Sink())\nprint(wait_for_line('RATIO', 'hints'))"
    )
    assert text == "hints {'ratio': <class 'fractions.Fraction'>}\n"


def test_a_lambda_in_settings_travels_by_every_start_method(kernel: Kernel) -> None:
    kernel.run(
        "class MapSettings(ez.Settings):\n    function: object = None\n"
        "class Map(ez.Unit):\n    SETTINGS = MapSettings\n"
        "    async def initialize(self) -> None:\n"
        "        print('gives', self.SETTINGS.function(2.0))\n"
    )
    text = run_and_stop(
        kernel,
        "g = ezn.run(\n"
        "    SINK=Sink(),\n"
        "    MAP=Map(MapSettings(lambda x: scaled(x) + 1)), OTHER=Map(MapSettings(scaled)),\n"
        "    start_method='spawn')\n"
        "print(*(wait_for_line(unit, 'gives') for unit in ('MAP', 'OTHER')))",
    )
    assert text == "gives 7.0 gives 6.0\n"
