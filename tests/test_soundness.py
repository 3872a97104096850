"""Values that are few bytes in a pickle and without end to whoever reads them are told."""

from __future__ import annotations

import pickle

import pytest
from ezmsg.core.graphmeta import SettingsSnapshotValue

from kernel_runtime.safe_pickle import decode
from kernel_runtime.soundness import MAX_DEPTH, MAX_ITEMS, is_modest, is_sound

START = b"\x80\x04"


def settings(value: object) -> SettingsSnapshotValue:
    return SettingsSnapshotValue(b"", "text", {"field": value})


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [1.0] * (MAX_ITEMS // 2),
        {"a": [(1, {2, 3}), {"b": frozenset("c")}]},
        decode(pickle.dumps(complex)),
    ],
    ids=["none", "text", "long", "nested", "class"],
)
def test_what_settings_are_made_of_is_sound(value: object) -> None:
    assert is_modest(value)
    assert is_sound(settings(value))


@pytest.mark.parametrize(
    "message",
    [
        b"]\x94" + b"".join(b"]\x94(h%ch%ce" % (n, n) for n in range(60)),
        b"]" * (MAX_DEPTH + 1) + b"a" * MAX_DEPTH,
        b"}K\x01" * (MAX_DEPTH + 1) + b"N" + b"s" * (MAX_DEPTH + 1),
        b"cm\nC\n\x940" + b"h\x00" * (MAX_DEPTH + 1) + b"N" + b"\x85R" * (MAX_DEPTH + 1),
        b"]\x94h\x00a",
    ],
    ids=["doubled", "lists", "dicts", "foreign", "itself"],
)
def test_what_never_ends_is_not_sound(message: bytes) -> None:
    value = decode(START + message + b".")
    assert not is_modest(value)
    assert not is_sound(settings(value))
