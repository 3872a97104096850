"""The model of a graph, from snapshots of real graphs and of a metadata class not known here."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator

import pytest
from ezmsg.core import graphmeta
from ezmsg.core.graphmeta import Edge, GraphMetadata, GraphSnapshot, SnapshotProcess

from kernel_runtime import KernelGraphContext
from kernel_runtime.host import GraphHost, demo_spec
from kernel_runtime.safe_pickle import decode
from kernel_runtime.topology import topic_rates, topology_of


@pytest.fixture(scope="module")
def demo() -> Iterator[GraphHost]:
    host = GraphHost.start(demo_spec())
    yield host
    host.stop()


async def test_the_demo_as_it_is(demo: GraphHost) -> None:
    async with KernelGraphContext(demo.address) as context:
        topology = topology_of(await context.snapshot())
    assert {"SLICE", "LP", "DOWNSAMPLE", "CAR", "ZSCORE", "SINK"} <= set(topology.units)
    lp = topology.units["LP"]
    assert lp.settings_topic == "LP/INPUT_SETTINGS"
    assert [port.topic for port in lp.outputs] == ["LP/OUTPUT_SIGNAL"]
    assert {port.topic for port in lp.inputs} == {"LP/INPUT_SETTINGS", "LP/INPUT_SIGNAL"}
    assert lp.process_id is not None
    assert lp.pid == topology.processes[lp.process_id].pid
    ecog = topology.collections["ECOG"]
    assert set(ecog.children) == {
        address for address, unit in topology.units.items() if unit.collection == "ECOG"
    }
    edge = next(edge for edge in topology.edges if edge.to_topic == "SLICE/INPUT_SIGNAL")
    assert (edge.from_unit, edge.to_unit) == ("ECOG", "SLICE")
    assert edge.owners == (lp.session_id,)
    assert len({unit.process_id for unit in topology.units.values()}) == 3
    assert topology.topics == ()


async def test_rates_pass_through_a_boundary(demo: GraphHost) -> None:
    async with KernelGraphContext(demo.address) as context:
        topology = topology_of(await context.snapshot())
    rates = topic_rates(topology, {"ECOG/ADD/OUTPUT_SIGNAL": 50.0, "LP/OUTPUT_SIGNAL": None})
    assert rates["ECOG/OUTPUT_SIGNAL"] == 50.0
    assert rates["LP/OUTPUT_SIGNAL"] is None
    assert rates["CAR/OUTPUT_SIGNAL"] is None


def unit(address: str) -> graphmeta.UnitMetadata:
    return graphmeta.UnitMetadata(
        address=address,
        name=address,
        component_type="x.Y",
        settings_type="x.S",
        initial_settings=(None, {}),
        dynamic_settings=graphmeta.DynamicSettingsMetadata(False, None, None),
        settings_schema=None,
        streams={"OUT": graphmeta.OutputStreamMetadata("OUT", f"{address}/OUT", "float")},
        tasks=[],
        main=None,
        threads=[],
    )


def snapshot(**units: graphmeta.UnitMetadata) -> GraphSnapshot:
    process_id = uuid.uuid1()
    return GraphSnapshot(
        graph={"A/OUT": ["LOOSE"], "LOOSE": []},
        edge_owners={Edge("A/OUT", "LOOSE"): ["persistent"]},
        sessions={"s": graphmeta.SnapshotSession([], GraphMetadata(1, None, dict(units)))},
        processes={process_id: SnapshotProcess(process_id, 1, "h", ["A"])},
    )


def test_topics_of_no_unit_and_units_of_no_process() -> None:
    topology = topology_of(snapshot(A=unit("A"), B=unit("B")))
    assert topology.topics == ("LOOSE",)
    assert topology.edges[0].to_unit is None
    assert topology.edges[0].owners == ("persistent",)
    assert topology.units["A"].pid == 1
    assert topology.units["B"].process_id is None


def test_metadata_of_another_ezmsg_is_read_by_its_attributes() -> None:
    # As a client of another version gets it: the class is unknown there, a stand-in here.
    raw = pickle.dumps(snapshot(A=unit("A")))
    known, foreign = b"OutputStreamMetadata", b"OutputStreamNewName0"
    assert len(known) == len(foreign)
    topology = topology_of(decode(raw.replace(known, foreign)))
    (port,) = topology.units["A"].ports
    assert (port.topic, port.direction) == ("A/OUT", "output")
