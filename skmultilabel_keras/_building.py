"""From the parameter ``model`` to a built network.

Owns: calling model functions, copying networks that are given as objects, the state of a network,
finding the layers that are set from the training rows.
Does not own: what it is compiled with (``_compiling``).
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import keras
import numpy as np

from skmultilabel_keras._compat import compile_arguments, follows_input, optimized_by
from skmultilabel_keras._compiling import compile_like, compile_options
from skmultilabel_keras._keras_objects import copy_settings_of_weights, recompile, renewed
from skmultilabel_keras._parameters import params_behind, takes_argument
from skmultilabel_keras._recipes import AUTO
from skmultilabel_keras.networks import (
    FeatureScaler,
    LabelPrior,
    PiecewiseLinear,
    is_for_text,
    resolve_network,
)

# Networks that model functions returned.
_BUILT: weakref.WeakSet[keras.Model] = weakref.WeakSet()

_Scaler = TypeVar("_Scaler", FeatureScaler, PiecewiseLinear)


def resolve_model(model: Any) -> Any:
    """Return a model function or a Keras model for what a user passes as ``model``.

    "auto" stays as it is: what it stands for depends on the rows.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything that is no name, function or Keras model.
    """
    if isinstance(model, str):
        return model if model == AUTO else resolve_network(model)
    if isinstance(model, keras.Model) or (callable(model) and not inspect.isclass(model)):
        return model
    raise TypeError(
        "model must be the name of a built-in network, a function that returns a Keras model, or "
        f"a Keras model; got {model!r}."
    )


def build_network(
    model: Any, meta: Mapping[str, Any], params: Mapping[str, Any], *, in_place: bool
) -> keras.Model:
    """Return a built network for rows of shape ``meta["X_shape_"][1:]``.

    Parameters
    ----------
    model : callable or keras.Model
        Called with what it takes of ``meta``, ``compile_kwargs``, ``params`` and its own
        parameters; a Keras model is copied with its weights.
    meta : mapping
        What is known of the data.
    params : mapping
        All parameters of the estimator.
    in_place : bool
        Whether a Keras model is to be used as it is.
    """
    if isinstance(model, keras.Model):
        network = model if in_place else copy_model(model)
    else:
        network = _call_build_function(model, meta, params)
    _check_input(network, meta["X_shape_"][1:])
    if not network.built:
        network(np.zeros((1, *meta["X_shape_"][1:]), dtype=keras.config.floatx()), training=False)
    return network


def split_network(network: keras.Model) -> tuple[Any, keras.Model]:
    """Return what prepares rows once for a whole fit, and the network that is trained on them.

    A network may consist of a layer with a method ``prepare``, from rows to an array, and a network
    behind it: then they are those two. All of any other network is trained.

    Returns
    -------
    layer : keras.layers.Layer or None
        The layer with ``prepare``; None where rows are taken as they are.
    trained : keras.Model
        The network that is compiled and trained. It shares its layers with ``network``.

    Raises
    ------
    ValueError
        For a network whose input are strings, of which only a layer can make numbers.
    """
    layers = getattr(network, "layers", [])
    if len(layers) == 3 and hasattr(layers[1], "prepare") and isinstance(layers[2], keras.Model):
        return layers[1], layers[2]
    if is_for_text(network):
        raise ValueError(
            "A network for text must be a TextEncoder and one network behind it, "
            "keras.Model(texts, network(encoder(texts))), as skmultilabel_keras.networks shows; "
            f"got the layers {[type(layer).__name__ for layer in layers]}."
        )
    return None, network


def copy_model(model: keras.Model) -> keras.Model:
    """Return a copy of a Keras model: same layers and weights, compiled alike if it is compiled."""
    compiled = model.compiled
    try:
        model.compiled = False  # Keras would compile the copy, with registered objects only
        twin = keras.models.clone_model(model)
        if not twin.built and model.built:
            twin.build(model.input_shape)
        twin.set_weights(model.get_weights())
        copy_settings_of_weights(model, twin)
        _copy_vocabularies(model, twin)
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise ValueError(
            "This Keras model cannot be copied for the fit, as each fit needs a fresh one: "
            f"{error} Pass a function that builds it instead, model=lambda meta: ..."
        ) from error
    finally:
        model.compiled = compiled
    if type(twin) is not type(model):
        raise ValueError(
            f"This {type(model).__name__} cannot be copied for the fit: Keras makes a plain "
            f"{type(twin).__name__} of it. Pass a function that builds it, model=lambda meta: ..."
        )
    _finalize_layers(twin)
    if model.compiled:
        compile_like(twin, model)
    return twin


def _copy_vocabularies(model: keras.Model, twin: keras.Model) -> None:
    """Give lookups what theirs learnt by ``adapt``, which no weights and no configuration hold."""
    kinds = (keras.layers.IntegerLookup, keras.layers.StringLookup)
    pairs = zip(model._flatten_layers(), twin._flatten_layers(), strict=False)
    for layer, other in pairs:
        if isinstance(layer, kinds) and layer.input_vocabulary is None:
            frequencies: dict[str, np.ndarray] = {}
            layer.save_own_variables(frequencies)
            other.set_vocabulary(layer.get_vocabulary(), frequencies.get("idf_weights"))


def _finalize_layers(network: keras.Model) -> None:
    """Let layers make anew what they make of their weights, as Keras' Normalization does."""
    for layer in network._flatten_layers():
        # Those without weights, such as Discretization, would make it of rows, which are gone.
        if layer.weights and hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _call_build_function(
    function: Callable[..., Any], meta: Mapping[str, Any], params: Mapping[str, Any]
) -> keras.Model:
    parameters = inspect.signature(function).parameters
    arguments = {k: v for k, v in params_behind(params, "model").items() if "__" not in k}
    arguments |= {
        name: params[name] for name in parameters if name in params and name not in arguments
    }
    offered: dict[str, Callable[[], Any]] = {
        "meta": lambda: dict(meta),
        "params": lambda: dict(params),
        "compile_kwargs": lambda: compile_options(params),
    }
    for name, make in offered.items():
        if takes_argument(function, name):
            arguments[name] = make()
    network = function(**arguments)
    if not isinstance(network, keras.Model):
        raise TypeError(
            f"The model function {getattr(function, '__name__', function)!r} must return a Keras "
            f"model; got {type(network).__name__}."
        )
    if network in _BUILT:
        raise ValueError(
            f"The model function {getattr(function, '__name__', function)!r} must build a new "
            "network in each call; it returned one that it had returned before, which another fit "
            "trains. Pass the network itself as model: it is copied for each fit."
        )
    _BUILT.add(network)
    return network


def _check_input(network: keras.Model, row_shape: tuple[int, ...]) -> None:
    inputs = getattr(network, "inputs", None)
    if not inputs:
        return
    if len(inputs) != 1:
        raise ValueError(f"The network must have one input; got {len(inputs)}.")
    shape = tuple(inputs[0].shape[1:])
    fits = len(shape) == len(row_shape) and all(
        want in (None, have) for want, have in zip(shape, row_shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"The network takes rows of shape {shape}; X has rows of shape {row_shape}. A model "
            "function gets the shape of X as meta['X_shape_']."
        )


def network_state(network: keras.Model) -> list[Any]:
    """Return the variables that make a network and its training what they are.

    Weights, the states of random generators, and the variables of optimizers; not those of metrics.
    """
    return [*_own_variables(network), *_variables_of(_optimizers(network).values())]


def optimized_variables(network: keras.Model) -> dict[str, list[int]]:
    """Return which variables each optimizer was built for, by their positions; none before."""
    positions = {id(variable): i for i, variable in enumerate(_own_variables(network))}
    return {
        name: [positions[id(variable)] for variable in optimized_by(optimizer)]
        for name, optimizer in _optimizers(network).items()
    }


def set_network_state(
    network: keras.Model, values: Sequence[np.ndarray], optimized: Mapping[str, Sequence[int]]
) -> None:
    """Give a fresh network of the same kind the values of :func:`network_state`.

    ``optimized`` is what :func:`optimized_variables` returned.
    """
    own = _own_variables(network)
    # Not all that it has now: one may have been built for variables of others since.
    optimizers = {name: getattr(network, name) for name in optimized}
    for name, optimizer in optimizers.items():
        if optimized[name] and not optimizer.built:
            optimizer.build([own[i] for i in optimized[name]])
    variables = [*own, *_variables_of(optimizers.values())]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    _finalize_layers(network)


def _variables_of(optimizers: Iterable[Any]) -> Iterator[Any]:
    return chain.from_iterable(optimizer.variables for optimizer in optimizers)


def _own_variables(network: keras.Model) -> list[Any]:
    of_metrics = {id(variable) for variable in network.metrics_variables}
    return [variable for variable in network.variables if id(variable) not in of_metrics]


def _optimizers(network: keras.Model) -> dict[str, Any]:
    """Return the optimizers among a network's attributes: steps of its own may take several.

    One that was built for variables of others is none of the network's.
    """
    own = {id(variable) for variable in network.variables}
    found = {
        name: value
        for name, value in sorted(vars(network).items())
        if isinstance(value, keras.optimizers.Optimizer)
        and all(id(variable) in own for variable in optimized_by(value))
    }
    if not network.compiled:
        found.pop("optimizer", None)  # is one of an earlier fit
    return found


def _built_optimizers(network: keras.Model) -> set[str]:
    return {name for name, optimizer in _optimizers(network).items() if optimizer.built}


def _is_compiled_otherwise(network: keras.Model, compiled: Mapping[str, Any]) -> bool:
    now = compile_arguments(network) | {"optimizer": network.optimizer}
    return any(value is not compiled[name] for name, value in now.items())


def note_network(network: keras.Model) -> Callable[[], None]:
    """Return a function that puts a network, and what it is compiled with, back as it is now."""
    compiled: dict[str, Any] = {}
    if network.compiled:
        compiled = compile_arguments(network) | {"optimizer": network.optimizer}
    built = _built_optimizers(network)
    variables = network_state(network)
    values = [variable.numpy() for variable in variables]
    # Parents first: layers hand on whether they are trained.
    flags = [(part, part.trainable) for part in (*network._flatten_layers(), *network.variables)]

    def put_back() -> None:
        late = _built_optimizers(network) - built
        fresh: dict[int, Any] = {}  # once for each, whatever names it has
        for name in late - {"optimizer"}:
            optimizer = getattr(network, name)
            setattr(network, name, fresh.setdefault(id(optimizer), renewed(optimizer)))
        if not compiled:
            network.compiled = False
        elif "optimizer" in late:
            optimizer = compiled["optimizer"]
            optimizer = fresh.get(id(optimizer)) or renewed(optimizer)
            recompile(network, compiled | {"optimizer": optimizer})
        elif late or _is_compiled_otherwise(network, compiled):
            recompile(network, compiled)
        if any(part.trainable != flag for part, flag in flags):
            for part, flag in flags:
                part.trainable = flag
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        _finalize_layers(network)

    return put_back


def find_scalers(network: keras.Model, kind: type[_Scaler], *, keep_set: bool) -> list[_Scaler]:
    """Return the layers of a kind whose statistics are to be set from the training rows.

    Those that have some are left out with ``keep_set``.

    Raises
    ------
    ValueError
        If one of them takes features of rows that are not those of ``X``.
    """
    layers = network._flatten_layers()
    found = [layer for layer in layers if isinstance(layer, kind) and layer.trainable]
    found = [layer for layer in found if not (keep_set and layer.is_set)]
    for layer in found:
        if not _follows_input(layer, network) and len(network.input_shape) == 2:
            raise ValueError(
                f"{kind.__name__} must stand right behind the network's input, as it is set from "
                f"the features of X; the layer {layer.name!r} stands behind another one. Move it, "
                "or make it with trainable=False and set it yourself."
            )
    return found


def _follows_input(layer: keras.layers.Layer, network: keras.Model) -> bool:
    """Tell whether a layer, and each model around it, stands right behind an input."""
    around = [
        inner
        for inner in network._flatten_layers(include_self=False)
        if isinstance(inner, keras.Model) and any(layer is one for one in inner._flatten_layers())
    ]
    return all(map(follows_input, [layer, *around]))


def find_priors(network: keras.Model, n_units: int) -> list[Any]:
    """Return the biases that are to be set to the logits of the label priors.

    Raises
    ------
    ValueError
        If one of them is not that of an output layer.
    """
    found = []
    for layer in network._flatten_layers():
        bias = getattr(layer, "bias", None)
        if bias is None or not isinstance(getattr(layer, "bias_initializer", None), LabelPrior):
            continue
        if bias.shape[-1] != n_units:
            raise ValueError(
                "bias_initializer=LabelPrior() is for the layer of the outputs, of which there are "
                f"{n_units}; the layer {layer.name!r} has {bias.shape[-1]} units."
            )
        found.append(bias)
    return found
