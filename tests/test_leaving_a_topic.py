"""The observer leaves a topic right after a message, when its publisher is not in the next."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kernel_runtime.observer.leaving import leave_after_a_message

NOTICE = bytes(64)
LONG_S = 30.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, publishers = socket.socketpair()
    with ours, publishers:
        publishers.settimeout(LONG_S)
        yield ours, publishers


def test_it_waits_for_the_next_message(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, publishers = pair
    publishers.sendall(NOTICE * 3)
    left = threading.Event()

    def leave() -> None:
        leave_after_a_message([ours], within_s=LONG_S)
        left.set()

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(leave)
        # What had come before is old: the publisher may be in the next message already.
        assert not left.wait(0.1)
        publishers.sendall(NOTICE)
        leaving.result(LONG_S)
    assert publishers.recv(1) == b""


def test_a_large_message_is_read_to_its_end(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, publishers = pair
    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(leave_after_a_message, [ours], within_s=LONG_S, quiet_s=0.5)
        # More than fits into the buffers of a socket: it is sent only as it is read.
        publishers.sendall(bytes(20_000_000))
        leaving.result(LONG_S)
    assert publishers.recv(1) == b""


def test_a_publisher_that_says_nothing_is_left_in_time(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, publishers = pair
    began = time.monotonic()
    leave_after_a_message([ours], within_s=0.2)
    assert 0.2 <= time.monotonic() - began < LONG_S
    assert publishers.recv(1) == b""
    leave_after_a_message([ours], within_s=LONG_S)
