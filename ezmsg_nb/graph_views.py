"""The widgets of one graph, kept in step with it."""

from __future__ import annotations

import asyncio
import html
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernel_runtime.background import BackgroundLoop
from kernel_runtime.errors import GraphError
from kernel_runtime.follower import GraphFollower, Measured, UnitHealth
from kernel_runtime.host import LogRecord, ProcessExit
from kernel_runtime.model import Topology
from kernel_runtime.server_link import Status
from kernel_runtime.settings.store import ReportedSettings

from .form_fields import FormSection
from .frames import units_frame
from .graph_actions import PictureActions
from .graph_form_actions import actions_of
from .log_view import LogView
from .picture_numbers import PictureNumbers
from .profile_view import ProfileView
from .settings_form import SettingsForm
from .topology_numbers import GraphNumbers
from .topology_states import UnitState
from .topology_widget import TopologyWidget
from .topology_with_settings import TopologyWithSettings
from .unit_details import UnitDetails

if TYPE_CHECKING:
    from .live_graph import LiveGraph

EDIT_TIMEOUT_S = 5.0
MOST_ROWS = 60
"""Of units in a table for where no front end is live."""


class GraphViews:
    """Makes widgets of a graph and passes on to them what happens to it.

    Parameters
    ----------
    graph
        Whose widgets.
    follower
        Tells what happens; its callbacks come on the background loop's thread.
    loop
        That loop.
    """

    def __init__(self, graph: LiveGraph, follower: GraphFollower, loop: BackgroundLoop) -> None:
        self._graph = graph
        self._loop = loop
        self._lock = threading.Lock()
        self._pictures: list[TopologyWidget] = []
        self._forms: list[SettingsForm] = []
        self._profiles: list[ProfileView] = []
        self._exits: dict[str, str] = {}
        self._log_views: list[LogView] = []
        self._own_picture: TopologyWidget | None = None
        self._panels: list[TopologyWithSettings] = []
        self._actions = PictureActions(graph, lambda: self._follower)
        self._measuring = PictureNumbers(graph.running_traces)
        self._numbers = GraphNumbers()
        graph.settings.undo_listeners.append(self._show_undo)
        self.follow(follower)

    def follow(self, follower: GraphFollower) -> None:
        """Show this graph from now on, in the widgets that there are too."""
        self._follower = follower
        with self._lock:
            self._exits.clear()
        follower.topology_listeners.append(self._show_topology)
        follower.state_listeners.append(self._show_unit_states)
        follower.rate_listeners.append(self._show_rates)
        follower.status_listeners.append(self.show_status)
        follower.settings.on_change(self._show_settings)

    def show_all(self) -> None:
        """Bring every widget to the state of now."""
        self._show_topology(self._follower.topology)
        self._show_unit_states(self._follower.unit_states)
        self.show_status()
        for unit, state in self._follower.settings.states().items():
            self._show_settings(unit, state)
        self._count_watchers(None)

    def topology(
        self, *, settings: bool = False, **options: Any
    ) -> TopologyWidget | TopologyWithSettings:
        """A new picture of the graph, live as long as the graph is.

        Parameters
        ----------
        settings
            Whether the settings of the selected unit are shown beside it.
        **options
            Those of `TopologyWidget`.
        """
        picture = self._picture(**options)
        if not settings:
            return picture
        details = UnitDetails(self._graph.log_records)
        panel = TopologyWithSettings(
            picture,
            self._form([]),
            self._sections_of,
            details,
            lambda: self._show_details(picture, details),
        )
        with self._lock:
            self._panels.append(panel)
        return panel

    def _show_details(self, picture: TopologyWidget, details: UnitDetails) -> None:
        unit = picture.selected
        state = self._unit_states().get(unit) if unit is not None else None
        details.show(unit, self._follower.topology, self._numbers, state)

    def _picture(self, **options: Any) -> TopologyWidget:
        widget = TopologyWidget(self._follower.topology, **options)
        widget.actions = self._actions
        with self._lock:
            self._pictures.append(widget)
        widget.observe(self._count_watchers, "watching")
        self._show_status_in(widget)
        widget.show_unit_states(self._unit_states())
        return widget

    def profile(self, **options: Any) -> ProfileView:
        """A new live table of all endpoints."""
        options.setdefault("cost", lambda: self._graph.observer_cost.text)
        widget = ProfileView(self._follower.topology, **options)
        with self._lock:
            self._profiles.append(widget)
        widget.observe(self._count_watchers, "watching")
        self._show_status_in(widget)
        return widget

    def form(self, unit: str | None = None) -> SettingsForm:
        """A new form: of one unit, or of all in the order of their addresses."""
        units = [unit] if unit is not None else list(self._graph.settings)
        return self._form([self._section(address) for address in units])

    def _form(self, sections: list[FormSection]) -> SettingsForm:
        form = SettingsForm(sections)
        form.on_commit(lambda *edit: self._commit(form, *edit))
        form.offer(actions_of(self._graph.settings, EDIT_TIMEOUT_S))
        with self._lock:
            self._forms.append(form)
        self._show_status_in(form)
        return form

    def _sections_of(self, selected: str | None) -> list[FormSection]:
        settings = self._graph.settings
        return [self._section(selected)] if selected is not None and selected in settings else []

    def logs(
        self, unit: str | None, records: Callable[[str | None], Sequence[LogRecord]]
    ) -> LogView:
        """A new view of the log, of one unit or of all."""
        view = LogView(lambda: records(unit), unit)
        with self._lock:
            self._log_views.append(view)
        return view

    def show_logs(self) -> None:
        """Say in every view of the log that there is more."""
        with self._lock:
            self._log_views = [view for view in self._log_views if view.comm is not None]
            views = list(self._log_views)
        for view in views:
            view.refresh()

    def display(self, **kwargs: Any) -> Any:
        """Rich display of the graph itself: one picture, shared by all its outputs."""
        with self._lock:
            known = self._own_picture
        if known is None:
            known = self._picture()
            with self._lock:
                self._own_picture = known
        shown = known._repr_mimebundle_(**kwargs)
        data, *metadata = shown if isinstance(shown, tuple) else (shown,)
        data = {**data, "text/html": data.get("text/html", "") + self._static_table()}
        return (data, *metadata) if metadata else data

    def _static_table(self) -> str:
        """Status and units, for where no front end is live."""
        units = units_frame(self._follower.topology)[["type", "process_id", "pid", "host"]]
        status = html.escape(f"{self._graph.status}: {self._graph.connection_text}")
        rows = units.to_html(max_rows=MOST_ROWS)
        return f"<p>{status}</p>{rows}"

    def show_unit_exit(self, exit: ProcessExit) -> None:
        """Mark the units of a process that ended, with its last words."""
        last = " | ".join(exit.lines[-3:])
        with self._lock:
            for unit in exit.units:
                self._exits[unit] = f"{exit.reason}. {last}".rstrip()
        self._show_unit_states(self._follower.unit_states)

    # -- what happens to the graph ------------------------------------------------------------

    def _all_pictures(self) -> list[TopologyWidget]:
        with self._lock:
            self._pictures = [widget for widget in self._pictures if widget.comm is not None]
            return list(self._pictures)

    def _all_forms(self) -> list[SettingsForm]:
        with self._lock:
            self._forms = [form for form in self._forms if form.comm is not None]
            return list(self._forms)

    def _show_topology(self, topology: Topology) -> None:
        for widget in self._all_pictures():
            widget.show_topology(topology, own_session=str(self._graph.aio.session_id))
        for profile in self._all_profiles():
            profile.show_topology(topology)

    def _unit_states(self) -> dict[str, tuple[UnitState, str]]:
        with self._lock:
            exits = dict(self._exits)
        found: dict[str, tuple[UnitState, str]] = {
            unit: ("dead", why) for unit, why in exits.items()
        }
        for unit, health in self._follower.unit_states.items():
            found.setdefault(unit, (health.condition, health.reason))
        if self._graph.is_paused:
            for unit in self._follower.topology.units:
                found.setdefault(unit, ("paused", "resume() lets its publishers go on"))
        for unit, why in self._measuring.crowded.items():
            found.setdefault(unit, ("slow", why))
        return found

    def show_unit_states(self) -> None:
        """Say in every picture how the units are."""
        self._show_unit_states(self._follower.unit_states)

    def _show_unit_states(self, states: Mapping[str, UnitHealth]) -> None:
        shown = self._unit_states()
        for widget in self._all_pictures():
            widget.show_unit_states(shown)

    def _show_rates(self, measured: Measured) -> None:
        self._numbers = self._measuring.take(self._follower.topology, measured)
        for widget in self._all_pictures():
            widget.show_numbers(self._numbers)
        self.show_unit_states()
        with self._lock:
            self._panels = [panel for panel in self._panels if panel.comm is not None]
            panels = list(self._panels)
        for panel in panels:
            if panel.topology.watching:
                self._show_details(panel.topology, panel.details)
        for profile in self._all_profiles():
            profile.show_measured(measured)

    def _all_profiles(self) -> list[ProfileView]:
        with self._lock:
            self._profiles = [widget for widget in self._profiles if widget.comm is not None]
            return list(self._profiles)

    def show_status(self, _status: Status | None = None) -> None:
        """Say in every widget how the connection to the graph is."""
        for widget in (*self._all_pictures(), *self._all_forms(), *self._all_profiles()):
            self._show_status_in(widget)

    def _show_status_in(self, widget: TopologyWidget | SettingsForm | ProfileView) -> None:
        graph = self._graph
        widget.show_status("lost" if graph.is_lost else graph.status, graph.connection_text)

    def _show_settings(self, unit: str, state: ReportedSettings) -> None:
        for form in self._all_forms():
            if unit in form.units:
                form.set_value(unit, state.structured)

    def _show_undo(self) -> None:
        for form in self._all_forms():
            form.show_tools()

    def _count_watchers(self, _change: object) -> None:
        shown = (*self._all_pictures(), *self._all_profiles())
        watching = sum(bool(widget.watching) for widget in shown)
        self._loop.loop.call_soon_threadsafe(self._follower.watch, watching)

    # -- edits from a form ----------------------------------------------------------------------

    def _section(self, unit: str) -> FormSection:
        settings = self._graph.settings
        state = settings.known.reported(unit)
        return FormSection(
            unit=unit,
            schema=state.schema,
            value=state.structured,
            initial=settings.known.initial(unit) or None,
            read_only_reason=settings.known.read_only_reason(unit),
            settings_class=settings.known.settings_class(unit),
            known_schemas=settings.known.known_schemas(),
        )

    def _commit(self, form: SettingsForm, unit: str, path: str, value: object) -> None:
        form.set_state(unit, path, "pending")
        try:
            outcome = self._graph.settings.send(unit, path, value, EDIT_TIMEOUT_S)
        except (GraphError, RuntimeError, asyncio.CancelledError) as error:
            form.set_state(unit, path, "failed", str(error))
        else:
            form.set_state(unit, path, outcome.state, outcome.note, held=outcome.value)
