"""From the bins of a stream to the columns of a picture that is swept again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from kernel_runtime.observer.extremes import Floats, joined
from kernel_runtime.observer.scope_chunks import ScopeChunk, StreamShape

BYTES_PER_S: Final = 500_000
"""To the browser, at most: half of what a Jupyter server lets a kernel send."""

_FEWEST_COLUMNS: Final = 40
_BYTES_A_VALUE: Final = 8


class ScopeColumns:
    """Makes the columns of one sweep after the other.

    Parameters
    ----------
    shape
        Of the stream.
    window_s
        Duration of a sweep.
    width
        How many columns a sweep may have: the pixels that there are.
    selected
        Channels, by their places, in the order in which they are shown.

    Attributes
    ----------
    bins_per_column
        How many bins are joined to one column.
    columns
        Of a sweep.
    """

    def __init__(
        self, shape: StreamShape, window_s: float, width: int, selected: Sequence[int]
    ) -> None:
        self.shape = shape
        self.selected = np.array(selected, dtype=np.intp)
        bins = window_s * shape.bins_per_s
        affordable = BYTES_PER_S / (_BYTES_A_VALUE * max(1, len(selected))) * window_s
        most = max(_FEWEST_COLUMNS, min(width, affordable))
        self.bins_per_column = max(1, math.ceil(bins / most))
        self.columns = max(2, round(bins / self.bins_per_column))
        self._left = np.empty((0, len(selected), 2), np.float32)
        self._next_bin: int | None = None

    @property
    def seconds_per_column(self) -> float:
        return self.bins_per_column / self.shape.bins_per_s

    def add(self, chunk: ScopeChunk) -> tuple[int, Floats]:
        """Take the bins of a chunk.

        Returns
        -------
        first : int
            Number of the first column, counted since the stream began.
        columns : numpy.ndarray
            Those that are whole now, shape (columns, selected channels, 2).
        """
        bins = chunk.bins[:, self.selected]
        first_bin = chunk.first_bin
        if first_bin == self._next_bin:
            first_bin -= len(self._left)
            bins = np.concatenate([self._left, bins])
        else:
            # Something is missing: begin where a column begins.
            skipped = -first_bin % self.bins_per_column
            first_bin, bins = first_bin + skipped, bins[skipped:]
        self._next_bin = chunk.first_bin + len(chunk.bins)
        whole = len(bins) - len(bins) % self.bins_per_column
        self._left = bins[whole:]
        return first_bin // self.bins_per_column, joined(bins[:whole], self.bins_per_column)
