"""Splitting rows with several labels each.

Owns: which rows a fit sets aside for validation.
Does not own: cross-validation, which is scikit-learn's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
from scipy import sparse


def split_validation(y: Any, validation_split: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows for validation at random, each label in proportion.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label
    Data", ECML PKDD 2011), as the ``iterative-stratification`` package has it.

    Parameters
    ----------
    y : {ndarray, sparse matrix} of shape (n_samples, n_labels) or ndarray of shape (n_samples,)
        Label indicator, or integer codes of classes.
    validation_split : float
        Share of the rows to set aside, in (0, 1). At least one row is drawn, and one is left.
        Proportions of labels come before sizes: with up to five labels the size is met to one
        row; with tens of labels and a hundred rows or less it may be missed by a factor of two.
    seed : int
        Seed of the draw.

    Returns
    -------
    train, validation : ndarray of int
        Row numbers in ascending order.

    Raises
    ------
    ValueError
        If there are fewer than two rows.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.tile([[0, 1], [1, 0]], (10, 1))
    >>> train, validation = split_validation(y, 0.2, seed=0)
    >>> y[validation].sum(axis=0).tolist()
    [2, 2]
    """
    n_samples = y.shape[0]
    if n_samples < 2:
        raise ValueError(
            "Validation rows can only be drawn from two rows or more; got "
            f"n_samples={n_samples} (rows of weight zero and copies of the only row do not "
            "count). Use early_stopping=False and validation_split=0, or pass validation_data to "
            "fit."
        )
    n_validation = min(max(1, round(validation_split * n_samples)), n_samples - 1)
    rng = np.random.RandomState(seed)
    splitter = MultilabelStratifiedShuffleSplit(
        n_splits=1, test_size=n_validation, random_state=rng
    )
    indicator = _as_indicator(y)
    train, validation = next(splitter.split(np.zeros((n_samples, 1)), indicator))
    if not (len(train) and len(validation)):
        # The package prefers proportions to sizes, which can leave one side of a few rows empty.
        order = rng.permutation(n_samples)
        train, validation = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    return train, validation


def _as_indicator(y: Any) -> np.ndarray:
    """Return a boolean indicator of two columns or more, as the package needs it."""
    if sparse.issparse(y):
        indicator = y.toarray() != 0
    elif y.ndim == 1:
        indicator = y[:, np.newaxis] == np.arange(y.max() + 1)
    else:
        indicator = y != 0
    return indicator if indicator.shape[1] > 1 else np.hstack([indicator, ~indicator])
