"""Which genres has a film? Posters of 48 x 32 pixels, 25 genres, several for each film.

Two networks are searched by ``GridSearchCV`` on the training posters alone: "cnn", trained from
nothing, and "transfer", an output layer on a MobileNetV2 that was trained on photographs, to which
posters are enlarged. The features of its frozen backbone are computed once for each fit. The best
of each is judged on the test posters, next to the share of each genre among the training posters.

A poster says little of the genres, so that few are above one half: ``decision_rule="example_f"``
decides the set of labels with the best expected F-measure of each poster.

``python examples/posters.py`` reads ``movie_posters_2k.npz`` and
``weights/mobilenet_v2_0.35_224_notop.weights.h5`` from the folder that ``SKMLK_DATA`` names.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.model_selection import GridSearchCV

from skmultilabel_keras import KerasMultiLabelClassifier, get_multilabel_scorer
from skmultilabel_keras.decision_rules import ExampleF
from skmultilabel_keras.metrics import f1_score
from skmultilabel_keras.model_selection import MultilabelStratifiedShuffleSplit

POSTERS = "movie_posters_2k.npz"
WEIGHTS = "weights/mobilenet_v2_0.35_224_notop.weights.h5"


def main(n_train=None, n_test=None, epochs=(12, 20), image_size=(192, 128)):
    """Search both networks on training posters, and print what the test posters say."""
    X, y, X_test, y_test, weights = load_posters(n_train, n_test)
    print(f"{len(X)} training posters, {len(X_test)} test posters, {y.shape[1]} genres\n")
    print("model     learning rate   LRAP  example-F1  micro-F1  seconds")
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y)
    shares = np.column_stack([p[:, -1] for p in dummy.predict_proba(np.zeros((len(y_test), 1)))])
    report("shares", "", y_test, shares, ExampleF(zero_division=0).decide(shares), "")
    scorer = get_multilabel_scorer("label_ranking_average_precision")
    held_out = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
    for name, model in make_models(weights, epochs, image_size).items():
        start = time.perf_counter()
        grid = {"optimizer__learning_rate": [3e-4, 1e-3]}
        search = GridSearchCV(model, grid, scoring=scorer, cv=held_out).fit(X, y)
        seconds = f"{time.perf_counter() - start:.0f}"
        rate = search.best_params_["optimizer__learning_rate"]
        p = search.predict_proba(X_test)
        report(name, rate, y_test, p, search.predict(X_test), seconds)


def make_models(weights, epochs, image_size):
    """Return both networks by name."""
    options = {
        "decision_rule": "example_f",
        "decision_rule__zero_division": 0,
        "batch_size": 32,
        "random_state": 0,
    }
    cnn = KerasMultiLabelClassifier(
        "cnn",
        model__dropout=0.5,
        model__augmentation={"flip": "horizontal", "shift": 0.1},
        epochs=epochs[0],
        **options,
    )
    transfer = KerasMultiLabelClassifier(
        "transfer",
        model__backbone_options={"alpha": 0.35},
        model__weights=weights,
        model__image_size=image_size,
        model__dropout=0.3,
        epochs=epochs[1],
        **options,
    )
    return {"cnn": cnn, "transfer": transfer}


def report(name, rate, y, p, decided, seconds):
    """Print a line of the table."""
    ranking = label_ranking_average_precision_score(y, p)
    by_row, micro = (f1_score(y, decided, average=kind) for kind in ("samples", "micro"))
    print(f"{name:8}  {rate!s:>13}  {ranking:.3f}  {by_row:10.3f}  {micro:8.3f}  {seconds:>7}")


def load_posters(n_train=None, n_test=None):
    """Return posters and their genres, for training and test, and the file of weights."""
    folder = Path(os.environ.get("SKMLK_DATA") or "")
    for file in (POSTERS, WEIGHTS):
        if "SKMLK_DATA" not in os.environ or not (folder / file).is_file():
            raise SystemExit(f"Set SKMLK_DATA to a folder that holds {file}.")
    with np.load(folder / POSTERS) as data:
        train, test = (
            (data[f"x_{part}"][:n_rows], data[f"y_{part}"][:n_rows].astype(int))
            for part, n_rows in (("train", n_train), ("test", n_test))
        )
    return *train, *test, folder / WEIGHTS


if __name__ == "__main__":
    main()
