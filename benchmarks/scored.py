"""Probabilities of held-out rows and, out of fold, of training rows: decisions without new fits.

Owns: what is kept of a classifier, and the decisions and calibrations that follow from it.
Does not own: fitting (``decision_parts``, ``quality_cells``). It imports no TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from skmultilabel_keras.calibration import MultiLabelCalibratedClassifierCV
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

# Probabilities nearer to 0 and 1 are those of float32's rounding. So no sure mistake is infinite.
EDGE = 1e-7


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its probabilities, so that tuning costs no fits."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X):
        return X

    def decision_function(self, X):
        return logit(np.clip(X, EDGE, 1 - EDGE))


@dataclass(frozen=True)
class Scored:
    """The probabilities that one kind of classifier gives to held-out rows, and out of fold."""

    y_train: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    out_of_fold: np.ndarray
    held_out: np.ndarray

    def decide(self, rule) -> np.ndarray:
        return clone(rule).fit(self.y_train).decide(self.held_out)

    def tune(self, objective) -> np.ndarray:
        """Decide by the thresholds that cross-validation of the classifier would have found."""
        tuned = MultiLabelTunedThresholdClassifierCV(Given(), objective=objective, cv=self.folds)
        return tuned.fit(self.out_of_fold, self.y_train).predict(self.held_out)

    def calibrate(self) -> np.ndarray:
        """Return probabilities of held-out rows, calibrated by Platt's method out of fold."""
        calibrated = MultiLabelCalibratedClassifierCV(Given(), cv=self.folds)
        return calibrated.fit(self.out_of_fold, self.y_train).predict_proba(self.held_out)
