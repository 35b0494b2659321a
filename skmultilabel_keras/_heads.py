"""Heads: how targets, output activation, loss, encoding and accuracy belong together.

Owns: the table of combinations that work, the reasons why others fail or mislead, and the
reading of a network's outputs as logits and probabilities.
Does not own: the networks (``networks``), the loss functions, or containers (``_targets``).

===========  ==========  ===============================  =========  ===========================
targets      activation  loss                             encoding   accuracy
===========  ==========  ===============================  =========  ===========================
independent  sigmoid     binary_crossentropy              indicator  BinaryAccuracy
one_hot      softmax     categorical_crossentropy         indicator  CategoricalAccuracy
binary       sigmoid     binary_crossentropy              column     BinaryAccuracy
classes      softmax     sparse_categorical_crossentropy  codes      SparseCategoricalAccuracy
classes      softmax     categorical_crossentropy         one_hot    CategoricalAccuracy
===========  ==========  ===============================  =========  ===========================

"independent" is a label indicator, "one_hot" one with ``exclusive=True``, "binary" and "classes"
are 1-D labels; binary targets may also be read from two softmax outputs, as two classes.

Whether outputs are logits or probabilities is told from the network's last activation and from
the loss it is compiled with, never from values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scipy import sparse, special

from skmultilabel_keras._activations import ACTIVATIONS
from skmultilabel_keras._compat import last_operation
from skmultilabel_keras._parameters import loss_name
from skmultilabel_keras.losses import LOSSES
from skmultilabel_keras.networks import MemberMean

# Why each column of the table is what it is:
# - A sigmoid reads each output alone, so a row may hold any number of labels; softmax outputs sum
#   to one, so a row holds exactly one.
# - The cross-entropy is the log-likelihood of just that reading; the other one trains to
#   something else without complaint.
# - Keras' "accuracy" guesses its meaning from shapes; the class is named here instead.


@dataclass(frozen=True)
class Head:
    """One row of the table: ``targets`` read through ``activation``, trained by ``loss``."""

    targets: str
    activation: str
    loss: str
    encoding: str
    accuracy: str


_HEADS = (
    Head("independent", "sigmoid", "binary_crossentropy", "indicator", "BinaryAccuracy"),
    Head("one_hot", "softmax", "categorical_crossentropy", "indicator", "CategoricalAccuracy"),
    Head("binary", "sigmoid", "binary_crossentropy", "column", "BinaryAccuracy"),
    Head(
        "classes",
        "softmax",
        "sparse_categorical_crossentropy",
        "codes",
        "SparseCategoricalAccuracy",
    ),
    Head("classes", "softmax", "categorical_crossentropy", "one_hot", "CategoricalAccuracy"),
)

# Losses that come in a version on logits, with the head's loss to which each belongs.
_FAMILY = {
    "binary_crossentropy": "binary_crossentropy",
    "binary_focal_crossentropy": "binary_crossentropy",
    "categorical_crossentropy": "categorical_crossentropy",
    "categorical_focal_crossentropy": "categorical_crossentropy",
    "sparse_categorical_crossentropy": "sparse_categorical_crossentropy",
    **dict.fromkeys(LOSSES, "binary_crossentropy"),
}

_WHY_NOT_LOSS = {
    ("independent", "categorical_crossentropy"): (
        "it treats the labels of a row as classes of which exactly one is true; use "
        "'binary_crossentropy', or exclusive=True if every row does hold one label"
    ),
    ("independent", "sparse_categorical_crossentropy"): (
        "it expects one integer class per row, not an indicator; use 'binary_crossentropy', or "
        "pass y as 1-D classes"
    ),
    ("one_hot", "sparse_categorical_crossentropy"): (
        "it expects integer classes, not an indicator; use 'categorical_crossentropy', or pass y "
        "as 1-D classes"
    ),
    ("one_hot", "binary_crossentropy"): (
        "it judges every class alone, so the probabilities of a row do not sum to one; use "
        "'categorical_crossentropy', or exclusive=False"
    ),
    ("classes", "binary_crossentropy"): (
        "it judges every class alone, so the probabilities of a row do not sum to one; use "
        "'sparse_categorical_crossentropy'"
    ),
    ("binary", "categorical_crossentropy"): (
        "with one output it is always zero; use 'binary_crossentropy', or a network with two "
        "softmax outputs"
    ),
    ("binary", "sparse_categorical_crossentropy"): (
        "with one output it is always zero; use 'binary_crossentropy', or a network with two "
        "softmax outputs"
    ),
}

_WHY_NOT_ACTIVATION = {
    ("independent", "softmax"): (
        "softmax outputs sum to one, so no row could hold several labels; end the network in "
        "'sigmoid' or without activation, or use exclusive=True if every row holds one label"
    ),
    ("one_hot", "sigmoid"): (
        "sigmoid outputs do not sum to one over the classes; end the network in 'softmax' or "
        "without activation, or use exclusive=False"
    ),
    ("classes", "sigmoid"): (
        "sigmoid outputs do not sum to one over the classes; end the network in 'softmax' or "
        "without activation"
    ),
    ("binary", "softmax"): (
        "softmax over one output is always one; use one output with 'sigmoid', or two with "
        "'softmax'"
    ),
}


@dataclass(frozen=True)
class Reading:
    """How the outputs of one network are read: a head, and what the outputs are."""

    head: Head
    from_logits: bool
    n_units: int

    def encode(self, encoded: Any, n_classes: int) -> Any:
        """Turn what the target encoder gives into what the loss expects, one row per sample."""
        if self.head.encoding == "column":
            return encoded.astype(np.float32)[:, np.newaxis]
        if self.head.encoding == "one_hot":
            return sparse.csr_array(
                (np.ones(len(encoded), np.float32), encoded, np.arange(len(encoded) + 1)),
                shape=(len(encoded), n_classes),
            )
        return encoded

    def logits(self, outputs: np.ndarray) -> np.ndarray:
        """Return logits of shape (n_samples, n_units); finite where outputs are saturated."""
        if self.from_logits:
            return outputs
        tiny = np.finfo(outputs.dtype).tiny
        if self.head.activation == "softmax":
            return np.log(np.maximum(outputs, tiny))
        upper = 1 - np.finfo(outputs.dtype).epsneg
        return special.logit(np.clip(outputs, tiny, upper))

    def probabilities(self, outputs: np.ndarray, *, overwrite: bool = False) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_units), within [0, 1]."""
        p = outputs if overwrite else outputs.copy()
        if not self.from_logits:
            np.maximum(p, 0, out=p)
            return np.minimum(p, 1, out=p)
        return ACTIVATIONS[self.head.activation](p)

    def predict_proba(self, outputs: np.ndarray, *, overwrite: bool = False) -> np.ndarray:
        """Return one column for each label or class, two for binary targets."""
        p = self.probabilities(outputs, overwrite=overwrite)
        return np.hstack([1 - p, p]) if self.head.targets == "binary" else p

    def decision_function(self, outputs: np.ndarray, *, binary: bool) -> np.ndarray:
        """Return logits; one value per row for two classes, as everywhere in scikit-learn."""
        z = self.logits(outputs)
        if not binary:
            return z
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Return a boolean indicator, or the codes of the classes."""
        if self.head.targets in ("independent", "binary"):
            positive = outputs > (0 if self.from_logits else 0.5)
            return positive if self.head.targets == "independent" else positive[:, 0].astype(int)
        best = np.argmax(outputs, axis=1) if outputs.shape[1] else np.zeros(len(outputs), int)
        if self.head.targets == "classes":
            return best
        return np.arange(outputs.shape[1]) == best[:, np.newaxis]


def count_units(targets: str, n_labels: int) -> int:
    """Return how many outputs a built-in network needs: one for binary targets."""
    return 1 if targets == "binary" else n_labels


def output_activation(model: keras.Model) -> str:
    """Return the name of the activation in which a network ends.

    "linear" stands for none; "unknown" for networks without a graph (subclassed models) and for
    last layers that are not known to compute either logits or probabilities.
    """
    operation = last_operation(model)
    if operation is None:
        return "unknown"
    if isinstance(operation, MemberMean):
        return "linear"  # it reads what members put out, and gives logits again
    kind = type(operation).__name__.lower()
    if kind in ("sigmoid", "softmax"):
        return kind
    activation = getattr(operation, "activation", None)
    if activation is not None:
        return str(getattr(activation, "__name__", "unknown"))
    return "unknown"


def resolve_reading(
    model: keras.Model,
    output_shapes: Sequence[tuple[int | None, ...]],
    targets: str,
    n_labels: int,
    loss: Any,
    *,
    declared_logits: bool | None,
) -> Reading:
    """Find the row of the table that a network and a loss belong to.

    Parameters
    ----------
    model : keras.Model
        Built network.
    output_shapes : sequence of tuple
        Shapes of the network's outputs, of which there must be one, (None, n_units).
    targets : {"independent", "one_hot", "binary", "classes"}
        What the targets are.
    n_labels : int
        Number of labels or classes.
    loss : str, callable, keras.losses.Loss or None
        The loss; None stands for the head's own.
    declared_logits : bool or None
        What the loss says of its inputs (``from_logits``); None where it says nothing.

    Returns
    -------
    Reading

    Raises
    ------
    ValueError
        If network, targets and loss do not fit, with the reason and the way out.
    """
    units = _check_units(output_shapes, targets, n_labels)
    if targets == "binary" and units == 2:
        targets = "classes"
    name = None if loss is None else loss_name(loss)
    head = _find_head(targets, name)
    activation = output_activation(model)
    _check_activation(head, activation)
    return Reading(head, _outputs_are_logits(activation, name, declared_logits), units)


def _check_units(shapes: Sequence[tuple[int | None, ...]], targets: str, n_labels: int) -> int:
    """Return the number of outputs of a network, which must fit the targets."""
    if len(shapes) != 1:
        raise ValueError(
            f"The network must have one output tensor; got {len(shapes)}. Concatenate them."
        )
    shape = tuple(shapes[0])
    legal = {1, 2} if targets == "binary" else {n_labels}
    if len(shape) != 2 or shape[1] not in legal:
        wanted = " or ".join(f"(None, {n})" for n in sorted(legal))
        raise ValueError(
            f"The network's output must have shape {wanted} for these targets; got {shape}. "
            "A model function gets the number as meta['n_units_']."
        )
    return int(shape[1])


def _find_head(targets: str, loss: str | None) -> Head:
    rows = [head for head in _HEADS if head.targets == targets]
    family = None if loss is None else _FAMILY.get(loss)
    if family is None:
        return rows[0]
    for head in rows:
        if head.loss == family:
            return head
    raise ValueError(
        f"loss={loss!r} does not fit {describe_targets(targets)}: {_WHY_NOT_LOSS[targets, family]}."
    )


def _check_activation(head: Head, activation: str) -> None:
    reason = _WHY_NOT_ACTIVATION.get((head.targets, activation))
    if reason is not None:
        raise ValueError(
            f"A network that ends in {activation!r} does not fit {describe_targets(head.targets)}: "
            f"{reason}."
        )
    if activation not in ("sigmoid", "softmax", "linear", "unknown"):
        raise ValueError(
            f"The network ends in the activation {activation!r}, whose values are neither logits "
            f"nor probabilities. End it in {head.activation!r} or without activation."
        )


def _outputs_are_logits(activation: str, loss: str | None, declared: bool | None) -> bool:
    if activation in ("sigmoid", "softmax"):
        if declared:
            raise ValueError(
                f"The network ends in {activation!r}, so its outputs are probabilities, but the "
                "loss takes logits. Drop the activation; Keras' losses may be told "
                "from_logits=False instead."
            )
        return False
    if activation == "linear":
        if declared is False or (loss is not None and _expects_probabilities(loss)):
            raise ValueError(
                "The network ends without activation, so its outputs are logits, but the loss "
                f"{loss!r} takes them for probabilities. Use from_logits=True where the loss has "
                "it, or end the network in an activation."
            )
        return True
    if declared is None:
        raise ValueError(
            "Whether this network's outputs are logits or probabilities cannot be told from its "
            "last layer. Pass the loss as an object that says it, for example "
            "keras.losses.BinaryCrossentropy(from_logits=True), or end the network in a layer "
            "with an activation."
        )
    return declared


def _expects_probabilities(loss: str) -> bool:
    """Tell whether this is one of Keras' own losses that has no version on logits."""
    return loss not in _FAMILY and hasattr(keras.losses, loss)


def describe_targets(targets: str) -> str:
    """Return the targets of a head in words, for messages."""
    return {
        "independent": "a label indicator with several labels per row",
        "one_hot": "an indicator with exclusive=True",
        "binary": "1-D labels of two classes read from one output",
        "classes": "1-D labels",
    }[targets]
