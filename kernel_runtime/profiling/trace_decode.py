"""Trace batches from a GraphServer, decoded straight into columns.

The pickle of a batch makes one object and one dict a sample. Here the object is an empty
stand-in, and its dict goes into a list without any Python code being run: faster than
``pickle.loads``, and as safe as `kernel_runtime.safe_pickle`, whose unpickler does the work.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ezmsg.core import graphmeta
from ezmsg.core.graphmeta import (
    ProcessProfilingTraceBatch,
    ProfilingTraceSample,
    ProfilingTraceStreamBatch,
)

from .. import safe_pickle
from ..errors import UnsafePayloadError
from ..stand_ins import Sealed
from .columns import NO_SEQ, Columns, StreamTable

_FIELDS = tuple(field.name for field in dataclasses.fields(ProfilingTraceSample))
_TIME, _VALUE, _SEQ = map(_FIELDS.index, ("timestamp", "value", "sample_seq"))
_NAMES = tuple(map(_FIELDS.index, ("endpoint_id", "topic", "metric", "channel_kind")))

_CHANNELS = {member.value: member.name for member in graphmeta.ProfileChannelType}


@dataclass(frozen=True, slots=True)
class ProcessSamples:
    """Samples of one process, as one message brought them."""

    process_id: str
    host: str
    samples: Columns


class _Numbers(dict[tuple[str, str, str, str | None], int]):
    """Stream numbers of one process by what a sample says; unknown ones are made."""

    def __init__(self, table: StreamTable, process_id: str) -> None:
        super().__init__()
        self._table = table
        self._process_id = process_id

    def __missing__(self, key: tuple[str, str, str, str | None]) -> int:
        endpoint_id, topic, metric, channel = key
        if not (isinstance(endpoint_id, str) and isinstance(topic, str) and type(metric) is str):
            raise TypeError("a sample's endpoint, topic and metric must be texts")
        number = self._table.code(
            self._process_id, endpoint_id, topic, metric, _CHANNELS.get(channel or "")
        )
        self[key] = number
        return number


class TraceDecoder:
    """Decodes the messages of one trace subscription. Not for several threads at once.

    Parameters
    ----------
    table
        Where streams get their numbers.
    """

    def __init__(self, table: StreamTable) -> None:
        self._table = table
        self._numbers: dict[str, _Numbers] = {}
        self._states: list[Any] = []
        # A bound builtin as a class attribute: BUILD calls it with each sample's dict, at C
        # speed. The class is sealed, so that no message can put another in its place.
        sample = Sealed("TraceSample", (), {"__slots__": (), "__setstate__": self._states.append})
        self._replacements: dict[tuple[str, str], Any] = {
            (graphmeta.__name__, "ProfilingTraceSample"): sample,
            (graphmeta.__name__, "ProfileChannelType"): safe_pickle._SealedCall(_channel_text),
        }

    def decode(self, payload: bytes, *, from_server: bool = True) -> list[ProcessSamples]:
        """The samples of a message, by process.

        Parameters
        ----------
        payload
            Pickle of a ``ProfilingTraceStreamBatch`` or of a ``ProcessProfilingTraceBatch``.
        from_server
            Whether the GraphServer pickled it. What a process pickled is scanned first.

        Raises
        ------
        UnsafePayloadError
            It is neither, or a sample in it is not what ezmsg writes.
        """
        self._states.clear()
        with _collector_at_rest():
            return self._decode(payload, from_server)

    def _decode(self, payload: bytes, from_server: bool) -> list[ProcessSamples]:
        states = self._states
        try:
            message = safe_pickle.decode(
                payload, replacements=self._replacements, scan=not from_server
            )
            batches = _batches(message)
            counts = [len(batch.samples) for batch in batches]
            if sum(counts) != len(states):
                raise UnsafePayloadError(
                    f"A trace batch says that it has {sum(counts)} samples and has {len(states)}."
                )
            found = []
            start = 0
            for batch, count in zip(batches, counts, strict=True):
                part = states[start : start + count]
                found.append(self._of_process(batch, part))
                start += count
            return found
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise UnsafePayloadError(f"A trace batch can't be read: {error!r}") from error
        finally:
            states.clear()

    def _of_process(self, batch: ProcessProfilingTraceBatch, states: list[Any]) -> ProcessSamples:
        process_id = str(batch.process_id)
        numbers = self._numbers.get(process_id)
        if numbers is None:
            numbers = self._numbers[process_id] = _Numbers(self._table, process_id)
        count, width = len(states), len(_FIELDS)
        if count and tuple(states[0]) != _FIELDS:
            raise ValueError("a sample has other fields than ezmsg's")
        flat = list(itertools.chain.from_iterable(map(dict.values, states)))
        if len(flat) != width * count:
            raise ValueError("samples differ in their fields")
        # Floats of whole nanoseconds, exact up to 104 days of uptime.
        times = np.fromiter(flat[_TIME::width], np.float64, count)
        values = np.fromiter(flat[_VALUE::width], np.float64, count)
        if not (np.isfinite(times).all() and np.isfinite(values).all()):
            raise ValueError("a time or value is not finite")
        names = zip(*(flat[place::width] for place in _NAMES), strict=True)
        code = np.fromiter(map(numbers.__getitem__, names), np.int32, count)
        seqs = flat[_SEQ::width]
        try:
            seq = np.fromiter(seqs, np.int64, count)
        except TypeError:
            seq = np.fromiter(map(_number, seqs), np.int64, count)
        columns = Columns(times.astype(np.int64), values.astype(np.int64), seq, code)
        return ProcessSamples(process_id, str(batch.host), columns)


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from looking through tens of thousands of new dicts.

    None of them is garbage, nor part of a cycle; looking takes two thirds of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _channel_text(value: object) -> object:
    # The enum's own hash is Python code, called once a sample; its value's is not.
    if value not in _CHANNELS:
        raise ValueError(f"{value!r} is not a channel of ezmsg")
    return value


def _number(seq: object) -> int:
    if seq is None:
        return NO_SEQ
    if not isinstance(seq, int):
        raise TypeError("a sample's number must be whole")
    return seq


def _batches(message: object) -> list[ProcessProfilingTraceBatch]:
    if isinstance(message, ProcessProfilingTraceBatch):
        batches: list[Any] = [message]
    elif isinstance(message, ProfilingTraceStreamBatch) and isinstance(message.batches, Mapping):
        batches = list(message.batches.values())
    else:
        raise UnsafePayloadError(f"A {type(message).__name__} came in place of a trace batch.")
    for batch in batches:
        if not isinstance(batch, ProcessProfilingTraceBatch) or not isinstance(batch.samples, list):
            raise UnsafePayloadError("A trace batch is not made of batches of processes.")
    return batches
