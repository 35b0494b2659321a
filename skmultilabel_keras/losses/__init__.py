"""Losses of label indicators, on logits.

Owns: the formulas, as Keras losses that also work in a plain Keras model, and their names.
Does not own: which loss belongs to which targets (``_heads``).

``z`` are logits of shape (n_samples, n_labels), ``p = sigmoid(z)``, ``y`` indicators of that shape.

=======================  ======================  ==========================================
name                     class                   ``sigmoid(z)`` is the probability
=======================  ======================  ==========================================
"binary_crossentropy"    BinaryCrossentropy      yes, without label smoothing
"focal"                  Focal                   for ``gamma=0``; else too near to one half
"asymmetric"             Asymmetric              no: too high, as negatives count for less
"hill"                   Hill                    no
"splc"                   SPLC                    no
"zlpr"                   ZLPR                    no: a ranking around zero
"bp_mll"                 BPMLL                   no: a ranking
"distribution_balanced"  DistributionBalanced    no: rare labels too high
"soft_f1"                SoftF1                  no: near 0 and 1
=======================  ======================  ==========================================

All take weights of rows (``sample_weight`` of shape (n_samples,)) and of single entries (of shape
(n_samples, n_labels)), a weight for each label (``label_weight``), and leave out entries of ``y``
that are NaN, labels that are not known.
"""

from __future__ import annotations

from typing import Any

import keras

from skmultilabel_keras.losses._base import LabelLoss
from skmultilabel_keras.losses._comparing import BPMLL, ZLPR, SoftF1
from skmultilabel_keras.losses._entrywise import (
    SPLC,
    Asymmetric,
    BinaryCrossentropy,
    DistributionBalanced,
    Focal,
    Hill,
)

__all__ = [
    "BPMLL",
    "SPLC",
    "ZLPR",
    "Asymmetric",
    "BinaryCrossentropy",
    "DistributionBalanced",
    "Focal",
    "Hill",
    "LabelLoss",
    "SoftF1",
]

LOSSES: dict[str, type[LabelLoss]] = {
    "asymmetric": Asymmetric,
    "binary_crossentropy": BinaryCrossentropy,
    "bp_mll": BPMLL,
    "distribution_balanced": DistributionBalanced,
    "focal": Focal,
    "hill": Hill,
    "soft_f1": SoftF1,
    "splc": SPLC,
    "zlpr": ZLPR,
}

# Losses of Keras' that look at all rows of a batch together.
_OVER_ROWS = ("circle", "dice", "tversky")

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


def is_mean_of_rows(loss: Any) -> bool:
    """Tell whether a loss looks at each row alone and takes the weighted mean.

    Of one that is neither Keras' own nor from here that is not known.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        What a model was compiled with.
    """
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    kind = type(loss) if isinstance(loss, keras.losses.Loss) else loss
    name = getattr(kind, "__name__", "")
    ours = kind in LOSSES.values() and kind is not SoftF1
    settings = getattr(loss, "_fn_kwargs", {})
    of_keras = (
        bool(name)
        and getattr(keras.losses, name, None) is kind
        and name.lower() not in _OVER_ROWS
        and settings.get("axis", -1) in (-1, 1)
        and settings.get("ignore_class") is None  # divides by the rows that are left, unweighted
    )
    return (ours or of_keras) and getattr(loss, "reduction", "mean") in _MEANS


def gradient_by_logits(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
    """Return the gradient of a loss of a batch by its logits, without a tape.

    Parameters
    ----------
    loss : object
        Any loss.
    y_true, y_pred, sample_weight
        What it is called with.

    Returns
    -------
    tensor of shape (n_samples, n_labels) or None
        None for all but losses of this package that have a formula for it: a subclass may have
        changed what it is the gradient of.
    """
    if type(loss) not in LOSSES.values():
        return None
    return loss._gradient(y_true, y_pred, sample_weight)
