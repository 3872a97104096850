"""The picture of a graph and, beside it, the settings form of the unit that is selected in it."""

# ipywidgets is untyped.
# mypy: disallow-untyped-calls=false, disallow-subclassing-any=false

from __future__ import annotations

from collections.abc import Callable, Sequence

import traitlets
from ipywidgets.widgets.widget_box import Box

from .form_fields import FormSection
from .settings_form import SettingsForm
from .topology_widget import TopologyWidget

FORM_WIDTH = "340px"


class TopologyWithSettings(Box):
    """A `TopologyWidget` and a `SettingsForm` that shows the selected unit.

    Parameters
    ----------
    topology, form
        The two widgets.
    sections
        What the form shows for a selection; several units, or none, where that is None.

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
    ) -> None:
        self.topology = topology
        self.form = form
        self._sections = sections
        topology.layout.flex = "2 1 480px"
        topology.layout.min_width = "0"
        form.layout.flex = f"1 1 {FORM_WIDTH}"
        form.layout.max_width = "100%"
        form.layout.max_height = f"{topology.height}px"
        form.layout.overflow = "auto"
        super().__init__([topology, form])
        self.layout.display = "flex"
        self.layout.flex_flow = "row wrap"
        self.layout.grid_gap = "12px"
        traitlets.link((topology, "selected"), (self, "selected"))
        self.observe(self._show_selected, "selected")
        self._show_selected()

    def _show_selected(self, _change: object = None) -> None:
        self.form.show_sections(self._sections(self.selected))

    def close(self) -> None:
        self.topology.close()
        self.form.close()
        super().close()
