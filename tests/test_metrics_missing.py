"""A missing label counts nowhere: its value is that of the data without it, by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_cases import (
    LABEL_METRICS,
    METRICS,
    Metric,
    all_values,
    full_cases,
    indicators,
    label_values,
    law,
    missing_cases,
)

from skmultilabel_keras import metrics

NAN = float("nan")


def one_value(metric: Metric, *parts: np.ndarray, weight: Any = None) -> float:
    """Return a metric of one row or one label, as a number."""
    y_true, y_pred, y_score = (np.atleast_2d(part) for part in parts)
    return float(np.mean(metric(y_true, y_pred, y_score, weight)))


def without_missing(metric: Metric, case: tuple[Any, ...]) -> float:
    """Return a metric by its definition, from the entries that are present alone."""
    y_true, y_pred, y_score, weight = case
    weight = np.ones(len(y_true)) if weight is None else weight
    present = ~np.isnan(y_true)
    parts = (y_true, y_pred, y_score)
    if metric.over == "entries":
        entry_weight = np.broadcast_to(weight[:, np.newaxis], y_true.shape)[present]
        return metric(*(part[present][:, np.newaxis] for part in parts), entry_weight)
    if metric.over == "rows":
        rows = [i for i in range(len(y_true)) if present[i].any() and weight[i] > 0]
        values = [one_value(metric, *(part[i, present[i]] for part in parts)) for i in rows]
        return float(np.average(values, weights=weight[rows]))
    values, frequencies = [], []
    by_label = metric._replace(options={**metric.options, "average": None})
    for j in range(y_true.shape[1]):
        here = present[:, j] & (weight > 0)
        if here.any():
            column = [part[here, j][:, np.newaxis] for part in parts]
            values.append(by_label(*column, weight[here])[0])
            frequencies.append(weight[here] @ y_true[here, j])
    if np.isnan(values).all():  # all labels are constant
        return metrics.roc_auc([[1]], [[1]]) if metric.name == "roc_auc" else 0.0
    if metric.over == "weighted" and any(frequencies):
        return float(np.average(values, weights=frequencies))
    return float(np.nanmean(values))


@pytest.mark.parametrize("metric", METRICS, ids=repr)
@given(case=missing_cases())
@law(15)
def test_missing_entries_are_left_out(metric, case):
    assert metric(*case) == pytest.approx(without_missing(metric, case), abs=1e-14)


@pytest.mark.parametrize("k", [1, 2, 5])
@given(case=missing_cases())
@law(15)
def test_missing_labels_have_no_propensity_score(k, case):
    y_true, _, y_score, weight = case
    propensities = np.array([0.1, 0.5, 0.5, 1])[: y_true.shape[1]]
    weight = np.ones(len(y_true)) if weight is None else weight
    reached, best = 0.0, 0.0
    for true, score, w in zip(y_true, y_score, weight, strict=True):
        here = ~np.isnan(true)
        if here.any():
            p = propensities[here]
            options = {"propensities": p, "k": k, "normalize": False}
            row = true[np.newaxis, here]
            reached += w * metrics.propensity_scored_precision_at_k(row, [score[here]], **options)
            best += w * metrics.propensity_scored_precision_at_k(row, row / p, **options)
    value = metrics.propensity_scored_precision_at_k(
        y_true, y_score, propensities, k=k, sample_weight=weight
    )
    assert value == pytest.approx(reached / best if best > 0 else 0)


@given(case=missing_cases())
@law(20)
def test_labels_with_nothing_present_have_no_value(case):
    y_true, _, _, weight = case
    weight = np.ones(len(y_true)) if weight is None else weight
    absent = (np.isnan(y_true) | (weight == 0)[:, np.newaxis]).all(axis=0)
    for metric in LABEL_METRICS:
        values = metric(*case)
        assert np.isnan(values[absent]).all()
        if metric.name not in ("average_precision", "roc_auc"):
            assert np.isfinite(values[~absent]).all()


@pytest.mark.thorough
@given(case=missing_cases(), data=st.data())
@law(20)
def test_what_is_predicted_for_missing_labels_does_not_matter(case, data):
    y_true, y_pred, y_score, weight = case
    missing = np.isnan(y_true)
    other = data.draw(indicators(y_true.shape))
    changed = (
        y_true,
        np.where(missing, other, y_pred),
        np.where(missing, 1 - y_score, y_score),
        weight,
    )
    for evaluate in (all_values, label_values):
        np.testing.assert_array_equal(evaluate(*changed), evaluate(*case))


@pytest.mark.thorough
@given(case=missing_cases(), data=st.data())
@law(15)
def test_order_of_labels_and_rows_does_not_matter(case, data):
    *values, weight = case
    rows = data.draw(st.permutations(range(values[0].shape[0])))
    labels = data.draw(st.permutations(range(values[0].shape[1])))
    shuffled = [part[np.ix_(rows, labels)] for part in values]
    if weight is not None:
        shuffled.append(weight[rows])
    np.testing.assert_allclose(all_values(*shuffled), all_values(*case), atol=1e-15)
    np.testing.assert_allclose(label_values(*shuffled), label_values(*case)[:, labels], atol=1e-15)


@pytest.mark.thorough
@given(case=missing_cases())
@law(15)
def test_weights_of_two_repeat_rows(case):
    *values, _ = case
    twice = [np.concatenate([part, part]) for part in values]
    for evaluate in (all_values, label_values):
        expected = evaluate(*values)
        doubled = evaluate(*values, np.full(len(values[0]), 2))
        np.testing.assert_allclose(doubled, expected, atol=1e-15)
        np.testing.assert_allclose(evaluate(*twice), expected, atol=1e-15)


@pytest.mark.thorough
@given(case=missing_cases())
@law(15)
def test_rows_and_labels_that_are_all_missing_are_as_if_not_there(case):
    y_true, y_pred, y_score, weight = case
    n_samples, n_labels = y_true.shape
    with_row = (
        np.vstack([y_true, np.full((1, n_labels), NAN)]),
        np.vstack([y_pred, np.ones((1, n_labels))]),
        np.vstack([y_score, np.ones((1, n_labels))]),
        np.append(np.ones(n_samples) if weight is None else weight, 5),
    )
    with_label = (
        np.hstack([y_true, np.full((n_samples, 1), NAN)]),
        np.hstack([y_pred, np.ones((n_samples, 1))]),
        np.hstack([y_score, np.ones((n_samples, 1))]),
        weight,
    )
    expected = all_values(*case)
    np.testing.assert_allclose(all_values(*with_row), expected, atol=1e-15)
    np.testing.assert_allclose(all_values(*with_label), expected, atol=1e-15)


@pytest.mark.thorough
@given(case=full_cases())
@law(20)
def test_floats_without_missing_entries_are_integers(case):
    y_true, *rest = case
    for evaluate in (all_values, label_values):
        for convert in (np.float64, np.float16):
            np.testing.assert_array_equal(
                evaluate(y_true.astype(convert), *rest), evaluate(y_true, *rest)
            )


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64", "Int8", "object"])
@given(case=missing_cases())
@law(4)
def test_nullable_columns_are_missing_labels(dtype, case):
    y_true, *rest = case
    frame = pd.DataFrame(y_true).astype("Int64").astype(dtype)
    for evaluate in (all_values, label_values):
        np.testing.assert_array_equal(evaluate(frame, *rest), evaluate(y_true, *rest))


def test_frames_may_mix_kinds_of_columns():
    frame = pd.DataFrame({"a": [1, 0], "b": [0.0, NAN], "c": pd.array([pd.NA, 1], "Int64")})
    y_true = [[1, 0, NAN], [0, NAN, 1]]
    y_pred = [[1, 1, 0], [1, 0, 1]]
    assert metrics.hamming_loss(frame, y_pred) == metrics.hamming_loss(y_true, y_pred) == 0.5


def test_examples_by_hand():
    y_true, y_pred = [[1, NAN, 0], [NAN, NAN, NAN], [1, NAN, 1]], [[1, 1, 1], [0, 1, 1], [1, 1, 1]]
    assert metrics.hamming_loss(y_true, y_pred) == 1 / 4
    assert metrics.subset_accuracy(y_true, y_pred) == 1 / 2
    assert metrics.precision_score(y_true, y_pred, average="macro") == 3 / 4
    by_label = metrics.precision_score(y_true, y_pred, average=None)
    np.testing.assert_array_equal(by_label, [1, NAN, 0.5])
    assert metrics.coverage_error(y_true, [[1, 3, 2]] * 3) == 2


MESSAGE = r"{} must have an entry that is not missing, .*NaN in all that count of 2 rows"


@pytest.mark.parametrize("weight", [None, [1, 2]])
@pytest.mark.parametrize("metric", METRICS + LABEL_METRICS, ids=repr)
def test_nothing_present(metric, weight):
    zeros = np.zeros((2, 3))
    with pytest.raises(ValueError, match=MESSAGE.format("y_true")):
        metric(np.full((2, 3), NAN), zeros, zeros, weight)


def test_nothing_present_in_the_rows_that_count():
    y = [[1, 0], [NAN, NAN]]
    with pytest.raises(ValueError, match=MESSAGE.format("y_true")):
        metrics.hamming_loss(y, np.zeros((2, 2)), sample_weight=[0, 1])
    with pytest.raises(ValueError, match=MESSAGE.format("y")):
        metrics.label_density(y, sample_weight=[0, 1])
