"""Keras' metrics of a network: those that parameters ask for, on probabilities.

Owns: making them, which of them fit the targets, and which a compiled network has.
Does not own: scores of the validation rows (``_monitoring``), compiling (``_compiling``).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from scikeras._utils import unflatten_params

from skmultilabel_keras._compat import compile_arguments
from skmultilabel_keras._heads import Reading, describe_targets
from skmultilabel_keras._keras_objects import is_alike, renewed
from skmultilabel_keras._parameters import in_list, keras_metrics, metric_classes, params_behind

KINDS_OF_METRICS = ("metrics", "weighted_metrics")

# Keras' metrics, classes and functions, by what they compare outputs with: integer codes of
# classes, the one class of each row of an indicator, the single entries of an indicator, or
# predictions that are themselves targets. Subclasses may read targets otherwise.
_COMPARING = {
    "codes": (
        keras.metrics.SparseCategoricalAccuracy,
        keras.metrics.SparseCategoricalCrossentropy,
        keras.metrics.SparseTopKCategoricalAccuracy,
        keras.metrics.sparse_categorical_accuracy,
        keras.metrics.sparse_categorical_crossentropy,
        keras.metrics.sparse_top_k_categorical_accuracy,
    ),
    "rows": (
        keras.metrics.CategoricalAccuracy,
        keras.metrics.CategoricalCrossentropy,
        keras.metrics.CategoricalHinge,
        keras.metrics.OneHotIoU,
        keras.metrics.OneHotMeanIoU,
        keras.metrics.TopKCategoricalAccuracy,
        keras.metrics.categorical_accuracy,
        keras.metrics.categorical_crossentropy,
        keras.metrics.categorical_focal_crossentropy,
        keras.metrics.categorical_hinge,
        keras.metrics.top_k_categorical_accuracy,
    ),
    "entries": (
        keras.metrics.AUC,
        keras.metrics.BinaryAccuracy,
        keras.metrics.BinaryCrossentropy,
        keras.metrics.BinaryIoU,
        keras.metrics.F1Score,
        keras.metrics.FBetaScore,
        keras.metrics.FalseNegatives,
        keras.metrics.FalsePositives,
        keras.metrics.MeanAbsoluteError,
        keras.metrics.MeanSquaredError,
        keras.metrics.Precision,
        keras.metrics.PrecisionAtRecall,
        keras.metrics.Recall,
        keras.metrics.RecallAtPrecision,
        keras.metrics.RootMeanSquaredError,
        keras.metrics.SensitivityAtSpecificity,
        keras.metrics.SpecificityAtSensitivity,
        keras.metrics.TrueNegatives,
        keras.metrics.TruePositives,
        keras.metrics.binary_accuracy,
        keras.metrics.binary_crossentropy,
        keras.metrics.binary_focal_crossentropy,
        keras.metrics.mean_absolute_error,
        keras.metrics.mean_squared_error,
    ),
    "predictions": (keras.metrics.Accuracy,),
}
_KINDS = {metric: kind for kind, metrics in _COMPARING.items() for metric in metrics}

# By what targets are, how they are encoded, and what a metric compares with. Keras would fail
# within its own code, or log a number that says something else.
_WHY_NOT = {
    ("classes", "codes", "rows"): (
        "it compares with an indicator, not with integer classes; use 'accuracy' or the "
        "'sparse_' metric, or pass y as an indicator with exclusive=True"
    ),
    ("classes", "codes", "entries"): (
        "it compares with the entries of an indicator, not with integer classes; use 'accuracy', "
        "or pass y as an indicator with exclusive=True"
    ),
    ("classes", "one_hot", "codes"): (
        "it compares with integer classes, which become an indicator for this loss; use "
        "'accuracy', or loss=None"
    ),
    ("one_hot", "indicator", "codes"): (
        "it compares with integer classes, not with an indicator; use 'accuracy', or pass y as "
        "1-D classes"
    ),
    ("independent", "indicator", "codes"): (
        "it compares with integer classes, not with an indicator; use 'accuracy', or pass y as "
        "1-D classes"
    ),
    ("independent", "indicator", "rows"): (
        "it treats the labels of a row as classes of which exactly one is true; use 'accuracy' or "
        "a name of multilabel_scorers(), or exclusive=True if every row does hold one label"
    ),
    ("binary", "column", "rows"): (
        "of one output the largest is always the same; use 'accuracy', or an indicator with "
        "exclusive=True"
    ),
}
_WHY_NOT_PREDICTIONS = (
    "it counts outputs that equal their targets, but outputs are no labels yet; use 'accuracy', in "
    "small letters"
)


@keras.saving.register_keras_serializable("skmultilabel_keras")
class OnProbabilities(keras.metrics.Metric):
    """A Keras metric, computed on the probabilities of a network whose outputs are logits.

    Parameters
    ----------
    metric : keras.metrics.Metric
        The metric; its name is kept.
    activation : {"sigmoid", "softmax"}
        What turns logits into probabilities.
    """

    def __init__(self, metric: keras.metrics.Metric, activation: str, **kwargs: Any) -> None:
        super().__init__(**{"name": metric.name, **kwargs})
        self.metric = metric
        self.activation = activation
        if hasattr(metric, "_direction"):  # callbacks look there for what is better
            self._direction = metric._direction

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update the metric with ``y_pred`` as probabilities."""
        if self.activation == "softmax" and y_pred.shape[-1] == 1:
            probabilities = keras.ops.ones_like(y_pred)  # Keras warns of a softmax over one class
        else:
            probabilities = keras.activations.get(self.activation)(y_pred)
        self.metric.update_state(y_true, probabilities, sample_weight=sample_weight)

    def result(self) -> Any:
        """Return the metric's value."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Reset the metric."""
        self.metric.reset_state()

    def live_arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments as the objects that they are."""
        names = ("metric", "activation", "name", "dtype")
        return {name: getattr(self, name) for name in names}

    def get_config(self) -> dict[str, Any]:
        """Return what :meth:`from_config` needs."""
        metric = keras.saving.serialize_keras_object(self.metric)
        return {**super().get_config(), "metric": metric, "activation": self.activation}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OnProbabilities:
        """Make the metric that :meth:`get_config` describes."""
        metric = keras.saving.deserialize_keras_object(config["metric"])
        return cls(**{**config, "metric": metric})


def asked_metrics(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return Keras' metrics that the parameters name, by the kinds of ``keras.Model.compile``."""
    metrics, routed = in_list(params["metrics"]), params_behind(params, "metrics")
    if routed:  # before scores are left out: positions are those in the user's list
        metrics = unflatten_params(metric_classes(metrics), routed)
    asked = {"metrics": keras_metrics(metrics)}
    if params.get("compile__weighted_metrics"):
        asked["weighted_metrics"] = in_list(params["compile__weighted_metrics"])
    return renewed(asked)


def unlike_metrics(network: keras.Model, params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that name metrics which a network is not compiled with."""
    compiled = compile_arguments(network)
    found = []
    for kind, asked in asked_metrics(params).items():
        have = keras.tree.flatten(compiled.get(kind))
        if asked is None or all(
            any(_is_asked(has, item) for has in have) for item in keras.tree.flatten(asked)
        ):
            continue
        if kind == "metrics":
            found += ["metrics", *(name for name in params if name.startswith("metrics__"))]
        else:
            found.append(f"compile__{kind}")
    return found


def _is_asked(metric: Any, asked: Any) -> bool:
    """Tell whether a compiled metric is the one that was asked for: an object, a class, a name."""
    if isinstance(metric, OnProbabilities):
        metric = metric.metric
    if isinstance(asked, keras.metrics.Metric):
        return is_alike(metric, asked)
    name = asked if isinstance(asked, str) else getattr(asked, "__name__", None)
    named = isinstance(metric, keras.metrics.Metric) and metric.name == name
    return metric is asked or metric == asked or named or type(metric) is asked


def fitting_metrics(metrics: Any, reading: Reading, only: Sequence[Any] | None = None) -> Any:
    """Return metrics, or those among them that are in ``only``, for a network's outputs."""
    if isinstance(metrics, Mapping):
        return {key: fitting_metrics(value, reading, only) for key, value in metrics.items()}
    if isinstance(metrics, (list, tuple)):
        return [fitting_metrics(value, reading, only) for value in metrics]
    if only is not None and not any(_is_asked(metrics, asked) for asked in only):
        return metrics
    if metrics in ("acc", "accuracy"):
        metric = getattr(keras.metrics, reading.head.accuracy)(name=metrics)
    else:
        metric = keras.metrics.get(metrics)
        _require_fit(metric, reading)
        if not isinstance(metric, keras.metrics.Metric):
            name = getattr(metric, "__name__", type(metric).__name__)
            metric = keras.metrics.MeanMetricWrapper(metric, name=name)
    if isinstance(metrics, str):
        metric.name = metrics  # as Keras logs it
    takes_logits = getattr(metric, "from_logits", getattr(metric, "_from_logits", False))
    if reading.from_logits and not takes_logits:
        return OnProbabilities(metric, reading.head.activation)
    return metric


def _require_fit(metric: Any, reading: Reading) -> None:
    """Raise for one of Keras' metrics that compares outputs with another kind of targets."""
    known = metric if inspect.isfunction(metric) else type(metric)
    kind, head = _KINDS.get(known), reading.head
    if kind is None or (head.targets == "classes" and reading.n_units == 1):
        return  # a fold may hold one class, of which all metrics say the same
    if kind == "predictions":
        reason = _WHY_NOT_PREDICTIONS
    else:
        reason = _WHY_NOT.get((head.targets, head.encoding, kind), "")
    if reason:
        raise ValueError(
            f"{known.__name__!r} among metrics does not fit {describe_targets(head.targets)}: "
            f"{reason}."
        )
