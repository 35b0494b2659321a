"""What the estimator does with its parameters, and what it holds after fit."""

import copy
import functools
import pickle
import random

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils import get_tags

from skmultilabel_keras import KerasMultiLabelClassifier, _target_encoder, load_digit_scenes
from skmultilabel_keras.networks import FeatureScaler


@pytest.fixture(scope="module")
def plain(multilabel_data):
    """Return what ``make_classifier`` makes without parameters, fitted once."""
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=3, model__hidden_layer_sizes=(8,))
    return clf.fit(*multilabel_data)


# Parameters.


def test_tags():
    tags = get_tags(KerasMultiLabelClassifier("mlp"))
    assert is_classifier(KerasMultiLabelClassifier("mlp"))
    assert tags.classifier_tags.multi_label
    assert tags.input_tags.sparse
    assert tags.target_tags.required


def test_get_and_set_params_hold_routed_ones_too():
    clf = KerasMultiLabelClassifier("mlp", epochs=5, optimizer__learning_rate=0.1)
    assert clf.optimizer__learning_rate == 0.1
    assert clf.set_params(optimizer__learning_rate=0.2, model__dropout=0.5, epochs=7) is clf
    assert {"optimizer__learning_rate": 0.2, "model__dropout": 0.5, "epochs": 7}.items() <= (
        clf.get_params().items()
    )
    clf.optimizer__learning_rate = 0.3
    assert clf.get_params()["optimizer__learning_rate"] == 0.3
    assert clone(clf).get_params() == clf.get_params()
    assert "optimizer__learning_rate=0.3" in repr(clf)


def test_setting_a_wrong_name_sets_nothing():
    clf = KerasMultiLabelClassifier("mlp")
    with pytest.raises(ValueError, match="epochz"):
        clf.set_params(epochs=9, epochz=9)
    assert clf.epochs == "auto"


def test_parameters_of_a_model_function_need_no_prefix(multilabel_data):
    """As in SciKeras."""

    def build(meta, units):
        inputs = keras.Input(meta["X_shape_"][1:])
        x = keras.layers.Dense(units)(inputs)
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    clf = KerasMultiLabelClassifier(build, units=7, epochs=1).fit(*multilabel_data)
    assert clf.model_.layers[1].units == 7
    clf.set_params(units=9).fit(*multilabel_data)
    assert clf.model_.layers[1].units == 9
    with pytest.raises(TypeError, match=r"no parameter 'unit'.*'units'"):
        KerasMultiLabelClassifier(build, unit=7)


def test_what_a_model_function_is_told(multilabel_data):
    told = {}

    def build(meta, compile_kwargs, params):
        told.update(meta=meta, compile_kwargs=compile_kwargs, params=params)
        return keras.Sequential([keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(3)])

    X, Y = multilabel_data
    clf = KerasMultiLabelClassifier(build, epochs=1, optimizer="sgd", optimizer__momentum=0.5)
    clf.fit(pd.DataFrame(X, columns=list("abcdefgh")), pd.DataFrame(Y, columns=list("xyz")))

    meta = told["meta"]
    assert (meta["n_features_in_"], meta["X_shape_"], meta["n_units_"]) == (8, (120, 8), 3)
    assert (meta["n_classes_"], meta["n_labels_"], meta["n_outputs_"]) == (3, 3, 1)
    assert meta["target_type_"] == "multilabel-indicator"
    assert list(meta["label_names_"]) == list("xyz")
    assert list(meta["feature_names_in_"]) == list("abcdefgh")
    assert told["compile_kwargs"]["optimizer"].momentum == 0.5
    assert told["params"]["epochs"] == 1


def test_a_method_of_a_subclass_may_build_the_network(multilabel_data):
    class Own(KerasMultiLabelClassifier):
        def _keras_build_fn(self, meta):
            return keras.Sequential([keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(3)])

    assert Own(model=None, epochs=1).fit(*multilabel_data).model_.count_params() == 27


def test_call_wins_over_routed_wins_over_declared(multilabel_data):
    clf = KerasMultiLabelClassifier("mlp", epochs=2, random_state=0)
    assert clf.fit(*multilabel_data).n_iter_ == 2
    clf.set_params(fit__epochs=3)
    assert clf.fit(*multilabel_data).n_iter_ == 3
    assert clf.fit(*multilabel_data, epochs=4).n_iter_ == 4


# Losses, metrics, optimizers.


@pytest.mark.parametrize(
    "loss",
    [
        "binary_crossentropy",
        "bce",
        "BinaryCrossentropy",
        keras.losses.BinaryCrossentropy,
        keras.losses.binary_crossentropy,
        keras.losses.BinaryCrossentropy(from_logits=True),
    ],
    ids=["name", "short name", "class name", "class", "function", "object"],
)
def test_ways_to_name_a_loss_are_one(loss, plain, multilabel_data, make_classifier):
    """Names stand for our own version, which rounds in another way than Keras'."""
    X, Y = multilabel_data
    scores = make_classifier(loss=loss).fit(X, Y).decision_function(X)
    expected = plain.decision_function(X)
    if isinstance(loss, str):
        assert np.array_equal(scores, expected)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


def test_routed_parameters_reach_loss_and_optimizer(multilabel_data, make_classifier):
    clf = make_classifier(loss__label_smoothing=0.1, optimizer="sgd", optimizer__momentum=0.9)
    clf.fit(*multilabel_data)
    assert clf.model_.loss.get_config()["label_smoothing"] == 0.1
    assert clf.model_.optimizer.momentum == 0.9


@pytest.mark.thorough
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_metrics_are_computed_on_probabilities(activation, multilabel_data):
    X, Y = multilabel_data
    network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation)])
    metrics = ["accuracy", "auc", keras.metrics.Precision, keras.metrics.Recall(name="r")]
    clf = KerasMultiLabelClassifier(network, metrics=metrics, epochs=2, random_state=0)
    clf.fit(X, Y, validation_data=(X, Y))
    proba = clf.predict_proba(X)

    assert clf.history_["val_accuracy"][-1] == pytest.approx(((proba > 0.5) == Y).mean(), abs=1e-6)
    recall = (proba > 0.5)[Y == 1].mean()
    assert clf.history_["val_r"][-1] == pytest.approx(recall, abs=1e-6)
    assert {"loss", "accuracy", "auc", "precision", "r"} <= set(clf.history_)


def test_logarithms_of_probabilities(multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier().fit(X, Y)
    np.testing.assert_array_equal(clf.predict_log_proba(X), np.log(clf.predict_proba(X)))
    clf.model_.layers[-1].bias.assign([-1e9, 0, 1e9])
    assert np.isneginf(clf.predict_log_proba(X)[:, 0]).all()


def test_a_routed_parameter_can_be_taken_back(multilabel_data, make_classifier):
    clf = make_classifier(loss="focal", loss__gamma=1.0)
    with pytest.raises(ValueError, match="no parameter 'loss__gamma'"):
        clf.set_params(loss="zlpr").fit(*multilabel_data)
    del clf.loss__gamma
    assert "loss__gamma" not in clf.fit(*multilabel_data).get_params()
    with pytest.raises(AttributeError):
        del clf.loss__gamma


def test_history_of_the_loss_is_the_loss(multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier().fit(X, Y, validation_data=(X, Y))
    proba = clf.predict_proba(X).astype(np.float64)
    expected = np.mean([log_loss(Y[:, j], proba[:, j], labels=[0, 1]) for j in range(3)])
    assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


# Keras models.


def compiled(**compile_args):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, "sigmoid")])
    model.compile(**{"optimizer": "sgd", "loss": "binary_crossentropy", **compile_args})
    return model


@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize("compile_it", [False, True])
def test_keras_models_of_every_kind_agree(activation, compile_it, multilabel_data):
    X, Y = multilabel_data
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation)])
    rate = 0.05
    if compile_it:
        loss = keras.losses.BinaryCrossentropy(from_logits=activation is None)
        model.compile(keras.optimizers.SGD(rate), loss)
    optimizer = {} if compile_it else {"optimizer": "sgd", "optimizer__learning_rate": rate}
    clf = KerasMultiLabelClassifier(model, epochs=2, random_state=0, **optimizer).fit(X, Y)
    reference = KerasMultiLabelClassifier(
        "linear",
        model__standardize=False,
        epochs=2,
        random_state=0,
        optimizer="sgd",
        optimizer__learning_rate=rate,
        warm_start=True,
    ).initialize(X, Y)
    reference.model_.set_weights(model.get_weights())
    reference.fit(X, Y)

    proba = clf.predict_proba(X)
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba, reference.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(
        clf.decision_function(X), reference.decision_function(X), atol=2e-2, rtol=1e-3
    )


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def test_a_compiled_model_keeps_its_optimizer_and_its_loss(multilabel_data):
    model = compiled(optimizer=keras.optimizers.SGD(0.25), loss=own_loss)
    clf = KerasMultiLabelClassifier(model, epochs=1).fit(*multilabel_data)
    assert float(clf.model_.optimizer.learning_rate) == 0.25
    assert type(clf.model_.optimizer) is keras.optimizers.SGD
    assert clf.model_.loss is own_loss


def test_warm_start_trains_a_given_model_in_place(multilabel_data):
    model = compiled()
    weights = model.get_weights()[0]
    clf = KerasMultiLabelClassifier(model, epochs=1, warm_start=True).fit(*multilabel_data)
    assert clf.model_ is model
    assert not np.array_equal(weights, model.get_weights()[0])
    assert clone(clf).model is not model


def test_clones_share_a_model_that_is_not_trained_in_place():
    model = compiled()
    assert clone(KerasMultiLabelClassifier(model)).model is model


def test_a_model_with_a_step_of_its_own_is_not_made_plain(multilabel_data):
    class Own(keras.Model):
        def __init__(self, inputs, outputs, factor, **kwargs):
            super().__init__(inputs, outputs, **kwargs)
            self.factor = factor

    inputs = keras.Input((8,))
    model = Own(inputs, keras.layers.Dense(3)(inputs), factor=2)
    with pytest.raises(ValueError, match="Pass a function that builds it"):
        KerasMultiLabelClassifier(model).fit(*multilabel_data)


class OwnMetric(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.abs(y_true - y_pred))


class OwnNetwork(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.hidden = keras.layers.Dense(4, activation="relu")
        self.drop = keras.layers.Dropout(0.5)
        self.out = keras.layers.Dense(units)

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))


def build_sigmoid(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(inputs))
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], "sigmoid")(x))


def build_own(meta):
    return OwnNetwork(meta["n_units_"])


@pytest.mark.thorough
@pytest.mark.parametrize(
    "params",
    [
        {"loss": own_loss, "model": build_sigmoid},
        {"loss": keras.losses.BinaryCrossentropy(from_logits=True), "model": build_own},
        {"metrics": [OwnMetric], "model__dropout": 0.5},
    ],
    ids=["loss", "network", "metric"],
)
def test_copies_of_anything_go_on_bit_by_bit(params, multilabel_data):
    """Losses, metrics and networks of users need no registration; dropout goes on as well."""
    X, Y = multilabel_data
    clf = KerasMultiLabelClassifier("mlp", epochs=2, random_state=0)
    clf.set_params(**params).fit(X, Y)
    before = random.getstate()
    copies = [copy.deepcopy(clf), pickle.loads(pickle.dumps(clf))]
    assert random.getstate() == before
    for again in copies:
        assert np.array_equal(again.decision_function(X), clf.decision_function(X))
    clf.partial_fit(X, Y)
    for again in copies:
        again.partial_fit(X, Y)
        assert np.array_equal(again.decision_function(X), clf.decision_function(X))
        assert again.history_ == clf.history_


@pytest.mark.thorough
def test_subclasses_in_the_manner_of_scikeras(multilabel_data):
    class Own(KerasMultiLabelClassifier):
        def __init__(self, width=3, **kwargs):
            super().__init__(**kwargs)
            self.width = width

    clf = clone(Own(width=5, epochs=2, optimizer__learning_rate=0.1)).fit(*multilabel_data)
    assert clf.get_params()["width"] == 5
    assert clf.n_iter_ == 2
    assert clf.get_params()["optimizer__learning_rate"] == 0.1


def test_a_parameter_of_another_model_function_is_found_out(multilabel_data):
    clf = KerasMultiLabelClassifier(build_fn=lambda meta, units: None, units=3)
    clf.set_params(build_fn=None, model="mlp")
    assert clone(clf).get_params()["units"] == 3
    with pytest.raises(ValueError, match="no parameter 'units'"):
        clf.fit(*multilabel_data)


def test_metrics_with_a_value_for_each_label(multilabel_data, make_classifier):
    clf = make_classifier(metrics=["f1_score"]).fit(*multilabel_data)
    assert np.shape(clf.history_["f1_score"]) == (3, 3)


def test_losses_without_a_name(plain, multilabel_data, make_classifier):
    loss = functools.partial(keras.losses.binary_crossentropy, from_logits=True)
    clf = make_classifier(loss=loss).fit(*multilabel_data)
    X = multilabel_data[0]
    np.testing.assert_allclose(clf.decision_function(X), plain.decision_function(X), rtol=1e-5)


def test_integer_inputs_that_cannot_hold_the_values():
    def build(meta):
        inputs = keras.Input((2,), dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Embedding(256, 3)(inputs))
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    X = np.array([[1, 2], [3, 255]])
    clf = KerasMultiLabelClassifier(build, epochs=1).fit(X, np.eye(2, dtype=int))
    assert clf.predict_proba(X.astype(float)).shape == (2, 2)
    with pytest.raises(ValueError, match=r"uint8 inputs, which cannot hold .*300"):
        clf.predict(np.array([[1, 300]]))


# Validation and early stopping.


def test_validation_rows_keep_the_proportions_of_labels(monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(400, 3)), (rng.random((400, 4)) < [0.5, 0.3, 0.1, 0.05]).astype(int)
    drawn = {}
    original = KerasMultiLabelClassifier._set_aside

    def spy(self, *args):
        drawn["train"], drawn["validation"] = original(self, *args)
        return drawn["train"], drawn["validation"]

    monkeypatch.setattr(KerasMultiLabelClassifier, "_set_aside", spy)
    KerasMultiLabelClassifier("mlp", validation_split=0.25, epochs=1, random_state=0).fit(X, Y)

    rows = drawn["validation"].index
    assert len(rows) == pytest.approx(100, abs=4)
    assert not set(rows) & set(drawn["train"].index)
    assert rows.min() < 100  # not the last rows
    assert np.allclose(Y[rows].sum(axis=0), Y.sum(axis=0) / 4, atol=2)


def test_early_stopping_sets_a_tenth_aside(multilabel_data, make_classifier):
    clf = make_classifier(early_stopping=True).fit(*multilabel_data)
    tenth = make_classifier(early_stopping=True, validation_split=0.1).fit(*multilabel_data)
    assert clf.history_ == tenth.history_
    assert len(clf.history_["val_loss"]) == clf.n_iter_


def test_callbacks_as_classes_with_routed_parameters(multilabel_data, make_classifier):
    clf = make_classifier(
        epochs=50,
        callbacks=keras.callbacks.EarlyStopping,
        callbacks__monitor="loss",
        callbacks__min_delta=10.0,
        callbacks__patience=2,
    ).fit(*multilabel_data)
    assert clf.n_iter_ == 3
    listed = {"stop": [keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=10)]}
    assert make_classifier(epochs=50, callbacks=listed).fit(*multilabel_data).n_iter_ == 2


@pytest.mark.parametrize(
    ("name", "given"),
    [("callbacks", None), ("fit__callbacks", []), ("callbacks", keras.callbacks.Callback())],
    ids=["None", "[]", "one"],
)
def test_callbacks_of_a_call_stand_for_those_of_the_estimator(
    name, given, multilabel_data, make_classifier
):
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=10.0)
    clf = make_classifier(epochs=4, **{name: [stop]})
    assert clf.fit(*multilabel_data).n_iter_ == 2
    assert clf.fit(*multilabel_data, callbacks=given).n_iter_ == 4


def test_parameters_of_the_estimators_callbacks_are_not_for_those_of_a_call(
    multilabel_data, make_classifier
):
    X, Y = multilabel_data
    stop = {"callbacks": keras.callbacks.EarlyStopping, "callbacks__monitor": "loss"}
    clf = make_classifier(epochs=2, **stop)
    for given in ([keras.callbacks.Callback()], keras.callbacks.Callback):
        clf.fit(X, Y, callbacks=given)
        assert clf.predict(X, callbacks=given).shape == Y.shape


# Going on.


def test_partial_fit_goes_on(multilabel_data, make_classifier):
    X, Y = multilabel_data
    whole = make_classifier(epochs=3, batch_size=32).fit(X, Y)
    steps = make_classifier(epochs=99, batch_size=32)
    for _ in range(3):
        steps.partial_fit(X, Y)
    assert steps.current_epoch == 3
    assert np.allclose(steps.history_["loss"], whole.history_["loss"], rtol=1e-6)
    assert np.array_equal(steps.decision_function(X), whole.decision_function(X))


@pytest.mark.thorough
def test_partial_fit_of_labels_that_come_later(make_classifier):
    X = np.eye(4, dtype=np.float32)
    clf = make_classifier().partial_fit(X, [["a"]] * 4, classes=["c", "a", "b"])
    assert clf.predict_proba(X).shape == (4, 3)
    assert list(clf.label_names_) == ["c", "a", "b"]
    clf.partial_fit(X[:2], [["b", "c"], []])
    clf = make_classifier().partial_fit(X, [0, 0, 0, 0], classes=[0, 1, 2])
    assert clf.predict_proba(X).shape == (4, 3)
    clf.partial_fit(X, [2, 1, 1, 0])


def test_warm_start_goes_on_from_the_weights(multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier(warm_start=True, epochs=20).fit(X, Y)
    first = clf.history_["loss"]
    clf.fit(X, Y)
    assert clf.history_["loss"][0] < first[-1] * 1.05
    assert len(clf.history_["loss"]) == 20
    assert clf.set_params(warm_start=False).fit(X, Y).history_["loss"] == first


def test_what_a_network_that_goes_on_can_and_cannot_take_over(multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier(warm_start=True).fit(X, Y)
    clf.set_params(optimizer__learning_rate=0.25, epochs=1).fit(X, Y)
    assert float(clf.model_.optimizer.learning_rate) == 0.25
    clf.set_params(model__hidden_layer_sizes=(3,))
    with pytest.raises(ValueError, match=r"but model__hidden_layer_sizes changed since"):
        clf.fit(X, Y)
    assert clf.set_params(warm_start=False).fit(X, Y).model_.layers[2].units == 3


def test_initialize_builds_without_training(multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier().initialize(X, Y)
    assert clf.n_iter_ == 0
    assert clf.history_ == {}
    assert clf.current_epoch == 0
    assert clf.predict(X).shape == Y.shape
    assert np.allclose(clf.model_.get_layer("scaler").mean, X.mean(axis=0), rtol=1e-5)
    expected = make_classifier().partial_fit(X, Y)
    assert np.array_equal(clf.partial_fit(X, Y).predict_proba(X), expected.predict_proba(X))
    assert clf.current_epoch == 1


# Weights.


def test_unit_of_weights_does_not_matter(multilabel_data, make_classifier):
    X, Y = multilabel_data
    weight = np.random.default_rng(0).integers(1, 5, 120).astype(float)
    one, other = (
        make_classifier(batch_size=32).fit(X, Y, sample_weight=weight * unit) for unit in (1, 1024)
    )
    assert np.array_equal(one.decision_function(X), other.decision_function(X))


def test_rows_of_weight_zero_do_not_count(multilabel_data, make_classifier):
    X, Y = multilabel_data
    weight = np.repeat([0, 1], 60)
    one = make_classifier(batch_size=16).fit(X, Y, sample_weight=weight)
    other = make_classifier(batch_size=16).fit(X[60:], Y[60:])
    assert np.array_equal(one.decision_function(X), other.decision_function(X))


def test_class_weight_of_classes():
    X, y = np.zeros((40, 1)), np.repeat([0, 1, 2], [30, 8, 2])
    clf = KerasMultiLabelClassifier("linear", epochs=400, optimizer__learning_rate=0.05)
    plain = clone(clf).fit(X, y).predict_proba(X[:1])
    balanced = clone(clf).set_params(class_weight="balanced").fit(X, y).predict_proba(X[:1])
    assert np.allclose(plain, [[0.75, 0.2, 0.05]], atol=0.02)
    assert np.allclose(balanced, 1 / 3, atol=0.02)


def test_balanced_class_weight_needs_all_rows():
    with pytest.raises(ValueError, match="pass class_weight as a dict"):
        KerasMultiLabelClassifier("mlp", class_weight="balanced").partial_fit(np.eye(2), [0, 1])


# Exclusive classes.


def test_one_hot_targets_that_are_classes(make_classifier):
    X = np.random.default_rng(0).normal(size=(60, 4))
    Y = np.eye(3, dtype=int)[X[:, :3].argmax(axis=1)]
    params = {"epochs": 40, "optimizer__learning_rate": 0.05}
    clf = make_classifier(exclusive=True, metrics=["accuracy"], **params).fit(X, Y)
    assert np.allclose(clf.predict_proba(X).sum(axis=1), 1, atol=1e-6)
    assert (clf.predict(X).sum(axis=1) == 1).all()
    assert clf.score(X, Y) > 0.8
    by_name = make_classifier(**params).fit(X, np.array(["a", "b", "c"])[Y.argmax(axis=1)])
    assert np.array_equal(by_name.predict(X), np.array(["a", "b", "c"])[clf.predict(X).argmax(1)])


@pytest.mark.thorough
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_losses_of_classes_agree(loss, make_classifier):
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = X[:, :3].argmax(axis=1)
    clf = make_classifier(loss=loss, metrics=["accuracy"]).fit(X, y, validation_data=(X, y))
    reference = make_classifier().fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), reference.predict_proba(X), atol=1e-5)
    assert clf.history_["val_accuracy"][-1] == pytest.approx(clf.score(X, y), abs=1e-6)


def test_absent_classes_can_be_declared(make_classifier):
    clf = make_classifier(label_names=["a", "b", "c"]).fit(np.eye(2), ["c", "a"])
    assert clf.predict_proba(np.eye(2)).shape == (2, 3)
    assert list(clf.classes_) == ["a", "b", "c"]


# Inputs.


def sparse_rows(X):
    return sparse.csr_matrix(np.where(np.median(X) < X, X, 0))


@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.coo_array])
def test_sparse_formats_give_one_result(make, multilabel_data, make_classifier):
    """All formats: test_validation."""
    X, Y = multilabel_data
    base = sparse_rows(X)
    other = make(base)
    reference = make_classifier().fit(base, Y)
    clf = make_classifier().fit(other, Y)
    assert np.array_equal(clf.decision_function(other), reference.decision_function(base))
    assert np.array_equal(clf.decision_function(base.toarray()), clf.decision_function(base))


@pytest.mark.parametrize("dtype", ["float16", "bool", "object"])
def test_dtypes_of_features(dtype, multilabel_data, make_classifier):
    X, Y = multilabel_data
    values = np.asarray(X > 5).astype(dtype) if dtype == "bool" else X.astype(dtype)
    clf = make_classifier().fit(values, Y)
    reference = make_classifier().fit(values.astype(np.float32), Y)
    assert np.array_equal(clf.decision_function(values), reference.decision_function(values))
    assert clf.predict(values.astype(np.float64)).shape == Y.shape


@pytest.mark.parametrize("layout", ["fortran", "strided", "read-only", "memmap", "reversed"])
def test_layouts_of_features(layout, plain, multilabel_data, make_classifier, tmp_path):
    X, Y = multilabel_data
    if layout == "memmap":
        np.save(tmp_path / "X.npy", X)
        values = np.load(tmp_path / "X.npy", mmap_mode="r")
    else:
        values = {
            "fortran": np.asfortranarray,
            "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
            "reversed": lambda X: X[::-1].copy()[::-1],
            "read-only": np.copy,
        }[layout](X)
        values.flags.writeable = layout != "read-only"
    clf = make_classifier().fit(values, Y)
    assert np.array_equal(clf.decision_function(values), plain.decision_function(X))


def test_images_in_their_own_shape():
    images, Y = load_digit_scenes(60, return_X_y=True, random_state=0)
    clf = KerasMultiLabelClassifier("mlp", random_state=0, epochs=2).fit(images, Y)
    assert clf.model_.input_shape == (None, *images.shape[1:])
    assert clf.predict_proba(images[:0]).shape == (0, 10)
    assert clf.predict(images).shape == Y.shape


@pytest.mark.parametrize("rows", [1, 3])
def test_fewer_rows_than_a_batch(rows, make_classifier):
    clf = make_classifier(batch_size=64).fit(np.eye(3)[:rows], np.eye(3, dtype=int)[:rows])
    assert clf.predict(np.eye(3)).shape == (3, 3)


def test_whole_set_as_one_batch(multilabel_data, make_classifier):
    clf = make_classifier(batch_size=-1, epochs=5).fit(*multilabel_data)
    assert int(clf.model_.optimizer.iterations) == 5


def test_score_is_subset_accuracy(multilabel_data, make_classifier):
    X, Y = multilabel_data
    weight = np.arange(120.0)
    clf = make_classifier(epochs=20).fit(X, Y)
    expected = accuracy_score(Y, clf.predict(X), sample_weight=weight)
    assert clf.score(X, Y, sample_weight=weight) == expected
    assert clf.score(X, sparse.csr_array(Y), sample_weight=weight) == expected
    clf.set_params(score__normalize=False)
    assert clf.score(X, Y) == (clf.predict(X) == Y).all(axis=1).sum()


def test_score_of_label_lists_counts_unknown_labels_as_wrong(make_classifier):
    X, y = np.eye(2), [["a"], ["b"]]
    clf = make_classifier().fit(X, y)
    own = clf.predict_labels(X)
    assert clf.score(X, own) == 1
    assert clf.score(X, [own[0], ["z"]]) == 0.5


@pytest.mark.thorough
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"class_weight": "balanced"}])
def test_label_lists_whose_indicator_is_sparse(params, monkeypatch, make_classifier):
    """As those of many labels are; the fit is the same."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)).astype(np.float32)
    names = np.array(["a", "b", "c"])
    y = [names[row].tolist() for row in X[:, :3] > 0.2]
    small = make_classifier(metrics=["f1_micro"], validation_split=0.2, **params).fit(X, y)
    monkeypatch.setattr(_target_encoder, "_DENSE_ENTRIES", 0)
    large = make_classifier(metrics=["f1_micro"], validation_split=0.2, **params).fit(X, y)
    assert sparse.issparse(large.target_encoder_.transform(y))
    np.testing.assert_allclose(large.predict_proba(X), small.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(large.history_["val_f1_micro"], small.history_["val_f1_micro"])
    assert large.score(X, y) == small.score(X, y)
    assert type(large.predict(X)) is np.ndarray


def test_progress_is_shown_when_asked_for(multilabel_data, make_classifier, capsys):
    make_classifier(epochs=2).fit(*multilabel_data)
    assert capsys.readouterr().out == ""
    make_classifier(epochs=2, verbose=1).fit(*multilabel_data)
    assert "Epoch 2/2" in capsys.readouterr().out


# Names of labels, and what holds on to them.


def test_a_series_of_thresholds_goes_by_names(make_classifier, multilabel_data):
    X, Y = multilabel_data
    frame = pd.DataFrame(Y, columns=list("uvw"))
    thresholds = pd.Series({"w": 0.1, "v": 0.2, "u": 0.9})
    clf = make_classifier(decision_rule=thresholds).fit(X, frame)
    np.testing.assert_array_equal(clf.decision_rule_.threshold, [0.9, 0.2, 0.1])
    numbered = make_classifier(decision_rule=thresholds.reset_index(drop=True)).fit(X, frame)
    np.testing.assert_array_equal(numbered.decision_rule_.threshold, [0.1, 0.2, 0.9])
    with pytest.raises(ValueError, match="decision_rule must have the names of the labels"):
        make_classifier(decision_rule=thresholds.rename({"w": "x"})).fit(X, frame)


def test_a_frame_of_weights_goes_by_names(make_classifier, multilabel_data):
    X, Y = multilabel_data
    frame = pd.DataFrame(Y, columns=list("uvw"))
    weight = pd.DataFrame(np.random.default_rng(0).random(Y.shape), columns=list("wuv"))
    by_name = make_classifier().fit(X, frame, sample_weight=weight)
    by_place = make_classifier().fit(X, frame, sample_weight=weight[list("uvw")].to_numpy())
    np.testing.assert_array_equal(by_name.predict_proba(X), by_place.predict_proba(X))


LABEL_LISTS = [["a"], ["a", "b"], [], ["c"]] * 3


@pytest.mark.parametrize("classes", [list("abcd"), np.array(list("abcd")), dict.fromkeys("abcd")])
def test_partial_fit_of_label_lists_with_all_classes(classes, make_classifier, multilabel_data):
    X = multilabel_data[0][:12]
    if isinstance(classes, dict):
        classes = classes.keys()
    clf = make_classifier().partial_fit(X, LABEL_LISTS, classes=classes)
    assert clf.label_names_.tolist() == list("abcd")
    clf.partial_fit(X, LABEL_LISTS, classes=list("abcd")).partial_fit(X, LABEL_LISTS)
    with pytest.raises(ValueError, match="classes must be the label names of the first call"):
        clf.partial_fit(X, LABEL_LISTS, classes=list("abdc"))
    assert clf.current_epoch == 3


def test_partial_fit_of_classes_in_any_order(make_classifier, multilabel_data):
    """As in scikit-learn: the codes of classes are in sorted order anyhow."""
    X, y, classes = multilabel_data[0], np.arange(120) % 3, np.array([1, 2, 0])
    clf = make_classifier().partial_fit(X, y, classes=classes)
    assert clf.partial_fit(X, y, classes=classes).classes_.tolist() == [0, 1, 2]
    clf.partial_fit(X, y, classes=[1, 0, 2])
    with pytest.raises(ValueError, match="classes must be the label names of the first call"):
        clf.partial_fit(X, y, classes=[0, 1, 3])


def test_partial_fit_with_the_values_of_an_indicator(make_classifier, multilabel_data):
    X, Y = multilabel_data
    for values in ([0, 1], np.array([1, 0])):
        clf = make_classifier().partial_fit(X, Y.tolist(), classes=values)
        assert clf.partial_fit(X, Y, classes=values).n_labels_ == 3
    clf = make_classifier().fit(X, Y)
    clf.partial_fit(X, Y, classes=clf.classes_)
    make_classifier().partial_fit(X, Y, classes=[np.array([0, 1])] * 3)
    with pytest.raises(ValueError, match="list or array in the order of the columns; got set"):
        make_classifier().partial_fit(X, Y, classes={"a", "b", "c"})


def test_a_routed_parameter_may_be_set_as_an_attribute():
    clf = KerasMultiLabelClassifier("mlp")
    clf.model__dropout = 0.9
    assert clf.get_params()["model__dropout"] == 0.9
    assert clone(clf).model__dropout == 0.9


# Networks that were trained elsewhere.


@pytest.mark.parametrize("n_bins", [None, 3])
def test_a_passed_network_keeps_what_it_was_trained_with(n_bins, make_classifier, multilabel_data):
    X, Y = multilabel_data
    source = make_classifier(model__n_bins=n_bins).fit(X[:60], Y[:60])
    network = keras.Model(source.model_.inputs[0], source.model_.outputs[0])
    frozen = KerasMultiLabelClassifier(
        network, optimizer="sgd", optimizer__learning_rate=0.0, epochs=1
    )
    expected = source.predict_proba(X)
    for clf in (
        clone(frozen).fit(3 * X[60:] + 50, Y[60:]),
        clone(frozen).initialize(3 * X[60:], Y[60:]),
        clone(frozen).partial_fit(X[:2], Y[:2]),
    ):
        np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-6)


def test_a_passed_network_that_was_never_trained_is_given_statistics(multilabel_data):
    X, Y = multilabel_data
    inputs = keras.Input((8,))
    network = keras.Model(inputs, keras.layers.Dense(3)(FeatureScaler(name="scaler")(inputs)))
    clf = KerasMultiLabelClassifier(network, epochs=1).fit(X, Y)
    np.testing.assert_allclose(clf.model_.get_layer("scaler").mean, X.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "classes"),
    [(np.asarray, [0, 1]), (sparse.csr_array, None), (pd.DataFrame, [0, 1])],
)
def test_one_label_stays_a_column_in_partial_fit(make, classes, multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier().partial_fit(X, make(Y[:, :1]), classes=classes)
    assert clf.predict(X).shape == (len(X), 1)


def test_weights_of_any_size(plain, multilabel_data, make_classifier):
    X, Y = multilabel_data
    expected = plain.predict_proba(X)
    for size in (1e-310, 1e-160, 1e300):
        clf = make_classifier().fit(X, Y, sample_weight=np.full(len(X), size))
        np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-5)


def test_callbacks_of_training_are_none_of_predictions(multilabel_data, make_classifier):
    """With them rows would not take the short way through NumPy."""
    X, Y = multilabel_data

    class Counts(keras.callbacks.Callback):
        n = 0

        def on_predict_begin(self, logs=None):
            Counts.n += 1

    stop = keras.callbacks.EarlyStopping("loss")
    clf = make_classifier(callbacks=[stop, Counts]).fit(X, Y)
    clf.predict(X)
    assert Counts.n == 1
    found = clf._prediction_options({})[1]
    assert [type(callback) for callback in found] == [Counts]


@pytest.mark.parametrize(
    "values",
    [
        (np.array(["a", "b", "c"]), np.array(["a", "b", "c", "d"])),
        (pd.Series(list("abc")), pd.Series(list("abd"), index=[3, 4, 5])),
    ],
    ids=["arrays", "series"],
)
def test_a_change_of_names_is_seen_in_any_container(values, multilabel_data, make_classifier):
    X, Y = multilabel_data
    clf = make_classifier(warm_start=True, label_names=values[0]).fit(X, Y)
    clf.set_params(label_names=copy.deepcopy(values[0])).fit(X, Y)
    with pytest.raises(ValueError, match="label_names changed since"):
        clf.set_params(label_names=values[1]).fit(X, Y)


@pytest.mark.parametrize(
    "params", [{"predict__batch_size": 0}, {"predict__verbose": "x"}, {"predict__callbacks": [5]}]
)
def test_options_of_predictions_are_checked_before_training(
    params, multilabel_data, make_classifier
):
    clf = make_classifier(**params)
    with pytest.raises((ValueError, TypeError), match=r"batch_size|verbose|callbacks"):
        clf.fit(*multilabel_data)
    assert not hasattr(clf, "model_")
