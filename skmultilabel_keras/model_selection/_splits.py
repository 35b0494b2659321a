"""Splitting rows with several labels each.

Owns: stratified splitters, and which rows a fit sets aside for validation.
Does not own: cross-validation, which is scikit-learn's.

Rows are dealt by iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the Stratification of
Multi-Label Data", ECML PKDD 2011), with the results of the ``iterative-stratification`` package,
but with counts that are kept up to date: it counts all labels of all rows that are left anew for
each label. That meets the proportions of the labels and lets the sizes of the parts go, down to
empty parts where there are many labels and few rows. Here rows are moved afterwards until the sizes
are as asked, each time the row whose move costs the proportions least.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from iterstrat import ml_stratifiers
from scipy import sparse
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_random_state

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.model_selection._indicator import read_strata
from skmultilabel_keras.model_selection._rarest import RarestLabels


class MultilabelStratifiedKFold(ml_stratifiers.MultilabelStratifiedKFold):
    """Split rows into folds that have each label in the same proportion.

    Every row is in the test part once, and the sizes of the folds differ by one row at most.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, two or more.
    shuffle : bool, default=True
        Whether to shuffle rows before they are dealt. Without, the split is always the same.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of rows, and of draws between equally good folds. With None each split
        is another one; NumPy's global generator is neither read nor seeded. Must be None where
        ``shuffle`` is False.

    See Also
    --------
    MultilabelStratifiedShuffleSplit : Random splits of given sizes.

    Notes
    -----
    A subclass of the ``iterative-stratification`` package's class of this name, which needs a dense
    indicator of two labels or more, and whose folds may be empty or differ in size. A label with
    fewer rows than there are folds is in as many folds as it has rows, where sizes allow.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.tile([[0, 1], [1, 0]], (8, 1))
    >>> folds = MultilabelStratifiedKFold(n_splits=4, random_state=0)
    >>> [y[test].sum(axis=0).tolist() for train, test in folds.split(y, y)]
    [[2, 2], [2, 2], [2, 2], [2, 2]]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits=n_splits, shuffle=shuffle, random_state=random_state)

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only the number of rows is looked at.
        y : indicator of shape (n_samples, n_labels), list of label lists, or 1-D classes
            What to keep in proportion. An indicator may be a nested list, array, DataFrame, or
            SciPy sparse matrix or array; of a label with missing entries, NaN, the rows that it is
            known for are kept in proportion as well.
        groups : object
            Ignored; here for scikit-learn's sake.

        Yields
        ------
        train, test : ndarray of int
            Row numbers in ascending order.

        Raises
        ------
        ValueError
            For fewer rows than folds, and for a ``y`` that is none of the above.
        """
        # Not by way of the package's class, which takes dense targets only.
        yield from super(ml_stratifiers.MultilabelStratifiedKFold, self).split(
            X, read_strata(y), groups
        )

    def _make_test_folds(self, X: Any, y: sparse.csr_array) -> np.ndarray:
        n_samples, n_splits = y.shape[0], self.n_splits
        rng = _make_generator(self.random_state) if self.shuffle else check_random_state(0)
        order = rng.permutation(n_samples) if self.shuffle else np.arange(n_samples)
        low, high = n_samples // n_splits, -(-n_samples // n_splits)
        shares = np.full(n_splits, 1 / n_splits)
        return _deal(y, order, shares, np.full(n_splits, low), np.full(n_splits, high), rng)


class MultilabelStratifiedShuffleSplit(ml_stratifiers.MultilabelStratifiedShuffleSplit):
    """Draw rows for training and testing at random, each label in proportion.

    The sizes are those of ``sklearn.model_selection.ShuffleSplit``, to the row.

    Parameters
    ----------
    n_splits : int, default=10
        Number of draws.
    test_size : float, int or None, default=None
        Share, in (0, 1), or number of the rows for testing. None takes what ``train_size`` leaves,
        or 0.1 where that is None too.
    train_size : float, int or None, default=None
        The same of the rows for training. None takes what ``test_size`` leaves. Where both are
        given, rows may be left over, and are in neither part.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. With None each split is another one; NumPy's global generator is
        neither read nor seeded.

    See Also
    --------
    MultilabelStratifiedKFold : Folds, in which each row is tested once.

    Notes
    -----
    A subclass of the ``iterative-stratification`` package's class of this name, which needs a dense
    indicator of two labels or more, and whose parts may be empty or of another size than asked.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.tile([[0, 1], [1, 0]], (8, 1))
    >>> splitter = MultilabelStratifiedShuffleSplit(2, test_size=0.25, random_state=0)
    >>> [y[test].sum(axis=0).tolist() for train, test in splitter.split(y, y)]
    [[2, 2], [2, 2]]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: float | None = None,
        train_size: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_splits=n_splits,
            test_size=test_size,
            train_size=train_size,
            random_state=random_state,
        )

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each draw.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only the number of rows is looked at.
        y : indicator of shape (n_samples, n_labels), list of label lists, or 1-D classes
            What to keep in proportion, as for :class:`MultilabelStratifiedKFold`.
        groups : object
            Ignored; here for scikit-learn's sake.

        Yields
        ------
        train, test : ndarray of int
            Row numbers in ascending order.

        Raises
        ------
        ValueError
            For sizes that the number of rows does not allow, and for a ``y`` that is none of the
            above.
        """
        # Not by way of the package's class, which takes dense targets only.
        yield from super(ml_stratifiers.MultilabelStratifiedShuffleSplit, self).split(
            X, read_strata(y), groups
        )

    def _iter_indices(
        self, X: Any, y: sparse.csr_array, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        n_train, n_test = self._find_sizes(y)
        rng = _make_generator(self.random_state)
        for _ in range(self.n_splits):
            part = _deal_sizes(y, [n_train, n_test, y.shape[0] - n_train - n_test], rng)
            yield np.flatnonzero(part == 0), np.flatnonzero(part == 1)

    def _find_sizes(self, y: sparse.csr_array) -> tuple[int, int]:
        plain = ShuffleSplit(
            1, test_size=self.test_size, train_size=self.train_size, random_state=0
        )
        train, test = next(plain.split(y))
        return len(train), len(test)


def split_validation(y: Any, validation_split: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows for validation at random, each label in proportion.

    Parameters
    ----------
    y : {ndarray, sparse matrix} of shape (n_samples, n_labels) or ndarray of shape (n_samples,)
        Label indicator, NaN where labels are missing, or integer codes of classes.
    validation_split : float
        Share of the rows to set aside, in (0, 1), met to the row. At least one row is drawn, and
        one is left.
    seed : int
        Seed of the draw.

    Returns
    -------
    train, validation : ndarray of int
        Row numbers in ascending order.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or the share is not in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> y = np.tile([[0, 1], [1, 0]], (10, 1))
    >>> train, validation = split_validation(y, 0.2, seed=0)
    >>> y[validation].sum(axis=0).tolist()
    [2, 2]
    """
    check_number("validation_split", validation_split, 0, 1, above=True, below=True)
    n_samples = y.shape[0]
    if n_samples < 2:
        raise ValueError(
            "Validation rows can only be drawn from two rows or more; got "
            f"n_samples={n_samples} (rows of weight zero and copies of the only row do not "
            "count). Use early_stopping=False and validation_split=0, or pass validation_data to "
            "fit."
        )
    n_validation = min(max(1, round(validation_split * n_samples)), n_samples - 1)
    sizes = [n_samples - n_validation, n_validation]
    part = _deal_sizes(read_strata(y), sizes, check_random_state(seed))
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def _make_generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Return a generator that is never NumPy's global one."""
    if random_state is None:
        return check_random_state(int(np.random.default_rng().integers(2**32)))
    return check_random_state(random_state)


def _deal_sizes(
    labels: sparse.csr_array, sizes: list[int], rng: np.random.RandomState
) -> np.ndarray:
    """Return the number of the part that each row falls into, for parts of the sizes given."""
    n_rows = np.array([size for size in sizes if size])
    order = rng.permutation(labels.shape[0])
    return _deal(labels, order, n_rows / n_rows.sum(), n_rows, n_rows, rng)


def _deal(
    labels: sparse.csr_array,
    order: np.ndarray,
    shares: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Deal rows to parts, and return the part of each.

    Parameters
    ----------
    labels : CSR of ones, shape (n_samples, n_labels)
    order : ndarray of int, shape (n_samples,)
        In which order to deal the rows.
    shares : ndarray of shape (n_parts,)
        Share of each label that a part is to have.
    low, high : ndarray of int, shape (n_parts,)
        Bounds of the sizes of the parts.
    rng : RandomState
        For draws between parts that are equally good.
    """
    if labels.shape[1] == 1:  # rows without the label are a class of their own
        has = labels.toarray()
        labels = sparse.csr_array(np.hstack([has, 1 - has]))
    ordered = labels[order]
    dealt = deal_in_turn(ordered, shares, rng)
    _even_out(dealt, ordered, shares, low, high)
    part = np.empty_like(dealt)
    part[order] = dealt
    return part


def deal_in_turn(
    labels: sparse.csr_array, shares: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Deal rows to parts label by label, the rarest first, and return the part of each.

    Parameters
    ----------
    labels : CSR of ones, shape (n_samples, n_labels)
    shares : ndarray of shape (n_parts,)
        Share of each label that a part is to have.
    rng : RandomState
        For draws between labels and parts that are equally good.
    """
    columns = labels.tocsc()
    n_rows, counts = labels.shape[0], labels.sum(axis=0)
    part, is_left = np.zeros(n_rows, dtype=int), np.ones(n_rows, dtype=bool)
    wanted, wanted_of = shares * n_rows, np.outer(shares, counts)
    rarest = RarestLabels(counts)

    def draw(places: np.ndarray | RarestLabels) -> int:
        return int(places[rng.randint(len(places))] if len(places) > 1 else places[0])

    while len(rarest):
        label, dealt = draw(rarest), []
        wanted_here = wanted_of[:, label]
        members = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
        for row in np.sort(members[is_left[members]]):
            best = np.flatnonzero(wanted_here == wanted_here.max())
            taker = draw(best[wanted[best] == wanted[best].max()])
            held = _labels_of(labels, row)
            part[row], is_left[row] = taker, False
            wanted_of[taker, held] -= 1
            wanted[taker] -= 1
            dealt.append(held)
        rarest.remove(np.concatenate(dealt))
    for row in np.flatnonzero(is_left):
        part[row] = taker = draw(np.flatnonzero(wanted == wanted.max()))
        wanted[taker] -= 1
    return part


def _even_out(
    part: np.ndarray,
    labels: sparse.csr_array,
    shares: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    """Move rows, in place, until all sizes are within bounds.

    The cost of a move is by how much the squared deviations from the proportions grow, each
    divided by how often its label occurs.
    """
    size = np.bincount(part, minlength=len(shares))
    if ((low <= size) & (size <= high)).all():
        return
    total = labels.sum(axis=0)
    excess = np.array([labels[part == i].sum(axis=0) for i in range(len(shares))])
    excess = excess - np.outer(shares, total)
    while not ((low <= size) & (size <= high)).all():
        giver, taker = int(np.argmax(size - low)), int(np.argmin(size - high))
        growth = labels @ ((excess[taker] - excess[giver] + 1) / np.maximum(total, 1))
        row = int(np.argmin(np.where(part == giver, growth, np.inf)))
        part[row] = taker
        held = _labels_of(labels, row)
        excess[giver, held] -= 1
        excess[taker, held] += 1
        size[giver] -= 1
        size[taker] += 1


def _labels_of(labels: sparse.csr_array, row: int) -> np.ndarray:
    """Return the columns of a row's labels."""
    return labels.indices[labels.indptr[row] : labels.indptr[row + 1]]
