"""Losses that compare the labels of a row, or the rows of a batch, with each other.

Owns: their formulas.
Does not own: weights, missing labels and reductions (``_base``).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from skmultilabel_keras.losses._base import LabelLoss, RowLoss, one_for_zero, product, register


@register
class ZLPR(RowLoss):
    """Zero-bounded log-sum-exp and pairwise rank-based loss.

    ``log(1 + sum over others of exp(z)) + log(1 + sum over true labels of exp(-z))``: each true
    label is to be above zero, and above each other label, which is to be below zero.

    Parameters
    ----------
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    References
    ----------
    Su, Han, Zhang, Wang, Chen, Shi, Zhang, "ZLPR: A Novel Loss for Multi-label Classification",
    2022.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(ZLPR()(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))), 4)  # 2 log(2)
    1.3863
    """

    def __init__(self, name: str = "zlpr", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rows(self, y: Any, z: Any, weight: Any) -> Any:
        """Return the loss of each row, given weights of its entries, of shape (n_samples,)."""
        return _log_one_plus_sum(z, (1.0 - y) * weight) + _log_one_plus_sum(-z, y * weight)


@register
class BPMLL(RowLoss):
    """Pairwise ranking loss of back-propagation for multi-label learning.

    The mean of ``exp(-(c_k - c_l))`` over pairs of a true label k and another label l, with
    ``c = tanh(z / 2)``. In a row where one of the two kinds is missing, its place is taken by a
    label at ``c = 0``.

    Parameters
    ----------
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    References
    ----------
    Zhang, Zhou, "Multilabel Neural Networks with Applications to Functional Genomics and Text
    Categorization", IEEE TKDE 2006; there the network itself ends in tanh.

    Examples
    --------
    >>> import numpy as np
    >>> float(BPMLL()(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])))
    1.0
    """

    def __init__(self, name: str = "bp_mll", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def rows(self, y: Any, z: Any, weight: Any) -> Any:
        """Return the loss of each row, given weights of its entries, of shape (n_samples,)."""
        c = ops.tanh(z / 2.0)
        return _mean_or_one(ops.exp(-c), y * weight) * _mean_or_one(ops.exp(c), (1.0 - y) * weight)


@register
class SoftF1(LabelLoss):
    """One minus macro-F1, with probabilities in the place of decisions, over the rows of a batch.

    ``1 - mean over labels of 2 sum(y p) / (sum(y) + sum(p))``. Batches have to be large enough to
    hold some rows with each label.

    Parameters
    ----------
    label_weight, may_lack, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.
    reduction : {"sum_over_batch_size"}
        There is one value for a batch.

    Raises
    ------
    ValueError
        For any other ``reduction``.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> round(float(SoftF1()(y, np.zeros((2, 2)))), 4)  # 1 - (2 / 3 + 1 / 2) / 2
    0.4167
    """

    def __init__(self, name: str = "soft_f1", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if self.reduction != "sum_over_batch_size":
            raise ValueError(
                "reduction must be 'sum_over_batch_size', as soft F1 is one value for a batch; got "
                f"{self.reduction!r}."
            )

    def _value(self, y: Any, z: Any, weight: Any, present: Any) -> Any:
        p = ops.sigmoid(z)
        w = product(ops.ones_like(z), weight, present, self._weigh_labels(y))
        both = 2.0 * ops.sum(w * y * p, axis=0)
        total = ops.sum(w * (y + p), axis=0)
        # The weight of a label cancels in its own ratio, so it counts in the mean of these.
        counted = ops.cast(total > 0, z.dtype)
        if self.label_weight is not None:
            counted = counted * ops.mean(ops.cast(self.label_weight, z.dtype), axis=0)
        f1 = both / one_for_zero(total)
        return 1.0 - ops.sum(counted * f1) / one_for_zero(ops.sum(counted))


def _log_one_plus_sum(z: Any, weight: Any) -> Any:
    """Return log(1 + sum(weight exp(z))) of each row, without overflow."""
    counted = ops.where(weight > 0, z, ops.zeros_like(z))
    largest = ops.stop_gradient(ops.maximum(ops.max(counted, axis=-1, keepdims=True), 0.0))
    # Entries without weight may be larger: they must not overflow on their way to nothing.
    shifted = ops.minimum(z - largest, 0.0)
    total = ops.exp(-largest) + ops.sum(weight * ops.exp(shifted), axis=-1, keepdims=True)
    return (largest + ops.log(total))[:, 0]


def _mean_or_one(values: Any, weight: Any) -> Any:
    """Return the weighted mean of each row, 1 where it has no weight."""
    total = ops.sum(weight, axis=-1)
    mean = ops.sum(values * weight, axis=-1) / one_for_zero(total)
    return ops.where(total > 0, mean, ops.ones_like(mean))
