"""Traces in Parquet: one folder, one file a process, readable by pandas, DuckDB and Dask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kernel_runtime.profiling.columns import NO_SEQ

from .trace_frames import SAMPLE_COLUMNS, samples_frame

if TYPE_CHECKING:
    from .trace import Trace

SCHEMA_VERSION = 1
"""Written as ``ezmsg_nb.schema_version`` into each file's metadata; raised when columns change."""

ROWS_A_GROUP = 1 << 20

PLAIN = ("time", "value_ns", "seq")
"""Columns that are no categoricals."""

PathLike = str | os.PathLike[str]


def write_parquet(trace: Trace, path: PathLike) -> None:
    """Write a trace as a data set that is partitioned by process.

    Parameters
    ----------
    trace
        What to write.
    path
        A folder that does not exist yet, or is empty.

    Raises
    ------
    FileExistsError
        There is something at `path`.
    ImportError
        pyarrow is not installed.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists already; a trace is written into a new folder.")
    frame = samples_frame(trace.recording, trace.recording.columns())
    write_frame(frame, folder)


def write_frame(frame: pd.DataFrame, folder: Path) -> None:
    """Write a frame of samples, as `Trace.frame` gives it, into a folder."""
    pyarrow, parquet = _arrow()
    groups = list(frame.groupby("process_id", observed=True, sort=True))
    for number, (process_id, part) in enumerate(groups):
        inside = folder / f"process_id={process_id}"
        inside.mkdir(parents=True)
        table = pyarrow.Table.from_pandas(
            part.drop(columns="process_id"), preserve_index=False
        ).replace_schema_metadata({b"ezmsg_nb.schema_version": str(SCHEMA_VERSION).encode()})
        parquet.write_table(
            table,
            inside / f"part-{number}.parquet",
            row_group_size=ROWS_A_GROUP,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in table.column_names if name not in PLAIN],
            # Times and numbers differ little from row to row: a third of the size of plain
            # integers, and read three times as fast.
            column_encoding=dict.fromkeys(PLAIN, "DELTA_BINARY_PACKED"),
        )
    if not groups:
        folder.mkdir(parents=True, exist_ok=True)


def read_trace(path: PathLike) -> pd.DataFrame:
    """The samples of a trace that was written by `Trace.to_parquet`, in the order of time.

    Returns
    -------
    pandas.DataFrame
        As `Trace.frame` gives it.

    Raises
    ------
    ValueError
        The folder was written by a newer version, with other columns.
    """
    pyarrow, parquet = _arrow()
    files = sorted(Path(path).glob("process_id=*/*.parquet"))
    if not files:
        raise FileNotFoundError(f"No trace in {Path(path)}: it has no process_id=.../*.parquet.")
    tables = []
    for file in files:
        table = parquet.read_table(file, partitioning=None, pre_buffer=True)
        version = int((table.schema.metadata or {}).get(b"ezmsg_nb.schema_version", b"0"))
        if version > SCHEMA_VERSION:
            raise ValueError(
                f"{file} has columns of version {version}; this ezmsg-nb knows up to "
                f"{SCHEMA_VERSION}. Update it."
            )
        process_id = file.parent.name.partition("=")[2]
        places = pyarrow.array(np.zeros(len(table), np.int8))
        names = pyarrow.DictionaryArray.from_arrays(places, [process_id])
        tables.append(table.append_column("process_id", names))
    joined = pyarrow.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    order = None
    if len(tables) > 1:
        # Each file is in order, so this merges a few runs.
        times = joined["time"].cast(pyarrow.int64()).to_numpy()
        order = np.argsort(times, kind="stable")
    columns = {}
    for name in SAMPLE_COLUMNS:
        column = joined[name]
        if name == "seq":
            missing = column.is_null().to_numpy()
            values = column.fill_null(NO_SEQ).to_numpy()
            array: Any = pd.arrays.IntegerArray(values, missing)
        elif name in ("time", "value_ns"):
            array = column.cast(pyarrow.int64()).to_numpy()
        else:
            array = _codes(column)
        columns[name] = array if order is None else array.take(order)
    return pd.DataFrame(
        {
            name: _categorical(array, joined[name]) if name not in PLAIN else array
            for name, array in columns.items()
        },
        copy=False,
    ).assign(time=pd.DatetimeIndex(columns["time"].view("M8[ns]")).tz_localize("UTC"))


def _codes(column: Any) -> Any:
    """Places in the dictionary of a column, -1 where missing; a byte each where that holds them."""
    chunks = [chunk.indices.fill_null(-1).to_numpy() for chunk in column.chunks]
    codes = np.concatenate(chunks) if chunks else np.empty(0, np.int8)
    return codes.astype(np.int8) if codes.max(initial=-1) < 127 else codes


def _categorical(codes: Any, column: Any) -> Any:
    labels = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return pd.Categorical.from_codes(codes, categories=pd.Index(labels, dtype=object))


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "Parquet needs pyarrow: install ezmsg-nb with its extra, ezmsg-nb[trace]."
        ) from error
    return pyarrow, pyarrow.parquet
