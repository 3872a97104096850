"""Taps for cells: messages as they are, or as xarray and pandas have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd
from ezmsg.util.messages.axisarray import AxisArray, CoordinateAxis, LinearAxis

from kernel_runtime.observer import Tap

if TYPE_CHECKING:
    import xarray

MESSAGE_DIM = "message"
"""Dimension along which arrays without a time are put together."""

ArrayForm = Literal["xarray", "frame"]


class GraphTap(Tap):
    """A `Tap` whose arrays come as `xarray.DataArray` or `pandas.DataFrame` where that is asked.

    ``async for`` gives the messages themselves.
    """

    @overload
    def latest(self, timeout: float = 2.0, *, to: None = None) -> Any: ...

    @overload
    def latest(self, timeout: float = 2.0, *, to: Literal["xarray"]) -> xarray.DataArray: ...

    @overload
    def latest(self, timeout: float = 2.0, *, to: Literal["frame"]) -> pd.DataFrame: ...

    def latest(self, timeout: float = 2.0, *, to: ArrayForm | None = None) -> Any:
        """The newest message; None where none has come within `timeout` seconds.

        Parameters
        ----------
        to
            "xarray" or "frame": an array as `to_xarray` or `to_frame` gives it.
        """
        message = super().latest(timeout)
        return message if message is None else _converted([message], to, single=True)

    @overload
    def collect(
        self,
        messages: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = 30.0,
        to: None = None,
    ) -> list[Any]: ...

    @overload
    def collect(
        self,
        messages: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = 30.0,
        to: Literal["xarray"],
    ) -> xarray.DataArray: ...

    @overload
    def collect(
        self,
        messages: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = 30.0,
        to: Literal["frame"],
    ) -> pd.DataFrame: ...

    def collect(
        self,
        messages: int | None = None,
        *,
        seconds: float | None = None,
        timeout: float = 30.0,
        to: ArrayForm | None = None,
    ) -> Any:
        """Wait for so many messages from now on, or for so long, and return them in order.

        Parameters
        ----------
        messages, seconds
            One of them.
        timeout
            Seconds to wait for `messages` at the longest.
        to
            "xarray" or "frame": arrays joined along their time, as `to_xarray` and `to_frame`
            do it; a list of messages by default.

        Raises
        ------
        RequestTimeoutError
            Fewer came in time.
        ImportError
            "xarray" needs the extra ``ezmsg-nb[tap]``.
        """
        if to == "xarray":
            _xarray()
        found = super().collect(messages, seconds=seconds, timeout=timeout)
        return _converted(found, to, single=False)


def to_xarray(messages: AxisArray | Sequence[AxisArray]) -> xarray.DataArray:
    """An array message, or several joined along their time, as a ``DataArray``.

    Axes become coordinates, with their unit as the attribute ``units``. Messages without a
    time are put beside each other along a dimension ``message``. Where messages are missing
    in between, the time has a step.

    Raises
    ------
    TypeError
        A message is no AxisArray.
    ValueError
        There is none, or they don't fit together.
    ImportError
        Without the extra ``ezmsg-nb[tap]``.
    """
    array = _join(messages)
    coordinates = {
        name: (axis.dims, axis.values, {"units": axis.unit} if axis.unit else {})
        for name, axis in array.axes.items()
    }
    made: xarray.DataArray = _xarray().DataArray(
        array.data, coords=coordinates, dims=array.dims, name=array.name, attrs=array.attrs
    )
    return made


def to_frame(messages: AxisArray | Sequence[AxisArray]) -> pd.DataFrame:
    """An array message, or several joined along their time, as a table.

    Rows are the time, or else the first dimension; the others make the columns. ``attrs`` of
    the table has ``units``, by dimension, and what the message's own had.

    Raises
    ------
    TypeError
        A message is no AxisArray.
    ValueError
        There is none, or they don't fit together.
    """
    array = _join(messages)
    row_dim = array.time_dim or (array.dims[0] if array.dims else MESSAGE_DIM)
    column_dims = [dim for dim in array.dims if dim != row_dim]
    if array.dims:
        data = np.moveaxis(array.data, array.dims.index(row_dim), 0)
    else:
        data = array.data.reshape(1)
    index = pd.Index(array.values_along(row_dim, len(data)), name=row_dim)
    sizes = dict(zip(array.dims, array.data.shape, strict=True))
    labels = [array.values_along(dim, sizes[dim]) for dim in column_dims]
    columns: pd.Index[Any]
    if len(labels) == 1:
        columns = pd.Index(labels[0], name=column_dims[0])
    elif labels:
        columns = pd.MultiIndex.from_product(labels, names=column_dims)
    else:
        columns = pd.Index([array.name or "value"])
    frame = pd.DataFrame(data.reshape(len(data), -1), index=index, columns=columns)
    units = {name: axis.unit for name, axis in array.axes.items() if axis.unit}
    frame.attrs.update({**array.attrs, "units": units})
    return frame


@dataclass(frozen=True, slots=True)
class _Axis:
    dims: tuple[str, ...]
    values: np.ndarray[Any, Any]
    unit: str


@dataclass(frozen=True, slots=True)
class _Joined:
    data: np.ndarray[Any, Any]
    dims: list[str]
    axes: dict[str, _Axis]
    time_dim: str | None
    name: str | None
    attrs: dict[str, Any]

    def values_along(self, dim: str, size: int) -> np.ndarray[Any, Any]:
        axis = self.axes.get(dim)
        return axis.values if axis is not None and axis.dims == (dim,) else np.arange(size)


def _converted(messages: list[Any], to: ArrayForm | None, *, single: bool) -> Any:
    if to is None:
        return messages[0] if single else messages
    if to == "xarray":
        return to_xarray(messages)
    if to == "frame":
        return to_frame(messages)
    raise ValueError(f'to is "xarray", "frame" or None, not {to!r}.')


def _xarray() -> Any:
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "A DataArray needs the package xarray: install ezmsg-nb with its extra, "
            "ezmsg-nb[tap]. A pandas.DataFrame needs nothing more."
        ) from error
    return xarray


def _join(messages: AxisArray | Sequence[AxisArray]) -> _Joined:
    given = [messages] if isinstance(messages, AxisArray) else list(messages)
    if not given:
        raise ValueError("There are no messages to make an array of.")
    for one in given:
        if not isinstance(one, AxisArray):
            raise TypeError(
                f"Only messages that are an AxisArray become an array; this is a "
                f"{type(one).__name__}."
            )
    first = given[0]
    time_dim = _time_dim(first)
    _check_alike(given, time_dim)
    dims = list(first.dims)
    axes = {name: _axis(first, name) for name in first.axes if _is_kept(first, name, time_dim)}
    if time_dim is not None:
        data = np.concatenate([one.data for one in given], axis=dims.index(time_dim))
        axes[time_dim] = _Axis((time_dim,), _times(given, time_dim), first.axes[time_dim].unit)
    elif len(given) > 1:
        data = np.stack([one.data for one in given])
        dims = [MESSAGE_DIM, *dims]
    else:
        data = first.data
    return _Joined(data, dims, axes, time_dim, first.key or None, dict(first.attrs))


def _is_kept(message: AxisArray, name: str, time_dim: str | None) -> bool:
    axis = message.axes[name]
    if isinstance(axis, CoordinateAxis):
        # One along the time would have to be joined as well; it says nothing alone.
        return name != time_dim and time_dim not in axis.dims
    return name in message.dims and name != time_dim


def _time_dim(message: AxisArray) -> str | None:
    if "time" in message.dims and "time" in message.axes:
        return "time"
    for dim in message.dims:
        axis = message.axes.get(dim)
        if axis is not None and axis.unit == "s":
            return str(dim)
    return None


def _check_alike(messages: list[AxisArray], time_dim: str | None) -> None:
    def shape(message: AxisArray) -> list[tuple[str, int]]:
        sizes = zip(message.dims, message.data.shape, strict=True)
        return [(dim, 0 if dim == time_dim else size) for dim, size in sizes]

    for message in messages[1:]:
        if shape(message) != shape(messages[0]):
            raise ValueError(
                f"These messages don't fit together: one has {dict(shape(messages[0]))}, "
                f"another {dict(shape(message))}. Take them one by one, or fewer of them."
            )


def _axis(message: AxisArray, name: str) -> _Axis:
    axis = message.axes[name]
    if isinstance(axis, CoordinateAxis):
        return _Axis(tuple(axis.dims), axis.data, axis.unit)
    size = message.data.shape[message.dims.index(name)]
    return _Axis((name,), axis.value(np.arange(size)), axis.unit)


def _times(messages: list[AxisArray], time_dim: str) -> np.ndarray[Any, Any]:
    parts = [_axis(message, time_dim).values for message in messages]
    first = messages[0].axes[time_dim]
    if isinstance(first, LinearAxis) and len(messages) > 1:
        offsets = [getattr(message.axes[time_dim], "offset", None) for message in messages]
        if len(set(offsets)) == 1:
            # The source leaves the offset as it is: time goes on by the count of samples.
            counts = np.cumsum([0, *(len(part) for part in parts[:-1])])
            parts = [part + count * first.gain for part, count in zip(parts, counts, strict=True)]
    return np.concatenate(parts)
