"""The estimator inside scikit-learn's tools, and across pickling, processes and threads.

Where a tool does not take these targets from any estimator, the test shows that.
"""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, hamming_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmultilabel_keras import KerasMultiLabelClassifier, multilabel_scorers

METHODS = ["predict", "predict_proba", "decision_function"]


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Return 72 rows of 5 features with 3 labels; the last feature is noise alone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(72, 5))
    directions = rng.normal(size=(5, 3))
    directions[-1] = 0
    return X.astype(np.float32), (X @ directions > 0).astype(int)


@pytest.fixture
def make(make_classifier: Callable[..., Any]) -> Callable[..., KerasMultiLabelClassifier]:
    """Return a function that makes a classifier that trains even faster."""
    return lambda **params: make_classifier(**{"epochs": 2, **params})


@pytest.fixture(scope="module")
def plain(data) -> KerasMultiLabelClassifier:
    """Return what ``make().fit(*data)`` gives; tests must not change it."""
    estimator = KerasMultiLabelClassifier(
        "mlp", random_state=0, epochs=2, model__hidden_layer_sizes=(8,)
    )
    return estimator.fit(*data)


def _all_outputs(estimator: Any, X: Any) -> dict[str, Any]:
    return {name: getattr(estimator, name)(X) for name in METHODS}


def _assert_equal_outputs(estimator: Any, other: Any, X: Any) -> None:
    """Outputs must agree bit by bit, in values and dtypes."""
    got, wanted = _all_outputs(estimator, X), _all_outputs(other, X)
    for name in METHODS:
        assert got[name].dtype == wanted[name].dtype
        assert np.array_equal(got[name], wanted[name]), name


def _fold_outputs(estimator: Any, X: Any, Y: Any, cv: Any) -> dict[str, np.ndarray]:
    """Fit each fold by hand, and put the outputs for its test rows together."""
    outputs: dict[str, np.ndarray] = {}
    for train, test in cv.split(X):
        for name, values in _all_outputs(clone(estimator).fit(X[train], Y[train]), X).items():
            outputs.setdefault(name, np.empty_like(values))[test] = values[test]
    return outputs


# Pipelines and transformers


def test_pipeline(make, data):
    """A pipeline is its steps, one after the other."""
    X, Y = data
    scaler = StandardScaler()
    pipe = make_pipeline(clone(scaler), make()).fit(X, Y)

    Z = scaler.fit_transform(X)
    alone = make().fit(Z, Y)

    assert all(np.array_equal(getattr(pipe, name)(X), getattr(alone, name)(Z)) for name in METHODS)
    assert pipe.score(X, Y) == alone.score(Z, Y) == accuracy_score(Y, pipe.predict(X))
    assert np.array_equal(pipe.classes_, alone.classes_)


def test_pipeline_sets_parameters_behind_the_step(make, data):
    pipe = Pipeline([("scale", StandardScaler()), ("clf", make())])
    pipe.set_params(clf__epochs=1, clf__optimizer__learning_rate=0.5, clf__model__activation="tanh")

    pipe.fit(*data)

    assert len(pipe["clf"].history_["loss"]) == 1
    assert float(pipe["clf"].model_.optimizer.learning_rate) == 0.5
    assert pipe.get_params()["clf__model__activation"] == "tanh"
    with pytest.raises(ValueError, match=r"epochz.*epochs"):
        pipe.set_params(clf__epochz=1)


def test_column_transformer_on_frames(make, data):
    """Names of features and labels survive; values are those of the bare arrays."""
    X, Y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d", "e"])
    frame["colour"] = np.array(["red", "green", "blue"])[np.arange(len(X)) % 3]
    labels = pd.DataFrame(Y, columns=["sun", "rain", "wind"])
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b", "c", "d", "e"]),
        (OneHotEncoder(sparse_output=False), ["colour"]),
    ).set_output(transform="pandas")
    pipe = make_pipeline(columns, make()).fit(frame, labels)

    bare = make().fit(clone(columns).fit_transform(frame).to_numpy(), Y)

    names = list(columns.fit(frame).get_feature_names_out())
    assert list(pipe[-1].feature_names_in_) == names
    assert list(pipe[-1].label_names_) == ["sun", "rain", "wind"]
    assert np.array_equal(
        pipe.predict_proba(frame), bare.predict_proba(columns.transform(frame).to_numpy())
    )
    shuffled = frame[["colour", "e", "d", "c", "b", "a"]]
    assert np.array_equal(pipe.predict(frame), pipe.predict(shuffled))


DOCUMENTS = [
    ("sun and sand at the sea", ["beach"]),
    ("snow on the mountain", ["mountain", "winter"]),
    ("the sea in winter is cold", ["beach", "winter"]),
    ("a mountain by the sea", ["beach", "mountain"]),
    ("rain in the city", []),
    ("snow in the city", ["winter"]),
] * 5


def test_tfidf_features_stay_sparse(make):
    """Text to label names; the sparse matrix gives what the dense one gives."""
    texts, labels = [text for text, _ in DOCUMENTS], [names for _, names in DOCUMENTS]
    params = {"model__standardize": False, "epochs": 60, "optimizer__learning_rate": 0.05}
    pipe = make_pipeline(TfidfVectorizer(), make(**params)).fit(texts, labels)

    Z = pipe[0].transform(texts)
    dense = make(**params).fit(Z.toarray(), labels)

    assert sparse.issparse(Z)
    np.testing.assert_allclose(
        pipe.predict_proba(texts), dense.predict_proba(Z.toarray()), rtol=1e-4
    )
    assert pipe[-1].predict_labels(Z) == labels
    assert list(pipe[-1].label_names_) == ["beach", "mountain", "winter"]


# Searches


def _assert_sound_search(search: Any, X: Any, Y: Any, *, metric: str) -> None:
    """Scores are finite, the best one was chosen, and the refit is a plain fit of it."""
    _assert_best_of_finite(search)
    refit = clone(search.estimator).set_params(**search.best_params_).fit(X, Y)
    _assert_equal_outputs(search.best_estimator_, refit, X)
    mean = search.cv_results_[f"mean_test_{metric}"]
    assert mean[search.best_index_] == search.best_score_ == mean.max()


def _assert_best_of_finite(search: Any) -> None:
    results = search.cv_results_
    scores = [values for name, values in results.items() if "_test_" in name and "rank" not in name]
    assert np.isfinite(scores).all()
    assert results["params"][search.best_index_] == search.best_params_


def test_grid_search(make, data):
    X, Y = data
    pipe = Pipeline([("scale", StandardScaler()), ("clf", make())])
    grid = {
        "clf__optimizer__learning_rate": [0.1],
        "clf__model__hidden_layer_sizes": [(), (4,)],
    }

    search = GridSearchCV(pipe, grid, scoring=multilabel_scorers(), refit="f1_micro", cv=2)
    search.fit(X, Y)

    _assert_sound_search(search, X, Y, metric="f1_micro")
    params = search.cv_results_["params"]
    assert [p["clf__model__hidden_layer_sizes"] for p in params] == [(), (4,)]
    by_hand = cross_val_score(
        clone(pipe).set_params(**params[1]), X, Y, cv=2, scoring=multilabel_scorers()["f1_micro"]
    )
    in_search = [search.cv_results_[f"split{i}_test_f1_micro"][1] for i in range(2)]
    assert np.array_equal(in_search, by_hand)


@pytest.mark.thorough
def test_randomized_search(make, data):
    X, Y = data
    spaces = {
        "optimizer__learning_rate": stats.loguniform(1e-3, 1e-1),
        "model__hidden_layer_sizes": [(4,), (8,)],
        "batch_size": [16, 32],
    }

    search = RandomizedSearchCV(
        make(), spaces, n_iter=2, cv=2, scoring="f1_macro", random_state=0
    ).fit(X, Y)

    _assert_sound_search(search, X, Y, metric="score")
    rates = [params["optimizer__learning_rate"] for params in search.cv_results_["params"]]
    assert len(set(rates)) == 2
    assert all(1e-3 <= rate <= 1e-1 for rate in rates)


def test_halving_search(make, data):
    """Each round keeps the better half; epochs can be what is rationed."""
    X, Y = data

    search = HalvingGridSearchCV(
        make(),
        {"optimizer__learning_rate": [1e-3, 0.1]},
        factor=2,
        cv=2,
        scoring="f1_micro",
        resource="epochs",
        min_resources=1,
        max_resources=2,
        random_state=0,
    ).fit(X, Y)

    _assert_best_of_finite(search)
    assert search.n_candidates_ == [2, 1]
    assert search.n_resources_ == [1, 2]
    assert search.best_estimator_.n_iter_ == 2


@pytest.mark.slow
def test_what_users_get():
    """A pipeline in a search with all scorers and two processes, and its best one scored."""
    X, Y = sklearn.datasets.make_multilabel_classification(100, 10, n_classes=4, random_state=0)

    pipe = make_pipeline(StandardScaler(), KerasMultiLabelClassifier("mlp", random_state=0))
    search = GridSearchCV(
        pipe,
        {
            "kerasmultilabelclassifier__optimizer__learning_rate": [1e-3, 1e-2],
            "kerasmultilabelclassifier__model__hidden_layer_sizes": [(64,), (128, 64)],
        },
        scoring=multilabel_scorers(),
        refit="f1_micro",
        cv=5,
        n_jobs=2,
    )
    scores = cross_val_score(search.fit(X, Y).best_estimator_, X, Y, scoring="f1_macro")

    _assert_sound_search(search, X, Y, metric="f1_micro")
    assert scores.shape == (5,)
    assert scores.mean() > f1_score(Y, np.ones_like(Y), average="macro")


# Cross-validation


def test_cross_validate_with_many_scorers(make, data):
    """Scores of the folds are those of the fitted folds."""
    X, Y = data
    cv = KFold(2)
    scoring = {**multilabel_scorers(), "auc": "roc_auc", "ap": "average_precision"}

    result = cross_validate(
        make(), X, Y, cv=cv, scoring=scoring, return_estimator=True, return_indices=True
    )

    for fold, estimator in enumerate(result["estimator"]):
        test = result["indices"]["test"][fold]
        Y_pred = estimator.predict(X[test])
        loss = hamming_loss(Y[test], Y_pred)
        assert result["test_neg_hamming_loss"][fold] == pytest.approx(-loss, rel=1e-12)
        assert result["test_subset_accuracy"][fold] == accuracy_score(Y[test], Y_pred)
        assert result["test_f1_micro"][fold] == f1_score(Y[test], Y_pred, average="micro")
    assert all(np.isfinite(result[f"test_{name}"]).all() for name in scoring)


@pytest.mark.parametrize(("n_labels", "methods"), [(1, ["predict_proba"]), (2, METHODS)])
def test_cross_val_predict(make, data, n_labels, methods):
    """Out-of-fold outputs are the outputs of the folds, with a column for each label."""
    X, Y = data[0], data[1][:, :n_labels]
    wanted = _fold_outputs(make(), X, Y, KFold(2))

    for method in methods:
        outputs = cross_val_predict(make(), X, Y, cv=KFold(2), method=method)

        assert outputs.shape == (len(X), n_labels)
        assert np.array_equal(outputs, wanted[method])


def test_cross_val_predict_of_folds_that_lack_a_label(make, data):
    """A column that is constant in a training fold keeps its place."""
    X, Y = data[0], data[1].copy()
    Y[:36, 1], Y[36:, 2] = 0, 1

    for method in METHODS[1:]:
        outputs = cross_val_predict(make(), X, Y, cv=KFold(2), method=method)

        assert outputs.shape == Y.shape
        assert np.isfinite(outputs).all()


def test_cross_val_predict_of_classes(make, data):
    X, y = data[0], np.array(["a", "b"])[data[1][:, 0]]
    wanted = _fold_outputs(make(), X, y, KFold(2))

    for method in METHODS[1:]:
        outputs = cross_val_predict(make(), X, y, cv=KFold(2), method=method)

        assert np.array_equal(outputs, wanted[method])


def test_cross_val_predict_of_sparse_targets(make, data):
    """Predictions come back sparse; scikit-learn reads scores of dense targets only."""
    X, Y = data
    cv = KFold(2)

    Y_pred = cross_val_predict(make(), X, sparse.csr_array(Y), cv=cv)

    assert sparse.issparse(Y_pred)
    assert np.array_equal(Y_pred.toarray(), cross_val_predict(make(), X, Y, cv=cv))


def test_learning_curve_goes_on_with_partial_fit(make, data):
    """scikit-learn passes the values of ``y`` as classes; for an indicator these are 0 and 1."""
    X, Y = data

    sizes, _, test_scores = learning_curve(
        make(),
        X,
        Y,
        train_sizes=[0.5, 1.0],
        cv=KFold(2),
        scoring="f1_micro",
        exploit_incremental_learning=True,
    )

    assert sizes.tolist() == [18, 36]
    assert np.isfinite(test_scores).all()


def test_permutation_importance(make, data):
    """The feature on which no label depends matters least."""
    X, Y = data
    estimator = make(epochs=60, optimizer__learning_rate=0.05).fit(X, Y)

    def importances() -> np.ndarray:
        result = permutation_importance(
            estimator, X, Y, scoring="f1_macro", n_repeats=3, random_state=0
        )
        return result.importances_mean

    assert importances().argmin() == 4
    assert importances().max() > 0.1
    assert np.array_equal(importances(), importances())


# Meta-estimators


@pytest.mark.thorough
def test_stacking_of_labels(make, plain, data):
    """Features of the final estimator are out-of-fold probabilities, then those of the fits."""
    X, Y = data
    cv = KFold(2)
    stack = StackingClassifier([("net", make())], final_estimator=make(epochs=3), cv=cv)

    stack.fit(X, Y)

    assert stack.stack_method_ == ["predict_proba"]
    assert np.array_equal(stack.transform(X), plain.predict_proba(X))
    meta = cross_val_predict(make(), X, Y, cv=cv, method="predict_proba")
    final = make(epochs=3).fit(meta, Y)
    assert np.array_equal(stack.predict(X), final.predict(stack.transform(X)))
    assert stack.score(X, Y) == accuracy_score(Y, stack.predict(X))


def test_stacking_beside_a_forest(make, plain, data):
    """An array of probabilities stands beside the list of arrays that forests give."""
    X, Y = data
    forest = RandomForestClassifier(5, random_state=0)
    final = MultiOutputClassifier(LogisticRegression())

    stack = StackingClassifier([("net", make()), ("forest", forest)], final_estimator=final, cv=2)
    stack.fit(X, Y)

    assert stack.transform(X).shape == (len(X), 6)
    assert np.array_equal(stack.transform(X)[:, :3], plain.predict_proba(X))
    assert stack.predict(X).shape == stack.predict_proba(X).shape == Y.shape


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stacked_probabilities_need_lists_in_scikit_learn(make, data):
    """It reads the final estimator's probabilities as a list; its own MLPClassifier fails too."""
    X, Y = data
    for final in (make(), MLPClassifier(max_iter=2)):
        stack = StackingClassifier([("tree", RandomForestClassifier(2))], final_estimator=final)
        stack.set_params(cv=2).fit(X, Y)

        with pytest.raises(IndexError, match="array is 1-dimensional, but 2 were indexed"):
            stack.predict_proba(X)


def test_stacking_of_classes(make, data):
    X, Y = data
    y = np.array(["a", "b", "c"])[Y[:, :2].sum(axis=1)]

    stack = StackingClassifier([("net", make())], final_estimator=make(), cv=2).fit(X, y)

    assert stack.transform(X).shape == (len(X), 3)
    assert list(stack.classes_) == sorted(set(y))
    assert set(stack.predict(X)) <= set(y)
    np.testing.assert_allclose(stack.predict_proba(X).sum(axis=1), 1, rtol=1e-6)


def test_classifier_chain(make, data):
    """Each link is a binary classifier on the features and the labels before it."""
    X, Y = data
    order = [2, 0, 1]

    chain = ClassifierChain(make(), order=order).fit(X, Y)

    assert [link.n_features_in_ for link in chain.estimators_] == [5, 6, 7]
    second = make().fit(np.hstack([X, Y[:, [2]]]), Y[:, 0])
    first_label = chain.predict(X)[:, [2]]
    assert np.array_equal(
        chain.predict_proba(X)[:, 0],
        second.predict_proba(np.hstack([X, first_label]))[:, 1],
    )
    assert chain.decision_function(X).shape == Y.shape


def test_multi_output_classifier(make, data):
    """One network for each label, each a binary classifier."""
    X, Y = data

    many = MultiOutputClassifier(make()).fit(X, Y)

    one = make().fit(X, Y[:, 1])
    assert np.array_equal(many.predict_proba(X)[1], one.predict_proba(X))
    assert np.array_equal(many.predict(X)[:, 1], one.predict(X))
    assert many.score(X, Y) == accuracy_score(Y, many.predict(X))


def test_one_vs_rest_classifier(make, data):
    """One network for each column of a sparse indicator; predictions are sparse as well."""
    X, Y = data

    many = OneVsRestClassifier(make()).fit(X, sparse.csr_matrix(Y))

    one = make().fit(X, Y[:, 1])
    assert many.multilabel_
    assert np.array_equal(many.predict_proba(X)[:, 1], one.predict_proba(X)[:, 1])
    Y_pred = many.predict(X)
    assert sparse.issparse(Y_pred)
    assert np.array_equal(Y_pred[:, [1]].toarray().ravel(), one.predict(X))


@pytest.mark.thorough
def test_bagging_of_classes(make, data):
    """Probabilities are the mean over the networks, also where they see some features only."""
    X, Y = data
    y = np.array(["a", "b", "c"])[Y[:, :2].sum(axis=1)]

    bag = BaggingClassifier(make(), 2, max_features=0.8, random_state=0).fit(X, y)

    mean = np.mean(
        [
            network.predict_proba(X[:, features])
            for network, features in zip(bag.estimators_, bag.estimators_features_, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(bag.predict_proba(X), mean, rtol=1e-6)
    assert np.array_equal(bag.predict(X), bag.classes_[bag.predict_proba(X).argmax(axis=1)])


def test_bagging_takes_no_indicators(make, data):
    """scikit-learn's bagging is for 1-D targets, whatever it bags."""
    for estimator in (make(), RandomForestClassifier(2)):
        with pytest.raises(ValueError, match="y should be a 1d array"):
            BaggingClassifier(estimator, 2).fit(*data)


# Copies and files


def _load_mapped(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "estimator.joblib")
    return joblib.load(folder / "estimator.joblib", mmap_mode="r")


COPIES: dict[str, Callable[[Any, Path], Any]] = {
    "oldest pickle": lambda estimator, folder: pickle.loads(pickle.dumps(estimator, protocol=2)),
    "cloudpickle": lambda estimator, folder: cloudpickle.loads(cloudpickle.dumps(estimator)),
    "deepcopy": lambda estimator, folder: copy.deepcopy(estimator),
    "joblib, mapped": _load_mapped,
}


@pytest.fixture(scope="module")
def frames(data) -> tuple[np.ndarray, pd.DataFrame]:
    return data[0], pd.DataFrame(data[1], columns=["sun", "rain", "wind"])


@pytest.fixture(scope="module")
def fitted(frames) -> KerasMultiLabelClassifier:
    """Return an estimator fitted on a frame; tests must not change it."""
    return KerasMultiLabelClassifier(
        "mlp", random_state=0, epochs=2, model__hidden_layer_sizes=(4,), warm_start=True
    ).fit(*frames)


@pytest.fixture(scope="module")
def further(frames) -> tuple[KerasMultiLabelClassifier, KerasMultiLabelClassifier]:
    """Return the same estimator, never copied, after one and after two more calls."""
    first, second = (
        KerasMultiLabelClassifier(
            "mlp", random_state=0, epochs=2, model__hidden_layer_sizes=(4,), warm_start=True
        )
        .fit(*frames)
        .partial_fit(*frames)
        for _ in range(2)
    )
    return first, second.fit(*frames)


def test_clone_is_unfitted_and_fits_alike(fitted, frames):
    copied = clone(fitted)

    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "model_")
    assert not hasattr(copied, "classes_")
    _assert_equal_outputs(copied.fit(*frames), fitted, frames[0])


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_copies_predict_alike_and_go_on_alike(fitted, further, frames, tmp_path, make_copy):
    """Weights, names, history and the optimizer's state are all there, and nothing is shared."""
    X, _ = frames
    proba = fitted.predict_proba(X)

    copied = make_copy(fitted, tmp_path)

    _assert_equal_outputs(copied, fitted, X)
    assert copied.get_params() == fitted.get_params()
    assert copied.history_ == fitted.history_
    assert copied.predict_labels(X) == fitted.predict_labels(X)
    for uncopied, go_on in zip(further, (copied.partial_fit, copied.fit), strict=True):
        _assert_equal_outputs(go_on(*frames), uncopied, X)
        assert copied.history_ == uncopied.history_
        assert copied.current_epoch == uncopied.current_epoch
    assert not np.array_equal(copied.predict_proba(X), proba)
    assert np.array_equal(fitted.predict_proba(X), proba)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_unfitted_estimators_can_be_copied(make, data, tmp_path, make_copy):
    copied = make_copy(make(), tmp_path)

    assert copied.get_params() == make().get_params()
    assert not hasattr(copied, "model_")


def build_net(meta: dict[str, Any], units: int = 4) -> keras.Model:
    """Build a user's network: a function at the top of a module, which pickle finds by name."""
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(units, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(hidden))


def build_compiled(meta: dict[str, Any], compile_kwargs: dict[str, Any]) -> keras.Model:
    """Build as SciKeras' guide does: the function compiles by itself, on probabilities."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(4, activation="tanh")(inputs)
    outputs = keras.layers.Dense(meta["n_units_"], activation="sigmoid")(hidden)
    network = keras.Model(inputs, outputs)
    network.compile(loss="binary_crossentropy", optimizer=compile_kwargs["optimizer"])
    return network


def _local_function(scale: float) -> Callable[..., keras.Model]:
    """Return a closure, which only cloudpickle can carry elsewhere."""

    def build(meta: dict[str, Any], *, units: int = 4) -> keras.Model:
        inputs = keras.Input(meta["X_shape_"][1:])
        hidden = keras.layers.Dense(units, activation="relu")(inputs * scale)
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(hidden))

    return build


def _compiled_sequential() -> keras.Model:
    """Return a network that is compiled on probabilities."""
    network = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(3, "sigmoid")]
    )
    network.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryCrossentropy())
    return network


def _functional() -> keras.Model:
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, "relu")(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.Concatenate()([inputs, hidden]))
    return keras.Model(inputs, outputs)


def _compiled_functional() -> keras.Model:
    """Return a network that is compiled on logits."""
    network = _functional()
    network.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryCrossentropy(from_logits=True))
    return network


MODELS: dict[str, Callable[[], Any]] = {
    "closure": lambda: _local_function(1.0),
    "compiling function": lambda: build_compiled,
    "compiled Sequential": _compiled_sequential,
    "Functional": _functional,
}


# What a process that has never seen the estimator does with the files: it knows no test module.
_READER = """
import pickle, sys
import joblib, numpy as np
folder = sys.argv[1]
X, Y = np.load(folder + "/X.npy"), np.load(folder + "/Y.npy")
for name in sys.argv[2:]:
    path = f"{folder}/{name}"
    if name == "mapped":
        estimator = joblib.load(path, mmap_mode="r")
    else:
        with open(path, "rb") as file:
            estimator = pickle.load(file)
    np.save(path + "-proba.npy", estimator.predict_proba(X))
    np.save(path + "-labels.npy", estimator.predict(X))
    np.save(path + "-later.npy", estimator.partial_fit(X, Y).predict_proba(X))
    np.save(path + "-anew.npy", estimator.set_params(warm_start=False).fit(X, Y).predict_proba(X))
"""


@pytest.fixture(scope="module")
def saved(data, tmp_path_factory) -> Iterator[tuple[Path, dict[str, KerasMultiLabelClassifier]]]:
    """Save estimators, let a fresh process load and use them, and return its outputs' folder."""
    X, Y = data
    params = {"random_state": 0, "epochs": 2}
    estimators = {
        "pickled": KerasMultiLabelClassifier("mlp", model__hidden_layer_sizes=(4,), **params),
        "mapped": KerasMultiLabelClassifier("mlp", model__hidden_layer_sizes=(4,), **params),
        "local": KerasMultiLabelClassifier(_local_function(2.0), model__units=3, **params),
        "compiled": KerasMultiLabelClassifier(_by_value(build_compiled), **params),
    }
    folder = tmp_path_factory.mktemp("saved")
    np.save(folder / "X.npy", X)
    np.save(folder / "Y.npy", Y)
    for name, estimator in estimators.items():
        estimator.fit(X, Y)
        if name == "mapped":
            joblib.dump(estimator, folder / name)
        else:
            dump = pickle.dumps if name == "pickled" else cloudpickle.dumps
            (folder / name).write_bytes(dump(estimator))
    root = Path(__file__).parents[1]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READER, str(folder), *estimators],
        check=True,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7"},
        timeout=300,
    )
    return folder, estimators


def _by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy of a function that cloudpickle cannot find by name."""
    return type(function)(
        function.__code__, {"keras": keras}, "nowhere", function.__defaults__, function.__closure__
    )


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["pickled", "mapped", "local", "compiled"])
def test_fresh_process_predicts_alike_and_goes_on_alike(saved, data, name):
    X, Y = data
    folder, estimators = saved
    estimator = estimators[name]

    assert np.array_equal(np.load(folder / f"{name}-proba.npy"), estimator.predict_proba(X))
    assert np.array_equal(np.load(folder / f"{name}-labels.npy"), estimator.predict(X))
    anew = clone(estimator).fit(X, Y)
    assert np.array_equal(np.load(folder / f"{name}-anew.npy"), anew.predict_proba(X))
    later = estimator.partial_fit(X, Y)
    assert np.array_equal(np.load(folder / f"{name}-later.npy"), later.predict_proba(X))


# Processes and threads


# One set of loky workers serves all cases: starting them imports TensorFlow twice. What is larger
# than a byte reaches them as a read-only, memory-mapped array.
WORKERS = {"max_nbytes": 1}


@pytest.fixture(scope="module")
def alone(request, data) -> tuple[KerasMultiLabelClassifier, dict[str, Any]]:
    """Return an estimator, whatever its network comes as, and its cross-validation in one job."""
    params = {"random_state": 0, "epochs": 2}
    if request.param == "built-in":
        estimator = KerasMultiLabelClassifier(
            "mlp", model__hidden_layer_sizes=(8,), model__dropout=0.3, **params
        )
    else:
        estimator = KerasMultiLabelClassifier(_compiled_functional(), **params)
    return estimator, cross_validate(estimator, *data, n_jobs=1, **_IN_JOBS)


_IN_JOBS = {"cv": KFold(2), "scoring": multilabel_scorers(), "return_estimator": True}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("alone", "backend"),
    [("built-in", "loky"), ("compiled", "loky"), ("compiled", "threading")],
    indirect=["alone"],
)
def test_two_workers_give_what_one_gives(alone, data, backend):
    """Scores, probabilities and history agree bit by bit; threads share a model that is passed."""
    estimator, wanted = alone

    with joblib.parallel_config(backend, **WORKERS):
        result = cross_validate(estimator, *data, n_jobs=2, **_IN_JOBS)

    for name in multilabel_scorers():
        assert np.array_equal(result[f"test_{name}"], wanted[f"test_{name}"]), name
    for one, other in zip(result["estimator"], wanted["estimator"], strict=True):
        _assert_equal_outputs(one, other, data[0])
        assert one.history_ == other.history_


def test_many_threads_may_share_one_fitted_estimator(fitted, data):
    """Predicting changes nothing, so that threads do not disturb each other."""
    X, _ = data
    wanted = fitted.predict_proba(X)

    got = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(fitted.predict_proba)(X[start:]) for start in range(0, 60, 2)
    )

    for start, outputs in zip(range(0, 60, 2), got, strict=True):
        np.testing.assert_allclose(outputs, wanted[start:], rtol=1e-5)


# Metadata routing


@pytest.fixture
def _routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def weight(data) -> np.ndarray:
    return np.where(data[1][:, 0] == 1, 5.0, 0.2)


@pytest.fixture
def weighted(make, _routing) -> Pipeline:
    """Return a pipeline whose classifier asks for weights in ``fit`` and in ``score``."""
    classifier = make(epochs=3).set_fit_request(sample_weight=True)
    classifier.set_score_request(sample_weight=True)
    pipe = Pipeline([("scale", StandardScaler()), ("clf", classifier)])
    pipe["scale"].set_fit_request(sample_weight=False)
    # scikit-learn 1.7 asks the pipeline, not its last step, where no scorer is given.
    return pipe.set_score_request(sample_weight=True)


@pytest.mark.usefixtures("_routing")
def test_a_pipeline_transforms_validation_rows(make, data):
    X, y = data
    X = 100 + 10 * X  # which the network would be lost with
    classifier = make(model__standardize=False).set_fit_request(
        X_val=True, y_val=True, sample_weight_val=True
    )
    pipe = make_pipeline(StandardScaler(), classifier, transform_input=["X_val"])
    weight = np.arange(20) % 3 + 1.0
    pipe.fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20], sample_weight_val=weight)
    scaled = pipe[0].transform(X)
    alone = clone(classifier)
    alone.fit(scaled[20:], y[20:], validation_data=(scaled[:20], y[:20], weight))
    assert pipe[-1].history_ == alone.history_
    assert "val_loss" in alone.history_


@pytest.mark.usefixtures("_routing")
def test_routing_needs_a_request(make, data, weight):
    """Weights that nobody asked for are an error, not dropped."""
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), make())

    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        pipe.fit(*data, sample_weight=weight)


def test_requests_survive_clone_and_pickle(weighted):
    classifier = weighted["clf"]
    for copied in (clone(classifier), pickle.loads(pickle.dumps(classifier))):
        requests = copied.get_metadata_routing()

        assert requests.fit.requests["sample_weight"] is True
        assert requests.score.requests["sample_weight"] is True


def test_routing_through_a_pipeline(weighted, make, data, weight):
    """The weights arrive: the fit is the weighted one, and not the plain one."""
    X, Y = data
    Z = StandardScaler().fit_transform(X)

    weighted.fit(X, Y, sample_weight=weight)

    proba = weighted.predict_proba(X)
    assert np.array_equal(proba, make(epochs=3).fit(Z, Y, sample_weight=weight).predict_proba(Z))
    assert not np.array_equal(proba, make(epochs=3).fit(Z, Y).predict_proba(Z))
    assert weighted.score(X, Y, sample_weight=weight) == accuracy_score(
        Y, weighted.predict(X), sample_weight=weight
    )


def test_routing_through_cross_validate(weighted, data, weight):
    """Both the fit and the score of each fold get the weights of their rows."""
    X, Y = data
    cv = KFold(2)

    result = cross_validate(
        weighted, X, Y, cv=cv, params={"sample_weight": weight}, return_estimator=True
    )

    for fold, (train, test) in enumerate(cv.split(X)):
        by_hand = clone(weighted).fit(X[train], Y[train], sample_weight=weight[train])
        _assert_equal_outputs(result["estimator"][fold], by_hand, X)
        score = by_hand.score(X[test], Y[test], sample_weight=weight[test])
        assert result["test_score"][fold] == score


def test_routing_through_grid_search(weighted, data, weight):
    """Search, scorers and the refit get the weights."""
    X, Y = data
    scoring = {
        name: scorer.set_score_request(sample_weight=True)
        for name, scorer in multilabel_scorers(["f1_micro", "neg_label_log_loss"]).items()
    }
    search = GridSearchCV(
        weighted, {"clf__epochs": [1, 3]}, scoring=scoring, refit="f1_micro", cv=KFold(2)
    )

    search.fit(X, Y, sample_weight=weight)

    refit = clone(weighted).set_params(**search.best_params_).fit(X, Y, sample_weight=weight)
    _assert_equal_outputs(search.best_estimator_, refit, X)
    train, test = next(KFold(2).split(X))
    first = clone(weighted).set_params(clf__epochs=1)
    first.fit(X[train], Y[train], sample_weight=weight[train])
    wanted = f1_score(Y[test], first.predict(X[test]), average="micro", sample_weight=weight[test])
    assert search.cv_results_["split0_test_f1_micro"][0] == wanted


def test_weights_as_fit_parameters_without_routing(make, data, weight):
    """The way before metadata routing: a step's name before the argument's."""
    X, Y = data
    pipe = Pipeline([("scale", StandardScaler()), ("clf", make())])

    pipe.fit(X, Y, clf__sample_weight=weight)

    Z = StandardScaler().fit_transform(X)
    assert np.array_equal(
        pipe.predict_proba(X), make().fit(Z, Y, sample_weight=weight).predict_proba(Z)
    )


# Users' own networks


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_own_networks(make, data, model):
    """Each kind learns its training rows, is cloned and saved, and gives probabilities."""
    X, Y = data
    estimator = make(model=model(), epochs=30)
    if not getattr(estimator.model, "compiled", False):
        estimator.set_params(optimizer__learning_rate=0.1)

    estimator.fit(X, Y)

    proba = estimator.predict_proba(X)
    assert proba.shape == Y.shape
    assert (proba >= 0).all()
    assert (proba <= 1).all()
    assert np.array_equal(estimator.predict(X), proba > 0.5)
    assert f1_score(Y, estimator.predict(X), average="micro") > 0.7
    assert estimator.history_["loss"][-1] < estimator.history_["loss"][0]
    _assert_equal_outputs(clone(estimator).fit(X, Y), estimator, X)
    copied = cloudpickle.loads(cloudpickle.dumps(estimator))
    _assert_equal_outputs(copied, estimator, X)


def test_given_models_are_not_trained_in_place(make, data):
    """Each fit starts from the weights of the model that was given, and leaves them alone."""
    X, Y = data
    network = _compiled_functional()
    weights = [w.copy() for w in network.get_weights()]

    estimator = make(model=network).fit(X, Y)

    assert all(map(np.array_equal, network.get_weights(), weights))
    assert estimator.model_ is not network
    _assert_equal_outputs(clone(estimator).fit(X, Y), estimator, X)
    assert clone(estimator).model is network


def test_compiling_functions_get_the_estimators_optimizer(make, data):
    """``compile_kwargs`` holds the optimizer with its routed parameters."""
    estimator = make(model=build_compiled, optimizer="sgd", optimizer__momentum=0.5).fit(*data)

    assert isinstance(estimator.model_.optimizer, keras.optimizers.SGD)
    assert estimator.model_.optimizer.momentum == 0.5


@pytest.mark.thorough
def test_functions_own_parameters_can_be_searched(make, data):
    """With the prefix and, as in SciKeras, without."""
    X, Y = data
    search = GridSearchCV(make(model=build_net), {"model__units": [2, 6]}, cv=2).fit(X, Y)

    units = search.best_params_["model__units"]
    assert search.best_estimator_.model_.layers[1].units == units
    bare = make(model=build_net, units=1).set_params(units=units).fit(X, Y)
    _assert_equal_outputs(bare, search.best_estimator_, X)
    with pytest.raises(ValueError, match=r"model__unitz.*model__units"):
        make(model=build_net, model__unitz=3).fit(X, Y)


def test_module_functions_pickle_by_name(make, data):
    X, Y = data
    estimator = make(model=build_net, model__units=3).fit(X, Y)

    copied = pickle.loads(pickle.dumps(estimator))

    assert copied.model is build_net
    _assert_equal_outputs(copied, estimator, X)


@pytest.mark.thorough
def test_closures_need_cloudpickle(make, data):
    """Plain pickle refuses a closure, and says so; the estimator adds no message of its own."""
    estimator = make(model=_local_function(1.0)).fit(*data)

    with pytest.raises((AttributeError, pickle.PicklingError), match="local object"):
        pickle.dumps(estimator)
