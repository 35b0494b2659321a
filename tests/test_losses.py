"""Losses against Keras' own, their formulas, finite differences, and inside models."""

import pickle
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from skmultilabel_keras import losses
from skmultilabel_keras.losses import (
    BPMLL,
    LOSSES,
    SPLC,
    ZLPR,
    Asymmetric,
    BinaryCrossentropy,
    DistributionBalanced,
    Focal,
    Hill,
    SoftF1,
    gradient_by_logits,
)

N_LABELS = 4
PRIOR = [0.5, 0.2, 0.05, 0.9]
MAKERS = {
    **LOSSES,
    "distribution_balanced": partial(DistributionBalanced, prior=PRIOR),
    "smoothed": partial(BinaryCrossentropy, label_smoothing=0.2),
    "focal 0.5": partial(Focal, gamma=0.5),
    "asymmetric 1 1.5 0": partial(Asymmetric, gamma_positive=1, gamma_negative=1.5, clip=0.0),
}
EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
BY_ROWS = pytest.mark.parametrize(
    "make", [make for name, make in MAKERS.items() if name != "soft_f1"], ids=str
)
RNG = np.random.default_rng(0)


def draw(n_rows=5, n_labels=N_LABELS, spread=3.0):
    y = (RNG.random((n_rows, n_labels)) < 0.4).astype(np.float32)
    return y, (spread * RNG.normal(size=y.shape)).astype(np.float32)


def gradient_of(loss, y, z, *weight):
    with tf.GradientTape() as tape:
        logits = tf.constant(z)
        tape.watch(logits)
        value = loss(y, logits, *weight)
    return float(value), tape.gradient(value, logits).numpy()


@pytest.mark.parametrize("weight", [None, RNG.uniform(0, 2, 7).astype(np.float32)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
@pytest.mark.parametrize("n_labels", [1, 2, 9])
@pytest.mark.parametrize("may_lack", [False, True])
def test_binary_crossentropy_is_that_of_keras(n_labels, reduction, smoothing, weight, may_lack):
    y, z = draw(7, n_labels)
    options = {"label_smoothing": smoothing, "reduction": reduction}
    ours = BinaryCrossentropy(**options, may_lack=may_lack)(y, z, sample_weight=weight)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True, **options)(y, z, weight)
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours) == pytest.approx(np.asarray(theirs), rel=2e-6, abs=1e-6)


def pairs_of(y, z):
    for truth, logits in zip(y, z, strict=True):
        yield logits[truth == 1], logits[truth == 0]


def zlpr(y, z):
    return np.mean(
        [
            np.log1p(np.exp(negative).sum()) + np.log1p(np.exp(-positive).sum())
            for positive, negative in pairs_of(y, z)
        ]
    )


def bp_mll(y, z):
    rows = []
    for positive, negative in pairs_of(y, np.tanh(z / 2)):
        ups, downs = (c if len(c) else np.zeros(1) for c in (positive, negative))
        rows.append(np.mean([np.exp(-(up - down)) for up in ups for down in downs]))
    return np.mean(rows)


def focal(y, z):
    q = np.where(y == 1, expit(z), expit(-z))
    return np.mean((1 - q) ** 2 * -np.log(q))


def asymmetric(y, z):
    q = np.maximum(expit(z) - 0.05, 0)
    return np.mean(np.where(y == 1, -np.log(expit(z)), q**4 * -np.log(1 - q)))


def hill(y, z):
    p, q = expit(z), expit(z - 1)
    return np.mean(np.where(y == 1, (1 - q) ** 2 * -np.log(q), (1.5 - p) * p**2))


def splc(y, z):
    p, q = expit(z), expit(z - 1)
    true = (y == 1) | (p > 0.8)
    return np.mean(np.where(true, (1 - q) ** 2 * -np.log(q), p**2 * -np.log(1 - p)))


def soft_f1(y, z):
    p = expit(z)
    return 1 - np.mean(2 * (y * p).sum(axis=0) / (y + p).sum(axis=0))


FORMULAS = {
    "zlpr": zlpr,
    "bp_mll": bp_mll,
    "focal": focal,
    "asymmetric": asymmetric,
    "hill": hill,
    "splc": splc,
    "soft_f1": soft_f1,
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("n_rows", [1, 6])
def test_formulas(name, n_rows):
    y, z = draw(n_rows)
    y[0] = 0
    expected = FORMULAS[name](y.astype(float), z.astype(float))
    assert float(LOSSES[name]()(y, z)) == pytest.approx(expected, rel=1e-5)
    y[0] = 1
    expected = FORMULAS[name](y.astype(float), z.astype(float))
    assert float(LOSSES[name]()(y, z)) == pytest.approx(expected, rel=1e-5)


def test_special_cases_are_the_binary_crossentropy():
    y, z = draw()
    expected = float(BinaryCrossentropy()(y, z))
    for loss in (Focal(gamma=0), Asymmetric(gamma_negative=0, clip=0.0)):
        assert float(loss(y, z)) == pytest.approx(expected, rel=1e-5)


def test_rare_labels_weigh_more_in_the_distribution_balanced_loss():
    loss = DistributionBalanced(prior=PRIOR, shift=0.0)
    _, gradient = gradient_of(loss, np.ones((1, 4)), np.zeros((1, 4), dtype=np.float32))
    assert np.argsort(-gradient[0]).tolist() == np.argsort(PRIOR)[::-1].tolist()


@EVERY
def test_gradients_are_those_of_finite_differences(make):
    y, z = draw(3)
    y[0, 0] = np.nan
    loss, z, step = make(dtype="float64"), z.astype(np.float64), 1e-6
    _, gradient = gradient_of(loss, y, z)
    for place in np.ndindex(z.shape):
        shift = np.zeros_like(z)
        shift[place] = step
        slope = (float(loss(y, z + shift)) - float(loss(y, z - shift))) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("lacks", [False, True])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.3, "label_weight": [1, 0, 2, 5]}])
@pytest.mark.parametrize("shape", [None, (5,), (5, 1), (5, N_LABELS)], ids=str)
def test_formulas_of_gradients_are_those_of_the_loss(reduction, lacks, options, shape):
    y, z = draw(5)
    weight = () if shape is None else (RNG.uniform(0, 2, shape).astype(np.float32),)
    if lacks:
        y[0], y[1, 2] = np.nan, np.nan
    loss = BinaryCrossentropy(reduction=reduction, may_lack=lacks, **options)
    _, expected = gradient_of(loss, y, z, *weight)
    found = gradient_by_logits(loss, y, z, *(weight or [None]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@EVERY
def test_where_there_is_a_formula_it_is_that_of_the_loss(make):
    y, z = draw()
    loss = make(label_weight=[[1, 2, 0, 3], [4, 1, 1, 0]])
    found = gradient_by_logits(loss, y, z, None)
    assert (found is not None) == isinstance(loss, BinaryCrossentropy)
    if found is not None:
        _, expected = gradient_of(loss, y, z)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_there_is_no_formula_for_what_a_subclass_changes():
    class Doubled(BinaryCrossentropy):
        def entries(self, y, z):
            return 2 * super().entries(y, z)

    assert gradient_by_logits(Doubled(), *draw(), None) is None
    assert gradient_by_logits(keras.losses.BinaryCrossentropy(), *draw(), None) is None


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
def test_the_number_of_labels_may_come_with_the_batch(reduction):
    y, z = draw(3)
    loss = BinaryCrossentropy(may_lack=False, reduction=reduction)
    found = tf.function(loss, input_signature=2 * [tf.TensorSpec((None, None))])(y, z)
    np.testing.assert_allclose(found, loss(y, z), rtol=1e-6)


@EVERY
@pytest.mark.parametrize("size", [30.0, 90.0, 1e4])
def test_large_logits_give_finite_numbers(make, size):
    z = np.array([[size, -size, size, -size]], dtype=np.float32)
    for y in ([[0, 0, 1, 1]], [[1, 1, 1, 1]], [[0, 0, 0, 0]], [[np.nan, np.nan, 1, 0]]):
        value, gradient = gradient_of(make(), np.array(y, dtype=np.float32), z)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@EVERY
def test_missing_labels_count_for_nothing(make):
    y, z = draw(6)
    lacking = RNG.random(y.shape) < 0.3
    lacking[2] = True  # a row of which nothing is known
    y[lacking] = np.nan
    value, gradient = gradient_of(make(), y, z)
    assert (gradient[lacking] == 0).all()
    assert float(make()(y, np.where(lacking, 50 * z, z))) == pytest.approx(value, rel=1e-5)
    assert np.isfinite(value)


@EVERY
def test_nothing_known_is_zero(make):
    y, z = draw()
    value, gradient = gradient_of(make(), np.full_like(y, np.nan), z)
    assert np.isfinite(value)
    assert (gradient == 0).all()


@BY_ROWS
def test_a_mean_leaves_rows_out_of_which_nothing_is_known(make):
    y, z = draw()
    y[1] = np.nan
    known = [0, 2, 3, 4]
    assert float(make()(y, z)) == pytest.approx(float(make()(y[known], z[known])), rel=1e-5)


@BY_ROWS
def test_a_weight_of_two_is_a_row_twice(make):
    y, z = draw()
    weight = np.array([1, 2, 0, 1, 3], dtype=np.float32)
    twice = np.repeat(np.arange(5), weight.astype(int))
    loss = make(reduction="sum")
    assert float(loss(y, z, weight)) == pytest.approx(float(loss(y[twice], z[twice])), rel=1e-5)
    assert float(loss(y, z, weight[:, None])) == pytest.approx(float(loss(y, z, weight)))


@EVERY
def test_weights_of_entries(make):
    """Equal ones change nothing but the scale; an entry of weight zero counts for nothing."""
    y, z = draw()
    value, gradient = gradient_of(make(), y, z, np.ones_like(y))
    assert value == pytest.approx(float(make()(y, z)), rel=1e-5)
    weight = np.ones_like(y)
    weight[0, 1] = weight[3, 2] = 0
    _, gradient = gradient_of(make(), y, z, weight)
    assert gradient[0, 1] == gradient[3, 2] == 0
    assert np.count_nonzero(gradient) > 5


@EVERY
def test_weights_of_labels_are_weights_of_their_entries(make):
    """Up to the weights that labels have in a mean over labels, which soft F1 is."""
    y, z = draw()
    if make is SoftF1:
        return
    weight = np.array([[0.5, 1, 2, 0], [3, 1, 0.2, 1]], dtype=np.float32)
    of_entries = np.where(y == 1, weight[1], weight[0])
    assert float(make(label_weight=weight)(y, z)) == pytest.approx(
        float(make()(y, z, of_entries)), rel=1e-5
    )
    assert float(make(label_weight=weight[0])(y, z)) == pytest.approx(
        float(make(label_weight=np.stack([weight[0]] * 2))(y, z)), rel=1e-6
    )


def test_weights_of_labels_count_in_soft_f1():
    y, z = draw(20)
    alone = [float(SoftF1()(y[:, [i]], z[:, [i]])) for i in range(N_LABELS)]
    weight = np.array([3.0, 0, 1, 2])
    expected = np.average(alone, weights=weight)
    assert float(SoftF1(label_weight=weight)(y, z)) == pytest.approx(expected, rel=1e-5)
    y[:, 1] = np.nan  # of which nothing is known
    assert float(SoftF1(label_weight=weight)(y, z)) == pytest.approx(expected, rel=1e-5)
    known = np.average(np.delete(alone, 1))
    assert float(SoftF1()(y, z)) == pytest.approx(known, rel=1e-5)


@BY_ROWS
def test_entries_of_equal_weight_are_a_row_of_that_weight(make):
    y, z = draw()
    weight = np.array([1, 2, 0, 0.5, 3], dtype=np.float32)
    of_entries = np.repeat(weight[:, None], N_LABELS, axis=1)
    assert float(make()(y, z, of_entries)) == pytest.approx(float(make()(y, z, weight)), rel=1e-5)


@BY_ROWS
@pytest.mark.parametrize("unit", [1e-8, 1e-20, 1e12])
def test_the_unit_of_weights_of_entries_is_a_factor(make, unit):
    y, z = draw()
    weight = RNG.uniform(0.5, 2, size=y.shape).astype(np.float32)
    value = float(make()(y, z, weight))
    assert float(make()(y, z, np.float32(unit) * weight)) == pytest.approx(unit * value, rel=1e-4)


@pytest.mark.parametrize("unit", [1e-8, 1e-20, 1e12])
def test_the_unit_of_weights_of_labels_does_not_matter_in_soft_f1(unit):
    y, z = draw()
    weight = np.array([3.0, 0, 1, 2])
    value = float(SoftF1(label_weight=weight)(y, z))
    assert float(SoftF1(label_weight=unit * weight)(y, z)) == pytest.approx(value, rel=1e-5)


@EVERY
def test_the_order_of_labels_has_no_effect(make):
    y, z = draw()
    order = RNG.permutation(N_LABELS)
    other = make(prior=np.array(PRIOR)[order]) if "prior" in make().get_config() else make()
    assert float(other(y[:, order], z[:, order])) == pytest.approx(float(make()(y, z)), rel=1e-5)


@EVERY
@pytest.mark.parametrize("dtype", ["int8", "bool", "float64"])
def test_targets_of_any_dtype(make, dtype):
    y, z = draw()
    assert float(make()(y.astype(dtype), z)) == pytest.approx(float(make()(y, z)))


@EVERY
def test_copies_are_equal(make):
    y, z = draw()
    loss = make(label_weight=[1, 2, 3, 4])
    again = pickle.loads(pickle.dumps(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert float(again(y, z)) == float(loss(y, z))


@pytest.mark.thorough
@EVERY
def test_a_plain_keras_model_learns_saves_and_loads(make, tmp_path):
    y, z = draw(64)
    y = (z > 0).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((N_LABELS,)), keras.layers.Dense(N_LABELS)])
    # Eagerly, which is faster; for compiled steps see ``test_estimator_decisions``.
    loss = make(label_weight=np.ones(N_LABELS))
    model.compile(keras.optimizers.Adam(0.05), loss, run_eagerly=True)
    before = float(model.loss(y, model(z)))
    assert model.train_on_batch(z, y) == pytest.approx(before, rel=1e-5)
    for _ in range(9):
        model.train_on_batch(z, y)
    after = float(model.loss(y, model(z)))
    assert after < before
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.loss) is type(model.loss)
    assert again.loss.get_config() == model.loss.get_config()
    assert float(again.loss(y, again(z))) == pytest.approx(after)


BAD = {
    r"label_smoothing must be a finite number in \[0, 1\]; got -0.1": lambda: BinaryCrossentropy(
        -0.1
    ),
    r"in \[0, 1\]; got nan": lambda: BinaryCrossentropy(float("nan")),
    "gamma must be a finite number of at least 0; got -1": lambda: Focal(gamma=-1),
    "gamma must be a finite number of at least 0; got '2'": lambda: Focal(gamma="2"),
    "at least 0; got None": lambda: Focal(gamma=None),
    "at least 0; got True": lambda: Focal(gamma=True),
    "gamma_negative must be a finite number of at least 0": lambda: Asymmetric(gamma_negative=-1),
    r"clip must be a finite number in \[0, 1\); got 2": lambda: Asymmetric(clip=2),
    r"in \[0, 1\); got 1.0": lambda: Asymmetric(clip=1.0),
    "hill must be a finite number above 0; got 0": lambda: Hill(hill=0),
    "margin must be a finite number; got nan": lambda: Hill(margin=np.nan),
    r"likely must be a finite number in \(0, 1\]; got 0": lambda: SPLC(likely=0),
    "shift must be a finite number; got inf": lambda: DistributionBalanced(shift=np.inf),
    "slope must be a finite number; got '2'": lambda: DistributionBalanced(slope="2"),
    "tolerance must be": lambda: DistributionBalanced(tolerance=0),
    r"prior must hold a number in \[0, 1\]": lambda: DistributionBalanced(prior=[2.0]),
    "prior must hold the share of the rows": lambda: DistributionBalanced()(*draw()),
    "reduction must be 'sum_over_batch_size', 'sum' or None": lambda: ZLPR(reduction="mean"),
    "reduction must be 'sum_over_batch_size', as": lambda: SoftF1(reduction=None),
    "label_weight must hold finite numbers": lambda: BPMLL(label_weight=[-1.0]),
    r"or \(2, n_labels\)": lambda: BPMLL(label_weight=np.ones((3, 2))),
    r"\(2, n_labels\); got \{0: 1\.0\}": lambda: BPMLL(label_weight={0: 1.0}),
    r"\(2, n_labels\); got \[\[1\], \[1, 2\]\]": lambda: BPMLL(label_weight=[[1], [1, 2]]),
    r"\(2, n_labels\); got \[\]": lambda: BPMLL(label_weight=[]),
}


@pytest.mark.parametrize(("message", "make"), BAD.items())
def test_parameters_are_checked(message, make):
    with pytest.raises(ValueError, match=message):
        make()


def test_names():
    assert set(losses.__all__) == {cls.__name__ for cls in LOSSES.values()} | {"LabelLoss"}
    assert all(cls().name == name for name, cls in LOSSES.items())


# Shapes.


@pytest.mark.parametrize("weight", [None, RNG.random(6).astype(np.float32)], ids=["", "weights"])
def test_targets_of_one_dimension_are_a_column(weight):
    y, z = draw(6, 1)
    loss = BinaryCrossentropy()
    assert float(loss(y[:, 0], z, weight)) == pytest.approx(float(loss(y, z, weight)))


@EVERY
@pytest.mark.parametrize("shape", [(5, 1), (5,), (5, N_LABELS + 1), (5, N_LABELS, 1)])
def test_targets_of_another_shape_are_an_error(make, shape):
    with pytest.raises(ValueError, match=r"y_true must have the shape of the logits, \(5, 4\)"):
        make()(np.zeros(shape, np.float32), np.zeros((5, N_LABELS), np.float32))
