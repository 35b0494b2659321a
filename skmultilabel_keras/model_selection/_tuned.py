"""Thresholds tuned on out-of-fold scores, for any multi-label classifier.

Owns: ``MultiLabelTunedThresholdClassifierCV``.
Does not own: objectives (``_objectives``), splitters (``_splits``), or rules that are not
thresholds (``decision_rules``).
"""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultilabel_keras._compat import HasMethods, validate_parameter_constraints
from skmultilabel_keras.metrics import align_scores
from skmultilabel_keras.model_selection._cuts import ScoredLabels
from skmultilabel_keras.model_selection._indicator import Indicator
from skmultilabel_keras.model_selection._objectives import resolve_objective
from skmultilabel_keras.model_selection._out_of_fold import (
    OutOfFoldClassifier,
    Split,
    read_response,
)

_CONSTRAINTS = {
    "estimator": [HasMethods(["fit", "predict_proba"])],
    "refit": ["boolean"],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "store_cv_results": ["boolean"],
}


# Rows with a label from which on it is not rare, however many splits there are.
_ENOUGH = 10


def _has_decision_function(meta: MultiLabelTunedThresholdClassifierCV) -> bool:
    return hasattr(getattr(meta, "estimator_", meta.estimator), "decision_function")


class MultiLabelTunedThresholdClassifierCV(OutOfFoldClassifier):
    """Multi-label classifier whose thresholds are tuned by cross-validation.

    What ``sklearn.model_selection.TunedThresholdClassifierCV`` does for binary problems, for
    indicators of any number of labels. Scores of rows that a classifier was not trained on are
    put together over all splits; the thresholds that are best on them are kept, and the classifier
    is fitted to all rows. A label is predicted where its probability is above its threshold.

    Parameters
    ----------
    estimator : classifier
        Any multi-label classifier with ``predict_proba``, scikit-learn's too: arrays of shape
        (n_samples, n_labels) and lists of one array for each label are both understood. It decides
        which containers of ``X`` and ``y`` are supported, and whether labels may be missing.
    objective : str, objective or callable, default="f1_macro"
        What the thresholds are to be best for.

        ================================  ==========================================  =============
        objective                         what is best                                cuts
        ================================  ==========================================  =============
        "f1_macro"                        mean F1 over labels                         one per label
        "f1_micro"                        F1 of all entries                           one for all
        "f1_samples"                      mean F1 over rows                           one for all
        "neg_hamming_loss"                share of right entries                      one per label
        ``FBetaObjective(...)``           F-measures with another beta, or another    as above
                                          value of 0/0
        ``CostObjective(...)``            least cost of mistakes                      one per label
        ``RecallAtLeast(value)``          precision, among cuts of that recall        one per label
        ``PrecisionAtLeast(value)``       recall, among cuts of that precision        one per label
        ``function(y_true, y_pred)``      any number, greater being better            one for all
        ================================  ==========================================  =============

        All but the last are exact: no other threshold does better on the same scores. A function
        is tried on some 200 thresholds at most: all distinct ones, or those at quantiles of the
        scores, one half over those of true labels, and always 0.5. It gets indicators of int8, the
        truth in float64 with NaN where labels are missing, and no weights. Parameters of objects
        can be searched, as ``objective__beta``.
    cv : int, float, splitter, iterable or "prefit", default=None
        Which rows the scores are of: an integer is the number of folds of a
        :class:`MultilabelStratifiedKFold`, None stands for 5; a float in (0, 1) is the share of
        rows that one :class:`MultilabelStratifiedShuffleSplit` scores; a splitter or an iterable of
        (train, test) is taken as it is. With "prefit" the estimator is fitted already, and
        ``fit`` scores all rows that it gets: they must be others than those of training.
    refit : bool, default=True
        Whether to fit the estimator to all rows. False keeps the one that was fitted for the
        scores, for which there must be a single split. Must be False for ``cv="prefit"``.
    n_jobs : int or None, default=None
        Number of splits to fit at the same time, as in scikit-learn.
    random_state : int, RandomState instance or None, default=None
        Seed of the splits where ``cv`` is a number or None.
    store_cv_results : bool, default=False
        Whether to keep the scores in ``cv_results_``.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier whose scores are cut.
    thresholds_ : ndarray of float64, shape (n_labels,)
    best_score_ : float
        The value of the objective for these thresholds on the scores they were tuned on: for
        costs, minus the mean cost of an entry; for ``RecallAtLeast`` the mean precision over
        labels and for ``PrecisionAtLeast`` the mean recall.
    cv_results_ : dict of str to ndarray
        "indices", the rows that were scored, shape (n_scored,), and "y_score", their scores of
        shape (n_scored, n_labels). Only with ``store_cv_results=True``.
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
    sklearn.model_selection.TunedThresholdClassifierCV : The same for binary problems.

    Notes
    -----
    - Thresholds lie midway between neighbouring scores. Of cuts that are equally good the one
      nearest 0.5 is taken, the higher of two as near.
    - Rare labels, with fewer scored rows than there are splits, or than 10 where there are more
      splits (with none, for a single split), get the cut that is best when the entries of all
      labels are taken together, as for a micro average: too little is known to tune one for them
      alone. That includes labels that no row has.
    - Missing labels, NaN in ``y``, count in no objective, and nor do rows of weight zero.
      ``y`` goes to the estimator as it is.
    - Predictions have the dtype and the container of ``y``: dense, or CSR for sparse ones.
    - The time of exact searches grows with n log n in the number of entries.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> X, y = make_multilabel_classification(n_classes=3, random_state=0)
    >>> plain = OneVsRestClassifier(LogisticRegression())
    >>> tuned = MultiLabelTunedThresholdClassifierCV(plain, random_state=0).fit(X, y)
    >>> tuned.thresholds_.shape
    (3,)
    >>> tuned.predict(X).shape
    (100, 3)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        objective: Any = "f1_macro",
        cv: Any = None,
        refit: bool = True,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        store_cv_results: bool = False,
    ) -> None:
        self.estimator = estimator
        self.objective = objective
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.store_cv_results = store_cv_results

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, **params: Any
    ) -> MultiLabelTunedThresholdClassifierCV:
        """Tune the thresholds and fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Whatever the estimator takes.
        y : indicator of shape (n_samples, n_labels)
            0 and 1, and NaN for missing labels where the estimator supports them. Nested list,
            array, DataFrame, SciPy sparse matrix or array.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Weights of rows, or of entries where the estimator supports that. They go to the
            estimator, and count in the objective (but for a function) as well.
        **params : dict
            Further parameters of the estimator's ``fit``. What has an entry for each row is cut
            into folds with the rows. With metadata routing enabled, whatever the estimator and the
            splitter have requested.

        Returns
        -------
        MultiLabelTunedThresholdClassifierCV
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
        n_labels = target.true.shape[1]
        objective = resolve_objective(self.objective, target.encoder.label_names_)
        entry_weight, row_weight = _read_weights(target, sample_weight)
        fit_params, split_params = self._route(sample_weight, params)
        self._check_refit()
        splits = self._make_splits(X, y, self.random_state, split_params)
        self._check_number(splits)
        fitted, scores = self._respond_out_of_fold(
            X, y, splits, partial(_respond, n_labels=n_labels), fit_params
        )

        index = np.concatenate([test for _, test in splits])
        y_score = np.concatenate(scores).astype(np.float64)
        rows = ScoredLabels(target.true[index], y_score, entry_weight[index], row_weight[index])
        _require_some_weight(rows)
        thresholds = objective.find_thresholds(rows, _find_rare(rows, len(splits)))
        estimator = clone(self.estimator).fit(X, y, **fit_params) if self.refit else fitted

        self._keep(estimator, target)
        self.thresholds_ = thresholds
        self.best_score_ = objective.evaluate(rows, thresholds)
        if self.store_cv_results:
            self.cv_results_ = {"indices": index, "y_score": y_score}
        elif hasattr(self, "cv_results_"):
            del self.cv_results_  # of another fit
        return self

    def predict(self, X: Any) -> Any:
        """Return the labels whose probability is above their threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        {ndarray, CSR matrix or array} of shape (n_samples, n_labels)
            0 and 1, sparse where the ``y`` of ``fit`` was. Of the dtype of an array or of sparse
            targets; float64 for a DataFrame of floats, int64 for other DataFrames and for lists.
        """
        scores = self.predict_proba(X)
        return self._encoder.decode(scores > self.thresholds_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the estimator's probabilities, which thresholds do not change.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
        """
        check_is_fitted(self, "thresholds_")
        return self._align(self.estimator_.predict_proba(X))

    @available_if(_has_decision_function)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the estimator's decision function, where it has one.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
        """
        check_is_fitted(self, "thresholds_")
        return self._align(self.estimator_.decision_function(X))

    def _check_refit(self) -> None:
        if self._is_prefit and self.refit:
            raise ValueError(
                "refit must be False for cv='prefit', which keeps the estimator as it is; got "
                f"refit={self.refit!r}. Pass refit=False."
            )

    def _check_number(self, splits: list[Split]) -> None:
        if not (self.refit or len(splits) == 1):
            raise ValueError(
                "refit=False keeps the estimator that was fitted for the scores, so there must be "
                f"a single split; got cv={self.cv!r} with {len(splits)}. Use refit=True, or a "
                "float for cv."
            )

    def _align(self, response: Any) -> np.ndarray:
        classes = getattr(self.estimator_, "classes_", None)
        return align_scores(response, classes, n_labels=self.n_labels_)


def _respond(estimator: Any, X: Any, n_labels: int) -> np.ndarray:
    return read_response(estimator, "predict_proba", X, n_labels)


def _read_weights(target: Indicator, sample_weight: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of entries, zero where they are missing, and those of rows."""
    known, row_weight = target.known.astype(np.float64), np.ones(len(target.known))
    weight = target.read_weight(sample_weight)
    if weight is not None and weight.ndim == 2:
        known *= weight
    elif weight is not None:
        row_weight = weight
    return known, row_weight * known.any(axis=1)  # a row of which nothing is known does not count


def _require_some_weight(rows: ScoredLabels) -> None:
    if not rows.weight.any():
        raise ValueError(
            "The rows that are scored must hold known labels, and weights that are not zero; none "
            f"of the {len(rows.score)} has. Choose other rows with cv."
        )


def _find_rare(rows: ScoredLabels, n_splits: int) -> np.ndarray:
    """Tell which labels have fewer scored rows than there are splits."""
    return (rows.true & (rows.weight > 0)).sum(axis=0) < min(n_splits, _ENOUGH)
