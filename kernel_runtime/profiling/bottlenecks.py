"""What limits a graph, ranked, with the evidence in words.

A unit is busy while it holds a message. Time in which it waits for its own consumers to let
go of buffers is theirs, not its own. What is left is compared with what else can hold a graph
up: a process that gets no CPU, units that share a process' event loop, a slow connection, and
leaky inputs that lose messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..context import KernelGraphContext
from ..model import UnitInfo
from .columns import Int64s
from .joins import feeding_publishers
from .latency import EdgeLatency, Receipts, TraceReader
from .process_load import ProcessLoad, loads_between, sample_loads
from .rates import Counts, count_messages
from .recording import TraceRecording
from .trace import TraceHub
from .trace_scope import TraceScope

POLL_EVERY_S = 0.2
MAX_SAMPLES = 2_000_000

LIMITING = 0.5
"""From this score on something is said to limit the graph."""

STARVED = 0.25
DROPS = 0.02

Kind = Literal["unit", "process", "edge", "leaky"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspect.

    Attributes
    ----------
    kind, name
        A unit, a process (by its units), an edge (``"A -> B"``) or a leaky input's unit.
    score
        0 to 1: the share of time, or of messages, that it costs. What explains the score of
        another is put just above it.
    evidence
        The reasons in words and numbers.
    busy, blocked
        Shares of time: with its own work, and waiting for its consumers. None where not known.
    queued
        Of the buffers of the publishers that it hears, the share that was in use.
    dropped
        Share of messages that a leaky input lost.
    """

    kind: Kind
    name: str
    score: float
    evidence: str
    busy: float | None = None
    blocked: float | None = None
    queued: float | None = None
    dropped: float | None = None


@dataclass
class Observation:
    """What was seen in a window."""

    recording: TraceRecording
    counts: list[Counts]
    loads: Mapping[str, ProcessLoad]
    window_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.window_s = max(1e-9, self.recording.duration_s)


async def observe(hub: TraceHub, context: KernelGraphContext, seconds: float) -> Observation:
    """Trace everything for a time, and count and weigh processes meanwhile."""
    recording = await hub.start(TraceScope(), MAX_SAMPLES)
    try:
        processes = list(recording.topology.processes.values())
        before = sample_loads(processes)
        snapshot = await context.snapshot()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        counts = [recording.counts_before]
        while (left_s := end - loop.time()) > 0:
            await asyncio.sleep(min(POLL_EVERY_S, left_s))
            counts.append(await count_messages(context, snapshot, timeout=0.5))
        after = sample_loads(processes)
    finally:
        await hub.stop(recording)
    return Observation(recording, counts, loads_between(before, after))


def find_bottlenecks(seen: Observation) -> list[Finding]:
    """Rank what holds a graph up, the worst first; all units are in it."""
    judge = _Judge(seen)
    found = judge.units() + judge.edges()
    found = judge.processes(found) + found
    return sorted(found, key=lambda finding: -finding.score)


class _Judge:
    def __init__(self, seen: Observation) -> None:
        self._seen = seen
        self._topology = seen.recording.topology
        self._reader = TraceReader(seen.recording)
        self._receipts: dict[str, list[Receipts]] = {}
        for receipts in self._reader.receipts():
            self._receipts.setdefault(receipts.stream.topic, []).append(receipts)
        self._edges = self._reader.edges()
        self._blocked = self._blocked_shares()
        self._busy: dict[str, float] = {}
        self._holding: dict[str, float] = {}
        self._unit_of = {
            port.topic: unit for unit in self._topology.units.values() for port in unit.ports
        }

    # -- units ------------------------------------------------------------------------------

    def units(self) -> list[Finding]:
        found = [self._unit(unit) for unit in self._topology.units.values()]
        for unit in self._topology.units.values():
            found += self._leaky(unit)
        return found

    def _unit(self, unit: UnitInfo) -> Finding:
        topics = [port.topic for port in unit.inputs if port.topic != unit.settings_topic]
        held = [each for topic in topics for each in self._receipts.get(topic, ())]
        occupied = self._occupied(held)
        blocked = min(1.0, sum(self._blocked.get(port.topic, 0.0) for port in unit.outputs))
        # What a unit waits for its consumers while it holds a message is not its own work.
        busy = max(0.0, occupied - blocked)
        self._busy[unit.address] = busy
        self._holding[unit.address] = occupied
        queued, buffers = self._queued(topics)
        words = []
        if held:
            messages = sum(len(each.seq) for each in held)
            each_ms = sum(float(each.lease_ns.sum()) for each in held) / max(1, messages) / 1e6
            words.append(
                f"{busy:.0%} busy with its own work ({each_ms:.3g} ms a message, "
                f"{messages / self._seen.window_s:.3g} messages/s)"
            )
        elif unit.process_id is None:
            words.append("no process runs it: it ended, was killed, or has not started")
        elif topics:
            words.append("received nothing")
        else:
            words.append("has no input")
        if queued * buffers > 1.5:
            words.append(f"its input waits in {queued * buffers:.1f} of {buffers} buffers")
        upstream = self._upstream(topics)
        if len(upstream) > 1:
            words.append(f"it hears {len(upstream)} publishers")
        for topic in sorted({endpoint.rpartition(":")[0] for endpoint in upstream}):
            waited = self._blocked.get(topic, 0.0)
            if waited > 0.01:
                words.append(f"upstream {self._named(topic)} was blocked {waited:.0%} of the time")
        if blocked > 0.01:
            words.append(f"was itself blocked by its consumers {blocked:.0%} of the time")
        load = self._seen.loads.get(unit.process_id or "")
        if load is not None:
            words.append(f"its process used {load.cpu:.0%} of a CPU")
        return Finding(
            "unit",
            unit.address,
            min(1.0, busy) if held or unit.process_id is not None else 1.0,
            f"{unit.address}: {', '.join(words)}.",
            busy=busy if held else None,
            blocked=blocked,
            queued=queued if buffers else None,
        )

    def _occupied(self, held: list[Receipts]) -> float:
        """Share of the window in which messages were held, by one subscriber or another."""
        starts = np.concatenate([each.received_ns for each in held] or [np.empty(0, np.int64)])
        lengths = np.concatenate([each.lease_ns for each in held] or [np.empty(0, np.int64)])
        if not len(starts):
            return 0.0
        order = np.argsort(starts)
        starts, ends = starts[order], (starts + lengths)[order]
        window_ns = self._seen.window_s * 1e9
        if len(starts) > 1 and lengths.mean() > window_ns / 20:
            # Few long holds: those at the edges of the window are not in the trace. From one
            # receipt to another there is a whole number of them.
            first, last = starts[0], starts[-1]
            covered_ns = _covered_ns(starts, np.minimum(ends, last))
            return min(1.0, covered_ns / max(1.0, float(last - first)))
        return min(1.0, _covered_ns(starts, ends) / window_ns)

    def _blocked_shares(self) -> dict[str, float]:
        """Share of time in which the publishers of a topic waited for a buffer, the worst."""
        recording = self._seen.recording
        columns = self._reader.columns
        waited: dict[tuple[str, str], float] = {}
        for code, stream in enumerate(recording.streams.all()):
            if stream.metric == "backpressure_wait_ns":
                key = (stream.topic, stream.endpoint_id)
                total = float(columns.value_ns[columns.code == code].sum())
                waited[key] = waited.get(key, 0.0) + total
        found: dict[str, float] = {}
        for (topic, _), total_ns in waited.items():
            share = min(1.0, total_ns / (self._seen.window_s * 1e9))
            found[topic] = max(found.get(topic, 0.0), share)
        for endpoint in recording.counts_before.endpoints.values():
            # One wait longer than the window leaves no sample, and no publish either.
            if endpoint.role == "publisher" and endpoint.topic not in found:
                full = self._share_full(endpoint.endpoint_id)
                if full > 0.9 and endpoint.endpoint_id not in self._reader.published:
                    found[endpoint.topic] = full
        return found

    def _share_full(self, endpoint_id: str) -> float:
        seen = [counts.endpoints.get(endpoint_id) for counts in self._seen.counts]
        full = [
            endpoint.inflight >= endpoint.num_buffers
            for endpoint in seen
            if endpoint is not None and endpoint.inflight is not None and endpoint.num_buffers
        ]
        return sum(full) / len(full) if full else 0.0

    def _upstream(self, topics: list[str]) -> list[str]:
        return [
            endpoint
            for topic in topics
            for endpoint in feeding_publishers(self._seen.recording, topic)
        ]

    def _queued(self, topics: list[str]) -> tuple[float, int]:
        """Mean share of buffers in use of the fullest publisher upstream, and its buffers."""
        fullest = (0.0, 0)
        for endpoint_id in self._upstream(topics):
            seen = [counts.endpoints.get(endpoint_id) for counts in self._seen.counts]
            known = [each for each in seen if each is not None and each.num_buffers]
            if known:
                buffers = known[0].num_buffers or 1
                mean = sum(each.inflight or 0 for each in known) / len(known) / buffers
                fullest = max(fullest, (mean, buffers))
        return fullest

    def _named(self, topic: str) -> str:
        unit = self._unit_of.get(topic)
        return unit.address if unit is not None else topic

    def _leaky(self, unit: UnitInfo) -> list[Finding]:
        found = []
        recording = self._seen.recording
        after = recording.counts_after
        for port in unit.inputs:
            if not port.leaky or after is None:
                continue
            sent = _grown(recording.counts_before, after, feeding_publishers(recording, port.topic))
            own = [
                endpoint.endpoint_id
                for endpoint in after.endpoints.values()
                if endpoint.role == "subscriber" and endpoint.topic == port.topic
            ]
            got = _grown(recording.counts_before, after, own)
            share = (sent - got) / sent if sent else 0.0
            if share > DROPS:
                found.append(
                    Finding(
                        "leaky",
                        unit.address,
                        0.5 + 0.5 * min(1.0, share),
                        f"{unit.address}: its leaky input {port.topic} dropped {share:.0%} of "
                        f"its messages ({sent - got} of {sent} in {self._seen.window_s:.1f} s): "
                        f"it takes {got / self._seen.window_s:.3g} of "
                        f"{sent / self._seen.window_s:.3g} messages/s.",
                        dropped=share,
                    )
                )
        return found

    # -- edges and processes --------------------------------------------------------------------

    def edges(self) -> list[Finding]:
        found = []
        for edge in self._edges:
            unit = self._unit_of.get(edge.to_topic)
            if edge.matched < 3 or unit is None or edge.to_topic == unit.settings_topic:
                continue
            if edge.subscriber not in self._queueless(unit):
                continue
            period_ns = self._period_ns(edge)
            usual_ns = float(np.median(edge.transport_ns))
            if period_ns <= 0:
                continue
            share = max(0.0, min(1.0, usual_ns / period_ns))
            sharing = [
                self._holding.get(other.address, 0.0)
                for other in self._topology.units.values()
                if other.process_id == unit.process_id
            ]
            score = share * (1.0 - max(sharing, default=0.0))
            if edge.channel == "TCP":
                score = max(score, self._unexplained(edge.from_process))
            if score < 0.3:
                continue
            name = f"{self._named(edge.from_topic)} -> {unit.address}"
            channel = edge.channel or "an unknown channel"
            advice = (
                f" Sending takes up to {self._unexplained(edge.from_process):.0%} of a CPU: TCP "
                f"copies each message through a socket; on one host shared memory does not."
                if edge.channel == "TCP"
                else ""
            )
            found.append(
                Finding(
                    "edge",
                    name,
                    score,
                    f"{name}: {_under_way(usual_ns, channel)}, of {period_ns / 1e6:.3g} ms from "
                    f"one to the next, while {unit.address} is only "
                    f"{self._busy.get(unit.address, 0.0):.0%} busy.{advice}",
                )
            )
        return found

    def _unexplained(self, process_id: str) -> float:
        """How much a process runs, or would, without any of its units holding a message.

        A publish is stamped after the socket took it, so the work of sending shows here alone.
        """
        load = self._seen.loads.get(process_id)
        if load is None:
            return 0.0
        units = self._topology.processes[process_id].units
        held = sum(self._holding.get(unit, 0.0) for unit in units)
        return max(0.0, min(1.0, load.cpu + (load.starved or 0.0)) - held)

    def _queueless(self, unit: UnitInfo) -> set[str]:
        """Subscribers of a unit whose messages do not wait for its handlers."""
        if self._holding.get(unit.address, 0.0) >= LIMITING:
            return set()
        leaky = {port.topic for port in unit.inputs if port.leaky}
        return {
            each.stream.endpoint_id
            for port in unit.inputs
            for each in self._receipts.get(port.topic, ())
            if port.topic not in leaky
        }

    def _period_ns(self, edge: EdgeLatency) -> float:
        times = self._reader.published[edge.publisher].time_ns if edge.publisher else None
        if times is None or len(times) < 2:
            return 0.0
        return float(times[-1] - times[0]) / (len(times) - 1)

    def processes(self, suspects: list[Finding]) -> list[Finding]:
        found = []
        score_of = {each.name: each.score for each in suspects if each.kind == "unit"}
        for process in self._topology.processes.values():
            load = self._seen.loads.get(process.process_id)
            if load is None or not process.units:
                continue
            worst = max(score_of.get(unit, 0.0) for unit in process.units)
            names = ", ".join(process.units)
            if load.starved is not None and load.starved > max(STARVED, 0.5 * worst):
                # Most of what its units seem to be busy with is waiting for a CPU.
                found.append(
                    Finding(
                        "process",
                        names,
                        max(load.starved, worst) + 0.001,
                        f"Process {process.pid} ({names}) was ready to run and got no CPU "
                        f"{load.starved:.0%} of the time; it used {load.cpu:.0%} of one. Other "
                        f"processes take the CPUs that it may run on.",
                    )
                )
            elif load.cpu > 0.8 and len(process.units) > 1 and worst < 0.6 * load.cpu:
                found.append(
                    Finding(
                        "process",
                        names,
                        min(1.0, 0.95 * load.cpu),
                        f"Process {process.pid} used {load.cpu:.0%} of a CPU for {names}, which "
                        f"share one event loop; none of them alone is more than {worst:.0%} "
                        f"busy. Give some of them a process of their own.",
                    )
                )
        return found


def _covered_ns(starts: Int64s, ends: Int64s) -> float:
    """Length of the union of intervals that are sorted by their starts."""
    reached = np.maximum.accumulate(ends)
    begun = np.maximum(starts[1:], reached[:-1])
    first = float(ends[0] - starts[0])
    return first + float(np.maximum(0, ends[1:] - begun).sum())


def _grown(before: Counts, after: Counts, endpoints: list[str]) -> int:
    total = 0
    for endpoint_id in endpoints:
        end, start = after.endpoints.get(endpoint_id), before.endpoints.get(endpoint_id)
        if end is not None:
            total += end.messages_total - (start.messages_total if start is not None else 0)
    return total


def _under_way(transport_ns: float, channel: str) -> str:
    """How long messages take, where a publish is stamped once the message was handed over."""
    if transport_ns >= 0:
        return f"a message is {transport_ns / 1e6:.3g} ms under way by {channel}"
    return (
        f"a message is there by {channel} {-transport_ns / 1e6:.3g} ms before its publisher is "
        f"done with sending it"
    )
