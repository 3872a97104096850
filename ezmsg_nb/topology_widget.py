"""The live picture of a graph: units, ports, collections, processes, rates.

The browser side is ``frontend/src/topology``. The whole graph, its status and the conditions of
its units are traits, so that a page that is loaded again, or a second view, has them at once.
Numbers go as binary messages, only while somebody looks, at most ten a second.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
import traitlets

from ezmsg_nb.front_end import bundle
from ezmsg_nb.outbox import Outbox
from ezmsg_nb.scope_picture import svg_url
from ezmsg_nb.topology_coarse import MOST_BOXES, coarse
from ezmsg_nb.topology_difference import TopologyDifference, difference
from ezmsg_nb.topology_encoding import encode_topology
from ezmsg_nb.topology_export import to_dot, to_mermaid, to_networkx
from ezmsg_nb.topology_groups import by_process
from ezmsg_nb.topology_numbers import GraphNumbers
from ezmsg_nb.topology_picture import topology_svg, topology_text
from ezmsg_nb.topology_states import UnitState
from ezmsg_nb.topology_wishes import GraphActions, place_in_history, text_of
from ezmsg_nb.watched_widget import WatchedWidget
from kernel_runtime.errors import GraphError
from kernel_runtime.model import Topology


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
    pins
        Component -> ``[x, y]``: where it was put by hand, from the corner of the group around it.
    group_by
        ``"collection"``, or ``"process"``: units of a process stand together.
    actions
        What one may do to the graph from the page; None for a picture alone.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    _topology = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    _unit_states = traitlets.Dict().tag(sync=True)
    _history = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)
    selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    folded = traitlets.List(traitlets.Unicode(), None, allow_none=True).tag(sync=True)
    pins = traitlets.Dict().tag(sync=True)
    group_by = traitlets.Enum(["collection", "process"], "collection").tag(sync=True)

    def __init__(self, topology: Topology | None = None, *, height: int = 420, **kw: Any) -> None:
        self.actions: GraphActions | None = None
        self._own_session: str | None = None
        self._shown = topology
        self._drawn = Topology()
        self._past: TopologyDifference | None = None
        self._revision = 0
        self._numbers = GraphNumbers()
        self._states: Mapping[str, tuple[UnitState, str]] = {}
        self._sent_numbers = np.empty(0, dtype=np.float32)
        self._numbers_full = True
        self._sequence = 0
        self._topology_outbox = Outbox(self._send_topology)
        self._numbers_outbox = Outbox(self._send_numbers)
        if topology is not None:
            grouped = kw.get("group_by") == "process"
            kw.setdefault("_topology", self._encode(topology, by_processes=grouped))
        super().__init__(height=height, **kw)
        self.observe(self._regroup, "group_by")

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return bundle("topology").read_text(encoding="utf-8")

    @traitlets.default("_css")
    def _default_css(self) -> str:
        return bundle("topology", "css").read_text(encoding="utf-8")

    # -- what to show -------------------------------------------------------------------------

    def show_topology(self, topology: Topology, *, own_session: str | None = None) -> None:
        """Show another state of the graph; what is the same stays where it is.

        Parameters
        ----------
        topology
            The graph.
        own_session
            This kernel's session at the GraphServer: connections that it holds are marked.
        """
        with self._lock:
            if topology == self._shown and own_session == self._own_session:
                return
            self._shown = topology
            self._own_session = own_session
        self._topology_outbox.post()

    def show_rates(self, rates: Mapping[str, float | None]) -> None:
        """Show how fast messages come.

        Parameters
        ----------
        rates
            Topic -> messages per second of its publishers; None, or no entry, is "not known".
        """
        self.show_numbers(GraphNumbers(rates=dict(rates)))

    def show_numbers(self, numbers: GraphNumbers) -> None:
        """Show what was measured: rates, backpressure, transport, latency, CPU."""
        with self._lock:
            self._numbers = numbers
            if not self._is_watched():
                return
        self._numbers_outbox.post()

    def show_unit_states(self, states: Mapping[str, tuple[UnitState, str]]) -> None:
        """Mark units that have a problem.

        Parameters
        ----------
        states
            Unit -> state and the reason for it, in words; units without an entry are well.
        """
        with self._lock:
            self._states = states
            if self._past is not None:
                states = self._past.units
        self._publish(
            "_unit_states", {unit: [state, reason] for unit, (state, reason) in states.items()}
        )

    def show_difference(self, before: Topology, after: Topology) -> None:
        """Show what was added, removed, rewired and moved, in colours, until `show_present`."""
        self._show_past(difference(before, after))

    def show_present(self) -> None:
        """Show the graph as it is now."""
        self._publish("_history", None)
        self._show_past(None)

    # -- for elsewhere ------------------------------------------------------------------------

    def svg(self) -> str:
        """A static picture of the graph, as a whole SVG document."""
        return self._picture(None)

    def _picture(self, most_boxes: int | None) -> str:
        if self._past is not None:
            past = self._past
            units, edges = past.units, past.edges
            return topology_svg(past.union, units=units, edges=edges, most_boxes=most_boxes)
        return topology_svg(self._shown or Topology(), most_boxes=most_boxes)

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
        self._numbers_outbox.close()
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
        # As an image: of a picture in the page itself, one that isn't trusted keeps the words only.
        picture = self._picture(MOST_BOXES)
        source = svg_url(picture)
        words = html.escape(topology_text(shown).partition("\n")[0])
        return {
            **data,
            "text/plain": topology_text(shown, most_boxes=MOST_BOXES),
            "text/vnd.mermaid": to_mermaid(coarse(shown).topology),
            # What makes a PDF of a notebook, or has no HTML, takes this one.
            "image/svg+xml": picture,
            "text/html": f'<img src="{source}" alt="{words}" style="max-width:100%">',
        }, metadata

    # -- inside -------------------------------------------------------------------------------

    def _encode(self, topology: Topology, *, by_processes: bool) -> dict[str, object]:
        past = self._past
        shown = topology if past is None else past.union
        self._drawn = by_process(shown) if by_processes else shown
        self._revision += 1
        self._numbers_full = True
        return encode_topology(
            self._drawn,
            revision=self._revision,
            own_session=self._own_session,
            marks=past.edges if past is not None else None,
        )

    def _send_topology(self) -> None:
        with self._lock:
            topology = self._shown
            if self._is_closed or (topology is None and self._past is None):
                return
            grouped = self.group_by == "process"
            self._publish("_topology", self._encode(topology or Topology(), by_processes=grouped))
            watched = self._is_watched()
        if watched:
            self._numbers_outbox.post()

    def _regroup(self, _change: object) -> None:
        self._topology_outbox.post()

    def _send_numbers(self) -> None:
        with self._lock:
            if self._is_closed or not self._is_watched():
                return
            # Nothing was measured in the past that would be true of it.
            numbers = self._numbers if self._past is None else GraphNumbers()
            values = numbers.vector(self._drawn)
            full = self._numbers_full or len(values) != len(self._sent_numbers)
            if full:
                changed = np.arange(len(values), dtype=np.uint32)
            else:
                same = (values == self._sent_numbers) | (
                    np.isnan(values) & np.isnan(self._sent_numbers)
                )
                changed = np.flatnonzero(~same).astype(np.uint32)
                if len(changed) == 0:
                    return
            self._sent_numbers = values
            self._numbers_full = False
            self._sequence += 1
            message = {
                "type": "rates",
                "revision": self._revision,
                "sequence": self._sequence,
                "full": full,
            }
            self.send(message, [changed.tobytes(), values[changed].tobytes()])

    def _send_all_numbers(self) -> None:
        with self._lock:
            self._numbers_full = True
        self._numbers_outbox.post()

    def _seen_anew(self) -> None:
        self._send_all_numbers()

    # -- what the page asks ---------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "resync":
            self._send_all_numbers()
        elif kind == "export":
            self._export(text_of(message, "format"))
        elif kind == "history":
            self._go_to(message)
        elif kind in ("connect", "disconnect", "undo"):
            self._rewire(kind, text_of(message, "from"), text_of(message, "to"))

    def _export(self, name: str) -> None:
        writers = {"svg": self.svg, "mermaid": self.mermaid, "dot": self.dot}
        if name in writers:
            self.send({"type": "export", "format": name, "text": writers[name]()})

    def _rewire(self, kind: str, from_topic: str, to_topic: str) -> None:
        actions = self.actions
        if actions is None:
            self.send({"type": "note", "text": "This picture has no graph behind it."})
            return
        try:
            if kind == "undo":
                said = actions.undo()
            elif kind == "connect":
                said = actions.connect(from_topic, to_topic)
            else:
                said = actions.disconnect(from_topic, to_topic)
        except (GraphError, RuntimeError) as error:
            said = str(error)
        self.send({"type": "note", "text": said})

    def _go_to(self, message: dict[str, Any]) -> None:
        stops = self.actions.stops() if self.actions is not None else []
        at = place_in_history(message, len(stops))
        if at is None or self.actions is None:
            self.show_present()
            return
        listed = [[stop.time, stop.text] for stop in stops]
        self._publish("_history", {"stops": listed, "at": at})
        self._show_past(self.actions.past(at) if at < len(stops) - 1 else None)

    def _show_past(self, past: TopologyDifference | None) -> None:
        with self._lock:
            self._past = past
            states = self._states
        self._topology_outbox.post()
        self.show_unit_states(states)
