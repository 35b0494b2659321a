"""Losses that judge each entry of an indicator alone.

Owns: their formulas.
Does not own: weights, missing labels and reductions (``_base``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.losses._base import EntrywiseLoss, register


@register
class BinaryCrossentropy(EntrywiseLoss):
    """Binary cross-entropy of each label on logits, ``log(1 + exp(z)) - y z``.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1]. Targets 0 and 1 become ``label_smoothing / 2`` and ``1 - label_smoothing / 2``.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If ``label_smoothing`` is not in [0, 1].

    Notes
    -----
    It is the negative log-likelihood of independent labels: its minimiser is the logit of each
    label's probability, so that ``sigmoid(z)`` is a calibrated probability (without smoothing).
    It equals ``keras.losses.BinaryCrossentropy(from_logits=True)`` up to rounding, in fewer
    operations: 75 with their gradients in Keras, 32 here, and 12 where training takes the formula
    of the gradient (where no label may be missing).

    Examples
    --------
    >>> import numpy as np
    >>> loss = BinaryCrossentropy()
    >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]))), 4)  # log(2)
    0.6931
    """

    def __init__(
        self, label_smoothing: float = 0.0, name: str = "binary_crossentropy", **kwargs: Any
    ) -> None:
        check_number("label_smoothing", label_smoothing, 0, 1)
        super().__init__(name=name, **kwargs)
        # May be set to a scalar tensor for the time of a trace, as ``label_weight``.
        self.label_smoothing = label_smoothing

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        return ops.softplus(z) - self._smooth(y) * z

    def _slopes(self, y: Any, z: Any) -> Any:
        """Return the derivative of each entry's loss by its logit, ``sigmoid(z) - y``."""
        return ops.sigmoid(z) - self._smooth(y)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}

    def _smooth(self, y: Any) -> Any:
        if isinstance(self.label_smoothing, (int, float)) and self.label_smoothing == 0:
            return y
        smoothing = ops.cast(self.label_smoothing, y.dtype)
        return y * (1.0 - smoothing) + 0.5 * smoothing


@register
class Focal(EntrywiseLoss):
    """Focal loss, ``(1 - q)^gamma * -log(q)`` with ``q`` the probability of what is true.

    Entries that are right already count for little.

    Parameters
    ----------
    gamma : float, default=2.0
        Focus, at least 0; 0 gives the binary cross-entropy.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If ``gamma`` is negative.

    References
    ----------
    Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(Focal()(np.array([[1.0]]), np.array([[0.0]]))), 4)  # log(2) / 4
    0.1733
    """

    def __init__(self, gamma: float = 2.0, name: str = "focal", **kwargs: Any) -> None:
        check_number("gamma", gamma, 0)
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        crossentropy = ops.softplus(z) - y * z
        wrong = y + (1.0 - 2.0 * y) * ops.sigmoid(z)  # 1 - q
        return _power(wrong, self.gamma) * crossentropy

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "gamma": self.gamma}


@register
class Asymmetric(EntrywiseLoss):
    """Asymmetric loss: easy negatives count for little, very easy ones for nothing.

    ``(1 - p)^gamma_positive * -log(p)`` where a label is true, ``q^gamma_negative * -log(1 - q)``
    with ``q = max(p - clip, 0)`` where it is not.

    Parameters
    ----------
    gamma_positive : float, default=0.0
        Focus on true labels, at least 0.
    gamma_negative : float, default=4.0
        Focus on the others, at least 0.
    clip : float, default=0.05
        In [0, 1): the probability below which an entry that is not true counts for nothing.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter, Zelnik-Manor, "Asymmetric Loss For
    Multi-Label Classification", ICCV 2021.

    Examples
    --------
    >>> import numpy as np
    >>> float(Asymmetric()(np.array([[0.0]]), np.array([[-3.0]])))  # p = 0.047
    0.0
    """

    def __init__(
        self,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        clip: float = 0.05,
        name: str = "asymmetric",
        **kwargs: Any,
    ) -> None:
        check_number("gamma_positive", gamma_positive, 0)
        check_number("gamma_negative", gamma_negative, 0)
        check_number("clip", clip, 0, 1, below=True)
        super().__init__(name=name, **kwargs)
        self.gamma_positive, self.gamma_negative, self.clip = gamma_positive, gamma_negative, clip

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        p = ops.sigmoid(z)
        positive = _power(1.0 - p, self.gamma_positive) * ops.softplus(-z)
        q = ops.maximum(p - self.clip, 0.0)
        # Without a clip, log(1 - q) has no bound in p, but in z.
        surprise = -ops.log(ops.maximum(1.0 - q, 1e-7)) if self.clip > 0 else ops.softplus(z)
        negative = _power(q, self.gamma_negative) * surprise
        return y * positive + (1.0 - y) * negative

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("gamma_positive", "gamma_negative", "clip")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register
class Hill(EntrywiseLoss):
    """Hill loss, for true labels that may not have been annotated.

    Where a label is true, the focal loss of the logit less a margin; where it is not said to be,
    ``(hill - p) p^2``, which falls again for the largest ``p``: such an entry is probably a true
    label that was left out.

    Parameters
    ----------
    hill : float, default=1.5
        Place of the hill: the loss of a negative has its summit at ``p = 2/3 hill``.
    margin : float, default=1.0
        Subtracted from the logits of true labels.
    gamma : float, default=2.0
        Focus on true labels, at least 0.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If ``hill`` is not above 0, or ``gamma`` is negative.

    References
    ----------
    Zhang, Cheng, Huang, Wen, Feng, Li, Guo, "Simple and Robust Loss Design for Multi-Label Learning
    with Missing Labels", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(Hill()(np.array([[0.0]]), np.array([[0.0]]))), 4)  # (1.5 - 0.5) / 4
    0.25
    """

    def __init__(
        self,
        hill: float = 1.5,
        margin: float = 1.0,
        gamma: float = 2.0,
        name: str = "hill",
        **kwargs: Any,
    ) -> None:
        check_number("hill", hill, 0, above=True)
        check_number("margin", margin)
        check_number("gamma", gamma, 0)
        super().__init__(name=name, **kwargs)
        self.hill, self.margin, self.gamma = hill, margin, gamma

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        p = ops.sigmoid(z)
        positive = _margin_focal(z, self.margin, self.gamma)
        return y * positive + (1.0 - y) * (self.hill - p) * ops.square(p)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("hill", "margin", "gamma")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register
class SPLC(EntrywiseLoss):
    """Self-paced loss correction, for true labels that may not have been annotated.

    A focal loss of the logits less a margin, in which an entry that is not said to be true is taken
    for true where the network finds it likely.

    Parameters
    ----------
    likely : float, default=0.8
        In (0, 1]: the probability above which an entry is taken for true. The network has to have
        learnt something by then, so a network that starts from the labels' priors is best.
    margin : float, default=1.0
        Subtracted from the logits of true labels.
    gamma : float, default=2.0
        Focus, at least 0.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If ``likely`` is not in (0, 1], or ``gamma`` is negative.

    References
    ----------
    Zhang, Cheng, Huang, Wen, Feng, Li, Guo, "Simple and Robust Loss Design for Multi-Label Learning
    with Missing Labels", 2021. There, correction starts after the first epoch, with 0.6 for
    ``likely``. Here it starts with the first step, when 0.6 is still noise: the default is higher.

    Examples
    --------
    >>> import numpy as np
    >>> loss, z = SPLC(), np.array([[3.0]])
    >>> bool(loss(np.array([[0.0]]), z) == loss(np.array([[1.0]]), z))
    True
    """

    def __init__(
        self,
        likely: float = 0.8,
        margin: float = 1.0,
        gamma: float = 2.0,
        name: str = "splc",
        **kwargs: Any,
    ) -> None:
        check_number("likely", likely, 0, 1, above=True)
        check_number("margin", margin)
        check_number("gamma", gamma, 0)
        super().__init__(name=name, **kwargs)
        self.likely, self.margin, self.gamma = likely, margin, gamma

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        p = ops.sigmoid(z)
        y = ops.where(p > self.likely, ops.ones_like(y), y)
        positive = _margin_focal(z, self.margin, self.gamma)
        return y * positive + (1.0 - y) * _power(p, self.gamma) * ops.softplus(z)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("likely", "margin", "gamma")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@register
class DistributionBalanced(EntrywiseLoss):
    """Distribution-balanced loss, for many labels of which most are rare.

    Each true label is weighted by how often it should be seen, against how often it is seen
    because rows hold several labels; negatives count for less once they are right.

    Parameters
    ----------
    prior : array-like of shape (n_labels,), default=None
        Share of the rows that hold each label, in [0, 1]. The estimator sets it in each fit;
        elsewhere it must be given.
    lower, slope, middle : float, default=0.1, 10.0, 0.2
        The weight of a label is ``lower + sigmoid(slope (r - middle))`` of its ratio ``r``.
    tolerance : float, default=5.0
        Above 0: factor by which negatives are taken to be further from the border than they are.
    shift : float, default=0.05
        Factor of the labels' prior logits that are added to the logits.
    label_weight, may_lack, reduction, name, dtype
        As in every loss of this module: see :class:`LabelLoss`.

    Raises
    ------
    ValueError
        If ``prior`` is not in [0, 1] or, once the loss is computed, is None; if ``tolerance`` is
        not above 0.

    References
    ----------
    Wu, Huang, Liu, Wang, Lin, "Distribution-Balanced Loss for Multi-Label Classification in
    Long-Tailed Datasets", ECCV 2020.

    Examples
    --------
    >>> import numpy as np
    >>> loss = DistributionBalanced(prior=[0.5, 0.01])
    >>> y, z = np.ones((1, 2), dtype="float32"), np.zeros((1, 2), dtype="float32")
    >>> common, rare = loss.entries(y, z).numpy()[0]
    >>> bool(common < rare)
    True
    """

    def __init__(
        self,
        prior: Sequence[float] | np.ndarray | None = None,
        lower: float = 0.1,
        slope: float = 10.0,
        middle: float = 0.2,
        tolerance: float = 5.0,
        shift: float = 0.05,
        name: str = "distribution_balanced",
        **kwargs: Any,
    ) -> None:
        check_number("tolerance", tolerance, 0, above=True)
        parameters = {"lower": lower, "slope": slope, "middle": middle, "shift": shift}
        for parameter, value in parameters.items():
            check_number(parameter, value)
        super().__init__(name=name, **kwargs)
        self.prior = None if prior is None else _check_prior(prior)
        self.lower, self.slope, self.middle = lower, slope, middle
        self.tolerance, self.shift = tolerance, shift

    def entries(self, y: Any, z: Any) -> Any:
        """Return the loss of each entry, of shape (n_samples, n_labels)."""
        if self.prior is None:
            raise ValueError(
                "prior must hold the share of the rows with each label; got None. Pass "
                "DistributionBalanced(prior=y.mean(axis=0))."
            )
        prior = ops.clip(ops.cast(self.prior, z.dtype), 1e-6, 1.0 - 1e-6)
        # Sampling by classes would draw a row once for each of its labels.
        drawn = ops.sum(y / prior, axis=-1, keepdims=True)
        ratio = (1.0 / prior) / ops.maximum(drawn, 1e-6)
        weight = self.lower + ops.sigmoid(self.slope * (ratio - self.middle))
        z = z + self.shift * (ops.log(prior) - ops.log1p(-prior))
        k = self.tolerance
        return weight * (y * ops.softplus(-z) + (1.0 - y) * ops.softplus(k * z) / k)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("lower", "slope", "middle", "tolerance", "shift")
        prior = None if self.prior is None else np.asarray(self.prior).tolist()
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **config, "prior": prior}


def _power(base: Any, exponent: float) -> Any:
    """Return a power of numbers in [0, 1] whose gradient is finite at 0."""
    if exponent == 0:
        return ops.ones_like(base)
    if exponent == 1:
        return base
    if exponent == 2:
        return ops.square(base)
    return ops.power(ops.maximum(base, 1e-7), exponent)


def _margin_focal(z: Any, margin: float, gamma: float) -> Any:
    """Return the focal loss of true labels, for logits less a margin."""
    z = z - margin
    return _power(1.0 - ops.sigmoid(z), gamma) * ops.softplus(-z)


def _check_prior(prior: Any) -> np.ndarray:
    checked = np.asarray(prior, dtype=np.float64)
    if checked.ndim != 1 or not ((checked >= 0) & (checked <= 1)).all():
        raise ValueError(f"prior must hold a number in [0, 1] for each label; got {prior!r}.")
    return checked
