"""Which topics is a news story about? Reuters-21578, 90 topics, from raw text and from TF-IDF.

Three networks are searched by ``GridSearchCV`` on the training stories alone: "text", which takes
the strings as they are, and "mlp" and "ensemble" behind scikit-learn's ``TfidfVectorizer``; members
of an ensemble on sparse rows share no weights, so four of them cost four networks. Every story has
a topic, so ``decision_rule="at_least_one"`` decides for the best topic where none is above the
threshold; the threshold is searched. The best of each is judged on the test stories.

``python examples/reuters.py`` reads ``reuters21578_r90_text.jsonl.gz`` from the folder that
``SKMLK_DATA`` names. Each line is a story as JSON: "split", "train" or "test"; "text"; "labels".
"""

import gzip
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MultiLabelBinarizer

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.metrics import f1_score, hamming_loss
from skmultilabel_keras.model_selection import MultilabelStratifiedShuffleSplit

FILE = "reuters21578_r90_text.jsonl.gz"


def main(n_train=None, n_test=None, epochs=18, thresholds=(0.2, 0.35, 0.5)):
    """Search all networks on training stories, and print what the test stories say."""
    X, y, X_test, y_test = load_reuters(n_train, n_test)
    print(f"{len(X)} training stories, {len(X_test)} test stories, {y.shape[1]} topics\n")
    print("model             threshold  micro-F1  macro-F1  Hamming loss  seconds")
    for name, (model, prefix) in make_models(epochs).items():
        start = time.perf_counter()
        grid = {f"{prefix}decision_rule__threshold": list(thresholds)}
        held_out = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=0.15, random_state=0)
        search = GridSearchCV(model, grid, scoring="f1_micro", cv=held_out).fit(X, y)
        seconds = time.perf_counter() - start
        predicted = search.predict(X_test)
        best = search.best_params_[f"{prefix}decision_rule__threshold"]
        micro, macro = (f1_score(y_test, predicted, average=kind) for kind in ("micro", "macro"))
        loss = hamming_loss(y_test, predicted)
        print(f"{name:16}  {best:9}  {micro:8.4f}  {macro:8.4f}  {loss:12.5f}  {seconds:7.0f}")


def make_models(epochs):
    """Return models by name, and what stands before the names of the network's parameters."""
    options = {
        "decision_rule": "at_least_one",
        "epochs": epochs,
        "batch_size": 64,
        "optimizer__learning_rate": 3e-3,
        "random_state": 0,
    }
    from_text = KerasMultiLabelClassifier("text", **options)
    options |= {
        "model__hidden_layer_sizes": (128,),
        "model__dropout": 0.5,
        "model__standardize": False,
    }
    networks = {
        "TF-IDF, mlp": KerasMultiLabelClassifier("mlp", **options),
        "TF-IDF, ensemble": KerasMultiLabelClassifier("ensemble", model__n_members=4, **options),
    }
    tfidf = TfidfVectorizer(sublinear_tf=True, max_features=20_000, dtype=np.float32)
    models = {"text": (from_text, "")}
    for name, network in networks.items():
        models[name] = (Pipeline([("tfidf", tfidf), ("network", network)]), "network__")
    return models


def load_reuters(n_train=None, n_test=None):
    """Return stories and indicators of their topics, for training and test."""
    folder = os.environ.get("SKMLK_DATA")
    path = Path(folder or "") / FILE
    if not folder or not path.is_file():
        raise SystemExit(f"Set SKMLK_DATA to a folder that holds {FILE}.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        stories = [json.loads(line) for line in file]
    binarizer = MultiLabelBinarizer().fit([story["labels"] for story in stories])
    found = []
    for split, n_stories in (("train", n_train), ("test", n_test)):
        chosen = [story for story in stories if story["split"] == split][:n_stories]
        found.append([story["text"] for story in chosen])
        found.append(binarizer.transform([story["labels"] for story in chosen]))
    return found


if __name__ == "__main__":
    main()
