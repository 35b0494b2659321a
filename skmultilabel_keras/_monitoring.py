"""Multi-label scores of the validation rows after each epoch.

Owns: which entries of ``metrics`` are scores of this package, and their values in the logs.
Does not own: the scores (``metrics``), or Keras' own metrics, which the network is compiled with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._compat import compile_arguments
from skmultilabel_keras._parameters import score_recipe
from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.metrics import SCORER_NAMES

# From features to functions that return label sets or scores, by the estimator's methods.
Respond = Callable[[Any], dict[str, Callable[[], np.ndarray]]]


class ValidationScores(keras.callbacks.Callback):
    """Callback that adds scores of the validation rows to the logs, as ``val_`` and their names.

    All come from one prediction. To stand before callbacks that look at the logs.

    Parameters
    ----------
    names : sequence of str
        Names of scorers, with or without "neg_".
    X : {ndarray, CSR} of shape (n_samples, ...)
        Validation rows.
    y : {ndarray, CSR} of shape (n_samples, n_labels)
        Their labels; NaN where they are missing.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    respond : callable
        Returns functions named "predict", "predict_proba" and "decision_function", for rows and
        the weights that the network has.
    """

    def __init__(
        self, names: Sequence[str], X: Any, y: Any, sample_weight: Any, respond: Respond
    ) -> None:
        super().__init__()
        self._recipes = {name: recipe for name in names if (recipe := score_recipe(name))}
        self._X = X
        self._y = y
        self._sample_weight = sample_weight
        self._respond = respond

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the scores, if there was an evaluation after this epoch."""
        if logs is None or "val_loss" not in logs:
            return
        respond = self._respond(self._X)
        methods = {recipe.methods[0] for recipe in self._recipes.values()}
        responses = {method: respond[method]() for method in methods}
        for name, recipe in self._recipes.items():
            response = responses[recipe.methods[0]]
            value = recipe.evaluate(self._y, response, sample_weight=self._sample_weight)
            # A loss by its own name is a loss: less is better.
            negate = not recipe.greater_is_better and not name.startswith("neg_")
            logs[f"val_{name}"] = -value if negate else value


def improvement_of(monitor: str, network: keras.Model) -> str:
    """Return the ``mode`` of Keras' callbacks for an entry of the logs: "max", "min" or "auto".

    Raises
    ------
    ValueError
        For an entry that the logs of this compiled network will not have, with the nearest ones;
        for a metric that does not say whether more is better.
    """
    name = monitor.removeprefix("val_")
    if name == "loss":
        return "min"
    recipe = score_recipe(name) if name != monitor else None
    if recipe is not None:
        return "max" if recipe.greater_is_better or name.startswith("neg_") else "min"
    options = compile_arguments(network)
    listed = keras.tree.flatten([options.get("metrics"), options.get("weighted_metrics")])
    metrics = {_name_of(metric): metric for metric in listed if metric is not None}
    if name not in metrics:
        legal = ["loss", *metrics]
        scores = [known for scorer in SCORER_NAMES for known in _both(scorer)]
        legal += [f"val_{known}" for known in (*legal, *scores)]
        raise ValueError(
            f"monitor must be an entry of the logs; got {monitor!r}. "
            f"{nearest_names(monitor, legal)}"
        )
    if not (isinstance(metrics[name], str) or hasattr(metrics[name], "_direction")):
        raise ValueError(
            f"monitor must be an entry of which is known whether more is better; got {monitor!r}, "
            "a metric that does not say so. In place of early_stopping, pass callbacks="
            f"[keras.callbacks.EarlyStopping({monitor!r}, mode='max' or 'min', "
            "restore_best_weights=True)]."
        )
    return "auto"  # Keras knows


def _name_of(metric: Any) -> str:
    return str(getattr(metric, "name", getattr(metric, "__name__", metric)))


def _both(scorer: str) -> set[str]:
    return {scorer, scorer.removeprefix("neg_")}
