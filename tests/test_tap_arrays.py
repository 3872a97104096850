"""Arrays from a tap as xarray and pandas have them: axes, units, gaps, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ezmsg.util.messages.axisarray import AxisArray, AxisBase

from ezmsg_nb.tap import to_frame, to_xarray

Axes = dict[str, AxisBase]

FS_HZ = 500.0
NAMES = ["Fp1", "Fp2", "Cz"]


def block(number: int, offset_s: float, samples: int = 4) -> AxisArray:
    data = np.full((samples, 3), number, dtype=np.float32)
    axes: Axes = {
        "time": AxisArray.TimeAxis(fs=FS_HZ, offset=offset_s),
        "ch": AxisArray.CoordinateAxis(data=np.array(NAMES), dims=["ch"], unit="electrode"),
    }
    return AxisArray(data, dims=["time", "ch"], axes=axes, attrs={"amplifier": "A1"}, key="EEG")


def test_blocks_are_joined_along_their_time_with_units() -> None:
    array = to_xarray([block(1, 0.0), block(2, 0.008)])
    assert (array.dims, array.shape, str(array.dtype)) == (("time", "ch"), (8, 3), "float32")
    assert np.allclose(array["time"], np.arange(8) / FS_HZ)
    assert array["time"].attrs == {"units": "s"}
    assert array["ch"].attrs == {"units": "electrode"}
    assert (array.name, array.attrs) == ("EEG", {"amplifier": "A1"})
    assert array.sel(ch="Cz").values.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]

    frame = to_frame([block(1, 0.0), block(2, 0.008)])
    assert frame.shape == (8, 3)
    assert (frame.index.name, frame.columns.tolist()) == ("time", NAMES)
    assert np.allclose(frame.index, np.arange(8) / FS_HZ)
    assert frame.attrs == {"amplifier": "A1", "units": {"time": "s", "ch": "electrode"}}


def test_a_gap_between_blocks_is_a_step_of_the_time() -> None:
    frame = to_frame([block(1, 0.0), block(3, 0.016)])
    assert np.diff(frame.index) == pytest.approx([0.002] * 3 + [0.010] + [0.002] * 3)


def test_where_the_source_leaves_the_offset_the_count_of_samples_is_the_time() -> None:
    frame = to_frame([block(1, 0.0), block(2, 0.0), block(3, 0.0, samples=2)])
    assert np.allclose(frame.index, np.arange(10) / FS_HZ)


def test_arrays_without_a_time_stand_beside_each_other() -> None:
    axes: Axes = {"freq": AxisArray.LinearAxis(gain=0.5, offset=1.0, unit="Hz")}
    one = AxisArray(np.arange(4.0), dims=["freq"], axes=axes)
    array = to_xarray([one, one])
    assert (array.dims, array.shape) == (("message", "freq"), (2, 4))
    assert array["freq"].values.tolist() == [1.0, 1.5, 2.0, 2.5]
    assert array["freq"].attrs == {"units": "Hz"}
    single = to_frame(one)
    assert (single.index.name, single.index.tolist()) == ("freq", [1.0, 1.5, 2.0, 2.5])


def test_more_dimensions_make_columns_of_several_levels() -> None:
    data = np.arange(24.0).reshape(2, 3, 4)
    axes: Axes = {"time": AxisArray.TimeAxis(fs=2.0)}
    frame = to_frame(AxisArray(data, dims=["time", "ch", "freq"], axes=axes))
    assert isinstance(frame.columns, pd.MultiIndex)
    assert frame.columns.names == ["ch", "freq"]
    assert frame.index.tolist() == [0.0, 0.5]
    assert frame[(2, 3)].tolist() == [11.0, 23.0]


@pytest.mark.parametrize("convert", [to_xarray, to_frame])
def test_what_does_not_make_an_array_is_refused(convert: Any) -> None:
    with pytest.raises(ValueError, match="no messages"):
        convert([])
    with pytest.raises(TypeError, match="this is a float"):
        convert([1.0])
    axes: Axes = {"time": AxisArray.TimeAxis(fs=FS_HZ)}
    other = AxisArray(np.zeros((4, 2)), dims=["time", "ch"], axes=axes)
    with pytest.raises(ValueError, match=r"'ch': 3.*'ch': 2"):
        convert([block(1, 0.0), other])


def test_without_the_extra_a_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"ezmsg-nb\[tap\]"):
        to_xarray(block(1, 0.0))
    assert to_frame(block(1, 0.0)).shape == (4, 3)
