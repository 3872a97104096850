"""Generated graphs of any size for the benchmark of the picture."""

from __future__ import annotations

import random

from kernel_runtime.model import CollectionInfo, Edge, Port, ProcessInfo, Topology, UnitInfo

TYPES = ("ButterworthFilter", "Downsample", "Window", "Spectrum", "Scaler")
UNITS_A_PROCESS = 125


def generated(units: int, seed: int = 1) -> Topology:
    """A pipeline with branches, joins and collections: about 1.4 edges a unit."""
    chance = random.Random(seed)
    found: dict[str, UnitInfo] = {}
    collections: dict[str, CollectionInfo] = {}
    edges: list[Edge] = []
    outputs: list[tuple[str, str]] = []
    inside = 0
    for number in range(units):
        if inside == 0 and chance.random() < 0.2:
            inside = chance.randint(3, 8)
            name = f"STAGE{len(collections)}"
            collections[name] = CollectionInfo(name, name, "lab.Stage", None, (), (), "s1")
        collection = list(collections)[-1] if inside else None
        inside = max(0, inside - 1)
        address = f"{collection}/U{number}" if collection else f"U{number}"
        inputs = 0 if number == 0 or chance.random() < 0.04 else 2 if chance.random() < 0.46 else 1
        names = [f"INPUT_{letter}" for letter in "AB"[:inputs]] + ["OUTPUT_SIGNAL"]
        process = f"p{number // UNITS_A_PROCESS}"
        found[address] = UnitInfo(
            address=address,
            name=f"U{number}",
            component_type=f"lab.units.{chance.choice(TYPES)}",
            settings_type="lab.Settings",
            collection=collection,
            ports=tuple(_port(address, one) for one in names),
            tasks=("on_signal",),
            session_id="s1",
            process_id=process,
            pid=4100 + number // UNITS_A_PROCESS,
            host="lab",
        )
        for name in names[:inputs]:
            topic, unit = outputs[-1] if chance.random() < 0.7 else chance.choice(outputs[-6:])
            edges.append(Edge(topic, f"{address}/{name}", unit, address, ("s1",)))
        outputs.append((f"{address}/OUTPUT_SIGNAL", address))
    processes = {
        process: ProcessInfo(
            process,
            4100 + place,
            "lab",
            tuple(one.address for one in found.values() if one.process_id == process),
        )
        for place, process in enumerate(dict.fromkeys(u.process_id or "" for u in found.values()))
    }
    return Topology(found, collections, tuple(edges), processes)


def _port(address: str, name: str) -> Port:
    direction = "input" if name.startswith("INPUT") else "output"
    return Port(name, f"{address}/{name}", direction, "AxisArray")  # type: ignore[arg-type]
