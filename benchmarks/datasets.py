"""The multi-label data sets that quality is measured on, and how each is split.

Owns: the table of sets, reading them from the folder that ``SKMLK_DATA`` names, their splits.
Does not own: what is fitted to them.

Nominal features (of ``flags``, ``foodtruck`` and ``birds``) stay the numeric codes that the files
hold, for every peer alike: nobody is told which features they are. Pictures (of ``posters``) become
a table of the mean colours of blocks of 8 x 8 pixels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.model_selection import KFold

DENSE, SPARSE = "dense", "sparse"
DEVELOPMENT, CONFIRMATION = "development", "confirmation"

Fold = tuple[np.ndarray, np.ndarray]  # rows to train on, rows to test on

# Seeds that a set may be run with: what a seed shuffles in K folds, the peers in the others.
_SEEDS = {"original": 5, "10 folds": 5, "5 folds": 1}
_FOLDS = {"original": 1, "10 folds": 10, "5 folds": 5}

_QUICK_TRAIN, _QUICK_TEST, _QUICK_LABELS = 100, 50, 6

_BLOCK = 8  # pixels


@dataclass(frozen=True)
class DataSet:
    """What a set is, what it may be used for, and how it is split.

    ``pictures`` names the file of a set that is made from pictures; others have one of their own.
    """

    kind: str
    purpose: str
    split: str
    pictures: str | None = None

    @property
    def sparse(self) -> bool:
        return self.kind == SPARSE

    @property
    def n_seeds(self) -> int:
        return _SEEDS[self.split]

    @property
    def n_folds(self) -> int:
        return _FOLDS[self.split]


# Recipes may be tried on the development sets; the others only confirm them. Smaller sets first.
DATA = {
    "flags": DataSet(DENSE, DEVELOPMENT, "10 folds"),
    "emotions": DataSet(DENSE, DEVELOPMENT, "10 folds"),
    "birds": DataSet(DENSE, DEVELOPMENT, "10 folds"),
    "posters": DataSet(DENSE, DEVELOPMENT, "original", pictures="movie_posters_2k"),
    "slashdot": DataSet(SPARSE, DEVELOPMENT, "5 folds"),
    "bibtex": DataSet(SPARSE, DEVELOPMENT, "original"),
    "foodtruck": DataSet(DENSE, CONFIRMATION, "10 folds"),
    "stackex_chess": DataSet(SPARSE, CONFIRMATION, "5 folds"),
    "corel5k": DataSet(SPARSE, CONFIRMATION, "original"),
    "rcv1sub1": DataSet(SPARSE, CONFIRMATION, "original"),
    "tmc2007_500": DataSet(SPARSE, CONFIRMATION, "original"),
    "reuters21578_r90": DataSet(SPARSE, CONFIRMATION, "original"),
    "delicious": DataSet(SPARSE, CONFIRMATION, "original"),
}


class Split(NamedTuple):
    """Rows to train on, and held-out ones."""

    X_train: np.ndarray | sparse.csr_array
    y_train: np.ndarray
    X_test: np.ndarray | sparse.csr_array
    y_test: np.ndarray


def load_fold(name: str, seed: int, fold: int, quick: bool = False) -> Split:
    """Return one fold of a data set, a small part of it for a quick run."""
    X, y = load_rows(name, quick)
    train, test = list_folds(name, seed, len(y))[fold]
    return _cut(X, y, train, test, quick)


def list_folds(name: str, seed: int, n_rows: int) -> list[Fold]:
    """Return the folds of a data set; a seed shuffles them unless they are the original split."""
    if DATA[name].split == "original":
        return [_read_original(name)]
    folds = KFold(DATA[name].n_folds, shuffle=True, random_state=seed)
    return list(folds.split(np.empty(n_rows)))


def load_split(name: str, quick: bool = False) -> Split:
    """Return the original split of a data set, a small part of it for a quick run."""
    X, y = load_rows(name, quick)
    return _cut(X, y, *_read_original(name), quick)


def load_rows(name: str, quick: bool = False) -> tuple[np.ndarray | sparse.csr_array, np.ndarray]:
    """Return features, float32, and the indicator of labels, of a set of the table."""
    with np.load(find_data(name)) as data:
        if DATA[name].pictures:
            X, y = (
                np.concatenate([data[f"{part}_{of}"] for of in ("train", "test")]) for part in "xy"
            )
            X = _mean_blocks(X)
        else:
            X, y = (_read_csr(data, part) for part in "XY")
            X, y = X if DATA[name].sparse else X.toarray(), y.toarray()
    # Not int8: scikit-learn 1.9's LabelBinarizer mixes up the columns of more than 127 labels then.
    return X, y[:, : _QUICK_LABELS if quick else None].astype(np.int64)


def find_data(name: str) -> Path:
    """Return the file of a data set, in the folder that SKMLK_DATA names."""
    folder = os.environ.get("SKMLK_DATA")
    if not folder:
        raise RuntimeError("SKMLK_DATA must name the folder of the data sets; it is not set.")
    path = Path(folder) / f"{DATA[name].pictures or name}.npz"
    if not path.exists():
        raise RuntimeError(f"SKMLK_DATA must name a folder that holds {path.name}; got {folder}.")
    return path


def _read_original(name: str) -> Fold:
    with np.load(find_data(name)) as data:
        if DATA[name].pictures:
            rows = np.arange(len(data["x_train"]) + len(data["x_test"]))
            return tuple(np.split(rows, [len(data["x_train"])]))
        return data["train_idx"], data["test_idx"]


def _cut(X, y: np.ndarray, train: np.ndarray, test: np.ndarray, quick: bool) -> Split:
    if quick:
        train, test = train[:_QUICK_TRAIN], test[:_QUICK_TEST]
    return Split(X[train], y[train], X[test], y[test])


def _mean_blocks(pictures: np.ndarray) -> np.ndarray:
    """Return the mean colours of blocks, float32, a row for each picture."""
    n, height, width, n_colours = pictures.shape
    blocks = pictures.reshape(n, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, n_colours)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)


def _read_csr(data: Mapping[str, np.ndarray], part: str) -> sparse.csr_array:
    arrays = tuple(data[f"{part}_{name}"] for name in ("data", "indices", "indptr"))
    return sparse.csr_array(arrays, shape=tuple(data[f"{part}_shape"]))
