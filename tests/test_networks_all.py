"""What is promised of every built-in network: a table of cases, and each promise over all of it."""

import weakref
from itertools import cycle

import joblib
import keras
import numpy as np
import pytest
from resources import kept_alive
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils import gen_batches

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
    multilabel_scorers,
)
from skmultilabel_keras.networks import NETWORKS

RNG = np.random.default_rng(0)
N_ROWS = 43  # so that folds differ in size, and the last batch is a small one
TABLE = RNG.normal(size=(N_ROWS, 6)).astype(np.float32)
Y = (TABLE[:, :3] + 0.5 * RNG.normal(size=(N_ROWS, 3)) > 0).astype(int)
PICTURES = (255 * RNG.random((N_ROWS, 32, 32, 3))).astype(np.uint8)
WORDS = np.array(["rain", "cat", "soup", "green", "red", "tea"])
TEXTS = [" ".join(WORDS[row > 0.2]) for row in TABLE]

SMALL = {"model__backbone_options": {"alpha": 0.25}}
MEMBERS = {"model__n_members": 3, "model__hidden_layer_sizes": (5,)}
# The name, its rows, and parameters that make it small.
CASES = {
    "auto": ("auto", TABLE, MEMBERS),
    "auto, sparse": ("auto", sparse.csr_array(TABLE), MEMBERS),
    "mlp": ("mlp", TABLE, {"model__hidden_layer_sizes": (5,), "model__dropout": 0.2}),
    "mlp, sparse": ("mlp", sparse.csr_array(TABLE), {"model__hidden_layer_sizes": (5,)}),
    "linear": ("linear", TABLE, {}),
    "linear, sparse": ("linear", sparse.csr_array(TABLE), {}),
    "ensemble": ("ensemble", TABLE, MEMBERS),
    "ensemble, sparse": ("ensemble", sparse.csr_array(TABLE), MEMBERS),
    "cnn": ("cnn", PICTURES, {"model__filters": (2, 3), "model__hidden_layer_sizes": (4,)}),
    "cnn, gray": ("cnn", PICTURES[..., 0] / 255, {"model__filters": (2,)}),
    "transfer": ("transfer", PICTURES, {"model__backbone": "MobileNet", **SMALL}),
    "text": ("text", TEXTS, {"model__embedding_dim": 4}),
    "text, convolution": (
        "text",
        TEXTS,
        {"model__embedding_dim": 4, "model__pooling": "convolution", "model__filters": 3},
    ),
}
over_all = pytest.mark.parametrize("case", CASES)
# Of each kind of input and of layer.
over_some = pytest.mark.parametrize(
    "case", ["mlp", "ensemble, sparse", "cnn, gray", "transfer", "text"]
)


def classifier(case, **params):
    name, _, small = CASES[case]
    options = {"epochs": 2, "batch_size": 16, "random_state": 0}
    return KerasMultiLabelClassifier(name, **options | small | params)


def rows_of(case):
    return CASES[case][1]


def take(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


@pytest.fixture(scope="module")
def fitted():
    """Return a function that gives the fitted classifier of a case, each fitted once."""
    known = {}

    def fit(case):
        if case not in known:
            known[case] = classifier(case).fit(rows_of(case), Y)
        return known[case]

    return fit


def test_every_network_is_here():
    assert {name for name, _, _ in CASES.values()} == {"auto", *NETWORKS}


# Laws.


@over_all
def test_outputs(fitted, case):
    clf, X = fitted(case), rows_of(case)
    p = clf.predict_proba(X)
    assert p.shape == Y.shape
    assert p.dtype == np.float32
    assert ((p >= 0) & (p <= 1)).all()
    predicted = clf.predict(X)
    assert predicted.dtype == Y.dtype
    np.testing.assert_array_equal(predicted, p > 0.5)
    assert set(clf.history_) == {"loss"}
    assert np.isfinite(clf.history_["loss"]).all()


@over_all
def test_clones_agree_bit_by_bit_and_nothing_else_changes(fitted, case, global_state):
    clf, X = fitted(case), rows_of(case)
    again = clone(clf)
    params, state = repr(again.get_params()), global_state()
    again.fit(X, Y)
    assert repr(again.get_params()) == params
    assert global_state() == state
    assert again.history_ == clf.history_
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@over_all
def test_a_pickle_predicts_alike_and_goes_on_alike(fitted, case, tmp_path):
    clf, X = clone(fitted(case)).fit(rows_of(case), Y), rows_of(case)
    joblib.dump(clf, tmp_path / "clf")
    again = joblib.load(tmp_path / "clf")
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.predict_labels(take(X, range(5))) == clf.predict_labels(take(X, range(5)))
    for one in (clf, again):
        one.partial_fit(X, Y)
    np.testing.assert_allclose(again.predict_proba(X), clf.predict_proba(X), rtol=1e-6)


@over_all
def test_predictions_do_not_depend_on_the_batch(fitted, case):
    clf, X = fitted(case), rows_of(case)
    parts = [clf.predict_proba(take(X, range(N_ROWS)[part])) for part in gen_batches(N_ROWS, 7)]
    np.testing.assert_allclose(np.concatenate(parts), clf.predict_proba(X), atol=1e-5)


@over_all
def test_predictions_are_those_of_the_keras_model(fitted, case):
    clf, X = fitted(case), rows_of(case)
    x = np.array(X, dtype=object) if isinstance(X, list) else X
    x = x.toarray() if sparse.issparse(x) else x
    logits = clf.model_(keras.ops.convert_to_tensor(x), training=False)
    expected = keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-5)


# One for each network in turn; three, as dense and sparse rows take turns as well.
SETTINGS = (
    {"loss": "asymmetric", "decision_rule": "example_f", "class_weight": "balanced"},
    {"loss": "zlpr", "decision_rule": "top_k", "decision_rule__k": 2},
    {"early_stopping": True, "metrics": ["f1_micro"], "monitor": "val_f1_micro"},
)


@pytest.mark.parametrize(("case", "params"), list(zip(CASES, cycle(SETTINGS), strict=False)))
def test_losses_rules_and_validation(case, params):
    X = rows_of(case)
    clf = classifier(case, **params).fit(X, Y)
    predicted = clf.predict(X)
    assert np.isin(predicted, [0, 1]).all()
    if "decision_rule__k" in params:
        assert (predicted.sum(axis=1) == 2).all()
    if "metrics" in params:
        assert len(clf.history_["val_f1_micro"]) == clf.n_iter_


@pytest.mark.thorough
@over_some
def test_entries_of_weight_zero_and_missing_ones_have_no_effect(case):
    X, known = rows_of(case), np.random.default_rng(1).random(Y.shape) < 0.8
    weight = known.astype(float)
    clf = classifier(case).fit(X, Y, sample_weight=weight)
    other = classifier(case).fit(X, np.where(known, Y, 1 - Y), sample_weight=weight)
    np.testing.assert_array_equal(clf.predict_proba(X), other.predict_proba(X))
    missing = classifier(case).fit(X, np.where(known, Y, np.nan))
    assert np.isfinite(missing.predict_proba(X)).all()


# The engine.


@over_all
def test_fits_go_through_a_shared_function(fitted, case):
    assert fitted(case).engine_.name == "shared", fitted(case).engine_.reason


# Functions besides that of training: predictions that NumPy does not make, or a frozen backbone.
TRACED_PREDICTIONS = {"cnn": 1, "transfer": 1, "text": 1}


@pytest.mark.thorough
@over_some
def test_a_search_in_threads_is_traced_once_and_equals_a_serial_one(case):
    X = rows_of(case)
    grid = {"optimizer__learning_rate": [1e-3, 3e-3, 1e-2]}
    found = []
    clear_compile_cache()
    for jobs in (1, 2):
        before = compile_cache_info().traces
        scorers = multilabel_scorers(["f1_micro", "neg_hamming_loss"])
        search = GridSearchCV(
            classifier(case), grid, scoring=scorers, refit="f1_micro", cv=KFold(2), n_jobs=jobs
        )
        with joblib.parallel_config("threading"):
            search.fit(X, Y)
        scores = {k: v for k, v in search.cv_results_.items() if "_test_" in k}
        found.append((compile_cache_info().traces - before, scores, search.predict_proba(X)))
    (traces, scores, p), (later, scores_2, p_2) = found
    assert traces == 1 + TRACED_PREDICTIONS.get(CASES[case][0], 0)
    assert later == 0
    for name in scores:
        np.testing.assert_array_equal(scores[name], scores_2[name])
    np.testing.assert_array_equal(p, p_2)


# Those without random layers, or with them off.
PLAIN = {"mlp": {"model__dropout": 0.0}, "ensemble": {"model__dropout": 0.0}}
PLAIN |= {"ensemble, sparse": {"model__dropout": 0.0}, "text": {"model__dropout": 0.0}}
PLAIN |= {"text, convolution": {"model__dropout": 0.0}}


@over_all
def test_weights_equal_those_of_keras_fit(case):
    X, params = rows_of(case), PLAIN.get(case, {})
    ours = classifier(case, **params).fit(X, Y)
    # Eager steps are faster than traced ones here, which are Keras' default: both are compared.
    eager = case not in ("ensemble, sparse", "text, convolution")
    keras_fit = classifier(case, engine="keras", run_eagerly=eager, **params).fit(X, Y)
    assert keras_fit.engine_.name == "keras"
    for found, expected in zip(ours.model_.weights, keras_fit.model_.weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.thorough
@over_some
def test_nothing_stays_of_fits(fitted, case):
    """Neither graphs nor networks nor labels; megabytes: test_sharing."""

    def fit(seed):
        labels = Y.copy()
        clf = clone(fitted(case)).set_params(early_stopping=True, random_state=seed)
        clf.fit(rows_of(case), labels).predict_proba(rows_of(case))
        return weakref.ref(labels)

    fit(0)
    before = kept_alive()
    labels = [fit(seed) for seed in (1, 2, 3)]
    assert kept_alive() <= before
    assert [label() for label in labels] == [None] * 3
