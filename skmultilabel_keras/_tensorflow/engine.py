"""The engine: which way a fit runs, and why.

Owns: the choice between the ways, the rule for XLA, what layers and inputs mean for both.
Does not own: the ways themselves (``compiled``, ``keras_fit``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import keras

from skmultilabel_keras._tensorflow.specification import Specification, leaf_layers
from skmultilabel_keras.networks import (
    Dropout,
    FeatureScaler,
    MemberDense,
    MemberMean,
    PiecewiseLinear,
    SmoothClip,
)

# Layers whose work is a few small operations: threads between operations do not pay for them.
_LIGHT_LAYERS = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.ReLU,
    keras.layers.Reshape,
    Dropout,
    FeatureScaler,
    MemberDense,
    MemberMean,
    PiecewiseLinear,
    SmoothClip,
)

# Trained weights up to which that is so. Measured on 2 cores with Adam: steps of 507,000 take 11 %
# longer in threads, those of two layers of 757,000 take 20 % less, sparse ones of 2,050,000, too;
# those of eight members that share 227,000, 15 %.
_LIGHT_WEIGHTS = 2**19

# Of these, the ones that XLA does not slow down: Keras' own dropout draws random numbers slowly.
_XLA_LAYERS = tuple(layer for layer in _LIGHT_LAYERS if layer is not keras.layers.Dropout)

# Measured: compiling takes 0.7 to 1.6 s more, and pays from some 0.6e10 to 3e10 of these products.
_XLA_PAYS_FROM = 2e10

# Entries of sparse targets that may be made dense for it unasked: 256 MB as float32.
_MAKES_DENSE = 2**26


class Engine(NamedTuple):
    """Which way a fit ran, and why.

    Parameters
    ----------
    name : {"shared", "own", "keras"}
        "shared": whole epochs in a compiled function that all fits of like networks share.
        "own": whole epochs in a function compiled for this network alone, which calls the model's
        own steps. "keras": Keras' own ``fit``.
    jit_compile : bool
        Whether XLA compiled it.
    reason : str
        Why not the way before; "" for "shared".
    """

    name: str
    jit_compile: bool = False
    reason: str = ""


def resolve_engine(
    model: keras.Model,
    *,
    specification: Specification,
    asked: str,
    callbacks: str,
    jit_compile: bool | None,
    n_steps: int,
    batch_size: int,
    is_sparse: bool,
    n_made_dense: int,
) -> Engine:
    """Choose how a compiled model is to be trained.

    Parameters
    ----------
    model : keras.Model
        Compiled model.
    specification : Specification
        That of its training.
    asked : {"auto", "keras"}
        What the user wants.
    callbacks : str
        Which callback has to act within an epoch and how, "" if none has.
    jit_compile : bool or None
        Whether XLA is wanted; None leaves it to the rule of :func:`xla_pays`.
    n_steps : int
        Training steps of the whole fit.
    batch_size : int
        Rows per step.
    is_sparse : bool
        Whether the rows are sparse.
    n_made_dense : int
        Entries of sparse targets, which XLA needs dense; 0 for dense ones.

    Raises
    ------
    ValueError
        If XLA is wanted where it cannot serve.
    """
    if asked == "keras":
        return Engine("keras", bool(jit_compile), "engine='keras'")
    if model.run_eagerly:
        return Engine("keras", False, "run_eagerly=True")
    if callbacks:
        return Engine("keras", bool(jit_compile), callbacks)
    if jit_compile and is_sparse:
        raise ValueError(
            "jit_compile must be False or 'auto' for sparse X: XLA knows no sparse rows. Pass "
            "X.toarray(), or leave jit_compile out."
        )
    summing = [layer.name for layer in leaf_layers(model) if getattr(layer, "sums_words", False)]
    if jit_compile and summing:
        raise ValueError(
            f"jit_compile must be False or 'auto' for the layer {summing[0]!r}: XLA knows no sums "
            "over as many words as texts happen to have. Leave jit_compile out."
        )
    if specification.key is None:
        return Engine("own", bool(jit_compile), specification.reason)
    if jit_compile is None:
        fits = not is_sparse and n_made_dense <= _MAKES_DENSE
        jit_compile = fits and xla_pays(model, n_steps, batch_size)
    return Engine("shared", jit_compile)


def xla_pays(model: keras.Model, n_steps: int, batch_size: int) -> bool:
    """Tell whether compiling by XLA is worth the second or so that it takes.

    Yes for networks of dense layers, their activations, batch and layer normalisation and our
    own dropout, where (number of trained weights) x (rows per step) x (steps of the fit) is at
    least 2e10; weights that members of an ensemble share count once for each. Convolutions and
    Keras' own dropout are slower under XLA on a CPU.
    """
    if not all(type(layer) in _XLA_LAYERS for layer in leaf_layers(model)):
        return False
    return _count_trained(model) * batch_size * n_steps >= _XLA_PAYS_FROM


def input_dtype(model: keras.Model) -> str:
    """Return the dtype that a network takes; floatx for one that does not say."""
    inputs = getattr(model, "inputs", None)
    return str(keras.backend.standardize_dtype(inputs[0].dtype if inputs else None))


def takes_sparse(model: keras.Model) -> bool:
    """Tell whether a network takes sparse rows as they are: its input says so."""
    inputs = getattr(model, "inputs", None)
    return bool(inputs and inputs[0].sparse)


def is_light(model: keras.Model) -> bool:
    """Tell whether all layers do only a few small operations, and few of them long ones."""
    light = all(type(layer) in _LIGHT_LAYERS for layer in leaf_layers(model))
    return light and _count_trained(model) <= _LIGHT_WEIGHTS


def _count_trained(model: keras.Model) -> int:
    """Return the number of trained weights; those that members share count once for each."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables) + sum(
        math.prod(layer.kernel.shape) * (layer.n_members - 1)
        for layer in leaf_layers(model)
        if isinstance(layer, MemberDense) and layer.share
    )
