"""Built-in networks and the layer that standardises their inputs."""

import keras
import numpy as np
import pytest

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._heads import output_activation
from skmultilabel_keras.networks import NETWORKS, FeatureScaler, linear, mlp, resolve_network


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 4), (5, 4, 4, 3)])
def test_networks_take_any_shape_and_end_in_logits(name, shape):
    model = NETWORKS[name]({"X_shape_": shape, "n_units_": 2})
    assert model.output_shape == (None, 2)
    assert output_activation(model) == "linear"
    assert not model.compiled


def test_parameters_of_mlp():
    meta = {"X_shape_": (5, 3), "n_units_": 2}
    model = mlp(meta, hidden_layer_sizes=(7, 5), activation="tanh", dropout=0.2, standardize=False)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [7, 5, 2]
    assert len(linear(meta).trainable_weights) == 2


def test_resolve_network():
    assert resolve_network("mlp") is mlp
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        resolve_network("liner")


def test_scaler_is_not_trained_and_survives_saving(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, FeatureScaler()(inputs))
    assert model.trainable_weights == []
    model.layers[-1].set_statistics(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    model.save(tmp_path / "scaler.keras")
    again = keras.models.load_model(tmp_path / "scaler.keras")
    x = np.array([[3.0, 6.0]], dtype=np.float32)
    assert np.array_equal(model.predict(x, verbose=0), [[1, 1]])
    assert np.array_equal(again.predict(x, verbose=0), [[1, 1]])


def test_statistics_are_those_of_the_training_rows(multilabel_data):
    X, Y = multilabel_data
    X = X * [1, 10, 100, 1e3, 1, 1, 1, 0] + [0, 1e4, 0, 0, 0, 0, 0, 5]
    validation = (X[:20] + 1e3, Y[:20])
    clf = KerasMultiLabelClassifier(epochs=1, random_state=0)
    clf.fit(X, Y, validation_data=validation)
    scaler = clf.model_.get_layer("scaler")

    assert np.allclose(scaler.mean, X.mean(axis=0), rtol=1e-5)
    assert np.allclose(scaler.scale[:-1], X.std(axis=0)[:-1], rtol=1e-4)
    assert float(scaler.scale[-1]) == 1  # constant


def test_unscaled_features_train_as_well_as_scaled(multilabel_data):
    X, Y = multilabel_data
    units = np.logspace(-4, 4, 8)
    plain = KerasMultiLabelClassifier(random_state=0, epochs=30).fit(X, Y)
    scaled = KerasMultiLabelClassifier(random_state=0, epochs=30).fit(X * units, Y)
    assert np.allclose(plain.predict_proba(X), scaled.predict_proba(X * units), atol=1e-2)


def test_networks_of_users_may_use_the_scaler(multilabel_data):
    X, Y = multilabel_data

    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        x = keras.layers.Dense(4)(FeatureScaler()(inputs))
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    clf = KerasMultiLabelClassifier(build, epochs=1).fit(X, Y)
    assert np.allclose(clf.model_.layers[1].mean, X.mean(axis=0), rtol=1e-5)
