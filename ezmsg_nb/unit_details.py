"""What is known of one unit, beside the picture: streams, numbers, log lines."""

# ipywidgets is untyped.
# mypy: disallow-untyped-calls=false, disallow-subclassing-any=false

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from typing import Final

from ipywidgets.widgets.widget_string import HTML

from kernel_runtime.host import LogRecord
from kernel_runtime.model import Port, Topology, UnitInfo

from .topology_numbers import GraphNumbers
from .topology_states import UnitState

LOG_LINES: Final = 6
_MUTED: Final = "color:var(--jp-ui-font-color2,#666)"
_CHANNELS: Final = ((1, "this process"), (2, "shared memory"), (4, "TCP"))


class UnitDetails(HTML):
    """Streams with their types and numbers, where it runs, and what it said last.

    Parameters
    ----------
    records
        Gives the log of a unit, oldest first; empty where the graph was started elsewhere.
    """

    def __init__(self, records: Callable[[str | None], Sequence[LogRecord]]) -> None:
        super().__init__()
        self._records = records

    def show(
        self,
        unit: str | None,
        topology: Topology,
        numbers: GraphNumbers,
        state: tuple[UnitState, str] | None = None,
    ) -> None:
        """Show one unit as it is now; None, or one that is gone, says so."""
        info = topology.units.get(unit) if unit is not None else None
        if info is None:
            gone = f"{unit} is not in the graph any more." if unit else "Click a unit."
            self._write(f'<p style="{_MUTED};margin:4px 0">{html.escape(gone)}</p>')
            return
        streams = "".join(_row(port, topology, numbers) for port in info.ports)
        said = "".join(f"<div>{html.escape(_line(one))}</div>" for one in self._said(info.address))
        log = (
            f'<div role="log" style="font:11px/1.4 var(--jp-code-font-family,monospace);{_MUTED};'
            f'max-height:96px;overflow:auto;white-space:pre-wrap;margin-top:4px">{said}</div>'
            if said
            else ""
        )
        self._write(
            f'<div style="line-height:1.4"><b>{html.escape(info.address)}</b> '
            f'<span style="{_MUTED}">{html.escape(info.component_type)}</span><br>'
            f"{html.escape(_where(info, numbers))}{_trouble(state)}"
            f'<table style="border-collapse:collapse;width:100%;margin-top:4px">{streams}</table>'
            f"{log}</div>"
        )

    def _write(self, text: str) -> None:
        if self.value != text:
            self.value = text

    def _said(self, unit: str) -> Sequence[LogRecord]:
        return self._records(unit)[-LOG_LINES:]


def _where(unit: UnitInfo, numbers: GraphNumbers) -> str:
    if unit.process_id is None:
        return "No connected process runs it."
    cpu = numbers.cpu.get(unit.process_id)
    load = f", {100 * cpu:.0f}% CPU" if cpu is not None else ""
    settings = "settings can be changed" if unit.dynamic_settings else "no dynamic settings"
    return f"pid {unit.pid} on {unit.host}{load}; {settings}"


def _trouble(state: tuple[UnitState, str] | None) -> str:
    if state is None or state[0] == "ok":
        return ""
    color = {"dead": "error", "slow": "warn", "stale": "warn"}.get(state[0], "info")
    text = html.escape(f"{state[0]}: {state[1]}" if state[1] else state[0])
    return f'<br><b style="color:var(--jp-{color}-color0,#a33)">{text}</b>'


def _row(port: Port, topology: Topology, numbers: GraphNumbers) -> str:
    arrow = "→" if port.direction == "input" else "←"
    kind = port.msg_type.removeprefix("<class '").removesuffix("'>").rpartition(".")[2]
    notes = [kind, "leaky" if port.leaky else "", _numbers(port, topology, numbers)]
    words = html.escape(", ".join(note for note in notes if note))
    return (
        f'<tr><td style="padding:0 8px 0 0;text-align:left">{arrow} {html.escape(port.name)}</td>'
        f'<td style="{_MUTED};text-align:left">{words}</td></tr>'
    )


def _numbers(port: Port, topology: Topology, numbers: GraphNumbers) -> str:
    if port.direction == "input":
        bits = numbers.channels.get(port.topic, 0)
        over = [name for bit, name in _CHANNELS if bits & bit]
        feeding = [edge.from_topic for edge in topology.edges if edge.to_topic == port.topic]
        rates = [numbers.rates.get(topic) for topic in feeding]
        known = [rate for rate in rates if rate is not None]
        return ", ".join([*([f"{sum(known):.1f} Hz"] if known else []), *over])
    rate = numbers.rates.get(port.topic)
    waiting = numbers.inflight.get(port.topic)
    return ", ".join(
        [
            *([f"{rate:.1f} Hz"] if rate is not None else []),
            *([f"{waiting[0]} of {waiting[1]} buffers in flight"] if waiting else []),
        ]
    )


def _line(record: LogRecord) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(record.time))} {record.text}"
