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
