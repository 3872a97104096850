"""The live picture of a graph: units, ports, collections, processes, rates.

The browser side is ``frontend/src/topology``. The whole graph, its status and the conditions of
its units are traits, so that a page that is loaded again, or a second view, has them at once.
Rates go as binary messages, only while somebody looks, at most ten a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import networkx as nx
import numpy as np
import traitlets

from ezmsg_nb.front_end import bundle
from ezmsg_nb.outbox import Outbox
from ezmsg_nb.topology_encoding import encode_topology, rate_topics
from ezmsg_nb.topology_export import to_dot, to_mermaid, to_networkx
from ezmsg_nb.topology_picture import topology_svg, topology_text
from ezmsg_nb.watched_widget import WatchedWidget
from kernel_runtime.model import Topology

UnitState = Literal["ok", "dead", "stale", "slow"]


class TopologyWidget(WatchedWidget):
    """An interactive, live drawing of a graph.

    Parameters
    ----------
    topology
        What to show at first; None shows that the widget is connecting.
    height
        Height of the widget, in px.

    Attributes
    ----------
    selected
        Address of the unit that is selected in the drawing, or None.
    folded
        Addresses of the collections that are drawn as one box; None lets the widget choose so
        that the text can be read.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _topology = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    _unit_states = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)
    selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), None, allow_none=True).tag(sync=True)

    def __init__(self, topology: Topology | None = None, *, height: int = 420, **kw: Any) -> None:
        self._shown = topology
        self._revision = 0
        self._rate_topics: tuple[str, ...] = ()
        self._rates: Mapping[str, float | None] = {}
        self._sent_rates = np.empty(0, dtype=np.float32)
        self._rates_full = True
        self._sequence = 0
        self._topology_outbox = Outbox(self._send_topology)
        self._rates_outbox = Outbox(self._send_rates)
        if topology is not None:
            self._revision = 1
            self._rate_topics = rate_topics(topology)
            kw.setdefault("_topology", encode_topology(topology, revision=1))
        super().__init__(height=height, **kw)

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return bundle("topology").read_text(encoding="utf-8")

    def show_topology(self, topology: Topology) -> None:
        """Show another state of the graph; what is the same stays where it is."""
        with self._lock:
            if topology == self._shown:
                return
            self._shown = topology
        self._topology_outbox.post()

    def show_rates(self, rates: Mapping[str, float | None]) -> None:
        """Show how fast messages come.

        Parameters
        ----------
        rates
            Topic -> messages per second of its publishers; None, or no entry, is "not known".
        """
        with self._lock:
            self._rates = dict(rates)
            if not self._is_watched():
                return
        self._rates_outbox.post()

    def show_unit_states(self, states: Mapping[str, tuple[UnitState, str]]) -> None:
        """Mark units that have a problem.

        Parameters
        ----------
        states
            Unit -> state and the reason for it, in words. States are ``"ok"``, ``"dead"``,
            ``"stale"`` (doesn't answer) and ``"slow"`` (holds others back); units without an
            entry are well.
        """
        self._publish(
            "_unit_states", {unit: [state, reason] for unit, (state, reason) in states.items()}
        )

    def svg(self) -> str:
        """A static picture of the graph, as a whole SVG document."""
        return topology_svg(self._shown or Topology())

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        return to_mermaid(self._shown or Topology())

    def dot(self) -> str:
        """The graph as a description for Graphviz."""
        return to_dot(self._shown or Topology())

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """The graph for analysis: units and loose topics as nodes, streams as edges."""
        return to_networkx(self._shown or Topology())

    def close(self) -> None:
        self._topology_outbox.close()
        self._rates_outbox.close()
        super().close()

    def __repr__(self) -> str:
        shown = self._shown or Topology()
        return (
            f"TopologyWidget({len(shown.units)} units, {len(shown.edges)} edges, "
            f"{len(shown.processes)} processes)"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        live = super()._repr_mimebundle_(**kwargs)
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        shown = self._shown or Topology()
        picture = topology_svg(shown)
        return {
            **data,
            "text/plain": topology_text(shown),
            "text/vnd.mermaid": to_mermaid(shown),
            "image/svg+xml": picture,
            "text/html": f'<div style="max-width:100%;overflow:auto">{picture}</div>',
        }, metadata

    def _send_topology(self) -> None:
        with self._lock:
            topology = self._shown
            if topology is None or self._is_closed:
                return
            self._revision += 1
            self._rate_topics = rate_topics(topology)
            self._rates_full = True
            self._publish("_topology", encode_topology(topology, revision=self._revision))
            watched = self._is_watched() and bool(self._rates)
        if watched:
            self._rates_outbox.post()

    def _send_rates(self) -> None:
        with self._lock:
            if self._is_closed or not self._is_watched():
                return
            values = np.array(
                [_known(self._rates.get(topic)) for topic in self._rate_topics], dtype=np.float32
            )
            full = self._rates_full or len(values) != len(self._sent_rates)
            if full:
                changed = np.arange(len(values), dtype=np.uint32)
            else:
                same = (values == self._sent_rates) | (
                    np.isnan(values) & np.isnan(self._sent_rates)
                )
                changed = np.flatnonzero(~same).astype(np.uint32)
                if len(changed) == 0:
                    return
            self._sent_rates = values
            self._rates_full = False
            self._sequence += 1
            message = {
                "type": "rates",
                "revision": self._revision,
                "sequence": self._sequence,
                "full": full,
            }
            self.send(message, [changed.tobytes(), values[changed].tobytes()])

    def _seen_anew(self) -> None:
        self._send_all_rates()

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("type") == "resync":
            self._send_all_rates()

    def _send_all_rates(self) -> None:
        with self._lock:
            self._rates_full = True
        self._rates_outbox.post()


def _known(rate: float | None) -> float:
    return float("nan") if rate is None else float(rate)
