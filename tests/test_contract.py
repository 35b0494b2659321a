"""scikit-learn's own checks: all on the default, those of the network on one unlike it."""

import keras
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.networks import FeatureScaler

# Both look at the classes of SciKeras from which the estimator inherits.
EXPECTED_TO_FAIL = {
    "check_mixin_order": "SciKeras' KerasClassifier names BaseWrapper before ClassifierMixin",
    "check_estimator_tags_renamed": "SciKeras' BaseWrapper defines _more_tags",
}


def name_of(check):
    return getattr(check, "func", check).__name__


def run_check(check, estimator, monkeypatch):
    """Run a check; that of row order with the tolerance scikit-learn's tests have for float32.

    BLAS may round a row by its place in the matrix, on some processors and not on others, and the
    check asks for float64's tolerance whatever the dtype.
    """
    if name_of(check) == "check_methods_sample_order_invariance":
        equal = estimator_checks.assert_allclose_dense_sparse
        monkeypatch.setattr(
            estimator_checks,
            "assert_allclose_dense_sparse",
            lambda x, y, atol, err_msg: equal(x, y, rtol=1e-4, atol=1e-6, err_msg=err_msg),
        )
    check(estimator)


def build_selu(meta, units=24):
    """Return a network as users write them, which ends in an activation."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = FeatureScaler()(inputs)
    x = keras.layers.Dense(units, activation="selu")(x)
    activation = "softmax" if meta["target_type_"] == "multiclass" else "sigmoid"
    if meta["n_units_"] == 1 and activation == "softmax":
        activation = None  # Keras warns of a softmax over one class
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], activation=activation)(x))


OTHER = KerasMultiLabelClassifier(
    build_selu,
    model__units=32,
    batch_size=-1,
    epochs=80,
    optimizer="rmsprop",
    optimizer__learning_rate=0.02,
    early_stopping=True,
    n_iter_no_change=20,
    validation_split=0.15,
)


def expected_to_fail(estimator):
    return EXPECTED_TO_FAIL


# What depends on the network and its training.
OF_THE_NETWORK = (
    "check_classifiers_classes",
    "check_classifiers_multilabel_output_format_decision_function",
    "check_classifiers_multilabel_output_format_predict",
    "check_classifiers_multilabel_output_format_predict_proba",
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_one_label",
    "check_classifiers_train",
    "check_decision_proba_consistency",
    "check_dict_unchanged",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_sample_weight_equivalence_on_dense_data",
)


@pytest.mark.lowest
@pytest.mark.slow
@parametrize_with_checks([KerasMultiLabelClassifier()], expected_failed_checks=expected_to_fail)
def test_default(estimator, check, monkeypatch):
    """What does not depend on training, or repeats a check on memory maps, has a few epochs."""
    if name_of(check) not in OF_THE_NETWORK or getattr(check, "keywords", None):
        estimator = clone(estimator).set_params(epochs=4)
    run_check(check, estimator, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_THE_NETWORK)
def test_other(name, monkeypatch):
    checks = (check for _, check in estimator_checks_generator(OTHER) if name_of(check) == name)
    run_check(next(checks), OTHER, monkeypatch)


def test_multilabel_checks_are_among_them():
    """The checks for indicators run only where the tags say that they should."""
    names = {name_of(check) for _, check in estimator_checks_generator(KerasMultiLabelClassifier())}
    assert {
        "check_classifiers_multilabel_representation_invariance",
        "check_classifiers_multilabel_output_format_predict",
        "check_classifiers_multilabel_output_format_predict_proba",
        "check_classifiers_multilabel_output_format_decision_function",
    } <= names
