"""Which way a fit runs and why, and how often anything is traced."""

import functools

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, compile_cache_info
from skmultilabel_keras._tensorflow import engine

RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 4)).astype(np.float32)
Y = RNG.integers(0, 2, (43, 3))
WEIGHT = RNG.uniform(0.5, 2, 43)


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 2, "batch_size": 16}
    if "model" not in params:
        defaults["model__hidden_layer_sizes"] = (4,)
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


def traces_of(fit):
    before = compile_cache_info().traces
    fit()
    return compile_cache_info().traces - before


# Which way.


def twice(x):
    return 2 * x


def squares(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


def build_own_layer(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Lambda(twice)(inputs)))


class Model(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


class NestedLogs(keras.Model):
    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "twice": {"total": 2 * logs["loss"]}}


def build_nested_logs(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return NestedLogs(inputs, keras.layers.Dense(3)(inputs))


def build_own_step(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return Model(inputs, keras.layers.Dense(3)(inputs))


class BatchCounter(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.seen = batch


class EpochCounter(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.seen = epoch


class EvaluationCounter(keras.callbacks.Callback):
    def on_test_begin(self, logs=None):
        self.seen = True


def dropping_rate(epoch, rate):
    return rate / 2


CALLBACKS = {
    "early stopping": lambda folder: keras.callbacks.EarlyStopping("loss"),
    "plateau": lambda folder: keras.callbacks.ReduceLROnPlateau("loss"),
    "csv": lambda folder: keras.callbacks.CSVLogger(folder / "log.csv"),
    "rates": lambda folder: keras.callbacks.LearningRateScheduler(dropping_rate),
    "checkpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        folder / "best.weights.h5", save_weights_only=True
    ),
    "terminate": lambda folder: keras.callbacks.LambdaCallback(on_train_end=lambda logs: None),
    "own": lambda folder: EpochCounter(),
    "evaluation, of which there is none": lambda folder: EvaluationCounter(),
}


@pytest.mark.parametrize("make", CALLBACKS.values(), ids=CALLBACKS)
def test_callbacks_between_epochs_leave_fits_shared(make, tmp_path):
    clf = classifier(callbacks=[make(tmp_path)]).fit(X, Y)
    assert clf.engine_ == ("shared", False, "")


WAYS = {
    "default": ({}, "shared", ""),
    "validation": ({"validation_split": 0.3, "early_stopping": True}, "shared", ""),
    "layer": ({"model": build_own_layer}, "own", "lambda"),
    "step": ({"model": build_own_step}, "own", "Model"),
    "nadam": ({"optimizer": "nadam"}, "own", "Nadam"),
    "accumulation": ({"optimizer__gradient_accumulation_steps": 2}, "own", "different times"),
    "callback on batches": ({"callbacks": BatchCounter}, "keras", "BatchCounter looks at every"),
    "callback on evaluations": (
        {"callbacks": EvaluationCounter, "validation_split": 0.3},
        "keras",
        "EvaluationCounter may change what is evaluated",
    ),
    "function on evaluations": (
        {
            "callbacks": [keras.callbacks.LambdaCallback(on_test_end=lambda logs: None)],
            "validation_split": 0.3,
        },
        "keras",
        "LambdaCallback may change what is evaluated",
    ),
    "checkpoint of batches": (
        {"callbacks": [keras.callbacks.ModelCheckpoint("unused.keras", save_freq=10**6)]},
        "keras",
        "ModelCheckpoint looks at every",
    ),
    "eager": ({"run_eagerly": True}, "keras", "run_eagerly=True"),
    "asked for": ({"engine": "keras"}, "keras", "engine='keras'"),
}


@pytest.mark.parametrize(("params", "name", "reason"), WAYS.values(), ids=WAYS)
def test_the_way_and_its_reason(params, name, reason):
    clf = classifier(**params).fit(X, Y)
    assert clf.engine_.name == name
    assert reason in clf.engine_.reason
    assert bool(clf.engine_.reason) == (name != "shared")


def test_logs_within_logs_are_flattened_by_keras():
    clf = classifier(model=build_nested_logs, validation_split=0.3).fit(X, Y)
    assert clf.engine_.name == "keras"
    assert "train_step returns logs that are not one tensor" in clf.engine_.reason
    assert clf.history_.keys() == {"loss", "total", "val_loss"}
    np.testing.assert_allclose(clf.history_["total"], 2 * np.array(clf.history_["loss"]))


def test_a_step_need_not_be_a_method():
    def build(meta):
        model = keras.Sequential([keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(3)])
        model.train_step = functools.partial(keras.Model.train_step, model)
        return model

    assert classifier(model=build).fit(X, Y).engine_.name == "own"


def test_a_loss_function_of_the_user_is_named():
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(inputs))

    clf = classifier(model=build, loss=squares).fit(X, Y)
    assert clf.engine_.name == "own"
    assert "squares" in clf.engine_.reason


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_progress_is_shown_on_either_way(engine, capsys):
    clf = classifier(verbose=1, epochs=3, validation_split=0.2, engine=engine).fit(X, Y)
    assert clf.engine_.name == ("shared" if engine == "auto" else "keras")
    shown = capsys.readouterr().out
    for part in ("Epoch 1/3", "Epoch 3/3", "loss:", "val_loss:", "3/3"):
        assert part in shown


def test_an_unknown_engine():
    with pytest.raises(ValueError, match="'engine' parameter"):
        classifier(engine="fast").fit(X, Y)


def test_xla_and_sparse_rows_do_not_go_together():
    with pytest.raises(ValueError, match="jit_compile must be False or 'auto' for sparse X"):
        classifier(jit_compile=True).fit(sparse.csr_array(X), Y)


def test_many_weights_are_not_light(monkeypatch):
    """One thread would do their long operations one after the other."""
    model = classifier().fit(X, Y).model_
    n_weights = sum(weight.numpy().size for weight in model.trainable_variables)
    assert engine.is_light(model)
    monkeypatch.setattr(engine, "_LIGHT_WEIGHTS", n_weights)
    assert engine.is_light(model)
    monkeypatch.setattr(engine, "_LIGHT_WEIGHTS", n_weights - 1)
    assert not engine.is_light(model)
    # It is for speed alone.
    threads = classifier().fit(X, Y + 0).predict_proba(X)
    clear_compile_cache()
    np.testing.assert_array_equal(classifier().fit(X, Y).predict_proba(X), threads)


def test_weights_that_members_share_count_for_each(monkeypatch):
    """A step multiplies by them once for each member."""
    parameters = {"model": "ensemble", "model__hidden_layer_sizes": (8,), "epochs": 1}
    one, four = (classifier(**parameters, model__n_members=n).fit(X, Y).model_ for n in (1, 4))
    n_weights = sum(weight.numpy().size for weight in one.trainable_variables)
    monkeypatch.setattr(engine, "_LIGHT_WEIGHTS", 4 * n_weights)
    assert engine.is_light(four)
    monkeypatch.setattr(engine, "_LIGHT_WEIGHTS", 4 * n_weights - 1)
    assert not engine.is_light(four)


@pytest.mark.thorough
def test_sparse_targets_are_made_dense_for_xla_where_they_are_small(monkeypatch):
    monkeypatch.setattr(engine, "_XLA_PAYS_FROM", 1)
    sparse_targets = sparse.csr_array(Y)
    assert classifier().fit(X, sparse_targets).engine_.jit_compile
    monkeypatch.setattr(engine, "_MAKES_DENSE", Y.size - 1)
    assert not classifier().fit(X, sparse_targets).engine_.jit_compile
    assert classifier().fit(X, Y).engine_.jit_compile
    assert classifier(jit_compile=True).fit(X, sparse_targets).engine_.jit_compile


# How often.


@pytest.fixture
def empty_cache():
    clear_compile_cache()


@pytest.mark.thorough
def test_a_search_over_rates_traces_once(empty_cache):
    """8 learning rates, 5 folds of two sizes."""
    rates = list(np.logspace(-4, -1, 8))
    search = GridSearchCV(classifier(), {"optimizer__learning_rate": rates}, cv=5, refit=False)
    search.fit(X, Y)
    assert len(set(map(len, np.array_split(X, 5)))) == 2
    assert compile_cache_info().traces == 1
    assert compile_cache_info().hits == 39


SMOOTHED = {"loss": "binary_crossentropy", "loss__label_smoothing": 0.1}

VALUES = {
    "seed": ({}, {"random_state": 5}),
    "epochs": ({}, {"epochs": 5}),
    "batch size": ({}, {"batch_size": 7}),
    "one batch": ({}, {"batch_size": -1}),
    "order": ({}, {"shuffle": False}),
    "learning rate": ({}, {"optimizer__learning_rate": 0.5}),
    "weight decay": (
        {"optimizer": "adamw", "optimizer__weight_decay": 0.1},
        {"optimizer": "adamw", "optimizer__weight_decay": 0.0},
    ),
    "label smoothing": (SMOOTHED, {**SMOOTHED, "loss__label_smoothing": 0.3}),
    "dropout": ({"model__dropout": 0.1}, {"model__dropout": 0.6}),
    "penalty": ({"model__l2": 0.1}, {"model__l2": 0.6}),
    "bias": ({}, {"model__prior_bias": False}),
    "steps": ({}, {"fit__steps_per_epoch": 1}),
    "callbacks": ({}, {"callbacks": EpochCounter}),
    "validation": ({"validation_split": 0.3}, {"early_stopping": True, "n_iter_no_change": 1}),
    "frequency": ({"validation_split": 0.3}, {"validation_split": 0.1, "fit__validation_freq": 2}),
}


@pytest.mark.parametrize(("base", "other"), VALUES.values(), ids=VALUES)
def test_values_trace_nothing_new(base, other):
    classifier(**base).fit(X, Y)
    clf = classifier(**other)
    assert traces_of(lambda: clf.fit(X[:31], Y[:31])) == 0
    assert clf.engine_.name == "shared"


@pytest.mark.thorough
def test_values_have_their_effect():
    """What enters a trace as a value is not that of the fit that was traced."""
    for base, other in VALUES.values():
        one, same = (classifier(**base).fit(X, Y) for _ in range(2))
        changed = classifier(**other).fit(X, Y)
        assert one.history_ == same.history_
        if "callbacks" not in other:
            assert one.history_ != changed.history_


def test_weights_and_more_epochs_trace_nothing_new():
    clf = classifier(warm_start=True).fit(X, Y, sample_weight=WEIGHT)
    assert traces_of(lambda: classifier().fit(X, Y, sample_weight=WEIGHT**2)) == 0
    assert traces_of(lambda: clf.fit(X, Y, sample_weight=WEIGHT[::-1])) == 0
    assert traces_of(lambda: clf.partial_fit(X[:9], Y[:9], sample_weight=WEIGHT[:9])) == 0


NEW = {
    "sizes": {"model__hidden_layer_sizes": (5,)},
    "activation": {"model__activation": "tanh"},
    "dropout at all": {"model__dropout": 0.1},
    "penalty at all": {"model__l2": 0.1},
    "loss": {"loss": "binary_focal_crossentropy"},
    "smoothing at all": SMOOTHED,
    "metrics": {"metrics": ["accuracy"]},
    "optimizer": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "optimizer__momentum": 0.9},
    "clipping": {"optimizer__clipnorm": 0.1},
    "validation": {"validation_split": 0.3},
}


@pytest.mark.slow
def test_another_graph_is_another_trace(empty_cache):
    """In the quick tests, that their keys differ: ``test_specification``."""
    classifier().fit(X, Y)
    for params in NEW.values():
        assert traces_of(lambda params=params: classifier(**params).fit(X, Y)) == 1, params
    assert traces_of(lambda: classifier().fit(X, Y, sample_weight=WEIGHT)) == 1
    assert traces_of(lambda: classifier().fit(sparse.csr_array(X), Y)) == 1
    assert traces_of(lambda: classifier().fit(X, Y[:, :2])) == 1
    assert traces_of(lambda: classifier().fit(X[:, :3], Y)) == 1
    assert traces_of(lambda: classifier().fit(X, Y)) == 0


def test_the_way_of_keras_traces_nothing_here():
    assert traces_of(lambda: classifier(engine="keras").fit(X, Y)) == 0


def test_a_network_with_code_of_its_own_is_traced_for_each_fit():
    clf = classifier(model=build_own_layer)
    assert traces_of(lambda: clone(clf).fit(X, Y)) == 1
    assert traces_of(lambda: clone(clf).fit(X, Y)) == 1
