"""Decision rules: from scores of labels to sets of labels.

Owns: thresholds, numbers of labels per row, rules that are optimal for a metric, hierarchies.
Does not own: scores (networks and other classifiers), the choice of thresholds from data
(``model_selection``), the container in which decisions go back (``_target_encoder``).

A rule works on any array of scores of shape (n_samples, n_labels), from any classifier, and
decides each row by itself:

===================  ===================================================  ==================
rule                 labels of a row                                      scores
===================  ===================================================  ==================
``Threshold``        those above a threshold                              any
``CostThreshold``    those that cost less than leaving them out           probabilities
``TopK``             the best k                                           any
``ExactlyOne``       the best one                                         any
``AtLeastOne``       those above a threshold, or else the best one        any
``LabelCount``       those above a threshold, within bounds of number     any
``ExampleF``         the set of greatest expected F-beta of the row       probabilities
``SubsetAccuracy``   the most probable set among those seen in ``fit``    probabilities
``Hierarchy``        those above a threshold, none without its parent     any
===================  ===================================================  ==================

A score is above a threshold if it is greater; an equal one is not. Thresholds are compared in the
precision of the scores. Among equal scores the first label is the best.

``y_score`` is an array-like of numbers, finite and of two dimensions; no rows are allowed. Rules
for probabilities need values between 0 and 1, and forgive rounding errors up to 1e-6. Parameters
are checked by ``fit`` and ``decide``. Everything that is wrong raises ``ValueError``.
"""

from skmultilabel_keras.decision_rules._counts import AtLeastOne, ExactlyOne, LabelCount, TopK
from skmultilabel_keras.decision_rules._example_f import ExampleF
from skmultilabel_keras.decision_rules._hierarchy import Hierarchy
from skmultilabel_keras.decision_rules._label_sets import SubsetAccuracy
from skmultilabel_keras.decision_rules._resolve import resolve_decision_rule
from skmultilabel_keras.decision_rules._rule import DecisionRule
from skmultilabel_keras.decision_rules._thresholds import CostThreshold, Threshold

__all__ = [
    "AtLeastOne",
    "CostThreshold",
    "DecisionRule",
    "ExactlyOne",
    "ExampleF",
    "Hierarchy",
    "LabelCount",
    "SubsetAccuracy",
    "Threshold",
    "TopK",
    "resolve_decision_rule",
]
