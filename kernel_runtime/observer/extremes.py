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
        length = self.samples_per_bin
        parts = []
        if self._filled:
            first, samples = np.split(samples, [length - self._filled])
            self._filled += len(first)
            # fmin and fmax, since a bin after a gap begins with nothing.
            begun = _extremes(first[None])[0]
            self._partial[:, 0] = np.fmin(self._partial[:, 0], begun[:, 0])
            self._partial[:, 1] = np.fmax(self._partial[:, 1], begun[:, 1])
            if self._filled < length:
                return np.empty((0, *self._partial.shape), np.float32)
            parts.append(self._partial[None].copy())
        whole = len(samples) // length
        if whole:
            parts.append(_extremes(samples[: whole * length].reshape(whole, length, -1)))
        rest = samples[whole * length :]
        self._filled = len(rest)
        if self._filled:
            self._partial = _extremes(rest[None])[0]
        full = np.concatenate(parts) if parts else np.empty((0, *self._partial.shape), np.float32)
        self.next_bin += len(full)
        return full

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


def _extremes(samples: np.ndarray[Any, Any]) -> Floats:
    """Least and greatest, shape (bins, channels, 2), of samples (bins, samples, channels)."""
    found = np.empty((len(samples), samples.shape[2], 2), np.float32)
    found[..., 0] = samples.min(axis=1)
    found[..., 1] = samples.max(axis=1)
    return found


def joined(bins: Floats, factor: int) -> Floats:
    """Fewer, longer bins: each of `factor` of the given, whose number it divides.

    A bin is NaN where all of its parts are.
    """
    parts = bins.reshape(len(bins) // factor, factor, *bins.shape[1:])
    return np.stack(
        [np.fmin.reduce(parts[..., 0], axis=1), np.fmax.reduce(parts[..., 1], axis=1)], axis=-1
    )
