"""`Trace`: where the time of a graph's messages went, for cells."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pandas as pd

from kernel_runtime.errors import GraphError
from kernel_runtime.profiling.latency import TraceReader
from kernel_runtime.profiling.losses import losses, processes_gone, total_lost, untraced
from kernel_runtime.profiling.paths import path_latency, unit_path
from kernel_runtime.profiling.recording import TraceRecording
from kernel_runtime.profiling.trace import TraceHub
from kernel_runtime.profiling.trace_scope import scope_of
from kernel_runtime.settings.store import SettingsStore, leaves

from .cost_frames import tracing_cost_frame
from .trace_frames import (
    clock_frame,
    latency_frame,
    losses_frame,
    path_frame,
    samples_frame,
    with_settings,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_MAX_SAMPLES = 2_000_000
"""About 56 MB."""

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 15.0

PathLike = str | os.PathLike[str]


class RunWithin(Protocol):
    """Runs a coroutine on the loop of the graph and waits for it."""

    def __call__(self, coroutine: Coroutine[Any, Any, Any], timeout: float) -> Any: ...


class Trace:
    """Samples of a graph's endpoints, from the beginning of a ``with`` block to its end.

    Made by `LiveGraph.trace`. Everything may be asked while it runs; then it is about what
    has come so far, which is up to half a second behind. Tracing costs the traced units
    about 30 microseconds a message.
    """

    def __init__(
        self,
        hub: TraceHub,
        run: RunWithin,
        read_topology: Callable[[], Any],
        settings: SettingsStore,
        topics: Sequence[str] | str | None,
        metrics: Sequence[str] | str | None,
        sample_mod: int,
        max_samples: int,
        ended: Callable[[TraceRecording], None] = lambda recording: None,
    ) -> None:
        if type(max_samples) is not int or max_samples < 1:
            raise ValueError(
                f"max_samples must be a whole number of at least 1, not {max_samples!r}."
            )
        self._hub = hub
        self._run = run
        self._settings = settings
        self._ended = ended
        self._scope = scope_of(topics, metrics, sample_mod, read_topology())
        self._max_samples = max_samples
        self._recording: TraceRecording | None = None

    # -- life -------------------------------------------------------------------------------

    def start(self) -> Trace:
        """Switch tracing on; returns when every process concerned traces.

        Raises
        ------
        GraphError
            None of the processes concerned could be reached, or this trace ran before.
        """
        if self._recording is not None:
            raise GraphError("This trace has run already; make a new one by graph.trace().")
        self._recording = self._run(
            self._hub.start(self._scope, self._max_samples), START_TIMEOUT_S
        )
        return self

    def stop(self) -> None:
        """Switch tracing off and take in the last samples. Idempotent."""
        if self._recording is not None and self._recording.running:
            self._run(self._hub.stop(self._recording), STOP_TIMEOUT_S)
            self._ended(self._recording)

    def __enter__(self) -> Trace:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        try:
            self.stop()
        except GraphError:
            # What the block itself raised says more.
            if exc is None:
                raise
        return False

    @property
    def recording(self) -> TraceRecording:
        """The samples as numpy columns, and what is known of how they came.

        Raises
        ------
        GraphError
            The trace was not started.
        """
        if self._recording is None:
            raise GraphError("This trace has not begun: use it as `with graph.trace() as t:`.")
        return self._recording

    @property
    def running(self) -> bool:
        return self._recording is not None and self._recording.running

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of this trace: processes left out, other observers."""
        return self.recording.notes

    @property
    def nbytes(self) -> int:
        """Memory that the samples take."""
        return self.recording.nbytes

    def __len__(self) -> int:
        return len(self.recording)

    # -- frames -----------------------------------------------------------------------------

    def frame(self, settings: Sequence[str] = ()) -> pd.DataFrame:
        """All samples, one a row; see `ezmsg_nb.trace_frames.samples_frame`.

        Parameters
        ----------
        settings
            Settings (``"UNIT.field"``) to add as columns, with the value that was in force
            when each sample was taken, as far as the unit reported it.
        """
        frame = samples_frame(self.recording, self.recording.columns())
        if settings:
            current = {
                unit: dict(leaves(state.structured))
                for unit, state in self._settings.states().items()
            }
            frame = with_settings(frame, settings, self._settings.history(), current)
        return frame

    def clock(self) -> pd.DataFrame:
        """How each process' clock maps to wall time; see `trace_frames.clock_frame`."""
        return clock_frame(self.recording)

    def losses(self) -> pd.DataFrame:
        """How many samples are missing, by endpoint and cause; see `trace_frames.losses_frame`."""
        recording = self.recording
        columns = recording.columns()
        return losses_frame(recording, losses(recording, columns), untraced(recording, columns))

    def cost(self) -> pd.DataFrame:
        """How much tracing slowed the pipeline: while it was on, and right after it.

        Empty where that was not measured: the trace runs still, it was shorter than half a
        second, or other traces went on when it ended. See `cost_frames.tracing_cost_frame`.
        """
        return tracing_cost_frame(self.recording.cost)

    def latency(self) -> pd.DataFrame:
        """Latency of each connection, with the quality of the join.

        See `ezmsg_nb.trace_frames.latency_frame` for the columns.

        Raises
        ------
        ValueError
            The trace was sampled, or made without the metrics that it takes.
        """
        return latency_frame(self.recording.topology, TraceReader(self.recording).edges())

    def path(self, start: str, end: str) -> pd.DataFrame:
        """End-to-end latency of messages from one unit to another.

        Parameters
        ----------
        start, end
            Units; the shortest path between them is taken.

        Returns
        -------
        pandas.DataFrame
            See `ezmsg_nb.trace_frames.path_frame`.
        """
        units = unit_path(self.recording.topology, start, end)
        return path_frame(path_latency(TraceReader(self.recording), units))

    # -- pictures and files -------------------------------------------------------------------

    def plot(self) -> Figure:
        """Rates over time, latency of each connection, and spans of the units."""
        from .plots import overview

        return overview(self)

    def to_parquet(self, path: PathLike) -> None:
        """Write the samples as a Parquet data set, a folder with one file a process."""
        from .trace_export import write_parquet

        write_parquet(self, path)

    def to_csv(self, path: PathLike) -> None:
        """Write the samples as one table of text; see `frame` for the columns."""
        self.frame().to_csv(path, index=False)

    def to_perfetto(self, path: PathLike) -> None:
        """Write a file that Perfetto (ui.perfetto.dev) opens: spans, and flows of messages."""
        from .perfetto import write_perfetto

        write_perfetto(self, path)

    def report(self, path: PathLike) -> None:
        """Write one HTML page with pictures, tables, settings and versions."""
        from .report import write_report

        write_report(self, path)

    def settings_now(self) -> dict[str, dict[str, Any]]:
        """Fields of all units, as last reported."""
        return {
            unit: dict(leaves(state.structured)) for unit, state in self._settings.states().items()
        }

    # -- display ------------------------------------------------------------------------------

    def summary(self) -> list[str]:
        """What there is, and what is wrong with it, in a few lines."""
        if self._recording is None:
            return ["Trace that has not begun."]
        recording = self._recording
        lost = total_lost(losses(recording, recording.columns()))
        none = "none lost" if not processes_gone(recording) else "none known to be lost"
        state = "running" if recording.running else "ended"
        processes = len({stream.process_id for stream in recording.streams.all()})
        lines = [
            f"Trace, {state}: {len(recording):,} samples of {processes} processes in "
            f"{recording.duration_s:.1f} s, {recording.nbytes / 1e6:.1f} MB; "
            + (f"{lost:,} samples lost, see losses()." if lost else f"{none}.")
        ]
        if recording.cost is not None:
            lines.append(f"Its cost: {recording.cost.text}.")
        elif not recording.running:
            lines.append("What it cost the pipeline was not measured.")
        return lines + list(recording.notes)

    def __repr__(self) -> str:
        return "\n".join(self.summary())

    def _repr_html_(self) -> str:
        first, *notes = (html.escape(line) for line in self.summary())
        items = "".join(f"<li>{note}</li>" for note in notes)
        return f"<p>{first}</p>" + (f"<ul>{items}</ul>" if items else "")
