"""Bad input: one clear error each, before any training, and nothing fitted is lost."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skmultilabel_keras import KerasMultiLabelClassifier

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 2, (12, 3))
CLASSES = np.arange(12) % 3


def with_value(array, value, dtype=float):
    changed = np.array(array, dtype=dtype)
    changed[2, 1] = value
    return changed


BAD_TARGETS = {
    "two": (with_value(Y, 2, int), "only 0 and 1 .* label 1"),
    "half": (with_value(Y, 0.5), r"only 0 and 1 .*0\.5"),
    "sparse nan": (sparse.csr_array(with_value(Y, np.nan)), "Input y contains NaN"),
    "plus minus one": (np.where(Y > 0, 1, -1), "pass y > 0"),
    "text": (np.full((12, 3), "a"), "only 0 and 1"),
    "sparse two": (sparse.csr_array(Y * 2), "only 0 and 1"),
    "3-D": (Y[:, :, np.newaxis], "3 dimensions"),
    "continuous": (X[:, 0], "Unknown label type"),
    "short": (Y[:5], "inconsistent numbers of samples"),
    "none": (None, "requires y to be passed"),
    "frame": (pd.DataFrame(with_value(Y, 3), columns=list("abc")), "got 3.0 for label"),
}

BAD_FEATURES = {
    "nan": (with_value(X, np.nan), "NaN in column 1"),
    "inf": (with_value(X, np.inf), "infinity in column 1"),
    "beyond float32": (with_value(X, 1e300), "too large for dtype.*column 1"),
    "sparse nan": (sparse.csr_matrix(with_value(X, np.nan)), "NaN in column 1"),
    "text": (with_value(X, "red", object), "column 1 holds text such as 'red'"),
    "1-D": (X[:, 0], "Reshape your data"),
    "empty": (X[:0], "0 sample"),
}


def check_nothing_lost(clf, before, scores):
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is before[name] for name in before)
    assert np.array_equal(clf.decision_function(X), scores)


@pytest.fixture(scope="module")
def fitted():
    return KerasMultiLabelClassifier("mlp", random_state=0, epochs=1).fit(X, Y)


@pytest.mark.parametrize("case", BAD_TARGETS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_targets(case, method, fitted):
    before, scores = dict(vars(fitted)), fitted.decision_function(X)
    y, message = BAD_TARGETS[case]
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(X, y)
    check_nothing_lost(fitted, before, scores)


@pytest.mark.parametrize("case", BAD_FEATURES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_features(case, method, fitted):
    before, scores = dict(vars(fitted)), fitted.decision_function(X)
    x, message = BAD_FEATURES[case]
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(x, Y[: x.shape[0]])
    check_nothing_lost(fitted, before, scores)


@pytest.mark.parametrize("case", [case for case in BAD_FEATURES if case != "empty"])
def test_bad_features_at_predict(case, fitted):
    x, message = BAD_FEATURES[case]
    with pytest.raises(ValueError, match=message):
        fitted.predict(x)


def test_columns_and_labels_are_called_by_their_names():
    frame, labels = pd.DataFrame(X, columns=list("abcd")), pd.DataFrame(Y, columns=list("xyz"))
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=1).fit(frame, labels)
    broken = pd.DataFrame(with_value(X, np.nan), columns=list("abcd"))
    for method in (clf.predict, lambda x: clf.fit(x, Y), lambda x: clf.partial_fit(x, labels)):
        with pytest.raises(ValueError, match="NaN in column 'b'"):
            method(broken)
    with pytest.raises(ValueError, match=r"3\.0 for label 'y'"):
        clf.fit(frame, pd.DataFrame(with_value(Y, 3), columns=list("xyz")))


def test_other_features_than_at_fit():
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=1).fit(frame, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame[list("abdc")])
    with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
        clf.predict(frame[list("abc")])
    clf.fit(X, Y)
    with pytest.raises(ValueError, match="expecting 4 features"):
        clf.predict(X[:, :3])


def test_rows_of_another_shape():
    images = X.reshape(12, 2, 2)
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=1).fit(images, Y)
    with pytest.raises(
        ValueError, match=r"rows of the shape seen in fit, \(2, 2\); got .*\(2, 3\)"
    ):
        clf.predict(np.ones((5, 2, 3)))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(12, -1.0), "must not be negative; got -1 in row 0"),
        (np.zeros(12), "at least one non-zero"),
        (np.ones(5), r"shape \(12,\), or for each entry of y, \(12, 3\); got shape \(5,\)"),
        (np.full(12, np.nan), "NaN"),
        (np.ones((12, 2)), r"got shape \(12, 2\)"),
    ],
    ids=["negative", "zero", "short", "nan", "2-D"],
)
def test_bad_sample_weight(weight, message, fitted):
    with pytest.raises(ValueError, match=message):
        fitted.fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "predict_labels"]
)
def test_unfitted(method):
    with pytest.raises(NotFittedError):
        getattr(KerasMultiLabelClassifier("mlp"), method)(X)
    with pytest.raises(NotFittedError):
        KerasMultiLabelClassifier("mlp").score(X, Y)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("epochz", "'epochs'"),
        ("batchsize", "'batch_size'"),
        ("optimiser__learning_rate", "'optimizer__learning_rate'"),
        ("hidden_layer_sizes", "Legal names|'model__hidden_layer_sizes'"),
    ],
)
def test_unknown_parameter_of_the_constructor(name, near):
    with pytest.raises(TypeError, match=f"no parameter '{name}'.*({near})"):
        KerasMultiLabelClassifier("mlp", **{name: 1})
    with pytest.raises(ValueError, match=f"no parameter '{name}'.*({near})"):
        KerasMultiLabelClassifier("mlp").set_params(**{name: 1})


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("model__hidden_layers", "model__hidden_layer_sizes"),
        ("optimizer__learning_rat", "optimizer__learning_rate"),
        ("loss__label_smoothin", "loss__label_smoothing"),
        ("fit__epoch", "fit__epochs"),
        ("predict__batchsize", "predict__batch_size"),
        ("compile__jit_compil", "compile__jit_compile"),
        ("score__normalise", "score__normalize"),
        ("callbacks__patience", "callbacks is None"),
        ("metrics__threshold", "metrics is None"),
    ],
)
def test_unknown_routed_parameter(name, near):
    """The destination may be set later, so these are looked at when fit begins."""
    clf = KerasMultiLabelClassifier("mlp", epochs=1, **{name: 1})
    with pytest.raises(ValueError, match=f"'{name}'.*{near}"):
        clf.fit(X, Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": 0}, "'epochs' parameter .* int in the range"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"validation_split": 1.0}, "'validation_split' parameter"),
        ({"model": "mpl"}, "Did you mean 'mlp'"),
        ({"model": 3}, "'model' parameter"),
        ({"optimizer": None}, "'optimizer' parameter"),
        ({"model__hidden_layer_sizes": 10}, "tuple or list of integers"),
        ({"model__dropout": 1.5}, r"number in \[0, 1\)"),
        ({"class_weight": "balances"}, "'class_weight' parameter"),
        ({"class_weight": [1.0, 2.0]}, "class_weight must have one number for each label"),
        ({"decision_rule": "exmple_f"}, "Did you mean 'example_f'"),
        ({"monitor": 3}, "'monitor' parameter"),
        ({"label_names": ["a", "b"]}, "each of the 3 columns"),
        ({"exclusive": True}, "exactly one label"),
        ({"early_stopping": "yes"}, "'early_stopping' parameter"),
    ],
)
def test_illegal_values(params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        KerasMultiLabelClassifier(**{"model": "mlp", **params}).fit(X, Y)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("categorical_crossentropy", "exactly one is true; use 'binary_crossentropy'"),
        (keras.losses.CategoricalCrossentropy, "exactly one is true"),
        (keras.losses.CategoricalCrossentropy(from_logits=True), "exactly one is true"),
        ("sparse_categorical_crossentropy", "one integer class per row"),
        ("mean_squared_error", "takes them for probabilities"),
        (keras.losses.BinaryCrossentropy(), "takes them for probabilities"),
    ],
)
def test_losses_that_do_not_fit_an_indicator(loss, message):
    with pytest.raises(ValueError, match=message):
        KerasMultiLabelClassifier("mlp", loss=loss).fit(X, Y)


def network(units, activation=None, n_inputs=4, **compile_args):
    model = keras.Sequential([keras.Input((n_inputs,)), keras.layers.Dense(units, activation)])
    if compile_args:
        model.compile("adam", **compile_args)
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (network(3, "softmax"), "no row could hold several labels"),
        (network(3, "tanh"), "neither logits nor probabilities"),
        (network(2), r"must have shape \(None, 3\) .* got \(None, 2\)"),
        (network(3, n_inputs=5), r"takes rows of shape \(5,\); X has rows of shape \(4,\)"),
        (network(3, loss="binary_crossentropy"), "takes them for probabilities"),
        (
            network(3, "sigmoid", loss=keras.losses.BinaryCrossentropy(from_logits=True)),
            "outputs are probabilities, but the loss takes logits",
        ),
        (network(3, "sigmoid", loss="categorical_crossentropy"), "exactly one is true"),
        (lambda meta: "no model", "must return a Keras model; got str"),
        (
            lambda meta: keras.Sequential(
                [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.1)]
            ),
            "cannot be told from its last layer",
        ),
    ],
)
def test_networks_that_do_not_fit(model, message):
    with pytest.raises((ValueError, TypeError), match=message):
        KerasMultiLabelClassifier(model, epochs=1).fit(X, Y)


def test_two_outputs_or_inputs():
    def two_outputs(meta):
        inputs = keras.Input((4,))
        return keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])

    def two_inputs(meta):
        inputs = [keras.Input((4,)), keras.Input((4,))]
        return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(inputs)))

    with pytest.raises(ValueError, match="one output tensor; got 2"):
        KerasMultiLabelClassifier(two_outputs).fit(X, Y)
    with pytest.raises(ValueError, match="one input; got 2"):
        KerasMultiLabelClassifier(two_inputs).fit(X, Y)


def nan_loss(y_true, y_pred):
    return keras.ops.mean(y_pred) * float("nan")


def test_loss_that_becomes_nan(fitted):
    before, scores = dict(vars(fitted)), fitted.decision_function(X)
    fitted.set_params(loss=nan_loss)
    with pytest.raises(ValueError, match=r"loss became nan in epoch 1.*learning_rate"):
        fitted.fit(X, Y)
    fitted.set_params(loss=None)
    check_nothing_lost(fitted, before, scores)


@pytest.mark.thorough
def test_label_never_seen_before():
    clf = KerasMultiLabelClassifier("mlp", random_state=0)
    clf.partial_fit(X, [["a"], ["b"]] * 6, classes=["a", "b", "c"])
    clf.partial_fit(X, [["c"]] * 12)
    with pytest.raises(ValueError, match="label 'd', which is not among"):
        clf.partial_fit(X, [["d"]] * 12)

    clf = KerasMultiLabelClassifier("mlp", random_state=0).partial_fit(X, CLASSES)
    with pytest.raises(ValueError, match="label 7, which is not among"):
        clf.partial_fit(X, np.full(12, 7))


def test_other_kind_of_target_at_a_later_partial_fit():
    clf = KerasMultiLabelClassifier("mlp", random_state=0).partial_fit(X, Y)
    with pytest.raises(ValueError, match="label indicator with 3 columns"):
        clf.partial_fit(X, CLASSES)
    with pytest.raises(ValueError, match="one column for each of the 3 labels"):
        clf.partial_fit(X, Y[:, :2])


def test_options_of_a_call():
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=1)
    with pytest.raises(ValueError, match=r"fit\(\) takes no option 'epoch'.*'epochs'"):
        clf.fit(X, Y, epoch=3)
    with pytest.raises(TypeError, match="one epoch on all rows; drop 'epochs'"):
        clf.partial_fit(X, Y, epochs=3)
    clf.fit(X, Y)
    with pytest.raises(ValueError, match=r"predict\(\) takes no option 'batchsize'.*'batch_size'"):
        clf.predict(X, batchsize=3)


def test_validation_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="two rows or more; got n_samples=1"):
        KerasMultiLabelClassifier("mlp", early_stopping=True).fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="validation_data must be a tuple"):
        KerasMultiLabelClassifier("mlp").fit(X, Y, validation_data=X)
    with pytest.raises(
        ValueError, match=r"validation_data must be None where .* X_val, y_val; got"
    ):
        KerasMultiLabelClassifier("mlp").fit(X, Y, validation_data=(X, Y), X_val=X, y_val=Y)
    for alone in ({"X_val": X}, {"y_val": Y}, {"sample_weight_val": np.ones(len(X))}):
        with pytest.raises(ValueError, match=f"must be passed together; got {next(iter(alone))}"):
            KerasMultiLabelClassifier("mlp").fit(X, Y, **alone)


def test_loss_given_twice():
    model = network(3, "sigmoid", loss="binary_crossentropy")
    with pytest.raises(ValueError, match="the model is compiled with 'binary_crossentropy'"):
        KerasMultiLabelClassifier(model, loss="mean_squared_error").fit(X, Y)


def test_a_subclassed_model_cannot_be_copied():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    with pytest.raises(ValueError, match="Pass a function that builds it"):
        KerasMultiLabelClassifier(Own(), loss=keras.losses.BinaryCrossentropy(True)).fit(X, Y)


def test_callbacks_of_another_kind():
    with pytest.raises(TypeError, match="callbacks must be a Keras callback"):
        KerasMultiLabelClassifier("mlp", callbacks=["stop"]).fit(X, Y)


@pytest.mark.parametrize("value", [30, -1, [0.5, 2.0, 0.1]])
def test_thresholds_that_no_probability_can_pass(value):
    with pytest.raises(ValueError, match="thresholds of probabilities, between 0 and 1"):
        KerasMultiLabelClassifier("mlp", decision_rule=value).fit(X, Y)
    with pytest.raises(ValueError, match="thresholds of probabilities"):
        KerasMultiLabelClassifier(
            "mlp", decision_rule="threshold", decision_rule__threshold=value
        ).fit(X, Y)


def test_an_infinite_threshold_leaves_a_label_out():
    clf = KerasMultiLabelClassifier("mlp", decision_rule=[0.0, np.inf, 1.0], epochs=1).fit(X, Y)
    assert clf.predict(X).sum(axis=0).tolist() == [12, 0, 0]


@pytest.mark.parametrize("split", [None, 0.5])
def test_validation_rows_of_which_nothing_is_known(split):
    lacking = np.full(Y.shape, np.nan)
    clf = KerasMultiLabelClassifier("mlp", random_state=0, validation_split=split or 0.0)
    if split is None:
        with pytest.raises(ValueError, match="validation_data must hold a label that is known"):
            clf.fit(X, Y, validation_data=(X, lacking))
    else:
        lacking[0] = Y[0]
        with pytest.raises(ValueError, match="validation_split must leave a label that is known"):
            [clf.set_params(random_state=seed).fit(X, lacking) for seed in range(9)]


def test_weights_of_entries_cannot_be_those_of_a_score():
    clf = KerasMultiLabelClassifier("mlp", epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="one number for each row, shape"):
        clf.score(X, Y, sample_weight=np.ones(Y.shape))
    with pytest.raises(ValueError, match="no parameter 'score__sample_weight'"):
        clf.set_params(score__sample_weight=np.ones(12)).fit(X, Y)


NEAR_NAMES = {
    "loss": ("focl", "Did you mean 'focal'"),
    "optimizer": ("adm", "in keras.optimizers. Did you mean"),
    "metrics": (["hamming_los"], "'hamming_loss'"),
}


@pytest.mark.parametrize(
    ("name", "value", "message"), [(n, *rest) for n, rest in NEAR_NAMES.items()], ids=NEAR_NAMES
)
def test_misspelt_names_get_the_nearest_ones(name, value, message):
    with pytest.raises(ValueError, match=message):
        KerasMultiLabelClassifier("mlp", **{name: value}).fit(X, Y)


# What a failed fit leaves.


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("stop")


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_an_optimizer_that_a_failed_fit_made_is_as_new(engine):
    clf = KerasMultiLabelClassifier("mlp", warm_start=True, random_state=0, engine=engine, epochs=2)
    expected = clf.initialize(X, Y).fit(X, Y).predict_proba(X)
    other = KerasMultiLabelClassifier(**clf.get_params()).initialize(X, Y)
    with pytest.raises(RuntimeError, match="stop"):
        other.fit(X, Y, callbacks=[Stop()])
    np.testing.assert_array_equal(other.fit(X, Y).predict_proba(X), expected)


def test_a_learning_rate_goes_on_as_a_number_only():
    clf = KerasMultiLabelClassifier("mlp", warm_start=True, epochs=1, optimizer__learning_rate=0.1)
    clf.fit(X, Y)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.9)
    for other in (schedule, "0.1", None):
        with pytest.raises(ValueError, match="optimizer__learning_rate changed since"):
            clf.set_params(optimizer__learning_rate=other).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        clf.set_params(optimizer__learning_rate=0.2).fit(X[:, :2], Y)
    assert float(clf.model_.optimizer.learning_rate.numpy()) == pytest.approx(0.1)
    clf.fit(X, Y)
    assert float(clf.model_.optimizer.learning_rate.numpy()) == pytest.approx(0.2)


def test_a_model_to_train_in_place_is_compiled_as_before():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    clf = KerasMultiLabelClassifier(model, warm_start=True, epochs=1, loss="focal")
    with pytest.raises(ValueError, match="X has 2 features"):
        clf.fit(X, Y, validation_data=(X[:, :2], Y))
    assert not model.compiled
    clf.set_params(loss="hill", optimizer__learning_rate=0.01).fit(X, Y)
    assert model.loss.name == "hill"


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_compiled_model_without_weights_can_be_trained_in_place(engine):
    model = keras.Sequential([keras.layers.Dense(3, "sigmoid")])
    model.compile("sgd", "mse")
    clf = KerasMultiLabelClassifier(model, warm_start=True, epochs=1, engine=engine)
    with pytest.raises(RuntimeError, match="stop"):
        clf.fit(X, Y, callbacks=[Stop()])
    clf.fit(X, Y).fit(X, Y)


def test_a_series_of_weights_is_one_for_each_row():
    """However it is numbered: pandas keeps the numbers of rows that are drawn."""
    rows = np.array([2, 0, 1])
    series = pd.Series([1.0, 0.0, 5.0], index=rows)
    frame = pd.DataFrame(Y, columns=list("abc"))
    clf = KerasMultiLabelClassifier("mlp", epochs=1, random_state=0)
    expected = clf.fit(X[rows], Y[rows], sample_weight=series.to_numpy()).predict_proba(X)
    found = clf.fit(X[rows], Y[rows], sample_weight=series).predict_proba(X)
    np.testing.assert_array_equal(found, expected)
    some = pd.Series(np.arange(12.0)).iloc[[5, 3, 9]]
    data = X[some.index], frame.iloc[some.index]
    clf.fit(*data, sample_weight=some, validation_data=(*data, some))
