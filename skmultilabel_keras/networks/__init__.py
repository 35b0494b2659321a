"""Built-in networks: functions ``(meta, ...) -> keras.Model``, the same kind users write.

Owns: the networks that ``model=`` knows by name. Those for tables are in ``_tables``; layers are in
``_layers``.
Does not own: compiling, losses, or the reading of outputs (``_heads``). Networks end without
activation: their outputs are logits.

``meta`` holds what is known of the data, under SciKeras' names: ``n_features_in_``, ``X_shape_``,
``n_classes_``, ``target_type_`` and others; ``n_units_``, the number of outputs wanted; and
``X_sparse_``, whether the rows are sparse: a network with ``keras.Input(..., sparse=True)`` gets
them as they are, any other one batch by batch as dense rows.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.networks._layers import Dropout, FeatureScaler
from skmultilabel_keras.networks._tables import linear, mlp

__all__ = ["NETWORKS", "Dropout", "FeatureScaler", "linear", "mlp", "resolve_network"]

NETWORKS: dict[str, Callable[..., keras.Model]] = {"auto": mlp, "mlp": mlp, "linear": linear}


def resolve_network(name: str) -> Callable[..., keras.Model]:
    """Return the built-in network of this name.

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
            f"{name!r}. {nearest_names(name, NETWORKS)}"
        )
    return NETWORKS[name]
