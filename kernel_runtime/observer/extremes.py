"""Samples of many channels reduced to their least and greatest values over short times."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


class Extremes:
    """Takes samples as they come, gives bins of equal length: (least, greatest) a channel.

    Parameters
    ----------
    samples_per_bin
        Length of a bin.
    channels
        How many channels there are.

    Attributes
    ----------
    next_bin
        Number of the bin that is filled now; from 0.
    """

    def __init__(self, samples_per_bin: int, channels: int) -> None:
        self.samples_per_bin = samples_per_bin
        self.next_bin = 0
        self._filled = 0
        self._partial = np.full((channels, 2), np.nan, np.float32)

    def add(self, samples: np.ndarray[Any, Any]) -> Floats:
        """Add samples.

        Parameters
        ----------
        samples
            Shape (samples, channels), real.

        Returns
        -------
        numpy.ndarray
            The bins that are full now, shape (bins, channels, 2), float32: least, greatest.
        """
        if len(samples) == 0:
            return np.empty((0, *self._partial.shape), np.float32)
        to_fill = self.samples_per_bin - self._filled
        starts = np.arange(to_fill, len(samples), self.samples_per_bin)
        starts = np.concatenate([[0], starts])
        if self.samples_per_bin == 1:
            found = np.repeat(samples.astype(np.float32)[:, :, None], 2, axis=2)
        else:
            found = np.stack(
                [
                    np.minimum.reduceat(samples, starts, axis=0),
                    np.maximum.reduceat(samples, starts, axis=0),
                ],
                axis=2,
            ).astype(np.float32)
        if self._filled:
            # fmin and fmax, since a bin after a gap begins with nothing.
            found[0, :, 0] = np.fmin(found[0, :, 0], self._partial[:, 0])
            found[0, :, 1] = np.fmax(found[0, :, 1], self._partial[:, 1])
        self._filled = (self._filled + len(samples)) % self.samples_per_bin
        full = len(found) - bool(self._filled)
        if self._filled:
            self._partial = found[-1].copy()
        self.next_bin += full
        return found[:full]

    def skip(self, samples: int) -> Floats:
        """Leave out samples that did not come; the bins that they would have filled are NaN."""
        filled = self._filled + samples
        full = filled // self.samples_per_bin
        bins = np.full((full, *self._partial.shape), np.nan, np.float32)
        if full and self._filled:
            bins[0] = self._partial
        if full or not self._filled:
            self._partial = np.full_like(self._partial, np.nan)
        self._filled = filled % self.samples_per_bin
        self.next_bin += full
        return bins


def joined(bins: Floats, factor: int) -> Floats:
    """Fewer, longer bins: each of `factor` of the given, whose number it divides.

    A bin is NaN where all of its parts are.
    """
    parts = bins.reshape(len(bins) // factor, factor, *bins.shape[1:])
    return np.stack(
        [np.fmin.reduce(parts[..., 0], axis=1), np.fmax.reduce(parts[..., 1], axis=1)], axis=-1
    )
