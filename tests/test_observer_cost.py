"""What looking costs is measured, and said where a person looks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from real_graphs import wait_for
from trace_graphs import RATE_HZ, traced_graph

import ezmsg_nb as ezn
from kernel_runtime import background_loop
from kernel_runtime.profiling.observer_cost import SHORTEST_WINDOW_S, ObserverMeter
from kernel_runtime.profiling.tracing_cost import Activity, TracingCost


@pytest.fixture(autouse=True, scope="module")
def no_loop_left() -> Iterator[None]:
    yield
    background_loop().stop()


@pytest.fixture(scope="module")
def chain() -> Iterator[ezn.LiveGraph]:
    with traced_graph("chain") as graph:
        yield graph


def test_the_status_says_what_it_costs(chain: ezn.LiveGraph) -> None:
    received = chain.aio.bytes_received
    wait_for(lambda: chain.observer_cost.window_s is not None, "a first window")
    chain.profile(SHORTEST_WINDOW_S)
    cost = chain.observer_cost
    assert cost.kernel_cpu is not None and cost.own_cpu is not None
    assert 0 < cost.own_cpu <= cost.kernel_cpu < 4
    assert cost.bytes_per_s is not None and cost.bytes_per_s > 0
    assert chain.aio.bytes_received > received + 1000
    assert cost.browser_messages_per_s is not None
    text = chain.status_text
    assert text.startswith(chain.connection_text)
    for part in ("of a CPU", "B/s from the server", "messages/s to the browser"):
        assert part in text


def test_what_tracing_costs_is_measured_or_said_not_to_be(chain: ezn.LiveGraph) -> None:
    assert chain.observer_cost.tracing is None
    assert "slow-down by tracing: not measured" in chain.status_text
    with chain.trace() as short:
        pass
    assert short.cost().empty
    assert "not measured" in repr(short)
    with chain.trace() as trace:
        assert trace.cost().empty
        time.sleep(1.0)
    cost = trace.cost()
    # TICK and HOLD publish at its rate, whether they are traced or not; less where the machine
    # is busy otherwise, never more.
    assert list(cost.index) == ["traced", "untraced"]
    assert cost["messages_per_s"].between(0.6 * RATE_HZ, 2.6 * RATE_HZ).all()
    assert (cost["cpu"] > 0).all() and (cost["window_s"] >= 0.5).all()
    assert "messages/s" in repr(trace) and "of a CPU" in repr(trace)
    assert chain.observer_cost.tracing == trace.recording.cost
    assert "(last trace)" in chain.status_text


def test_of_two_traces_at_once_the_cost_is_not_invented(chain: ezn.LiveGraph) -> None:
    with chain.trace(topics="TICK"), chain.trace(topics="SINK") as first_to_end:
        time.sleep(0.6)
    assert first_to_end.cost().empty


def test_figures_of_edges(chain: ezn.LiveGraph) -> None:
    with chain.trace():
        time.sleep(1.0)
    figures = chain.edge_figures(0.5)
    (edge,) = (
        row
        for key, row in zip(figures.index, figures.to_dict("records"), strict=True)
        if key == ("HOLD/OUTPUT", "SINK/INPUT")
    )
    # Less where the machine is busy otherwise, never more.
    assert 0.3 * RATE_HZ < edge["rate_hz"] < 1.3 * RATE_HZ
    assert 0 <= edge["buffers_in_use"] <= 1
    assert edge["matched"] > 20
    assert edge["p50_ms"] <= edge["p99_ms"] < 5000
    assert not edge["below_error"]


def test_figures_are_over_a_window_and_none_before_one() -> None:
    sent = 0
    meter = ObserverMeter(lambda: 0.0, lambda: 0, lambda: sent, tuple, lambda: None)
    assert meter.cost().window_s is None
    assert meter.cost().text == "Observer: not measured yet"
    began = time.monotonic()
    sent = 10
    wait_for(lambda: meter.cost().window_s is not None, "a window")
    passed_s = time.monotonic() - began
    rate = meter.cost().browser_messages_per_s
    assert rate is not None
    assert 10 / (passed_s + 1.0) < rate <= 10 / SHORTEST_WINDOW_S
    assert meter.cost().bytes_per_s == 0


def test_slow_down_in_words() -> None:
    fixed = TracingCost(Activity(1.0, 500.0, 0.30), Activity(1.0, 500.0, 0.25))
    assert fixed.text == "+0.0% messages/s (500 -> 500), +5.0% of a CPU (25% -> 30%)"
    full = TracingCost(Activity(1.0, 7_200.0, None), Activity(1.0, 14_400.0, None))
    assert full.text == "-50.0% messages/s (14,400 -> 7,200), CPU not measured"
    assert full.traced.cpu_per_message_us is None
    idle = TracingCost(Activity(1.0, 0.0, 0.0), Activity(1.0, 0.0, 0.0))
    assert idle.slowdown is None and "rate not measured" in idle.text
