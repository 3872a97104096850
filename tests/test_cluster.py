"""Process groups of a graph on the workers of a dask.distributed cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from cluster_graphs import Broken, chain
from real_graphs import wait_for

import ezmsg_nb as ezn
from kernel_runtime.errors import HostStartError
from kernel_runtime.host.cluster import ClusterHost

distributed = pytest.importorskip("distributed")

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a cluster with one worker, a process of this machine."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(TESTS), before)))
    try:
        with (
            distributed.LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                # None would be port 8787, which one cluster of the machine has.
                dashboard_address="127.0.0.1:0",
                local_directory=str(tmp_path_factory.mktemp("dask")),
                silence_logs="CRITICAL",
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


@contextmanager
def another_worker(client: Any, name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that nobody starts again when it is killed."""
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", client.scheduler.address),
            *("--name", name, "--nthreads", "1", "--local-directory", str(folder)),
            *("--no-nanny", "--no-dashboard"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client.wait_for_workers(2, timeout=60)
        yield worker
    finally:
        worker.kill()
        worker.wait()


def host_of(graph: ezn.LiveGraph) -> ClusterHost:
    host = graph._host
    assert isinstance(host, ClusterHost)
    return host


def test_a_part_that_fails_to_start_is_named_with_its_worker(client: Any) -> None:
    broken = Broken()
    with pytest.raises(HostStartError) as raised:
        ezn.run(BROKEN=broken, cluster=client)
    assert raised.value.unit == "BROKEN"
    assert "part of BROKEN on worker tcp://127.0.0.1:" in str(raised.value)
    assert "no amplifier at this worker" in str(raised.value)


def test_hosts_that_are_not_there_are_named(client: Any) -> None:
    with pytest.raises(HostStartError) as raised:
        ezn.run(**chain(), cluster=client, hosts={"SINK": "amplifier-pc"})
    assert "gives SINK to 'amplifier-pc', and the cluster has no worker there" in str(raised.value)
    assert "It has: 0, 127.0.0.1, tcp://127.0.0.1:" in str(raised.value)
    with pytest.raises(HostStartError) as raised:
        ezn.run(**chain(), cluster=client, hosts={"SOURC": "127.0.0.1"})
    assert "hosts names SOURC" in str(raised.value)
    assert "It has: SOURCE, GAIN, SINK." in str(raised.value)


def test_hosts_without_a_cluster_say_what_there_is_instead() -> None:
    with pytest.raises(HostStartError, match=r"cluster=distributed.Client.*graph_address"):
        ezn.run(**chain(), hosts={"SINK": "127.0.0.1"})


def test_a_graph_on_workers_from_its_start_to_the_loss_of_one(client: Any, tmp_path: Path) -> None:
    (first,) = client.scheduler_info(n_workers=-1)["workers"]
    # By the address of a worker, by the name of one, and SINK in turn.
    hosts = {"SOURCE": first, "GAIN": "amplifier-pc"}
    with (
        another_worker(client, "amplifier-pc", tmp_path) as worker,
        ezn.run(**chain(), cluster=client, hosts=hosts) as graph,
    ):
        use_and_restart(graph, client)
        assert host_of(graph).workers["SOURCE"] == first != host_of(graph).workers["GAIN"]
        lose_a_worker(graph, worker)


def use_and_restart(graph: ezn.LiveGraph, client: Any) -> None:
    workers = host_of(graph).workers
    assert set(workers) == {"SOURCE", "GAIN", "SINK"}
    pids = client.run(os.getpid)
    units = graph.units()
    for unit, worker in workers.items():
        assert pids[worker] in [one.pid for one in psutil.Process(units.pid[unit]).parents()]
    edges = graph.edges()
    connected = set(zip(edges.from_topic, edges.to_topic, strict=True))
    assert connected == {("SOURCE/OUTPUT", "GAIN/INPUT"), ("GAIN/OUTPUT", "SINK/INPUT")}
    with graph.tap("GAIN/OUTPUT") as tap:
        first, second = tap.collect(2, timeout=60.0)
        assert second - first == 2.0
        graph.settings["GAIN"]["gain"] = 3.0
        first, second = tap.collect(2, timeout=60.0)
        assert second - first == 3.0
    wait_for(lambda: not graph.logs("GAIN").empty, "its log")
    assert "gain is 2.0" in graph.logs("GAIN").text.tolist()
    # A worker has time for others meanwhile.
    assert client.submit(sum, [1, 2], workers=[workers["SINK"]]).result(timeout=60) == 3
    remembered = [psutil.Process(pid) for pid in units.pid]
    graph.restart()
    assert graph.settings["GAIN"]["gain"] == 3.0
    assert host_of(graph).workers == workers
    assert not any(one.is_running() for one in remembered)


def lose_a_worker(graph: ezn.LiveGraph, lost: subprocess.Popen[bytes]) -> None:
    worker = host_of(graph).workers["GAIN"]
    unit = psutil.Process(graph.units().pid["GAIN"])
    lost.kill()
    wait_for(lambda: any("GAIN" in one for one in graph.warnings), "the loss to be told", 60.0)
    (warning,) = [one for one in graph.warnings if "GAIN" in one]
    assert f"its worker {worker} was lost" in warning
    wait_for(lambda: not unit.is_running(), "the unit to end with its worker")
    with graph.tap("SOURCE/OUTPUT") as tap:
        assert len(tap.collect(5, timeout=60.0)) == 5


def test_what_is_no_cluster_is_refused() -> None:
    with pytest.raises(TypeError, match=r"dask.distributed.Client.*ezmsg-nb\[cluster\].*not a str"):
        ezn.run(**chain(), cluster="tcp://127.0.0.1:8786")
