"""Fits that share compiled functions do not disturb each other, whatever happens to one of them.

Law 6 (clones agree bit by bit) in threads and with a cold cache; law 8 (flat memory).
"""

import signal
import threading
import time

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from resources import in_new_process, needs_proc, resident_megabytes
from sklearn.base import clone

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
    set_compile_cache_size,
)
from skmultilabel_keras._tensorflow import steps
from skmultilabel_keras._tensorflow.cache import COMPILE_CACHE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 5)).astype(np.float32)
Y = (X[:, :3] + 0.5 * RNG.normal(size=(43, 3)) > 0).astype(int)


def build_random(meta):
    """Return a network with random layers and moving statistics."""
    x = inputs = keras.Input(meta["X_shape_"][1:])
    for make in (
        lambda: keras.layers.Dense(6, activation="relu"),
        keras.layers.BatchNormalization,
        lambda: keras.layers.Dropout(0.3),
    ):
        x = make()(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 4, "batch_size": 16}
    if "model" not in params:
        defaults |= {"model__hidden_layer_sizes": (6,), "model__dropout": 0.3}
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


NETWORKS = {"built-in": {}, "user's": {"model": build_random}}
both_networks = pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)


def outcome(clf):
    """Return all that training decides."""
    return [clf.history_, *(variable.numpy() for variable in clf.model_.variables)]


def fitted(clf):
    return outcome(clone(clf).fit(X, Y))


def assert_same(one, other):
    assert one[0] == other[0]
    for a, b in zip(one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def cache_size():
    """Return the function that sets the cache's size, which is put back."""
    before = compile_cache_info().maxsize
    yield set_compile_cache_size
    set_compile_cache_size(before)


# Law 6.


@pytest.mark.thorough
@both_networks
def test_clones_agree_with_a_cold_and_a_warm_cache(params, cache_size):
    clf = classifier(**params)
    clear_compile_cache()
    cold = fitted(clf)
    assert_same(fitted(clf), cold)
    clone(clf).set_params(random_state=1, optimizer__learning_rate=0.5).fit(X[:20], Y[:20])
    classifier(model__dropout=0.6, epochs=1).fit(X, Y)
    assert_same(fitted(clf), cold)
    cache_size(0)
    assert_same(fitted(clf), cold)
    assert compile_cache_info().size == 0


@pytest.mark.thorough
def test_a_fit_takes_nothing_over_from_the_one_that_was_traced():
    """Weights, rates, seeds and statistics are all those of the fit itself."""
    clear_compile_cache()
    others = [
        {"random_state": 1},
        {"optimizer__learning_rate": 0.1},
        {"model__dropout": 0.6},
        {"epochs": 2},
    ]
    shared = [fitted(classifier().set_params(**params)) for params in others]
    assert compile_cache_info().traces == 1
    for params, expected in zip(others, shared, strict=True):
        clear_compile_cache()
        assert_same(fitted(classifier().set_params(**params)), expected)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["plain", "XLA"])
def test_a_network_changed_by_its_user_changes_no_other(jit_compile):
    """The network that was traced may go on living its own life."""
    clf = classifier(jit_compile=jit_compile)
    expected = fitted(clf)
    clear_compile_cache()
    first = clone(clf).fit(X[:20], Y[:20])
    first.model_.optimizer.learning_rate = 7.0
    for layer in first.model_.layers:
        layer.trainable = False
    for variable in first.model_.variables:
        variable.assign(variable * 0 + 1)
    traces = compile_cache_info().traces
    assert_same(fitted(clf), expected)
    assert compile_cache_info().traces == traces


@both_networks
def test_no_compiled_function_holds_a_variable(params):
    clear_compile_cache()
    clf = classifier(**params, validation_split=0.3, metrics=["accuracy"]).fit(X, Y)
    clf.predict_proba(X)
    kept = [entry.function for entry in COMPILE_CACHE._entries.values()]
    functions = [getattr(one, "function", one) for one in kept]  # some stand beside their pace
    held = [tensor for f in functions for tensor in f.captured_inputs]
    assert functions
    assert [tensor for tensor in held if tensor.dtype == tf.resource] == []


@pytest.mark.thorough
@both_networks
def test_threads_share_one_trace_and_agree_with_serial_fits(params):
    base = classifier(**params)
    clones = [clone(base).set_params(optimizer__learning_rate=r) for r in (1e-3, 1e-2, 0.1, 0.3)]
    serial = [fitted(clf) for clf in clones]
    clear_compile_cache()
    start = threading.Barrier(4)

    def fit(clf):
        start.wait(10)
        return fitted(clf)

    parallel = joblib.Parallel(4, backend="threading")(joblib.delayed(fit)(c) for c in clones)
    assert compile_cache_info().traces == 1
    for one, other in zip(serial, parallel, strict=True):
        assert_same(one, other)


@pytest.mark.thorough
def test_threads_that_share_a_loss_object_agree_with_serial_fits():
    """Its smoothing is taken out while a step is traced."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.4)
    networks = [
        KerasMultiLabelClassifier(
            "mlp", loss=loss, model__hidden_layer_sizes=(4 + i,), epochs=2, random_state=0
        )
        for i in range(4)
    ]
    serial = [clone(clf).fit(X, Y).history_ for clf in networks]
    clear_compile_cache()
    together = joblib.Parallel(4, backend="threading")(
        joblib.delayed(clf.fit)(X, Y) for clf in networks
    )
    assert [clf.history_ for clf in together] == serial


# What goes wrong in the middle.


class Raiser(keras.callbacks.Callback):
    """Raises at the end of the second epoch."""

    def __init__(self, error=KeyboardInterrupt):
        super().__init__()
        self.error = error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise self.error


FAILURES = {
    "error": (RuntimeError, {"callbacks": Raiser(RuntimeError)}),
    "interrupt": (KeyboardInterrupt, {"callbacks": Raiser()}),
    "divergence": (ValueError, {"optimizer__learning_rate": 1e38}),
}


@pytest.mark.parametrize(
    ("params", "failure"),
    [({}, "error"), ({}, "interrupt"), ({}, "divergence"), (NETWORKS["user's"], "interrupt")],
)
def test_a_fit_that_fails_leaves_all_as_it_was(params, failure):
    error, change = FAILURES[failure]
    clf = classifier(**params, optimizer="sgd")
    expected = fitted(clf)
    clear_compile_cache()
    fresh = clone(clf)
    clf.fit(X, Y)
    clf.set_params(**change)
    before = dict(vars(clf))
    with pytest.raises(error):
        clf.fit(X, Y)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is before[name] for name in before)
    assert_same(outcome(clf), expected)
    assert_same(fitted(fresh), expected)
    assert compile_cache_info().traces == 1


@pytest.mark.thorough
def test_an_interrupt_while_tracing_leaves_a_cache_that_works(monkeypatch):
    clf = classifier()
    expected = fitted(clf)
    clear_compile_cache()
    with monkeypatch.context() as patch:

        def interrupt(self, state, batch):
            raise KeyboardInterrupt

        patch.setattr(steps.StatelessSteps, "train", interrupt)
        with pytest.raises(KeyboardInterrupt):
            clone(clf).fit(X, Y)
    assert compile_cache_info().size == 0
    assert_same(fitted(clf), expected)
    assert_same(fitted(clf), expected)
    assert compile_cache_info().hits == 1


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
def test_ctrl_c_is_heard_in_the_middle_of_compiled_epochs():
    clf = classifier()
    expected = fitted(clf)
    long = clone(clf).set_params(epochs=10**6).fit
    # A shell's background jobs are started with Ctrl-C ignored.
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.signal(signal.SIGALRM, lambda *args: signal.raise_signal(signal.SIGINT))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            long(X, Y)
        assert time.monotonic() - start < 60  # all of its epochs take minutes
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.signal(signal.SIGINT, interrupted)
    assert not hasattr(long.__self__, "model_")
    assert_same(fitted(clf), expected)


# Law 8.


def grown_by_one_architecture():
    """Return the growth of this process, in MB a fit."""

    def fit(times):
        for seed in range(times):
            clf = classifier(random_state=seed, epochs=1)
            clf.fit(X, Y).predict_proba(X)
        return resident_megabytes()

    start = fit(64)
    return (fit(192) - start) / 192  # more than one sweep


def grown_by_many_architectures():
    """Return the growth of this process once the cache is full, in MB a fit."""
    set_compile_cache_size(8)

    def fit(first, last):
        for units in range(first, last):
            clf = classifier(model__hidden_layer_sizes=(units,), epochs=1)
            clf.fit(X, Y).predict_proba(X)
        return resident_megabytes()

    start = fit(2, 18)
    assert compile_cache_info().size == compile_cache_info().maxsize
    return (fit(18, 66) - start) / 48  # six times from one sweep to the next


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize(
    ("grown", "limit"), [(grown_by_one_architecture, 0.02), (grown_by_many_architectures, 0.1)]
)
def test_memory_stays_bounded(grown, limit):
    """In a process of its own: what other tests left behind goes or is used again in between."""
    assert in_new_process(grown) <= limit


def test_a_function_that_returns_one_network_again_is_refused():
    network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    clf = KerasMultiLabelClassifier(lambda meta: network, epochs=2, random_state=0).fit(X, Y)
    expected = clf.predict_proba(X)
    with pytest.raises(ValueError, match="must build a new network in each call"):
        clone(clf).fit(X, Y)
    assert np.array_equal(clf.predict_proba(X), expected)
