"""What the processes of a graph can be asked."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar
from uuid import UUID

from ezmsg.core.graphmeta import (
    GraphSnapshot,
    ProcessControlOperation,
    ProcessControlResponse,
    ProcessPing,
    ProcessProfilingSnapshot,
    ProcessProfilingTraceBatch,
    ProcessStats,
    ProfilingTraceControl,
)

from .errors import GraphError
from .graph_session import GraphSession
from .owning_loop import on_owning_loop
from .process_control import ProcessControl
from .profiling.trace_control import check_trace_control

T = TypeVar("T")


class ProfilingSnapshots(dict[UUID, ProcessProfilingSnapshot]):
    """Profiling snapshots by process id; ``failures`` has who did not answer, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[UUID, GraphError] = {}


class ProcessRequests(GraphSession):
    """A session that asks processes, each over a lane of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._processes = ProcessControl(
            str(self._address), self.open_connection, self._read_snapshot
        )
        self._learned: bytes | None = None

    def _let_go(self) -> None:
        self._processes.close()
        super()._let_go()

    @on_owning_loop
    async def snapshot(self) -> GraphSnapshot:
        """Edges, owners, sessions with metadata, and processes, as they are now."""
        snapshot = await self._read_snapshot()
        if self._learned is not self._snapshot_payload:
            self._processes.learn(snapshot)
            self._remember(snapshot)
            self._learned = self._snapshot_payload
        return snapshot

    @on_owning_loop
    async def process_request(
        self,
        unit_address: str,
        operation: ProcessControlOperation | str,
        *,
        payload: bytes | None = None,
        payload_obj: object | None = None,
        timeout: float = 2.0,
    ) -> ProcessControlResponse:
        """Send an operation to the process that owns a unit, and return its response as it is.

        A response that says ``ok=False`` is returned, not raised; the typed methods raise.
        """
        return await self._processes.request(unit_address, operation, payload, payload_obj, timeout)

    async def _ask(
        self,
        unit: str,
        operation: ProcessControlOperation,
        expected: type[T],
        *,
        timeout: float,
        payload_obj: object | None = None,
    ) -> T:
        response = await self._processes.request(unit, operation, None, payload_obj, timeout)
        return self._processes.payload(response, expected, unit, operation.value)

    def decode_process_payload(
        self,
        response: ProcessControlResponse,
        expected_type: type[T] = object,  # type: ignore[assignment]
    ) -> T:
        """The payload of a response, decoded without running anything of it.

        Raises
        ------
        GraphError
            The subclass for the response's error code; `InvalidResponseError` for a payload
            that is missing or of another type.
        """
        return self._processes.payload(response, expected_type)

    @on_owning_loop
    async def process_ping(self, unit_address: str, *, timeout: float = 2.0) -> ProcessPing:
        """Have the owning process answer; its ``pid`` is that of the process itself."""
        return await self._ask(
            unit_address, ProcessControlOperation.PING, ProcessPing, timeout=timeout
        )

    @on_owning_loop
    async def process_stats(self, unit_address: str, *, timeout: float = 2.0) -> ProcessStats:
        """The units that the owning process says it owns."""
        return await self._ask(
            unit_address, ProcessControlOperation.GET_PROCESS_STATS, ProcessStats, timeout=timeout
        )

    @on_owning_loop
    async def process_profiling_snapshot(
        self, unit_address: str, *, timeout: float = 2.0
    ) -> ProcessProfilingSnapshot:
        """Counters of the endpoints of one process.

        Its ``*_window`` fields are shared by all observers of the process, and under fork
        its ``pid`` is the parent's: use totals, and the pid of the process registration.
        """
        return await self._ask(
            unit_address,
            ProcessControlOperation.GET_PROFILING_SNAPSHOT,
            ProcessProfilingSnapshot,
            timeout=timeout,
        )

    @on_owning_loop
    async def process_set_profiling_trace(
        self, unit_address: str, control: ProfilingTraceControl, *, timeout: float = 2.0
    ) -> ProcessControlResponse:
        """Set the trace control of the owning process; it replaces that of any other observer.

        Raises
        ------
        SettingsRejectedError
            A control that would end the process' control connection for good.
        """
        check_trace_control(control, unit_address)
        return await self._processes.request(
            unit_address, ProcessControlOperation.SET_PROFILING_TRACE, None, control, timeout
        )

    @on_owning_loop
    async def process_profiling_trace_batch(
        self, unit_address: str, *, max_samples: int = 1000, timeout: float = 2.0
    ) -> ProcessProfilingTraceBatch:
        """Take trace samples out of the owning process' own buffers."""
        return await self._ask(
            unit_address,
            ProcessControlOperation.GET_PROFILING_TRACE_BATCH,
            ProcessProfilingTraceBatch,
            payload_obj=int(max_samples),
            timeout=timeout,
        )

    @on_owning_loop
    async def profiling_snapshot_all(
        self, *, timeout_per_process: float = 0.5
    ) -> ProfilingSnapshots:
        """Profiling snapshots of all processes that own units, asked at the same time.

        Returns
        -------
        ProfilingSnapshots
            A dict of those that answered, by process id; ``failures`` has the others.
        """
        snapshot = await self.snapshot()
        asked = [process for process in snapshot.processes.values() if process.units]
        answers = await asyncio.gather(
            *(
                self.process_profiling_snapshot(process.units[0], timeout=timeout_per_process)
                for process in asked
            ),
            return_exceptions=True,
        )
        found = ProfilingSnapshots()
        for process, answer in zip(asked, answers, strict=True):
            if isinstance(answer, ProcessProfilingSnapshot):
                found[process.process_id] = answer
            elif isinstance(answer, GraphError):
                found.failures[process.process_id] = answer
            else:
                raise answer
        return found

    def silent_since(self, process_id: UUID) -> float | None:
        """``time.monotonic()`` since when a process has left our requests unanswered."""
        return self._processes.silent_since(process_id)
