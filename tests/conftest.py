"""Shared fixtures: small data, quiet TensorFlow, the folder of real data."""

import logging
import os
import pickle
import random
import sys
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import make_multilabel_classification

# How many cases of a test are quick; in modules whose tests train networks, the first one is.
QUICK_CASES = 6
TRAINING = frozenset(
    {
        "test_building",
        "test_class_weight",
        "test_classifier",
        "test_compiling",
        "test_engine",
        "test_engine_results",
        "test_estimator_decisions",
        "test_flat_optimizer",
        "test_keras_objects",
        "test_laws",
        "test_missing_labels",
        "test_monitoring",
        "test_multiclass",
        "test_networks",
        "test_networks_all",
        "test_networks_ensemble",
        "test_networks_features",
        "test_networks_images",
        "test_networks_tables",
        "test_networks_text",
        "test_networks_transfer",
        "test_process",
        "test_recipes",
        "test_sharing",
        "test_sklearn_tools",
        "test_tensorflow",
    }
)

settings.register_profile("default", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave the quick tests a few minutes; with the lowest versions, first cases run as well."""
    seen = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if seen[test] == 0 and not item.get_closest_marker("slow"):
            item.add_marker("lowest")
        limit = 1 if item.path.stem in TRAINING else QUICK_CASES
        if seen[test] >= limit or item.get_closest_marker("thorough"):
            item.add_marker("slow")
        seen[test] += 1


@pytest.fixture(scope="module", autouse=True)
def fresh_workers():
    """End loky's idle workers after each file, so that what one imported weighs on no other."""
    yield
    loky = sys.modules.get("joblib.externals.loky.reusable_executor")
    executor = getattr(loky, "_executor", None)
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=True)


@pytest.fixture(scope="session")
def multilabel_data():
    """Return 120 rows of 8 features with 3 labels."""
    X, Y = make_multilabel_classification(120, 8, n_classes=3, random_state=0)
    return X.astype(np.float32), Y


@pytest.fixture
def make_classifier():
    """Return a function that makes a small, seeded classifier that trains in a moment."""
    from skmultilabel_keras import KerasMultiLabelClassifier

    def make(**params):
        defaults = {"random_state": 0, "epochs": 3, "model__hidden_layer_sizes": (8,)}
        if "model" in params:
            del defaults["model__hidden_layer_sizes"]
        return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})

    return make


@pytest.fixture
def global_state():
    """Return a function that returns what a fit must not change."""
    import keras
    import tensorflow as tf
    from keras.src.backend.common import global_state as keras_globals
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    def current():
        names = keras_globals.get_global_attribute("object_name_uids")
        return {
            "python": random.getstate(),
            "numpy": pickle.dumps(np.random.get_state()),
            "tensorflow seed": tf.random.get_global_generator().state.numpy().tolist(),
            "tensorflow global seed": context.global_seed(),
            "determinism": config.is_op_determinism_enabled(),
            "eager": tf.config.functions_run_eagerly(),
            "floatx": keras.config.floatx(),
            "policy": keras.config.dtype_policy().name,
            "names": dict(names or {}),
            "environment": dict(os.environ),
            "logging": logging.getLogger("tensorflow").level,
        }

    return current
