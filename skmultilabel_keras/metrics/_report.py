"""A report on all metrics at once: overall, and for each label.

Owns: which metrics a report shows, and how it is printed.
Does not own: the metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmultilabel_keras.metrics._counts import (
    average_labels,
    average_ratio,
    count_row_errors,
)
from skmultilabel_keras.metrics._curves import (
    average_curves,
    precision_areas,
    roc_areas,
    trace_entries,
    trace_labels,
)
from skmultilabel_keras.metrics._labels import balance_labels, correlate_labels
from skmultilabel_keras.metrics._probabilities import (
    calibration_errors,
    log_loss_of_entries,
    sum_gaps,
)
from skmultilabel_keras.metrics._rankings import (
    average_precision_of_rows,
    coverage_of_rows,
    rank_labels,
    wrong_pairs_of_rows,
)
from skmultilabel_keras.metrics._reading import (
    Floats,
    LabelScores,
    LabelSets,
    Matrix,
    check_probabilities,
    read_labels,
    read_scores,
    read_sets,
)
from skmultilabel_keras.metrics._sets import (
    fbeta_parts,
    jaccard_parts,
    precision_parts,
    recall_parts,
)
from skmultilabel_keras.metrics._top_k import gain_of_rows, precision_of_rows

_RATIOS = {
    "precision": precision_parts,
    "recall": recall_parts,
    "f1": fbeta_parts(1),
    "jaccard": jaccard_parts,
}
_N_BINS = 10


@dataclass(frozen=True, eq=False)
class MultilabelReport:
    """What :func:`multilabel_report` returns; ``print`` shows it as text.

    Attributes
    ----------
    overall : dict of str to float
        Metrics of all labels together, named as the functions, with the average at the end.
        "predicted_cardinality" is the mean number of predicted labels of a row, without those that
        are missing in ``y_true``.
    per_label : dict of str to ndarray of shape (n_labels,)
        Metrics of each label. "present" is the weight of the rows in which the label is not
        missing, "support" that of the rows in which it is true, "predicted" that of the rows in
        which it is predicted: numbers of rows where there are no weights. NaN where a metric is
        undefined.
    label_names : list of length n_labels

    Examples
    --------
    >>> from skmultilabel_keras.metrics import multilabel_report
    >>> report = multilabel_report([[1, 0], [1, 1]], [[1, 0], [0, 1]], label_names=["a", "b"])
    >>> report.per_label["recall"].tolist()
    [0.5, 1.0]
    """

    overall: dict[str, float]
    per_label: dict[str, Floats]
    label_names: list[Any]

    def to_frame(self) -> Any:
        """Return ``per_label`` as a pandas DataFrame with a row for each label.

        Raises
        ------
        ImportError
            Where pandas is not installed.
        """
        pandas = _import_pandas()
        return pandas.DataFrame(self.per_label, index=pandas.Index(self.label_names, name="label"))

    def overall_frame(self) -> Any:
        """Return ``overall`` as a pandas DataFrame with one column, "value".

        Raises
        ------
        ImportError
            Where pandas is not installed.
        """
        pandas = _import_pandas()
        index = pandas.Index(list(self.overall), name="metric")
        return pandas.DataFrame({"value": list(self.overall.values())}, index=index)

    def __str__(self) -> str:
        overall = [["overall", ""], *([name, _show(v)] for name, v in self.overall.items())]
        heads = [name.split("_") for name in ("label", *self.per_label)]
        depth = max(map(len, heads))
        header = zip(*([""] * (depth - len(words)) + words for words in heads), strict=True)
        columns = [map(_SHOWN_AS.get(n, _show), v) for n, v in self.per_label.items()]
        rows = zip(map(str, self.label_names), *columns, strict=True)
        return f"{_align(overall)}\n\n{_align([*header, *rows])}"


def multilabel_report(
    y_true: Matrix,
    y_pred: Matrix | None = None,
    y_score: Matrix | None = None,
    *,
    label_names: Sequence[Any] | None = None,
    sample_weight: Any = None,
    zero_division: float = 0.0,
    probabilities: bool = True,
) -> MultilabelReport:
    """Return the metrics of label sets and of scores, overall and for each label.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Entries that are missing (NaN) count nowhere.
    y_pred : indicator of shape (n_samples, n_labels) or None, default=None
        Without it the report has no metrics of label sets.
    y_score : array-like of shape (n_samples, n_labels) or None, default=None
        Without it the report has no metrics of scores.
    label_names : sequence of length n_labels or None, default=None
        The columns of a DataFrame ``y_true``, or numbers from 0 on, where None.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of precision, recall, F1 and Jaccard's index of a label or row that has nothing to
        count.
    probabilities : bool, default=True
        Whether ``y_score`` holds probabilities; False leaves out log loss and calibration error.

    Returns
    -------
    MultilabelReport
        With ``overall``, ``per_label``, ``to_frame()``, ``overall_frame()``, and as text.

    Raises
    ------
    ValueError
        Where neither ``y_pred`` nor ``y_score`` is passed, there is not one name for each label,
        or an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> y_true, y_pred = [[1, 0], [1, 1], [0, 0]], [[1, 0], [1, 0], [1, 0]]
    >>> report = multilabel_report(y_true, y_pred, label_names=["sea", "sky"])
    >>> report.overall["f1_micro"]
    0.6666666666666666
    >>> report.per_label["recall"]
    array([1., 0.])
    >>> print(report)
    overall
    label_cardinality        1.0000
    label_density            0.5000
    predicted_cardinality    1.0000
    hamming_loss             0.3333
    ...
    """
    if y_pred is None and y_score is None:
        raise ValueError(
            "multilabel_report needs y_pred, y_score or both; got neither. Pass what predict and "
            "predict_proba return."
        )
    true, presence = read_labels("y_true", y_true, sample_weight)
    row_sums = true.sum(axis=1)
    overall = {
        "label_cardinality": presence.mean_of_rows(row_sums),
        "label_density": presence.mean_of_entries(row_sums),
    }
    per_label = {"present": presence.per_label, "support": presence.row_weight @ true}
    names = _name_labels(label_names, y_true, true.shape[1])
    if y_pred is not None:
        sets = read_sets(y_true, y_pred, sample_weight)
        overall |= _rate_sets(sets, zero_division)
        per_label |= _rate_labels_of_sets(sets, zero_division)
    if y_score is not None:
        scores = read_scores(y_true, y_score, sample_weight)
        _rate_scores(scores, probabilities, overall, per_label)
    return MultilabelReport(overall, per_label, names)


def _rate_sets(sets: LabelSets, zero_division: float) -> dict[str, float]:
    n_errors, presence = count_row_errors(sets), sets.presence
    return {
        "predicted_cardinality": presence.mean_of_rows(sets.predicted.sum(axis=1)),
        "hamming_loss": presence.mean_of_entries(n_errors),
        "subset_accuracy": presence.mean_of_rows(n_errors == 0),
        **{
            f"{name}_{average}": average_ratio(sets, average, parts, zero_division)
            for name, parts in _RATIOS.items()
            for average in ("micro", "macro", "samples")
        },
        "balanced_accuracy_macro": average_labels(balance_labels(sets), "macro"),
        "matthews_corrcoef_macro": average_labels(correlate_labels(sets), "macro"),
    }


def _rate_labels_of_sets(sets: LabelSets, zero_division: float) -> dict[str, Floats]:
    return {
        "predicted": sets.presence.row_weight @ sets.predicted,
        **{
            name: average_ratio(sets, None, parts, zero_division) for name, parts in _RATIOS.items()
        },
        "balanced_accuracy": balance_labels(sets),
        "matthews_corrcoef": correlate_labels(sets),
    }


def _rate_scores(
    scores: LabelScores,
    probabilities: bool,
    overall: dict[str, float],
    per_label: dict[str, Floats],
) -> None:
    """Add the metrics of scores to both parts of a report."""
    if probabilities:
        hint = ", or probabilities=False for a report without them"
        check_probabilities(scores.score, "log loss and calibration error", hint)
    _rate_rankings(scores, overall)
    curves, curve = trace_labels(scores), trace_entries(scores)
    for name, find_areas, undefined in (
        ("average_precision", precision_areas, 0.0),
        ("roc_auc", roc_areas, 0.5),
    ):
        per_label[name] = find_areas(curves)
        overall[f"{name}_micro"] = average_curves(find_areas(curve), undefined)
        overall[f"{name}_macro"] = average_curves(per_label[name], undefined)
    if probabilities:
        presence, gaps = scores.presence, sum_gaps(scores, _N_BINS)
        losses = log_loss_of_entries(scores)
        overall["label_log_loss"] = presence.mean_of_entries(losses.sum(axis=1))
        pooled = np.abs(gaps.sum(axis=0)).sum()
        overall["expected_calibration_error"] = float(pooled / presence.per_label.sum())
        per_label["expected_calibration_error"] = calibration_errors(scores, gaps)


def _rate_rankings(scores: LabelScores, overall: dict[str, float]) -> None:
    ranking, mean = rank_labels(scores), scores.presence.mean_of_rows
    overall["label_ranking_average_precision"] = mean(average_precision_of_rows(ranking))
    overall["coverage_error"] = mean(coverage_of_rows(ranking))
    overall["label_ranking_loss"] = mean(wrong_pairs_of_rows(ranking))
    overall["one_error"] = mean(1 - precision_of_rows(ranking, 1))
    for k in (1, 3, 5):
        overall[f"precision_at_{k}"] = mean(precision_of_rows(ranking, k))
    for k in (3, 5):
        overall[f"ndcg_at_{k}"] = mean(gain_of_rows(ranking, k))


def _name_labels(label_names: Sequence[Any] | None, y_true: Matrix, n_labels: int) -> list[Any]:
    columns = getattr(y_true, "columns", range(n_labels))
    names = list(columns if label_names is None else label_names)
    if len(names) != n_labels:
        raise ValueError(
            f"label_names must hold one name for each of the {n_labels} labels; got {len(names)}. "
            "Pass them in the order of the columns."
        )
    return names


def _show(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


_SHOWN_AS = dict.fromkeys(("present", "support", "predicted"), "{:.12g}".format)


def _align(lines: Iterable[Sequence[str]]) -> str:
    """Return lines of cells as text, the first column to the left and the others to the right."""
    lines = [list(line) for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]).rstrip()
        for first, *rest in lines
    )


def _import_pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "A report needs pandas to become a DataFrame: pip install pandas. Its attributes "
            "overall and per_label do without."
        ) from error
    return pandas
