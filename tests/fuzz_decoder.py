"""Fuzz what reads a server's bytes: ``make fuzz``, or ``python tests/fuzz_decoder.py [OPTIONS]``.

Options are libFuzzer's, for example ``-max_total_time=60``. Whatever the bytes are, decoding
ends in a value or in `UnsafePayloadError`, within the memory limit, and what reads the value
next does not fail on it either.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from ezmsg.core import graphmeta

# Untyped, and only in the environment of `make fuzz`.
atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["kernel_runtime"]):
    from kernel_runtime.errors import UnsafePayloadError
    from kernel_runtime.safe_pickle import decode
    from kernel_runtime.soundness import is_graph_data, is_sound, repair_snapshot
    from kernel_runtime.topology import topology_of

ARTIFACTS = Path(__file__).parent / "artifacts"

modules_before: set[str] = set()


def read(raw: bytes) -> None:
    """Decode one message, and read it as the client would."""
    try:
        value = decode(raw)
    except UnsafePayloadError:
        return
    finally:
        # Text of old protocols is decoded by codecs, which Python imports at first use.
        new = {name for name in sys.modules if not name.startswith(("encodings.", "atheris."))}
        assert new <= modules_before, f"decoding imported {new - modules_before}"
    if isinstance(value, graphmeta.GraphSnapshot):
        with contextlib.suppress(ValueError):
            repair_snapshot(value)
            topology_of(value)
    elif is_graph_data(value):
        is_sound(value)


def honest_messages() -> list[bytes]:
    process_id = uuid.UUID(int=7)
    unit = graphmeta.UnitMetadata(
        address="LP",
        name="LP",
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(b"opaque", {"cutoff": 30.0}),
        dynamic_settings=graphmeta.DynamicSettingsMetadata(True, "LP/INPUT_SETTINGS", "x.S"),
        settings_schema=None,
        streams={"OUT": graphmeta.OutputStreamMetadata("OUT", "LP/OUT", "float")},
        tasks=[graphmeta.TaskMetadata("run", None, ["LP/OUT"])],
        main=None,
        threads=[],
    )
    values = [
        graphmeta.GraphSnapshot(
            {"LP/OUT": ["B"]},
            {graphmeta.Edge("LP/OUT", "B"): ["s"]},
            {"s": graphmeta.SnapshotSession([], graphmeta.GraphMetadata(1, None, {"LP": unit}))},
            {process_id: graphmeta.SnapshotProcess(process_id, 1, "h", ["LP"])},
        ),
        graphmeta.SettingsChangedEvent(
            1,
            graphmeta.SettingsEventType.SETTINGS_UPDATED,
            "LP",
            1.0,
            None,
            process_id,
            graphmeta.SettingsSnapshotValue(b"x", {"a": {1, 2}}, {"a": 1j}),
        ),
        graphmeta.ProcessControlResponse("1", True, b"x", None, None, process_id),
        graphmeta.ProcessPing(process_id, 1, "h", 1.0),
        Path("/data"),
    ]
    return [pickle.dumps(value, protocol=protocol) for value in values for protocol in (2, 4)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, raw in enumerate(honest_messages()):
            (Path(folder) / f"honest_{number}").write_bytes(raw)
        ARTIFACTS.mkdir(exist_ok=True)
        limits = ["-rss_limit_mb=1024", "-timeout=10", "-max_len=4096"]
        place = f"-artifact_prefix={ARTIFACTS}/"
        modules_before.update(sys.modules)
        atheris.Setup([sys.argv[0], *limits, place, *sys.argv[1:], folder], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
