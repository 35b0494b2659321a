"""What an estimator learns does not depend on the way in which its fit runs.

Networks and optimizers for themselves: see test_tensorflow.py.
"""

from functools import partial

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, losses
from skmultilabel_keras.networks import Dropout

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(53, 6)).astype(np.float32)
Y = (X[:, :3] + 0.5 * RNG.normal(size=(53, 3)) > 0).astype(int)
IMAGES = RNG.integers(0, 256, (53, 6, 6, 1), dtype=np.uint8)
CLASSES = np.array(["a", "b", "c"])[Y.sum(axis=1) % 3]
WEIGHT = RNG.uniform(0.1, 3, 53)
WEIGHT[::7] = 0


def build(meta, make_layers=()):
    x = inputs = keras.Input(meta["X_shape_"][1:])
    for make in make_layers:
        x = make()(x)
    return keras.Model(inputs, layers.Dense(meta["n_units_"])(x))


def build_dict(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, {"out": layers.Dense(meta["n_units_"])(inputs)})


def network(*make_layers):
    return {"model": partial(build, make_layers=make_layers)}


def dense(**params):
    return partial(layers.Dense, 8, activation="relu", **params)


def convolutions():
    return network(
        partial(layers.Rescaling, 1 / 255),
        partial(layers.Conv2D, 4, 3, activation="relu"),
        layers.MaxPooling2D,
        partial(layers.Conv2D, 3, 2),
        layers.Flatten,
    )


def fit_both(X=X, y=Y, engine="shared", fit=None, eager=True, **params):
    """Return an estimator fitted by the engine and one fitted by Keras.

    Keras takes its steps eagerly, which for a few steps is faster than to trace them.
    """
    defaults = {"random_state": 0, "epochs": 2, "batch_size": 16}
    ours = KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})
    keras_own = clone(ours).set_params(engine="keras", run_eagerly=eager)
    for clf in (ours, keras_own):
        clf.fit(X, y, **(fit or {}))
    assert (ours.engine_.name, keras_own.engine_.name) == (engine, "keras")
    return ours, keras_own


def values(variable):
    """Low precision becomes float32: old NumPy does not compare bfloat16 with tolerances."""
    low = variable.dtype in ("bfloat16", "float16")
    return variable.numpy().astype("float32") if low else variable.numpy()


def assert_agree(ours, keras_own, rtol=1e-4, atol=1e-5):
    """Weights, moving statistics, the optimizer's state and logs."""
    pairs = [(ours.model_.variables, keras_own.model_.variables)]
    pairs.append((ours.model_.optimizer.variables, keras_own.model_.optimizer.variables))
    for some, others in pairs:
        for a, b in zip(some, others, strict=True):
            np.testing.assert_allclose(values(a), values(b), rtol, atol, err_msg=a.path)
    assert ours.n_iter_ == keras_own.n_iter_
    assert ours.history_.keys() == keras_own.history_.keys()
    for name, expected in keras_own.history_.items():
        np.testing.assert_allclose(ours.history_[name], expected, rtol, atol, err_msg=name)


METRICS = [
    "accuracy",
    partial(keras.metrics.AUC, multi_label=True, num_labels=3),
    partial(keras.metrics.F1Score, average="macro", threshold=0.5),
    partial(keras.metrics.F1Score, average=None, threshold=0.5, name="f_of_labels"),
]

OWN = {**network(partial(layers.Lambda, keras.ops.tanh)), "engine": "own"}

CASES = {
    "default": {},
    "validation": {"validation_split": 0.3, "validation_batch_size": 7, "epochs": 3},
    "validation at times": {
        "validation_split": 0.4,
        "validation_batch_size": 4,
        "fit__validation_steps": 1,
        "fit__validation_freq": [1, 3],
        "epochs": 4,
    },
    "validation at times, own code": {
        **OWN,
        "validation_split": 0.4,
        "validation_batch_size": 8,
        "fit__validation_freq": [1, 3],
        "epochs": 4,
        "metrics": ["accuracy"],
    },
    "dropout in evaluations": {
        **network(partial(layers.Reshape, (3, 2)), partial(layers.LSTM, 4, dropout=0.4)),
        "validation_split": 0.4,
        "validation_batch_size": 8,
        "fit__validation_freq": [1, 3],
        "epochs": 4,
        "optimizer": "sgd",
    },
    "early stopping": {
        "early_stopping": True,
        "n_iter_no_change": 2,
        "epochs": 30,
        "optimizer__learning_rate": 0.3,
        "eager": False,
    },
    "weights": {
        "fit": {"sample_weight": WEIGHT},
        "validation_split": 0.3,
        "compile__weighted_metrics": ["binary_accuracy"],
    },
    "weight of the loss": {
        "compile__loss_weights": [3.0],
        "optimizer": "sgd",
        **network(dense(kernel_regularizer="l1")),
    },
    "scaled penalties": {
        **network(dense(kernel_regularizer="l2", activity_regularizer="l1")),
        "optimizer": "sgd",
        "optimizer__loss_scale_factor": 8.0,
        "fit": {"sample_weight": WEIGHT},
    },
    "output in a dict": {"model": build_dict},
    "loss in half precision": {
        "loss": "binary_crossentropy",
        "loss__dtype": "float16",
        "optimizer": "sgd",
        "optimizer__loss_scale_factor": 1024.0,
    },
    "two steps in order": {"fit__steps_per_epoch": 2, "shuffle": False},
    "label smoothing": {"loss": "binary_crossentropy", "loss__label_smoothing": 0.3},
    "normalisation": network(dense(), layers.BatchNormalization, layers.LayerNormalization),
    "penalties": network(
        dense(trainable=False),
        dense(kernel_regularizer="l2", activity_regularizer="l1"),
        dense(kernel_constraint=keras.constraints.MaxNorm(0.5)),
    ),
    "dropout": {"model__dropout": 0.4},
    "bins": {"model__n_bins": 4, "fit": {"sample_weight": WEIGHT}},
    "bins of an ensemble": {
        "model": "ensemble",
        "model__smooth_clip": 1.5,
        "model__n_bins": 3,
        "model__n_members": 3,
        "model__hidden_layer_sizes": (5,),
    },
    "Keras' noise": network(
        partial(layers.GaussianNoise, 0.3), dense(), partial(layers.Dropout, 0.4)
    ),
    "optimizer": {
        "optimizer": "adamw",
        "optimizer__weight_decay": 0.3,
        "optimizer__use_ema": True,
        "optimizer__ema_momentum": 0.7,
        "optimizer__clipnorm": 0.01,
    },
    "scaled loss": {"optimizer": "sgd", "optimizer__loss_scale_factor": 256.0},
    "clipped embeddings": {
        **network(partial(layers.Embedding, 9, 4), layers.Flatten),
        "optimizer__clipnorm": 0.01,
        "X": RNG.integers(0, 9, (53, 6)),
    },
    "sizes of NumPy": {
        "batch_size": np.int64(16),
        "epochs": np.int64(2),
        "fit__steps_per_epoch": np.int64(2),
        "validation_split": 0.3,
        "validation_batch_size": np.int64(4),
        "fit__validation_steps": np.int64(2),
    },
    "schedule": {
        "optimizer": keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.5, 9)),
    },
    "images": {**convolutions(), "X": IMAGES},
    "classes": {"y": CLASSES, "metrics": ["accuracy"], "class_weight": "balanced"},
    "two classes": {"y": Y[:, 0], "metrics": ["accuracy"]},
    "exclusive": {
        "y": np.eye(3, dtype=int)[Y.sum(axis=1) % 3],
        "exclusive": True,
        "loss": "categorical_crossentropy",
        "loss__label_smoothing": 0.2,
    },
    "one label, sparse": {"y": sparse.csr_array(Y[:, :1])},
    "half precision": {
        **network(partial(layers.Lambda, keras.ops.tanh), dense(dtype="mixed_float16")),
        "optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
        "engine": "own",
    },
}


@pytest.mark.lowest
@pytest.mark.parametrize("params", CASES.values(), ids=CASES)
def test_as_keras_fit(params):
    assert_agree(*fit_both(**params))


def test_going_on_with_weight_decay_goes_the_same_way():
    clf = KerasMultiLabelClassifier("mlp", optimizer="adamw", batch_size=16, random_state=0)
    for _ in range(3):
        assert clf.partial_fit(X, Y).engine_.name == "shared"


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, engine):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def make(*callbacks):
        keep = keras.callbacks.BackupAndRestore(str(tmp_path))
        return KerasMultiLabelClassifier(
            "mlp",
            callbacks=[keep, *callbacks],
            epochs=5,
            batch_size=16,
            random_state=0,
            engine=engine,
            warm_start=True,
        )

    with pytest.raises(KeyboardInterrupt):
        make(Stop()).fit(X, Y)
    clf = make().fit(X, Y)
    assert clf.n_iter_ == 2
    assert clf.partial_fit(X, Y).n_iter_ == 1
    assert clf.fit(X, Y).n_iter_ == 5
    assert clf.model_._initial_epoch is None


@pytest.mark.parametrize(
    ("params", "expected"),
    [({}, True), ({"compile__loss_weights": [2.0]}, False), ({"loss": "focal"}, False)],
    ids=["default", "weight of the loss", "focal"],
)
def test_training_takes_the_gradient_from_its_formula(params, expected, monkeypatch):
    asked = []
    formula = losses.BinaryCrossentropy._slopes
    monkeypatch.setattr(
        losses.BinaryCrossentropy, "_slopes", lambda *args: asked.append(1) or formula(*args)
    )
    clear_compile_cache()
    clf = KerasMultiLabelClassifier("mlp", epochs=1, random_state=0, **params).fit(X, Y)
    assert clf.engine_.name == "shared"
    assert bool(asked) == expected


@pytest.mark.thorough
def test_many_metrics():
    ours, keras_own = fit_both(metrics=[m if isinstance(m, str) else m() for m in METRICS])
    assert_agree(ours, keras_own)
    assert np.shape(ours.history_["f_of_labels"]) == (2, 3)


@pytest.mark.thorough
def test_sparse_rows():
    some = np.where(X > 0.5, X, 0)
    params = {"validation_split": 0.2, "model__dropout": 0.2}
    ours, keras_own = fit_both(X=sparse.csr_array(some), y=sparse.csr_array(Y), **params)
    assert_agree(ours, keras_own)
    for make in (sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix):
        assert clone(ours).fit(make(some), Y).history_ == ours.history_


def test_bfloat16():
    """Kernels differ in where they round, by some 1 / 256."""
    params = network(dense(dtype="mixed_bfloat16"), partial(layers.Dense, 8, dtype="float32"))
    assert_agree(*fit_both(**params, optimizer="sgd"), rtol=0.05, atol=0.01)


@pytest.mark.thorough
def test_outputs_in_bfloat16():
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, layers.Dense(meta["n_units_"], dtype="bfloat16")(inputs))

    assert_agree(*fit_both(model=build, optimizer="sgd"), rtol=0.05, atol=0.01)


def halve(epoch, rate):
    return rate / 2


@pytest.mark.thorough
def test_callbacks_that_change_the_learning_rate():
    def make():
        return [
            keras.callbacks.LearningRateScheduler(halve),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=1.0),
        ]

    params = {"epochs": 6, "validation_split": 0.2, "callbacks": make()}
    ours, keras_own = fit_both(**params)
    assert_agree(ours, keras_own)
    assert ours.history_["learning_rate"][-1] < 0.001 / 2**6


class Editor(keras.callbacks.Callback):
    """Sets weights between epochs, which training is to go on from."""

    def on_epoch_begin(self, epoch, logs=None):
        kernel = self.model.trainable_variables[0]
        kernel.assign(kernel * 0.5)

    def on_epoch_end(self, epoch, logs=None):
        bias = self.model.trainable_variables[1]
        bias.assign(bias + logs["loss"])


@pytest.mark.parametrize("params", [{}, OWN], ids=["shared", "own"])
def test_callbacks_that_change_weights(params):
    assert_agree(*fit_both(callbacks=Editor(), **params))


@pytest.mark.thorough
def test_fits_that_go_on():
    def make(engine):
        clf = KerasMultiLabelClassifier(
            "mlp", random_state=0, epochs=2, batch_size=16, warm_start=True, engine=engine
        )
        clf.set_params(model__dropout=0.2, optimizer="adamw")
        clf.fit(X, Y)
        clf.fit(X[:31], Y[:31])
        clf.partial_fit(X, Y).partial_fit(X[:20], Y[:20])
        return clf.set_params(optimizer__learning_rate=0.1).fit(X, Y)

    assert_agree(make("auto"), make("keras"))


@pytest.mark.thorough
def test_averages_of_weights_are_what_is_evaluated():
    """The fit ends with the averages; what an earlier one and predictions did does not matter."""
    clf = KerasMultiLabelClassifier("linear", epochs=2, random_state=0, optimizer__use_ema=True)
    clf.set_params(callbacks=keras.callbacks.SwapEMAWeights(), optimizer__learning_rate=0.1)
    histories = []
    for _ in range(2):
        clf.fit(X[:40], Y[:40], validation_data=(X[40:], Y[40:]))
        histories.append(clf.history_)
        clf.predict(X)
    found = clf.model_.evaluate(X[40:], Y[40:], verbose=0)
    assert clf.history_["val_loss"][-1] == pytest.approx(np.ravel(found)[0], rel=1e-5)
    assert histories[0] == histories[1]


def test_weights_do_not_depend_on_who_watches():
    """Several epochs in one call, or a callback between them: the same bits."""
    base = KerasMultiLabelClassifier(
        "mlp", random_state=0, epochs=7, batch_size=16, model__dropout=0.2
    )
    alone = clone(base).fit(X, Y)
    watched = clone(base).set_params(callbacks=keras.callbacks.Callback).fit(X, Y)
    assert alone.history_ == watched.history_
    for a, b in zip(alone.model_.get_weights(), watched.model_.get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.thorough
def test_epochs_of_many_steps_are_run_in_parts():
    """The first call does 256 steps at most."""
    clf, keras_own = fit_both(
        X=np.tile(X, (12, 1)),
        y=np.tile(Y, (12, 1)),
        eager=False,
        batch_size=2,
        epochs=2,
        validation_split=0.1,
    )
    assert_agree(clf, keras_own, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_dropout_is_that_of_keras_in_distribution():
    """Mean losses over seeds of two networks that differ in the generator alone."""

    def losses(dropout, engine):
        model = network(partial(layers.Dense, 16, activation="relu"), partial(dropout, 0.5))
        base = KerasMultiLabelClassifier(**model, epochs=8, batch_size=16, engine=engine)
        base.set_params(optimizer__learning_rate=0.03)
        return np.array(
            [clone(base).set_params(random_state=s).fit(X, Y).history_["loss"] for s in range(12)]
        )

    one, other = losses(Dropout, "auto"), losses(layers.Dropout, "keras")
    # Initial weights are the same for a seed; what is left is the masks.
    difference = one - other
    error = difference.std(axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(difference.mean(axis=0)) < 4 * error).all()
    assert (difference != 0).any(axis=0).all()
    assert (error < 0.03).all()
