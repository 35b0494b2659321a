"""Losses, metrics, optimizers and callbacks of users': unregistered, and nothing gets lost."""

import copy
import pickle
import subprocess
import sys
from functools import partial

import joblib
import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._keras_objects import is_alike, packed, renewed, unpacked


def halved(y_true, y_pred):
    return 0.5 * keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)


class Weighted(keras.losses.Loss):
    """As users write it: nothing says what its parameters are."""

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        return self.weight * keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True)


class Always(keras.metrics.Mean):
    def __init__(self, value=1.0, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(self.value * keras.ops.ones_like(y_pred))

    def get_config(self):
        return {**super().get_config(), "value": self.value}


class Nested(keras.losses.Loss):
    """A loss that holds others."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = [inner]

    def call(self, y_true, y_pred):
        return self.inner[0].call(y_true, y_pred)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate / (1.0 + keras.ops.cast(step, "float32"))

    def get_config(self):
        return {"rate": self.rate}


class Passing(keras.metrics.Mean):
    """Takes what it hands on, and a parameter that stays as it is by default."""

    def __init__(self, *args, debug=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.debug = debug

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_pred)


def share_of_high(y_true, y_pred, border=0.5):
    return keras.ops.mean(keras.ops.cast(y_pred > border, "float32"), axis=-1)


class Forgetful(keras.metrics.Mean):
    def __init__(self, value=1.0, **kwargs):
        super().__init__(**kwargs)


class Slowed(keras.optimizers.SGD):
    pass


class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def build(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(Twice()(inputs)))


PARAMETERS = {
    "function": {"loss": halved},
    "layer": {"model": build},
    "loss": {"loss": Weighted(100.0)},
    "loss and metrics": {"loss": Weighted(3.0), "metrics": [Always(7.0), keras.metrics.AUC()]},
    "loss in a loss": {"loss": Nested(Weighted(3.0))},
    "function of a metric": {
        "metrics": [keras.metrics.MeanMetricWrapper(share_of_high, name="high", border=0.3)]
    },
    "metric that hands on": {"metrics": [Passing()]},
    "optimizer": {"optimizer": Slowed(0.1)},
    "schedule": {"optimizer": keras.optimizers.SGD(Schedule(0.1))},
}

# Of what is fitted, then of the parameters alone.
COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda clf: pickle.loads(pickle.dumps(clf)),
    "clone": clone,
}


@pytest.fixture(params=PARAMETERS.values(), ids=PARAMETERS)
def classifier(request):
    defaults = {"model": "linear", "epochs": 2, "random_state": 0}
    callback = keras.callbacks.EarlyStopping(monitor="loss")
    return KerasMultiLabelClassifier(**{**defaults, "callbacks": [callback], **request.param})


def test_copies_predict_and_train_alike(classifier, multilabel_data, tmp_path):
    """Copies of copies, of each kind, and from a file; what is saved needs no registration."""
    X, Y = multilabel_data
    history, expected = classifier.fit(X, Y).history_, classifier.predict_proba(X)
    *of_fitted, of_parameters = COPIES.values()
    for copied in of_fitted:
        classifier = copied(classifier)
    joblib.dump(classifier, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert of_parameters(loaded).fit(X, Y).history_ == history


@pytest.mark.thorough
def test_a_loss_keeps_its_parameters(multilabel_data):
    clf = KerasMultiLabelClassifier("linear", loss=Weighted(100.0), epochs=1, random_state=0)
    plain = clone(clf).set_params(loss=Weighted())
    ratio = (
        clf.fit(*multilabel_data).history_["loss"][0]
        / plain.fit(*multilabel_data).history_["loss"][0]
    )
    assert ratio == pytest.approx(100, rel=0.1)  # the first epoch trains too
    for copied in COPIES.values():
        assert copied(clf).loss.weight == 100
        assert copied(clf).loss is not clf.loss


def test_a_compiled_model_with_a_loss_of_ones_own(multilabel_data):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.compile("adam", Weighted(2.0))
    clf = KerasMultiLabelClassifier(model, epochs=1).fit(*multilabel_data)
    assert clf.model_.loss.weight == 2
    assert clf.model_.loss is not model.loss


@pytest.mark.thorough
@pytest.mark.parametrize("metric", [share_of_high, Always(7.0)], ids=["function", "object"])
def test_a_fitted_network_may_be_fitted_again(metric, multilabel_data):
    first = KerasMultiLabelClassifier("linear", metrics=[metric], epochs=1).fit(*multilabel_data)
    again = KerasMultiLabelClassifier(first.model_, epochs=1).fit(*multilabel_data)
    assert again.history_.keys() == first.history_.keys()


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_callback_may_predict(engine, make_classifier, multilabel_data):
    X, Y = multilabel_data
    clf = make_classifier(engine=engine, warm_start=True).fit(X, Y)
    predict = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clf.predict(X))
    stop = keras.callbacks.EarlyStopping(monitor="loss", restore_best_weights=True)
    clf.set_params(callbacks=[predict, stop]).fit(X, Y)
    assert predict._model is stop._model is None


@pytest.mark.parametrize("engine", ["auto", "keras"])
@pytest.mark.parametrize("nested", [list, lambda items: {"a": items[0], "b": items[1:]}])
def test_callbacks_keep_no_network(engine, nested, make_classifier, multilabel_data):
    X, Y = multilabel_data
    given = [keras.callbacks.EarlyStopping(monitor="loss"), keras.callbacks.TerminateOnNaN()]
    clf = make_classifier(callbacks=nested(given), engine=engine).fit(X, Y)
    clf.predict(X)
    assert [callback._model for callback in given] == [None, None]


def test_callbacks_keep_no_network_of_a_fit_that_failed(make_classifier, multilabel_data):
    def fail(epoch, logs):
        raise RuntimeError("stop")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(RuntimeError, match="stop"):
        make_classifier(callbacks=callback).fit(*multilabel_data)
    assert callback._model is None


@pytest.mark.parametrize(
    "use",
    [
        clone,
        pickle.dumps,
        lambda clf: clf.fit(np.eye(4), np.eye(4)),
    ],
)
def test_a_metric_that_does_not_tell_its_parameters(use):
    with pytest.raises(ValueError, match=r"Forgetful takes parameters, \['value'\], that its get_"):
        use(KerasMultiLabelClassifier("linear", metrics=[Forgetful(7.0)]))


def test_one_object_in_two_places_stays_one():
    loss = keras.losses.Huber()
    back = unpacked(pickle.loads(pickle.dumps(packed({"a": loss, "b": [loss]}))))
    assert back["a"] is back["b"][0]
    assert back["a"] is not loss


def test_other_values_are_handed_back_as_they_are():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    values = {"a": [schedule, (1, "x")], "b": partial(build), "c": np.arange(3), "d": None}
    back = unpacked(packed(values))
    assert back["a"] == values["a"]
    assert all(back[name] is values[name] for name in "bcd")


@pytest.mark.parametrize(
    "item",
    [
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.metrics.Precision(thresholds=0.3),
        keras.metrics.CosineSimilarity(axis=0),
        keras.optimizers.AdamW(0.01, weight_decay=0.2),
    ],
)
def test_what_keras_has_is_renewed_with_its_configuration(item):
    fresh = renewed([item])[0]
    assert fresh is not item
    assert type(fresh) is type(item)
    assert is_alike(fresh, item)
    assert vars(fresh).get("_fn_kwargs") == vars(item).get("_fn_kwargs")


def test_alike_are_those_of_one_class_and_configuration():
    adam = keras.optimizers.Adam(0.1)
    assert is_alike(adam, keras.optimizers.Adam(0.1))
    assert not is_alike(adam, keras.optimizers.Adam(0.2))
    assert not is_alike(adam, keras.optimizers.AdamW(0.1))


@pytest.mark.thorough
def test_a_saved_network_loads_where_the_estimator_was_imported(multilabel_data, tmp_path):
    """In a new process: one with a loss and metrics of ours, and an ensemble for sparse rows."""
    X, Y = multilabel_data
    metrics = ["accuracy", "f1_macro", keras.metrics.AUC(name="area")]
    mlp = KerasMultiLabelClassifier("mlp", epochs=1, loss="focal", metrics=metrics)
    mlp.set_params(validation_split=0.2).fit(X, Y)
    ensemble = KerasMultiLabelClassifier("ensemble", epochs=1, model__n_members=2)
    ensemble.fit(sparse.csr_array(X), Y)
    paths = [str(tmp_path / "mlp.keras"), str(tmp_path / "ensemble.keras")]
    for clf, path in zip((mlp, ensemble), paths, strict=True):
        clf.model_.save(path)
    code = (
        "import keras; from skmultilabel_keras import KerasMultiLabelClassifier; "
        f"shapes = [keras.models.load_model(path).output_shape for path in {paths}]; "
        f"assert shapes == 2 * [{mlp.model_.output_shape}]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
