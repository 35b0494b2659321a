"""Multi-label metrics and scorers.

Owns: metrics of label sets and of label scores, a report of them, and the scorers that apply them
to estimators.
Does not own: how scores become label sets (``decision_rules``).

An indicator is a nested list, array, DataFrame or SciPy sparse matrix or array of shape
(n_samples, n_labels) that holds 0 and 1. Every column is a label: a single column counts its ones,
where scikit-learn would count both classes of a binary problem. From two labels on, values equal
scikit-learn's.

Precision, recall, F1, F-beta and Jaccard are ratios of counts. ``average`` says what is counted
together, for these and where other metrics have it:

==========  ==========================================================================
"micro"     one value, of the entries of all labels and rows together
"macro"     the mean of one value for each label
"weighted"  the same, weighted by how often a label is present in ``y_true`` (equal
            weights where none is present)
"samples"   the mean of one value for each row
None        the values for each label themselves, an array of shape (n_labels,)
==========  ==========================================================================

Metrics without ``average`` are a mean over the rows (subset accuracy, rankings of the labels in a
row) or over all entries (Hamming loss, log loss, label density).

**Missing labels** are NaN in a dense ``y_true`` of floats, or missing in a nullable column of a
DataFrame. Such an entry counts nowhere, whatever is predicted for it:

===================  =================================================================
over all entries     the mean is taken over the entries that are present
of one label         the rows in which the label is missing are left out; the mean over
                     labels leaves out a label that is missing in all rows, and
                     ``average=None`` gives NaN for it
of one row           the labels that are missing are left out, of the ranking too; the
                     mean over rows leaves out a row in which all labels are missing
===================  =================================================================

Sparse indicators have no missing entries, and predictions and scores must be complete.

No mean is undefined: where a ratio is 0/0 (a label or row with nothing to count) it takes the
value ``zero_division``, a number between 0 and 1, the ranking metrics count a row with no label, or
with all of them, as ranked correctly unless they say otherwise, and :func:`average_precision` and
:func:`roc_auc` leave constant columns out.

``sample_weight`` holds the weights of the rows, equal where it is None: a row of weight 2 counts as
if it were there twice, a row of weight 0 as if it were not there.

Every metric returns a float unless ``average`` is None, and raises ``ValueError`` unless both
inputs are finite (but for missing labels) and of one shape with a row and a label at least, the
labels in one order where both are DataFrames, indicators hold nothing but 0 and 1, one entry at
least is present in a row whose weight is not 0, weights are neither negative nor all zero, and
``average`` and ``zero_division`` have one of the values above.
"""

from skmultilabel_keras.metrics._curves import average_precision, roc_auc
from skmultilabel_keras.metrics._labels import (
    balanced_accuracy,
    label_cardinality,
    label_density,
    matthews_corrcoef,
)
from skmultilabel_keras.metrics._probabilities import expected_calibration_error, label_log_loss
from skmultilabel_keras.metrics._rankings import (
    coverage_error,
    label_ranking_average_precision,
    label_ranking_loss,
)
from skmultilabel_keras.metrics._report import MultilabelReport, multilabel_report
from skmultilabel_keras.metrics._responses import align_scores as align_scores
from skmultilabel_keras.metrics._scorers import SCORER_NAMES as SCORER_NAMES
from skmultilabel_keras.metrics._scorers import ScorerRecipe as ScorerRecipe
from skmultilabel_keras.metrics._scorers import find_recipe as find_recipe
from skmultilabel_keras.metrics._scorers import get_multilabel_scorer, multilabel_scorers
from skmultilabel_keras.metrics._sets import (
    f1_score,
    fbeta_score,
    hamming_loss,
    jaccard_score,
    precision_score,
    recall_score,
    subset_accuracy,
)
from skmultilabel_keras.metrics._top_k import (
    label_propensities,
    ndcg_at_k,
    one_error,
    precision_at_k,
    propensity_scored_precision_at_k,
)

# SCORER_NAMES, ScorerRecipe, align_scores and find_recipe are for other modules of the package.
__all__ = [
    "MultilabelReport",
    "average_precision",
    "balanced_accuracy",
    "coverage_error",
    "expected_calibration_error",
    "f1_score",
    "fbeta_score",
    "get_multilabel_scorer",
    "hamming_loss",
    "jaccard_score",
    "label_cardinality",
    "label_density",
    "label_log_loss",
    "label_propensities",
    "label_ranking_average_precision",
    "label_ranking_loss",
    "matthews_corrcoef",
    "multilabel_report",
    "multilabel_scorers",
    "ndcg_at_k",
    "one_error",
    "precision_at_k",
    "precision_score",
    "propensity_scored_precision_at_k",
    "recall_score",
    "roc_auc",
    "subset_accuracy",
]
