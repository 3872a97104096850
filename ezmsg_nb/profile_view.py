"""`ProfileView`: a live table of all endpoints, with rates, backpressure and processes.

The browser side is ``frontend/src/profile``. What an endpoint is goes as a trait, when it
changes; numbers go as one binary message for all rows, at most twice a second, while somebody
looks.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import traitlets

from kernel_runtime.errors import GraphError
from kernel_runtime.follower import Measured
from kernel_runtime.model import Topology
from kernel_runtime.profiling.joins import upstream_topics
from kernel_runtime.profiling.process_load import ProcessLoad, loads_between, sample_loads
from kernel_runtime.profiling.rates import EndpointRate

from .frames import profile_frame
from .front_end import bundle
from .trace_frames import unit_of_topic
from .watched_widget import WatchedWidget

FIELDS: Final = ("rate", "total", "inflight", "dropped", "cpu", "rss")
"""Numbers of a row, in the order in which a message has them; as ``rows.ts`` has it."""


class ProfileView(WatchedWidget):
    """What every endpoint of a graph does, live.

    Parameters
    ----------
    topology
        The graph.
    height
        Height of the widget, in px.
    cost
        Says what it costs to look, in words.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _rows = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)

    def __init__(
        self,
        topology: Topology | None = None,
        *,
        height: int = 420,
        cost: Callable[[], str] = str,
        **kw: Any,
    ) -> None:
        self._topology = topology or Topology()
        self._measured: Measured | None = None
        self._loads_before: Mapping[str, Any] = {}
        self._cost = cost
        super().__init__(height=height, _rows={"revision": 0, "rows": []}, **kw)

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return bundle("profile_view").read_text(encoding="utf-8")

    # -- what to show -------------------------------------------------------------------------

    def show_topology(self, topology: Topology) -> None:
        """Tell of another state of the graph; rows follow with the next measurement."""
        with self._lock:
            self._topology = topology

    def show_measured(self, measured: Measured) -> None:
        """Show one round of rates. Does nothing while nobody looks."""
        with self._lock:
            self._measured = measured
            if self._is_closed or not self._is_watched():
                return
            loads = self._loads()
            dropped = dropped_hz(self._topology, measured.endpoints)
            rows, numbers = _rows_of(self._topology, measured, loads, dropped)
            if rows != self._rows["rows"]:
                revision = self._rows["revision"] + 1
                self._publish("_rows", {"revision": revision, "rows": rows})
            message = {
                "type": "numbers",
                "revision": self._rows["revision"],
                "time": time.time(),
                "cost": self._cost(),
            }
            self.send(message, [numbers.tobytes()])

    def frame(self) -> pd.DataFrame:
        """The newest numbers, as `LiveGraph.profile` gives them; empty before the first."""
        measured = self._measured
        if measured is None:
            return profile_frame(self._topology, {}, {})
        return profile_frame(self._topology, measured.endpoints, measured.failures)

    def __repr__(self) -> str:
        return f"ProfileView({len(self._rows['rows'])} rows)"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        live = super()._repr_mimebundle_(**kwargs)
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        frame = self.frame()
        columns = ["unit", "role", "rate_hz", "messages_total", "inflight", "num_buffers"]
        table = frame.set_index("topic")[columns].to_html(na_rep="", float_format="{:.1f}".format)
        words = "" if len(frame) else f"<p>{html.escape('Nothing was measured yet.')}</p>"
        return {**data, "text/plain": repr(self), "text/html": words + table}, metadata

    # -- inside -------------------------------------------------------------------------------

    def _loads(self) -> dict[str, ProcessLoad]:
        now = sample_loads(self._topology.processes.values())
        before, self._loads_before = self._loads_before, now
        return loads_between(before, now)

    def _unseen(self) -> None:
        # The next round must not average over the time in which nobody looked.
        with self._lock:
            self._loads_before = {}


def dropped_hz(topology: Topology, rates: Mapping[str, EndpointRate]) -> dict[str, float]:
    """Messages per second that leaky inputs let go, by endpoint id, where it can be known.

    What the publishers upstream send and the subscriber does not receive; below two messages
    a window it can't be told from those that are under way.
    """
    leaky = {port.topic for unit in topology.units.values() for port in unit.inputs if port.leaky}
    published: dict[str, float | None] = {}
    for rate in rates.values():
        if rate.count.role == "publisher":
            so_far = published.get(rate.count.topic, 0.0)
            known = rate.rate_hz is not None and so_far is not None
            published[rate.count.topic] = (so_far or 0.0) + (rate.rate_hz or 0.0) if known else None
    found = {}
    for endpoint_id, rate in rates.items():
        if rate.count.role != "subscriber" or rate.count.topic not in leaky:
            continue
        sources = upstream_topics(topology, rate.count.topic, set(published))
        sent = [published[topic] for topic in sources]
        known_hz = [value for value in sent if value is not None]
        if rate.rate_hz is None or not rate.window_s or len(known_hz) < len(sent):
            continue
        missing_hz = sum(known_hz) - rate.rate_hz
        found[endpoint_id] = missing_hz if missing_hz * rate.window_s >= 2 else 0.0
    return found


def _rows_of(
    topology: Topology,
    measured: Measured,
    loads: Mapping[str, ProcessLoad],
    dropped: Mapping[str, float],
) -> tuple[list[dict[str, Any]], np.ndarray[Any, np.dtype[np.float64]]]:
    units = unit_of_topic(topology)
    nan = float("nan")
    rows: list[dict[str, Any]] = []
    numbers: list[tuple[float, ...]] = []
    for endpoint_id, rate in measured.endpoints.items():
        count = rate.count
        load = loads.get(count.process_id)
        rows.append(
            {
                "id": endpoint_id,
                "role": count.role,
                "unit": units.get(count.topic, ""),
                "topic": count.topic,
                "process": _process_name(topology, count.process_id),
                "channel": count.channel or "",
                "buffers": count.num_buffers or 0,
                "reason": "",
            }
        )
        numbers.append(
            (
                nan if rate.rate_hz is None else rate.rate_hz,
                float(count.messages_total),
                nan if count.inflight is None else float(count.inflight),
                dropped.get(endpoint_id, nan),
                nan if load is None else load.cpu,
                nan if load is None else float(load.rss_bytes),
            )
        )
    for process_id, error in measured.failures.items():
        rows.append(_failed_row(topology, process_id, error))
        numbers.append((nan,) * len(FIELDS))
    return rows, np.array(numbers, "<f8").reshape(len(rows), len(FIELDS))


def _failed_row(topology: Topology, process_id: str, error: GraphError) -> dict[str, Any]:
    process = topology.processes.get(process_id)
    return {
        "id": f"process:{process_id}",
        "role": "process",
        "unit": ", ".join(process.units) if process is not None else "",
        "topic": "",
        "process": _process_name(topology, process_id),
        "channel": "",
        "buffers": 0,
        "reason": error.message,
    }


def _process_name(topology: Topology, process_id: str) -> str:
    process = topology.processes.get(process_id)
    return str(process.pid) if process is not None and process.pid is not None else process_id
