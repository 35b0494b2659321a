"""Tuned thresholds and stratified splits for rows with several labels each.

Owns: thresholds chosen from out-of-fold scores, splitters, the rows that a fit sets aside.
Does not own: cross-validation and searches, which are scikit-learn's, and rules that need no
tuning (``decision_rules``).

Nothing here loads Keras or TensorFlow.
"""

from skmultilabel_keras.model_selection._objectives import (
    CostObjective,
    FBetaObjective,
    PrecisionAtLeast,
    RecallAtLeast,
)
from skmultilabel_keras.model_selection._splits import (
    MultilabelStratifiedKFold,
    MultilabelStratifiedShuffleSplit,
    split_validation,
)
from skmultilabel_keras.model_selection._tuned import MultiLabelTunedThresholdClassifierCV

__all__ = [
    "CostObjective",
    "FBetaObjective",
    "MultiLabelTunedThresholdClassifierCV",
    "MultilabelStratifiedKFold",
    "MultilabelStratifiedShuffleSplit",
    "PrecisionAtLeast",
    "RecallAtLeast",
    "split_validation",
]
