"""Which parameters are legal, and where routed ones go."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import callbacks, losses, metrics, optimizers

from skmultilabel_keras._parameters import (
    FIT_OPTIONS,
    PREDICT_OPTIONS,
    PREFIXES,
    call_options,
    check_learning_rate,
    check_model_parameters,
    check_parameter_names,
    check_routed_parameters,
    class_parameters,
    function_parameters,
    loss_class,
    metric_classes,
    optimizer_class,
    params_behind,
    resolve_seed,
)

DEFAULTS = {"optimizer": "adam", "loss": None, "metrics": None, "callbacks": None}
Schedule = optimizers.schedules.ExponentialDecay


def build(meta, units=3, *, activation="relu", compile_kwargs=None, params=None):
    """Stand for a model function."""


def build_any(meta, **kwargs):
    """Stand for a model function that takes anything."""


def check(function=build, **params):
    check_routed_parameters(DEFAULTS | params)
    check_model_parameters(DEFAULTS | params, function)


def classes_of(module, base):
    return [
        item
        for item in vars(module).values()
        if inspect.isclass(item) and issubclass(item, base) and item is not base
    ]


# Names of parameters.


@pytest.mark.parametrize("name", ["epochs", "units", "activation", *(f"{p}__x" for p in PREFIXES)])
@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_declared_routed_and_function_parameters_pass(name, error):
    check_parameter_names("Network", [name], ["epochs"], build, error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("epochz", "Network has no parameter 'epochz'. Did you mean 'epochs'?"),
        ("unit", "Network has no parameter 'unit'. Did you mean 'units'?"),
        ("modle__units", "no parameter 'modle__units'. Did you mean 'model__units'"),
        ("optimiser__x", "no parameter 'optimiser__x'. Did you mean 'optimizer__x'"),
        ("epochs__x", "no parameter 'epochs__x'"),
        ("fit__", "no parameter 'fit__'. Legal names: activation, batch_size, epochs, units"),
        ("__x", "no parameter '__x'"),
        ("", "no parameter ''. Legal names"),
        ("meta", "no parameter 'meta'"),
        ("compile_kwargs", "no parameter 'compile_kwargs'"),
        ("params", "no parameter 'params'"),
    ],
)
@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_unknown_names_raise_with_the_nearest(name, message, error):
    with pytest.raises(error) as raised:
        check_parameter_names("Network", ["epochs", name], ["epochs", "batch_size"], build, error)

    assert message in str(raised.value)


def test_a_function_that_takes_anything_allows_any_name():
    check_parameter_names("Network", ["depth"], [], build_any, TypeError)
    with pytest.raises(TypeError, match="no parameter 'depth'"):
        check_parameter_names("Network", ["depth"], [], None, TypeError)


def test_function_parameters():
    assert function_parameters(build) == {"units", "activation"}
    assert function_parameters(lambda: None) == set()
    assert function_parameters(build_any) is None


# Routed parameters, each prefix.


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"fit__epochs": 3, "fit__batch_size": 4},
        {"predict__batch_size": 4, "predict__verbose": 0},
        {"compile__jit_compile": True},
        {"score__normalize": False},
        {"model__units": 3, "model__activation": "selu"},
        {"optimizer__learning_rate": 0.1, "optimizer__clipnorm": 1.0},
        {"optimizer": "SGD", "optimizer__momentum": 0.9},
        {"optimizer": optimizers.SGD, "optimizer__nesterov": True},
        {"optimizer": optimizers.SGD, "optimizer__0": 0.1},
        {"optimizer__learning_rate": Schedule, "optimizer__learning_rate__decay_steps": 9},
        {"loss__label_smoothing": 0.1, "loss__from_logits": True},
        {"loss": "binary_focal_crossentropy", "loss__gamma": 1.0},
        {"loss": losses.BinaryFocalCrossentropy, "loss__alpha": 0.3},
        {"loss": losses.binary_crossentropy, "loss__label_smoothing": 0.1},
        {"metrics": "AUC", "metrics__num_thresholds": 20},
        {"metrics": metrics.AUC, "metrics__name": "a"},
        {"metrics": metrics.AUC, "metrics__0__name": "a"},
        {"metrics": ["accuracy", metrics.AUC], "metrics__1__curve": "PR"},
        {"metrics": [metrics.AUC, "AUC"], "metrics__curve": "PR", "metrics__1__name": "b"},
        {"metrics": {"out": metrics.AUC}, "metrics__out__name": "a"},
        {"metrics": {"out": ["AUC", "Precision"]}, "metrics__out__1__top_k": 2},
        {"callbacks": callbacks.EarlyStopping, "callbacks__patience": 3},
        {"callbacks": [callbacks.EarlyStopping], "callbacks__patience": 3},
        {"callbacks": (callbacks.EarlyStopping,), "callbacks__0__patience": 3},
        {"callbacks": {"stop": callbacks.EarlyStopping}, "callbacks__stop__patience": 3},
        {
            "callbacks": [callbacks.LearningRateScheduler],
            "callbacks__0__schedule": Schedule,
            "callbacks__0__schedule__decay_rate": 0.9,
        },
        {"fit__callbacks": [callbacks.EarlyStopping], "fit__callbacks__0__patience": 3},
        {"predict__callbacks": callbacks.LambdaCallback},
    ],
)
def test_legal_parameters_pass(params):
    check(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fit__epoch": 3}, "no parameter 'fit__epoch'. Did you mean 'fit__epochs'"),
        ({"fit__epochs__x": 3}, "no parameter 'fit__epochs__x'. Did you mean 'fit__epochs'"),
        ({"fit__sample_weight": 3}, "no parameter 'fit__sample_weight'"),
        ({"predict__batchsize": 3}, "Did you mean 'predict__batch_size'"),
        ({"compile__jit_compil": 3}, "Did you mean 'compile__jit_compile'"),
        ({"compile__optimizer": "adam"}, "no parameter 'compile__optimizer'"),
        ({"score__normalise": 3}, "Did you mean 'score__normalize'"),
        ({"model__unit": 3}, "no parameter 'model__unit'. Did you mean 'model__units'"),
        ({"model__meta": 3}, "no parameter 'model__meta'"),
        ({"model__units__x": 3}, "no parameter 'model__units__x'"),
        ({"optimizer__learning_rat": 3}, "Did you mean 'optimizer__learning_rate'"),
        ({"optimizer": "SGD", "optimizer__beta_1": 3}, "no parameter 'optimizer__beta_1'"),
        (
            {"optimizer": optimizers.SGD, "optimizer__momentun": 3},
            "Did you mean 'optimizer__momentum'",
        ),
        (
            {"optimizer__learning_rate__decay_steps": 9},
            "no parameter 'optimizer__learning_rate__decay_steps': .*learning_rate is None",
        ),
        (
            {"optimizer__learning_rate": Schedule, "optimizer__learning_rate__decay_step": 9},
            "Did you mean 'optimizer__learning_rate__decay_steps'",
        ),
        ({"loss__label_smoothin": 0.1}, "Did you mean 'loss__label_smoothing'"),
        ({"loss__fn": 1}, "no parameter 'loss__fn'"),
        ({"loss": "binary_crossentropy", "loss__gamma": 1.0}, "no parameter 'loss__gamma'"),
        (
            {"loss": losses.binary_crossentropy, "loss__labelsmoothing": 1.0},
            "Did you mean 'loss__label_smoothing'",
        ),
        ({"metrics": None, "metrics__name": "a"}, "metrics is None"),
        ({"metrics": "AUC", "metrics__num_threshold": 3}, "Did you mean .*num_thresholds'"),
        ({"metrics": "BinaryAccuracy", "metrics__fn": 3}, "no parameter 'metrics__fn'"),
        (
            {"metrics": [metrics.AUC], "metrics__0__nam": 3},
            "no parameter 'metrics__0__nam'. Did you mean 'metrics__0__name'",
        ),
        (
            {"metrics": [metrics.AUC], "metrics__1__name": 3},
            "no parameter 'metrics__1__name'. Did you mean 'metrics__0__name'",
        ),
        (
            {"metrics": {"out": ["AUC"]}, "metrics__out__0__nam": 3},
            "Did you mean 'metrics__out__0__name'",
        ),
        ({"metrics": {"out": "AUC"}, "metrics__in__name": 3}, "Did .* 'metrics__out__name'"),
        (
            {"callbacks": callbacks.EarlyStopping, "callbacks__patienc": 3},
            "Did you mean 'callbacks__patience'",
        ),
        (
            {"callbacks": callbacks.EarlyStopping, "callbacks__0__patience": 3},
            "no parameter 'callbacks__0__patience'",
        ),
        (
            {"callbacks": [callbacks.EarlyStopping], "callbacks__0__patienc": 3},
            "Did you mean 'callbacks__0__patience'",
        ),
        (
            {"callbacks": [callbacks.EarlyStopping], "callbacks__0": callbacks.EarlyStopping},
            "no parameter 'callbacks__0'",
        ),
        (
            {"callbacks": {"stop": callbacks.EarlyStopping}, "callbacks__stop__patienc": 3},
            "Did you mean 'callbacks__stop__patience'",
        ),
        ({"callbacks": None, "callbacks__patience": 3}, "callbacks is None"),
        ({"callbacks": [], "callbacks__patience": 3}, "There are none"),
        (
            {"fit__callbacks": [callbacks.EarlyStopping], "fit__callbacks__0__patienc": 3},
            "Did you mean 'fit__callbacks__0__patience'",
        ),
        ({"fit__callbacks__0__patience": 3}, "fit__callbacks is None"),
        ({"predict__callbacks__0__x": 3}, "predict__callbacks is None"),
    ],
)
def test_illegal_parameters_raise_with_the_nearest(params, message):
    with pytest.raises(ValueError, match=message):
        check(**params)


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": optimizers.SGD(), "optimizer__momentum": 0.9},
        {"loss": losses.BinaryFocalCrossentropy(), "loss__gamma": 1.0},
        {"loss": lambda y_true, y_pred: 0, "loss__gamma": 1.0},
        {"metrics": [metrics.AUC()], "metrics__0__name": "a"},
        {"metrics": {"out": metrics.AUC()}, "metrics__out__name": "a"},
        {"callbacks": callbacks.EarlyStopping(), "callbacks__patience": 3},
        {"callbacks": [callbacks.EarlyStopping()], "callbacks__0__patience": 3},
        {"optimizer__learning_rate": 0.1, "optimizer__learning_rate__decay_steps": 3},
    ],
)
def test_objects_take_no_routed_parameters(params):
    """They are made already: what is routed to them would be dropped in silence."""
    with pytest.raises(ValueError, match=r"routed to a name or a class, but .* Set it there"):
        check(**params)


def test_a_keras_model_takes_no_parameters():
    with pytest.raises(ValueError, match=r"no parameter 'model__units'\. There are none"):
        check(None, model__units=3)


def test_a_function_that_takes_anything():
    check(build_any, model__depth=3)
    with pytest.raises(ValueError, match="no parameter 'model__depth__x'"):
        check(build_any, model__depth__x=3)


@pytest.mark.parametrize("prefix", ["optimizer", "loss"])
def test_unknown_classes_are_named(prefix):
    with pytest.raises(ValueError, match="nonsense"):
        check(**{prefix: "nonsense", f"{prefix}__x": 1})


# Parameters of classes.


@pytest.mark.parametrize(
    "optimizer", classes_of(optimizers, optimizers.Optimizer), ids=lambda c: c.__name__
)
def test_parameters_of_optimizers(optimizer):
    """Those of the base class are taken too, which the signature does not show."""
    signature = inspect.signature(optimizer.__init__).parameters.values()
    own = {p.name for p in signature if p.kind is not p.VAR_KEYWORD} - {"self"}
    found = class_parameters(optimizer)

    assert own <= found
    assert "kwargs" not in found
    if any(p.kind is p.VAR_KEYWORD for p in signature):
        assert {"learning_rate", "clipnorm", "use_ema", "weight_decay"} <= found


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Lion", "Adagrad", "Ftrl"])
def test_optimizers_take_their_parameters(name):
    optimizer = getattr(optimizers, name)
    config = optimizer().get_config()
    routed = {key: value for key, value in config.items() if key in class_parameters(optimizer)}

    assert set(routed) == set(config)
    optimizer(**routed)


@pytest.mark.parametrize(
    "loss",
    [c for c in classes_of(losses, losses.Loss) if c.__init__ is not losses.Loss.__init__],
    ids=lambda c: c.__name__,
)
def test_losses_take_their_parameters(loss):
    """The function that a loss wraps is no parameter of it."""
    config = loss().get_config()
    routed = {key: value for key, value in config.items() if key in class_parameters(loss)}

    assert "fn" not in class_parameters(loss)
    assert {"name", "reduction"} <= set(routed)
    loss(**routed)


class Strict(metrics.BinaryAccuracy):
    """A metric that hands nothing on."""

    def __init__(self, level=0.5):
        super().__init__(threshold=level)


class Open(metrics.BinaryAccuracy):
    """A metric that hands everything on."""

    def __init__(self, *, level=0.5, **kwargs):
        super().__init__(**kwargs)


class Inheriting(Open):
    """A metric without a constructor of its own."""


def test_only_what_is_handed_on_comes_from_the_bases():
    assert class_parameters(Strict) == {"level"}
    assert class_parameters(Open) == {"level", "name", "dtype", "threshold"}
    assert class_parameters(Inheriting) == class_parameters(Open)
    assert class_parameters(callbacks.Callback) == set()


# From names to classes.


def test_names_stand_for_classes():
    assert optimizer_class("adam") is optimizers.Adam
    assert optimizer_class(optimizers.SGD) is optimizers.SGD
    assert loss_class("binary_crossentropy") is losses.BinaryCrossentropy
    assert loss_class("BinaryCrossentropy") is losses.BinaryCrossentropy
    assert loss_class(losses.mean_squared_error) is losses.MeanSquaredError
    assert loss_class(None) is None
    assert loss_class(build) is build
    assert metric_classes(["AUC", build, {"a": ("Recall",)}]) == [
        metrics.AUC,
        build,
        {"a": [metrics.Recall]},
    ]


@pytest.mark.parametrize(
    ("resolve", "item"),
    [
        (optimizer_class, optimizers.SGD()),
        (loss_class, losses.Hinge()),
        (metric_classes, metrics.AUC()),
    ],
)
def test_objects_stand_for_themselves(resolve, item):
    assert resolve(item) is item


@pytest.mark.parametrize(
    "optimizer", classes_of(optimizers, optimizers.Optimizer), ids=lambda c: c.__name__
)
def test_optimizers_have_names(optimizer):
    """Also those that Keras' own table of names lacks, such as Lamb."""
    if optimizer.__name__ in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer"):
        with pytest.raises(ValueError, match="cannot be made from its name; pass an object"):
            optimizer_class(optimizer.__name__)
    else:
        for name in (optimizer.__name__, optimizer.__name__.lower()):
            assert optimizer_class(name) is optimizer


@pytest.mark.parametrize(
    ("resolve", "name"),
    [(loss_class, "Loss"), (loss_class, "get"), (metric_classes, "Mean"), (metric_classes, "get")],
)
def test_not_everything_in_a_module_of_keras_has_a_name(resolve, name):
    with pytest.raises(ValueError, match=f"{name!r} of keras.* cannot be made from its name"):
        resolve(name)


@pytest.mark.parametrize("item", [None, 3, True])
def test_what_is_no_metric(item):
    with pytest.raises(TypeError, match=f"metrics must hold names.*got {item} among them"):
        metric_classes(["accuracy", item])
    assert metric_classes(None) is None


@pytest.mark.parametrize("rate", [1, np.float32(0.1), np.int64(2), 0.5])
def test_learning_rates_are_floats(rate):
    assert check_learning_rate(rate) == rate
    assert type(check_learning_rate(rate)) is float


def test_learning_rates_may_change():
    for rate in (Schedule(0.1, 10, 0.9), Schedule, lambda: 0.1):
        assert check_learning_rate(rate) is rate


@pytest.mark.parametrize("rate", ["a", -1.0, np.nan, np.inf, True, None, [0.1]])
def test_what_is_no_learning_rate(rate):
    with pytest.raises(ValueError, match="optimizer__learning_rate must be a finite number of"):
        check(optimizer__learning_rate=rate)


# Options of a call.


@given(
    given_where=st.lists(
        st.sampled_from(["declared", "routed", "call"]), min_size=1, max_size=3, unique=True
    )
)
def test_a_call_goes_before_a_routed_option_and_that_before_a_declared_one(given_where):
    params = {"verbose": 1}
    call = {}
    if "declared" in given_where:
        params["epochs"] = 1
    if "routed" in given_where:
        params["fit__epochs"] = 2
    if "call" in given_where:
        call["epochs"] = 3

    options = call_options(params, "fit", FIT_OPTIONS, call)

    expected = {"declared": 1, "routed": 2, "call": 3}
    assert options == {"epochs": max(expected[where] for where in given_where), "verbose": 1}


@pytest.mark.parametrize("call", [{"epochs": -1}, {"batch_size": -5}, {"steps_per_epoch": 0}])
def test_options_have_legal_values_too(call):
    with pytest.raises(ValueError, match=f"'{next(iter(call))}' parameter of fit"):
        call_options({}, "fit", FIT_OPTIONS, call)
    routed = {f"fit__{name}": value for name, value in call.items()}
    with pytest.raises(ValueError, match=f"'{next(iter(call))}' parameter of fit"):
        call_options(routed, "fit", FIT_OPTIONS, {})


def test_options_of_another_destination_are_left_out():
    params = {"epochs": 1, "loss": "mse", "predict__batch_size": 3, "fit__callbacks__0__x": 1}

    assert call_options(params, "fit", FIT_OPTIONS, {}) == {"epochs": 1}


@pytest.mark.parametrize(
    ("destination", "legal", "call", "message"),
    [
        ("fit", FIT_OPTIONS, {"epoch": 1}, r"fit\(\) takes no option 'epoch'. Did you .*'epochs'"),
        ("fit", FIT_OPTIONS, {"x": 1}, r"fit\(\) takes no option 'x'. Legal names: batch_size, "),
        ("predict", PREDICT_OPTIONS, {"batchsize": 1}, r"predict\(\) .* Did you mean 'batch_size'"),
        ("predict", PREDICT_OPTIONS, {"epochs": 1}, r"predict\(\) takes no option 'epochs'"),
    ],
)
def test_unknown_options_of_a_call_raise(destination, legal, call, message):
    with pytest.raises(ValueError, match=message):
        call_options({}, destination, legal, call)


def test_options_exist_in_keras():
    assert set(inspect.signature(keras.Model.fit).parameters) >= FIT_OPTIONS
    assert set(inspect.signature(keras.Model.predict).parameters) >= PREDICT_OPTIONS


def test_params_behind_a_prefix():
    params = {"a__b": 1, "a__b__c": 2, "ab__c": 3, "a": 4, "x__a__b": 5, "a__": 6}

    assert params_behind(params, "a") == {"b": 1, "b__c": 2, "": 6}


# Seeds.


@given(st.integers(0, 2**31 - 1))
def test_an_integer_is_the_seed(seed):
    assert resolve_seed(seed) == resolve_seed(np.int64(seed)) == seed


@given(st.integers(0, 2**32 - 1))
def test_seeds_are_in_the_range_that_all_generators_take(seed):
    assert 0 <= resolve_seed(seed) < 2**31


def test_a_random_state_goes_on():
    one, other = np.random.RandomState(3), np.random.RandomState(3)
    seeds = [resolve_seed(one) for _ in range(5)]

    assert len(set(seeds)) == 5
    assert seeds == [resolve_seed(other) for _ in range(5)]
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_without_a_state_seeds_differ_and_no_global_generator_is_drawn_from():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist(), np.random.get_state()[2]
    seeds = {resolve_seed(None) for _ in range(5)}
    after = np.random.get_state()[1].tolist(), np.random.get_state()[2]
    np.random.seed(0)

    assert len(seeds) == 5
    assert not seeds & {resolve_seed(None) for _ in range(5)}
    assert before == after
    assert all(0 <= seed < 2**31 for seed in seeds)
