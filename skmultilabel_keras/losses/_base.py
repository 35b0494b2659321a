"""What losses of label indicators have in common: weights, missing labels, reductions.

Owns: the two kinds of loss, one for each entry and one for each row.
Does not own: formulas (``_entrywise``, ``_comparing``).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

register = keras.saving.register_keras_serializable("skmultilabel_keras")


class LabelLoss(keras.losses.Loss):
    """A loss of indicators on logits, with weights and missing labels; abstract.

    Parameters
    ----------
    label_weight : array-like of shape (n_labels,) or (2, n_labels), default=None
        Weights of the labels; two rows hold those of entries that are 0 and of those that are 1.
    may_lack : bool, default=True
        Whether entries of ``y_true`` may be NaN; False saves looking for them.
    reduction : {"sum_over_batch_size", "sum", None}, default="sum_over_batch_size"
        What becomes of the losses of the rows; the mean leaves missing labels out.
    name : str, default=None
        Name of the loss; None takes that of the class.
    dtype : str, default=None
        Dtype of the computations; None takes Keras' ``floatx``.

    Raises
    ------
    ValueError
        For another ``reduction``, and a ``label_weight`` of another shape or with negative numbers.

    Examples
    --------
    >>> from skmultilabel_keras.losses import Focal
    >>> issubclass(Focal, LabelLoss)
    True
    """

    def __init__(
        self,
        label_weight: Any = None,
        may_lack: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if reduction not in ("sum_over_batch_size", "sum", None):
            raise ValueError(
                f"reduction must be 'sum_over_batch_size', 'sum' or None; got {reduction!r}."
            )
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.own_label_weight = None if label_weight is None else _as_two_rows(label_weight)
        # A fit may set others, and tensors for the time of a trace, which then serves all values.
        self.label_weight = self.own_label_weight
        self.may_lack = may_lack

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch.

        Parameters
        ----------
        y_true : array of shape (n_samples, n_labels)
            Indicator of 0, 1 and, for missing labels, NaN.
        y_pred : array of shape (n_samples, n_labels)
            Logits.
        sample_weight : array of shape (n_samples,), (n_samples, 1) or (n_samples, n_labels)
            Weights of the rows, or of the entries; None for equal ones.

        Returns
        -------
        tensor of shape (), or (n_samples,) for ``reduction=None``
        """
        return self._value(*self._prepare(y_true, y_pred, sample_weight))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of a batch without weights; what the class is called with has them."""
        return self(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; what a fit told the loss is none of them."""
        weight = self.own_label_weight
        return {
            **super().get_config(),
            "label_weight": None if weight is None else np.asarray(weight).tolist(),
            "may_lack": self.may_lack,
        }

    def _prepare(self, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        """Return indicator, logits, weights (n_samples, 1 or n_labels) or None, known or None."""
        z = ops.convert_to_tensor(y_pred, self.dtype)
        y = _in_shape_of(z, ops.cast(y_true, self.dtype))
        weight = None
        if sample_weight is not None:
            weight = ops.cast(sample_weight, self.dtype)
            weight = ops.expand_dims(weight, -1) if len(weight.shape) == 1 else weight
        present = None
        if self.may_lack:
            known = ops.logical_not(ops.isnan(y))
            y = ops.where(known, y, ops.zeros_like(y))
            present = ops.cast(known, self.dtype)
        return y, z, weight, present

    def _value(self, y: Any, z: Any, weight: Any, present: Any) -> Any:
        """Return the loss for what ``_prepare`` returns."""
        raise NotImplementedError

    def _gradient(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """Return the gradient by the logits, None where there is no formula for it."""
        return None

    def _weigh_labels(self, y: Any) -> Any:
        """Return the weight of each entry by its label, None for equal ones."""
        if self.label_weight is None:
            return None
        absent, positive = ops.unstack(ops.cast(self.label_weight, y.dtype), 2)
        return absent + (positive - absent) * y


class EntrywiseLoss(LabelLoss):
    """A loss that is a mean over the entries of an indicator; abstract.

    Subclasses write ``entries``; those of this package ``_slopes`` as well where they are short.
    """

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        raise NotImplementedError

    def _slopes(self, y: Any, z: Any) -> Any:
        """Return the derivative of each entry's loss by its logit, None where there is no formula.

        By a formula they take a few operations, by a tape several for each of ``entries``.
        """
        return None

    def _gradient(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """Return the gradient by the logits, for a ``reduction`` that gives one number."""
        y, z, weight, present = self._prepare(y_true, y_pred, sample_weight)
        slopes = self._slopes(y, z)
        if slopes is None:
            return None
        return product(slopes, weight, present, self._weigh_labels(y)) / self._count(z, present)

    def _value(self, y: Any, z: Any, weight: Any, present: Any) -> Any:
        weighted = product(self.entries(y, z), weight, present, self._weigh_labels(y))
        if self.reduction == "sum_over_batch_size":
            # One sum over all entries: its gradient takes a fraction of the operations that those
            # of a mean over labels and another one over rows take.
            return ops.sum(weighted) / self._count(z, present)
        rows = ops.sum(weighted / self._count(z, present), axis=-1)
        return rows if self.reduction is None else ops.sum(rows)

    def _count(self, z: Any, present: Any) -> Any:
        """Return of how many entries the mean is taken: of all, or of each row (n_samples, 1)."""
        if self.reduction == "sum_over_batch_size":
            count = ops.size(z) if present is None else ops.maximum(ops.sum(present), 1.0)
            return ops.cast(count, self.dtype)
        if present is None:
            return ops.cast(ops.shape(z)[-1], self.dtype)
        return ops.maximum(ops.sum(present, axis=-1, keepdims=True), 1.0)


class RowLoss(LabelLoss):
    """A loss that compares the labels of a row with each other; abstract.

    Subclasses write ``rows``.
    """

    def rows(self, y: Any, z: Any, weight: Any) -> Any:
        """Return the loss of each row, given weights of its entries, of shape (n_samples,)."""
        raise NotImplementedError

    def _value(self, y: Any, z: Any, weight: Any, present: Any) -> Any:
        of_rows = weight is not None and weight.shape[-1] == 1
        entries = product(ops.ones_like(z), None if of_rows else weight, self._weigh_labels(y))
        entries = product(entries, present)
        known = None if present is None else ops.max(present, axis=-1)
        # Entries that all weigh the same are a row of that weight.
        count = z.shape[-1] if present is None else ops.maximum(ops.sum(present, axis=-1), 1.0)
        mean = ops.sum(entries, axis=-1) / count
        relative = entries / ops.expand_dims(one_for_zero(mean), -1)
        rows = product(self.rows(y, z, relative), mean, weight[:, 0] if of_rows else None)
        if self.reduction is None:
            return rows
        if self.reduction == "sum":
            return ops.sum(rows)
        count = ops.shape(z)[0] if known is None else ops.sum(known)
        return ops.sum(rows) / ops.maximum(ops.cast(count, self.dtype), 1.0)


def _in_shape_of(z: Any, y: Any) -> Any:
    """Return an indicator in the shape of the logits, a column where it has one dimension.

    Raises
    ------
    ValueError
        For other numbers of labels, which would be taken for one another.
    """
    if len(y.shape) == 1 and len(z.shape) == 2:
        y = ops.expand_dims(y, -1)
    n_labels = (y.shape[-1], z.shape[-1])
    if len(y.shape) != len(z.shape) or (None not in n_labels and n_labels[0] != n_labels[1]):
        raise ValueError(
            f"y_true must have the shape of the logits, {tuple(z.shape)}, with a column for each "
            f"label; got {tuple(y.shape)}."
        )
    return y


def one_for_zero(sums: Any) -> Any:
    """Return sums of weights to divide by, with 1 in the place of 0, whose terms are all 0."""
    return ops.where(sums > 0, sums, ops.ones_like(sums))


def product(first: Any, *factors: Any) -> Any:
    """Return a product in which None stands for one."""
    for factor in factors:
        if factor is not None:
            first = first * factor
    return first


def _as_two_rows(label_weight: Any) -> np.ndarray:
    try:
        weight = np.asarray(label_weight, dtype=np.float64)
    except (TypeError, ValueError):  # a mapping, say, or rows of different lengths
        weight = np.empty(0)
    fits = (weight.ndim == 1 and weight.size > 0) or (weight.ndim == 2 and len(weight) == 2)
    if not fits or not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError(
            "label_weight must hold finite numbers of at least 0, of shape (n_labels,) or "
            f"(2, n_labels); got {label_weight!r}."
        )
    return np.stack([weight, weight]) if weight.ndim == 1 else weight
