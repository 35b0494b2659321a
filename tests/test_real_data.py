"""Promises about rows held out from real data: losses, decision rules, tuned thresholds.

All are slow; they read the folder that SKMLK_DATA names, and are skipped where there is none.
"""

from itertools import cycle, product

import numpy as np
import pytest
from resources import real_file
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultilabel_keras import KerasMultiLabelClassifier, metrics
from skmultilabel_keras.decision_rules import ExampleF, Threshold
from skmultilabel_keras.losses import LOSSES
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

pytestmark = pytest.mark.slow


def read_rows(name):
    """Return features and indicator as CSR, and the rows of the original split."""
    path = real_file(f"{name}.npz")
    with np.load(path, allow_pickle=False) as z:
        X, y = (
            sparse.csr_array(
                (z[f"{part}_data"], z[f"{part}_indices"], z[f"{part}_indptr"]),
                shape=z[f"{part}_shape"],
            )
            for part in "XY"
        )
        return X, y.toarray(), z["train_idx"], z["test_idx"]


# Losses


def rank_and_fit(y_true, y_score):
    """Return the share of wrongly ordered pairs, one minus LRAP, and the mean log loss."""
    return np.array(
        [
            metrics.label_ranking_loss(y_true, y_score),
            1 - metrics.label_ranking_average_precision(y_true, y_score),
            metrics.label_log_loss(y_true, y_score),
        ]
    )


CALIBRATED = {"binary_crossentropy": {}, "focal": {"loss__gamma": 0.0}}
OPTIONS = {
    "emotions": {"epochs": 30, "batch_size": 32},
    "birds": {"epochs": 15, "batch_size": 32},  # with more of them, 322 rows are learnt by heart
    "bibtex": {"epochs": 5, "batch_size": 64},
}
TABLES = ("emotions", "birds")


def errors_of(name, **params):
    """Return the errors of a network on held-out rows, and those of the labels' priors."""
    X, y, train, test = read_rows(name)
    X = X if name == "bibtex" else X.toarray()
    clf = KerasMultiLabelClassifier("mlp", random_state=0, **OPTIONS[name], **params)
    y_score = clf.fit(X[train], y[train]).predict_proba(X[test])
    # One row more with each label, and one without: none is impossible.
    prior = np.tile((y[train].sum(axis=0) + 1) / (len(train) + 2), (len(test), 1))
    return rank_and_fit(y[test], y_score), rank_and_fit(y[test], prior)


@pytest.mark.parametrize(("loss", "name"), list(zip(LOSSES, cycle(TABLES), strict=False)))
def test_every_loss_ranks_labels_better_than_their_priors(loss, name):
    ours, prior = errors_of(name, loss=loss)
    assert (ours[:2] < prior[:2]).all()


@pytest.mark.parametrize(
    ("loss", "name"), [*product(["binary_crossentropy"], OPTIONS), ("focal", "emotions")]
)
def test_calibrated_losses_have_a_smaller_log_loss_than_priors(loss, name):
    ours, prior = errors_of(name, loss=loss, **CALIBRATED[loss])
    assert (ours < prior).all()


# Decision rules


def test_the_rule_for_example_f_lifts_it_on_emotions():
    """By .03 over a threshold of one half, in the mean of five times ten folds."""
    X, y, _, _ = read_rows("emotions")
    X = X.toarray()
    pipe = make_pipeline(
        StandardScaler(), KerasMultiLabelClassifier("mlp", random_state=0, epochs=30)
    )
    lifts = []
    for seed in range(5):
        for train, test in KFold(10, shuffle=True, random_state=seed).split(X):
            y_score = pipe.fit(X[train], y[train]).predict_proba(X[test])
            best, plain = (
                metrics.f1_score(y[test], rule.decide(y_score), average="samples")
                for rule in (ExampleF(), Threshold(0.5))
            )
            lifts.append(best - plain)
    assert np.mean(lifts) >= 0.03


# Tuned thresholds


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize(
    ("name", "n_labels", "n_rows"),
    [("birds", 15, 322), ("bibtex", 30, 2000), ("corel5k", 30, 2000)],
)
def test_tuned_thresholds_beat_one_half_on_held_out_rows(name, n_labels, n_rows, average):
    """With the most frequent labels, and the first rows of the training part."""
    X, y, train, test = read_rows(name)
    train = train[:n_rows]
    y = y[:, np.sort(np.argsort(-y[train].sum(axis=0), kind="stable")[:n_labels])]
    classifier = make_pipeline(
        StandardScaler(with_mean=False),
        OneVsRestClassifier(LogisticRegression(solver="liblinear", C=0.1)),
    )
    tuned = MultiLabelTunedThresholdClassifierCV(
        classifier, objective=f"f1_{average}", cv=3, random_state=0
    ).fit(X[train], y[train])
    plain = tuned.predict_proba(X[test]) > 0.5
    assert metrics.f1_score(y[test], tuned.predict(X[test]), average=average) > metrics.f1_score(
        y[test], plain, average=average
    )
