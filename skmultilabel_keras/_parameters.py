"""Which parameters exist, which values are legal, and where routed ones go.

Owns: the table of legal values, the names legal behind each routing prefix, the options of
training and prediction with SciKeras' precedence (call > routed > constructor).
Does not own: what is built from the parameters (``_building``, ``_compiling``).
"""

from __future__ import annotations

import inspect
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from sklearn.metrics import accuracy_score

from skmultilabel_keras._compat import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    fresh_names,
    validate_parameter_constraints,
)
from skmultilabel_keras._intervals import check_number
from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.decision_rules import DecisionRule, Threshold, resolve_decision_rule
from skmultilabel_keras.losses import LOSSES, BinaryCrossentropy
from skmultilabel_keras.metrics import SCORER_NAMES, ScorerRecipe, find_recipe

_COUNT = Interval(numbers.Integral, 1, None, closed="left")
_BATCH_SIZE = [None, _COUNT, Options(numbers.Integral, {-1})]

PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    "model": [None, str, callable],
    "build_fn": [None, callable],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "optimizer": [str, type, HasMethods(["apply"])],
    "loss": [None, str, callable, type, keras.losses.Loss],
    "metrics": [None, str, callable, type, list, tuple, dict, keras.metrics.Metric],
    "batch_size": _BATCH_SIZE,
    "validation_batch_size": _BATCH_SIZE,
    "verbose": [StrOptions({"auto"}), "verbose"],
    "callbacks": [None, list, tuple, dict, type, keras.callbacks.Callback],
    "validation_split": [Interval(numbers.Real, 0, 1, closed="left")],
    "shuffle": ["boolean"],
    "run_eagerly": ["boolean"],
    "epochs": [_COUNT, StrOptions({"auto"})],
    "class_weight": [dict, StrOptions({"balanced"}), "array-like", None],
    "decision_rule": [None, numbers.Real, str, "array-like", HasMethods(["decide"])],
    "exclusive": ["boolean"],
    "label_names": [None, "array-like"],
    "early_stopping": ["boolean"],
    "n_iter_no_change": [_COUNT],
    "monitor": [str],
    "engine": [StrOptions({"auto", "keras"})],
    "jit_compile": [StrOptions({"auto"}), "boolean"],
}

OPTION_CONSTRAINTS: dict[str, list[Any]] = {
    **PARAMETER_CONSTRAINTS,
    "initial_epoch": [Interval(numbers.Integral, 0, None, closed="left")],
    "steps_per_epoch": [None, _COUNT],
    "validation_steps": [None, _COUNT],
    "validation_freq": [_COUNT, list, tuple, set],
}

# Options of keras.Model.fit and predict that make sense here; the others are arguments of the
# estimator's own methods, or would change how many rows come back.
FIT_OPTIONS = frozenset(
    {
        "batch_size",
        "callbacks",
        "epochs",
        "initial_epoch",
        "shuffle",
        "steps_per_epoch",
        "validation_batch_size",
        "validation_freq",
        "validation_split",
        "validation_steps",
        "verbose",
    }
)
PREDICT_OPTIONS = frozenset({"batch_size", "callbacks", "verbose"})

_COMPILE_OPTIONS = frozenset(
    name
    for name in inspect.signature(keras.Model.compile).parameters
    if name not in ("self", "optimizer", "loss", "metrics", "steps_per_execution")
)
# Those that no call of ``score`` gives.
_SCORE_OPTIONS = frozenset(inspect.signature(accuracy_score).parameters) - {
    "y_true",
    "y_pred",
    "sample_weight",
}

PREFIXES = (
    "model",
    "optimizer",
    "loss",
    "metrics",
    "compile",
    "callbacks",
    "fit",
    "predict",
    "score",
    "decision_rule",
)

_GIVEN_TO_BUILD_FUNCTIONS = {"meta", "compile_kwargs", "params"}


def check_parameter_names(
    owner: str,
    names: Iterable[str],
    declared: Iterable[str],
    function: Callable[..., Any] | None,
    error: type[Exception],
) -> None:
    """Raise ``error`` for a name that is neither declared, nor routed, nor the function's.

    Parameters
    ----------
    owner : str
        Name of the class, for the message.
    names : iterable of str
        The names to check.
    declared : iterable of str
        Parameters of the constructor.
    function : callable or None
        The model function, whose parameters may be set without a prefix too, as in SciKeras.
    error : type
        TypeError for a constructor, ValueError for ``set_params``.
    """
    declared = set(declared)
    for name in names:
        prefix, separator, rest = name.partition("__")
        if name in declared or (separator and rest and prefix in PREFIXES):
            continue
        of_function = set() if function is None else function_parameters(function)
        if of_function is None or name in of_function:
            continue
        legal = [f"{known}__{rest}" for known in PREFIXES] if rest else [*declared, *of_function]
        raise error(f"{owner} has no parameter {name!r}. {nearest_names(name, legal)}")


def function_parameters(function: Callable[..., Any]) -> set[str] | None:
    """Return the names that a model function takes from the user; None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters} - _GIVEN_TO_BUILD_FUNCTIONS


def takes_argument(function: Callable[..., Any], name: str) -> bool:
    """Tell whether a model function takes an argument of this name, or any."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is p.VAR_KEYWORD or p.name == name for p in parameters)


def check_model_parameters(
    params: Mapping[str, Any], function: Callable[..., Any] | None, hint: str = ""
) -> None:
    """Raise for a parameter behind ``model__`` that the network does not take.

    Parameters
    ----------
    params : mapping
        All parameters of the estimator.
    function : callable or None
        The model function; None for a Keras model, which takes no parameters.
    hint : str, default=""
        What else to say.
    """
    of_function = set() if function is None else function_parameters(function)
    for name in params_behind(params, "model"):
        any_name = {name.partition("__")[0]}
        _require_legal("model__", name, any_name if of_function is None else of_function, hint=hint)


def check_routed_parameters(params: Mapping[str, Any]) -> None:
    """Raise for a routed parameter, of another than the network, that is not taken where it goes.

    Parameters
    ----------
    params : mapping
        All parameters of the estimator.
    """
    routed = {prefix: params_behind(params, prefix) for prefix in PREFIXES}
    legal: dict[str, Iterable[str]] = {
        "fit": FIT_OPTIONS,
        "predict": PREDICT_OPTIONS,
        "compile": _COMPILE_OPTIONS,
        "score": _SCORE_OPTIONS,
    }
    for prefix, names in legal.items():
        for name in routed[prefix]:
            if not (name.startswith("callbacks__") and "callbacks" in names):
                _require_legal(f"{prefix}__", name, names)
    for callbacks in ("fit__callbacks", "predict__callbacks"):
        check_names(f"{callbacks}__", params_behind(params, callbacks), params.get(callbacks))
    if params.get("loss") is None:  # the head chooses among these once there is a network
        for name in routed.pop("loss"):
            _require_legal("loss__", name, _HEAD_LOSS_PARAMETERS)
        routed["loss"] = {}
    for prefix, resolve in _RESOLVERS.items():
        check_names(f"{prefix}__", routed[prefix], resolve(params.get(prefix)))
    if "learning_rate" in routed["optimizer"]:
        check_learning_rate(routed["optimizer"]["learning_rate"])
    rule = decision_rule_of(params.get("decision_rule"))
    check_names("decision_rule__", routed["decision_rule"], type(rule))


def params_behind(params: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return what stands behind ``prefix__``, without it."""
    start = f"{prefix}__"
    return {name[len(start) :]: value for name, value in params.items() if name.startswith(start)}


def call_options(
    params: Mapping[str, Any], destination: str, legal: Iterable[str], call: Mapping[str, Any]
) -> dict[str, Any]:
    """Return options of ``fit`` or ``predict``: those of the call, else routed, else declared."""
    for name in call:
        _require_legal("", name, legal, f"{destination}()")
    options = {name: params[name] for name in legal if name in params}
    options |= {k: v for k, v in params_behind(params, destination).items() if "__" not in k}
    options |= dict(call)
    validate_parameter_constraints(OPTION_CONSTRAINTS, options, caller_name=destination)
    return options


def _require_legal(
    prefix: str, name: str, legal: Iterable[str], owner: str = "", hint: str = ""
) -> None:
    if name in legal:
        return
    what = f"{owner} takes no option" if owner else "There is no parameter"
    near = nearest_names(f"{prefix}{name}", [f"{prefix}{known}" for known in legal])
    raise ValueError(f"{what} {prefix + name!r}. {near}{hint}")


def check_names(prefix: str, routed: Mapping[str, Any], target: Any) -> None:
    """Check the names behind ``prefix`` against a class, or the entries of a list or dict."""
    if not routed:
        return
    if isinstance(target, (list, tuple)):
        _check_entries(prefix, routed, {str(i): item for i, item in enumerate(target)})
    elif isinstance(target, Mapping):
        _check_entries(prefix, routed, {str(key): item for key, item in target.items()})
    elif inspect.isclass(target):
        for first in {name.partition("__")[0] for name in routed}:
            if not first.isdigit():  # SciKeras' way to pass arguments by position
                _require_legal(prefix, first, class_parameters(target))
            check_names(f"{prefix}{first}__", params_behind(routed, first), routed.get(first))
    else:
        name = next(iter(routed))
        raise ValueError(
            f"There is no parameter {prefix + name!r}: parameters can be routed to a name or a "
            f"class, but {prefix[:-2]} is {target!r}. Set it there."
        )


def _check_entries(prefix: str, routed: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
    """Check names for one entry, ``0__name``, and names for all of them, ``name``."""
    legal = {
        f"{start}{name}"
        for key, item in entries.items()
        if inspect.isclass(item)
        for name in class_parameters(item)
        for start in ("", f"{key}__")
    }
    for name in routed:
        first, separator, _ = name.partition("__")
        if not (separator and first in entries):
            _require_legal(prefix, name, legal)
    for key, item in entries.items():
        check_names(f"{prefix}{key}__", params_behind(routed, key), item)


def class_parameters(target: type) -> set[str]:
    """Return the names that a class takes in its constructor, and hands on to its bases'."""
    names: set[str] = set()
    for base in target.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names |= {p.name for p in parameters if p.kind in named and p.name != "self"}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names


_HEAD_LOSS_PARAMETERS = (
    class_parameters(keras.losses.BinaryCrossentropy)
    | class_parameters(keras.losses.SparseCategoricalCrossentropy)
    | class_parameters(BinaryCrossentropy)
)

_OWN_LOSSES = {name: own for name, own in LOSSES.items() if name != "binary_crossentropy"}


def optimizer_class(optimizer: Any) -> Any:
    """Return the class that an optimizer's name stands for, anything else as it is."""
    return _optimizer_of_name(optimizer) if isinstance(optimizer, str) else optimizer


@lru_cache
def _optimizer_of_name(name: str) -> Any:
    return _named("optimizer", "adam" if name == "auto" else name)


def check_learning_rate(rate: Any) -> Any:
    """Return a learning rate as Keras takes it: numbers as floats, schedules and functions.

    Raises
    ------
    ValueError
        For a number below zero, and anything else.
    """
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) or callable(rate):
        return rate
    hint = "Or pass a schedule of keras.optimizers.schedules, or a function without arguments."
    return check_number("optimizer__learning_rate", rate, 0, hint=hint)


def decision_rule_of(value: Any) -> DecisionRule:
    """Return the rule that a value of ``decision_rule`` stands for: a threshold for None."""
    return Threshold() if value is None else resolve_decision_rule(value)


def check_thresholds(rule: DecisionRule) -> None:
    """Raise for thresholds that all probabilities or none would pass, infinity apart."""
    thresholds = np.ravel(rule.threshold) if isinstance(rule, Threshold) else np.empty(0)
    wrong = thresholds[np.isfinite(thresholds) & ((thresholds < 0) | (thresholds > 1))]
    if wrong.size:
        raise ValueError(
            "decision_rule must hold thresholds of probabilities, between 0 and 1, or infinity for "
            f"a label that is never predicted; got {wrong[0]:g}."
        )


def loss_class(loss: Any) -> Any:
    """Return the class behind a loss' name or Keras' own function, anything else as it is.

    A name that Keras has too stands for Keras' class.
    """
    if isinstance(loss, str) and loss in _OWN_LOSSES:
        return _OWN_LOSSES[loss]
    found = _named("loss", loss, LOSSES) if isinstance(loss, str) else loss
    name = getattr(found, "__name__", "")
    if inspect.isclass(found) or getattr(keras.losses, name, None) is not found:
        return found
    return getattr(keras.losses, "".join(map(str.capitalize, name.split("_"))), found)


def loss_name(loss: Any) -> str:
    """Return a loss' name in snake case, "binary_crossentropy" say, however it is given."""
    found = loss_class(loss)
    kind = found if inspect.isclass(found) else type(found)
    own = next((name for name, cls in LOSSES.items() if cls is kind), None)
    if own is not None:
        return own
    name = getattr(found, "__name__", kind.__name__)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def score_recipe(name: Any) -> ScorerRecipe | None:
    """Return the recipe of a scorer's name, with or without "neg_"; None for anything else."""
    if not isinstance(name, str):
        return None
    return next((find_recipe(n) for n in (name, f"neg_{name}") if n in SCORER_NAMES), None)


def score_names(metrics: Any) -> list[str]:
    """Return the names of our scores among ``metrics``."""
    listed = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return [name for name in listed if score_recipe(name) is not None]


def keras_metrics(metrics: Any) -> Any:
    """Return ``metrics`` without our scores, None if nothing is left."""
    if isinstance(metrics, (list, tuple)):
        return [item for item in metrics if score_recipe(item) is None] or None
    return None if score_recipe(metrics) is not None else metrics


def metric_classes(metrics: Any) -> Any:
    """Return metrics with the names of Keras' classes replaced by the classes, scores as names."""
    return None if metrics is None else _metric_classes(metrics)


def _metric_classes(metrics: Any) -> Any:
    if score_recipe(metrics) is not None:
        return metrics
    if isinstance(metrics, str):
        scores = [*SCORER_NAMES, *(score.removeprefix("neg_") for score in SCORER_NAMES)]
        return _named("metrics", "accuracy" if metrics == "acc" else metrics, scores)
    if isinstance(metrics, Mapping):
        return {key: _metric_classes(value) for key, value in metrics.items()}
    if isinstance(metrics, Sequence):
        return [_metric_classes(value) for value in metrics]
    if not callable(metrics):  # as Keras' metrics are, and classes
        raise TypeError(
            "metrics must hold names, functions, classes and objects of keras.metrics; got "
            f"{metrics!r} among them."
        )
    return metrics


_MODULES: dict[str, tuple[Any, Any]] = {
    "optimizer": (keras.optimizers, keras.optimizers.Optimizer),
    "loss": (keras.losses, keras.losses.Loss),
    "metrics": (keras.metrics, keras.metrics.Metric),
}


def _named(parameter: str, name: str, ours: Iterable[str] = ()) -> Any:
    """Return the class or function that Keras has under a name.

    Raises
    ------
    ValueError
        With the nearest names, of ``ours`` too.
    """
    module, base = _MODULES[parameter]
    public, known = _members(parameter)
    # Keras' own table of names lacks some classes, and it has others of which nothing can be made.
    if inspect.isclass(known.get(name)):
        found = known[name]
    elif name in public and name not in known:
        found = None
    else:
        try:
            with fresh_names():  # Keras makes an object, whose name must not count
                found = module.get(name)
        except ValueError:
            found = next((known[key] for key in known if key.lower() == name.lower()), None)
    if found is None:
        where = f"keras.{module.__name__.rpartition('.')[2]}"  # whatever Keras calls it within
        also = " or of this package" if ours else ""
        what = f"there is no {name!r} in {where}{also}."
        if name in public:
            what = f"{name!r} of {where} cannot be made from its name; pass an object."
        raise ValueError(f"{parameter}: {what} {nearest_names(name, {*ours, *known})}")
    return type(found) if isinstance(found, base) else found


@lru_cache
def _members(parameter: str) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the public names of a module of Keras, and what can be asked for by its name."""
    module, base = _MODULES[parameter]
    public = {key: item for key, item in vars(module).items() if key[0] != "_"}
    known = {key: item for key, item in public.items() if _has_a_name(item, base)}
    return frozenset(public), known


def _has_a_name(item: Any, base: Any) -> bool:
    """Tell whether a member of a module of Keras can be asked for by its name."""
    if not inspect.isclass(item):
        return inspect.isfunction(item) and "y_pred" in inspect.signature(item).parameters
    if not issubclass(item, base) or item is base:
        return False
    update = getattr(item, "update_state", None)
    if update is not None:  # of a metric; others, Mean say, take one array
        return "y_pred" in inspect.signature(update).parameters
    parameters = inspect.signature(item).parameters.values()
    return all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters)


def in_list(metrics: Any) -> Any:
    """Return a single metric as the list that it is compiled as."""
    single = metrics is not None and not isinstance(metrics, (list, tuple, Mapping))
    return [metrics] if single else metrics


_RESOLVERS: dict[str, Callable[[Any], Any]] = {
    "optimizer": optimizer_class,
    "loss": loss_class,
    "metrics": lambda metrics: metric_classes(in_list(metrics)),
    "callbacks": lambda callbacks: callbacks,
}


# Parameters, and prefixes of parameters, that a network is built and compiled from.
_BUILT_FROM = (
    "build_fn",
    "compile",
    "exclusive",
    "label_names",
    "loss",
    "metrics",
    "model",
    "optimizer",
    "run_eagerly",
)


def changed_parameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of parameters that would now give another network than before."""
    names = {name for name in {*before, *now} if name.partition("__")[0] in _BUILT_FROM}
    return sorted(name for name in names if not _is_same(before.get(name), now.get(name)))


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and _are_equal(one, other))


def _are_equal(one: Any, other: Any) -> bool:
    """Compare parameters, which may hold arrays and Series at any depth."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_are_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_are_equal, one, other))
    if hasattr(one, "equals") and hasattr(other, "equals"):
        return bool(one.equals(other))  # of pandas and polars: names count as well
    if hasattr(one, "__array__") or hasattr(other, "__array__"):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return one is other or bool(one == other)


def resolve_seed(random_state: Any) -> int:
    """Return a seed in [0, 2**31): the integer given, or one drawn.

    Without a state it comes from the operating system: a fit draws from no global generator.
    """
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(random_state) % 2**31
