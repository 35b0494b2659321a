"""Tuned thresholds are the best there are: against brute force over all cuts of small data.

An estimator whose probabilities are its features makes every objective a function of scores.
"""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from skmultilabel_keras.model_selection import (
    CostObjective,
    FBetaObjective,
    MultiLabelTunedThresholdClassifierCV,
    PrecisionAtLeast,
    RecallAtLeast,
)

BETAS = [0.5, 1.0, 2.0]
MORE_EXAMPLES = settings(max_examples=120)


def _name_of(value):
    return getattr(value, "__name__", str(value))


class Given(ClassifierMixin, BaseEstimator):
    """Probabilities are features."""

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


def tune(y, score, objective, weight=None):
    tuned = MultiLabelTunedThresholdClassifierCV(
        Given(), objective=objective, cv="prefit", refit=False
    )
    return tuned.fit(score, y, sample_weight=weight)


@st.composite
def scored_labels(draw: Any, missing: bool = True, positive: bool = False):
    """Return labels and scores with many ties; ``positive`` puts one into each label."""
    shape = (draw(st.integers(1, 7)), draw(st.integers(1, 3)))
    values = [0.0, 1.0, np.nan] if missing else [0.0, 1.0]
    y = draw(arrays(float, shape, elements=st.sampled_from(values), fill=st.nothing()))
    levels = st.sampled_from([0, 0.125, 0.25, 0.5, 0.625, 1])
    score = draw(arrays(float, shape, elements=levels, fill=st.nothing()))
    if positive:
        y[0] = 1
    assume(not np.isnan(y).all(axis=0).any())
    return y, score


def all_cuts(score):
    """Return a threshold for each distinct cut of the scores, from the definition."""
    distinct = np.unique(score)
    low = (
        distinct[0] / 2
        if distinct[0] > 0
        else distinct[0] - max(abs(distinct[0]) / 2**22, 2.0**-126)
    )
    return [low, *(distinct[1:] + distinct[:-1]) / 2, max((distinct[-1] + 1) / 2, distinct[-1])]


def f_beta(y, predicted, beta=1.0, zero_division=0.0):
    """F-measure of the known entries."""
    known = ~np.isnan(y)
    true, predicted = y[known] == 1, predicted[known]
    divisor = beta**2 * true.sum() + predicted.sum()
    return (1 + beta**2) * (true & predicted).sum() / divisor if divisor else zero_division


def f_samples(y, predicted, **options):
    rows = [i for i in range(len(y)) if not np.isnan(y[i]).all()]
    return np.mean([f_beta(y[i], predicted[i], **options) for i in rows])


def known_entries(y, score):
    known = ~np.isnan(y)
    return [(y[known[:, j], j], score[known[:, j], j]) for j in range(y.shape[1])]


class TestFBeta:
    @MORE_EXAMPLES
    @given(scored_labels(), st.sampled_from(BETAS))
    def test_macro_is_optimal(self, data, beta):
        y, score = data
        best = [
            max(f_beta(truth, s > t, beta) for t in all_cuts(s))
            for truth, s in known_entries(y, score)
        ]
        tuned = tune(y, score, FBetaObjective("macro", beta=beta))
        predicted = score > tuned.thresholds_
        reached = [f_beta(y[:, j], predicted[:, j], beta) for j in range(y.shape[1])]
        np.testing.assert_allclose(reached, best, atol=1e-12)
        assert tuned.best_score_ == pytest.approx(np.mean(best))

    @pytest.mark.parametrize(("average", "metric"), [("micro", f_beta), ("samples", f_samples)])
    @MORE_EXAMPLES
    @given(
        data=scored_labels(), beta=st.sampled_from(BETAS), zero_division=st.sampled_from([0.0, 1.0])
    )
    def test_one_cut_is_optimal(self, average, metric, data, beta, zero_division):
        y, score = data
        options = {"beta": beta, "zero_division": zero_division}
        tuned = tune(y, score, FBetaObjective(average, **options))
        cuts = all_cuts(score[~np.isnan(y)])
        values = np.array([metric(y, score > t, **options) for t in cuts])
        assert tuned.best_score_ == pytest.approx(values.max())
        assert metric(y, score > tuned.thresholds_, **options) == pytest.approx(values.max())
        assert len(set(tuned.thresholds_)) == 1
        best = [cut for cut, value in zip(cuts, values, strict=True) if value > values.max() - 1e-9]
        assert tuned.thresholds_[0] == min(best, key=lambda cut: (abs(cut - 0.5), -cut))

    @pytest.mark.parametrize("seed", range(5))
    def test_macro_equals_the_optimum_on_the_precision_recall_curve(self, seed):
        rng = np.random.default_rng(seed)
        y = (rng.random((200, 4)) < [0.05, 0.3, 0.5, 0.9]).astype(int)
        score = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1).round(2)
        tuned = tune(y, score, "f1_macro")
        for j, threshold in enumerate(tuned.thresholds_):
            precision, recall, _ = sk.precision_recall_curve(y[:, j], score[:, j])
            best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))
            assert sk.f1_score(y[:, j], score[:, j] > threshold) == pytest.approx(best)

    @pytest.mark.parametrize("average", ["macro", "micro", "samples"])
    def test_the_score_is_scikit_learns(self, average):
        rng = np.random.default_rng(0)
        y, score = (rng.random((50, 3)) < 0.4).astype(int), rng.random((50, 3))
        weight = rng.integers(1, 4, size=50)
        for beta in BETAS:
            tuned = tune(y, score, FBetaObjective(average, beta=beta), weight)
            expected = sk.fbeta_score(
                y, tuned.predict(score), average=average, beta=beta, sample_weight=weight
            )
            assert tuned.best_score_ == pytest.approx(expected)

    def test_names_stand_for_objects(self):
        rng = np.random.default_rng(0)
        y, score = (rng.random((50, 3)) < 0.4).astype(int), rng.random((50, 3))
        for average in ("macro", "micro", "samples"):
            one, other = tune(y, score, f"f1_{average}"), tune(y, score, FBetaObjective(average))
            np.testing.assert_array_equal(one.thresholds_, other.thresholds_)

    def test_a_greater_beta_lowers_thresholds(self):
        rng = np.random.default_rng(0)
        y = (rng.random((500, 3)) < 0.4).astype(int)
        score = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
        for average in ("macro", "micro", "samples"):
            cuts = [
                tune(y, score, FBetaObjective(average, beta=beta)).thresholds_
                for beta in (0.3, 0.5, 1.0, 2.0, 4.0)
            ]
            assert (np.diff(cuts, axis=0) <= 0).all()


class TestCost:
    @MORE_EXAMPLES
    @given(
        scored_labels(positive=True),
        st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=3, max_size=3),
        st.sampled_from([1.0, 2.5]),
    )
    def test_it_is_optimal(self, data, false_positive, false_negative):
        y, score = data
        n_labels = y.shape[1]
        false_positive = false_positive[:n_labels]

        def cost(j, truth, predicted):
            wrong = ((truth == 0) & predicted).sum() * false_positive[j]
            return wrong + ((truth == 1) & ~predicted).sum() * false_negative

        tuned = tune(y, score, CostObjective(false_positive, false_negative))
        least = 0.0
        for j, (truth, s) in enumerate(known_entries(y, score)):
            best = min(cost(j, truth, s > t) for t in all_cuts(s))
            assert cost(j, truth, s > tuned.thresholds_[j]) == best
            least += best
        assert tuned.best_score_ == pytest.approx(-least / (~np.isnan(y)).sum())

    def test_equal_costs_are_the_hamming_loss(self):
        rng = np.random.default_rng(0)
        y, score = (rng.random((50, 3)) < 0.4).astype(int), rng.random((50, 3))
        tuned, named = tune(y, score, CostObjective()), tune(y, score, "neg_hamming_loss")
        np.testing.assert_array_equal(tuned.thresholds_, named.thresholds_)
        assert named.best_score_ == pytest.approx(-sk.hamming_loss(y, named.predict(score)))

    def test_dearer_mistakes_move_thresholds(self):
        rng = np.random.default_rng(0)
        y = (rng.random((500, 2)) < 0.4).astype(int)
        score = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
        cuts = [tune(y, score, CostObjective(1, cost)).thresholds_ for cost in (0.2, 1, 2, 5, 100)]
        assert (np.diff(cuts, axis=0) <= 0).all()
        assert (cuts[0] > cuts[-1]).all()


class TestConstraints:
    @pytest.mark.parametrize("objective", [RecallAtLeast, PrecisionAtLeast])
    @MORE_EXAMPLES
    @given(data=scored_labels(positive=True), value=st.sampled_from([0.3, 0.5, 2 / 3, 1.0]))
    def test_it_is_optimal(self, objective, data, value):
        y, score = data
        tuned = tune(y, score, objective(value))
        for j, (truth, s) in enumerate(known_entries(y, score)):

            def rates(t, truth=truth, s=s):
                both = ((truth == 1) & (s > t)).sum()
                recall = both / (truth == 1).sum()
                precision = both / (s > t).sum() if (s > t).any() else np.nan
                if objective is RecallAtLeast:
                    return recall >= value - 1e-9, precision, recall
                return not precision < value - 1e-9, recall, np.nan_to_num(precision)

            best = max(rates(t) for t in all_cuts(s) if rates(t)[0])
            np.testing.assert_allclose(rates(tuned.thresholds_[j]), best)

    def test_they_trade_precision_and_recall(self):
        rng = np.random.default_rng(0)
        y = (rng.random((500, 2)) < 0.4).astype(int)
        score = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)
        for objective, up in ((RecallAtLeast, -1), (PrecisionAtLeast, 1)):
            tuned = [tune(y, score, objective(value)) for value in (0.5, 0.7, 0.9, 1.0)]
            assert (np.diff([t.best_score_ for t in tuned]) <= 0).all()
            assert (up * np.diff([t.thresholds_ for t in tuned], axis=0) >= 0).all()
        high = tune(y, score, RecallAtLeast(0.9))
        assert (sk.recall_score(y, high.predict(score), average=None) >= 0.9).all()
        high = tune(y, score, PrecisionAtLeast(0.9))
        assert (sk.precision_score(y, high.predict(score), average=None) >= 0.9).all()
        assert high.best_score_ == pytest.approx(
            sk.recall_score(y, high.predict(score), average="macro")
        )

    def test_what_one_rate_leaves_open_the_other_settles(self):
        """Before the distance to one half does."""
        same_recall = tune([[1], [0]], np.array([[1], [0.625]]), PrecisionAtLeast(0.5))
        assert same_recall.thresholds_[0] == 0.8125
        same_precision = tune([[1], [1]], np.array([[0.5], [0.25]]), RecallAtLeast(0.5))
        assert same_precision.thresholds_[0] == 0.125

    def test_precision_out_of_reach_predicts_nothing(self):
        tuned = tune([[1], [0]], np.array([[0.3], [0.4]]), PrecisionAtLeast(0.9))
        assert tuned.thresholds_[0] == np.inf
        assert tuned.best_score_ == 0
        assert tuned.predict(np.array([[0.99]])).sum() == 0


class TestFunctions:
    @given(scored_labels(missing=False))
    def test_it_is_optimal_among_all_cuts_where_these_are_few(self, data):
        y, score = data
        tuned = tune(y, score, lambda true, predicted: -np.abs(true.sum() - predicted.sum()))
        best = max(-abs(y.sum() - (score > t).sum()) for t in [*all_cuts(score), 0.5])
        assert tuned.best_score_ == best

    def test_it_is_nearly_optimal_where_they_are_many(self):
        rng = np.random.default_rng(0)
        y = (rng.random((2000, 10)) < 0.02).astype(int)
        score = rng.beta(1 + 3 * y, 30) ** 2

        def metric(true, predicted):
            return sk.f1_score(true, predicted, average="micro")

        by_function, exact = tune(y, score, metric), tune(y, score, "f1_micro")
        assert by_function.best_score_ > exact.best_score_ - 0.005

    def test_it_gets_indicators_with_nan_where_labels_are_missing(self):
        seen = []

        def metric(true, predicted):
            seen.append((true, predicted))
            return 0.0

        y = np.array([[0, 1], [1, np.nan]])
        tuned = tune(y, np.full((2, 2), 0.3), metric)
        for true, predicted in seen:
            np.testing.assert_array_equal(true, y)
            assert predicted.dtype == np.int8
        assert tuned.thresholds_.tolist() == [0.5, 0.5]
        tune(np.nan_to_num(y), np.full((2, 2), 0.3), metric)
        assert seen[-1][0].dtype == np.int8

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_value_that_is_no_number(self, value):
        with pytest.raises(ValueError, match="objective must return a finite number"):
            tune(np.eye(2), np.eye(2), lambda true, predicted: value)

    def test_rows_of_weight_zero_are_left_out(self):
        rng = np.random.default_rng(0)
        scores = rng.random((60, 2))
        y = (scores + rng.normal(size=(60, 2)) > 0.5).astype(int)
        more, y_more = (
            np.vstack([scores, rng.random((90, 2))]),
            np.vstack([y, np.ones((90, 2), int)]),
        )
        weight = np.repeat([1.0, 0.0], [60, 90])

        def metric(true, predicted):
            return sk.f1_score(true, predicted, average="macro")

        alone, among = tune(y, scores, metric), tune(y_more, more, metric, weight)
        np.testing.assert_array_equal(alone.thresholds_, among.thresholds_)

    def test_a_scorer_is_no_function_of_labels(self):
        with pytest.raises(ValueError, match="a function of y_true and y_pred"):
            tune(np.eye(2), np.eye(2), sk.get_scorer("f1_macro"))


OBJECTIVES = [
    "f1_macro",
    "f1_micro",
    "f1_samples",
    "neg_hamming_loss",
    FBetaObjective("macro", beta=2.0),
    CostObjective(1.0, 4.0),
    RecallAtLeast(0.8),
    PrecisionAtLeast(0.6),
    sk.accuracy_score,
]
PER_LABEL = [o for o in OBJECTIVES if o not in ("f1_micro", "f1_samples", sk.accuracy_score)]


def make_scored(n_samples=60, n_labels=4, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    y = (rng.random((n_samples, n_labels)) < 0.4).astype(float)
    score = np.clip(rng.normal(0.35 + 0.2 * y, 0.15), 0.01, 0.99)
    return np.where(rng.random(y.shape) < missing, np.nan, y), score


@pytest.mark.parametrize("objective", OBJECTIVES, ids=_name_of)
class TestLaws:
    def test_permuting_labels_permutes_thresholds(self, objective):
        y, score = make_scored()
        tuned = tune(y, score, objective)
        for order in list(itertools.permutations(range(4)))[1::5]:
            permuted = tune(y[:, order], score[:, order], objective)
            np.testing.assert_array_equal(permuted.thresholds_, tuned.thresholds_[list(order)])
            assert permuted.best_score_ == pytest.approx(tuned.best_score_)

    def test_the_order_of_rows_does_not_matter(self, objective):
        y, score = make_scored()
        order = np.random.default_rng(1).permutation(len(y))
        np.testing.assert_array_equal(
            tune(y[order], score[order], objective).thresholds_,
            tune(y, score, objective).thresholds_,
        )

    @pytest.mark.parametrize("seed", range(4))
    def test_it_is_never_below_one_half(self, objective, seed):
        y, score = make_scored(seed=seed)
        tuned = tune(y, score, objective)
        constant = tune(y, (score > 0.5).astype(float), objective)  # the only cut that splits rows
        if not isinstance(objective, (RecallAtLeast, PrecisionAtLeast)):
            assert tuned.best_score_ >= constant.best_score_ - 1e-12

    def test_thresholds_lie_midway_between_scores(self, objective):
        y, score = make_scored()
        tuned = tune(y, score, objective)
        for j, threshold in enumerate(tuned.thresholds_):
            cuts = all_cuts(score[:, j] if objective in PER_LABEL else score)
            assert np.isclose(cuts, threshold, rtol=1e-12).any() or threshold == 0.5

    def test_neighbouring_floats_can_be_told_apart(self, objective):
        high = np.nextafter(0.3, 1)
        y, score = np.array([[1.0], [0.0]]), np.array([[high], [0.3]])
        assert tune(y, score, objective).predict(score).tolist() == [[1], [0]]

    @pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
    def test_labels_of_all_rows_can_be_predicted(self, objective, score):
        """A score of 0 is above a threshold as well."""
        tuned = tune(np.ones((3, 2)), np.full((3, 2), score), objective)
        assert np.isfinite(tuned.thresholds_).all()
        assert tuned.predict(np.full((3, 2), score)).all()

    def test_float32_scores_are_cut_as_they_are(self, objective):
        y, score = make_scored()
        score = score.astype(np.float32)
        np.testing.assert_array_equal(
            tune(y, score, objective).thresholds_,
            tune(y, score.astype(np.float64), objective).thresholds_,
        )

    def test_it_is_cloned_and_pickled(self, objective):
        y, score = make_scored()
        tuned = tune(y, score, objective)
        again = clone(tuned).fit(score, y)
        np.testing.assert_array_equal(again.thresholds_, tuned.thresholds_)
        copied = pickle.loads(pickle.dumps(tuned))
        np.testing.assert_array_equal(copied.predict(score), tuned.predict(score))


@pytest.mark.parametrize(
    "objective", [o for o in OBJECTIVES if o is not sk.accuracy_score], ids=_name_of
)
class TestWeightsAndMissingLabels:
    def test_a_weight_is_a_number_of_rows(self, objective):
        y, score = make_scored(missing=0.1)
        weight = np.random.default_rng(0).integers(0, 4, size=len(y))
        weighted = tune(y, score, objective, weight)
        repeated = tune(np.repeat(y, weight, axis=0), np.repeat(score, weight, axis=0), objective)
        np.testing.assert_allclose(weighted.thresholds_, repeated.thresholds_)
        assert weighted.best_score_ == pytest.approx(repeated.best_score_)

    def test_the_scale_of_weights_does_not_matter(self, objective):
        y, score = make_scored()
        weight = np.random.default_rng(0).random(len(y))
        np.testing.assert_allclose(
            tune(y, score, objective, 1e6 * weight).thresholds_,
            tune(y, score, objective, weight).thresholds_,
        )

    def test_scores_of_missing_labels_do_not_matter(self, objective):
        y, score = make_scored(missing=0.3)
        y[3] = np.nan
        other = np.where(np.isnan(y), np.random.default_rng(1).random(y.shape), score)
        one, two = tune(y, score, objective), tune(y, other, objective)
        np.testing.assert_array_equal(one.thresholds_, two.thresholds_)
        assert one.best_score_ == pytest.approx(two.best_score_)

    def test_entries_of_weight_zero_are_missing(self, objective):
        y, score = make_scored(missing=0.3)
        weight = (~np.isnan(y)).astype(float)
        one, two = tune(y, score, objective), tune(np.nan_to_num(y), score, objective, weight)
        np.testing.assert_array_equal(one.thresholds_, two.thresholds_)
        assert one.best_score_ == pytest.approx(two.best_score_)


@pytest.mark.parametrize("objective", PER_LABEL, ids=_name_of)
class TestLabelsApart:
    def test_labels_do_not_disturb_each_other(self, objective):
        y, score = make_scored(missing=0.2)
        tuned = tune(y, score, objective)
        for j in range(y.shape[1]):
            known = ~np.isnan(y[:, j])
            alone = tune(y[known, j : j + 1], score[known, j : j + 1], objective)
            assert alone.thresholds_[0] == tuned.thresholds_[j]

    def test_labels_that_are_sorted_in_parts(self, objective, monkeypatch):
        y, score = make_scored(n_labels=7)
        expected = tune(y, score, objective).thresholds_
        monkeypatch.setattr(
            "skmultilabel_keras.model_selection._objectives._ENTRIES_AT_A_TIME", 130
        )
        np.testing.assert_array_equal(tune(y, score, objective).thresholds_, expected)

    def test_a_label_without_rows_gets_the_cut_of_all_labels_together(self, objective):
        y, score = make_scored()
        y[:, 2] = 0
        tuned = tune(y, score, objective)
        pooled = tune(y.reshape(-1, 1), score.reshape(-1, 1), objective)
        assert tuned.thresholds_[2] == pooled.thresholds_[0]
        alone = tune(y[:, :1], score[:, :1], objective)
        assert tuned.thresholds_[0] == alone.thresholds_[0]


def test_costs_of_labels_stay_with_them_in_parts(monkeypatch):
    y, score = make_scored(n_labels=7)
    objective = CostObjective(1.0, np.arange(1.0, 8.0))
    expected = tune(y, score, objective).thresholds_
    monkeypatch.setattr("skmultilabel_keras.model_selection._objectives._ENTRIES_AT_A_TIME", 130)
    np.testing.assert_array_equal(tune(y, score, objective).thresholds_, expected)
    for j in range(7):
        alone = tune(y[:, [j]], score[:, [j]], CostObjective(1.0, j + 1.0))
        assert alone.thresholds_[0] == expected[j]


@pytest.mark.parametrize("score", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("objective", ["neg_hamming_loss", PrecisionAtLeast(0.5)])
def test_labels_of_no_row_can_be_left_out(objective, score):
    """A score of 1 is not above a threshold of 1."""
    tuned = tune(np.zeros((3, 2)), np.full((3, 2), score), objective)
    assert not tuned.predict(np.full((3, 2), score)).any()


def test_equally_good_cuts_are_settled_by_one_half():
    """Everything is right from 0.2 to 0.9; below it, and between wrong scores, nothing changes."""
    y = np.array([[1], [0], [0], [1]])
    tuned = tune(y, np.array([[0.9], [0.6], [0.4], [0.3]]), "neg_hamming_loss")
    assert tuned.thresholds_[0] == 0.75
    tied = tune([[1], [1]], np.array([[0.6], [0.4]]), lambda true, predicted: 0.0)
    assert tied.thresholds_[0] == 0.5
    symmetric = tune(np.zeros((3, 1)), np.array([[0.25], [0.5], [0.75]]), "f1_macro")
    assert symmetric.thresholds_[0] == 0.625  # 0.375 is as near


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("f1_marco", "objective is unknown: 'f1_marco'. Did you mean 'f1_macro'"),
        (None, "objective must be one of 'f1_macro', .*got None"),
        (FBetaObjective, "objective must be one of .*FBetaObjective\\(beta=2.0\\)"),
        (FBetaObjective("weighted"), "average must be one of 'macro', .*got 'weighted'"),
        (FBetaObjective(beta=0), r"beta must be a finite number in \(0, 1000\]; got 0"),
        (FBetaObjective(beta=np.inf), r"beta must be a finite number in \(0, 1000\]"),
        (FBetaObjective(beta="1"), r"beta must be a finite number in \(0, 1000\]; got '1'"),
        (
            FBetaObjective(zero_division=2),
            r"zero_division must be a finite .* \[0, 1\]; got 2",
        ),
        (CostObjective(-1), "false_positive must be a finite cost, not negative"),
        (CostObjective(1, [1, 2, 3]), "false_negative must be .*for each of the 2 labels"),
        (CostObjective("high"), "false_positive must be a finite cost"),
        (CostObjective(0, [0, 1]), "must not both be zero for a label"),
        (RecallAtLeast(0), r"value must be a finite number in \(0, 1\]; got 0"),
        (PrecisionAtLeast(1.5), r"value must be a finite number in \(0, 1\]; got 1.5"),
    ],
)
def test_illegal_objectives(objective, message):
    with pytest.raises(ValueError, match=message):
        tune(np.eye(2), np.eye(2), objective)
