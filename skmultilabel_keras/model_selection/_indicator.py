"""Targets as users pass them, read for splitting and for tuning.

Owns: which entries of an indicator are true and which are known.
Does not own: containers, and what targets mean (``_target_encoder``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skmultilabel_keras._target_encoder import TargetEncoder


@dataclass(frozen=True)
class Indicator:
    """Boolean arrays of shape (n_samples, n_labels), and the way back to the container."""

    true: np.ndarray
    known: np.ndarray
    encoder: TargetEncoder


def read_indicator(y: Any) -> Indicator:
    """Read a label indicator, in which NaN stands for a missing label.

    Parameters
    ----------
    y : indicator of shape (n_samples, n_labels)
        Nested list, array, DataFrame, SciPy sparse matrix or array of 0, 1 and, where it is not
        sparse, NaN. The masked entries of a masked array are missing.

    Raises
    ------
    ValueError
        For other shapes, and for other values.
    """
    encoder = TargetEncoder().fit(y, meaning="indicator")
    if encoder.container_ in ("classes", "lists"):
        got = "1-D classes" if encoder.container_ == "classes" else "lists of label names"
        raise ValueError(
            f"y must be a label indicator of shape (n_samples, n_labels); got {got}. For a single "
            "label pass a column, np.reshape(y, (-1, 1)); turn lists of label names into an "
            "indicator with sklearn.preprocessing.MultiLabelBinarizer."
        )
    values = _as_dense(encoder.transform(y))
    return Indicator(values == 1, ~np.isnan(values), encoder)


def read_labels(y: Any) -> np.ndarray:
    """Return which label, or class, each row has.

    Parameters
    ----------
    y : object
        Targets in any container.

    Returns
    -------
    ndarray of bool, shape (n_samples, n_labels)
        False where an entry is missing.

    Raises
    ------
    ValueError
        For anything that is no target.
    """
    encoder = TargetEncoder().fit(y)
    encoded = encoder.transform(y)
    if encoder.meaning_ == "classes":
        return encoded[:, np.newaxis] == np.arange(encoder.n_labels_)
    return _as_dense(encoded) == 1


def _as_dense(values: Any) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else values
