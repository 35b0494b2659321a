"""Law 4: a scorer gives exactly what its metric function gives on the estimator's outputs.

Every scorer that scikit-learn knows by name stands in one of the tables below; one that a new
version adds fails ``test_every_scorer_has_its_place`` until it gets its place too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from scipy import sparse
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

from skmultilabel_keras import KerasMultiLabelClassifier, metrics, multilabel_scorers

N_LABELS = [1, 2, 3, 20]
AVERAGES = ["micro", "macro", "samples", "weighted"]

pytestmark = [
    # A label or a row for which nothing is predicted: both sides count it as 0.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
    # The probabilities of several labels do not sum to one. These metrics take them for classes
    # and say so; that is scikit-learn's reading, and the scorer must have the same.
    pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one:UserWarning"),
]


class Rule(NamedTuple):
    """How a scorer gets its value: ``sign * metric(y_true, estimator.method(X), **options)``."""

    metric: str
    method: str = "predict"
    sign: int = 1
    options: Mapping[str, Any] = MappingProxyType({})
    part: int | None = None  # of a metric that returns several values

    def value(self, estimator: Any, X: Any, y_true: Any, **weights: Any) -> float:
        return self.sign * self(y_true, getattr(estimator, self.method)(X), **weights)

    def __call__(self, y_true: Any, y_response: Any, **weights: Any) -> float:
        value = getattr(sk, self.metric)(y_true, y_response, **self.options, **weights)
        return value if self.part is None else value[self.part]


def _averaged(name: str) -> dict[str, Rule]:
    metric = f"{name}_score"
    return {f"{name}_{how}": Rule(metric, options={"average": how}) for how in AVERAGES}


def _area(how: str, average: str = "macro") -> Rule:
    options = {"multi_class": how, "average": average}
    return Rule("roc_auc_score", "predict_proba", options=options)


# Metrics of label sets: they take sparse indicators too.
OF_SETS = {
    "accuracy": Rule("accuracy_score"),
    **_averaged("f1"),
    **_averaged("jaccard"),
    **_averaged("precision"),
    **_averaged("recall"),
}

# Metrics of label scores, and regression metrics, which read an indicator as numbers.
DENSE_ONLY = {
    "average_precision": Rule("average_precision_score", "decision_function"),
    "roc_auc": Rule("roc_auc_score", "decision_function"),
    "roc_auc_ovr": _area("ovr"),
    "roc_auc_ovr_weighted": _area("ovr", "weighted"),
    "roc_auc_ovo": _area("ovo"),
    "roc_auc_ovo_weighted": _area("ovo", "weighted"),
    "neg_log_loss": Rule("log_loss", "predict_proba", -1),
    "neg_brier_score": Rule("brier_score_loss", "predict_proba", -1),
    "d2_log_loss_score": Rule("d2_log_loss_score", "predict_proba"),
    "d2_brier_score": Rule("d2_brier_score", "predict_proba"),
    "d2_absolute_error_score": Rule("d2_absolute_error_score"),
    "explained_variance": Rule("explained_variance_score"),
    "r2": Rule("r2_score"),
    "neg_mean_absolute_error": Rule("mean_absolute_error", sign=-1),
    "neg_mean_absolute_percentage_error": Rule("mean_absolute_percentage_error", sign=-1),
    "neg_mean_squared_error": Rule("mean_squared_error", sign=-1),
    "neg_mean_squared_log_error": Rule("mean_squared_log_error", sign=-1),
    "neg_median_absolute_error": Rule("median_absolute_error", sign=-1),
    "neg_root_mean_squared_error": Rule("root_mean_squared_error", sign=-1),
    "neg_root_mean_squared_log_error": Rule("root_mean_squared_log_error", sign=-1),
}

# Metrics of a binary target, for which scikit-learn takes an indicator with a single column.
ONE_LABEL_ONLY = {
    "f1": Rule("f1_score"),
    "jaccard": Rule("jaccard_score"),
    "precision": Rule("precision_score"),
    "recall": Rule("recall_score"),
    "balanced_accuracy": Rule("balanced_accuracy_score"),
    "matthews_corrcoef": Rule("matthews_corrcoef"),
    "neg_max_error": Rule("max_error", sign=-1),
    "neg_negative_likelihood_ratio": Rule("class_likelihood_ratios", sign=-1, part=1),
    "positive_likelihood_ratio": Rule("class_likelihood_ratios", part=0),
    "top_k_accuracy": Rule("top_k_accuracy_score", "decision_function"),
}

# Not for indicators of any width, with the words in which the metric function refuses them.
_CLUSTERS = r"labels_true must be 1D"
LEFT_OUT = {
    "adjusted_mutual_info_score": _CLUSTERS,
    "adjusted_rand_score": _CLUSTERS,
    "completeness_score": _CLUSTERS,
    "fowlkes_mallows_score": _CLUSTERS,
    "homogeneity_score": _CLUSTERS,
    "mutual_info_score": _CLUSTERS,
    "normalized_mutual_info_score": _CLUSTERS,
    "rand_score": _CLUSTERS,
    "v_measure_score": _CLUSTERS,
    "neg_mean_gamma_deviance": r"strictly positive|Multioutput not supported",
    "neg_mean_poisson_deviance": r"strictly positive|Multioutput not supported",
}

NAMES = set(get_scorer_names())  # an older scikit-learn lacks some
MULTILABEL = {name: rule for name, rule in (OF_SETS | DENSE_ONLY).items() if name in NAMES}
CASES = [(n, name) for n in N_LABELS for name in MULTILABEL]
CASES += [(1, name) for name in ONE_LABEL_ONLY]
RULES = MULTILABEL | ONE_LABEL_ONLY


def _needs_several_labels(name: str) -> bool:
    return name.endswith("_samples")  # a column is a binary problem to scikit-learn, without rows


def _reads_scores(name: str) -> bool:
    return RULES[name].method != "predict"


CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda Y: Y,
    "frame": pd.DataFrame,
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
}
SPARSE = ["csr_matrix", "csr_array"]


class Scene(NamedTuple):
    """A fitted estimator, and data to score it on."""

    estimator: KerasMultiLabelClassifier
    X: np.ndarray
    y: Any


def _draw(n_labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows whose labels are about as often present as not."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(90, 6))
    directions = np.random.default_rng(99).normal(size=(6, n_labels))
    Y = (X @ directions + rng.normal(size=(90, n_labels)) > 0).astype(int)
    assert (np.ptp(Y, axis=0) == 1).all()  # both values in every column: no metric is undefined
    return X.astype(np.float32), Y


@pytest.fixture(scope="module")
def make_scene() -> Callable[..., Scene]:
    """Return a function that fits one estimator for each number of labels and container."""

    @functools.cache
    def make(n_labels: int, container: str = "array") -> Scene:
        estimator = KerasMultiLabelClassifier(
            "mlp",
            random_state=0,
            epochs=8,
            model__hidden_layer_sizes=(8,),
            optimizer__learning_rate=0.02,
        )
        convert = CONTAINERS[container]
        X, Y = _draw(n_labels, seed=0)
        estimator.fit(X, convert(Y))
        X_test, Y_test = _draw(n_labels, seed=1)
        return Scene(estimator, X_test, convert(Y_test))

    return make


def test_every_scorer_has_its_place():
    """A scorer that scikit-learn adds must be put into one of the tables."""
    places = [*OF_SETS, *DENSE_ONLY, *ONE_LABEL_ONLY, *LEFT_OUT]

    assert len(places) == len(set(places))
    assert set(places) >= NAMES
    # The newest ones may be missing; nothing else is misspelt.
    assert set(places) - NAMES <= {"d2_brier_score", "d2_log_loss_score"}


@pytest.mark.parametrize(
    ("n_labels", "name"),
    [case for case in CASES if case[0] > 1 or not _needs_several_labels(case[1])],
)
def test_scorer_is_its_metric(make_scene, n_labels, name):
    """The law itself, on dense indicators."""
    estimator, X, Y = make_scene(n_labels)

    score = get_scorer(name)(estimator, X, Y)

    assert np.isfinite(score)
    assert score == RULES[name].value(estimator, X, Y)


@pytest.mark.parametrize("name", MULTILABEL)
def test_scorer_is_its_metric_with_weights(make_scene, name):
    estimator, X, Y = make_scene(3)
    weight = np.linspace(0.1, 2, len(Y))

    score = get_scorer(name)(estimator, X, Y, sample_weight=weight)

    assert score == RULES[name].value(estimator, X, Y, sample_weight=weight)


@pytest.mark.parametrize("container", SPARSE)
@pytest.mark.parametrize("name", OF_SETS)
@pytest.mark.parametrize("n_labels", N_LABELS[1:])
def test_scorer_is_its_metric_on_sparse_targets(make_scene, n_labels, name, container):
    """Fitted and scored on a sparse indicator; the value is that of the dense one."""
    estimator, X, Y = make_scene(n_labels, container)

    score = get_scorer(name)(estimator, X, Y)

    assert score == RULES[name].value(estimator, X, Y)
    assert score == pytest.approx(get_scorer(name)(*make_scene(n_labels)), rel=1e-12)


@pytest.mark.parametrize("name", [name for name in MULTILABEL if _reads_scores(name)])
def test_scorers_of_scores_take_sparse_fitted_estimators(make_scene, name):
    """What needs dense true values can still score an estimator fitted on sparse ones."""
    estimator, X, Y = make_scene(3, "csr_array")

    assert get_scorer(name)(estimator, X, Y.toarray()) == get_scorer(name)(*make_scene(3))


@pytest.mark.parametrize("name", MULTILABEL)
def test_scorer_takes_frames(make_scene, name):
    """A DataFrame gives what the array gives."""
    score = get_scorer(name)(*make_scene(3, "frame"))

    # Sums over a frame are taken in another order.
    assert score == pytest.approx(get_scorer(name)(*make_scene(3)), rel=1e-12)


@pytest.mark.parametrize("n_labels", N_LABELS)
def test_several_scorers_at_once(make_scene, n_labels):
    """scikit-learn calls ``predict`` once for all of them; values stay those of each alone."""
    scene = make_scene(n_labels)
    names = [name for name in MULTILABEL if n_labels > 1 or not _needs_several_labels(name)]

    scores = check_scoring(scene.estimator, scoring=names)(*scene)

    assert scores == {name: get_scorer(name)(*scene) for name in names}


# What scikit-learn cannot score, whatever the estimator: the metric refuses a perfect prediction.


@pytest.mark.parametrize("name", sorted(LEFT_OUT.keys() & NAMES))
@pytest.mark.parametrize("n_labels", [1, 2])
def test_left_out_metrics_refuse_indicators(name, n_labels):
    _, Y = _draw(n_labels, seed=0)

    with pytest.raises(ValueError, match=LEFT_OUT[name]):
        getattr(sk, name.removeprefix("neg_"))(Y, Y)


@pytest.mark.parametrize("name", ONE_LABEL_ONLY)
def test_binary_metrics_refuse_two_labels(make_scene, name):
    """They do so for a perfect prediction, and through the scorer in the same words."""
    estimator, X, Y = make_scene(2)
    with pytest.raises(ValueError, match=r"(?i)indicator|multioutput|1d array") as refusal:
        RULES[name](Y, Y)

    with pytest.raises(ValueError, match=re.escape(str(refusal.value))):
        get_scorer(name)(estimator, X, Y)


@pytest.mark.parametrize("name", [name for name in MULTILABEL if _needs_several_labels(name)])
def test_averages_over_rows_refuse_one_label(make_scene, name):
    """scikit-learn reads a column as a binary target; our own scorer does not refuse it."""
    estimator, X, Y = make_scene(1)
    with pytest.raises(ValueError, match="Samplewise metrics are not available"):
        RULES[name](Y, Y)

    with pytest.raises(ValueError, match="Samplewise metrics are not available"):
        get_scorer(name)(estimator, X, Y)


@pytest.mark.parametrize("container", SPARSE)
@pytest.mark.parametrize("name", MULTILABEL)
def test_metrics_refuse_sparse_columns(name, container):
    """scikit-learn takes a sparse column for a sparse binary target, which it does not have."""
    _, Y = _draw(1, seed=0)
    Y = CONTAINERS[container](Y)

    with pytest.raises((ValueError, TypeError), match=r"(?i)sparse"):
        RULES[name](Y, Y)


@pytest.mark.parametrize("name", sorted(DENSE_ONLY.keys() & NAMES))
def test_metrics_of_scores_refuse_sparse_targets(name):
    _, Y = _draw(3, seed=0)

    with pytest.raises(ValueError, match=r"(?s)'y_true' parameter .* must be an array-like"):
        RULES[name](sparse.csr_array(Y), Y)


# Our own scorers.


_FROM_PROBABILITIES = ("log_loss", "calibration")
_FROM_RANKS = ("rank", "coverage", "one_error", "_at_", "average_precision", "roc_auc")


def _own_value(name: str, scene: Scene) -> float:
    """Return what the metric of a scorer's name gives on the estimator's outputs."""
    stem, options = name.removeprefix("neg_"), {}
    if not hasattr(metrics, stem):
        base, _, last = stem.rpartition("_")
        if last.isdigit():
            stem, options = f"{base}_k", {"k": int(last)}
        else:
            stem = f"{base}_score" if hasattr(metrics, f"{base}_score") else base
            options = {"average": last}
    method = "decision_function" if any(part in name for part in _FROM_RANKS) else "predict"
    if any(part in name for part in _FROM_PROBABILITIES):
        method = "predict_proba"
    response = getattr(scene.estimator, method)(scene.X)
    value = getattr(metrics, stem)(scene.y, response, **options)
    return -value if name.startswith("neg_") else value


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_labels", N_LABELS)
def test_own_scorer_is_its_metric(make_scene, n_labels, container):
    """Also for the sparse column that scikit-learn's scorers refuse."""
    scene = make_scene(n_labels, container)
    scorers = multilabel_scorers()

    scores = {name: scorer(*scene) for name, scorer in scorers.items()}

    assert scores == {name: _own_value(name, scene) for name in scorers}
    assert np.isfinite(list(scores.values())).all()


@pytest.mark.parametrize("n_labels", N_LABELS)
def test_own_scorers_do_not_depend_on_the_container(make_scene, n_labels):
    for name, scorer in multilabel_scorers().items():
        values = [scorer(*make_scene(n_labels, container)) for container in CONTAINERS]

        assert values == [values[0]] * len(CONTAINERS), name


@pytest.mark.parametrize("n_labels", N_LABELS[1:])
@pytest.mark.parametrize("name", sorted(multilabel_scorers().keys() & OF_SETS.keys()))
def test_own_scorers_are_scikit_learns(make_scene, n_labels, name):
    """Scorers of one name give one value, from two labels on."""
    scene = make_scene(n_labels)

    score = multilabel_scorers([name])[name](*scene)

    assert score == pytest.approx(get_scorer(name)(*scene), rel=1e-12)


# 1-D targets: the classes are exclusive, and scorers take the binary and multi-class ways.


@pytest.fixture(scope="module", params=["binary", "three"])
def classes_scene(request):
    X, Y = _draw(2, seed=0)
    # scikit-learn's Brier scorer takes no names for two classes.
    binary = request.param == "binary"
    y = np.array([-1, 1])[Y[:, 0]] if binary else np.array(["a", "b", "c"])[Y.sum(axis=1)]
    estimator = KerasMultiLabelClassifier(
        "mlp",
        random_state=0,
        epochs=5,
        model__hidden_layer_sizes=(8,),
        optimizer__learning_rate=0.02,
    )
    return Scene(estimator.fit(X, y), X, y)


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in OF_SETS if not _needs_several_labels(name)),
        "balanced_accuracy",
        "matthews_corrcoef",
        "roc_auc_ovr",
        "roc_auc_ovo_weighted",
        "neg_log_loss",
        "neg_brier_score",
    ],
)
def test_scorer_is_its_metric_on_classes(classes_scene, name):
    estimator, X, y = classes_scene
    rule = RULES[name]
    y_response = getattr(estimator, rule.method)(X)
    if rule.method == "predict_proba" and len(estimator.classes_) == 2:
        y_response = y_response[:, 1]

    score = get_scorer(name)(estimator, X, y)

    assert score == rule.sign * rule(y, y_response)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1"])
def test_binary_scorers_take_binary_classes(name):
    """``decision_function`` has one dimension then, for the second class."""
    X, Y = _draw(1, seed=0)
    y = Y.ravel()
    estimator = KerasMultiLabelClassifier("mlp", random_state=0, epochs=5).fit(X, y)

    assert get_scorer(name)(estimator, X, y) == RULES[name].value(estimator, X, y)
