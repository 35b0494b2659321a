"""Average precision and ROC AUC equal scikit-learn's; calibration error equals its definition."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from metrics_cases import label_scores, law
from scipy import sparse

from skmultilabel_keras import metrics

AREAS = {"average_precision": "average_precision_score", "roc_auc": "roc_auc_score"}
UNDEFINED = {"average_precision": 0.0, "roc_auc": 0.5}


def varies(y, weight):
    """Return whether the rows that count hold both values."""
    return len(np.unique(y if weight is None else y[weight > 0])) == 2


@pytest.mark.parametrize("name", AREAS)
@given(case=label_scores())
@law(60)
def test_areas_of_labels_equal_sklearn(name, case):
    y_true, y_score, weight = case
    values = getattr(metrics, name)(y_true, y_score, average=None, sample_weight=weight)
    area = getattr(sk, AREAS[name])
    expected = [
        area(t, s, sample_weight=weight) if varies(t, weight) else np.nan
        for t, s in zip(y_true.T, y_score.T, strict=True)
    ]
    np.testing.assert_allclose(values, expected)
    macro = getattr(metrics, name)(sparse.csr_array(y_true), y_score, sample_weight=weight)
    defined = [value for value in expected if not np.isnan(value)]
    assert macro == pytest.approx(np.mean(defined) if defined else UNDEFINED[name])


@pytest.mark.parametrize("name", AREAS)
@given(case=label_scores())
@law(40)
def test_areas_of_all_entries_equal_sklearn(name, case):
    y_true, y_score, weight = case
    value = getattr(metrics, name)(y_true, y_score, average="micro", sample_weight=weight)
    of_entries = None if weight is None else np.repeat(weight, y_true.shape[1])
    if varies(y_true.ravel(), of_entries):
        area = getattr(sk, AREAS[name])
        expected = area(y_true.ravel(), y_score.ravel(), sample_weight=of_entries)
        assert value == pytest.approx(expected)
    else:
        assert value == UNDEFINED[name]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("name", AREAS)
def test_many_rows_equal_sklearn(name, average, dtype):
    rng = np.random.default_rng(0)
    y_true = (rng.random((500, 7)) < 0.3).astype(int)
    y_score = (rng.normal(size=(500, 7)) + y_true).astype(dtype)
    for weight in (None, rng.random(500)):
        options = {"average": average, "sample_weight": weight}
        expected = getattr(sk, AREAS[name])(y_true, y_score, **options)
        assert getattr(metrics, name)(y_true, y_score, **options) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("name", AREAS)
def test_only_constant_columns(name, average, value):
    y_true, y_score = np.full((3, 2), value), np.arange(6).reshape(3, 2)
    metric = getattr(metrics, name)
    assert metric(y_true, y_score, average=average) == UNDEFINED[name]
    assert metric(y_true, y_score, average=average, undefined=0.25) == 0.25
    assert np.isnan(metric(y_true, y_score, average=None)).all()


@pytest.mark.parametrize("name", AREAS)
def test_constant_columns_are_left_out_of_the_mean(name):
    y_true = np.array([[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 1]])
    y_score = np.array([[0.1, 0.2, 0.3, 0.9], [0.1, 0.8, 0.5, 0.5], [0.3, 0.2, 0.1, 0.7]])
    metric = getattr(metrics, name)
    assert metric(y_true, y_score) == metric(y_true[:, 2:], y_score[:, 2:])


@given(case=label_scores())
@law(25)
def test_auc_turns_round_with_the_scores(case):
    y_true, y_score, weight = case
    right, wrong = (
        metrics.roc_auc(y_true, scores, average=None, sample_weight=weight)
        for scores in (y_score, -y_score)
    )
    np.testing.assert_allclose(right, 1 - wrong)


@given(case=label_scores(), scale=st.floats(0.01, 100), shift=st.integers(-3, 3))
@law(25)
def test_areas_depend_on_the_order_alone(case, scale, shift):
    y_true, y_score, weight = case
    for name in AREAS:
        for average in ("micro", None):
            one, other = (
                getattr(metrics, name)(y_true, s, average=average, sample_weight=weight)
                for s in (y_score, scale * np.exp(y_score) + shift)
            )
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("undefined", [-0.1, 2, np.nan, None, "0", True])
@pytest.mark.parametrize("name", AREAS)
def test_bad_value_for_the_undefined(name, undefined):
    with pytest.raises(ValueError, match=r"undefined must be a finite number in \[0, 1\]; got"):
        getattr(metrics, name)([[0], [1]], [[0], [1]], undefined=undefined)


# Calibration error


def gap_of_bins(y, p, weight, n_bins):
    """Return the calibration error of one set of entries, bin by bin."""
    total = 0.0
    for b in range(n_bins):
        low, high = b / n_bins, (b + 1) / n_bins
        inside = (p > low) & (p <= high) | (b == 0) & (p == 0)
        if weight[inside].any():
            means = [np.average(v[inside], weights=weight[inside]) for v in (y, p)]
            total += weight[inside].sum() * abs(means[0] - means[1])
    return total / weight.sum()


@pytest.mark.parametrize("n_bins", [1, 2, 4, 10])
@given(case=label_scores())
@law(25)
def test_calibration_error_is_its_definition(n_bins, case):
    y_true, y_score, weight = case
    row_weight = np.ones(len(y_true)) if weight is None else weight
    options = {"n_bins": n_bins, "sample_weight": weight}
    by_label = [
        gap_of_bins(t, s, row_weight, n_bins) for t, s in zip(y_true.T, y_score.T, strict=True)
    ]
    value = metrics.expected_calibration_error(y_true, y_score, average=None, **options)
    np.testing.assert_allclose(value, by_label, atol=1e-15)
    pooled = gap_of_bins(
        y_true.ravel(), y_score.ravel(), np.repeat(row_weight, y_true.shape[1]), n_bins
    )
    value = metrics.expected_calibration_error(y_true, y_score, **options)
    assert value == pytest.approx(pooled, abs=1e-15)


def test_edges_of_bins_are_the_same_in_single_precision():
    """Each tenth closes its bin, though 0.3 in float32 is above 0.3."""
    rng = np.random.default_rng(0)
    y_score = rng.integers(0, 11, (200, 2)) / 10
    y_true = rng.random(y_score.shape) < y_score
    values = [
        metrics.expected_calibration_error(y_true, y_score.astype(dtype))
        for dtype in (np.float64, np.float32)
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-7)


def test_calibrated_scores_have_a_small_error():
    rng = np.random.default_rng(0)
    p = rng.random((20_000, 3))
    y = rng.random(p.shape) < p
    assert metrics.expected_calibration_error(y, p) < 0.01
    assert metrics.expected_calibration_error(y, 1 - p) > 0.4
    assert metrics.expected_calibration_error(y, y.astype(float), average="macro") == 0


@pytest.mark.parametrize("n_bins", [0, -2, 2.0, None, True])
def test_bad_number_of_bins(n_bins):
    with pytest.raises(ValueError, match=r"n_bins must be a whole number from 1 on; got .*bins"):
        metrics.expected_calibration_error([[0]], [[0.5]], n_bins=n_bins)
