"""The picture of a graph and, beside it, details and settings of the unit that is selected."""

# ipywidgets is untyped.
# mypy: disallow-untyped-calls=false, disallow-subclassing-any=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import traitlets
from ipywidgets.widgets.widget_box import Box, VBox

from .form_fields import FormSection
from .settings_form import SettingsForm
from .topology_widget import TopologyWidget
from .unit_details import UnitDetails

FORM_WIDTH = "340px"


class TopologyWithSettings(Box):
    """A `TopologyWidget` and a `SettingsForm` that shows the selected unit.

    Parameters
    ----------
    topology, form
        The two widgets.
    sections
        What the form shows for a selection; several units, or none, where that is None.
    details
        Streams, numbers and log lines of the selected unit, above the form.
    refresh
        Brings the details of what is selected up to date.

    Attributes
    ----------
    selected
        Address of the selected unit, or None; the same as that of the picture.
    """

    selected = traitlets.Unicode(None, allow_none=True)

    def __init__(
        self,
        topology: TopologyWidget,
        form: SettingsForm,
        sections: Callable[[str | None], Sequence[FormSection]],
        details: UnitDetails,
        refresh: Callable[[], None],
    ) -> None:
        self.topology = topology
        self.form = form
        self.details = details
        self._refresh = refresh
        self._sections = sections
        topology.layout.flex = "2 1 480px"
        topology.layout.min_width = "0"
        beside = VBox([details, form])
        beside.layout.flex = f"1 1 {FORM_WIDTH}"
        beside.layout.max_width = "100%"
        beside.layout.max_height = f"{topology.height}px"
        beside.layout.overflow = "auto"
        # A flex child would else take its share of the height from the other.
        details.layout.flex = form.layout.flex = "none"
        self._beside = beside
        super().__init__([topology, beside])
        self.layout.display = "flex"
        self.layout.flex_flow = "row wrap"
        self.layout.grid_gap = "12px"
        traitlets.link((topology, "selected"), (self, "selected"))
        self.observe(self._show_selected, "selected")
        self._show_selected()

    def _show_selected(self, _change: object = None) -> None:
        self.form.show_sections(self._sections(self.selected))
        self._refresh()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        live = super()._repr_mimebundle_(**kwargs)
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        # Without a kernel: the picture, and the settings of what is selected.
        shown = [self.topology] if self.selected is None else [self.topology, self.form]
        made: list[Any] = [widget._repr_mimebundle_(**kwargs) for widget in shown]
        text = "\n".join(bundle["text/plain"] for bundle, _ in made)
        page = "".join(bundle["text/html"] for bundle, _ in made)
        return {**data, "text/plain": text, "text/html": page}, metadata

    def close(self) -> None:
        self.topology.close()
        self.form.close()
        self.details.close()
        self._beside.close()
        super().close()
