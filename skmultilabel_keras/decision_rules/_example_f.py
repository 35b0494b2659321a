"""The rule that is optimal for the F-measure of a row.

Owns: the expected F-measure of the best k labels, given independent labels.
Does not own: the F-measure of given labels (``metrics``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.decision_rules._reading import Decisions, Scores
from skmultilabel_keras.decision_rules._rule import DecisionRule, rank_labels, slices

_Floats: TypeAlias = npt.NDArray[np.float64]

# Numbers in a block of scores, and in one over which several passes profit from a cache (1 MB).
_BLOCK = 2**20
_CACHED_BLOCK = 2**17


@final
class ExampleF(DecisionRule):
    r"""Decide the labels of greatest expected F-beta of the row, given independent labels.

    F-beta is (1 + beta²) TP / (beta² (TP + FN) + (TP + FP)), the example-F of this package's
    metrics for beta = 1. The general F-measure maximiser [2]_ takes, for each number of labels k,
    the k labels of greatest

    .. math:: \sum_s P(y_j = 1, |y| = s) \frac{1 + \beta^2}{\beta^2 s + k}

    whose sum is the expected F-beta, and then the best k, with the empty set among them. Given
    independent labels, s has a Poisson-binomial distribution, and the k labels are those of the
    greatest probabilities [1]_, [3]_.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of recall against precision, from 0.001 (precision) to 1000 (recall).
    zero_division : float, default=1.0
        F-beta of no label decided where none is true, between 0 and 1. With 0 at least one label
        is decided in each row, unless all probabilities are 0.

    Notes
    -----
    A row takes time proportional to n_labels ** 1.5. The expectation is exact up to rounding, a
    relative error of some 1e-13 for 100 labels, 1e-12 for 1000.

    References
    ----------
    .. [1] Jansche (2007): A maximum expected utility framework for binary sequence labeling, ACL.
    .. [2] Dembczyński, Waegeman, Cheng, Hüllermeier (2011): An exact algorithm for F-measure
       maximization, NIPS; Waegeman et al. (2014): On the Bayes-optimality of F-measure maximizers,
       JMLR 15.
    .. [3] Ye, Chai, Lee, Chieu (2012): Optimizing F-measures: a tale of two approaches, ICML.

    Examples
    --------
    Two labels are worth a guess here, though no probability is above 0.5.

    >>> ExampleF().decide([[0.45, 0.4, 0.05], [0.1, 0.05, 0.0]])
    array([[ True,  True, False],
           [False, False, False]])
    """

    _needs_probabilities = True

    def __init__(self, beta: float = 1.0, zero_division: float = 1.0) -> None:
        self.beta = beta
        self.zero_division = zero_division

    def _decide(self, y_score: Scores) -> Decisions:
        beta = check_number("beta", self.beta, 1e-3, 1e3)
        zero_division = check_number("zero_division", self.zero_division, 0, 1)
        decided = np.empty(y_score.shape, dtype=bool)
        for rows in slices(y_score.shape[0], _BLOCK // y_score.shape[1]):
            probability = y_score[rows].astype(np.float64)
            expected = _expect_f(-np.sort(-probability, axis=1), beta)
            empty = zero_division * np.prod(1 - probability, axis=1, keepdims=True)
            n_decided = np.hstack([empty, expected]).argmax(axis=1)
            decided[rows] = rank_labels(probability) < n_decided[:, np.newaxis]
        return decided


# The exponents of the integrands below lie between _LOWEST and _LOWEST * n_labels, less 1. Powers
# that are not whole need a low one to be smooth; a greater one needs more nodes.
_LOWEST = 8


def _expect_f(probability: Scores, beta: float) -> Scores:
    """Return the expected F-beta of the first k labels of each row, for k from 1 to n_labels.

    Probabilities must fall along the row. With a = beta², S the number of true labels and
    1 / b = c * integral of x^(cb - 1) over [0, 1] (Chao and Strawderman 1972: Negative moments of
    positive random variables, JASA 67), the expected F-beta of the first k labels is

        sum_j≤k E[y_j (1 + a) / (a S + k)]
        = c (1 + a) * integral of x^(ck - 1) sum_j≤k E[y_j u^S] dx,     u = x^(ca)

    where E[u^S] = prod_i (1 - p_i + p_i u) generates the Poisson-binomial distribution of S, and
    E[y_j u^S] is the same with p_j u in the place of the factor of j. So the distribution itself,
    of quadratic size, is never needed. Gauss-Legendre quadrature integrates a power to rounding
    error with some multiple of the root of its exponent as nodes; c makes the lowest exponent
    _LOWEST. It is stable, as all terms and weights are positive: nothing cancels, and the relative
    error of the result is at most that of the worst power.
    """
    n_rows, n_labels = probability.shape
    nodes, weights = _quadrature(8 + int(3 * np.sqrt(_LOWEST * n_labels)))
    power = _LOWEST * beta**2 / (1 + beta**2)  # ca; c is the rest
    k = np.arange(1, n_labels + 1)
    expected = np.zeros(probability.shape)
    for part in slices(len(nodes), _CACHED_BLOCK // n_labels):
        x = nodes[part, np.newaxis]
        weight_of_k = _LOWEST * weights[part, np.newaxis] * x ** ((_LOWEST - power) * k - 1)
        for rows in slices(n_rows, _CACHED_BLOCK // (len(x) * n_labels)):
            hits = probability[rows, np.newaxis] * x**power
            either = hits + (1 - probability[rows, np.newaxis])
            generated = either.prod(axis=2, keepdims=True)
            hits /= either
            np.cumsum(hits, axis=2, out=hits)
            hits *= weight_of_k
            expected[rows] += (generated.transpose(0, 2, 1) @ hits)[:, 0]
    return expected


@lru_cache(maxsize=16)
def _quadrature(n_nodes: int) -> tuple[_Floats, _Floats]:
    """Return nodes and weights of Gauss-Legendre quadrature on [0, 1].

    Newton's method on angles (Hale and Townsend 2013: Fast and accurate computation of
    Gauss-Legendre and Gauss-Jacobi quadrature nodes and weights, SIAM J. Sci. Comput. 35), whose
    errors in high powers are a hundredth of those of the usual eigenvalues.
    """
    angle = np.pi * (np.arange(1, n_nodes + 1, dtype=np.float64) - 0.25) / (n_nodes + 0.5)
    for _ in range(6):
        value, slope = _legendre(n_nodes, angle)
        angle -= value / slope
    _, slope = _legendre(n_nodes, angle)
    return np.cos(angle / 2) ** 2, slope**-2.0


def _legendre(degree: int, angle: _Floats) -> tuple[_Floats, _Floats]:
    """Return a Legendre polynomial of cos(angle) and its derivative by the angle."""
    x = np.cos(angle)
    before, value = np.ones_like(x), x
    for n in range(2, degree + 1):
        before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
    return value, degree * (x * value - before) / np.sin(angle)
