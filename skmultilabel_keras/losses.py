"""Losses of label indicators, on logits.

Owns: the formulas, as Keras losses that also work in a plain Keras model.
Does not own: which loss belongs to which targets (``_heads``).

``z`` are logits of shape (n_samples, n_labels), ``y`` indicators of that shape.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["BinaryCrossentropy"]


class EntrywiseLoss(keras.losses.Loss):
    """A loss that is a mean over the entries of an indicator; abstract.

    Subclasses write ``entries``. As everywhere in Keras, the loss of a row is the mean over its
    labels, and ``reduction`` says what becomes of the rows.
    """

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        raise NotImplementedError

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, of shape (n_samples,)."""
        z = ops.convert_to_tensor(y_pred)
        return ops.mean(self.entries(ops.cast(y_true, z.dtype), z), axis=-1)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch.

        Parameters
        ----------
        y_true : array of shape (n_samples, n_labels)
            Indicator.
        y_pred : array of shape (n_samples, n_labels)
            Logits.
        sample_weight : array of shape (n_samples,) or (n_samples, 1), default=None
            Weights of the rows.

        Returns
        -------
        tensor of shape (), or (n_samples,) for ``reduction=None``
        """
        if self.reduction != "sum_over_batch_size":
            return super().__call__(y_true, y_pred, sample_weight)
        # One sum over all entries: its gradient takes a fraction of the operations that those of
        # a mean over labels and another one over rows take.
        z = ops.convert_to_tensor(y_pred, self.dtype)
        entries = self.entries(ops.cast(y_true, self.dtype), z)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
            entries = entries * weight
        return ops.sum(entries) / ops.cast(ops.size(entries), self.dtype)


@keras.saving.register_keras_serializable("skmultilabel_keras")
class BinaryCrossentropy(EntrywiseLoss):
    """Binary cross-entropy of each label on logits, ``log(1 + exp(z)) - y z``.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1]. Targets 0 and 1 become ``label_smoothing / 2`` and ``1 - label_smoothing / 2``.
    reduction : str or None, default="sum_over_batch_size"
        As in ``keras.losses.Loss``.
    name : str, default="binary_crossentropy"
        Name of the loss.
    dtype : str or None, default=None
        Dtype of the computations; None takes Keras' ``floatx``.

    Raises
    ------
    ValueError
        If ``label_smoothing`` is not in [0, 1].

    Notes
    -----
    It is the negative log-likelihood of independent labels: its minimiser is the logit of each
    label's probability, so that ``sigmoid(z)`` is a calibrated probability (without smoothing).
    It equals ``keras.losses.BinaryCrossentropy(from_logits=True)`` up to rounding, in a third of
    the operations.

    Examples
    --------
    >>> import numpy as np
    >>> loss = BinaryCrossentropy()
    >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]))), 4)  # log(2)
    0.6931
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be in [0, 1]; got {label_smoothing!r}.")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        # May be set to a scalar tensor for the time of a trace, which then serves all values.
        self.label_smoothing = label_smoothing

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        if not (isinstance(self.label_smoothing, (int, float)) and self.label_smoothing == 0):
            smoothing = ops.cast(self.label_smoothing, z.dtype)
            y = y * (1.0 - smoothing) + 0.5 * smoothing
        return ops.softplus(z) - y * z

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
