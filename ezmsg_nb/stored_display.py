"""Outputs that are stored with a notebook as they were seen last, not as they were seen first.

Where no browser runs (nbclient, nbconvert, GitHub) an output is what the kernel sent of it. It
is sent again when what it shows is over, and after each cell, since a notebook that is executed
may end without ending its graph. A page that shows the object live is left alone: it would make
its view anew, and it stores what it shows by itself.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Hashable
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display, update_display

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""Data by their types, and what there is to say of them."""


class StoredDisplay:
    """The outputs of one object, which can be brought to its newest state.

    Parameters
    ----------
    bundle
        Gives what is shown.
    state
        Gives something that is equal where the same would be shown again.
    is_live
        Whether a page shows the object by itself.
    """

    def __init__(
        self,
        bundle: Callable[[], Bundle],
        state: Callable[[], Hashable],
        is_live: Callable[[], bool],
    ) -> None:
        self._bundle = bundle
        self._state = state
        self._is_live = is_live
        self._id = uuid.uuid4().hex
        self._stored: Hashable = None
        self._cells = 0
        self._shell: Any = None

    def show(self) -> None:
        """Put it into the output of the running cell."""
        data, metadata = self._bundle()
        self._stored = self._state()
        display(data, metadata=metadata, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]
        shell: Any = get_ipython()
        self._cells = 0
        # In a terminal there is no output to be changed.
        if self._shell is None and hasattr(shell, "kernel"):
            self._shell = shell
            shell.events.register("post_run_cell", self._after_cell)

    def settle(self) -> None:
        """Bring the outputs to the state of now, unless a page shows it live."""
        if not self._is_live():
            self.update()

    def update(self) -> None:
        """Bring the outputs to the state of now, where there are some."""
        if self._shell is not None:
            data, metadata = self._bundle()
            self._stored = self._state()
            update_display(data, metadata=metadata, raw=True, display_id=self._id)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Leave the outputs as they are."""
        shell, self._shell = self._shell, None
        if shell is not None:
            with contextlib.suppress(ValueError):
                shell.events.unregister("post_run_cell", self._after_cell)

    def _after_cell(self, *_result: object) -> None:
        # The first time is of the cell that shows it: a page has had no time to say so.
        self._cells += 1
        if self._cells > 1 and self._state() != self._stored:
            self.settle()
