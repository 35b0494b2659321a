"""Rows on the device: placed there once, gathered inside the graph.

Owns: how containers of NumPy and SciPy become tensors, and how a batch is taken from them.
Does not own: which rows make a batch (``epochs``, ``training``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from skmultilabel_keras._rows import Rows, canonical, dense_rows

# What stays as it is on the device, and is converted batch by batch: it is no larger than float32.
_COMPACT = frozenset({"bool", "int8", "uint8", "int16", "int32", "float16", "float32"})

# TensorFlow takes over memory of this alignment, in bytes, without a copy.
_ALIGNMENT = 64


@dataclass(frozen=True)
class Layout:
    """What a graph has to know of a container: everything but the number of rows.

    Parameters
    ----------
    row_shape : tuple of int
        Shape of a row.
    is_sparse : bool
        Whether the container is CSR.
    dtypes : tuple of str
        Of the tensors that hold it: one of a dense container; values, columns and row starts of
        CSR.
    """

    row_shape: tuple[int, ...]
    is_sparse: bool
    dtypes: tuple[str, ...]

    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """Return the specification of the tensors."""
        if self.is_sparse:
            return tuple(tf.TensorSpec((None,), dtype) for dtype in self.dtypes)
        return (tf.TensorSpec((None, *self.row_shape), self.dtypes[0]),)


@dataclass(frozen=True)
class Resident:
    """Features, targets and weights as tensors, with their layouts; None for equal weights."""

    tensors: tuple[Any, ...]
    layouts: tuple[Layout | None, ...]

    @property
    def parts(self) -> list[Any]:
        """The tensors of the containers that there are."""
        return [part for part in self.tensors if part is not None]


def place(
    rows: Rows, input_dtype: str, known: dict[tuple[int, str | None], Any] | None = None
) -> Resident:
    """Put the containers of rows on the device.

    Parameters
    ----------
    rows : Rows
        Whole containers are placed, whatever rows of them the view shows.
    input_dtype : str
        What the network takes.
    known : dict, default=None
        Containers placed before, by identity: those of another view of the same are not placed
        twice.
    """
    known = {} if known is None else known
    parts = []
    for values, dtype in ((rows.X, input_dtype), (rows.y, None), (rows.weight, "float32")):
        if values is None:
            parts.append((None, None))
            continue
        if (id(values), dtype) not in known:
            known[id(values), dtype] = _place(values, dtype)
        parts.append(known[id(values), dtype])
    tensors, layouts = zip(*parts, strict=True)
    return Resident(tensors, layouts)


def gather(
    parts: tuple[Any, ...], layout: Layout, rows: Any, *, dtype: str | None, keep_sparse: bool
) -> Any:
    """Return some rows of a placed container, inside a graph.

    Parameters
    ----------
    parts : tuple of tensors
        The container.
    layout : Layout
        Its layout.
    rows : int32 tensor of shape (n,)
        Row numbers.
    dtype : str or None
        What to convert them to.
    keep_sparse : bool
        Whether CSR rows come as a SparseTensor.
    """
    if not layout.is_sparse:
        batch = tf.gather(parts[0], rows)
        return batch if dtype is None else tf.cast(batch, dtype)
    values, columns, starts = parts
    first, last = tf.gather(starts, rows), tf.gather(starts, rows + 1)
    places = tf.ragged.range(first, last)
    picked = tf.gather(values, places.flat_values)
    picked = picked if dtype is None else tf.cast(picked, dtype)
    column = tf.cast(tf.gather(columns, places.flat_values), tf.int64)
    index = tf.stack([tf.cast(places.value_rowids(), tf.int64), column], axis=1)
    shape = tf.stack([tf.size(rows, tf.int64), tf.constant(layout.row_shape[0], tf.int64)])
    if keep_sparse:
        return tf.SparseTensor(index, picked, shape)
    return tf.ensure_shape(tf.scatter_nd(index, picked, shape), (None, *layout.row_shape))


def _place(values: Any, dtype: str | None) -> tuple[tuple[Any, ...], Layout]:
    if sparse.issparse(values):
        values = canonical(values, dtype)
        starts = "int32" if values.nnz < 2**31 else "int64"
        arrays = [values.data, values.indices, values.indptr.astype(starts, copy=False)]
        dtypes = [str(array.dtype) for array in arrays]
    elif dtype is not None and np.dtype(dtype).kind in "iu":
        arrays, dtypes = [dense_rows(values, slice(None), dtype)], [dtype]  # checks every value
    else:
        own = str(values.dtype)
        arrays, dtypes = [values], [own if dtype is None or own in _COMPACT else dtype]
    tensors = tuple(map(_to_tensor, arrays, dtypes))
    return tensors, Layout(tuple(values.shape[1:]), sparse.issparse(values), tuple(dtypes))


def _to_tensor(array: np.ndarray, dtype: str) -> Any:
    """Return a tensor with the values of an array, copied only once."""
    if dtype == "bool" or array.size == 0 or tf.config.list_logical_devices("GPU"):
        return tf.constant(array.astype(dtype, copy=False))
    n_bytes = array.size * np.dtype(dtype).itemsize
    buffer = np.empty(n_bytes + _ALIGNMENT, dtype=np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    aligned = buffer[start : start + n_bytes].view(dtype).reshape(array.shape)
    aligned[...] = array
    return tf.experimental.dlpack.from_dlpack(aligned.__dlpack__())
