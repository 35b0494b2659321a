"""What does an ensemble in one network gain over a single network? Moods of music, `emotions`.

Both are trained alike: AdamW, a learning rate that warms up to 2e-3 and falls to zero along a
cosine, 60 epochs, 128 rows a step. Scores are means over ten folds, for each of five shuffles.

``python examples/ensemble.py`` reads ``emotions.npz`` from the folder that ``SKMLK_DATA`` names: X
and Y as CSR (``X_data``, ``X_indices``, ``X_indptr``, ``X_shape`` and so on).
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np
from scipy import sparse
from sklearn.model_selection import KFold, cross_validate

from skmultilabel_keras import KerasMultiLabelClassifier, multilabel_scorers

FILE = "emotions.npz"
SCORES = ("neg_hamming_loss", "label_ranking_average_precision", "neg_label_log_loss")


def main(n_splits=10, seeds=range(5), epochs=60, **ensemble):
    """Print the scores of both networks; further arguments are parameters of the ensemble."""
    X, y = load_emotions()
    print("network   seed  Hamming loss   LRAP  log loss  seconds")
    networks = {"mlp": {}, "ensemble": ensemble}
    rows = []
    for seed in seeds:
        for name, params in networks.items():
            scores = score(make_network(name, seed, len(X), epochs, params), X, y, n_splits, seed)
            rows.append((name, scores))
            print_row(name, seed, scores)
    for name in networks:
        print_row(name, "all", np.mean([scores for own, scores in rows if own == name], axis=0))


def make_network(name, seed, n_rows, epochs, params, batch_size=128):
    n_steps = -(-n_rows * 9 // 10 // batch_size) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, n_steps - n_steps // 10, warmup_target=2e-3, warmup_steps=n_steps // 10
    )
    return KerasMultiLabelClassifier(
        name,
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adamw",
        optimizer__learning_rate=rate,
        random_state=seed,
        **{f"model__{key}": value for key, value in params.items()},
    )


def score(network, X, y, n_splits, seed):
    """Return the mean scores over folds, and the seconds for all."""
    start = time.perf_counter()
    folds = KFold(n_splits, shuffle=True, random_state=seed)
    results = cross_validate(network, X, y, scoring=multilabel_scorers(list(SCORES)), cv=folds)
    means = [abs(results[f"test_{name}"].mean()) for name in SCORES]
    return [*means, time.perf_counter() - start]


def print_row(name, seed, scores):
    hamming, lrap, log_loss, seconds = scores
    print(f"{name:8}  {seed!s:>4}  {hamming:12.4f}  {lrap:.3f}  {log_loss:8.3f}  {seconds:7.0f}")


def load_emotions():
    path = Path(os.environ.get("SKMLK_DATA", ""), FILE)
    if "SKMLK_DATA" not in os.environ or not path.is_file():
        raise SystemExit(f"Set SKMLK_DATA to a folder that holds {FILE}.")
    with np.load(path) as z:
        return [
            sparse.csr_array(
                (z[f"{part}_data"], z[f"{part}_indices"], z[f"{part}_indptr"]),
                shape=z[f"{part}_shape"],
            ).toarray()
            for part in "XY"
        ]


if __name__ == "__main__":
    main()
