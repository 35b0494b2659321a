"""Rows on single fits: warm, first in a process, images, growth with the sizes."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from names import KERAS, OURS, PARTS, PERCEPTRON, SCIKERAS, TIME_GROWTH
from peers import FITS, Problem, fit_keras, image_network
from skmultilabel_keras import KerasMultiLabelClassifier
from timing import Contender, Measurement, Sample, Settings, compare, compare_fresh, timed

GROWTHS = {"rows × 10": "n_rows", "labels × 10": "n_labels", "features × 10": "n_features"}


def warm_fit(settings: Settings) -> list[Measurement]:
    """Time a fit that is not the first one of its process."""
    problem = Problem().sized(settings.quick)
    return compare(_contenders(problem, (OURS, KERAS, SCIKERAS, PERCEPTRON)), settings)


def first_fit(settings: Settings) -> list[Measurement]:
    """Time the first fit of a process: compiling counts, importing does not."""
    problem = Problem().sized(settings.quick)
    names = (OURS, KERAS, SCIKERAS, PERCEPTRON)
    arguments = {name: (name, problem) for name in names}
    return compare_fresh("training:sample_first_fit", arguments, settings.few)


def sample_first_fit(name: str, problem: Problem) -> Sample:
    """Time one fit, for a process in which nothing else has run."""
    X, y = problem.data()
    return timed(partial(FITS[name], problem, X, y))


def images(settings: Settings) -> list[Measurement]:
    """Time the training of a convolutional network on 28 × 28 images."""
    problem = Problem(n_rows=6000, epochs=3).sized(settings.quick)
    X, y, source = load_images(problem.n_rows)
    classifier = KerasMultiLabelClassifier(
        image_network, batch_size=problem.batch_size, epochs=problem.epochs, random_state=0
    )
    keras_fit = partial(fit_keras, problem, X, y, image_network, "sparse_categorical_crossentropy")
    contenders = [
        Contender(OURS, lambda: classifier.fit(X, y), note=source),
        Contender(KERAS, keras_fit, note=source),
    ]
    return compare(contenders, settings.few)


def transfer(settings: Settings) -> list[Measurement]:
    """Time a fit on top of a frozen backbone, and its parts: features once, then the head."""
    problem = Problem(n_rows=1000, n_labels=10, epochs=40).sized(settings.quick)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (problem.n_rows, 96, 96, 3), dtype=np.uint8)
    y = (rng.random((problem.n_rows, problem.n_labels)) < 0.2).astype(np.int64)
    options = {"batch_size": problem.batch_size, "epochs": problem.epochs, "random_state": 0}
    classifier = KerasMultiLabelClassifier(
        "transfer", model__backbone_options={"alpha": 0.35}, **options
    )
    head = KerasMultiLabelClassifier("linear", model__standardize=False, **options)
    backbone = keras.applications.MobileNetV2(
        (96, 96, 3), alpha=0.35, include_top=False, weights=None, pooling="avg"
    )

    def in_parts() -> None:
        pixels = keras.applications.mobilenet_v2.preprocess_input(X.astype(np.float32))
        head.fit(backbone.predict(pixels, verbose=0), y)

    contenders = [
        Contender(OURS, lambda: classifier.fit(X, y)),
        Contender(PARTS, in_parts),
    ]
    return compare(contenders, settings.few)


def load_images(n_rows: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return gray images in [0, 1], their classes and where they come from."""
    folder = os.environ.get("SKMLK_DATA")
    path = Path(folder) / "mnist.npz" if folder else None
    if path is not None and path.exists():
        with np.load(path) as data:
            X, y = data["x_train"][:n_rows], data["y_train"][:n_rows]
        return (X[..., None] / 255).astype(np.float32), y.astype(np.int64), "MNIST"
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % 10
    return rng.random((n_rows, 28, 28, 1), dtype=np.float32), y, "noise for images"


def growth(settings: Settings) -> list[Measurement]:
    """Time fits of a problem and of three others, ten times as large in one respect each."""
    base = Problem().sized(settings.quick)
    names = (OURS, KERAS, PERCEPTRON)
    results = compare(_contenders(base, names), settings.few, case="base")
    seconds = {result.contender: result.value for result in results}
    for case, field in GROWTHS.items():
        problem = replace(base, **{field: 10 * getattr(base, field)})
        larger = compare(_contenders(problem, names), settings.few, case=case)
        results += larger
        results += [_growth(result, seconds[result.contender]) for result in larger]
    return results


def _growth(result: Measurement, seconds: float) -> Measurement:
    samples = tuple(replace(one, value=one.value / seconds) for one in result.samples)
    return replace(result, samples=samples, quantity=TIME_GROWTH, unit="×")


def _contenders(problem: Problem, names: tuple[str, ...]) -> list[Contender]:
    X, y = problem.data()
    return [Contender(name, partial(FITS[name], problem, X, y)) for name in names]
