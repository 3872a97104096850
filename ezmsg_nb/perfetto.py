"""Traces for Perfetto (ui.perfetto.dev): tracks of processes, units and metrics, and flows.

Spans and leases are slices, publishes are instants, and an arrow leads from each publish to
each receipt that it was matched with. Times are Unix time.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kernel_runtime.profiling.columns import Columns, Int64s
from kernel_runtime.profiling.joins import MATCHED, stream_rows
from kernel_runtime.profiling.latency import TraceReader

from .trace_frames import unit_of_topic, wall_offsets

if TYPE_CHECKING:
    from .trace import Trace

SEQUENCE = 1
PACKETS_A_WRITE = 20_000
REALTIME_CLOCK = 1
BOOT_CLOCK = 6

TITLES = {
    "publish_delta_ns": "publishes",
    "backpressure_wait_ns": "waits for a buffer",
    "lease_time_ns": "holds a message",
    "user_span_ns": "handlers",
}


def write_perfetto(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write a trace as a Perfetto protobuf.

    Parameters
    ----------
    trace
        What to write.
    path
        The file; it is overwritten.

    Raises
    ------
    ImportError
        The package ``perfetto`` is not installed.
    """
    packets = _Packets(trace)
    with Path(path).open("wb") as file:
        packets.write(file)


class _Packets:
    def __init__(self, trace: Trace) -> None:
        self._protos = _protos()
        self._recording = trace.recording
        self._columns = trace.recording.columns()
        self._rows = stream_rows(self._columns)
        self._offsets = wall_offsets(trace.recording)
        self._units = unit_of_topic(trace.recording.topology)
        self._begins, self._ends = self._flows()
        self._tracks: set[int] = set()

    def write(self, file: BinaryIO) -> None:
        batch = self._protos.Trace()
        self._fill_clocks(batch.packet.add())
        for count, fill in enumerate(self._fillers(), start=1):
            fill(batch.packet.add())
            if count % PACKETS_A_WRITE == 0:
                file.write(batch.SerializeToString())
                batch = self._protos.Trace()
        file.write(batch.SerializeToString())

    def _fill_clocks(self, packet: Any) -> None:
        # Events are in Unix time; Perfetto's own axis is the boot clock unless it is told.
        packet.clock_snapshot.primary_trace_clock = self._protos.BUILTIN_CLOCK_REALTIME
        for clock_id in (REALTIME_CLOCK, BOOT_CLOCK):
            clock = packet.clock_snapshot.clocks.add()
            clock.clock_id = clock_id
            clock.timestamp = self._recording.started_at
        packet.trusted_packet_sequence_id = SEQUENCE

    # -- packets ------------------------------------------------------------------------------

    def _fillers(self) -> Iterator[Any]:
        """Functions that each fill one packet."""
        for code, rows in self._rows.items():
            stream = self._recording.streams[code]
            track = yield from self._track_of(code)
            ends = self._columns.time_ns[rows] + self._offsets[code]
            lengths = self._columns.value_ns[rows]
            name = stream.label or TITLES.get(stream.metric, stream.metric)
            if stream.metric == "publish_delta_ns":
                yield from self._instants(track, name, code, rows, ends)
            else:
                yield from self._slices(track, name, code, rows, ends, lengths)

    def _instants(
        self, track: int, name: str, code: int, rows: Int64s, times: Int64s
    ) -> Iterator[Any]:
        instant = self._protos.TrackEvent.TYPE_INSTANT
        seqs = self._columns.seq[rows].tolist()
        for at, seq in zip(times.tolist(), seqs, strict=True):

            def fill(packet: Any, at: int = at, seq: int = seq) -> None:
                event = self._event(packet, at, track, instant)
                event.name = name
                self._say_seq(event, seq)
                event.flow_ids.extend(self._begins.get((code, seq), ()))

            yield fill

    def _slices(
        self, track: int, name: str, code: int, rows: Int64s, ends: Int64s, lengths: Int64s
    ) -> Iterator[Any]:
        begin = self._protos.TrackEvent.TYPE_SLICE_BEGIN
        end = self._protos.TrackEvent.TYPE_SLICE_END
        seqs = self._columns.seq[rows].tolist()
        places = rows.tolist()
        for stop, length, seq, row in zip(
            ends.tolist(), lengths.tolist(), seqs, places, strict=True
        ):

            def fill_begin(
                packet: Any, at: int = stop - length, seq: int = seq, row: int = row
            ) -> None:
                event = self._event(packet, at, track, begin)
                event.name = name
                self._say_seq(event, seq)
                flow = self._ends.get(row)
                if flow is not None:
                    event.terminating_flow_ids.append(flow)

            def fill_end(packet: Any, at: int = stop) -> None:
                self._event(packet, at, track, end)

            yield fill_begin
            yield fill_end

    def _event(self, packet: Any, at_ns: int, track: int, kind: int) -> Any:
        packet.timestamp = at_ns
        packet.timestamp_clock_id = REALTIME_CLOCK
        packet.trusted_packet_sequence_id = SEQUENCE
        event = packet.track_event
        event.type = kind
        event.track_uuid = track
        return event

    @staticmethod
    def _say_seq(event: Any, seq: int) -> None:
        if seq >= 0:
            note = event.debug_annotations.add()
            note.name = "seq"
            note.int_value = seq

    # -- tracks -------------------------------------------------------------------------------

    def _track_of(self, code: int) -> Generator[Any, None, int]:
        """The track of a stream; describes it, its unit and its process where they are new."""
        stream = self._recording.streams[code]
        process = self._recording.topology.processes.get(stream.process_id)
        unit = self._units.get(stream.topic, stream.topic)
        pid = process.pid if process is not None and process.pid is not None else 0
        of_process = _uuid(stream.process_id)
        if of_process not in self._tracks:
            self._tracks.add(of_process)

            def fill_process(packet: Any) -> None:
                track = packet.track_descriptor
                track.uuid = of_process
                track.process.pid = pid
                units = process.units if process is not None else ()
                track.process.process_name = ", ".join(units) or stream.process_id

            yield fill_process
        of_unit = _uuid(f"{stream.process_id} {unit}")
        if of_unit not in self._tracks:
            self._tracks.add(of_unit)

            def fill_unit(packet: Any) -> None:
                track = packet.track_descriptor
                track.uuid = of_unit
                track.parent_uuid = of_process
                track.name = unit

            yield fill_unit
        # Handlers of one subscriber run one after another, so one track holds them all.
        of_stream = _uuid(f"{stream.endpoint_id} {stream.metric}")
        if of_stream not in self._tracks:
            self._tracks.add(of_stream)
            short = stream.topic.rpartition("/")[2]

            def fill_stream(packet: Any) -> None:
                track = packet.track_descriptor
                track.uuid = of_stream
                track.parent_uuid = of_unit
                track.name = f"{short} {TITLES.get(stream.metric, stream.metric)}"

            yield fill_stream
        return of_stream

    # -- flows --------------------------------------------------------------------------------

    def _flows(self) -> tuple[dict[tuple[int, int], list[int]], dict[int, int]]:
        """Ids of the arrows that begin at a publish ``(stream, seq)`` and end at a lease's row."""
        begins: dict[tuple[int, int], list[int]] = {}
        ends: dict[int, int] = {}
        scope = self._recording.scope
        needed = {"publish_delta_ns", "lease_time_ns"}
        if scope.sample_mod != 1 or not (scope.metrics is None or needed <= scope.metrics):
            return begins, ends
        streams = self._recording.streams
        code_of = {
            streams[code].endpoint_id: code
            for code in self._rows
            if streams[code].metric == "publish_delta_ns"
        }
        rows_of: dict[str, list[Int64s]] = {}
        for code, rows in self._rows.items():
            if streams[code].metric == "lease_time_ns":
                rows_of.setdefault(streams[code].endpoint_id, []).append(rows)
        reader = TraceReader(self._recording, self._columns)
        number = 0
        for receipts in reader.receipts():
            rows = _in_order(self._columns, rows_of[receipts.stream.endpoint_id])
            publishers, join = reader.joined(receipts)
            for place in np.flatnonzero(join.outcome == MATCHED).tolist():
                number += 1
                publisher = publishers[int(join.publisher[place])].endpoint_id
                key = (code_of[publisher], int(receipts.seq[place]))
                begins.setdefault(key, []).append(number)
                ends[int(rows[place])] = number
        return begins, ends


def _in_order(columns: Columns, parts: list[Int64s]) -> Int64s:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate(parts)
    return rows[np.argsort(columns.time_ns[rows], kind="stable")]


def _uuid(text: str) -> int:
    raw = text.encode()
    return (zlib.crc32(raw) << 31) | (zlib.adler32(raw) & 0x7FFFFFFF) | 1


def _protos() -> Any:
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2
    except ImportError as error:
        raise ImportError(
            "Writing for Perfetto needs the package perfetto: install ezmsg-nb with its extra, "
            "ezmsg-nb[trace]."
        ) from error
    return perfetto_trace_pb2
