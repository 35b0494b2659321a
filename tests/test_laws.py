"""The eight laws that the estimator keeps, over many shapes, containers and values."""

import copy
import json
import random
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
)

CONTAINERS = {
    "dense": lambda Y: Y,
    "frame": lambda Y: pd.DataFrame(Y, columns=[f"label {j}" for j in range(Y.shape[1])]),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "lists": lambda Y: [[f"label {j}" for j in np.flatnonzero(row)] for row in Y],
}


def tiny_classifier(**params):
    return KerasMultiLabelClassifier(
        **{
            "model": "mlp",
            "random_state": 0,
            "epochs": 1,
            "model__hidden_layer_sizes": (4,),
            **params,
        }
    )


def label_names(container, n_labels):
    return [f"label {j}" for j in range(n_labels)] if container == "lists" else None


def as_dense(Y):
    return Y.toarray() if sparse.issparse(Y) else np.asarray(Y)


indicators = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 6), st.integers(1, 4)),
    elements=st.integers(0, 1),
)


# 1. Fold independence.


@pytest.mark.thorough
@pytest.mark.parametrize("container", CONTAINERS)
@given(Y=indicators)
@settings(max_examples=8)
def test_meaning_does_not_depend_on_the_values_in_a_fold(container, Y):
    """Any values at all in the targets: same meaning, same shapes, same classes."""
    X = np.arange(Y.shape[0] * 2, dtype=np.float32).reshape(-1, 2)
    names = label_names(container, Y.shape[1])
    clf = tiny_classifier(label_names=names).fit(X, CONTAINERS[container](Y))

    assert clf.predict_proba(X).shape == Y.shape
    assert clf.decision_function(X).shape == Y.shape
    assert clf.predict(X).shape == Y.shape
    assert np.array_equal(clf.classes_, [[0, 1]] * Y.shape[1])
    assert clf._reading.head.targets == "independent"


@pytest.mark.parametrize(
    "Y",
    [
        np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]],  # every row holds one label
        np.zeros((6, 3), dtype=int),
        np.ones((6, 3), dtype=int),
        np.array([[1, 0, 0]] * 6),
    ],
    ids=["one-hot", "zeros", "ones", "constant"],
)
def test_rows_that_look_like_classes_stay_labels(Y):
    X = np.random.default_rng(0).normal(size=(6, 2))
    clf = tiny_classifier(epochs=2).fit(X, Y)

    scores = clf.decision_function(X)
    assert np.array_equal(clf.predict(X), (scores > 0).astype(int))
    assert not np.allclose(clf.predict_proba(X).sum(axis=1), 1)


@pytest.mark.thorough
def test_folds_without_a_label_are_put_together(multilabel_data):
    """Unshuffled folds of sorted rows lack labels; out-of-fold scores keep their columns."""
    X, Y = multilabel_data
    order = np.lexsort(Y.T)
    proba = cross_val_predict(tiny_classifier(), X[order], Y[order], cv=4, method="predict_proba")
    assert proba.shape == Y.shape


# 2. Shape.


@pytest.mark.parametrize("n_labels", [1, 2, 5])
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_shapes_are_never_squeezed(n_rows, n_labels):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 3)), rng.integers(0, 2, (9, n_labels))
    clf = tiny_classifier().fit(X, Y)
    rows = rng.normal(size=(n_rows, 3))

    for method in ("predict_proba", "decision_function", "predict"):
        assert getattr(clf, method)(rows).shape == (n_rows, n_labels)
    assert len(clf.predict_labels(rows)) == n_rows


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_shapes_of_classes_are_scikit_learns(n_rows, n_classes):
    X = np.random.default_rng(0).normal(size=(9, 3))
    clf = tiny_classifier().fit(X, np.arange(9) % n_classes)
    rows = X[:n_rows]

    assert clf.predict(rows).shape == (n_rows,)
    assert clf.predict_proba(rows).shape == (n_rows, n_classes)
    wanted = (n_rows,) if n_classes == 2 else (n_rows, n_classes)
    assert clf.decision_function(rows).shape == wanted


# 3. Container.


@pytest.mark.parametrize("container", CONTAINERS)
def test_predictions_come_back_in_the_container_of_fit(container, multilabel_data):
    X, Y = multilabel_data
    clf = tiny_classifier(epochs=30).fit(X, CONTAINERS[container](Y))
    predicted = clf.predict(X)
    kinds = {"csr_matrix": sparse.csr_matrix, "csr_array": sparse.csr_array}

    assert type(predicted) is kinds.get(container, np.ndarray)
    assert np.array_equal(as_dense(predicted), clf.decision_function(X) > 0)
    if container in ("frame", "lists"):
        assert list(clf.label_names_) == ["label 0", "label 1", "label 2"]
        assert clf.predict_labels(X) == CONTAINERS["lists"](as_dense(predicted))


def test_containers_train_the_same_network(multilabel_data):
    X, Y = multilabel_data
    fits = [tiny_classifier(epochs=3).fit(X, make(Y)) for make in CONTAINERS.values()]
    scores = [fit.decision_function(X) for fit in fits]
    for other in scores[1:]:
        assert np.array_equal(scores[0], other)


# 4. Scorers: see test_scorers.py.


# 5. No silent nonsense: see test_errors.py.


def test_a_failed_fit_leaves_the_estimator_as_it_was(multilabel_data):
    X, Y = multilabel_data
    clf = tiny_classifier().fit(X, Y)
    before, scores = dict(vars(clf)), clf.decision_function(X)

    with pytest.raises(ValueError, match="NaN"):
        clf.fit(np.full((4, 2), np.nan), np.ones((4, 5)))
    clf.set_params(optimizer="sgd", optimizer__learning_rate=1e30, epochs=5)
    before.update(vars(clf))
    with pytest.raises(ValueError, match="diverged"):
        clf.fit(X * 1e6, Y)

    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is before[name] for name in before)
    assert np.array_equal(clf.decision_function(X), scores)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fit_that_goes_on_and_fails_puts_weights_back(method, multilabel_data):
    X, Y = multilabel_data
    clf = tiny_classifier(warm_start=True, optimizer__learning_rate=1e-3).fit(X, Y)
    scores, history = clf.decision_function(X), copy.deepcopy(clf.history_)

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    clf.set_params(callbacks=Interrupt())
    with pytest.raises(KeyboardInterrupt):
        getattr(clf, method)(X, Y)
    clf.set_params(callbacks=None)

    assert np.array_equal(clf.decision_function(X), scores)
    assert clf.history_ == history
    clf.partial_fit(X, Y)
    assert len(clf.history_["loss"]) == 2


def _freeze(model):
    model.trainable = False


def _replace_optimizer(model):
    model.optimizer = keras.optimizers.SGD(0.0)


@pytest.mark.parametrize("change", [_freeze, _replace_optimizer])
def test_what_a_callback_changed_is_put_back_where_a_fit_fails(change, multilabel_data):
    X, Y = multilabel_data
    clf = tiny_classifier(warm_start=True).fit(X, Y)
    network, optimizer, scores = clf.model_, clf.model_.optimizer, clf.decision_function(X)
    hook = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: change(network))
    with pytest.raises(ValueError, match="callbacks must leave"):
        clf.set_params(callbacks=[hook]).fit(X, Y)
    clf.set_params(callbacks=None)

    assert clf.model_.optimizer is optimizer
    assert all(layer.trainable for layer in clf.model_.layers)
    assert np.array_equal(clf.decision_function(X), scores)
    assert not np.array_equal(clf.fit(X, Y).decision_function(X), scores)


# 6. Clones.


def test_clones_agree_bit_by_bit(multilabel_data):
    """Whatever is drawn: weights, masks, orders, validation rows."""
    X, Y = multilabel_data
    base = tiny_classifier(epochs=6, batch_size=16, model__dropout=0.4)
    base.set_params(validation_split=0.3, early_stopping=True, n_iter_no_change=1)
    first = clone(base).fit(X, Y)
    clone(base).set_params(random_state=1, epochs=1).fit(X[:50], Y[:50])
    keras.utils.set_random_seed(7)
    second = clone(base).fit(X, Y)

    assert first.history_ == second.history_
    assert np.array_equal(first.decision_function(X), second.decision_function(X))


def build_unseeded(meta):
    """Return a network whose layers have no seeds of their own."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.GaussianNoise(0.1)(keras.layers.Dense(6, activation="relu")(inputs))
    x = keras.layers.Dropout(0.5)(x * float(np.random.normal()) + random.random())
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))


@pytest.mark.thorough
def test_networks_of_users_are_seeded_too(multilabel_data):
    X, Y = multilabel_data
    one, two, other = (
        KerasMultiLabelClassifier(build_unseeded, random_state=seed, epochs=2).fit(X, Y)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one.decision_function(X), two.decision_function(X))
    assert not np.array_equal(one.decision_function(X), other.decision_function(X))


FRESH_PROCESS = """
import json, sys
import numpy as np
from sklearn.datasets import make_multilabel_classification
from skmultilabel_keras import KerasMultiLabelClassifier

X, Y = make_multilabel_classification(120, 8, n_classes=3, random_state=0)
clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=3, model__dropout=0.3).fit(X, Y)
json.dump(clf.decision_function(X).tolist(), sys.stdout)
"""


@pytest.mark.slow
def test_another_process_gives_the_same_bits(multilabel_data):
    X, Y = multilabel_data
    here = KerasMultiLabelClassifier("mlp", random_state=0, epochs=3, model__dropout=0.3)
    here.fit(X.astype(np.float64), Y)
    there = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS], capture_output=True, check=True, text=True
    )
    assert np.array_equal(
        here.decision_function(X), np.array(json.loads(there.stdout), dtype=np.float32)
    )


@pytest.mark.thorough
def test_order_of_rows_does_not_matter_in_one_batch(multilabel_data):
    """Full-batch training depends on the weighted set of rows alone, to the last bit."""
    X, Y = multilabel_data[0][:40], multilabel_data[1][:40]
    order = np.random.default_rng(0).permutation(40)
    twice = np.repeat(order, 2)
    counted = tiny_classifier(epochs=5, metrics=["accuracy"])  # rows are not merged then
    assert clone(counted).fit(X, Y).history_ == clone(counted).fit(X[order], Y[order]).history_
    fits = [
        tiny_classifier(epochs=5).fit(X, Y),
        tiny_classifier(epochs=5).fit(X[order], Y[order]),
        tiny_classifier(epochs=5, batch_size=80).fit(X[twice], Y[twice]),
        tiny_classifier(epochs=5).fit(X[order], Y[order], sample_weight=np.full(40, 0.3)),
    ]
    for other in fits[1:]:
        assert np.array_equal(fits[0].decision_function(X), other.decision_function(X))


# 7. No traces left.


@pytest.mark.parametrize("random_state", [0, None])
def test_a_fit_leaves_no_traces(random_state, multilabel_data, global_state):
    X, Y = multilabel_data
    keras.layers.Dense(3)  # a name is counted
    before = global_state()
    X_before, Y_before = X.copy(), Y.copy()
    clf = tiny_classifier(random_state=random_state, early_stopping=True, model__dropout=0.1)
    clf.fit(X, Y).predict_proba(X)
    clf.partial_fit(X, Y)

    assert global_state() == before
    assert np.array_equal(X, X_before)
    assert np.array_equal(Y, Y_before)


def test_objects_of_the_caller_stay_untouched(multilabel_data):
    """Optimizer, metrics and network given as objects serve any number of fits."""
    X, Y = multilabel_data
    network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    weights = network.get_weights()
    optimizer, metric = keras.optimizers.Adam(0.1), keras.metrics.AUC()
    clf = KerasMultiLabelClassifier(
        network, optimizer=optimizer, metrics=[metric], random_state=0, epochs=2
    )
    clf.fit(X, Y)
    first = clf.decision_function(X)
    clone(clf).fit(X, Y)

    assert all(np.array_equal(a, b) for a, b in zip(weights, network.get_weights(), strict=True))
    assert not network.compiled
    assert not optimizer.built
    assert float(metric.result()) == 0
    assert np.array_equal(clf.fit(X, Y).decision_function(X), first)


# 8. Flat memory: here, one trace; megabytes in test_sharing, graphs in test_networks_all.


def build_normalized(meta):
    """Return a network that NumPy's forward pass does not serve."""
    x = inputs = keras.Input(meta["X_shape_"][1:])
    for layer in (keras.layers.Dense(4), keras.layers.GroupNormalization(2)):
        x = layer(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))


@pytest.mark.parametrize(
    ("params", "traces"),
    [({"model__hidden_layer_sizes": (4,)}, 0), ({"model": build_normalized}, 1)],
    ids=["dense", "compiled"],
)
def test_predicting_again_and_again_traces_once(params, traces, multilabel_data):
    X, Y = multilabel_data
    clf = KerasMultiLabelClassifier(**{"model": "mlp", "random_state": 0, "epochs": 1, **params})
    clear_compile_cache()
    clf.fit(X, Y)
    before = compile_cache_info().traces
    for n_rows in (1, 5, 120, 0, 7):
        assert clf.predict_proba(X[:n_rows]).shape == (n_rows, 3)
    clone(clf).set_params(random_state=1).fit(X, Y).predict(X)
    assert compile_cache_info().traces - before == traces
