"""What multi-label estimators return, as one array with a column for each label.

Owns: the forms in which scikit-learn's classifiers return probabilities and decision values, and
the labels that they stand for.
Does not own: what is done with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse


def align_scores(response: Any, classes: Any, *, n_labels: int) -> Any:
    """Return scores of shape (n_samples, n_labels) from what an estimator returned.

    Multi-label classifiers return an array with a column for each label, or a list that holds, for
    each label, a column for each of its classes (``RandomForestClassifier`` and others). Where
    there is one label, an array may hold a column for each class too, which flat classes tell, or
    have one dimension.

    Parameters
    ----------
    response : array-like, sparse matrix or list of array-like
        What ``predict_proba`` or ``decision_function`` returned.
    classes : array-like, list of array-like, or None
        The estimator's ``classes_``; needed for lists, and for two columns of one label.
    n_labels : int
        How many labels there are.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        Scores of class 1; zeros for a label of a list that had nothing but zeros in the training
        data.

    Raises
    ------
    ValueError
        Where the classes of a list are not known or not 0 and 1, or the number of columns is not
        that of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> response = [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[1.0], [1.0]])]
    >>> align_scores(response, [np.array([0, 1]), np.array([0])], n_labels=2)
    array([[0.1, 0. ],
           [0.8, 0. ]])
    """
    if isinstance(response, list):
        _check_classes(response, classes)
        columns = list(map(_column_of_ones, response, classes))
        return _check_width(np.column_stack(columns), n_labels)
    scores = as_column(response.toarray() if sparse.issparse(response) else np.asarray(response))
    if n_labels == 1 and np.ndim(classes) == 1 and scores.shape[1] == len(classes):
        scores = as_column(_column_of_ones(scores, classes))
    return _check_width(scores, n_labels)


def as_column(values: Any) -> Any:
    """Return what has one dimension as a column, and anything else as it is."""
    return np.asarray(values).reshape(-1, 1) if np.ndim(values) == 1 else values


def require_same_order(name: str, estimator: Any, y: Any) -> None:
    """Raise for a DataFrame with other labels than a fitted estimator's, or in another order."""
    fitted = _find_label_names(estimator)
    given = list(y.columns) if hasattr(y, "columns") else fitted
    # Numbers are the names of labels that have none, too; the same ones in another order are names.
    may_be_named = fitted != list(range(len(fitted))) or set(given) == set(fitted)
    if given != fitted and may_be_named:
        raise ValueError(
            f"{name} must have the columns of the estimator's fit, in their order, {fitted}; got "
            f"{given}."
        )


def _find_label_names(estimator: Any) -> list[Any]:
    """Return the label names of a fitted estimator, within a pipeline or a search too."""
    while not hasattr(estimator, "label_names_"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return []
    return np.asarray(estimator.label_names_).tolist()


def _check_width(scores: npt.NDArray[Any], n_labels: int) -> npt.NDArray[Any]:
    if scores.ndim != 2 or scores.shape[1] != n_labels:
        raise ValueError(
            f"estimator must return scores of shape (n_samples, {n_labels}), a column for each "
            f"label; got shape {scores.shape}. Fit it on an indicator with the same labels."
        )
    return scores


def _check_classes(response: list[Any], classes: Any) -> None:
    n_columns = [np.shape(scores)[-1] for scores in response]
    n_classes = None if classes is None else [np.size(label_classes) for label_classes in classes]
    if n_columns != n_classes:
        raise ValueError(
            "estimator returns a list of scores, so its classes_ must hold the classes of each "
            f"label, of which there are {n_columns}; got {n_classes}. Return an array of shape "
            "(n_samples, n_labels) instead."
        )


def _column_of_ones(scores: Any, classes: Any) -> npt.NDArray[Any]:
    """Return the scores of class 1; zeros where the training data had zeros only."""
    classes = np.asarray(classes)
    if classes.dtype.kind not in "biuf" or not np.isin(classes, (0, 1)).all():
        raise ValueError(
            f"estimator.classes_ must hold nothing but 0 and 1; got {classes!r}. Fit it on an "
            "indicator, dense where it does not support sparse targets."
        )
    return np.where(classes == 1, scores, 0).sum(axis=1)
