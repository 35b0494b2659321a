"""Weights of labels: from what a user passes as ``class_weight`` to numbers for a loss.

Owns: every form of ``class_weight`` for a label indicator.
Does not own: how a loss uses them (``losses``), or weights of exclusive classes, which are
weights of rows (``_classifier``).
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from skmultilabel_keras._validation import nearest_names


def resolve_label_weight(class_weight: Any, indicator: Any, label_names: np.ndarray) -> np.ndarray:
    """Return the weights of the entries of each label that are 0, and of those that are 1.

    Parameters
    ----------
    class_weight : "balanced", array-like of shape (n_labels,) or mapping
        "balanced": for each label ``n / (2 n_c)``, with ``n`` its known entries and ``n_c`` those
        of value ``c``, so that both values weigh the same in all. An array has a weight for each
        label. A mapping has, by label name, a weight or a mapping ``{0: w0, 1: w1}``; 1 for all
        others.
    indicator : {ndarray, CSR} of shape (n_samples, n_labels)
        0, 1 and, for missing labels, NaN.
    label_names : ndarray of shape (n_labels,)
        Names of the labels.

    Returns
    -------
    ndarray of shape (2, n_labels)
        float64, finite and at least 0.

    Raises
    ------
    ValueError
        For any other form, unknown labels, and weights that are negative, infinite or all 0.

    Examples
    --------
    >>> import numpy as np
    >>> names = np.array(["a", "b"])
    >>> resolve_label_weight({"b": {1: 5}}, np.eye(2), names).tolist()
    [[1.0, 1.0], [1.0, 5.0]]
    >>> resolve_label_weight("balanced", np.array([[0, 1], [0, 0], [0, 0], [1, 0]]), names)
    array([[0.66666667, 0.66666667],
           [2.        , 2.        ]])
    """
    if isinstance(class_weight, str):
        return _balance(indicator)  # the only string that parameters allow
    n_labels = len(label_names)
    if hasattr(class_weight, "to_dict"):  # a Series: by its names, not by their order
        class_weight = class_weight.to_dict()
    if isinstance(class_weight, Mapping):
        weight = _read_mapping(class_weight, label_names)
    else:
        weight = np.asarray(class_weight)
        if weight.shape != (n_labels,) or weight.dtype.kind not in "biuf":
            raise ValueError(
                f"class_weight must have one number for each label, shape ({n_labels},), or be "
                f"'balanced' or a mapping from label names; got {class_weight!r}."
            )
        weight = np.stack([weight, weight])
    weight = weight.astype(np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError(
            "class_weight must hold finite weights, none below 0 and one above it; got "
            f"{class_weight!r}."
        )
    return weight


def label_shares(indicator: Any) -> np.ndarray:
    """Return the share of the known entries of each label that are 1.

    Parameters
    ----------
    indicator : {ndarray, CSR} of shape (n_samples, n_labels)
        0, 1 and, for missing labels, NaN.

    Returns
    -------
    ndarray of shape (n_labels,)
        float64; 0 where nothing is known.

    Examples
    --------
    >>> import numpy as np
    >>> label_shares(np.array([[0, 1], [1, np.nan]])).tolist()
    [0.5, 1.0]
    """
    zeros, ones = _count(indicator, 0), _count(indicator, 1)
    return ones / np.maximum(zeros + ones, 1)


def _balance(indicator: Any) -> np.ndarray:
    counts = np.stack([_count(indicator, 0), _count(indicator, 1)])
    return counts.sum(axis=0) / (2 * np.where(counts > 0, counts, np.inf)) + (counts == 0)


def _count(indicator: Any, value: int) -> np.ndarray:
    """Return how many entries of each label have a value."""
    if sparse.issparse(indicator):
        ones = np.bincount(indicator.indices, minlength=indicator.shape[1])
        return ones if value else indicator.shape[0] - ones
    return (indicator == value).sum(axis=0)


def _read_mapping(class_weight: Mapping[Any, Any], label_names: np.ndarray) -> np.ndarray:
    columns = {name: column for column, name in enumerate(label_names.tolist())}
    weight = np.ones((2, len(columns)))
    for name, value in class_weight.items():
        if name not in columns:
            near = nearest_names(str(name), map(str, columns))
            raise ValueError(f"class_weight names {name!r}, which is no label of y. {near}")
        weight[:, columns[name]] = _read_pair(name, value)
    return weight


def _read_pair(name: Any, value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, Mapping) else {0: value, 1: value}
    if not set(pair) <= {0, 1} or not all(isinstance(weight, Real) for weight in pair.values()):
        raise ValueError(
            f"class_weight must give label {name!r} a number, or a mapping with the keys 0 and 1; "
            f"got {value!r}."
        )
    return pair.get(0, 1.0), pair.get(1, 1.0)
