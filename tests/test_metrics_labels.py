"""Metrics of each label as a binary problem equal scikit-learn's; measures of an indicator."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from metrics_cases import indicators, label_sets, law, shapes
from scipy import sparse

from skmultilabel_keras import metrics

BINARY = {"matthews_corrcoef": "matthews_corrcoef", "balanced_accuracy": "balanced_accuracy_score"}


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize("name", BINARY)
@given(case=label_sets())
@law(60)
def test_labels_equal_sklearn(name, case):
    y_true, y_pred, weight = case
    expected = [
        getattr(sk, BINARY[name])(t, p, sample_weight=weight)
        for t, p in zip(y_true.T, y_pred.T, strict=True)
    ]
    metric = getattr(metrics, name)
    for sets in ((y_true, y_pred), (sparse.csr_array(y_true), sparse.coo_matrix(y_pred))):
        values = metric(*sets, average=None, sample_weight=weight)
        np.testing.assert_allclose(values, expected, atol=1e-15)
        assert metric(*sets, sample_weight=weight) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("name", BINARY)
def test_many_rows_equal_sklearn(name):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, (2, 300, 4))
    weight = rng.random(300)
    expected = [
        getattr(sk, BINARY[name])(t, p, sample_weight=weight)
        for t, p in zip(y_true.T, y_pred.T, strict=True)
    ]
    values = getattr(metrics, name)(y_true, y_pred, average=None, sample_weight=weight)
    np.testing.assert_allclose(values, expected)


@given(case=label_sets())
@law(30)
def test_opposite_predictions_have_opposite_values(case):
    y_true, y_pred, weight = case
    right, wrong = (
        metrics.matthews_corrcoef(y_true, pred, average=None, sample_weight=weight)
        for pred in (y_pred, 1 - y_pred)
    )
    np.testing.assert_allclose(right, -wrong, atol=1e-15)
    right, wrong = (
        metrics.balanced_accuracy(y_true, pred, average=None, sample_weight=weight)
        for pred in (y_pred, 1 - y_pred)
    )
    np.testing.assert_allclose(right, 1 - wrong, atol=1e-15)


@pytest.mark.parametrize("weight", [[0.1, 0.2, 0.7], [1e-90, 3e-90, 1e-91], [0.1, 0.1, 1e-20]])
def test_constant_labels_stay_exact_whatever_the_weights(weight):
    """Differences of rounded sums must not make something out of nothing."""
    y_true = [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    y_pred = [[1, 0, 1], [0, 0, 1], [1, 0, 1]]
    values = metrics.matthews_corrcoef(y_true, y_pred, average=None, sample_weight=weight)
    np.testing.assert_array_equal(values, [0, 0, 0])
    values = metrics.balanced_accuracy(y_true, y_pred, average=None, sample_weight=weight)
    total = weight[0] + weight[1] + weight[2]
    np.testing.assert_allclose(values, [(weight[0] + weight[2]) / total, 1, 0.5])


# Measures of an indicator


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize("missing", [False, True])
def test_no_weight_is_too_small_beside_others(missing):
    """Differences of large weights say nothing of small ones."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        y_true, y_pred = (rng.integers(0, 2, (7, 3)).astype(float) for _ in range(2))
        weight = 10.0 ** rng.integers(-18, 18, 7)
        if missing:
            y_true[rng.random(y_true.shape) < 0.2] = np.nan
            y_true[0] = 1
        known = ~np.isnan(y_true)
        expected = [
            sk.balanced_accuracy_score(t[k], p[k], sample_weight=weight[k])
            for t, p, k in zip(y_true.T, y_pred.T, known.T, strict=True)
        ]

        values = metrics.balanced_accuracy(y_true, y_pred, average=None, sample_weight=weight)

        np.testing.assert_allclose(values, expected, atol=1e-12)


@given(y=shapes().flatmap(indicators))
@law(30)
def test_cardinality_counts_the_labels_of_a_row(y):
    for container in (y, sparse.csc_matrix(y), y.astype(float), y.tolist()):
        assert metrics.label_cardinality(container) == pytest.approx(y.sum(axis=1).mean())
        assert metrics.label_density(container) == pytest.approx(y.mean())


@given(case=label_sets())
@law(30)
def test_weights_of_measures_repeat_rows(case):
    y, _, weight = case
    if weight is not None:
        repeated = np.repeat(y, (2 * weight).astype(int), axis=0)
        for measure in (metrics.label_cardinality, metrics.label_density):
            assert measure(y, sample_weight=weight) == pytest.approx(measure(repeated))


def test_measures_leave_out_what_is_missing():
    y = [[1, np.nan, 0], [np.nan, np.nan, np.nan], [1, 1, 0]]
    assert metrics.label_cardinality(y) == 1.5
    assert metrics.label_density(y) == pytest.approx(3 / 5)
