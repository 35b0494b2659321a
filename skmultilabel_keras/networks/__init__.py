"""Built-in networks: functions ``(meta, ...) -> keras.Model``, the same kind users write.

Owns: the networks that ``model=`` knows by name. Those for tables are in ``_tables`` and
``_ensemble``, those for images in ``_images`` and ``_transfer``; layers are in ``_layers``,
``_features``, ``_augmentation`` and ``_backbone_layers``, initial values in ``_initializers``.
Does not own: compiling, losses, or the reading of outputs (``_heads``). Networks end without
activation: their outputs are logits.

``meta`` holds what is known of the data, under SciKeras' names: ``n_features_in_``, ``X_shape_``,
``n_classes_``, ``target_type_`` and others; ``n_units_``, the number of outputs wanted; and
``X_sparse_``, whether the rows are sparse: a network with ``keras.Input(..., sparse=True)`` gets
them as they are, any other one batch by batch as dense rows. A function that takes text (see
:func:`takes_text`) finds the texts to learn from in ``documents_``; :meth:`TextEncoder.learn` does.
``is_restored_`` is True where a pickle is loaded: all weights are set afterwards, and files of
weights need not be there. Then there are no ``documents_`` either, but the ``vocabulary_`` of the
fit, which :meth:`TextEncoder.learn` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.networks._augmentation import Augmentation
from skmultilabel_keras.networks._backbone_layers import (
    BackboneInput,
    FineTuned,
    FrozenFeatures,
    InferenceMode,
    split_at_features,
)
from skmultilabel_keras.networks._ensemble import (
    EnsembleModel,
    MemberDense,
    MemberMean,
    ensemble,
)
from skmultilabel_keras.networks._features import PiecewiseLinear, SmoothClip
from skmultilabel_keras.networks._images import cnn
from skmultilabel_keras.networks._initializers import LabelPrior
from skmultilabel_keras.networks._layers import Dropout, FeatureScaler
from skmultilabel_keras.networks._tables import linear, mlp
from skmultilabel_keras.networks._text import reads_text, takes_text, text
from skmultilabel_keras.networks._text_layers import (
    AttentionPooling,
    MaxOverText,
    TextEncoder,
    WordVectors,
)
from skmultilabel_keras.networks._transfer import transfer

__all__ = [
    "NETWORKS",
    "AttentionPooling",
    "Augmentation",
    "BackboneInput",
    "Dropout",
    "EnsembleModel",
    "FeatureScaler",
    "FineTuned",
    "FrozenFeatures",
    "InferenceMode",
    "LabelPrior",
    "MaxOverText",
    "MemberDense",
    "MemberMean",
    "PiecewiseLinear",
    "SmoothClip",
    "TextEncoder",
    "WordVectors",
    "cnn",
    "ensemble",
    "is_for_text",
    "linear",
    "mlp",
    "resolve_network",
    "split_at_features",
    "takes_text",
    "text",
    "transfer",
]

NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "cnn": cnn,
    "ensemble": ensemble,
    "linear": linear,
    "mlp": mlp,
    "text": text,
    "transfer": transfer,
}


def resolve_network(name: str) -> Callable[..., keras.Model]:
    """Return the built-in network of this name.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.

    Returns
    -------
    callable
        A function ``(meta, ...) -> keras.Model``.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known ones.

    Examples
    --------
    >>> resolve_network("mlp") is mlp
    True
    """
    if name not in NETWORKS:
        raise ValueError(
            "model must be the name of a built-in network, a function or a Keras model; got "
            f"{name!r}. {nearest_names(name, ['auto', *NETWORKS])}"
        )
    return NETWORKS[name]


def is_for_text(model: Any) -> bool:
    """Tell whether rows are texts for a network.

    Parameters
    ----------
    model : str, callable or keras.Model
        A name in ``NETWORKS``, a function, or a Keras model.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_for_text("text"), is_for_text("mlp")
    (True, False)
    """
    return reads_text(NETWORKS.get(model) if isinstance(model, str) else model)
