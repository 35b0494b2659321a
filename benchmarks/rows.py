"""The table of benchmarks: what is measured in each row, and what is to be reached.

Owns: names, titles, explanations and targets. It imports no library that is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from names import (
    FIRST,
    KERAS,
    LARGE,
    LARGE_SPARSE,
    LATER,
    MANY_ARCHITECTURES,
    MEMORY_GROWTH,
    ONE_ARCHITECTURE,
    OURS_SERIAL,
    PARTS,
    PEAK_MEMORY,
    PERCEPTRON,
    PERCEPTRON_PROCESSES,
    RARE,
    SCIKERAS,
    SMALL,
    TIME,
    TIME_GROWTH,
)


@dataclass(frozen=True)
class Target:
    """A bound on a ratio, theirs to ours, or on our figure where there is no contender.

    The ratio is to be at least ``bound``; our figure alone is to be at most ``bound``.
    """

    bound: float
    contender: str = ""
    case: str = ""
    quantity: str = TIME


@dataclass(frozen=True)
class Row:
    """One benchmark; ``measure`` names its function, "module:function"."""

    name: str
    title: str
    measure: str
    explanation: str
    targets: tuple[Target, ...]


_NETWORK = (
    "2,000 × 100 features, 14 labels, one hidden layer of 100, batch size 32, Adam, 20 epochs"
)
_SEARCH = (
    "`GridSearchCV` over 8 learning rates and 5 folds, scored by `f1_micro`, without refit: "
    f"{_NETWORK}."
)

# MB of features; a default fit may take three times as much, and 500 MB.
_FEATURES = {SMALL: 0.2, RARE: 0.2, LARGE: 76, LARGE_SPARSE: 1}

# In a forward pass a row takes n_hidden × (n_features + n_labels) multiplications: here 100 × 114,
# with ten times the labels 100 × 240, with ten times the features 100 × 1014.
_LABELS_ARITHMETIC = 240 / 114
_FEATURES_ARITHMETIC = 1014 / 114

ROWS = (
    Row(
        "warm_fit",
        "Fit, warm",
        "training:warm_fit",
        f"One `fit`: {_NETWORK}. Each contender has fitted once before in the same process. "
        "Building and compiling the network belong to the fit.",
        (Target(12, KERAS), Target(2, PERCEPTRON)),
    ),
    Row(
        "first_fit",
        "Fit, first in the process",
        "training:first_fit",
        "The same fit, as the first work of a new process: tracing and compiling count, imports "
        "do not.",
        (Target(4, KERAS),),
    ),
    Row(
        "search",
        "Grid search, 40 fits",
        "search:serial",
        f"{_SEARCH} `n_jobs=1`. First in the process: each sample in a new process, where tracing "
        "and compiling count and imports do not. Later: in one process, after a search.",
        (
            Target(20, SCIKERAS, FIRST),
            Target(2.5, PERCEPTRON, FIRST),
            Target(20, SCIKERAS, LATER),
            Target(2.5, PERCEPTRON, LATER),
        ),
    ),
    Row(
        "search_threads",
        "Grid search, 40 fits, two jobs",
        "search:threads",
        f"{_SEARCH} `n_jobs=2`: for ours under joblib's threading backend, for `MLPClassifier` in "
        "loky's processes. First in the process: these must be started. Later: they wait.",
        (
            Target(1.4, OURS_SERIAL, LATER),
            Target(2, PERCEPTRON_PROCESSES, LATER),
        ),
    ),
    Row(
        "search_regularised",
        "Grid search, 40 fits, dropout and batch normalisation",
        "search:regularised",
        f"{_SEARCH} `n_jobs=1`. The hidden layer is followed by batch normalisation and dropout of "
        "0.2, from one model function for both. Each sample in a new process, where tracing and "
        "compiling count and imports do not. SciKeras does a part of the fits, and its time is "
        "scaled up.",
        (Target(10, SCIKERAS),),
    ),
    Row(
        "default_fit",
        "Fit with everything default",
        "default_fit:default_fit",
        "A first fit in a new process: tracing and compiling count, imports do not. Labels that "
        "are rare, here one entry in twenty, take more epochs; of the large table it is one in "
        "fifty, of the sparse rows one in a hundred. `MLPClassifier` has its defaults too, one "
        "hidden layer of 100 for at most 200 epochs, on the small tables. Peak memory: on top of "
        "the imports, features and labels; its bound is three times the features, of 0.2, 76 and "
        "1 MB, and 500 MB.",
        (
            Target(10, case=SMALL),
            Target(10, case=RARE),
            Target(60, case=LARGE),
            Target(60, case=LARGE_SPARSE),
            *(Target(3 * size + 500, "", case, PEAK_MEMORY) for case, size in _FEATURES.items()),
        ),
    ),
    Row(
        "images",
        "Fit on images",
        "training:images",
        "6,000 images of 28 × 28, 10 classes; two convolutions (16 and 32 filters of 3 × 3, each "
        "with max pooling), batch size 32, Adam, 3 epochs, warm. MNIST where `SKMLK_DATA` has "
        "it.",
        (Target(1.5, KERAS),),
    ),
    Row(
        "transfer",
        "Fit on a frozen backbone",
        "training:transfer",
        "1,000 images of 96 × 96 × 3, 10 labels, on a frozen MobileNetV2 (alpha 0.35, random "
        "weights): batch size 32, Adam, 40 epochs, warm. Building the network counts. Its parts: "
        "`predict` of the built backbone in Keras, once, and our fit of an output layer on what it "
        "gives. A ratio of 0.77 says that the whole takes 1.3 times as long as its parts.",
        (Target(1 / 1.3, PARTS),),
    ),
    Row(
        "sparse",
        "Fit on sparse rows",
        "sparse_rows:sparse_fit",
        "3,000 × 20,000 features in CSR, 0.5 % filled, 500 labels, hidden layer of 100, batch size "
        "64, Adam, 5 epochs, warm. Keras gets dense rows, and making them counts. Peak memory: "
        "what a first fit in a new process takes on top of the imports and the sparse rows.",
        (Target(1.5, KERAS), Target(2, KERAS, quantity=PEAK_MEMORY)),
    ),
    Row(
        "predict",
        "predict_proba, few rows",
        "prediction:few_rows",
        "One call of `predict_proba` (Keras: `predict`) on 100 features, hidden layer of 100, 14 "
        "labels, all checks included.",
        (Target(250, KERAS, "1 row"), Target(1, PERCEPTRON, "1 row")),
    ),
    Row(
        "predict_many",
        "predict_proba, 1,000,000 rows",
        "prediction:many_rows",
        "The same for 1,000,000 rows, in one call; Keras with a batch size of 4,096. Peak memory: "
        "what the first such call in a new process takes on top of the fitted network and the "
        "rows (400 MB), its result (56 MB) included.",
        (Target(3, KERAS), Target(1, PERCEPTRON)),
    ),
    Row(
        "memory",
        "Memory over many fits",
        "memory:growth",
        "Fits with predictions, one after another in a process of their own: 500 × 20 features, 5 "
        "labels, one hidden layer, 2 epochs. The figure is the slope of the process's memory over "
        "the fits after the first quarter. Many architectures: every fit has another number of "
        "hidden units.",
        (
            Target(0.02, case=ONE_ARCHITECTURE, quantity=MEMORY_GROWTH),
            Target(0.1, case=MANY_ARCHITECTURES, quantity=MEMORY_GROWTH),
        ),
    ),
    Row(
        "growth",
        "Growth with the sizes",
        "training:growth",
        f"Warm fits, base: {_NETWORK}. The others have ten times the rows, labels or features. "
        "Growth of time is the time divided by the median of the base; the target is the growth "
        "of the number of multiplications, which counts the hidden layer and the output layer.",
        (
            Target(10, case="rows × 10", quantity=TIME_GROWTH),
            Target(_LABELS_ARITHMETIC, case="labels × 10", quantity=TIME_GROWTH),
            Target(_FEATURES_ARITHMETIC, case="features × 10", quantity=TIME_GROWTH),
        ),
    ),
)
