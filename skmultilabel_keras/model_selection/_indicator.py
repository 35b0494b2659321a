"""Targets as users pass them, read for splitting and for tuning.

Owns: which entries of an indicator are true and which are known.
Does not own: containers, and what targets mean (``_targets``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skmultilabel_keras._target_encoder import (
    TargetEncoder,
    has_missing,
    require_known_labels,
)
from skmultilabel_keras._validation import check_sample_weight


@dataclass(frozen=True)
class Indicator:
    """Boolean arrays of shape (n_samples, n_labels), and the way back to the container."""

    true: np.ndarray
    known: np.ndarray
    encoder: TargetEncoder

    def read_weight(self, sample_weight: Any) -> np.ndarray | None:
        """Return checked weights of rows or entries; named columns go by the labels."""
        return check_sample_weight(sample_weight, len(self.true), self.encoder.label_names_)


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
        For other shapes and other values, and where nothing is known of a label.
    """
    encoder = TargetEncoder().fit(y, meaning="indicator")
    if encoder.container_ in ("classes", "lists"):
        got = "1-D classes" if encoder.container_ == "classes" else "lists of label names"
        raise ValueError(
            f"y must be a label indicator of shape (n_samples, n_labels); got {got}. For a single "
            "label pass a column, np.reshape(y, (-1, 1)); turn lists of label names into an "
            "indicator with sklearn.preprocessing.MultiLabelBinarizer."
        )
    values = encoder.transform(y)
    if has_missing(values):
        require_known_labels(values, encoder.label_names_)
    return Indicator(_which_hold(values), _which_are_known(values), encoder)


def read_strata(y: Any) -> sparse.csr_array:
    """Return what is to be kept in proportion: the rows of each label, or class.

    Of a label that is not known for all rows, also which rows it is known for. Sparse targets are
    not made dense.

    Parameters
    ----------
    y : object
        Targets in any container.

    Returns
    -------
    CSR of shape (n_samples, n_strata)
        float64, of ones.

    Raises
    ------
    ValueError
        For anything that is no target.
    """
    encoder = TargetEncoder().fit(y)
    encoded = encoder.transform(y)
    if encoder.meaning_ == "classes":
        n_samples = len(encoded)
        ones = (np.ones(n_samples), encoded, np.arange(n_samples + 1))
        return sparse.csr_array(ones, shape=(n_samples, encoder.n_labels_))
    if sparse.issparse(encoded):
        return sparse.csr_array(encoded, dtype=np.float64)
    strata = encoded == 1
    if has_missing(encoded):
        known = _which_are_known(encoded)
        strata = np.hstack([strata, known[:, ~known.all(axis=0)]])
    return sparse.csr_array(strata, dtype=np.float64)


def _which_hold(values: Any) -> np.ndarray:
    return values.astype(bool).toarray() if sparse.issparse(values) else values == 1


def _which_are_known(values: Any) -> np.ndarray:
    return np.ones(values.shape, dtype=bool) if sparse.issparse(values) else ~np.isnan(values)
