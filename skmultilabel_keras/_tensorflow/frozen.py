"""Training on frozen features: what does not change in training is computed once for all epochs.

Owns: which part of a network is trained, and the rows that it is trained on.
Does not own: where features end (``networks``), training (``training``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skmultilabel_keras._compat import compile_arguments
from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow.functions import NetworkFunctions


class TrainedPart(NamedTuple):
    """What of a network is trained, and on which rows.

    Parameters
    ----------
    functions : NetworkFunctions
        Those of the part, which shares its layers, its optimizer and its loss with the network.
    rows : Rows
        Training rows, with what the part takes as features.
    validation : Rows or None
        Rows to evaluate, likewise.
    """

    functions: NetworkFunctions
    rows: Rows
    validation: Rows | None


def trained_part(
    functions: NetworkFunctions, rows: Rows, validation: Rows | None, *, whole: bool
) -> TrainedPart:
    """Return the part of a compiled network that is trained; its features are computed now.

    Parameters
    ----------
    functions : NetworkFunctions
        Those of the network.
    rows : Rows
        Training rows.
    validation : Rows or None
        Rows to evaluate after epochs.
    whole : bool
        Whether all of the network is to be trained, whatever is frozen in it.
    """
    if whole or functions.split is None:
        return TrainedPart(functions, rows, validation)
    before, after = functions.split
    network = functions.model
    after.model.compile(**compile_arguments(network) | {"optimizer": network.optimizer})
    return TrainedPart(
        after,
        _with_features(before, rows),
        None if validation is None else _with_features(before, validation),
    )


def _with_features(before: NetworkFunctions, rows: Rows) -> Rows:
    """Return rows with their frozen features, and nothing of rows that do not belong to them."""
    features = np.empty((len(rows), *before.model.output_shape[1:]), dtype=np.float32)
    size = before.batch_length(rows.X)
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        features[part] = before.predict(before.take(rows.X, rows.index[part]))
    weight = None if rows.weight is None else rows.weight[rows.index]
    return replace(
        rows, X=features, y=rows.y[rows.index], weight=weight, index=np.arange(len(rows))
    )
