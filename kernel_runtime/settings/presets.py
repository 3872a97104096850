"""Settings of a graph as a file that a person can read and compare."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import SettingsRejectedError

FORMAT = "ezmsg-nb settings"
VERSION = 1


@dataclass(frozen=True, slots=True)
class UnitPreset:
    """Settings of one unit: the name of its settings type, and values by dotted path."""

    settings_type: str
    values: Mapping[str, Any]


Preset = dict[str, UnitPreset]


def write_preset(path: str | Path, preset: Mapping[str, UnitPreset], *, graph: str) -> None:
    """Write a preset as YAML, replacing the file only once it is whole.

    Parameters
    ----------
    path
        Where to.
    preset
        By unit.
    graph
        Where it comes from, for people.
    """
    target = Path(path)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "saved": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "graph": graph,
        "units": {
            unit: {"type": found.settings_type, "settings": dict(found.values)}
            for unit, found in preset.items()
        },
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(target)


def read_preset(path: str | Path) -> Preset:
    """Read a preset.

    Raises
    ------
    SettingsRejectedError
        The file is not one, or of a newer version.
    OSError
        It can't be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsRejectedError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SettingsRejectedError(
            f"{path} is not a settings file of ezmsg-nb: it does not begin with 'format: {FORMAT}'."
        )
    if document.get("version") != VERSION:
        raise SettingsRejectedError(
            f"{path} has version {document.get('version')!r} of the format; this ezmsg-nb reads "
            f"version {VERSION}."
        )
    units = document.get("units")
    if not isinstance(units, dict):
        raise SettingsRejectedError(f"{path} has no 'units'.")
    return {str(unit): _unit_preset(path, unit, found) for unit, found in units.items()}


def _unit_preset(path: str | Path, unit: object, found: object) -> UnitPreset:
    values = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(values, dict):
        raise SettingsRejectedError(f"{path}: unit {unit!r} has no 'settings'.", unit=str(unit))
    return UnitPreset(
        str(found.get("type", "")), {str(field): value for field, value in values.items()}
    )
