"""Multi-label scores of the validation rows in the logs."""

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import accuracy_score

from skmultilabel_keras import KerasMultiLabelClassifier, _classifier, metrics
from skmultilabel_keras._monitoring import improvement_of
from skmultilabel_keras._tensorflow import prediction

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)).astype(np.float32)
Y = (X[:, :4] + RNG.normal(size=(120, 4)) > [0.0, 1.0, -1.0, 0.5]).astype(int)
TRAIN, HELD_OUT = slice(0, 80), slice(80, 120)


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 4, "batch_size": 16}
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


def fit(clf, X=X, y=Y, weight=None):
    held_out = (X[HELD_OUT], y[HELD_OUT])
    return clf.fit(
        X[TRAIN], y[TRAIN], validation_data=held_out if weight is None else (*held_out, weight)
    )


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["auto", "keras"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_logs_are_what_the_metrics_say_of_the_last_weights(engine, make):
    names = ["f1_micro", "hamming_loss", "neg_hamming_loss", "label_ranking_loss", "roc_auc_macro"]
    clf = fit(classifier(metrics=names, engine=engine), make(X), make(Y))
    assert clf.engine_.name == ("keras" if engine == "keras" else "shared")
    assert all(len(clf.history_[f"val_{name}"]) == 4 for name in names)
    assert "f1_micro" not in clf.history_
    last = {name: clf.history_[f"val_{name}"][-1] for name in names}
    y_score, y_pred = clf.predict_proba(X[HELD_OUT]), Y[HELD_OUT] * 0 + clf.predict(X[HELD_OUT])
    assert last["f1_micro"] == metrics.f1_score(Y[HELD_OUT], y_pred, average="micro")
    assert last["hamming_loss"] == metrics.hamming_loss(Y[HELD_OUT], y_pred)
    assert last["neg_hamming_loss"] == -last["hamming_loss"]
    assert last["label_ranking_loss"] == pytest.approx(
        metrics.label_ranking_loss(Y[HELD_OUT], y_score)
    )
    assert last["roc_auc_macro"] == pytest.approx(
        metrics.roc_auc(Y[HELD_OUT], y_score, average="macro")
    )


def test_every_scorer_comes_from_one_prediction(monkeypatch):
    calls = []

    def predict_outputs(*args, **kwargs):
        calls.append(args)
        return prediction.predict_outputs(*args, **kwargs)

    monkeypatch.setattr(_classifier, "predict_outputs", predict_outputs)
    clf = fit(classifier(metrics=list(metrics.SCORER_NAMES), epochs=3))
    assert len(calls) == 3
    for name, scorer in metrics.multilabel_scorers().items():
        assert clf.history_[f"val_{name}"][-1] == pytest.approx(
            scorer(clf, X[HELD_OUT], Y[HELD_OUT])
        )


@pytest.mark.thorough
def test_they_stand_beside_metrics_of_keras_and_train_alike():
    clf = fit(classifier(metrics=["accuracy", "f1_macro"]))
    plain = fit(classifier())
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "val_f1_macro"} == set(clf.history_)
    assert clf.history_["loss"] == pytest.approx(plain.history_["loss"])
    assert list(fit(classifier(metrics="f1_macro")).history_)[-1] == "val_f1_macro"


@pytest.mark.thorough
def test_decision_rules_and_missing_labels_are_seen():
    y = Y.astype(float)
    y[::4, 1] = np.nan
    clf = fit(classifier(metrics=["f1_samples"], decision_rule="example_f"), y=y)
    expected = metrics.f1_score(y[HELD_OUT], clf.predict(X[HELD_OUT]), average="samples")
    assert clf.history_["val_f1_samples"][-1] == pytest.approx(expected)


def test_weights_of_validation_rows_count():
    weight = np.repeat([0.0, 1.0], 20)
    clf = fit(classifier(metrics=["hamming_loss"]), weight=weight)
    expected = metrics.hamming_loss(Y[100:], clf.predict(X[100:]))
    assert clf.history_["val_hamming_loss"][-1] == pytest.approx(expected)


@pytest.mark.parametrize(
    "monitor", ["val_f1_micro", "val_hamming_loss", "val_loss", "val_accuracy"]
)
def test_early_stopping_takes_the_best_weights_back(monitor):
    asked = ["accuracy"] if monitor == "val_accuracy" else None
    clf = classifier(
        early_stopping=True, monitor=monitor, n_iter_no_change=3, epochs=40, metrics=asked
    )
    fit(clf.set_params(optimizer__learning_rate=0.05))
    watched = clf.history_[monitor]
    best = min if monitor in ("val_hamming_loss", "val_loss") else max
    assert clf.n_iter_ == len(watched) < 40
    assert watched.index(best(watched)) == len(watched) - 4
    if monitor == "val_f1_micro":
        found = metrics.f1_score(Y[HELD_OUT], clf.predict(X[HELD_OUT]), average="micro")
        assert found == best(watched)
    if monitor == "val_loss":
        z = clf.decision_function(X[HELD_OUT]).astype(np.float64)
        found = np.mean(np.logaddexp(0, z) - Y[HELD_OUT] * z)
        assert found == pytest.approx(best(watched), rel=1e-4)


def test_epochs_without_evaluation_have_no_scores():
    clf = fit(classifier(metrics=["f1_micro"], fit__validation_freq=2))
    assert len(clf.history_["val_f1_micro"]) == len(clf.history_["val_loss"]) == 2


def test_a_split_is_enough():
    clf = classifier(metrics=["f1_micro"], validation_split=0.2).fit(X, Y)
    assert len(clf.history_["val_f1_micro"]) == 4


def test_partial_fit_has_no_validation_rows():
    clf = classifier(metrics=["f1_micro"]).partial_fit(X, Y)
    assert set(clf.history_) == {"loss"}


def half(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1) / 2


def test_modes():
    clf = classifier(metrics=["accuracy", half, keras.metrics.AUC(name="area")]).initialize(X, Y)
    known = {
        "loss": "min",
        "val_loss": "min",
        "val_f1_micro": "max",
        "val_hamming_loss": "min",
        "val_neg_hamming_loss": "max",
        "accuracy": "auto",
        "val_accuracy": "auto",
        "val_area": "auto",
    }
    assert {name: improvement_of(name, clf.model_) for name in known} == known
    for name in ("half", "val_half"):
        with pytest.raises(ValueError, match=rf"whether more is better; got '{name}'.*mode='max'"):
            improvement_of(name, clf.model_)


def test_functions_are_watched_by_a_callback_that_says_what_is_better():
    asked = {"early_stopping": True, "monitor": "val_half", "metrics": [half]}
    clf = classifier(**asked)
    with pytest.raises(ValueError, match="In place of early_stopping, pass callbacks="):
        fit(clf)

    callback = keras.callbacks.EarlyStopping("val_half", mode="max", restore_best_weights=True)
    clf.set_params(early_stopping=False, callbacks=[callback])
    assert len(fit(clf).history_["val_half"]) >= 1


def test_entries_of_weight_zero_count_in_no_score():
    weight = np.ones((40, 4))
    weight[:, 2] = 0
    clf = fit(classifier(metrics=["hamming_loss"]), weight=weight)
    kept = [0, 1, 3]
    predicted = clf.predict(X[HELD_OUT])[:, kept]
    expected = metrics.hamming_loss(Y[HELD_OUT][:, kept], predicted)
    assert clf.history_["val_hamming_loss"][-1] == pytest.approx(expected)


@pytest.mark.parametrize("monitor", ["val_f1_mirco", "f1_micro", "val_acuracy"])
def test_what_cannot_be_watched(monitor):
    clf = classifier(early_stopping=True, monitor=monitor, metrics=["accuracy"])
    with pytest.raises(ValueError, match=f"monitor must be .* got '{monitor}'. Did you mean 'val"):
        fit(clf)


def test_what_cannot_be_computed():
    with pytest.raises(ValueError, match="computed on validation rows, of which there are none"):
        classifier(metrics=["f1_micro"]).fit(X, Y)
    with pytest.raises(ValueError, match=r"metrics \['f1_micro'\] are for label indicators"):
        fit(classifier(metrics=["f1_micro"]), y=Y[:, 0])


def test_a_misspelt_name():
    with pytest.raises(
        ValueError, match=r"metrics: there is no 'f1_mirco'.*Did you mean 'f1_micro'"
    ):
        fit(classifier(metrics=["f1_mirco"]))


def test_scores_know_no_class_weight():
    one_hot = np.eye(3, dtype=int)[np.arange(len(X)) % 3]
    clf = KerasMultiLabelClassifier(
        "linear",
        exclusive=True,
        class_weight={1: 20.0, 2: 50.0},
        metrics=["subset_accuracy"],
        epochs=3,
        random_state=0,
    )
    for weight in (None, np.random.default_rng(0).random(20)):
        data = (X[:20], one_hot[:20]) if weight is None else (X[:20], one_hot[:20], weight)
        clf.fit(X, one_hot, validation_data=data)
        expected = accuracy_score(one_hot[:20], clf.predict(X[:20]), sample_weight=weight)
        assert clf.history_["val_subset_accuracy"][-1] == pytest.approx(expected)
