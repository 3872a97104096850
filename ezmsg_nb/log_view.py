"""What units print and log, live."""

# ipywidgets has no types.
# mypy: disallow-untyped-calls=false

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets.widgets.widget_string import HTML

from kernel_runtime.host import LogRecord

from .outbox import Outbox

SHOWN_LINES = 100
_LEVEL_COLOR = {
    "WARNING": "var(--jp-warn-color0, #8a5a00)",
    "ERROR": "var(--jp-error-color0, #a00)",
    "CRITICAL": "var(--jp-error-color0, #a00)",
}
_MUTED = "var(--jp-ui-font-color2, #666)"
_FRAME = (
    "max-height:320px;overflow:auto;display:flex;flex-direction:column-reverse;"
    "font:var(--jp-code-font-size, 12px)/1.4 var(--jp-code-font-family, monospace)"
)


class LogView(HTML):
    """The newest lines of a graph, kept current until it is closed.

    Parameters
    ----------
    read
        Returns all records, oldest first.
    unit
        Whose lines they are, None for all.
    """

    def __init__(self, read: Callable[[], Sequence[LogRecord]], unit: str | None = None) -> None:
        super().__init__()
        self._read = read
        self._unit = unit
        self._outbox = Outbox(self._show)
        self._show()

    def refresh(self) -> None:
        """Show what has come, soon; for any thread."""
        self._outbox.post()

    def close(self) -> None:
        """End the view; its last lines stay where they are shown."""
        self._outbox.close()
        super().close()

    def _show(self) -> None:
        self.value = self._page()

    def _page(self) -> str:
        records = self._read()
        # The newest stands first, and the column is reversed: so the end stays in view.
        lines = [_line(record, self._unit is None) for record in records[-SHOWN_LINES:]]
        if not lines:
            whose = f"Unit {self._unit}" if self._unit else "The graph"
            lines = [_muted(f"{whose} has said nothing yet.")]
        earlier = len(records) - SHOWN_LINES
        if earlier > 0:
            lines.insert(0, _muted(f"... {earlier} earlier lines"))
        return f'<div style="{_FRAME}"><div>{"".join(map(_row, lines))}</div></div>'

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = super()._repr_mimebundle_(**kwargs)
        data, *metadata = shown if isinstance(shown, tuple) else (shown,)
        data = {**data, "text/html": self._page()}
        return (data, *metadata) if metadata else data


def _muted(text: str) -> str:
    return f'<span style="color:{_MUTED}">{html.escape(text)}</span>'


def _row(line: str) -> str:
    return f'<div style="white-space:pre-wrap">{line}</div>'


def _line(record: LogRecord, with_unit: bool) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(record.time))
    who = (record.unit or record.process) if with_unit else ""
    color = _LEVEL_COLOR.get(record.level, "inherit")
    return f'{_muted(f"{at} {who}")} <span style="color:{color}">{html.escape(record.text)}</span>'
