from __future__ import annotations

import pytest

from kernel_runtime.address import Address, parse_address

VARIABLE = "EZMSG_GRAPHSERVER_ADDR"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("127.0.0.1:25978", ("127.0.0.1", 25978)),
        (" lab-pc:1234 ", ("lab-pc", 1234)),
        ("[::1]:4000", ("::1", 4000)),
        (("10.0.0.7", 30000), ("10.0.0.7", 30000)),
        (("10.0.0.7", "30000"), ("10.0.0.7", 30000)),
        (Address("::1", 5), ("::1", 5)),
    ],
)
def test_reads_every_form(given: str | tuple[str, int], expected: tuple[str, int]) -> None:
    assert parse_address(given) == expected


def test_text_of_an_address_reads_back() -> None:
    for address in (Address("127.0.0.1", 1), Address("::1", 2)):
        assert parse_address(str(address)) == address


def test_none_is_the_variable_and_else_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "10.1.2.3:4444")
    assert parse_address(None) == ("10.1.2.3", 4444)
    monkeypatch.delenv(VARIABLE)
    assert parse_address(None) == ("127.0.0.1", 25978)


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "nonsense")
    with pytest.raises(ValueError, match=VARIABLE):
        parse_address(None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("127.0.0.1", "no port"),
        ("127.0.0.1:", "port ''"),
        ("127.0.0.1:abc", "'abc'"),
        ("127.0.0.1:0", "1 to 65535"),
        ("127.0.0.1:70000", "1 to 65535"),
        (":25978", "no usable host"),
        ("http://127.0.0.1:25978", "URL"),
        ("::1:25978", "several colons"),
        ("", "no port"),
        (("127.0.0.1", True), "not a whole number"),
        (("127.0.0.1", 2.5), "not a whole number"),
        (25978, "not an address"),
        (("a", 1, 2), "not an address"),
    ],
)
def test_a_bad_address_says_what_is_wrong_with_it(given: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_address(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True)]
    + [("10.0.0.1", False), ("lab-pc", False)],
)
def test_knows_this_machine(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback
