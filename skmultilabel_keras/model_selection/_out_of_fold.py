"""Classifiers that learn from the scores of rows which their estimator was not trained on.

Owns: what such meta-estimators have in common: splits, fits on them, metadata, attributes.
Does not own: splitters (``_splits``), and what scores are good for (``_tuned``, ``calibration``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import check_cv
from sklearn.utils import ClassifierTags, Tags, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skmultilabel_keras._compat import take_rows
from skmultilabel_keras.metrics import align_scores, subset_accuracy
from skmultilabel_keras.metrics._responses import require_same_order
from skmultilabel_keras.model_selection._indicator import Indicator, read_indicator
from skmultilabel_keras.model_selection._splits import (
    MultilabelStratifiedKFold,
    MultilabelStratifiedShuffleSplit,
)

# Rows to fit on, None to fit nothing, and rows to score.
Split: TypeAlias = tuple[np.ndarray | None, np.ndarray]

# What is made of a fitted classifier and rows.
Respond: TypeAlias = Callable[[Any, Any], Any]


class OutOfFoldClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Meta-estimator that learns from out-of-fold scores; abstract.

    Subclasses have the parameters ``estimator``, ``cv`` and ``n_jobs``, and a ``predict_proba``.
    """

    estimator: Any
    cv: Any
    n_jobs: int | None
    predict_proba: Callable[[Any], np.ndarray]

    @property
    def _is_prefit(self) -> bool:
        return isinstance(self.cv, str) and self.cv == "prefit"

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            -inf for a probability of 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose known labels are all predicted right.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : indicator of shape (n_samples, n_labels)
            Missing labels, NaN, count for nothing.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            Subset accuracy.
        """
        if hasattr(y, "columns"):
            self._encoder.transform(y)  # raises for other names, or another order of them
        return subset_accuracy(y, self.predict(X), sample_weight=sample_weight)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who gets which metadata, as scikit-learn's meta-estimators do.

        Returns
        -------
        MetadataRouter
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        router.add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )
        return router.add(
            splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split")
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False, multi_label=True)
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _read(self, X: Any, y: Any) -> tuple[Any, Any, Indicator]:
        """Return rows that can be cut, targets likewise, and what the targets say."""
        target = read_indicator(y)
        return *indexable(X, np.asarray(y) if isinstance(y, (list, tuple)) else y), target

    def _route(
        self, sample_weight: Any, params: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the parameters of the estimator's ``fit`` and of the splitter's ``split``."""
        given = dict(params)
        if sample_weight is not None:
            given["sample_weight"] = sample_weight
        if not get_config()["enable_metadata_routing"]:
            return given, {}
        routed = process_routing(self, "fit", **given)
        return dict(routed["estimator"]["fit"]), dict(routed["splitter"]["split"])

    def _make_splits(self, X: Any, y: Any, seed: Any, params: Mapping[str, Any]) -> list[Split]:
        """Return the rows to fit and to score; None to fit nothing."""
        if self._is_prefit:
            _require_fitted(self.estimator)
            require_same_order("y", self.estimator, y)
            return [(None, np.arange(np.shape(y)[0]))]
        splitter = self._make_splitter(y, seed)
        splits: list[Split] = [
            (_as_indices(train), _as_indices(test))
            for train, test in splitter.split(X, y, **params)
        ]
        if not splits:
            raise ValueError(
                f"cv must give one split at least; got {self.cv!r}, which gives none. A generator "
                "can be used once only: pass a list."
            )
        return splits

    def _make_splitter(self, y: Any, seed: Any) -> Any:
        cv = self.cv
        if cv is None or (isinstance(cv, Integral) and not isinstance(cv, bool)):
            return MultilabelStratifiedKFold(5 if cv is None else int(cv), random_state=seed)
        if isinstance(cv, Real) and 0 < float(cv) < 1:
            return MultilabelStratifiedShuffleSplit(1, test_size=float(cv), random_state=seed)
        if isinstance(cv, (str, Real)) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
            raise ValueError(
                "cv must be a number of folds, a share of the rows in (0, 1), a splitter, an "
                f"iterable of (train, test), or 'prefit'; got {cv!r}."
            )
        return check_cv(cv, y, classifier=True)

    def _respond_out_of_fold(
        self, X: Any, y: Any, splits: Sequence[Split], respond: Respond, params: Mapping[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return what ``respond`` makes of each split, and the estimator where there is one split.

        Fitted estimators of several splits are not kept: networks are not sent between processes.
        """
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_and_respond)(
                self.estimator if train is None else clone(self.estimator),
                X,
                y,
                train,
                test,
                respond,
                params,
                keep=len(splits) == 1,
            )
            for train, test in splits
        )
        return results[-1][0], [response for _, response in results]

    def _keep(self, estimator: Any, target: Indicator) -> None:
        """Keep the fitted estimator and what is known of rows and labels."""
        self.estimator_ = estimator
        self.n_labels_ = target.true.shape[1]
        # An array: a list of arrays is what scikit-learn's cross_val_predict cannot read.
        self.classes_ = np.tile([0, 1], (self.n_labels_, 1))
        self._encoder = target.encoder
        self.label_names_ = target.encoder.label_names_
        for name in ("n_features_in_", "feature_names_in_"):
            if name in vars(self):
                delattr(self, name)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))


def read_response(estimator: Any, method: str, X: Any, n_labels: int) -> np.ndarray:
    """Return the scores of a fitted classifier, of shape (n_samples, n_labels).

    Raises
    ------
    ValueError
        For scores that are not finite or of another shape.
    """
    classes = getattr(estimator, "classes_", None)
    scores = align_scores(getattr(estimator, method)(X), classes, n_labels=n_labels)
    if not np.isfinite(scores).all():
        raise ValueError(
            f"estimator must give finite scores; {method} of {type(estimator).__name__} returned "
            "NaN or infinity, of which nothing can be learnt. Look for what made its training "
            "diverge."
        )
    return scores


def _fit_and_respond(
    estimator: Any,
    X: Any,
    y: Any,
    train: np.ndarray | None,
    test: np.ndarray,
    respond: Respond,
    params: Mapping[str, Any],
    *,
    keep: bool,
) -> tuple[Any, Any]:
    """Fit on some rows and respond to others; return the estimator too where it is kept."""
    if train is not None:
        n_samples = np.shape(y)[0]
        cut = {name: _cut(value, train, n_samples) for name, value in params.items()}
        estimator.fit(take_rows(X, train), take_rows(y, train), **cut)
    response = respond(estimator, take_rows(X, test))
    return (estimator if keep else None), response


def _cut(value: Any, rows: np.ndarray, n_samples: int) -> Any:
    """Return some rows of a parameter of ``fit`` where it has an entry for each row."""
    if hasattr(value, "shape"):
        has_rows = value.shape[:1] == (n_samples,)
    else:  # not by np.shape, which a tuple of arrays may not have
        has_rows = isinstance(value, (list, tuple)) and len(value) == n_samples
    return take_rows(value, rows) if has_rows else value


def _require_fitted(estimator: Any) -> None:
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise NotFittedError(
            f"estimator must be fitted for cv='prefit'; got {type(estimator).__name__}, which is "
            "not. Fit it on other rows before."
        ) from error


def _as_indices(rows: Any) -> np.ndarray:
    """Return row numbers, also where an iterable of splits holds masks."""
    array = np.asarray(rows)
    return np.flatnonzero(array) if array.dtype == bool else array
