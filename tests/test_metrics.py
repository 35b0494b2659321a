"""Metrics of label sets and rankings equal scikit-learn's; all metrics keep laws.

Where the single families are tested: ``test_metrics_top_k``, ``test_metrics_curves``,
``test_metrics_labels``; missing labels in ``test_metrics_missing``, scorers in
``test_metrics_scorers``.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from metrics_cases import (
    AVERAGES,
    CONTAINERS,
    METRICS,
    PLAIN,
    RANKINGS,
    RATIOS,
    SCORE_METRICS,
    SET_METRICS,
    all_values,
    full_cases,
    indicators,
    label_scores,
    label_sets,
    label_values,
    law,
    shapes,
    weights,
    with_stored_zeros,
)
from scipy import sparse

from skmultilabel_keras import metrics

# Equality with scikit-learn


@pytest.mark.parametrize("name", PLAIN)
@given(case=label_sets(min_labels=2))
@law()
def test_plain_set_metrics_equal_sklearn(name, case):
    y_true, y_pred, weight = case
    expected = getattr(sk, PLAIN[name])(y_true, y_pred, sample_weight=weight)
    ours = getattr(metrics, name)
    assert ours(y_true, y_pred, sample_weight=weight) == pytest.approx(expected)
    sparse_sets = sparse.csr_array(y_true), sparse.csc_matrix(y_pred)
    assert ours(*sparse_sets, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", RATIOS)
@given(case=label_sets(min_labels=2), zero_division=st.sampled_from([0.0, 1.0]))
@law(25)
def test_ratios_equal_sklearn(name, average, case, zero_division):
    y_true, y_pred, weight = case
    options = {"average": average, "sample_weight": weight, "zero_division": zero_division}
    expected = getattr(sk, name)(y_true, y_pred, **options)
    ours = getattr(metrics, name)
    assert ours(y_true, y_pred, **options) == pytest.approx(expected)
    assert ours(sparse.csr_matrix(y_true), sparse.coo_array(y_pred), **options) == pytest.approx(
        expected
    )


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("beta", [0, 0.5, 2])
@given(case=label_sets(min_labels=2), zero_division=st.sampled_from([0.0, 1.0]))
@law(15)
def test_fbeta_equals_sklearn(beta, average, case, zero_division):
    y_true, y_pred, weight = case
    options = {"beta": beta, "average": average, "sample_weight": weight}
    value = metrics.fbeta_score(y_true, y_pred, zero_division=zero_division, **options)
    expected = sk.fbeta_score(y_true, y_pred, zero_division=zero_division, **options)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("name", RATIOS)
@given(case=label_sets(min_labels=2), zero_division=st.sampled_from([0.0, 1.0]))
@law(15)
def test_ratios_of_labels_equal_sklearn(name, case, zero_division):
    y_true, y_pred, weight = case
    options = {"average": None, "sample_weight": weight, "zero_division": zero_division}
    value = getattr(metrics, name)(y_true, y_pred, **options)
    np.testing.assert_allclose(value, getattr(sk, name)(y_true, y_pred, **options))


@pytest.mark.parametrize("name", RANKINGS)
@given(case=label_scores(min_labels=2))
@law()
def test_rankings_equal_sklearn(name, case):
    y_true, y_score, weight = case
    expected = getattr(sk, RANKINGS[name])(y_true, y_score, sample_weight=weight)
    ours = getattr(metrics, name)
    assert ours(y_true, y_score, sample_weight=weight) == pytest.approx(expected)
    assert ours(sparse.csr_array(y_true), -1 + 3 * y_score, sample_weight=weight) == (
        pytest.approx(expected)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=label_scores())
@law()
def test_log_loss_is_the_mean_of_sklearns(dtype, case):
    y_true, y_score, weight = case
    y_score = y_score.astype(dtype)
    by_label = [
        sk.log_loss(y_true[:, j], y_score[:, j], labels=[0, 1], sample_weight=weight)
        for j in range(y_true.shape[1])
    ]
    value = metrics.label_log_loss(sparse.csr_array(y_true), y_score, sample_weight=weight)
    assert value == pytest.approx(np.mean(by_label), rel=1e-6)


# One label


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("name", RATIOS)
@given(data=st.data(), n_samples=st.integers(1, 6))
@law(15)
def test_single_label_counts_its_ones(name, average, data, n_samples):
    y_true, y_pred = (data.draw(indicators((n_samples, 1))) for _ in range(2))
    value = getattr(metrics, name)(y_true, y_pred, average=average)
    expected = getattr(sk, name)(y_true.ravel(), y_pred.ravel(), average="binary", zero_division=0)
    assert value == pytest.approx(expected)


@given(data=st.data(), n_samples=st.integers(1, 6))
@law(30)
def test_single_label_has_plain_values(data, n_samples):
    y_true, y_pred = (data.draw(indicators((n_samples, 1))) for _ in range(2))
    accuracy = np.mean(y_true == y_pred)
    assert metrics.subset_accuracy(y_true, y_pred) == pytest.approx(accuracy)
    assert metrics.hamming_loss(y_true, y_pred) == pytest.approx(1 - accuracy)
    assert metrics.label_ranking_average_precision(y_true, y_pred) == 1
    assert metrics.label_ranking_loss(y_true, y_pred) == 0
    assert metrics.coverage_error(y_true, y_pred) == pytest.approx(np.mean(y_true))


# Laws


@pytest.mark.thorough
@given(case=full_cases(), data=st.data())
@law(20)
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
@given(case=full_cases(), data=st.data())
@law(20)
def test_weights_repeat_rows(case, data):
    *values, _ = case
    weight = data.draw(weights(len(values[0]), (0, 1, 2, 3)))
    repeated = [np.repeat(part, weight, axis=0) for part in values]
    for evaluate in (all_values, label_values):
        np.testing.assert_allclose(
            evaluate(*values, weight.tolist()), evaluate(*repeated), atol=1e-15
        )


@pytest.mark.thorough
@given(case=full_cases(), data=st.data(), scale=st.floats(1e-3, 1e3))
@law(20)
def test_scale_of_weights_does_not_matter(case, data, scale):
    """Nor does rounding in their sums: 0/0 stays 0/0."""
    *values, _ = case
    weight = data.draw(weights(len(values[0])))
    for evaluate in (all_values, label_values):
        np.testing.assert_allclose(
            evaluate(*values, scale * weight), evaluate(*values, weight), atol=1e-15
        )


@pytest.mark.parametrize("container", CONTAINERS)
@given(case=full_cases())
@law(3)
def test_containers_do_not_matter(container, case):
    y_true, y_pred, y_score, weight = case
    convert = CONTAINERS[container]
    converted = convert(y_true), convert(y_pred), y_score, weight
    for evaluate in (all_values, label_values):
        np.testing.assert_array_equal(evaluate(*converted), evaluate(*case))


FRAME = pd.DataFrame([[1, 0], [1, 0], [1, 1]], columns=["a", "b"])


@pytest.mark.parametrize("metric", [metrics.hamming_loss, metrics.label_ranking_loss])
@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_frames_with_columns_in_another_order_are_refused(metric, make):
    expected = r"must have the columns of y_true in their order, \['a', 'b'\]; got \['b', 'a'\]"
    with pytest.raises(ValueError, match=expected):
        metric(make(FRAME), make(FRAME[["b", "a"]]))
    for other in (FRAME, FRAME.rename(columns="P({})".format), FRAME.to_numpy()):
        assert metric(FRAME, other) == 0


@given(case=label_scores())
@law(10)
def test_containers_of_scores_do_not_matter(case):
    y_true, y_score, weight = case
    expected = all_values(y_true, y_true, y_score, weight)
    for convert in (np.ndarray.tolist, pd.DataFrame, sparse.csr_array):
        assert (all_values(y_true, y_true, convert(y_score), weight) == expected).all()


@given(case=full_cases())
@law(20)
def test_every_value_is_defined(case):
    for metric, value in zip(METRICS, all_values(*case), strict=True):
        assert isinstance(metric(*case), float)
        assert metric.ends[0] <= value <= metric.ends[1], metric


@given(case=full_cases())
@law(20)
def test_macro_is_the_mean_of_the_defined_labels(case):
    for metric in METRICS:
        if metric.options.get("average") == "macro":
            by_label = metric._replace(options={**metric.options, "average": None})(*case)
            assert by_label.shape == case[0].shape[1:]
            if not np.isnan(by_label).all():
                assert metric(*case) == pytest.approx(np.nanmean(by_label))


@given(y=shapes().flatmap(indicators), data=st.data())
@law(20)
def test_the_truth_is_exactly_right(y, data):
    weight = np.array(data.draw(st.lists(st.floats(0.1, 1), min_size=len(y), max_size=len(y))))
    assert metrics.hamming_loss(y, y, sample_weight=weight) == 0
    assert metrics.subset_accuracy(y, y, sample_weight=weight) == 1
    assert metrics.balanced_accuracy(y, y, sample_weight=weight) == 1
    for name in RATIOS:
        for average in AVERAGES:
            options = {"average": average, "sample_weight": weight, "zero_division": 1.0}
            assert getattr(metrics, name)(y, y, **options) == 1
    for beta in (0.3, 2.0, 1000.0):  # parts of these round
        value = metrics.fbeta_score(y, y, beta=beta, average="micro", sample_weight=weight)
        assert value <= 1


@pytest.mark.thorough
@given(y=shapes().flatmap(indicators))
@law(20)
def test_inputs_are_left_alone(y):
    with_zeros = with_stored_zeros(y)
    before = copy.deepcopy(with_zeros)
    all_values(with_zeros, with_zeros, y / 2)
    for part in ("data", "indices", "indptr"):
        assert (getattr(with_zeros, part) == getattr(before, part)).all()
    dense, y_score = np.where(y, np.nan, y), y / 2
    dense[0, 0] = 1
    copies = dense.copy(), y_score.copy()
    all_values(dense, y, y_score)
    np.testing.assert_array_equal(dense, copies[0])
    np.testing.assert_array_equal(y_score, copies[1])


@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("zero_division", [0, 0.25, np.float32(0.5), 1.0])
def test_zero_division_is_the_value_of_nothing(name, average, zero_division):
    nothing = np.zeros((3, 2))
    value = getattr(metrics, name)(nothing, nothing, average=average, zero_division=zero_division)
    assert isinstance(value, float)
    assert value == zero_division


@pytest.mark.parametrize(
    ("name", "none", "all_labels"),
    [
        ("label_ranking_average_precision", 1, 1),
        ("coverage_error", 0, 3),
        ("label_ranking_loss", 0, 0),
    ],
)
def test_rankings_of_degenerate_rows(name, none, all_labels):
    y_score = [[0.1, 0.7, 0.7]]
    assert getattr(metrics, name)(np.zeros((1, 3)), y_score) == none
    assert getattr(metrics, name)(np.ones((1, 3)), y_score) == all_labels


# Errors

Y = np.array([[1, 0], [0, 1], [1, 1]])
P = np.array([[0.9, 0.2], [0.4, 0.6], [0.5, 0.5]])

BAD_SETS = {
    "other shape": ((Y, Y[:, :1]), r"y_pred must have the shape of y_true, \(3, 2\); got .*3, 1"),
    "other rows": ((Y, Y[:2]), r"y_pred must have the shape of y_true, \(3, 2\); got .*2, 2"),
    "transposed": ((sparse.csr_array(Y), Y.T), r"y_pred must have the shape of y_true"),
    "no rows": ((Y[:0], Y[:0]), r"y_true and y_pred must have a row .* got shape \(0, 2\)"),
    "no labels": ((Y[:, :0], Y[:, :0]), r"must have .* a label at least; got shape \(3, 0\)"),
    "1-D truth": ((Y[:, 0], Y), r"y_true must have shape .*got shape \(3,\).*np\.reshape\(y_true"),
    "1-D both": ((Y[:, 0], Y[:, 0]), r"For a single label pass a column"),
    "1-D predictions": ((Y[:, :1], Y[:, 0]), r"np\.reshape\(y_pred, \(-1, 1\)\)"),
    "1-D Series": ((pd.Series([0, 1]), [[0], [1]]), r"y_true must have shape"),
    "empty list": (([], []), r"y_true must have shape \(n_samples, n_labels\); got shape \(0,\)"),
    "3-D": ((Y[None], Y[None]), r"got shape \(1, 3, 2\)"),
    "2 in truth": ((2 * Y, Y), r"y_true must hold nothing but 0 and 1; got 2"),
    "-1 in truth": ((2 * Y - 1, Y), r"y_true must hold nothing but 0 and 1; got -1"),
    "scores": ((Y, P), r"y_pred must hold nothing but 0 and 1; got 0\.9\. Turn scores into"),
    "sparse scores": ((Y, sparse.csr_matrix(P)), r"y_pred must hold nothing but 0 and 1; got 0\.9"),
    "NaN in predictions": (
        ([[0, 1]], [[np.nan, 1]]),
        r"y_pred must hold nothing .* got nan.*predictions .* no missing entries",
    ),
    "NaN in a sparse truth": (
        (sparse.csr_array([[np.nan, 1]]), [[0, 1]]),
        r"y_true must hold nothing .* got nan.*sparse matrices have no missing",
    ),
    "2 beside NaN": (([[np.nan, 2]], [[0, 1]]), r"y_true must hold nothing .* got 2"),
    "infinity": (([[np.inf, 1]], [[0, 1]]), r"y_true must hold nothing but 0 and 1; got inf"),
    "ragged": (([[0, 1], [1]], Y), r"y_true must hold one number .*got list.*MultiLabelBinarizer"),
    "names": (([["a", "b"], ["b", "c"]], Y), r"y_true must hold one number .*dtype <U1"),
    "numbers as text": (([["0"], ["1"]], [[0], [1]]), r"y_true must hold one number .*dtype <U1"),
    "dates": ((Y.astype("datetime64[s]"), Y), r"y_true must hold one number .*dtype datetime64"),
    "pandas.NA in predictions": (
        (Y[:2], pd.DataFrame({"a": [1, pd.NA], "b": [0, 1]}, dtype="Int64")),
        r"y_pred must hold nothing but 0 and 1; got nan",
    ),
    "text in a frame": (
        (pd.DataFrame({"a": [1, "x"], "b": [0, 1]}), Y[:2]),
        r"y_true must hold one number .* got DataFrame",
    ),
    "masked predictions": (
        (Y, np.ma.masked_equal(Y, 0)),
        r"y_pred must hold nothing but 0 and 1; got nan",
    ),
    "numbers as text among objects": (
        (np.array([["1", "0"]], dtype=object), Y[:1]),
        r"y_true must hold one number .* got ndarray",
    ),
    "nothing": ((None, Y), r"y_true must have shape|y_true must hold one number"),
}

BAD_SCORES = {
    "NaN": ((Y[:1], [[0.5, np.nan]]), r"y_score must be finite; got nan in row 0, column 1"),
    "infinity": ((Y[:1], [[-np.inf, 0]]), r"y_score must be finite; got -inf in row 0, column 0"),
    "other shape": ((Y, P[:, :1]), r"y_score must have the shape of y_true, \(3, 2\)"),
    "1-D": ((Y[:, :1], P[:, 0]), r"y_score must have shape .* got shape \(3,\)"),
    "list of pairs": ((Y, [np.c_[1 - p, p] for p in P.T]), r"y_score must have .*\(2, 3, 2\)"),
    "no rows": ((Y[:0], P[:0]), r"y_true and y_score must have a row"),
    "text": ((Y[:1], [["a", "b"]]), r"y_score must hold one number"),
    "scores as truth": ((P, P), r"y_true must hold nothing but 0 and 1; got 0\.9"),
    "1-D truth": ((Y[:, 0], P), r"y_true must have shape"),
}

BAD_WEIGHTS = {
    "too few": ([1, 2], r"sample_weight must hold one number .*\(3,\); got shape \(2,\)"),
    "a column": ([[1], [1], [1]], r"sample_weight must hold one number"),
    "negative": ([1, -1, 1], r"sample_weight must not be negative; got -1 in row 1"),
    "all zero": ([0, 0, 0], r"sample_weight must contain at least one non-zero"),
    "NaN": ([1, np.nan, 1], r"sample_weight contains NaN"),
}


SETS = [metric for metric in SET_METRICS if metric.options.get("average", "macro") == "macro"]


@pytest.mark.parametrize("case", BAD_SETS)
@pytest.mark.parametrize("metric", SETS, ids=repr)
def test_bad_label_sets(metric, case):
    sets, message = BAD_SETS[case]
    with pytest.raises(ValueError, match=message):
        metric(*sets, None)


@pytest.mark.parametrize("case", BAD_SCORES)
@pytest.mark.parametrize("metric", SCORE_METRICS, ids=repr)
def test_bad_label_scores(metric, case):
    (y_true, y_score), message = BAD_SCORES[case]
    with pytest.raises(ValueError, match=message):
        metric(y_true, None, y_score)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_bad_weights(metric, case):
    weight, message = BAD_WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        metric(Y, Y, Y, weight)


@pytest.mark.parametrize("name", ["label_cardinality", "label_density", "label_propensities"])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:, 0], r"must have shape \(n_samples, n_labels\); got shape \(3,\)"),
        (Y[:0], r"must have a row and a label at least; got shape \(0, 2\)"),
        (P, r"must hold nothing but 0 and 1; got 0\.9"),
        ([["a", "b"]], r"must hold one number"),
    ],
)
def test_bad_indicators(name, y, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(y)


@pytest.mark.parametrize("scores", [[[-0.1, 0.5]], [[1.5, 0.5]]])
@pytest.mark.parametrize("name", ["label_log_loss", "expected_calibration_error"])
def test_some_metrics_want_probabilities(name, scores):
    with pytest.raises(ValueError, match=r"y_score must hold probabilities.*predict_proba"):
        getattr(metrics, name)([[0, 1]], scores)


@pytest.mark.parametrize(
    ("average", "message"),
    [
        ("marco", r"average is unknown: 'marco'\. Did you mean 'macro'"),
        ("binary", r"average is unknown: 'binary'\. Legal names: macro, micro, samples, weighted"),
        (["micro"], r"average is unknown: \['micro'\]"),
    ],
)
@pytest.mark.parametrize("name", RATIOS)
def test_unknown_average(name, average, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(Y, Y, average=average)


@pytest.mark.parametrize(
    ("name", "average", "legal"),
    [
        ("matthews_corrcoef", "micro", "'macro'|Legal names: macro"),
        ("balanced_accuracy", "samples", "Legal names: macro"),
        ("average_precision", "weighted", "Legal names: macro, micro"),
        ("roc_auc", "samples", "Legal names: macro, micro"),
        ("expected_calibration_error", "samples", "Legal names: macro, micro"),
    ],
)
def test_averages_that_a_metric_lacks(name, average, legal):
    with pytest.raises(ValueError, match=rf"average is unknown: '{average}'\. .*({legal})"):
        getattr(metrics, name)(Y, Y, average=average)


@pytest.mark.parametrize("beta", [-1, 1e4, np.nan, np.inf, "1", None, True])
def test_bad_beta(beta):
    with pytest.raises(ValueError, match=r"beta must be a finite number in \[0, 1000\]; got"):
        metrics.fbeta_score(Y, Y, beta=beta, average="micro")


@pytest.mark.parametrize("zero_division", [np.nan, -0.1, 2, "warn", None])
@pytest.mark.parametrize("name", RATIOS)
def test_bad_zero_division(name, zero_division):
    with pytest.raises(ValueError, match=r"zero_division must be a finite number in \[0, 1\]; got"):
        getattr(metrics, name)(Y, Y, average="micro", zero_division=zero_division)


def test_exports():
    public = {name for name, value in vars(metrics).items() if _is_own(value)}
    for_other_modules = {"ScorerRecipe", "align_scores", "find_recipe"}
    assert sorted(public - for_other_modules) == metrics.__all__
    assert for_other_modules < public


def _is_own(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    return callable(value) and module.startswith(metrics.__name__)
