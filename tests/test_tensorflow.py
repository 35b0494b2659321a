"""The training and prediction loops do what Keras' own do, for the same batches."""

from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow import functions as functions_module
from skmultilabel_keras._tensorflow.functions import NetworkFunctions
from skmultilabel_keras._tensorflow.prediction import predict_outputs
from skmultilabel_keras._tensorflow.steps import _without_needless_slices
from skmultilabel_keras._tensorflow.training import TrainingPlan, epoch_order, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
Y = RNG.integers(0, 2, (50, 3)).astype(np.float32)
WEIGHT = RNG.uniform(0.5, 2, 50)


def _schedule():
    return keras.optimizers.schedules.CosineDecay(0.1, 20)


# By the engine that serves them.
OPTIMIZERS = {
    "shared": {
        "sgd": lambda: keras.optimizers.SGD(0.1),
        "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(0.01),
        "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
        "adamw clipnorm": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.05),
        "global_clipnorm": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.1),
        "clipvalue": lambda: keras.optimizers.Adam(0.01, clipvalue=0.01, weight_decay=0.01),
        "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        "adagrad": lambda: keras.optimizers.Adagrad(0.01),
        "adadelta": lambda: keras.optimizers.Adadelta(1.0),
        "adamax": lambda: keras.optimizers.Adamax(0.01),
        "adafactor": lambda: keras.optimizers.Adafactor(0.01),
        "ftrl": lambda: keras.optimizers.Ftrl(0.01),
        "lamb": lambda: keras.optimizers.Lamb(0.01),
        "lion": lambda: keras.optimizers.Lion(0.001),
        "schedule": lambda: keras.optimizers.Adam(_schedule()),
        "ema": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8),
    },
    "own": {
        "nadam": lambda: keras.optimizers.Nadam(0.01),
        "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
        "ema overwrites": lambda: keras.optimizers.Adam(
            0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3
        ),
        "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    },
}
if hasattr(keras.optimizers, "Muon"):
    OPTIMIZERS["shared"]["muon"] = lambda: keras.optimizers.Muon(0.01)
ENGINE_OF = {name: engine for engine, names in OPTIMIZERS.items() for name in names}
KINDS = ["ema", "accumulation", "loss scale"]


def make_model(optimizer="adam", *, normalize=False, metrics=("binary_accuracy",)):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, activation="tanh", kernel_regularizer="l2")(inputs)
    if normalize:
        x = keras.layers.BatchNormalization()(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(x))
    model.compile(optimizer, "binary_crossentropy", metrics=list(metrics), jit_compile=False)
    return model


def make_rows(weight=None, y=Y, x=X):
    return Rows(x, y, weight, np.arange(x.shape[0]))


def make_plan(**params):
    defaults = {"batch_size": 16, "validation_batch_size": 16, "epochs": 3, "seed": 0}
    return TrainingPlan(**{**defaults, "shuffle": False, **params})


def assert_close(ours, keras_own):
    for a, b in zip(ours.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


# The way of Keras is its own fit, whatever the optimizer: three kinds of step stand for all.
WAYS = [(name, "auto") for name in ENGINE_OF]
WAYS += [(name, "keras") for name in KINDS]


@pytest.mark.lowest
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_weights_equal_those_of_keras_fit(name, way):
    """50 rows in batches of 16: the last batch is smaller. Keras takes its steps one by one."""
    make = OPTIMIZERS[ENGINE_OF[name]][name]
    ours, own = make_model(make()), make_model(make())
    own.run_eagerly = True
    history, engine = train(ours, make_rows(), None, make_plan(engine=way, epochs=2))
    expected = own.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history

    assert engine.name == (ENGINE_OF[name] if way == "auto" else "keras")
    assert_close(ours, own)
    assert history.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(history[key], expected[key], rtol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(("normalize", "weight"), [(False, None), (True, WEIGHT)])
def test_logs_equal_those_of_keras_fit(normalize, weight):
    ours, own = make_model(normalize=normalize), make_model(normalize=normalize)
    own.run_eagerly = True
    validation = Rows(X, Y, weight, np.arange(30, 50))
    history, _ = train(ours, make_rows(weight), validation, make_plan())
    held_out = (X[30:], Y[30:]) if weight is None else (X[30:], Y[30:], weight[30:])
    expected = own.fit(
        X,
        Y,
        sample_weight=weight,
        validation_data=held_out,
        batch_size=16,
        epochs=3,
        shuffle=False,
        verbose=0,
    ).history

    assert history.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(history[key], expected[key], rtol=1e-5)
    assert_close(ours, own)


def test_sparse_rows_train_the_same_network():
    dense, from_sparse = make_model(), make_model()
    train(dense, make_rows(), None, make_plan())
    rows = make_rows(x=sparse.csr_array(X), y=sparse.csr_matrix(Y))
    train(from_sparse, rows, None, make_plan())
    for a, b in zip(dense.get_weights(), from_sparse.get_weights(), strict=True):
        assert np.array_equal(a, b)


class Recorder(keras.callbacks.Callback):
    """Writes down which hooks are called, in order."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def set_params(self, params):
        super().set_params(params)
        self.given = {k: params[k] for k in ("epochs", "steps")}


def _recorded(name):
    def hook(self, *args, logs=None):
        if args and isinstance(args[-1], dict):
            *args, logs = args
        logs = logs or {}
        self.calls.append((name, *(a for a in args if isinstance(a, int)), *sorted(logs)))

    return hook


for _name in (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
):
    setattr(Recorder, _name, _recorded(_name))


@pytest.mark.thorough
def test_callbacks_see_what_they_see_in_keras_fit():
    ours, own = Recorder(), Recorder()
    plan = make_plan(epochs=2, callbacks=[ours])
    train(make_model(), make_rows(), make_rows(), plan)
    keras_own = make_model()
    keras_own.run_eagerly = True
    keras_own.fit(X, Y, batch_size=16, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[own])
    assert ours.calls == own.calls
    assert ours.given == own.given


def test_lambda_callbacks_on_batches_are_called():
    losses = []
    hook = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
    )
    train(make_model(), make_rows(), None, make_plan(epochs=1, callbacks=[hook]))
    assert len(losses) == 4


def test_a_callback_may_stop_training_and_set_the_learning_rate():
    model = make_model(keras.optimizers.SGD(0.1))
    rates = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1)
    )
    plan = make_plan(epochs=9, callbacks=[rates, stop])
    history, _ = train(model, make_rows(), None, plan)
    assert len(history["loss"]) == 2
    assert float(model.optimizer.learning_rate) == pytest.approx(0.025)


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_training_that_is_stopped_before_it_begins_takes_an_epoch(engine):
    """So that there are logs; Keras stops after one step then."""
    model = make_model()
    stop = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: setattr(model, "stop_training", True)
    )
    plan = make_plan(epochs=3, callbacks=[stop], engine=engine)
    history, _ = train(model, make_rows(), None, plan)
    assert len(history["loss"]) == 1


def _freeze(model):
    model.layers[1].trainable = False


def _replace_optimizer(model):
    model.optimizer = keras.optimizers.SGD(0.0)


def _set_schedule(model):
    model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(0.1, 20)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("change", [_freeze, _replace_optimizer, _set_schedule])
def test_what_a_compiled_function_cannot_see_is_an_error(change, hook):
    model = make_model()
    callback = keras.callbacks.LambdaCallback(**{hook: lambda *_: change(model)})
    plan = make_plan(epochs=3, callbacks=[callback])
    with pytest.raises(ValueError, match=r"callbacks must leave .* with engine='keras'"):
        train(model, make_rows(), None, plan)


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_history_of_the_users_keeps_out_of_that_of_a_fit(engine):
    """It may hold other fits."""
    kept = keras.callbacks.History()
    plan = make_plan(epochs=2, callbacks=[kept], engine=engine)
    first, _ = train(make_model(), make_rows(), make_rows(), plan)
    again, _ = train(make_model(), make_rows(), None, plan)
    assert set(again) == set(first) - {name for name in first if name.startswith("val_")}
    assert all(len(values) == 2 for values in (*first.values(), *again.values()))
    assert len(kept.history["loss"]) == 4


@pytest.mark.thorough
def test_validation_frequency():
    model = make_model()
    for frequency, expected in [(1, 4), (2, 2), ([1, 4], 2)]:
        plan = make_plan(epochs=4, validation_freq=frequency)
        history, _ = train(model, make_rows(), make_rows(), plan)
        assert len(history["val_loss"]) == expected
        assert len(history["loss"]) == 4


def test_fewer_steps_than_rows():
    model = make_model()
    train(model, make_rows(), None, make_plan(steps_per_epoch=2, epochs=3))
    assert int(model.optimizer.iterations) == 6


def test_an_overridden_step_is_the_one_that_runs():
    class Own(keras.Model):
        def train_step(self, data):
            x, y = data
            self.seen = x.shape
            super().train_step((x, 1 - y))
            return {"mine": keras.ops.mean(y)}

    inputs = keras.Input((4,))
    model = Own(inputs, keras.layers.Dense(3, activation="sigmoid")(inputs))
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    history, _ = train(model, make_rows(), None, make_plan(epochs=1))
    assert history.keys() == {"mine"}
    assert tuple(model.seen) == (None, 4)


@pytest.mark.parametrize("n_rows", [1, 15, 16, 17])
def test_sizes_around_the_batch_size(n_rows):
    model = make_model()
    rows = make_rows(x=X[:n_rows], y=Y[:n_rows])
    train(model, rows, None, make_plan(epochs=2))
    assert int(model.optimizer.iterations) == 2 * -(-n_rows // 16)


def test_order_is_a_function_of_seed_and_epoch():
    first = epoch_order(20, 0, 0, shuffle=True)
    assert sorted(first) == list(range(20))
    assert np.array_equal(first, epoch_order(20, 0, 0, shuffle=True))
    assert not np.array_equal(first, epoch_order(20, 0, 1, shuffle=True))
    assert not np.array_equal(first, epoch_order(20, 1, 0, shuffle=True))
    assert np.array_equal(epoch_order(20, 0, 5, shuffle=False), np.arange(20))


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, sparse.csr_array])
def test_outputs_equal_keras_predict_in_any_batches(make):
    model = make_model()
    functions, expected = NetworkFunctions(model), model.predict(X, verbose=0)
    for batch_size in (None, 1, 7, 50, 1000, -1):
        outputs = predict_outputs(functions, make(X), 3, batch_size=batch_size)
        assert outputs.dtype == np.float32
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-7)


def test_prediction_calls_its_hooks():
    seen = []
    hook = keras.callbacks.LambdaCallback()
    hook.on_predict_batch_end = lambda batch, logs: seen.append(logs["outputs"].shape)
    predict_outputs(NetworkFunctions(make_model()), X, 3, batch_size=20, callbacks=[hook])
    assert seen == [(20, 3), (20, 3), (10, 3)]


def test_wide_rows_are_made_dense_in_bounded_blocks(monkeypatch):
    """5,000 rows of a million sparse features would take 20 GB at once."""
    sizes = []
    original = sparse.csr_array.toarray

    def counted(self, *args, **kwargs):
        sizes.append(self.shape[0] * self.shape[1])
        return original(self, *args, **kwargs)

    inputs = keras.Input((10**6,))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros")(inputs))
    columns = np.arange(24) * 40_000
    wide = sparse.csr_array((np.ones(24), columns, np.arange(25)), shape=(24, 10**6))
    monkeypatch.setattr(sparse.csr_array, "toarray", counted)
    model.compile(jit_compile=False)
    predict_outputs(NetworkFunctions(model), wide, 1)
    assert not sizes  # multiplied as they are
    predict_outputs(NetworkFunctions(model), wide, 1, callbacks=[keras.callbacks.Callback()])
    assert 0 < max(sizes) <= 2**22


class Looking(keras.layers.Dense):
    """A layer that notes whether rows come sparse."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.came_sparse = []

    def call(self, inputs):
        self.came_sparse.append(isinstance(inputs, tf.SparseTensor))
        return super().call(inputs)


def untidy(dense):
    """Return CSR with each entry in two parts, columns in reverse."""
    rows, columns = np.nonzero(dense)
    values = np.column_stack([dense[rows, columns] - 1, np.ones_like(rows)]).astype(dense.dtype)
    starts = np.cumsum([0, *2 * np.bincount(rows, minlength=len(dense))])
    order = np.lexsort([-np.repeat(columns, 2), np.repeat(rows, 2)])
    parts = (values.ravel()[order], np.repeat(columns, 2)[order], starts)
    return sparse.csr_array(parts, shape=dense.shape)


BATCH_SIZES = (None, 1, 7, -1)


@pytest.mark.parametrize("kind", ["shared", "own code", "eager"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_network_that_takes_sparse_rows_gets_them(kind, dtype, monkeypatch):
    monkeypatch.setattr(functions_module, "_SPARSE_UP_TO", 0.9)
    dense = (RNG.integers(-3, 4, (20, 9)) * (RNG.random((20, 9)) < 0.3)).astype(dtype)
    dense[[0, 7, 19]] = 0
    make = {"shared": keras.layers.Dense, "own code": Looking, "eager": Looking}[kind]
    inputs = keras.Input((9,), sparse=True)
    first = make(5, activation="gelu")
    model = keras.Model(inputs, keras.layers.Dense(3)(first(inputs)))
    model.compile(run_eagerly=kind == "eager", jit_compile=False)
    if kind != "shared":
        first.came_sparse.clear()
    functions = NetworkFunctions(model)
    expected = model(tf.sparse.from_dense(dense.astype("float32")), training=False)
    containers = (untidy(dense), sparse.csr_matrix(dense), sparse.csr_array(dense)[:0])
    for rows, batch_size in product(containers, BATCH_SIZES):
        before = rows.copy()
        outputs = predict_outputs(functions, rows, 3, batch_size=batch_size)
        np.testing.assert_allclose(outputs, expected[: len(outputs)], rtol=1e-5, atol=1e-6)
        assert all(
            np.array_equal(getattr(rows, part), getattr(before, part))
            for part in ("data", "indices", "indptr")
        )
    assert kind == "shared" or all(first.came_sparse)
    # Dense rows come as they are.
    for batch_size in BATCH_SIZES:
        outputs = predict_outputs(functions, dense, 3, batch_size=batch_size)
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_rows_with_many_numbers_are_made_dense(share):
    """A product of dense ones is faster then."""
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((50, 40)) <= share, rng.normal(size=(50, 40)), 0).astype("float32")
    inputs = keras.Input((40,), sparse=True)
    looking = Looking(3)
    model = keras.Model(inputs, looking(inputs))
    looking.came_sparse.clear()
    outputs = predict_outputs(NetworkFunctions(model), sparse.csr_array(dense), 3)
    assert looking.came_sparse == [share <= 0.01]
    np.testing.assert_allclose(outputs, dense @ looking.kernel.numpy(), rtol=1e-4, atol=1e-5)


def test_sparse_rows_in_batches_of_bounded_size():
    """By their entries: a dense row of this width would be a batch of its own."""
    inputs = keras.Input((10**7,), sparse=True)
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros")(inputs))
    functions = NetworkFunctions(model)
    few = sparse.csr_array((10**4, 10**7), dtype=np.float32)
    assert functions.batch_length(few) == 4096
    many = sparse.csr_array((np.ones(10**5), np.arange(10**5), [0, 10**5]), shape=(1, 10**7))
    assert functions.batch_length(many) == 2**22 // 10**5


# Gradients by rows.


def make_rowwise(kind, optimizer):
    keras.utils.set_random_seed(0)
    if kind == "embedding":  # the same word several times in a batch
        inputs = keras.Input((4,), dtype="int32")
        x = keras.layers.Flatten()(keras.layers.Embedding(5, 3)(inputs))
    else:
        inputs = keras.Input((4,), sparse=True)
        x = keras.layers.Dense(6, activation="tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(x))
    model.compile(optimizer, "binary_crossentropy", jit_compile=False)
    return model


ROWWISE = [("embedding", "adam")]
ROWWISE += [
    ("sparse features", name)
    for name in ("adam", "adamw clipnorm", "rmsprop", "adafactor", "lamb", "ema")
]


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "name"), ROWWISE)
def test_gradients_by_rows_do_what_they_do_in_keras_fit(kind, name):
    values = np.random.default_rng(0).integers(0, 5, (50, 4)).astype("int32")
    if kind == "embedding":
        x, batch_of = values, values.__getitem__
    else:
        x = sparse.csr_array(np.where(values > 2, values, 0).astype("float32"))

        def batch_of(rows):
            return tf.sparse.from_dense(x[rows].toarray())

    ours, own = (make_rowwise(kind, OPTIMIZERS["shared"][name]()) for _ in range(2))
    own.run_eagerly = True
    _, engine = train(ours, make_rows(x=x), None, make_plan(epochs=2))
    assert engine.name == "shared"
    for start in 2 * [0, 16, 32, 48]:
        rows = slice(start, start + 16)
        own.train_on_batch(batch_of(rows), Y[rows])
    if hasattr(own.optimizer, "finalize_variable_values"):
        own.optimizer.finalize_variable_values(own.trainable_variables)
    assert_close(ours, own)


def test_only_rows_of_different_places_are_made_whole():
    """Words of a text may be equal; the features of a product are taken once each."""
    kernel, words = tf.ones((5, 2)), tf.constant([3, 1, 3])
    features = tf.sparse.from_dense([[1.0, 0, 2, 0, 0]])

    def gradient_of(output):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(output())
        return tape.gradient(loss, kernel)

    @tf.function
    def run():
        looked_up = gradient_of(lambda: tf.gather(kernel, words))
        multiplied = gradient_of(lambda: keras.ops.matmul(features, kernel))
        by_number = gradient_of(lambda: tf.gather(kernel, tf.unique(words)[1]))
        assert isinstance(looked_up, tf.IndexedSlices)
        assert isinstance(multiplied, tf.IndexedSlices)
        assert _without_needless_slices(looked_up) is looked_up
        assert _without_needless_slices(by_number) is by_number
        assert isinstance(_without_needless_slices(multiplied), tf.Tensor)
        return _without_needless_slices(multiplied), tf.convert_to_tensor(multiplied)

    np.testing.assert_array_equal(*run())
