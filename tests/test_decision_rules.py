"""Decision rules equal brute force on small cases, and keep laws on all."""

from __future__ import annotations

import inspect
import itertools
import pickle
import tracemalloc
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB

from skmultilabel_keras import decision_rules
from skmultilabel_keras.decision_rules import (
    AtLeastOne,
    CostThreshold,
    DecisionRule,
    ExactlyOne,
    ExampleF,
    Hierarchy,
    LabelCount,
    SubsetAccuracy,
    Threshold,
    TopK,
    _example_f,
    _label_sets,
    resolve_decision_rule,
)
from skmultilabel_keras.metrics import f1_score, get_multilabel_scorer

NAMED = {
    "threshold": Threshold,
    "cost": CostThreshold,
    "top_k": TopK,
    "exactly_one": ExactlyOne,
    "at_least_one": AtLeastOne,
    "label_count": LabelCount,
    "example_f": ExampleF,
    "subset_accuracy": SubsetAccuracy,
}
RULES = {name: rule() for name, rule in NAMED.items()} | {
    "two": TopK(2),
    "bounded": LabelCount(1, 2, threshold=0.3),
    "recall": ExampleF(beta=2.0),
    "cheap": CostThreshold(false_positive=0.2),
}
HIERARCHY = Hierarchy([None, 0, 1, None])  # which fits four labels
NEED_PROBABILITIES = ["cost", "example_f", "subset_accuracy"]


def all_sets(n_labels):
    return np.array(list(itertools.product([0, 1], repeat=n_labels)), dtype=float)


def row_probability(sets, p):
    """Return the probability of each set, given independent labels."""
    return np.prod(np.where(sets == 1, p, 1 - p), axis=1)


@lru_cache(maxsize=64)
def f_of_sets(n_labels, beta, zero_division=1.0):
    """Return F-beta of each set decided (rows) where each set is true (columns)."""
    sets = all_sets(n_labels)
    both = sets @ sets.T
    count = sets.sum(axis=1)
    whole = beta**2 * count[np.newaxis] + count[:, np.newaxis]
    part = (1 + beta**2) * both
    return np.divide(part, whole, out=np.full(whole.shape, zero_division), where=whole > 0)


def expected_f(p, beta=1.0, zero_division=1.0):
    """Return the expected F-beta of every set."""
    return f_of_sets(len(p), beta, zero_division) @ row_probability(all_sets(len(p)), p)


def place_of(decided):
    """Return the places, among all sets, of decided rows."""
    return decided.astype(int) @ (2 ** np.arange(decided.shape[1])[::-1])


def unit(shape, **options):
    elements = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 1e-300, 1 - 1e-16])
    return arrays(np.float64, shape, elements=elements, **options)


def probabilities(max_labels=6, max_rows=5):
    return st.tuples(st.integers(0, max_rows), st.integers(1, max_labels)).flatmap(unit)


def random_probabilities(n_samples, n_labels, seed=0, low=0.02, high=0.98):
    return np.random.default_rng(seed).uniform(low, high, (n_samples, n_labels))


def ready(rule, n_labels):
    """Return a copy that has seen half of the label sets, without changing the rule."""
    seen = np.random.default_rng(n_labels).integers(0, 2, (4, n_labels))
    return clone(rule).fit(seen, np.full((4, n_labels), 0.5))


# What holds for every rule


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("shape", [(0, 1), (0, 4), (1, 1), (1, 4), (3, 1), (3, 2), (5, 9)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_decisions_have_the_shape_of_the_scores(rule, shape, dtype):
    y_score = random_probabilities(*shape).astype(dtype)
    before = y_score.copy()

    decided = ready(rule, shape[1]).decide(y_score)

    assert decided.shape == shape
    assert decided.dtype == bool
    np.testing.assert_array_equal(y_score, before)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(
    "make",
    [
        np.ndarray.tolist,
        pd.DataFrame,
        np.asfortranarray,
        lambda p: p.astype(object),
        lambda p: np.ma.masked_array(p, mask=False),
        lambda p: np.broadcast_to(p, p.shape),
    ],
    ids=["list", "frame", "fortran", "object", "unmasked", "read-only"],
)
def test_the_container_of_the_scores_does_not_matter(rule, make):
    y_score = random_probabilities(6, 4)
    rule = ready(rule, 4)

    np.testing.assert_array_equal(rule.decide(make(y_score)), rule.decide(y_score))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_row_is_decided_by_itself(rule):
    y_score = random_probabilities(7, 5)
    rule = ready(rule, 5)

    rows = [rule.decide(row[np.newaxis]) for row in y_score]

    np.testing.assert_array_equal(np.vstack(rows), rule.decide(y_score))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_labels", [1, 3, 8])
def test_permuting_labels_permutes_decisions(rule, seed, n_labels):
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_labels)
    y_true = rng.integers(0, 2, (6, n_labels))
    y_score = random_probabilities(20, n_labels, seed)

    decided = clone(rule).fit(y_true).decide(y_score)
    permuted = clone(rule).fit(y_true[:, order]).decide(y_score[:, order])

    np.testing.assert_array_equal(permuted, decided[:, order])


def rules_of_labels(order):
    """Return rules with a parameter for each of five labels, which stand in some order."""
    of_labels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])[order]
    parents, place = np.array([-1, 0, 1, -1, 0]), np.argsort(order)
    moved = [None if parents[label] < 0 else place[parents[label]] for label in order]
    return [
        Threshold(of_labels),
        CostThreshold(of_labels, 1 - of_labels),
        AtLeastOne(of_labels),
        LabelCount(1, 2, of_labels),
        Hierarchy(moved),
        Hierarchy(moved, of_labels, how="lower"),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_parameters_of_labels_go_with_them(seed):
    order = np.random.default_rng(seed).permutation(5)
    y_score = random_probabilities(20, 5, seed)

    for rule, permuted in zip(rules_of_labels(np.arange(5)), rules_of_labels(order), strict=True):
        np.testing.assert_array_equal(
            permuted.decide(y_score[:, order]), rule.decide(y_score)[:, order]
        )


@pytest.mark.parametrize(
    "rule", [*RULES.values(), *rules_of_labels(np.arange(5))], ids=lambda rule: type(rule).__name__
)
def test_raising_a_score_never_takes_the_label_away(rule):
    y_score = random_probabilities(40, 5)
    rule = ready(rule, 5)
    for label in range(5):
        raised = y_score.copy()
        raised[:, label] += 0.5 * (1 - raised[:, label])

        assert (rule.decide(raised) >= rule.decide(y_score))[:, label].all()


@pytest.mark.parametrize("rule", [*RULES.values(), HIERARCHY], ids=str)
def test_copies_decide_the_same(rule):
    y_score = random_probabilities(9, 4)
    fitted = ready(rule, 4)

    again = pickle.loads(pickle.dumps(fitted))

    np.testing.assert_array_equal(again.decide(y_score), fitted.decide(y_score))
    assert repr(clone(rule)) == repr(rule)
    assert clone(rule).get_params() == rule.get_params()
    again = type(rule)(**rule.get_params())
    assert again.set_params(**rule.get_params()).get_params() == rule.get_params()


def test_rules_are_abstract_or_final():
    rules = [
        value
        for value in vars(decision_rules).values()
        if inspect.isclass(value) and issubclass(value, DecisionRule)
    ]

    assert {rule.__bases__ for rule in rules if rule is not DecisionRule} == {(DecisionRule,)}
    assert inspect.isabstract(DecisionRule)
    assert {rule.__name__ for rule in rules} <= set(decision_rules.__all__)
    for rule in rules:
        assert rule is DecisionRule or rule.__final__


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("make", [np.array, np.ndarray.tolist, pd.DataFrame, sparse.csr_matrix])
def test_fit_returns_the_rule(rule, make):
    rule = clone(rule)

    assert rule.fit(make(np.eye(3, dtype=int)), np.full((3, 3), 0.5)) is rule
    assert rule.fit(make(np.eye(3, dtype=int))) is rule


class Decider(ClassifierMixin, BaseEstimator):
    """Naive Bayes for each label, and a rule that decides."""

    def __init__(self, rule=None):
        self.rule = rule

    def fit(self, X, y):
        self.bayes_ = OneVsRestClassifier(GaussianNB()).fit(X, y)
        self.classes_ = self.bayes_.classes_
        self.rule_ = clone(self.rule).fit(y, self.bayes_.predict_proba(X))
        return self

    def predict(self, X):
        return self.rule_.decide(self.bayes_.predict_proba(X)).astype(int)


def test_nested_parameters_are_searched():
    """By two workers: ``test_estimator_decisions``."""
    X, y = make_multilabel_classification(80, 5, n_classes=3, random_state=0)
    grid = [
        {"rule": [ExactlyOne(), SubsetAccuracy(), Hierarchy([None, 0, 0])]},
        {"rule": [Threshold()], "rule__threshold": [0.1, [0.5, 0.2, 0.3], np.array([0.1, 0.2, 1])]},
        {"rule": [CostThreshold()], "rule__false_negative": [1, [1, 2, 3]]},
        {"rule": [TopK()], "rule__k": [1, 9]},
        {"rule": [AtLeastOne()], "rule__threshold": [0.3, 0.5]},
        {"rule": [LabelCount()], "rule__min_labels": [0, 1], "rule__max_labels": [None, 2]},
        {"rule": [ExampleF()], "rule__beta": [0.5, 1], "rule__zero_division": [0, 1]},
    ]
    assert {type(rule) for part in grid for rule in part["rule"]} == {*NAMED.values(), Hierarchy}
    options = {"scoring": get_multilabel_scorer("f1_samples"), "cv": 2, "error_score": "raise"}

    search = GridSearchCV(Decider(), grid, **options).fit(X, y)

    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 5
    assert search.predict(X).shape == y.shape


# Thresholds


@given(p=probabilities(), threshold=st.floats(0, 1))
def test_a_label_is_decided_above_the_threshold_only(p, threshold):
    np.testing.assert_array_equal(Threshold(threshold).decide(p), p > threshold)
    np.testing.assert_array_equal(Threshold(threshold).decide(np.full_like(p, threshold)), False)


@given(p=probabilities(), data=st.data())
def test_raising_a_threshold_never_adds_a_label(p, data):
    low = data.draw(arrays(np.float64, p.shape[1], elements=st.floats(0, 1)))
    high = low + data.draw(arrays(np.float64, p.shape[1], elements=st.floats(0, 1)))

    assert (Threshold(high).decide(p) <= Threshold(low).decide(p)).all()
    parents = draw_parents(data, p.shape[1])
    for how in ("raise", "lower"):
        few, many = (Hierarchy(parents, bounds, how).decide(p) for bounds in (high, low))
        assert (few <= many).all()
    few, many = (AtLeastOne(bounds[0]).decide(p) for bounds in (high, low))
    assert (few <= many).all()
    few, many = LabelCount(1, 2, high).decide(p), LabelCount(1, 2, low).decide(p)
    assert (few.sum(axis=1) <= many.sum(axis=1)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_thresholds_are_compared_in_the_precision_of_the_scores(dtype):
    """A score of 0.1 in float32 is a little more than 0.1, but not above it."""
    y_score = np.array([[0.1, 0.3]], dtype=dtype)

    for threshold in (0.1, [0.1, 0.1], np.array([0.1, 0.1]), pd.Series([0.1, 0.1])):
        assert Threshold(threshold).decide(y_score).tolist() == [[False, True]]


def test_thresholds_work_on_any_scores():
    y_score = [[-3, 2, 1]]

    assert Threshold(0).decide(y_score).tolist() == [[False, True, True]]
    assert Threshold([-5, np.inf, 1]).decide(y_score).tolist() == [[True, False, False]]
    assert Threshold(-np.inf).decide(np.float32(y_score)).all()
    assert not Threshold(1e300).decide(np.float32(y_score)).any()
    assert AtLeastOne(5).decide(y_score).tolist() == [[False, True, False]]


@given(
    p=probabilities(),
    false_positive=st.floats(0, 1e3),
    false_negative=st.floats(0, 1e3),
)
def test_costs_are_least(p, false_positive, false_negative):
    assume(false_positive + false_negative > 1e-9)

    decided = CostThreshold(false_positive, false_negative).decide(p)

    taken, left = (1 - p) * false_positive, p * false_negative
    np.testing.assert_allclose(np.where(decided, taken, left), np.minimum(taken, left), atol=1e-9)


@given(p=probabilities(), cost=st.floats(0, 9), more=st.floats(0, 9))
def test_dearer_mistakes_are_made_less(p, cost, more):
    plain = CostThreshold(1 + cost, 1).decide(p)

    assert (CostThreshold(1 + cost + more, 1).decide(p) <= plain).all()
    assert (CostThreshold(1 + cost, 1 + more).decide(p) >= plain).all()


@given(p=probabilities(), cost=st.floats(1e-300, 1e308))
def test_equal_costs_are_threshold_one_half(p, cost):
    np.testing.assert_array_equal(CostThreshold(cost, cost).decide(p), Threshold().decide(p))


def test_costs_of_each_label():
    rule = CostThreshold([1, 9, 0], [1, 1, 1])

    assert rule.decide([[0.6, 0.6, 0.6], [0.4, 0.95, 0.0]]).tolist() == [
        [True, False, True],
        [False, True, False],
    ]


# Numbers of labels


@given(p=probabilities(), k=st.integers(1, 9))
def test_the_best_k_are_decided(p, k):
    decided = TopK(k).decide(p)

    assert (decided.sum(axis=1) == min(k, p.shape[1])).all()
    least_taken = np.where(decided, p, np.inf).min(axis=1)
    assert (least_taken >= np.where(decided, -np.inf, p).max(axis=1)).all()
    assert (decided <= TopK(k + 1).decide(p)).all()


@given(p=probabilities())
def test_exactly_one_is_the_best_one(p):
    decided = ExactlyOne().decide(p)

    np.testing.assert_array_equal(decided, TopK(1).decide(p))
    assert (decided.sum(axis=1) == 1).all()


@pytest.mark.parametrize("rule", [TopK(2), LabelCount(2, 2, 0.1), LabelCount(2, 2, 0.9)])
def test_ties_go_to_the_first_label(rule):
    y_score = [[0.3, 0.3, 0.3, 0.3], [0.3, 0.4, 0.3, 0.3], [0.2, 0.3, 0.3, 0.3]]

    decided = rule.decide(y_score)
    assert [np.flatnonzero(row).tolist() for row in decided] == [[0, 1], [0, 1], [1, 2]]


@given(p=probabilities(), threshold=st.floats(0, 1))
def test_at_least_one_adds_to_empty_rows_only(p, threshold):
    above, decided = p > threshold, AtLeastOne(threshold).decide(p)

    filled = above.any(axis=1)
    np.testing.assert_array_equal(decided[filled], above[filled])
    np.testing.assert_array_equal(decided[~filled], TopK().decide(p)[~filled])


@given(p=probabilities(), data=st.data())
def test_label_counts_lie_within_bounds(p, data):
    least = data.draw(st.integers(0, 4))
    most = data.draw(st.none() | st.integers(least, 8))
    threshold = data.draw(arrays(np.float64, p.shape[1], elements=st.floats(0, 1)))

    decided = LabelCount(least, most, threshold).decide(p)

    above, n_labels = p > threshold, p.shape[1]
    wanted = np.clip(above.sum(axis=1), least, n_labels if most is None else most)
    np.testing.assert_array_equal(decided.sum(axis=1), np.minimum(wanted, n_labels))
    for row_decided, row_above, row in zip(decided, above, p, strict=True):
        few, many = sorted([row_decided, row_above], key=np.sum)
        assert (few <= many).all()  # filled up or cut, never exchanged
        changed = many & ~few
        if row_decided is few and few.any() and changed.any():
            assert row[few].min() >= row[changed].max()
        if row_decided is many and changed.any() and not many.all():
            assert row[changed].min() >= row[~many].max()


def test_label_counts_without_bounds_are_thresholds():
    p = random_probabilities(20, 5)

    np.testing.assert_array_equal(LabelCount().decide(p), Threshold().decide(p))
    np.testing.assert_array_equal(LabelCount(1).decide(p), AtLeastOne().decide(p))
    np.testing.assert_array_equal(LabelCount(2, 2).decide(p), TopK(2).decide(p))
    assert not LabelCount(0, 0).decide(p).any()
    assert LabelCount(9, threshold=1).decide(p).all()


# Expected F


@pytest.mark.parametrize("n_labels", range(1, 11))
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_example_f_equals_brute_force(n_labels, beta):
    rng = np.random.default_rng(n_labels)
    p = np.vstack([rng.random((4, n_labels)), rng.beta(0.3, 2, (8, n_labels))])

    decided = ExampleF(beta).decide(p)

    for row, place in zip(p, place_of(decided), strict=True):
        value = expected_f(row, beta)
        assert value[place] == pytest.approx(value.max(), rel=1e-12)
        assert place == value.argmax()


@settings(max_examples=100)
@given(
    p=probabilities(max_labels=5, max_rows=3),
    beta=st.sampled_from([0.001, 0.1, 0.7, 1.0, 1.5, 3.0, 30.0, 1000.0]),
    zero_division=st.floats(0, 1),
)
def test_example_f_is_best_at_the_borders_too(p, beta, zero_division):
    for row, place in zip(p, place_of(ExampleF(beta, zero_division).decide(p)), strict=True):
        value = expected_f(row, beta, zero_division)
        assert value[place] == pytest.approx(value.max(), rel=1e-11, abs=1e-300)


@given(p=probabilities(max_labels=7))
def test_example_f_is_never_worse_than_simpler_rules(p):
    best = place_of(ExampleF().decide(p))
    others = [Threshold(), Threshold(0.3), TopK(1), TopK(2), AtLeastOne(), LabelCount(1, 3)]

    for rule in others:
        for row, place, other in zip(p, best, place_of(rule.decide(p)), strict=True):
            value = expected_f(row)
            assert value[place] >= value[other] - 1e-12


@pytest.mark.parametrize("n_labels", [1, 2, 20, 100, 1000])
@pytest.mark.parametrize("beta", [0.001, 0.3, 1.0, 2.0, 1000.0])
def test_expected_f_equals_the_sum_over_numbers_of_labels(n_labels, beta):
    """By the distribution of the number of labels, each label taken out of it by convolution."""
    rng = np.random.default_rng(n_labels)
    p = -np.sort(-rng.beta(0.5, 3, n_labels))
    p[0] = 1.0
    checked = sorted({1, 2, (n_labels + 1) // 2, n_labels} & set(range(n_labels + 1)))

    result = _example_f._expect_f(p[np.newaxis], beta)[0]

    for k in checked:
        first, rest = np.ones(1), np.ones(1)
        for j, p_j in enumerate(p):
            if j < k:
                first = np.convolve(first, [1 - p_j, p_j])
            else:
                rest = np.convolve(rest, [1 - p_j, p_j])
        hits = np.arange(len(first))[:, np.newaxis]
        n_true = hits + np.arange(len(rest))
        value = (1 + beta**2) * hits / (beta**2 * n_true + k)
        assert result[k - 1] == pytest.approx(first @ value @ rest, rel=1e-10)


@pytest.mark.parametrize("exponents", [(8, 8), (8, 80), (8, 800), (8, 8000), (8, 80000)])
def test_quadrature_integrates_every_power_that_occurs(exponents):
    low, high = exponents
    nodes, weights = _example_f._quadrature(8 + int(3 * np.sqrt(high)))

    exponent = np.geomspace(low, high, 200)
    result = exponent * (weights @ nodes[:, np.newaxis] ** (exponent - 1))

    np.testing.assert_allclose(result, 1, rtol=1e-15 * high + 1e-13)
    np.testing.assert_allclose([weights.sum(), weights @ nodes], [1, 0.5], rtol=1e-13)


def test_example_f_is_certain_of_certain_rows():
    p = all_sets(6)

    np.testing.assert_array_equal(ExampleF().decide(p), p == 1)


def test_the_empty_set_is_worth_what_zero_division_says():
    p = np.full((1, 3), 0.1)

    assert not ExampleF().decide(p).any()
    assert ExampleF(zero_division=0).decide(p).sum() >= 1
    assert not ExampleF(zero_division=0).decide(np.zeros((1, 3))).any()


@pytest.mark.parametrize("n_labels", [3, 40, 400, 3000])
def test_blocks_of_rows_and_nodes_change_nothing(n_labels, monkeypatch):
    p = random_probabilities(5, n_labels, low=0, high=0.3)
    decided = ExampleF().decide(p)
    expected = _example_f._expect_f(-np.sort(-p), 1.0)

    monkeypatch.setattr(_example_f, "_BLOCK", 1)
    monkeypatch.setattr(_example_f, "_CACHED_BLOCK", 17 * n_labels)

    np.testing.assert_allclose(_example_f._expect_f(-np.sort(-p), 1.0), expected, rtol=1e-13)
    np.testing.assert_array_equal(ExampleF().decide(p), decided)


def test_example_f_lifts_f1_of_drawn_labels():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 2, (4000, 8))
    y_true = (rng.random(p.shape) < p).astype(int)

    best = f1_score(y_true, ExampleF().decide(p), average="samples", zero_division=1.0)

    for rule in (Threshold(), Threshold(0.3), TopK(1), TopK(2)):
        assert best > f1_score(y_true, rule.decide(p), average="samples", zero_division=1.0) + 0.005


# Label sets seen before


@given(
    p=probabilities(max_labels=5),
    seed=st.integers(0, 1000),
    n_seen=st.integers(1, 12),
)
def test_subset_accuracy_equals_brute_force(p, seed, n_seen):
    y_true = np.random.default_rng(seed).integers(0, 2, (n_seen, p.shape[1]))

    decided = SubsetAccuracy().fit(y_true).decide(p)

    seen = {tuple(row) for row in y_true}
    for row, row_decided in zip(p, decided.astype(int), strict=True):
        assert tuple(row_decided) in seen
        best = max(row_probability(np.array([labels]), row)[0] for labels in seen)
        own = row_probability(row_decided[np.newaxis], row)[0]
        assert own == pytest.approx(best, rel=1e-9, abs=1e-290)


def test_among_all_sets_subset_accuracy_is_threshold_one_half():
    p = random_probabilities(50, 6)

    np.testing.assert_array_equal(SubsetAccuracy().fit(all_sets(6)).decide(p), p > 0.5)


def test_impossible_sets_are_ruled_out():
    """Even where all else speaks for them."""
    rule = SubsetAccuracy().fit([[1, 1, 1], [0, 0, 0], [0, 1, 0]])

    assert rule.decide([[0.0, 0.999, 0.999]]).tolist() == [[False, True, False]]
    assert rule.decide([[1.0, 0.001, 0.001]]).tolist() == [[True, True, True]]
    few = SubsetAccuracy().fit([[1, 1, 1], [0, 0, 0]])
    # All are ruled out, one by one certainty and one by two.
    assert few.decide([[1.0, 1.0, 0.0]]).all()
    assert not few.decide([[0.0, 0.0, 1.0]]).any()


@pytest.mark.parametrize("n_labels", [1, 2, 9, 30, 255, 256, 600])
@pytest.mark.parametrize(
    "make",
    [np.array, pd.DataFrame, np.ndarray.tolist, sparse.csr_array, sparse.coo_matrix, np.float32],
)
def test_label_sets_are_the_distinct_rows_in_ascending_order(n_labels, make):
    """The order settles which of equally probable sets is decided."""
    y_true = np.zeros((60, n_labels), dtype=int)
    places = [0, 1, n_labels // 2, -1] if n_labels > 1 else [0]
    y_true[:, places] = np.random.default_rng(0).integers(0, 2, (60, len(places)))

    rule = SubsetAccuracy().fit(make(y_true))

    sets = sorted({tuple(row) for row in y_true})
    assert list(map(tuple, rule.label_sets_.toarray())) == sets
    assert tuple(rule.decide(np.full((1, n_labels), 0.5))[0]) == sets[0]


def test_label_sets_of_sparse_labels_take_memory_for_the_ones_only():
    n_samples = n_labels = 10_000
    rows = np.repeat(np.arange(n_samples), 3)
    labels = np.random.default_rng(0).permutation(3 * n_samples) % n_labels
    y_true = sparse.csr_array(
        (np.ones(3 * n_samples), (rows, labels)), shape=(n_samples, n_labels)
    ).astype(bool)

    tracemalloc.start()
    try:
        SubsetAccuracy().fit(y_true)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < n_samples * n_labels / 10  # of the bytes of a dense array of bool


def test_rows_with_missing_labels_are_left_out():
    frame = pd.DataFrame({"a": [1, 0, None], "b": [0, None, 1]}, dtype="Int64")
    for y_true in ([[1, 0], [0, np.nan], [np.nan, 1]], frame):
        assert SubsetAccuracy().fit(y_true).label_sets_.toarray().tolist() == [[1, 0]]


def test_without_a_label_set_there_is_nothing_to_decide():
    with pytest.raises(ValueError, match="must have a row without missing labels for SubsetAcc"):
        SubsetAccuracy().fit([[np.nan, 1], [0, np.nan]])
    with pytest.raises(ValueError, match=r"must have a row and a label at least; got shape \(0, 2"):
        SubsetAccuracy().fit(sparse.csr_array((0, 2)))


def test_sets_must_be_seen_first():
    with pytest.raises(NotFittedError, match="SubsetAccuracy instance is not fitted yet"):
        SubsetAccuracy().decide([[0.1, 0.2]])


def test_blocks_of_rows_do_not_change_label_sets(monkeypatch):
    p = random_probabilities(30, 4)
    rule = ready(SubsetAccuracy(), 4)
    decided = rule.decide(p)
    monkeypatch.setattr(_label_sets, "_BLOCK", 1)

    np.testing.assert_array_equal(rule.decide(p), decided)


# Hierarchies


def draw_parents(data, n_labels):
    """Draw a forest whose labels stand in any order."""
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(n_labels)
    parents = np.full(n_labels, -1)
    for place in range(1, n_labels):
        above = data.draw(st.integers(-1, place - 1))
        parents[order[place]] = -1 if above < 0 else order[above]
    return parents


def make_consistent(p, parents, how):
    """Return scores made consistent one label at a time, until nothing changes."""
    p = p.copy()
    for _ in parents:
        for child, parent in enumerate(parents):
            if parent >= 0 and how == "raise":
                p[:, parent] = np.maximum(p[:, parent], p[:, child])
            if parent >= 0 and how == "lower":
                p[:, child] = np.minimum(p[:, child], p[:, parent])
    return p


@given(p=probabilities(max_labels=8), threshold=st.floats(0, 1), data=st.data())
@pytest.mark.parametrize("how", ["raise", "lower"])
def test_hierarchies_make_scores_consistent(how, p, threshold, data):
    parents = draw_parents(data, p.shape[1])

    decided = Hierarchy(parents, threshold, how).decide(p)

    np.testing.assert_array_equal(decided, make_consistent(p, parents, how) > threshold)


@given(p=probabilities(max_labels=8), data=st.data())
@pytest.mark.parametrize("how", ["raise", "lower"])
def test_no_label_is_without_its_parent(how, p, data):
    parents = draw_parents(data, p.shape[1])
    threshold = data.draw(arrays(np.float64, p.shape[1], elements=st.floats(0, 1)))

    decided = Hierarchy(parents, threshold, how).decide(p)

    has_parent = parents >= 0
    assert (decided[:, has_parent] <= decided[:, parents[has_parent]]).all()
    above = p > threshold
    assert (decided >= above if how == "raise" else decided <= above).all()


def test_labels_without_parents_are_thresholded():
    p = random_probabilities(9, 3)

    for parents in ([None, None, None], [-1, None, -1], np.full(3, -1), pd.Series([-1, -1, -1])):
        for how in ("raise", "lower"):
            np.testing.assert_array_equal(Hierarchy(parents, how=how).decide(p), p > 0.5)


@pytest.mark.parametrize("n_labels", [3, 300])
def test_long_chains(n_labels):
    parents = [None, *range(n_labels - 1)]
    y_score = np.full((1, n_labels), 0.2)
    y_score[0, -1] = 0.9

    assert Hierarchy(parents).decide(y_score).all()
    assert not Hierarchy(parents, how="lower").decide(y_score).any()


@pytest.mark.parametrize("parents", [[0, None], [1, 0], [None, 2, 3, 1], [1, 2, 1], [None, 0, 2]])
def test_cycles_are_an_error(parents):
    with pytest.raises(ValueError, match=r"must not hold a cycle; label (\d) is its own ancestor"):
        Hierarchy(parents).decide(np.zeros((2, len(parents))))


@pytest.mark.parametrize("parents", [[None], [None] * 4, None, 3, "abc", [[None, 0, 0]]])
def test_each_label_needs_a_place_for_its_parent(parents):
    with pytest.raises(ValueError, match="parents must name the parent of each of the 3 labels"):
        Hierarchy(parents).decide(np.zeros((2, 3)))


@pytest.mark.parametrize("parent", [3, -2, 0.0, "0", True, np.nan])
def test_parents_are_columns(parent):
    with pytest.raises(ValueError, match=r"parents must hold columns from 0 to 2.* for label 1"):
        Hierarchy([None, parent, 0]).decide(np.zeros((2, 3)))


# Names, numbers, arrays


@pytest.mark.parametrize("name", NAMED)
def test_names_stand_for_rules_with_defaults(name):
    rule = resolve_decision_rule(name)

    assert type(rule) is NAMED[name]
    assert rule.get_params() == NAMED[name]().get_params()
    assert resolve_decision_rule(name) is not rule


@pytest.mark.parametrize("number", [0, 0.3, np.float32(0.25), np.array(0.5), np.int64(1)])
def test_a_number_is_a_threshold(number):
    rule = resolve_decision_rule(number)

    assert type(rule) is Threshold
    assert rule.threshold == number
    assert type(rule.threshold) is float


@pytest.mark.parametrize(
    "values", [[0.1, 0.6], (0.1, 0.6), np.array([0.1, 0.6]), pd.Series([0.1, 0.6]), [0, 1]]
)
def test_an_array_is_a_threshold_for_each_label(values):
    rule = resolve_decision_rule(values)

    assert type(rule) is Threshold
    np.testing.assert_array_equal(rule.threshold, np.array(values, dtype=float))


@pytest.mark.parametrize("rule", [*RULES.values(), Hierarchy([None, 0])])
def test_a_rule_is_itself(rule):
    assert resolve_decision_rule(rule) is rule


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("topk", "unknown: 'topk'. Did you mean 'top_k'"),
        ("examplef", "Did you mean 'example_f'"),
        ("hierarchy", r"Legal names: at_least_one, .* such as Hierarchy\(parents\)"),
        (TopK, r"must be an object; got the class TopK. Pass TopK\(...\)"),
        (None, "must be a number, an array of one number for each label, a name or a .* got None"),
        (True, "got True"),
        ([True, False], "got .True, False."),
        (np.nan, "got nan"),
        ([0.1, None], "got .0.1, None."),
        ([[0.1, 0.2]], "got ..0.1, 0.2.."),
        (["a"], "got .'a'.*Legal names"),
        (object, "got <class 'object'>"),
        ({"threshold": 0.5}, "got {'threshold': 0.5}"),
        (sparse.csr_array([[0.5]]), "must be a number"),
    ],
)
def test_anything_else_is_no_rule(value, message):
    with pytest.raises(ValueError, match=message):
        resolve_decision_rule(value)


# Bad input


@pytest.mark.parametrize(
    ("y_score", "message"),
    [
        ([0.1, 0.2], r"shape \(n_samples, n_labels\).*got shape \(2,\).*np.reshape"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        (np.zeros((2, 0)), r"with a label at least; got shape \(2, 0\)"),
        (0.5, r"got shape \(\)"),
        ([[0.1, np.nan]], "must be finite; got nan in row 0, column 1"),
        ([[0.1], [-np.inf]], "must be finite; got -inf in row 1, column 0"),
        (np.ma.masked_array([[1, 0]], [[0, 1]]), "must be finite; got nan in row 0, column 1"),
        ([["a", "b"]], "must hold one number for each row and label; got list"),
        ([[0.1], [0.1, 0.2]], "must hold one number for each row and label"),
        (sparse.csr_array([[0.1]]), "got csr_array .* Pass a dense array"),
        (pd.DataFrame({"a": [None]}, dtype="Float64"), "y_score must (be finite|hold one number)"),
        ([[0.5j]], "must hold one number"),
    ],
)
@pytest.mark.parametrize("rule", [Threshold(), ExampleF()])
def test_scores_are_checked(rule, y_score, message):
    with pytest.raises(ValueError, match=message):
        rule.decide(y_score)


@pytest.mark.parametrize("name", NEED_PROBABILITIES)
@pytest.mark.parametrize("value", [-0.01, 1.01, 3.0])
def test_probabilities_are_checked(name, value):
    rule = ready(RULES[name], 2)
    message = f"must hold probabilities.* from {min(value, 0.5):g} to {max(value, 0.5):g}"
    with pytest.raises(ValueError, match=message):
        rule.decide([[0.5, value]])


@pytest.mark.parametrize("name", NEED_PROBABILITIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_errors_are_forgiven(name, dtype):
    rule = ready(RULES[name], 2)
    off = np.array([[-1e-7, 1 + 2e-7], [0.3, 1 + 2e-7]], dtype=dtype)

    np.testing.assert_array_equal(rule.decide(off), rule.decide(np.clip(off, 0, 1)))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Threshold([0.5, 0.5]), r"one number for each label, shape \(3,\).* got shape \(2,\)"),
        (Threshold([[0.5, 0.5, 0.5]]), r"got shape \(1, 3\)"),
        (Threshold(np.nan), "threshold must be a number .* none of them NaN; got nan"),
        (Threshold("half"), "threshold must be a number .* got 'half'"),
        (Threshold(None), "threshold must be a number .* got None"),
        (Threshold(True), "threshold must be a number .* got True"),
        (AtLeastOne([0.5]), r"got shape \(1,\)"),
        (LabelCount(threshold=[0.5]), r"got shape \(1,\)"),
        (Hierarchy([-1] * 3, [0.5]), r"got shape \(1,\)"),
        (Hierarchy([-1] * 3, how="up"), "how is unknown: 'up'. Legal names: lower, raise."),
        (CostThreshold(-1), "false_positive must be finite and not negative; got -1"),
        (CostThreshold(1, np.inf), "false_negative must be finite"),
        (CostThreshold(1, [1, 2]), r"false_negative must be a number .* got shape \(2,\)"),
        (CostThreshold(0, 0), "must not both be zero for a label"),
        (CostThreshold([1, 0, 1], [0, 0, 1]), "must not both be zero for a label"),
        (TopK(0), "k must be a whole number of labels, at least 1; got 0"),
        (TopK(1.5), "k must be a whole number of labels, at least 1; got 1.5"),
        (TopK(True), "k must be a whole number"),
        (LabelCount(-1), "min_labels must be a whole number of labels, at least 0; got -1"),
        (LabelCount(0, 2.0), "max_labels must be a whole number of labels"),
        (LabelCount(3, 2), "max_labels must not be below min_labels; got min_labels=3, max_l"),
        (ExampleF(0), r"beta must be a finite number in \[0.001, 1000\]; got 0"),
        (ExampleF(np.nan), "beta must be a finite number in"),
        (ExampleF("1"), "beta must be a finite number in"),
        (ExampleF(True), "beta must be a finite number in"),
        (ExampleF(zero_division=2), r"zero_division must be a finite number in \[0, 1\]; got 2"),
        (ExampleF(zero_division="warn"), "zero_division must be a finite number in"),
    ],
)
def test_parameters_are_checked_in_fit_and_decide(rule, message):
    with pytest.raises(ValueError, match=message):
        rule.decide(np.full((2, 3), 0.5))
    with pytest.raises(ValueError, match=message):
        rule.fit(np.eye(3), np.full((3, 3), 0.5))
    with pytest.raises(ValueError, match=message):
        rule.fit(np.eye(3))


@pytest.mark.parametrize(
    ("y_true", "message"),
    [
        ([[0, 2]], "y_true must hold nothing but 0 and 1; got 2"),
        (sparse.csr_array([[3.0, 0.0]]), "got 3"),
        ([1, 0], r"shape \(n_samples, n_labels\); got shape \(2,\)"),
        (np.zeros((2, 0)), "a label at least"),
        ([["a"], ["b"]], "y_true must hold one number for each row and label; got dtype <U1"),
    ],
)
def test_labels_are_checked(y_true, message):
    with pytest.raises(ValueError, match=message):
        Threshold().fit(y_true)


def test_scores_have_the_shape_of_the_labels():
    with pytest.raises(ValueError, match=r"y_score must have the shape of y_true, \(2, 2\)"):
        Threshold().fit(np.eye(2), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="for each of the 2 labels seen in fit"):
        SubsetAccuracy().fit(np.eye(2)).decide(np.zeros((2, 3)))
