"""A report shows what the metrics give, as text and as frames."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from metrics_cases import full_cases, law, missing_cases
from scipy import sparse

from skmultilabel_keras import metrics

OF_LABELS = {
    "precision": ("precision_score", "sets"),
    "recall": ("recall_score", "sets"),
    "f1": ("f1_score", "sets"),
    "jaccard": ("jaccard_score", "sets"),
    "balanced_accuracy": ("balanced_accuracy", "sets"),
    "matthews_corrcoef": ("matthews_corrcoef", "sets"),
    "average_precision": ("average_precision", "scores"),
    "roc_auc": ("roc_auc", "scores"),
    "expected_calibration_error": ("expected_calibration_error", "scores"),
}
COUNTS = ["present", "support", "predicted"]
MEASURES = ["label_cardinality", "label_density", "predicted_cardinality"]


def scorer_value(name: str, y_true: Any, y_pred: Any, y_score: Any, weight: Any) -> float:
    sign = -1 if f"neg_{name}" in metrics.multilabel_scorers() else 1
    recipe = metrics.find_recipe(f"neg_{name}" if sign < 0 else name)
    response = y_pred if recipe.methods == ("predict",) else y_score
    return sign * recipe.evaluate(y_true, response, sample_weight=weight)


@pytest.mark.thorough
@given(case=missing_cases() | full_cases())
@law(25)
def test_every_value_is_that_of_its_metric(case):
    y_true, y_pred, y_score, weight = case
    report = metrics.multilabel_report(y_true, y_pred, y_score, sample_weight=weight)
    for name in report.overall.keys() - MEASURES:
        assert report.overall[name] == scorer_value(name, *case), name
    for name in report.per_label.keys() - COUNTS:
        metric, reads = OF_LABELS[name]
        response = y_pred if reads == "sets" else y_score
        expected = getattr(metrics, metric)(y_true, response, average=None, sample_weight=weight)
        np.testing.assert_array_equal(report.per_label[name], expected)
    row_weight = np.ones(len(y_true)) if weight is None else weight
    present = ~np.isnan(np.asarray(y_true, dtype=float))
    for name, entries in zip(COUNTS, (present, y_true == 1, present & (y_pred == 1)), strict=True):
        np.testing.assert_allclose(report.per_label[name], row_weight @ entries)
    cardinality = metrics.label_cardinality(y_true, sample_weight=weight)
    assert report.overall["label_cardinality"] == cardinality
    assert report.overall["label_density"] == metrics.label_density(y_true, sample_weight=weight)


def test_every_scorer_of_one_value_is_in_the_report():
    """But for weighted means, which say no more than the macro ones."""
    y = [[1, 0], [0, 1]]
    names = {name.removeprefix("neg_") for name in metrics.multilabel_scorers()}
    wanted = {name for name in names if not name.endswith("_weighted")}
    assert metrics.multilabel_report(y, y, y).overall.keys() - MEASURES == wanted


Y = np.array([[1, 0], [1, 1], [0, 0]])
P = np.array([[1, 0], [1, 0], [1, 0]])
S = np.array([[0.9, 0.2], [0.6, 0.4], [0.7, 0.1]])


def test_either_part_may_be_left_out():
    both = metrics.multilabel_report(Y, P, S)
    of_sets, of_scores = metrics.multilabel_report(Y, P), metrics.multilabel_report(Y, y_score=S)
    for part in ("overall", "per_label"):
        one, other = getattr(of_sets, part), getattr(of_scores, part)
        assert getattr(both, part).keys() == one.keys() | other.keys()
        shared = one.keys() & other.keys()
        assert shared == ({"present", "support"} if part == "per_label" else set(MEASURES[:2]))
    with pytest.raises(ValueError, match="needs y_pred, y_score or both; got neither"):
        metrics.multilabel_report(Y)


def test_scores_that_are_no_probabilities():
    report = metrics.multilabel_report(Y, y_score=10 * S, probabilities=False)
    assert "label_log_loss" not in report.overall
    assert "expected_calibration_error" not in report.overall | report.per_label
    assert report.overall["roc_auc_macro"] == metrics.roc_auc(Y, S)
    with pytest.raises(ValueError, match=r"must hold probabilities.*or probabilities=False"):
        metrics.multilabel_report(Y, y_score=10 * S)


def test_reports_can_be_compared_by_identity():
    report = metrics.multilabel_report(Y, Y)
    assert report == report
    assert report != metrics.multilabel_report(Y, Y)


def test_zero_division_is_passed_on():
    report = metrics.multilabel_report(Y, P, zero_division=1.0)
    np.testing.assert_array_equal(report.per_label["precision"], [2 / 3, 1])
    assert report.overall["precision_macro"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csr_matrix, np.ndarray.tolist])
def test_containers_do_not_matter(convert):
    one = metrics.multilabel_report(convert(Y), convert(P), S)
    other = metrics.multilabel_report(Y, P, S)
    assert one.overall == other.overall
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())


# Names and forms


def test_names_of_labels():
    frame = pd.DataFrame(Y, columns=["sea", "sky"])
    assert metrics.multilabel_report(frame, P).label_names == ["sea", "sky"]
    assert metrics.multilabel_report(frame, P, label_names=("a", 1)).label_names == ["a", 1]
    assert metrics.multilabel_report(sparse.csr_array(Y), P).label_names == [0, 1]
    with pytest.raises(ValueError, match=r"one name for each of the 2 labels; got 1"):
        metrics.multilabel_report(Y, P, label_names=["a"])


def test_frames():
    report = metrics.multilabel_report(Y, P, S, label_names=["sea", "sky"])
    by_label, overall = report.to_frame(), report.overall_frame()
    assert list(by_label.index) == ["sea", "sky"]
    assert by_label.index.name == "label"
    assert list(by_label.columns) == list(report.per_label)
    assert by_label.loc["sky", "recall"] == report.per_label["recall"][1] == 0
    assert overall["value"].to_dict() == report.overall
    assert overall.index.name == "metric"


def test_text():
    y_true = np.where([[0, 0], [0, 0], [0, 1]], np.nan, Y)
    report = metrics.multilabel_report(y_true, P, label_names=["the sea", "sky"])
    assert str(report) == "\n".join(
        [
            "overall",
            "label_cardinality        1.0000",
            "label_density            0.6000",
            "predicted_cardinality    1.0000",
            "hamming_loss             0.4000",
            "subset_accuracy          0.3333",
            "precision_micro          0.6667",
            "precision_macro          0.3333",
            "precision_samples        0.6667",
            "recall_micro             0.6667",
            "recall_macro             0.5000",
            "recall_samples           0.5000",
            "f1_micro                 0.6667",
            "f1_macro                 0.4000",
            "f1_samples               0.5556",
            "jaccard_micro            0.5000",
            "jaccard_macro            0.3333",
            "jaccard_samples          0.5000",
            "balanced_accuracy_macro  0.5000",
            "matthews_corrcoef_macro  0.0000",
            "",
            "                                                                          balanced"
            "  matthews",
            "label    present  support  predicted  precision  recall      f1  jaccard  accuracy"
            "  corrcoef",
            "the sea        3        2          3     0.6667  1.0000  0.8000   0.6667    0.5000"
            "    0.0000",
            "sky            2        1          0     0.0000  0.0000  0.0000   0.0000    0.5000"
            "    0.0000",
        ]
    )


def test_text_of_values_that_do_not_exist():
    report = metrics.multilabel_report([[1, np.nan], [1, np.nan]], y_score=[[0, 0], [1, 1]])
    last_lines = [line.split() for line in str(report).splitlines()[-2:]]
    assert last_lines[0][:5] == ["0", "2", "2", "-", "-"]
    assert last_lines[1] == ["1", "0", "0", "-", "-", "-"]


@given(case=missing_cases())
@law(10)
def test_columns_of_the_text_are_aligned(case):
    report = metrics.multilabel_report(*case[:3], sample_weight=case[3])
    overall, by_label = str(report).split("\n\n")
    assert len(overall.splitlines()) == 1 + len(report.overall)
    lines = by_label.splitlines()[-len(report.label_names) :]
    assert len({len(line) for line in lines}) == 1
    assert all(len(line.split()) == 1 + len(report.per_label) for line in lines)


def test_frames_need_pandas(monkeypatch):
    report = metrics.multilabel_report(Y, P)
    real = builtins.__import__

    def without_pandas(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    for build in (report.to_frame, report.overall_frame):
        with pytest.raises(ImportError, match="pip install pandas"):
            build()
