"""The event loop that blocking callers share, in a daemon thread of its own.

A notebook cell blocks; the loop that talks to GraphServers must not. So it runs in one
thread, started at first use, and ended in order at interpreter exit.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from .errors import ClosedError, RequestTimeoutError

T = TypeVar("T")

_EXIT_DEADLINE_S = 2.0


class BackgroundLoop:
    """An asyncio loop in a daemon thread."""

    def __init__(self, name: str = "ezmsg-nb-loop") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._loop.is_closed()

    @property
    def cpu_s(self) -> float:
        """CPU time that the thread has used, in seconds; 0 once it has ended."""
        ident = self._thread.ident
        if ident is None or not self._thread.is_alive():
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(ident))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop, from any thread, and return its future."""
        if not self.is_running:
            coroutine.close()
            raise ClosedError("The background loop has ended; restart the kernel.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout: float) -> T:
        """Run a coroutine on the loop and wait for its result.

        Parameters
        ----------
        coroutine
            What to run.
        timeout
            Seconds to wait at most; the coroutine is cancelled after.

        Raises
        ------
        RuntimeError
            Called on the loop's own thread, where waiting could never end.
        RequestTimeoutError
            It did not finish in time.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError(
                "A blocking call was made on the background loop itself, where it could never "
                "return. Use the async method of `graph.aio` there."
            )
        future = self.submit(coroutine)
        try:
            return future.result(timeout)
        except FutureTimeout:
            if future.done():
                raise
            future.cancel()
            raise RequestTimeoutError(f"No result within {timeout:g} s.") from None
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Cancel what runs, end the loop and its thread. Idempotent."""
        if not self.is_running or threading.current_thread() is self._thread:
            return
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._wind_down()))
        self._thread.join(_EXIT_DEADLINE_S)

    async def _wind_down(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_EXIT_DEADLINE_S / 2)
        await self._loop.shutdown_asyncgens()
        self._loop.stop()


_shared: BackgroundLoop | None = None
_shared_lock = threading.Lock()


def background_loop() -> BackgroundLoop:
    """The loop that all blocking callers of this process share."""
    global _shared
    with _shared_lock:
        if _shared is None or not _shared.is_running:
            _shared = BackgroundLoop()
        return _shared


def _stop_at_exit() -> None:
    if _shared is not None:
        _shared.stop()


def _forget_in_forked_child() -> None:
    # The thread does not exist in the child; a new one is made at first use.
    global _shared, _shared_lock
    _shared = None
    _shared_lock = threading.Lock()


atexit.register(_stop_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_forked_child)
