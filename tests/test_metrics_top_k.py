"""Metrics of the first k labels equal scikit-learn's, or the mean over all orders of ties."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from metrics_cases import indicators, label_scores, law, shapes
from scipy import sparse

from skmultilabel_keras import metrics

KS = [1, 2, 3, 5]


def over_orders(row_score: np.ndarray, value: Callable[[list[int]], float]) -> float:
    """Return the mean of a value over all orders in which scores do not rise."""
    orders = itertools.permutations(range(len(row_score)))
    falling = [list(order) for order in orders if (np.diff(row_score[list(order)]) <= 0).all()]
    return float(np.mean([value(order) for order in falling]))


def mean_over_rows(y: np.ndarray, y_score: np.ndarray, weight: Any, value: Any) -> float:
    rows = [over_orders(s, lambda order, t=t: value(t[order])) for t, s in zip(y, y_score)]  # noqa: B905
    return float(np.average(rows, weights=weight))


@pytest.mark.parametrize("k", KS)
@given(case=label_scores())
@law(25)
def test_precision_is_the_mean_over_orders(k, case):
    value = metrics.precision_at_k(*case[:2], k=k, sample_weight=case[2])
    assert value == pytest.approx(mean_over_rows(*case, lambda true: true[:k].mean()))


@given(case=label_scores())
@law(25)
def test_one_error_is_the_mean_over_orders(case):
    value = metrics.one_error(*case[:2], sample_weight=case[2])
    assert value == pytest.approx(mean_over_rows(*case, lambda true: 1 - true[0]))
    assert value == pytest.approx(1 - metrics.precision_at_k(*case[:2], k=1, sample_weight=case[2]))


@pytest.mark.parametrize("k", KS)
@given(case=label_scores(min_labels=2))
@law(25)
def test_gain_equals_sklearn(k, case):
    y_true, y_score, weight = case
    expected = sk.ndcg_score(y_true, y_score, k=k, sample_weight=weight)
    value = metrics.ndcg_at_k(sparse.csr_array(y_true), y_score, k=k, sample_weight=weight)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 3, 10, 40])
def test_many_labels_equal_sklearn(k):
    rng = np.random.default_rng(k)
    y_true = rng.random((200, 30)) < rng.random(30)
    y_score = rng.random((200, 30)).astype(np.float32)
    assert metrics.ndcg_at_k(y_true, y_score, k=k) == pytest.approx(
        sk.ndcg_score(y_true, y_score, k=k)
    )
    best = np.argsort(-y_score, axis=1)[:, :k]
    expected = np.take_along_axis(y_true, best, axis=1).mean()
    assert metrics.precision_at_k(y_true, y_score, k=k) == pytest.approx(expected)


@given(case=label_scores())
@law(20)
def test_a_large_k_looks_at_all_labels(case):
    y_true, y_score, weight = case
    n_labels = y_true.shape[1]
    density = metrics.label_density(y_true, sample_weight=weight)
    for k in (n_labels, n_labels + 1, 100):
        value = metrics.precision_at_k(y_true, y_score, k=k, sample_weight=weight)
        assert value == pytest.approx(density)


@pytest.mark.parametrize(("k", "same"), [(np.uint8(2), 2), (np.int64(2), 2), (10**30, sys.maxsize)])
def test_k_of_any_whole_type(k, same):
    y, y_score = [[1, 0, 0], [0, 1, 1]], [[3, 1, 2], [2, 1, 3]]
    for metric, more in (
        (metrics.precision_at_k, ()),
        (metrics.ndcg_at_k, ()),
        (metrics.propensity_scored_precision_at_k, ([0.5, 0.25, 0.5],)),
    ):
        assert metric(y, y_score, *more, k=k) == metric(y, y_score, *more, k=same) > 0


def test_bins_of_any_whole_type():
    y, y_score = [[1, 0]], [[0.5, 0.2]]
    error = metrics.expected_calibration_error
    assert error(y, y_score, n_bins=np.uint64(2)) == error(y, y_score, n_bins=2)


def test_rows_without_labels():
    y_score = [[0.3, 0.2, 0.1]]
    nothing, everything = np.zeros((1, 3)), np.ones((1, 3))
    for k in KS:
        assert metrics.precision_at_k(nothing, y_score, k=k) == 0
        assert metrics.precision_at_k(everything, y_score, k=k) == 1
        assert metrics.ndcg_at_k(nothing, y_score, k=k) == 0
        assert metrics.ndcg_at_k(everything, y_score, k=k) == 1
    assert metrics.one_error(nothing, y_score) == 1


# Propensities


@pytest.mark.thorough
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("k", KS)
@given(case=label_scores(), data=st.data())
@law(15)
def test_propensity_scores_are_the_mean_over_orders(normalize, k, case, data):
    y_true, y_score, weight = case
    n_labels = y_true.shape[1]
    drawn = st.lists(st.sampled_from([0.1, 0.5, 1]), min_size=n_labels, max_size=n_labels)
    propensities = np.array(data.draw(drawn))
    gain = y_true / propensities
    n_places = min(k, n_labels)
    expected = mean_over_rows(gain, y_score, weight, lambda row: row[:k].sum() / n_places)
    if normalize:
        best = mean_over_rows(gain, gain, weight, lambda row: row[:k].sum() / n_places)
        expected = expected / best if best > 0 else 0
    value = metrics.propensity_scored_precision_at_k(
        y_true, y_score, propensities.tolist(), k=k, sample_weight=weight, normalize=normalize
    )
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("k", KS)
@given(case=label_scores())
@law(15)
def test_certain_annotation_gives_plain_precision(k, case):
    y_true, y_score, weight = case
    value = metrics.propensity_scored_precision_at_k(
        y_true, y_score, np.ones(y_true.shape[1]), k=k, sample_weight=weight, normalize=False
    )
    plain = metrics.precision_at_k(y_true, y_score, k=k, sample_weight=weight)
    assert value == pytest.approx(plain)


@given(case=label_scores(), data=st.data())
@law(15)
def test_propensities_go_with_their_labels(case, data):
    y_true, y_score, weight = case
    order = data.draw(st.permutations(range(y_true.shape[1])))
    propensities = np.array([0.1, 0.5, 0.7, 1])[: len(order)]
    for k in KS:
        one, other = (
            metrics.propensity_scored_precision_at_k(*parts, k=k, sample_weight=weight)
            for parts in (
                (y_true, y_score, propensities),
                (y_true[:, order], y_score[:, order], propensities[order]),
            )
        )
        assert other == pytest.approx(one)


def test_propensities_are_those_of_the_source():
    """Equation 2 of Jain, Prabhu, Varma (2016), term by term."""
    y = np.random.default_rng(0).random((50, 6)) < np.linspace(0, 1, 6)
    a, b = 0.6, 2.6
    c = (np.log(50) - 1) * (b + 1) ** a
    expected = [1 / (1 + c * np.exp(-a * np.log(n + b))) for n in y.sum(axis=0)]
    for container in (y, sparse.csr_array(y), y.astype(float)):
        np.testing.assert_allclose(metrics.label_propensities(container, a=a, b=b), expected)


@given(y=shapes().flatmap(indicators))
@law()
def test_propensities_rise_with_frequency(y):
    propensities = metrics.label_propensities(y)
    assert propensities.shape == y.shape[1:]
    assert ((propensities > 0) & (propensities <= 1)).all()
    assert (np.diff(propensities[np.argsort(y.sum(axis=0), kind="stable")]) >= 0).all()
    missing = np.where(y > 0, 1, np.nan)
    if y.any():
        np.testing.assert_array_equal(metrics.label_propensities(missing), propensities)


# Errors

Y, S = [[1, 0, 1]], [[0.1, 0.2, 0.3]]


@pytest.mark.parametrize("k", [0, -1, 1.0, True, None, "1"])
@pytest.mark.parametrize(
    ("metric", "more"),
    [
        (metrics.precision_at_k, []),
        (metrics.ndcg_at_k, []),
        (metrics.propensity_scored_precision_at_k, [[1, 1, 1]]),
    ],
)
def test_bad_k(metric, more, k):
    with pytest.raises(ValueError, match=r"k must be a whole number from 1 on; got .*highest"):
        metric(Y, S, *more, k=k)


@pytest.mark.parametrize(
    ("propensities", "message"),
    [
        ([0.5, 0.5], r"propensities must hold one number .* shape \(3,\); got shape \(2,\)"),
        ([0.5, 0, 1], r"above 0 and at most 1; got 0 for label 1.*label_propensities"),
        ([0.5, 1, 1.5], r"got 1\.5 for label 2"),
        ([np.nan, 1, 1], r"got nan for label 0"),
    ],
)
def test_bad_propensities(propensities, message):
    with pytest.raises(ValueError, match=message):
        metrics.propensity_scored_precision_at_k(Y, S, propensities, k=1)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "1", None])
@pytest.mark.parametrize("name", ["a", "b"])
def test_bad_constants_of_propensities(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be a finite number above 0; got"):
        metrics.label_propensities(Y, **{name: value})
