"""Calibrated probabilities for any multi-label classifier.

Owns: ``MultiLabelCalibratedClassifierCV``, and the maps from scores to probabilities it learns.
Does not own: how well probabilities are calibrated (``metrics``), or what is decided by them
(``decision_rules``, ``model_selection``).

Nothing here loads Keras or TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted

from skmultilabel_keras._compat import (
    HasMethods,
    StrOptions,
    validate_parameter_constraints,
)
from skmultilabel_keras.model_selection._out_of_fold import OutOfFoldClassifier, read_response

__all__ = ["MultiLabelCalibratedClassifierCV"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Calibrator: TypeAlias = Callable[[_Floats], _Floats]

# Fewer rows with a label, or without it, tell too little of its probabilities.
_FEWEST = 5

# Scores whose relative spread is no larger are equal up to rounding.
_SAME = 1e-12

# Probabilities this near to 0 and 1 have the logits of these bounds.
_EDGE = 1e-12

# Bounds of the logarithm of an inverse temperature, of logits whose mean size is one.
_LOG_INVERSE = (-10.0, 10.0)

_RESPONSES = ("decision_function", "predict_proba")

# Of Newton's method: steps and halvings, more than are needed; the fall of the mean cross-entropy,
# in nats, that is worth a step; what keeps it from dividing by zero.
_MOST_STEPS = 40
_LEAST_FALL = 1e-14
_RIDGE = 1e-12

_CONSTRAINTS = {
    "estimator": [HasMethods(["fit", name]) for name in _RESPONSES],
    "method": [StrOptions({"sigmoid", "isotonic", "temperature", "label_temperature"})],
    "cv": ["cv_object", StrOptions({"prefit"})],
    "n_jobs": [Integral, None],
}


class MultiLabelCalibratedClassifierCV(OutOfFoldClassifier):
    """Multi-label classifier whose probabilities are calibrated by cross-validation.

    What ``sklearn.calibration.CalibratedClassifierCV(ensemble=False)`` does for classes, which
    rejects several labels per row. Scores of rows that a classifier was not trained on are put
    together over all splits; a map from scores to probabilities is learnt from them for each label;
    and the classifier is fitted to all rows.

    Parameters
    ----------
    estimator : classifier
        Any multi-label classifier with ``decision_function`` or ``predict_proba``, which are
        preferred in this order. Arrays of shape (n_samples, n_labels) and lists of one array for
        each label are both understood. It decides which containers of ``X`` and ``y`` are
        supported, and whether labels may be missing in training.
    method : str, default="sigmoid"
        The map from scores s to probabilities.

        ===================  =========================================  ==========================
        method               probability                                learnt
        ===================  =========================================  ==========================
        "sigmoid"            1 / (1 + exp(-(a s + b)))                  a and b for each label
        "isotonic"           rises with s, in steps                     the steps for each label
        "temperature"        1 / (1 + exp(-z / T))                      one T for all labels
        "label_temperature"  the same                                   T for each label
        ===================  =========================================  ==========================

        Sources: "sigmoid" [1]_, "isotonic" [2]_, temperatures [3]_.

        The logit z is what ``decision_function`` returns, or log(p / (1 - p)) of a probability.
        Few rows want few parameters: "isotonic" needs hundreds of rows with the label.
    cv : int, splitter, iterable or "prefit", default=None
        Which rows the scores are of: an integer is the number of folds of
        ``MultilabelStratifiedKFold(random_state=0)``, None stands for 5; a splitter or an iterable
        of (train, test) is taken as it is. With "prefit" the estimator is fitted already, and
        ``fit`` scores all rows that it gets: they must be others than those of training.
    n_jobs : int or None, default=None
        Number of splits to fit at the same time, as in scikit-learn.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier whose scores are mapped.
    calibrators_ : list of length n_labels
        The map of each label, a function of arrays of scores (of logits for temperatures); None for
        a label that keeps its scores.
    classes_ : ndarray of int, shape (n_labels, 2)
        0 and 1 for each label.
    n_labels_ : int
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels; numbers where the targets have none.
    n_features_in_ : int
        Where the estimator has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Where the estimator has it.

    See Also
    --------
    sklearn.calibration.CalibratedClassifierCV : The same for exclusive classes.

    Notes
    -----
    - A label keeps its scores where fewer than 5 scored rows have it, or fewer than 5 lack it: its
      probabilities are those of ``predict_proba``, or the logistic function of the decision values
      of an estimator without. For "temperature" the entries of all labels are counted together.
    - Missing labels, NaN in ``y``, are left out of the calibration, as are rows of weight zero.
      ``y`` goes to the estimator as it is.
    - A weight of 2 is a row that is there twice. So weights that sum to little mean few rows, of
      which "sigmoid" makes probabilities near one half; the other methods do not look at their sum.
    - All but "sigmoid" never reverse the order of scores; "isotonic" makes ties. "sigmoid" reverses
      it for a label whose scores are lower where it is present.

    References
    ----------
    .. [1] Platt (1999): Probabilistic outputs for support vector machines; with its targets of
       (n_pos + 1) / (n_pos + 2) and 1 / (n_neg + 2).
    .. [2] Zadrozny and Elkan (2002): Transforming classifier scores into accurate multiclass
       probability estimates, KDD.
    .. [3] Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.multioutput import MultiOutputClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = make_multilabel_classification(n_classes=3, random_state=0)
    >>> plain = MultiOutputClassifier(GaussianNB())
    >>> calibrated = MultiLabelCalibratedClassifierCV(plain, method="temperature").fit(X, y)
    >>> calibrated.predict_proba(X).shape
    (100, 3)
    """

    def __init__(
        self, estimator: Any, *, method: str = "sigmoid", cv: Any = None, n_jobs: int | None = None
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.n_jobs = n_jobs

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, **params: Any
    ) -> MultiLabelCalibratedClassifierCV:
        """Learn the maps from scores to probabilities, and fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.
        y : indicator of shape (n_samples, n_labels)
            0 and 1, and NaN for missing labels where the estimator supports them. Nested list,
            array, DataFrame, SciPy sparse matrix or array.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Weights of rows, or of entries where the estimator supports that. They go to the
            estimator's ``fit``, and count in the calibration as well.
        **params : dict
            Further parameters of the estimator's ``fit``. What has an entry for each row is cut
            into folds with the rows. With metadata routing enabled, whatever the estimator and the
            splitter have requested.

        Returns
        -------
        MultiLabelCalibratedClassifierCV
            This object.

        Raises
        ------
        ValueError
            For illegal parameters, a ``y`` that is no indicator or has nothing but NaN for a
            label, and an estimator whose scores are not finite or not of shape (n_samples,
            n_labels).
        NotFittedError
            Where ``cv="prefit"`` and the estimator is not fitted.
        """
        validate_parameter_constraints(
            _CONSTRAINTS, self.get_params(deep=False), caller_name=type(self).__name__
        )
        X, y, target = self._read(X, y)
        n_samples, n_labels = target.true.shape
        weight = target.known.astype(np.float64)
        if (checked := target.read_weight(sample_weight)) is not None:
            weight *= checked.reshape(n_samples, -1)
        fit_params, split_params = self._route(sample_weight, params)
        splits = self._make_splits(X, y, 0, split_params)
        _, scored = self._respond_out_of_fold(
            X, y, splits, partial(_respond, n_labels=n_labels), fit_params
        )
        index = np.concatenate([test for _, test in splits])
        scores = scored[0]._replace(values=np.concatenate([part.values for part in scored]))

        entries = _Entries(_to_inputs(self.method, scores), target.true[index], weight[index])
        calibrators = _fit_calibrators(self.method, entries)
        prefit = self._is_prefit
        estimator = self.estimator if prefit else clone(self.estimator).fit(X, y, **fit_params)

        self._keep(estimator, target)
        self.calibrators_ = calibrators
        return self

    def predict_proba(self, X: Any) -> _Floats:
        """Return calibrated probabilities of labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of float64, of shape (n_samples, n_labels)
        """
        check_is_fitted(self, "calibrators_")
        scores = _respond(self.estimator_, X, self.n_labels_)
        kept = [calibrator is None for calibrator in self.calibrators_]
        probability = self._uncalibrated(X, scores) if any(kept) else np.empty(scores.values.shape)
        inputs = _to_inputs(self.method, scores)
        for label, calibrator in enumerate(self.calibrators_):
            if calibrator is not None:
                probability[:, label] = calibrator(inputs[:, label])
        return probability

    def predict(self, X: Any) -> Any:
        """Return the labels whose calibrated probability is above 0.5.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        {ndarray, CSR matrix or array} of shape (n_samples, n_labels)
            0 and 1, sparse where the ``y`` of ``fit`` was. Of the dtype of an array or of sparse
            targets; float64 for a DataFrame of floats, int64 for other DataFrames and for lists.
        """
        probability = self.predict_proba(X)
        return self._encoder.decode(probability > 0.5)

    def _uncalibrated(self, X: Any, scores: _Scores) -> _Floats:
        if scores.are_probabilities:
            return scores.values.copy()
        if hasattr(self.estimator_, "predict_proba"):
            return _respond(self.estimator_, X, self.n_labels_, ("predict_proba",)).values
        return expit(scores.values)


# Scores


class _Scores(NamedTuple):
    """Scores of shape (n_samples, n_labels), and whether ``predict_proba`` returned them."""

    values: _Floats
    are_probabilities: bool


def _respond(estimator: Any, X: Any, n_labels: int, names: tuple[str, ...] = _RESPONSES) -> _Scores:
    name = next(name for name in names if hasattr(estimator, name))
    values = read_response(estimator, name, X, n_labels)
    return _Scores(values.astype(np.float64), name == "predict_proba")


# Maps from scores to probabilities


class _Entries(NamedTuple):
    """Inputs of maps, truth and weights: of shape (n_samples, n_labels), or of one label."""

    inputs: _Floats
    true: npt.NDArray[np.bool_]
    weight: _Floats

    def take(self, key: Any) -> _Entries:
        return _Entries(self.inputs[key], self.true[key], self.weight[key])

    def that_count(self) -> _Entries:
        """Return the entries of some weight, in one dimension."""
        return self.take(self.weight > 0)


def _to_inputs(method: str, scores: _Scores) -> _Floats:
    """Return what the maps take: scores, or logits for temperatures."""
    if method.endswith("temperature") and scores.are_probabilities:
        return logit(np.clip(scores.values, _EDGE, 1 - _EDGE))
    return scores.values


def _fit_calibrators(method: str, entries: _Entries) -> list[_Calibrator | None]:
    n_labels = entries.true.shape[1]
    if method == "temperature":
        return [_fit_calibrator(method, entries.that_count())] * n_labels
    labels = [entries.take(np.s_[:, label]) for label in range(n_labels)]
    return [_fit_calibrator(method, label.that_count()) for label in labels]


def _fit_calibrator(method: str, entries: _Entries) -> _Calibrator | None:
    """Return a map, None where there are too few entries of one kind."""
    n_true = int(entries.true.sum())
    if min(n_true, len(entries.true) - n_true) < _FEWEST:
        return None
    return _FITS[method](entries)


@dataclass(frozen=True)
class _Logistic:
    """The logistic function of slope * score + intercept."""

    slope: float
    intercept: float = 0.0

    def __call__(self, scores: _Floats) -> _Floats:
        return expit(self.slope * scores + self.intercept)


def _fit_sigmoid(entries: _Entries) -> _Calibrator:
    """Fit Platt's scaling: a logistic regression on the score, with smoothed targets."""
    score, true, weight = entries
    n_pos, n_neg = weight[true].sum(), weight[~true].sum()
    target = np.where(true, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
    # Standardised, so that the search is well conditioned.
    centre, scale = score.mean(), score.std()
    if scale <= _SAME * np.abs(score).max():  # nothing that a slope could be learnt from
        centre, scale, score = 0.0, 1.0, np.zeros_like(score)
    start = np.log((n_pos + 1) / (n_neg + 1))
    slope, intercept = _search_line(
        (score - centre) / scale, target, weight / (n_pos + n_neg), float(start)
    )
    return _Logistic(float(slope / scale), float(intercept - slope * centre / scale))


def _search_line(
    score: _Floats, target: _Floats, weight: _Floats, start: float
) -> tuple[float, float]:
    """Return slope and intercept of least cross-entropy, from slope 0.

    Newton's method with halved steps, written out for two numbers, as in Lin, Lin, Weng (2007): A
    note on Platt's probabilistic outputs for support vector machines.
    """
    slope, intercept = 0.0, start
    loss = weight @ _cross_entropy(np.full(score.shape, start), target)
    for _ in range(_MOST_STEPS):
        p = expit(slope * score + intercept)
        slack, curvature = weight * (p - target), weight * p * (1 - p)
        by_slope, by_intercept = slack @ score, slack.sum()
        of_slope, of_both = curvature @ score**2 + _RIDGE, curvature @ score
        of_intercept = curvature.sum() + _RIDGE
        determinant = of_slope * of_intercept - of_both**2
        move = (of_intercept * by_slope - of_both * by_intercept) / determinant
        shift = (of_slope * by_intercept - of_both * by_slope) / determinant
        if by_slope * move + by_intercept * shift < _LEAST_FALL:
            break
        for size in 0.5 ** np.arange(_MOST_STEPS):
            z = (slope - size * move) * score + intercept - size * shift
            if (found := weight @ _cross_entropy(z, target)) < loss:
                break
        else:
            break  # rounding is all that is left
        slope, intercept, loss = slope - size * move, intercept - size * shift, found
    return slope, intercept


@dataclass(frozen=True)
class _Steps:
    """A function that rises from knot to knot and is constant outside of them."""

    scores: _Floats
    probabilities: _Floats

    def __call__(self, scores: _Floats) -> _Floats:
        return np.interp(scores, self.scores, self.probabilities)


def _fit_isotonic(entries: _Entries) -> _Calibrator:
    score, true, weight = entries
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(
        score, true.astype(np.float64), sample_weight=weight
    )
    return _Steps(fitted.X_thresholds_, fitted.y_thresholds_)


def _fit_temperature(entries: _Entries) -> _Calibrator:
    """Fit the inverse temperature of least cross-entropy."""
    z, true, weight = entries
    target = true.astype(np.float64)
    size = np.average(np.abs(z), weights=weight) or 1.0
    z = z / size
    found = minimize_scalar(
        lambda log_inverse: weight @ _cross_entropy(np.exp(log_inverse) * z, target),
        bounds=_LOG_INVERSE,
        method="bounded",
        options={"xatol": 1e-8},
    )
    return _Logistic(float(np.exp(found.x) / size))


def _cross_entropy(z: _Floats, target: _Floats) -> _Floats:
    return np.logaddexp(0, z) - target * z


_FITS = {
    "sigmoid": _fit_sigmoid,
    "isotonic": _fit_isotonic,
    "temperature": _fit_temperature,
    "label_temperature": _fit_temperature,
}
