"""The built browser bundles: found, whole, and small enough to be sent with every widget."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from ezmsg_nb import front_end
from ezmsg_nb.front_end import MissingBundleError, bundle

MAX_BYTES = {"topology": 80_000, "settings_form": 80_000, "scope": 40_000}


@pytest.mark.parametrize("name", sorted(MAX_BYTES))
def test_a_bundle_is_no_larger_than_its_budget(name: str) -> None:
    assert bundle(name).stat().st_size <= MAX_BYTES[name]


@pytest.mark.parametrize("name", sorted(MAX_BYTES))
def test_a_bundle_is_the_one_that_the_build_recorded(name: str) -> None:
    path = bundle(name)
    record = json.loads((path.parent / "build.json").read_text("utf-8"))
    assert record["bundles"][path.name]["bytes"] == path.stat().st_size
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["bundles"][path.name]["sha256"] == digest


@pytest.mark.parametrize("name", sorted(MAX_BYTES))
def test_a_bundle_loads_nothing_from_elsewhere(name: str) -> None:
    text = bundle(name).read_text("utf-8")
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bimport\s*[({\"']", text)


def test_a_missing_bundle_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(front_end, "_STATIC", tmp_path)
    with pytest.raises(MissingBundleError, match=r"topology\.js .*npm run build"):
        bundle("topology")
