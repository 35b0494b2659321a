"""Weights of labels and classes: from what a user passes as ``class_weight`` to numbers.

Owns: every form of ``class_weight``.
Does not own: how a loss uses weights of labels (``losses``), or making weights of rows of those of
exclusive classes (``_classifier``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from skmultilabel_keras._validation import nearest_names


def resolve_label_weight(
    class_weight: Any,
    indicator: Any,
    label_names: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """Return the weights of the entries of each label that are 0, and of those that are 1.

    Parameters
    ----------
    class_weight : "balanced", array-like of shape (n_labels,) or mapping
        "balanced": for each label ``n / (2 n_c)``, with ``n`` the weight of its known entries and
        ``n_c`` that of those of value ``c``, so that both weigh the same in all. An array has a
        weight for each label. A mapping has, by label name, a weight or a mapping
        ``{0: w0, 1: w1}``; 1 for all others.
    indicator : {ndarray, CSR} of shape (n_samples, n_labels)
        0, 1 and, for missing labels, NaN.
    label_names : ndarray of shape (n_labels,)
        Names of the labels.
    sample_weight : ndarray of shape (n_samples,) or (n_samples, n_labels), or None, default=None
        Weights of the rows or of the entries.

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
        return _balance(indicator, sample_weight)  # the only string that parameters allow
    n_labels = len(label_names)
    if hasattr(class_weight, "to_dict"):  # a Series: by its names, not by their order
        class_weight = class_weight.to_dict()
    if isinstance(class_weight, Mapping):
        weight = _read_mapping(class_weight, label_names)
    else:
        weight = _read_array(class_weight, n_labels)
        weight = np.stack([weight, weight])
    return _checked(weight, class_weight)


def resolve_class_weight(
    class_weight: Any, encoded: Any, names: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the weight of each of the classes that exclude each other.

    Parameters
    ----------
    class_weight : "balanced", mapping or, for an indicator, array-like of shape (n_classes,)
        "balanced": ``n / (k n_c)`` for a class with ``n_c`` of the ``n`` rows, each counted with
        its weight, where ``k`` classes occur. A mapping has weights by class; 1 for all others.
    encoded : ndarray of shape (n_samples,) or {ndarray, CSR} of shape (n_samples, n_classes)
        Codes of classes, or an indicator with a single 1 in each row.
    names : ndarray of shape (n_classes,)
        The classes.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows.

    Returns
    -------
    ndarray of shape (n_classes,)
        float64, finite and at least 0.

    Raises
    ------
    ValueError
        For any other form, classes that are not known, and weights that are negative, infinite or
        all 0.

    Examples
    --------
    >>> import numpy as np
    >>> names, codes = np.array(["a", "b"]), np.array([0, 1, 1, 1])
    >>> resolve_class_weight({"b": 5}, codes, names).tolist()
    [1.0, 5.0]
    >>> resolve_class_weight("balanced", codes, names)
    array([2.        , 0.66666667])
    """
    n_classes = len(names)
    if isinstance(class_weight, str):
        if encoded.ndim == 1:
            counts = np.bincount(encoded, sample_weight, minlength=n_classes)
        else:
            counts = _count(encoded, 1, sample_weight)
        occurs = counts > 0
        return np.where(occurs, counts.sum() / (occurs.sum() * np.where(occurs, counts, 1.0)), 1.0)
    if hasattr(class_weight, "to_dict"):
        class_weight = class_weight.to_dict()
    if isinstance(class_weight, Mapping):
        weight = _read_weights_of_classes(class_weight, names)
    elif encoded.ndim == 2:
        weight = _read_array(class_weight, n_classes)
    else:
        raise ValueError(
            f"class_weight must be a dict or 'balanced' for 1-D classes; got {class_weight!r}."
        )
    return _checked(weight, class_weight)


def label_shares(indicator: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Return the share of the known entries of each label that are 1.

    Parameters
    ----------
    indicator : {ndarray, CSR} of shape (n_samples, n_labels)
        0, 1 and, for missing labels, NaN.
    sample_weight : ndarray of shape (n_samples,) or (n_samples, n_labels), or None, default=None
        Weights of the rows or of the entries.

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
    zeros, ones = (_count(indicator, value, sample_weight) for value in (0, 1))
    known = zeros + ones
    return np.divide(ones, known, out=np.zeros(len(known)), where=known > 0)


def _balance(indicator: Any, sample_weight: np.ndarray | None) -> np.ndarray:
    counts = np.stack([_count(indicator, value, sample_weight) for value in (0, 1)])
    return counts.sum(axis=0) / (2 * np.where(counts > 0, counts, np.inf)) + (counts == 0)


def _count(indicator: Any, value: int, sample_weight: np.ndarray | None) -> np.ndarray:
    """Return how many entries of each label have a value, or the sum of their weights."""
    if sparse.issparse(indicator):
        weight = np.ones(indicator.shape[0]) if sample_weight is None else sample_weight
        ones = weight @ indicator
        return ones if value else weight.sum() - ones
    hits = indicator == value
    if sample_weight is None:
        return hits.sum(axis=0)
    return sample_weight @ hits if sample_weight.ndim == 1 else (hits * sample_weight).sum(axis=0)


def _read_array(class_weight: Any, n_labels: int) -> np.ndarray:
    weight = np.asarray(class_weight)
    if weight.shape != (n_labels,) or weight.dtype.kind not in "biuf":
        raise ValueError(
            f"class_weight must have one number for each label, shape ({n_labels},), or be "
            f"'balanced' or a mapping from label names; got {class_weight!r}."
        )
    return weight


def _checked(weight: np.ndarray, class_weight: Any) -> np.ndarray:
    """Return weights as floats, if they are such."""
    weight = weight.astype(np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError(
            "class_weight must hold finite weights, none below 0 and one above it; got "
            f"{class_weight!r}."
        )
    return weight


def _read_weights_of_classes(class_weight: Mapping[Any, Any], names: np.ndarray) -> np.ndarray:
    weights = dict.fromkeys(names.tolist(), 1.0)
    unknown = [name for name in class_weight if name not in weights]
    # As in scikit-learn, a fold may lack a class where all those that it has are given a weight.
    if unknown and not set(weights) <= set(class_weight):
        raise ValueError(
            f"class_weight names {unknown[0]!r}, which is no class of y; declare all classes as "
            f"label_names where a fold may lack one. {_near(unknown[0], weights)}"
        )
    weights |= {name: value for name, value in class_weight.items() if name in weights}
    wrong = next((n for n, value in weights.items() if not isinstance(value, Real)), None)
    if wrong is not None:
        raise ValueError(
            f"class_weight must give each of the classes, which exclude each other, a number; got "
            f"{weights[wrong]!r} for {wrong!r}."
        )
    return np.array(list(weights.values()), dtype=np.float64)


def _read_mapping(class_weight: Mapping[Any, Any], label_names: np.ndarray) -> np.ndarray:
    columns = {name: column for column, name in enumerate(label_names.tolist())}
    weight = np.ones((2, len(columns)))
    for name, value in class_weight.items():
        if name not in columns:
            raise ValueError(
                f"class_weight names {name!r}, which is no label of y. {_near(name, columns)}"
            )
        weight[:, columns[name]] = _read_pair(name, value)
    return weight


def _near(name: Any, known: Iterable[Any]) -> str:
    """Return what was probably meant, with its type where it looks alike."""
    alike = next((other for other in known if str(other) == str(name)), None)
    if alike is not None:
        return f"{alike!r} is, of type {type(alike).__name__}."
    return nearest_names(str(name), map(str, known))


def _read_pair(name: Any, value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, Mapping) else {0: value, 1: value}
    if not set(pair) <= {0, 1} or not all(isinstance(weight, Real) for weight in pair.values()):
        raise ValueError(
            f"class_weight must give label {name!r} a number, or a mapping with the keys 0 and 1; "
            f"got {value!r}."
        )
    return pair.get(0, 1.0), pair.get(1, 1.0)
