"""Labelled rows: features, encoded targets and weights that are cut into batches together.

Owns: batches of any container as dense arrays, statistics of features and targets, edges of
bins, rows that are equal.
Does not own: which rows are for validation (``model_selection``) or the order of training.

Features are never copied or densified whole: a ``Rows`` is a view by row numbers, and only
batches and blocks of bounded size are made dense.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

# Numbers in a block that is made dense at once: 16 MB as float32.
_BLOCK_SIZE = 2**22

# Below this a scale would be zero, or lose digits, as float32.
_TINY = float(np.finfo(np.float32).tiny)

# Errors of rounding that matter, in standard deviations of a feature; and standard deviations,
# relative to the mean, that are themselves errors of rounding in float64.
_ROUNDED = 0.03
_SAME = 1e-12

# Rows of which quantiles are taken at most.
_QUANTILES_OF = 100_000

# Rows up to which a training set of one batch is searched for equal rows.
_MERGE_AT_MOST = 4096


@dataclass(frozen=True)
class Rows:
    """Features, targets and weights of the rows ``index`` of their containers.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, ...)
        Features.
    y : ndarray or CSR of shape (n, ...)
        Encoded targets.
    weight : ndarray of shape (n,) or (n, n_labels), or None
        One weight per row or per entry of ``y``, None for equal ones.
    index : ndarray of int
        The rows of the three that belong to this view, in order.
    """

    X: Any
    y: Any
    weight: np.ndarray | None
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def weighs_entries(self) -> bool:
        """Whether there is a weight for each entry of the targets."""
        return self.weight is not None and self.weight.ndim == 2

    def known_targets(self) -> Any:
        """Return the targets of these rows, with NaN for entries whose weight is zero."""
        y = self.y[self.index]
        if not self.weighs_entries:
            return y
        dense = y.toarray() if sparse.issparse(y) else y
        return np.where(self.weight[self.index] > 0, dense, np.nan)  # type: ignore[index]

    def known_weight(self) -> np.ndarray | None:
        """Return the weights of these rows or entries, None for equal ones."""
        return None if self.weight is None else self.weight[self.index]

    def select(self, positions: np.ndarray) -> Rows:
        """Return a view of some of these rows."""
        return replace(self, index=self.index[positions])

    def batch(
        self, positions: np.ndarray, dtype: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return features, targets and weights at ``positions`` as dense arrays."""
        rows = self.index[positions]
        weight = None if self.weight is None else self.weight[rows].astype(np.float32)
        return dense_rows(self.X, rows, dtype), dense_rows(self.y, rows), weight

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield row numbers in blocks small enough to be made dense."""
        step = block_length(self.X.shape)
        for start in range(0, len(self), step):
            yield self.index[start : start + step]

    def with_mean_weight_one(self) -> Rows:
        """Return the rows with weights whose mean is one, so that their unit does not matter."""
        if self.weight is None:
            return self
        weight = self.weight / self.weight[self.index].mean()
        return replace(self, weight=None if np.ptp(weight[self.index]) == 0 else weight)

    def sort_by_content(self, *, merge: bool) -> Rows:
        """Return the rows in an order of their content, so that their order given has no effect.

        Parameters
        ----------
        merge : bool
            Whether rows that are equal become one, with the sum of the weights: a weight of three
            then does what three copies of a row do, to the last bit.
        """
        if len(self) > _MERGE_AT_MOST:
            return self
        merge = merge and not self.weighs_entries
        places: dict[bytes, list[int]] = defaultdict(list)
        keys = zip(_row_keys(self.X, self.index), _row_keys(self.y, self.index), strict=True)
        for row, (features, targets) in zip(self.index, keys, strict=True):
            places[features + targets].append(row)
        groups = [places[key] for key in sorted(places)]
        if not merge:
            weights = np.ones(self.X.shape[0]) if self.weight is None else self.weight
            ordered = [sorted(group, key=lambda row: weights[row].tolist()) for group in groups]
            return replace(self, index=np.concatenate(ordered))
        weight = np.zeros(self.X.shape[0])
        for group in groups:
            # An exact sum does not depend on the order of the rows, as one of floats does.
            weights = np.ones(len(group)) if self.weight is None else self.weight[group]
            weight[group[0]] = math.fsum(weights)
        return replace(self, weight=weight, index=np.array([group[0] for group in groups]))


def dense_rows(values: Any, rows: Any, dtype: str | None = None) -> np.ndarray:
    """Return some rows of an array or CSR as a dense array."""
    taken = values[rows]
    return _as_dtype(np.asarray(taken.toarray() if sparse.issparse(taken) else taken), dtype)


def sparse_rows(values: Any, rows: Any, dtype: str | None = None) -> Any:
    """Return some rows of CSR as a CSR of its own, each of their entries once."""
    return canonical(values[rows], dtype)


def canonical(values: Any, dtype: str | None = None) -> Any:
    """Return CSR with each entry once, as few layers are linear; it may share memory."""
    if not values.has_canonical_format:
        values = values.copy()  # SciPy would do it to the caller's
        values.sum_duplicates()
    parts = (_as_dtype(values.data, dtype), values.indices, values.indptr)
    return type(values)(parts, shape=values.shape, copy=False)


def _as_dtype(numbers: np.ndarray, dtype: str | None) -> np.ndarray:
    """Return numbers in a dtype; raise where its integers cannot hold them."""
    converted = numbers.astype(dtype or numbers.dtype, copy=False)
    whole = converted.dtype.kind in "iu" and converted.dtype != numbers.dtype
    if whole and (converted != numbers).any():
        raise ValueError(
            f"The network takes {converted.dtype} inputs, which cannot hold the values of X, such "
            f"as {numbers[converted != numbers][0]!r}. Give its input another dtype, or change X."
        )
    return converted


def block_length(shape: tuple[int, ...]) -> int:
    """Return how many rows of an array of this shape may be made dense at once."""
    return max(1, _BLOCK_SIZE // max(1, int(np.prod(shape[1:]))))


def feature_statistics(
    rows: Rows, names: np.ndarray | None = None, *, shift: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return what to subtract from features and what to divide them by.

    Warns of features that vary by little more than float32 can tell apart; ``names`` are theirs.

    Weighted mean and standard deviation in float64; for more than two dimensions one number each.
    For sparse features that nothing may be subtracted from, which would fill the zeros, without
    ``shift``: the weighted geometric mean of the sizes of what is not zero, which a few large
    counts hardly move. Features that do not vary are not scaled, and no feature is blown up whose
    spread is a matter of rounding.
    """
    if sparse.issparse(rows.X) and not shift:
        size = _usual_size(rows)
        return np.zeros_like(size), np.where(size > _TINY, size, 1.0)
    mean, variance = _moments(rows)
    spread = np.sqrt(variance)
    if rows.X.dtype.itemsize > 4:
        _warn_of_rounding(np.atleast_1d(mean), np.atleast_1d(spread), names)
    # Spread that is only rounding error of float32 inputs must not be blown up; beside a large
    # mean it can be large itself.
    rounding = 10 * np.finfo(np.float32).eps * np.abs(mean)
    varies = spread > np.maximum(rounding, _TINY)
    return mean, np.where(varies, spread, np.maximum(spread, 1.0))


def _warn_of_rounding(mean: np.ndarray, spread: np.ndarray, names: np.ndarray | None) -> None:
    """Warn of features that float32, in which networks compute, rounds to a few values."""
    size = np.abs(mean)
    rounded = np.finfo(np.float32).eps * size > _ROUNDED * spread
    lost = np.flatnonzero(rounded & (spread > _SAME * size))
    if lost.size:
        first = int(lost[0]) if names is None else names.tolist()[lost[0]]
        more = f" and {lost.size - 1} more" if lost.size > 1 else ""
        warnings.warn(
            f"X has features that vary too little beside their mean for float32, in which the "
            f"network computes: column {first!r}{more}, with mean {mean[lost[0]]:g} and standard "
            f"deviation {spread[lost[0]]:g}. Put a StandardScaler before the classifier.",
            UserWarning,
            stacklevel=2,
        )


def bin_edges(rows: Rows, n_bins: int) -> np.ndarray:
    """Return the edges of the bins of each feature.

    Parameters
    ----------
    rows : Rows
        Rows of two dimensions; those of weight zero count for nothing.
    n_bins : int
        The most bins of a feature.

    Returns
    -------
    ndarray of shape (n_features, n_bins + 1)
        float32, which do not decrease in a row; between two that are equal there is no bin. The
        edges of a feature are all of its values if there are at most ``n_bins + 1``, else the
        weighted quantiles at 0, 1 / n_bins, ..., 1, which are values that occur, where a value
        that fills several bins counts as often as fills one. A feature with fewer than three edges
        has no bins, which would say no more than itself.

    Notes
    -----
    Of more than 100,000 rows, the quantiles are those of 100,000 drawn with a fixed seed.

    A bin is wider than the rounding errors of float32 at its edges; narrower ones are left out.
    """
    index, weight = _sample_of_counting(rows)
    X = rows.X[index].tocsc() if sparse.issparse(rows.X) else rows.X
    n_features = X.shape[1]
    edges = np.zeros((n_features, n_bins + 1), dtype=np.float32)
    step = block_length((0, len(index)))
    for first in range(0, n_features, step):
        columns = slice(first, first + step)
        block = X[:, columns].toarray() if sparse.issparse(X) else X[index, columns]
        # In float32, as the network sees them.
        for feature, values in enumerate(block.astype(np.float32, copy=False).T, first):
            edges[feature] = _quantiles(values, weight, n_bins)
    return _without_needless(edges)


def prior_logits(
    rows: Rows, n_units: int, *, exclusive: bool, label_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the logits of the best constant prediction for encoded targets.

    Parameters
    ----------
    rows : Rows
        Rows whose targets are codes of classes or an indicator, in which NaN counts for nothing.
    n_units : int
        Number of outputs.
    exclusive : bool
        Whether the outputs are classes that exclude each other.
    label_weight : ndarray of shape (2, n_units) or None, default=None
        Weights of the entries that are 0 and of those that are 1.

    Returns
    -------
    ndarray of shape (n_units,)
        float64, finite. For labels ``log((a + 1/2) / (b + 1/2))`` with the weights a of the entries
        that are 1 and b of those that are 0; for classes ``log(a + 1/2)``, less a constant that
        makes the probabilities sum to one.

    Notes
    -----
    Source of the halves, which keep logits finite: Haldane, "The Estimation and Significance of the
    Logarithm of a Ratio of Frequencies", 1956. Weights are scaled to a mean of one among the
    entries that count, so that their unit does not matter, and neither does whether they are
    weights of rows, labels or entries.
    """
    zeros, ones = _count_entries(rows, rows.weight, n_units)
    if rows.weight is not None or label_weight is not None:
        by_label = np.ones((2, n_units)) if label_weight is None else np.asarray(label_weight)
        counting = None if rows.weight is None else (rows.weight > 0).astype(float)
        n_counting = (by_label > 0) * _count_entries(rows, counting, n_units)
        weighted = by_label * np.stack([zeros, ones])
        zeros, ones = weighted * (n_counting.sum() / max(weighted.sum(), 1e-300))
    if exclusive:
        return np.log((ones + 0.5) / (ones + 0.5).sum())
    return np.log((ones + 0.5) / (zeros + 0.5))


def _count_entries(
    rows: Rows, weight: np.ndarray | None, n_units: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of the rows that do not have each label or class, and of those that do."""
    zeros, ones = np.zeros(n_units), np.zeros(n_units)
    step = block_length((0, n_units))  # so that no copy of all targets is made
    for start in range(0, len(rows), step):
        block = rows.index[start : start + step]
        y, w = rows.y[block], np.ones(len(block)) if weight is None else weight[block]
        if y.ndim == 1 or (w.ndim == 1 and sparse.issparse(y)):
            found = np.bincount(y, w, minlength=n_units) if y.ndim == 1 else w @ y
            zeros, ones = zeros + w.sum() - found, ones + found
            continue
        y = y.toarray() if sparse.issparse(y) else y
        w = w if w.ndim == 2 else w[:, np.newaxis]
        zeros, ones = zeros + np.sum(w * (y == 0), axis=0), ones + np.sum(w * (y == 1), axis=0)
    return zeros, ones


def _usual_size(rows: Rows) -> np.ndarray:
    """Return the weighted geometric mean of the sizes of a sparse feature's numbers, 1 of none."""
    total, logs = np.zeros((2, rows.X.shape[1]))
    for block in rows.blocks():
        part = rows.X[block]  # a copy, unlike a slice of dense rows
        part.sum_duplicates()
        size = np.abs(part.data.astype(np.float64))
        weight = np.repeat(_weight_of(rows, block), np.diff(part.indptr)) * (size > 0)
        total += np.bincount(part.indices, weight, len(total))
        # The logarithm of 1, for what counts for nothing.
        size[weight == 0] = 1.0
        logs += np.bincount(part.indices, weight * np.log(size), len(total))
    return np.exp(logs / np.where(total > 0, total, 1.0))


def _weight_of(rows: Rows, index: np.ndarray) -> np.ndarray:
    """Return one weight for each of some rows."""
    if rows.weight is None:
        return np.ones(len(index))
    weight = rows.weight[index]
    return weight.mean(axis=1) if weight.ndim == 2 else weight


def _moments(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted mean and variance, merged block by block.

    Source: Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", 1979.
    """
    flat = rows.X.ndim > 2
    total, mean, squares = 0.0, np.zeros(1), np.zeros(1)
    for block in rows.blocks():
        x = dense_rows(rows.X, block, "float64")
        w = _weight_of(rows, block)
        if flat:
            w = np.repeat(w, x[0].size)
            x = x.reshape(-1, 1)
        block_total = w.sum()
        if block_total == 0:
            continue
        block_mean = w @ x / block_total
        block_squares = w @ (x - block_mean) ** 2
        shift = block_mean - mean
        new_total = total + block_total
        mean = mean + shift * (block_total / new_total)
        squares = squares + block_squares + shift**2 * (total * block_total / new_total)
        total = new_total
    variance = squares / total
    return (mean[0], variance[0]) if flat else (mean, variance)


def _sample_of_counting(rows: Rows) -> tuple[np.ndarray, np.ndarray | None]:
    """Return rows with a weight above zero, not too many of them, and their weights."""
    index, weight = rows.index, None
    if rows.weight is not None:
        weight = _weight_of(rows, index)
        index, weight = index[weight > 0], weight[weight > 0]
    if len(index) > _QUANTILES_OF:
        # At random: what repeats with a period, days say, would be missed by every n-th row.
        taken = np.random.default_rng(0).choice(len(index), _QUANTILES_OF, replace=False)
        index, weight = index[taken], None if weight is None else weight[taken]
    return index, weight


def _quantiles(values: np.ndarray, weight: np.ndarray | None, n_bins: int) -> np.ndarray:
    """Return all values in order, or n_bins + 1 quantiles; the last one again where it is fewer.

    No value takes more than the share of one bin, however often it occurs: zeros of a count would
    leave hardly any bins to the other numbers.
    """
    if weight is None:
        distinct, mass = np.unique(values, return_counts=True)
    else:
        distinct, group = np.unique(values, return_inverse=True)
        mass = np.bincount(group, weight)
    if len(distinct) > n_bins + 1:
        up_to = np.cumsum(np.minimum(mass, _share_of_bin(mass, n_bins)))
        # Less what sums of weights are off by, so that copies and weights give the same values.
        levels = np.arange(1, n_bins) * (up_to[-1] / n_bins) * (1 - 1e-9)
        distinct = distinct[[0, *np.searchsorted(up_to, levels), -1]]
        # Equal quantiles stay beside each other, and have no bin between them.
    return np.pad(distinct, (0, n_bins + 1 - len(distinct)), mode="edge")


def _share_of_bin(mass: np.ndarray, n_bins: int) -> float:
    """Return the mass of a bin where values of more mass have a bin each."""
    heavy = np.sort(mass)[::-1][:n_bins]
    before = np.concatenate([[0.0], np.cumsum(heavy)[:-1]])
    shares = (mass.sum() - before) / (n_bins - np.arange(len(heavy)))
    return float(shares[np.argmax(heavy <= shares)])  # it holds for the last one at the latest


def _without_needless(edges: np.ndarray) -> np.ndarray:
    """Return edges without bins that rounding made, or that are all of a feature."""
    kept = edges.astype(np.float64)  # in which no width overflows
    for place in range(1, kept.shape[1]):
        low, high = kept[:, place - 1], kept[:, place]
        rounding = 10 * np.finfo(np.float32).eps * np.maximum(np.abs(low), np.abs(high))
        kept[:, place] = np.where(high - low > np.maximum(rounding, _TINY), high, low)
    is_line = (kept[:, 1:] > kept[:, :-1]).sum(axis=1) < 2
    kept[is_line] = kept[is_line, :1]
    return kept.astype(np.float32)


def _row_keys(values: Any, index: np.ndarray) -> Iterator[bytes]:
    """Yield a digest of each row: equal for equal numbers, whatever their dtype or zeros."""
    if not sparse.issparse(values):
        for row in index:
            content = np.asarray(values[row], dtype=np.float64) + 0.0  # -0.0 is 0.0
            yield hashlib.sha256(content.tobytes()).digest()
        return
    rows = values[index].astype(np.float64)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    columns = rows.indices.astype(np.int64)
    for start, end in itertools.pairwise(rows.indptr):
        content = columns[start:end].tobytes() + rows.data[start:end].tobytes()
        yield hashlib.sha256(content).digest()
