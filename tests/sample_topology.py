"""Graphs for tests of views, as ``kernel_runtime.topology`` would make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from kernel_runtime.model import CollectionInfo, Edge, Port, ProcessInfo, Topology, UnitInfo


def port(owner: str, name: str) -> Port:
    direction = "input" if name.startswith("INPUT") else "output"
    return Port(name, f"{owner}/{name}", direction, "ezmsg.util.messages.axisarray.AxisArray")  # type: ignore[arg-type]


def unit(
    address: str,
    component_type: str,
    names: Sequence[str],
    process: str | None,
    collection: str | None = None,
) -> UnitInfo:
    return UnitInfo(
        address=address,
        name=address.rpartition("/")[2],
        component_type=component_type,
        settings_type="lab.Settings",
        collection=collection,
        ports=tuple(port(address, name) for name in names),
        tasks=("on_signal",),
        session_id="s1",
        settings_topic=f"{address}/INPUT_SETTINGS" if "INPUT_SETTINGS" in names else None,
        process_id=process,
        pid=4100 + int(process[1:]) if process else None,
        host="lab" if process else None,
    )


def topology(
    units: Iterable[UnitInfo],
    edges: Iterable[tuple[str, str]],
    collections: Iterable[CollectionInfo] = (),
    topics: tuple[str, ...] = (),
) -> Topology:
    by_address = {one.address: one for one in units}
    by_collection = {one.address: one for one in collections}
    components: list[UnitInfo | CollectionInfo] = [*by_address.values(), *by_collection.values()]
    owners = {one.topic: component.address for component in components for one in component.ports}
    processes: dict[str, ProcessInfo] = {}
    for one in by_address.values():
        if one.process_id is not None:
            members = [u.address for u in by_address.values() if u.process_id == one.process_id]
            processes[one.process_id] = ProcessInfo(one.process_id, one.pid, "lab", tuple(members))
    return Topology(
        units=by_address,
        collections=by_collection,
        edges=tuple(Edge(a, b, owners.get(a), owners.get(b), ("s1",)) for a, b in edges),
        processes=processes,
        topics=topics,
    )


def demo_topology() -> Topology:
    """The demo pipeline: EEG simulation and preprocessing in three processes."""
    through = ["INPUT_SETTINGS", "INPUT_SIGNAL", "OUTPUT_SIGNAL"]
    sigproc = "ezmsg.sigproc"
    clocked = ["INPUT_CLOCK", "OUTPUT_SIGNAL"]
    added = ["INPUT_SIGNAL_A", "INPUT_SIGNAL_B", "OUTPUT_SIGNAL"]
    units = [
        unit("ECOG/CLOCK", "ezmsg.baseproc.clock.Clock", ["OUTPUT_SIGNAL"], "p1", "ECOG"),
        unit("ECOG/NOISE", "ezmsg.simbiophys.noise.WhiteNoise", clocked, "p1", "ECOG"),
        unit("ECOG/OSC", "ezmsg.simbiophys.oscillator.SinGenerator", clocked, "p1", "ECOG"),
        unit("ECOG/ADD", f"{sigproc}.math.add.Add", added, "p1", "ECOG"),
        unit("SLICE", f"{sigproc}.slicer.Slicer", through, "p2"),
        unit("LP", f"{sigproc}.butterworthfilter.ButterworthFilter", through, "p2"),
        unit("DOWNSAMPLE", f"{sigproc}.downsample.Downsample", through, "p2"),
        unit("CAR", f"{sigproc}.affinetransform.CommonRereference", through, "p2"),
        unit("ZSCORE", f"{sigproc}.scaler.AdaptiveStandardScaler", through, "p3"),
        unit("SINK", "lab.MessageCounter", ["INPUT_SIGNAL"], "p3"),
    ]
    stages = ["SLICE", "LP", "DOWNSAMPLE", "CAR", "ZSCORE", "SINK"]
    edges = [
        ("ECOG/CLOCK/OUTPUT_SIGNAL", "ECOG/NOISE/INPUT_CLOCK"),
        ("ECOG/CLOCK/OUTPUT_SIGNAL", "ECOG/OSC/INPUT_CLOCK"),
        ("ECOG/OSC/OUTPUT_SIGNAL", "ECOG/ADD/INPUT_SIGNAL_A"),
        ("ECOG/NOISE/OUTPUT_SIGNAL", "ECOG/ADD/INPUT_SIGNAL_B"),
        ("ECOG/ADD/OUTPUT_SIGNAL", "ECOG/OUTPUT_SIGNAL"),
        ("ECOG/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL"),
        *((f"{a}/OUTPUT_SIGNAL", f"{b}/INPUT_SIGNAL") for a, b in pairwise(stages)),
    ]
    ecog = CollectionInfo(
        address="ECOG",
        name="ECOG",
        component_type="ezmsg.simbiophys.eeg.EEGSynth",
        collection=None,
        ports=(port("ECOG", "OUTPUT_SIGNAL"),),
        children=("ECOG/CLOCK", "ECOG/NOISE", "ECOG/OSC", "ECOG/ADD"),
        session_id="s1",
    )
    return topology(units, edges, [ecog])


def chain(length: int) -> Topology:
    """Units U0, U1, ... one after the other, in one process."""
    units = [unit(f"U{i}", "lab.Unit", ["INPUT", "OUTPUT"], "p1") for i in range(length)]
    return topology(units, [(f"U{i}/OUTPUT", f"U{i + 1}/INPUT") for i in range(length - 1)])
