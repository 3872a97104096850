"""The settings schemas of real ezmsg packages, from the corpus beside the repository.

``truth``, ``enums`` and ``nested`` in the corpus say what an annotation really is. They are for
tests to compare with, and no part of what a form is given.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from ezmsg.core.graphmeta import SettingsFieldMetadata, SettingsSchemaMetadata

LINES = ("3.9", "3.10")


def corpus_folder() -> Path:
    """The folder of the corpus: ``../shared/corpus`` of the repository or of a folder above.

    Where there is none, the module that asks is skipped.
    """
    repository = Path(__file__).resolve().parents[1]
    for folder in (repository, *repository.parents):
        found = folder.parent / "shared" / "corpus"
        if found.is_dir():
            return found
    # It belongs to the project, not to the repository: CI has it, a clone elsewhere has not.
    pytest.skip(
        f"The corpus of settings schemas is not there: no ../shared/corpus beside {repository} "
        "or beside a folder above it.",
        allow_module_level=True,
    )


@dataclass(frozen=True)
class Entry:
    """One settings type of the corpus."""

    line: str
    number: int
    raw: dict[str, Any]

    @property
    def schema(self) -> SettingsSchemaMetadata:
        names = [field.name for field in dataclasses.fields(SettingsFieldMetadata)]
        fields = [
            SettingsFieldMetadata(**{name: field[name] for name in names})
            for field in self.raw["fields"]
        ]
        return SettingsSchemaMetadata(
            provider=self.raw["provider"], settings_type=self.raw["settings_type"], fields=fields
        )

    @property
    def value(self) -> Any:
        return self.raw["structured_value"]

    @property
    def json_schema(self) -> Any:
        return self.raw.get("json_schema")

    @property
    def truths(self) -> dict[str, str]:
        return {field["name"]: field["truth"] for field in self.raw["fields"]}

    def __str__(self) -> str:
        return f"{self.line}-{self.number}-{self.raw['settings_type'].rpartition('.')[2]}"


@lru_cache
def entries() -> tuple[Entry, ...]:
    """All entries of both files."""
    folder = corpus_folder()
    return tuple(
        Entry(line, number, raw)
        for line in LINES
        for number, raw in enumerate(json.loads((folder / f"settings-{line}.json").read_text()))
    )
