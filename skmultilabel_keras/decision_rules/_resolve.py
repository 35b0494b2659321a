"""From what a user passes as a rule to a rule.

Owns: names of rules.
Does not own: their parameters.
"""

from __future__ import annotations

from typing import Any

from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.decision_rules._counts import AtLeastOne, ExactlyOne, LabelCount, TopK
from skmultilabel_keras.decision_rules._example_f import ExampleF
from skmultilabel_keras.decision_rules._label_sets import SubsetAccuracy
from skmultilabel_keras.decision_rules._reading import read_thresholds
from skmultilabel_keras.decision_rules._rule import DecisionRule
from skmultilabel_keras.decision_rules._thresholds import CostThreshold, Threshold

_RULES: dict[str, type[DecisionRule]] = {
    "threshold": Threshold,
    "cost": CostThreshold,
    "top_k": TopK,
    "exactly_one": ExactlyOne,
    "at_least_one": AtLeastOne,
    "label_count": LabelCount,
    "example_f": ExampleF,
    "subset_accuracy": SubsetAccuracy,
}


def resolve_decision_rule(value: Any) -> DecisionRule:
    """Return the decision rule that a number, an array, a name or an object stands for.

    Parameters
    ----------
    value : float, array-like of shape (n_labels,), str or DecisionRule
        A threshold for all labels; thresholds for each; "threshold", "cost", "top_k",
        "exactly_one", "at_least_one", "label_count", "example_f" or "subset_accuracy" for the rule
        of that name with its defaults; or a rule.

    Returns
    -------
    DecisionRule
        ``value`` itself where it is a rule, a new one otherwise.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> resolve_decision_rule(0.3)
    Threshold(threshold=0.3)
    >>> resolve_decision_rule("top_k")
    TopK()
    """
    if isinstance(value, DecisionRule):
        return value
    if isinstance(value, str):
        if value not in _RULES:
            raise ValueError(
                f"decision_rule is unknown: {value!r}. {nearest_names(value, _RULES)} Other rules "
                "are passed as objects, such as Hierarchy(parents)."
            )
        return _RULES[value]()
    if isinstance(value, type) and issubclass(value, DecisionRule):
        raise ValueError(
            f"decision_rule must be an object; got the class {value.__name__}. Pass "
            f"{value.__name__}(...)."
        )
    thresholds = read_thresholds(value)
    if thresholds is not None and thresholds.ndim < 2:
        return Threshold(float(thresholds) if thresholds.ndim == 0 else thresholds)
    raise ValueError(
        "decision_rule must be a number, an array of one number for each label, a name or a "
        f"DecisionRule; got {value!r}. {nearest_names('', _RULES)}"
    )
