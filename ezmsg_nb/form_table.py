"""A settings form where no front end is live: a table, as HTML and as text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ezmsg_nb.form_fields import FormField, SectionState

_LONGEST_CELL = 200
_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
_MUTED = "color:var(--jp-ui-font-color2, #666)"


def html_table(sections: Iterable[SectionState]) -> str:
    """All fields with value, kind and state; every text in it escaped."""
    parts = [_html_section(section) for section in sections]
    body = "".join(parts) or f'<p style="{_MUTED}">No settings to show.</p>'
    return (
        '<div class="ezmsg-nb-settings-table" style="overflow-x:auto;'
        f'font:var(--jp-ui-font-size1, 13px) var(--jp-ui-font-family, sans-serif)">{body}</div>'
    )


def _html_section(section: SectionState) -> str:
    title = (
        f"<strong>{escape(section.unit)}</strong>" if section.unit else "<strong>Settings</strong>"
    )
    title += f' <span style="{_MUTED}">{escape(section.settings_type)}</span>'
    if section.read_only_reason:
        title += f'<br><span style="{_MUTED}">{escape(section.read_only_reason)}</span>'
    rows = "".join(_html_row(field) for field in section.fields.values())
    if not rows:
        rows = f'<tr><td style="{_CELL};{_MUTED}">This unit has no settings.</td></tr>'
    return (
        f'<div style="margin:4px 0 10px">{title}'
        f'<table style="border-collapse:collapse;margin-top:4px">{rows}</table></div>'
    )


def _html_row(field: FormField) -> str:
    value = "" if field.spec.children and field.value is not None else _cell(field.value)
    note = field.error or field.reason or ("" if field.state == "idle" else field.state)
    indent = 14 * field.path.count(".")
    cells = (
        f'<td style="{_CELL};padding-left:{indent}px">{escape(field.spec.name)}</td>',
        f'<td style="{_CELL};font-family:var(--jp-code-font-family, monospace)">'
        f"{escape(value)}</td>",
        f'<td style="{_CELL};{_MUTED}">{escape(field.kind)}</td>',
        f'<td style="{_CELL};{_MUTED}">{escape(note)}</td>',
    )
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."


def text_table(sections: Iterable[SectionState]) -> str:
    """One line a field."""
    lines: list[str] = []
    for section in sections:
        lines.append(" ".join(part for part in (section.unit, section.settings_type) if part))
        lines += [
            f"  {field.path} = {_cell(field.value)}"
            for field in section.fields.values()
            if not field.spec.children
        ]
    return "\n".join(lines) or "No settings to show."
