"""The cycle that is named when connections have one."""

from __future__ import annotations

from kernel_runtime.host.graph_factory import find_cycle


def test_no_cycle() -> None:
    assert find_cycle([]) == []
    assert find_cycle([("A", "B"), ("A", "C"), ("B", "D"), ("C", "D"), ("D", "E")]) == []


def test_cycle_is_named_from_where_it_is_entered() -> None:
    assert find_cycle([("A", "B"), ("B", "C"), ("C", "B")]) == ["B", "C", "B"]
    assert find_cycle([("X", "Y"), ("A", "A")]) == ["A", "A"]
    assert find_cycle([("A", "B"), ("A", "C"), ("C", "D"), ("D", "A")]) == ["A", "C", "D", "A"]
