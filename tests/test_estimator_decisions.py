"""Losses and decision rules as parameters of the estimator."""

import pickle
from itertools import cycle

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate

from skmultilabel_keras import KerasMultiLabelClassifier, decision_rules, multilabel_scorers
from skmultilabel_keras.decision_rules import (
    DecisionRule,
    ExampleF,
    Hierarchy,
    SubsetAccuracy,
    Threshold,
    TopK,
    resolve_decision_rule,
)
from skmultilabel_keras.losses import LOSSES, Asymmetric, DistributionBalanced, Focal
from skmultilabel_keras.metrics import get_multilabel_scorer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5)).astype(np.float32)
Y = (X[:, :4] + RNG.normal(size=(90, 4)) > [0.0, 1.0, -1.0, 0.5]).astype(int)


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 3, "batch_size": 16}
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


HIERARCHY = Hierarchy([None, 0, 0, None])
# Each rule, with values of its parameters; the names stand for rules with defaults.
PARAMETERS_OF_RULES = {
    "threshold": {"threshold": [0.2, [0.1, 0.5, 0.9, 0.5]]},
    "cost": {"false_negative": [2.0, [1, 2, 3, 4]]},
    "top_k": {"k": [1, 2]},
    "exactly_one": {},
    "at_least_one": {"threshold": [0.4, 0.6]},
    "label_count": {"max_labels": [1, 2]},
    "example_f": {"beta": [0.5, 2.0]},
    "subset_accuracy": {},
    HIERARCHY: {"how": ["raise", "lower"]},
}
# Values that need a trace of their own are the same twice.
PARAMETERS_OF_LOSSES = {
    "asymmetric": {"clip": [0.1, 0.1]},
    "binary_crossentropy": {"label_smoothing": [0.0, 0.1]},
    "bp_mll": {"label_weight": [[1, 2, 3, 4], [4, 1, 1, 1]]},
    "distribution_balanced": {"prior": [[0.5, 0.2, 0.8, 0.3], [0.1, 0.1, 0.9, 0.9]]},
    "focal": {"gamma": [1.0, 1.0]},
    "hill": {"margin": [0.5, 0.5]},
    "soft_f1": {"label_weight": [[1, 2, 3, 4], [4, 1, 1, 1]]},
    "splc": {"likely": [0.8, 0.8]},
    "zlpr": {"label_weight": [[1, 2, 3, 4], [4, 1, 1, 1]]},
}
RULES = {
    "number": 0.3,
    "array": [0.1, 0.5, 0.9, 0.5],
    "two": TopK(2),
    **{str(rule): rule for rule in PARAMETERS_OF_RULES},
}


def test_the_tables_have_all_rules_and_losses():
    exported = {getattr(decision_rules, name) for name in decision_rules.__all__}
    rules = {type(resolve_decision_rule(rule)) for rule in PARAMETERS_OF_RULES}
    assert rules == exported - {DecisionRule, resolve_decision_rule}
    assert set(PARAMETERS_OF_LOSSES) == set(LOSSES)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("rule", "make"),
    list(zip(RULES.values(), cycle([sparse.csr_array, np.asarray]), strict=False)),
    ids=RULES,
)
def test_predictions_are_what_the_rule_decides(rule, make):
    clf = classifier(decision_rule=rule).fit(X, make(Y))
    expected = resolve_decision_rule(rule).fit(Y).decide(clf.predict_proba(X))
    predicted = clf.predict(X)
    assert sparse.issparse(predicted) == (make is not np.asarray)
    dense = predicted.toarray() if sparse.issparse(predicted) else predicted
    assert np.array_equal(dense, expected)
    assert clf.predict_labels(X) == [np.flatnonzero(row).tolist() for row in expected]
    assert clf.score(X, make(Y)) == pytest.approx((expected == Y).all(axis=1).mean())
    assert clf.predict(X[:0]).shape == (0, 4)
    again = pickle.loads(pickle.dumps(clf))
    assert (again.predict(X) != predicted).sum() == 0


def test_the_rule_has_no_part_in_training():
    plain, ruled = (classifier(decision_rule=rule).fit(X, Y) for rule in (None, "example_f"))
    assert np.array_equal(plain.predict_proba(X), ruled.predict_proba(X))
    assert np.array_equal(plain.decision_function(X), ruled.decision_function(X))


def test_none_is_a_threshold_of_one_half():
    clf = classifier().fit(X, Y)
    assert clf.decision_rule_ is None
    assert np.array_equal(clf.predict(X), Threshold().decide(clf.predict_proba(X)))


def test_the_rule_given_is_left_alone():
    rule = SubsetAccuracy()
    clf = classifier(decision_rule=rule).fit(X, Y)
    assert clf.decision_rule_ is not rule
    assert vars(rule) == vars(SubsetAccuracy())
    assert clone(clf).decision_rule is not rule


@pytest.mark.parametrize("rule", ["example_f", ExampleF(beta=3.0)])
def test_routed_parameters_of_rules(rule):
    clf = classifier(decision_rule=rule, decision_rule__beta=0.5).fit(X, Y)
    assert clf.decision_rule_.beta == 0.5
    assert clf.get_params()["decision_rule__beta"] == 0.5
    clf = classifier(decision_rule__threshold=0.2).fit(X, Y)
    assert np.array_equal(clf.predict(X), clf.predict_proba(X) > 0.2)


def candidates():
    """Return a grid of every loss, by name and by class, and every rule, by name and as object."""
    grid = []
    pairs = zip(PARAMETERS_OF_LOSSES.items(), PARAMETERS_OF_RULES.items(), strict=True)
    for (loss, of_loss), (rule, of_rule) in pairs:
        forms = [(loss, rule), (LOSSES[loss], resolve_decision_rule(rule))]
        for place, (loss_form, rule_form) in enumerate(forms):
            nested = {f"loss__{name}": values[place] for name, values in of_loss.items()}
            nested |= {f"decision_rule__{name}": values[place] for name, values in of_rule.items()}
            candidate = {"loss": loss_form, "decision_rule": rule_form, **nested}
            grid.append({name: [value] for name, value in candidate.items()})
    return grid


@pytest.mark.thorough
def test_every_rule_and_loss_in_a_search_with_two_workers():
    """Nested parameters of both; two threads find what one finds, bit by bit."""
    options = {"cv": 2, "scoring": get_multilabel_scorer("f1_samples"), "error_score": "raise"}
    with joblib.parallel_config("threading"):
        one, two = (
            GridSearchCV(classifier(epochs=1), candidates(), n_jobs=n_jobs, **options).fit(X, Y)
            for n_jobs in (1, 2)
        )
    scores = one.cv_results_["mean_test_score"]
    assert len(scores) == 2 * len(LOSSES)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores, two.cv_results_["mean_test_score"])
    assert np.array_equal(one.predict(X), two.predict(X))


@pytest.mark.thorough
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_scores_and_pickles(name):
    clf = classifier(loss=name, epochs=10)
    result = cross_validate(clf, X, Y, cv=2, scoring=multilabel_scorers(), error_score="raise")
    assert result["test_label_ranking_average_precision"].mean() > 0.55
    expected = clf.fit(X, Y).predict_proba(X)
    assert clf.engine_.name == "shared"
    assert clf.model_.loss.name == name
    forms = [LOSSES[name], LOSSES[name]()]
    for fitted in [clf, *(classifier(loss=form, epochs=10).fit(X, Y) for form in forms)]:
        for other in (fitted, pickle.loads(pickle.dumps(fitted))):
            assert np.array_equal(other.predict_proba(X), expected)


@pytest.mark.parametrize("name", LOSSES)
def test_both_engines_train_alike(name):
    ours = classifier(loss=name).fit(X, Y)
    keras_own = classifier(loss=name, engine="keras", run_eagerly=True).fit(X, Y)
    assert ours.history_["loss"] == pytest.approx(keras_own.history_["loss"], rel=1e-4)
    np.testing.assert_allclose(
        ours.predict_proba(X), keras_own.predict_proba(X), rtol=1e-3, atol=1e-4
    )


@pytest.mark.thorough
def test_losses_as_objects_are_left_alone():
    loss = DistributionBalanced()
    clf = classifier(loss=loss, class_weight=[1, 2, 3, 4]).fit(X, Y)
    assert loss.prior is None
    assert loss.label_weight is None
    assert clf.model_.loss.prior == pytest.approx(Y.mean(axis=0))
    given = DistributionBalanced(prior=[0.5, 0.5, 0.1, 0.2])
    assert classifier(loss=given).fit(X, Y).model_.loss.prior.tolist() == [0.5, 0.5, 0.1, 0.2]


def sigmoid_network(meta):
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, "sigmoid")])


ERRORS = {
    "the loss takes logits. Drop the activation": {"model": sigmoid_network, "loss": "zlpr"},
    "the loss takes logits": {"model": sigmoid_network, "loss": Focal()},
    "the loss takes .?logits": {"model": sigmoid_network, "loss": Asymmetric},
    "Did you mean 'loss__gamma'": {"loss": "focal", "loss__gama": 1},
    "There is no parameter 'decision_rule__beta'": {"decision_rule__beta": 1},
    "Did you mean 'decision_rule__beta'": {"decision_rule": "example_f", "decision_rule__bta": 1},
    "decision_rule is unknown: 'exmple_f'. Did you mean 'example_f'": {"decision_rule": "exmple_f"},
    "threshold must": {"decision_rule": [0.5, 0.5]},
}


@pytest.mark.parametrize(("message", "params"), ERRORS.items())
def test_what_does_not_fit_is_an_error_before_training(message, params):
    clf = classifier(**params)
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y)
    assert not hasattr(clf, "model_")


def test_partial_fit_takes_rules_that_learn_nothing():
    clf = classifier(decision_rule=0.3).partial_fit(X, Y)
    clf.set_params(decision_rule=0.6).partial_fit(X, Y)
    assert np.array_equal(clf.predict(X), clf.predict_proba(X) > 0.6)
    with pytest.raises(ValueError, match="partial_fit cannot tell which label sets there are"):
        classifier(decision_rule="subset_accuracy").partial_fit(X, Y)


def test_names_of_losses_reach_functions_that_compile():
    def build(meta, compile_kwargs):
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
        model.compile(**compile_kwargs)
        return model

    for params in ({"loss": "focal"}, {"loss": "focal", "loss__gamma": 1.0}):
        assert classifier(model=build, **params).fit(X, Y).model_.loss.name == "focal"


def test_classes_take_neither():
    classes = Y.sum(axis=1)
    with pytest.raises(ValueError, match="decision_rule must be None for classes that exclude"):
        classifier(decision_rule=0.3).fit(X, classes)
    with pytest.raises(ValueError, match="does not fit 1-D labels"):
        classifier(loss="zlpr").fit(X, classes)
    with pytest.raises(ValueError, match="does not fit an indicator with exclusive=True"):
        classifier(loss="focal", exclusive=True).fit(X, np.eye(5, dtype=int)[classes])


def test_thresholds_with_names_go_by_the_labels():
    named = pd.Series({"d": 0.1, "b": 0.5, "a": 0.9, "c": 0.2})
    frame = pd.DataFrame(Y, columns=list("abcd"))
    for params in (
        {"decision_rule": named},
        {"decision_rule": Threshold(named)},
        {"decision_rule": "threshold", "decision_rule__threshold": named},
    ):
        clf = classifier(**params).fit(X, frame)
        assert np.array_equal(clf.predict(X), clf.predict_proba(X) > [0.9, 0.5, 0.2, 0.1])


def test_rules_do_not_learn_from_validation_rows():
    clf = classifier(decision_rule="subset_accuracy", validation_split=0.5).fit(X, Y)
    n_learnt = clf.decision_rule_.label_sets_.shape[0]
    assert n_learnt < len(np.unique(Y, axis=0))
