"""A thousand random edits: unit, server and form agree. Two editors of one unit."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ezmsg.core.graphcontext import GraphContext
from real_graphs import RunningGraph, wait_for

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from ezmsg_nb.settings_form import SettingsForm
from kernel_runtime import GraphError, SettingsRejectedError
from kernel_runtime.host import UNIT_SETTINGS, GraphHost, GraphSpec

EDITS = 1_000
NONSENSE: tuple[object, ...] = ("", "much", "1,5", [], {}, [1.0], {"a": 1}, None, b"1", 2 + 1j)


@pytest.fixture(scope="module")
def hosted() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="settings_graphs:many_kinds"))
    with attach(host.address, host=host) as graph:
        graph.settings["KINDS"]["count"] = 4
        yield graph


def random_edit(random_: random.Random) -> tuple[str, object, object]:
    """A path, a value that it takes in one of its spellings, and what is reported of it."""
    number = random_.choice([random_.uniform(-1e6, 1e6), random_.randrange(-1000, 1000), 1e-300])
    whole = random_.randrange(-(2**63), 2**63)
    items = [random_.randrange(100) for _ in range(random_.randrange(4))]
    edits: list[tuple[str, object, object]] = [
        ("number", number, float(number)),
        ("count", whole, whole),
        ("count", float(whole % 1000), whole % 1000),
        ("on", on := random_.random() < 0.5, on),
        ("maybe", maybe := random_.choice([None, 2.5, 7]), None if maybe is None else float(maybe)),
        ("text", text := random_.choice(["", "ä\n€", "None", "x" * 300]), text),
        ("mode", mode := random_.choice(["fast", "slow"]), mode),
        ("band", [1, number], [1.0, float(number)]),
        ("sizes", random_.choice([tuple, list])(items), items),
        ("labels", {"a": number}, {"a": float(number)}),
        ("inner.order", whole % 9, whole % 9),
        ("inner.gain", number, float(number)),
    ]
    return random_.choice(edits)


def held_by_the_unit(graph: ezn.LiveGraph, unit: str) -> Any:
    async def ask() -> Any:
        answer = await graph.aio.process_request(unit, UNIT_SETTINGS, timeout=30)
        return graph.aio.decode_process_payload(answer, dict)["structured"]

    return graph._run_within(ask(), 6.0)


def held_by_the_server(graph: ezn.LiveGraph, unit: str) -> Any:
    async def ask() -> Any:
        return await graph.aio.settings_snapshot()

    return graph._run_within(ask(), 6.0)[unit].structured_value


def settled(form: SettingsForm, path: str) -> bool:
    return form.fields[path].state != "pending"


def shows(form: SettingsForm, path: str, value: object) -> bool:
    return bool(form.fields[path].value == value)


def test_after_a_thousand_edits_all_agree(hosted: ezn.LiveGraph) -> None:
    random_ = random.Random(4)
    form = hosted.settings.form("KINDS")
    unit = hosted.settings["KINDS"]
    wanted: dict[str, object] = {}
    for number in range(EDITS):
        path, value, reported = random_edit(random_)
        # One in five by the form, as it is typed; the others by code.
        if number % 5:
            unit[path] = value
        else:
            form.edit(path, value)
            wait_for(functools.partial(settled, form, path), f"{path} settles")
            assert form.fields[path].state in ("applied", "idle"), form.fields[path].error
        wanted[path] = reported
    held = held_by_the_unit(hosted, "KINDS")
    assert held_by_the_server(hosted, "KINDS") == held
    wait_for(lambda: form.value == held, "the form shows what the unit holds")
    now = dict(unit)
    for path, value in wanted.items():
        assert (type(now[path]), now[path]) == (type(value), value), path
    form.close()


def test_a_thousand_bad_edits_change_nothing(hosted: ezn.LiveGraph) -> None:
    random_ = random.Random(5)
    form = hosted.settings.form("KINDS")
    unit = hosted.settings["KINDS"]
    before = held_by_the_unit(hosted, "KINDS")
    events = len(hosted.settings.changes())
    bad: dict[str, Callable[[], object]] = {
        "number": lambda: random_.choice([x for x in NONSENSE if x != "1"]),
        "count": lambda: random_.choice([*NONSENSE, 2.7, float("nan"), float("inf")]),
        "on": lambda: random_.choice(["maybe", 2, 0.5, [], None]),
        "mode": lambda: random_.choice(["FASTER", 1, None, ""]),
        "band": lambda: random_.choice([[1.0], [1, 2, 3], "1", 5, ["a", "b"], None]),
        "sizes": lambda: random_.choice([[1, 2.5], ["a"], 5, None]),
        "labels": lambda: random_.choice([{"a": "b"}, [1], 5, None]),
        "inner.order": lambda: random_.choice([1.5, "four", None]),
        "nobody": lambda: 1,
        "inner.nobody": lambda: 1,
    }
    for number in range(EDITS):
        path = random_.choice(list(bad))
        value = bad[path]()
        set_it = functools.partial(
            unit.__setitem__ if number % 5 or path == "mode" else form.edit, path, value
        )
        # Members of an enum that isn't imported here are known to the unit's process alone; all
        # else is refused in this one.
        kind = GraphError if path == "mode" else (SettingsRejectedError, KeyError)
        with pytest.raises(kind):
            set_it()
    assert held_by_the_unit(hosted, "KINDS") == before
    assert held_by_the_server(hosted, "KINDS") == before
    assert form.value == before
    assert len(hosted.settings.changes()) == events
    form.close()


def test_a_float_that_was_none_at_first_may_be_so_again(hosted: ezn.LiveGraph) -> None:
    unit = hosted.settings["KINDS"]
    assert unit["unset"] is None
    unit["unset"] = 2
    assert held_by_the_unit(hosted, "KINDS")["unset"] == 2.0
    unit["unset"] = None
    assert held_by_the_unit(hosted, "KINDS")["unset"] is None


def test_a_second_editor_sees_the_change(shared_graph: RunningGraph) -> None:
    with ezn.connect(shared_graph.address) as one, ezn.connect(shared_graph.address) as other:
        form = other.settings.form("GAIN")
        for gain in (2.0, 3.0, 4.0):
            one.settings["GAIN"]["gain"] = gain
            wait_for(functools.partial(shows, form, "gain", gain), "the other's form shows it")
        assert other.settings.history()["source"].iloc[-1] == "not known which"
        form.close()


def test_two_editors_of_different_fields_lose_neither(shared_graph: RunningGraph) -> None:
    with ezn.connect(shared_graph.address) as one:
        for number in range(10):
            with ThreadPoolExecutor(3) as threads:
                done = [
                    threads.submit(one.settings["GAIN"].__setitem__, path, value)
                    for path, value in (
                        ("gain", float(number)),
                        ("offset", number),
                        ("label", str(number)),
                    )
                ]
            assert all(edit.exception() is None for edit in done)
            now = dict(one.settings["GAIN"])
            assert (now["gain"], now["offset"], now["label"]) == (number, number, str(number))


async def test_beside_ezmsgs_own_client_each_sees_the_others_change(
    shared_graph: RunningGraph,
) -> None:
    graph = await asyncio.to_thread(ezn.connect, shared_graph.address)
    host, port = shared_graph.address.split(":")
    try:
        async with GraphContext((host, int(port)), auto_start=False) as theirs:
            await theirs.update_setting("GAIN", "label", "theirs")
            await asyncio.to_thread(
                wait_for, lambda: graph.settings["GAIN"]["label"] == "theirs", "we see it", 1.0
            )
            await asyncio.to_thread(graph.settings["GAIN"].__setitem__, "label", "ours")
            seen = (await theirs.settings_snapshot())["GAIN"].structured_value
            assert seen is not None
            assert seen["label"] == "ours"
    finally:
        await asyncio.to_thread(graph.close)
