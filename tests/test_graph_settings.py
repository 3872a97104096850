"""``graph.settings``: transactions, undo, files, differences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from real_graphs import RunningGraph

import ezmsg_nb as ezn
from ezmsg_nb.live_graph import attach
from kernel_runtime import GraphError, SettingsNotAppliedError, SettingsRejectedError
from kernel_runtime.host import GraphHost, GraphSpec


@pytest.fixture(scope="module")
def hosted() -> Iterator[ezn.LiveGraph]:
    host = GraphHost.start(GraphSpec(factory="host_graphs:settable"))
    with attach(host.address, host=host) as graph:
        # The first edit of a unit makes its publisher, with shared memory that stays.
        graph.settings.apply({"GAIN": {"gain": 2.0}, "PUBLISHING": {"gain": 2.0}})
        graph.settings.apply({"GAIN": {"gain": 1.0}, "PUBLISHING": {"gain": 1.0}})
        yield graph


def gains(graph: ezn.LiveGraph) -> tuple[object, object]:
    return graph.settings["GAIN"]["gain"], graph.settings["PUBLISHING"]["gain"]


def test_a_transaction_over_units_is_whole_or_not_at_all(hosted: ezn.LiveGraph) -> None:
    before = gains(hosted)
    with pytest.raises(SettingsNotAppliedError, match="negative") as failed:
        hosted.settings.apply({"GAIN": {"gain": 5.0}, "PUBLISHING": {"gain": -1.0}})
    assert gains(hosted)[0] == before[0]
    assert any("GAIN.gain was put back to 1.0" in note for note in failed.value.__notes__)
    assert gains(hosted) == before
    with pytest.raises(SettingsRejectedError):
        hosted.settings.apply({"GAIN": {"gain": 5.0}, "PUBLISHING": {"gain": "much"}})
    assert gains(hosted)[0] == before[0]


def test_undo_and_redo(hosted: ezn.LiveGraph) -> None:
    settings = hosted.settings
    settings.apply({"GAIN": {"gain": 3.0, "delay_s": 0.01}})
    settings["GAIN"]["gain"] = 4.0
    settings.undo()
    assert dict(settings["GAIN"]) == {"gain": 3.0, "delay_s": 0.01}
    settings.undo()
    assert dict(settings["GAIN"]) == {"gain": 1.0, "delay_s": 0.0}
    settings.redo()
    settings.redo()
    assert dict(settings["GAIN"]) == {"gain": 4.0, "delay_s": 0.01}
    with pytest.raises(SettingsRejectedError, match="redo"):
        settings.redo()
    settings["GAIN"].reset()
    assert dict(settings["GAIN"]) == {"gain": 1.0, "delay_s": 0.0}


def test_undo_does_not_trample_what_somebody_else_changed(running_graph: RunningGraph) -> None:
    with ezn.connect(running_graph.address) as one, ezn.connect(running_graph.address) as other:
        with pytest.raises(SettingsRejectedError, match="no edit"):
            one.settings.undo()
        one.settings["GAIN"]["gain"] = 2.0
        other.settings["GAIN"]["gain"] = 3.0
        one.settings["GAIN"]["label"] = "mine"
        one.settings.undo()
        with pytest.raises(SettingsRejectedError, match=r"GAIN\.gain is 3\.0"):
            one.settings.undo()
        assert one.settings["GAIN"]["gain"] == 3.0
        one.settings.undo(force=True)
        assert other.settings["GAIN"]["gain"] == 1.0 or one.settings["GAIN"]["gain"] == 1.0


def test_elsewhere_fields_go_one_by_one_and_it_says_so(running_graph: RunningGraph) -> None:
    with ezn.connect(running_graph.address) as graph:
        found = graph.settings.apply({"GAIN": {"gain": 2.0, "offset": 3}})
        assert all("by itself" in one.note for one in found["GAIN"].values())
        assert all(one.state == "reported" for one in found["GAIN"].values())
        with pytest.raises(GraphError):
            graph.settings.apply({"GAIN": {"gain": 9.0, "offset": 2.5}})
        assert graph.settings["GAIN"]["gain"] == 2.0


def test_a_file_of_settings(running_graph: RunningGraph, tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    with ezn.connect(running_graph.address) as graph:
        settings = graph.settings
        settings.save(file)
        text = file.read_text()
        assert "gain: 1.0" in text
        assert settings.diff(file).empty
        settings["GAIN"].update(gain=1e-6, mode="square", limit=None)
        difference = settings.diff(file)
        assert set(difference["field"]) == {"gain", "mode"}
        assert "'gain': 1e-06" in settings.as_python()
        settings.load(file)
        assert settings.diff(file).empty
        assert settings["GAIN"]["mode"] == "linear"

        document = yaml.safe_load(text)
        document["units"]["GAIN"]["settings"]["volume"] = 3
        document["units"]["NOBODY"] = {"type": "x.Y", "settings": {"a": 1}}
        document["units"]["GAIN"]["settings"]["gain"] = 8.0
        file.write_text(yaml.safe_dump(document))
        with pytest.raises(SettingsRejectedError, match=r"GAIN\.volume, NOBODY"):
            settings.load(file)
        assert settings["GAIN"]["gain"] == 1.0
        settings.load(file, skip_unknown=True)
        assert settings["GAIN"]["gain"] == 8.0


@pytest.mark.parametrize("text", ["[1", "a: 1", "format: ezmsg-nb settings\nversion: 99"])
def test_a_file_that_is_none_is_refused(hosted: ezn.LiveGraph, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SettingsRejectedError, match=r"bad\.yaml"):
        hosted.settings.load(file)


def test_a_sweep_measures_each_combination_and_puts_back(hosted: ezn.LiveGraph) -> None:
    seen: list[object] = []

    def measure(graph: ezn.LiveGraph) -> dict[str, object]:
        seen.append(gains(graph))
        return {"product": gains(graph)[0]}

    before = hosted.settings.frame()
    frame = hosted.settings.sweep(
        {"GAIN": {"gain": [2.0, 3.0]}, "PUBLISHING": {"gain": [4.0, 5.0]}},
        measure=measure,
        settle_s=0.0,
        repeat=2,
        progress=False,
    )
    assert seen == [pair for pair in ((2, 4), (2, 5), (3, 4), (3, 5)) for _ in range(2)]
    assert list(frame["GAIN.gain"]) == [2, 2, 2, 2, 3, 3, 3, 3]
    assert list(frame["repeat"]) == [0, 1] * 4
    assert set(frame["state"]) == {"applied"}
    assert hosted.settings.frame().equals(before)


def test_a_sweep_measures_rates_and_latency(running_graph: RunningGraph) -> None:
    with ezn.connect(running_graph.address) as graph:
        frame = graph.settings.sweep(
            {"SOURCE": {"rate_hz": [50.0, 200.0]}}, settle_s=0.2, progress=False
        )
        assert graph.settings["SOURCE"]["rate_hz"] == 100.0
    sent = frame[frame["topic"] == "SOURCE/OUTPUT"].set_index("SOURCE.rate_hz")
    assert list(sent.index) == [50.0, 200.0]
    assert (sent["rate_hz"] > 0).all()
    assert sent["transport_p50_ms"].notna().all()


def test_a_sweep_that_is_stopped_puts_back(hosted: ezn.LiveGraph) -> None:
    def stop(graph: ezn.LiveGraph) -> None:
        raise KeyboardInterrupt

    before = hosted.settings.frame()
    with pytest.raises(KeyboardInterrupt):
        hosted.settings.sweep({"GAIN": {"gain": [7.0]}}, measure=stop, settle_s=0.0, progress=False)
    assert hosted.settings.frame().equals(before)
    with pytest.raises(SettingsRejectedError):
        hosted.settings.sweep({"GAIN": {"gain": [7.0, "x"]}}, measure=stop, progress=False)
    with pytest.raises(SettingsRejectedError, match="list"):
        hosted.settings.sweep({"GAIN": {"gain": 7.0}}, measure=stop)  # type: ignore[dict-item]
    assert hosted.settings.frame().equals(before)
