"""Settings of a graph against those in a file, or of another graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import SettingsRejectedError
from .known_fields import KnownFields
from .presets import UnitPreset, read_preset, write_preset
from .store import same_value

ByUnit = dict[str, dict[str, Any]]


def save_preset(path: str | Path, known: KnownFields, *, graph: str) -> None:
    """Write the settings that can be changed to a file.

    Parameters
    ----------
    path
        Where to.
    known
        The settings.
    graph
        Where they come from, for people.
    """
    preset = {
        unit: UnitPreset(known.settings_type(unit), values)
        for unit, values in _changeable(known).items()
    }
    write_preset(path, preset, graph=graph)


def differences_to(path: str | Path, known: KnownFields, *, skip_unknown: bool) -> ByUnit:
    """What has to be changed to come to the settings of a file.

    Raises
    ------
    SettingsRejectedError
        The file has units or fields that the graph does not, and `skip_unknown` is not set.
    """
    wanted: ByUnit = {}
    unknown: list[str] = []
    units = set(known.units())
    for unit, preset in read_preset(path).items():
        values = known.values_of(unit) if unit in units else {}
        for field, value in preset.values.items():
            if field not in values:
                unknown.append(f"{unit}.{field}" if values else unit)
            elif not same_value(values[field], value):
                wanted.setdefault(unit, {})[field] = value
    if unknown and not skip_unknown:
        raise SettingsRejectedError(
            f"{path} has what this graph does not: {', '.join(dict.fromkeys(unknown))}. "
            f"Nothing was changed; skip_unknown=True leaves those out."
        )
    return wanted


def both_sides(known: KnownFields, other: str | Path | KnownFields) -> tuple[ByUnit, ByUnit]:
    """Settings to compare: here, and there. A file has only what can be changed."""
    if isinstance(other, KnownFields):
        return _all(known), _all(other)
    there = {unit: dict(found.values) for unit, found in read_preset(other).items()}
    return _changeable(known), there


def _all(known: KnownFields) -> ByUnit:
    return {unit: known.values_of(unit) for unit in known.units()}


def _changeable(known: KnownFields) -> ByUnit:
    found: ByUnit = {}
    for unit in known.units():
        if known.read_only_reason(unit) is None:
            values, editable = known.values_of(unit), set(known.editable(unit))
            found[unit] = {path: value for path, value in values.items() if path in editable}
    return found
