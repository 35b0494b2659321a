"""Encodings of the features of a table.

Owns: the layer that encodes features by bins, and the one that keeps outliers near the others.
Does not own: the edges of the bins (``_rows``), or layers that keep what features are
(``_layers``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from skmultilabel_keras._activations import LARGE
from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.networks._checks import is_count

# Widths whose inverse is a number of full precision in float32.
_WIDTHS = (float(np.finfo(np.float32).tiny), 1 / float(np.finfo(np.float32).tiny))


@keras.saving.register_keras_serializable("skmultilabel_keras")
class PiecewiseLinear(keras.layers.Layer):
    """Encode each feature as its position in each of its bins, whose edges are set before training.

    A bin gives 0 below its start, 1 above its end, and rises in a straight line between. So a
    linear map of the encoding is any continuous function of the feature that is linear in each
    bin and constant outside of them.

    Parameters
    ----------
    n_bins : int, default=8
        The most bins of a feature.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        If ``n_bins`` is no integer of at least 2, or for inputs that are sparse or of other than
        two dimensions.

    Notes
    -----
    Takes rows of shape (n_samples, n_features) and returns (n_samples, n_features * n_bins), the
    bins of the first feature first. Bins that a feature does not need are 0 everywhere, and so are
    all until :meth:`set_edges` is called. ``KerasMultiLabelClassifier`` calls it before training,
    with quantiles of the training rows, unless ``trainable=False``; so the layer has to stand right
    behind the network's input.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
    2022.

    Examples
    --------
    >>> import numpy as np
    >>> layer = PiecewiseLinear(n_bins=2)
    >>> layer.build((None, 1))
    >>> layer.set_edges(np.array([[0.0, 1.0, 5.0]]))
    >>> layer(np.array([[-1.0], [0.5], [2.0], [9.0]])).numpy().tolist()
    [[0.0, 0.0], [0.5, 0.0], [1.0, 0.25], [1.0, 1.0]]
    """

    def __init__(self, n_bins: int = 8, **kwargs: Any) -> None:
        if not is_count(n_bins) or n_bins < 2:
            raise ValueError(f"n_bins must be an integer of at least 2; got {n_bins!r}.")
        # In float32 whatever the policy: half precision cannot tell unscaled features apart.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.n_bins = int(n_bins)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the bins, which are 0 everywhere until their edges are set."""
        shape = (self._check_inputs(input_shape), self.n_bins)
        self.start, self.inverse_width = (
            self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)
            for name in ("start", "inverse_width")
        )

    @property
    def is_set(self) -> bool:
        """Whether there is a bin."""
        return bool(np.any(self.inverse_width != 0))

    def set_edges(self, edges: np.ndarray) -> None:
        """Set the edges of the bins.

        Parameters
        ----------
        edges : ndarray of shape (n_features, n_bins + 1)
            Finite numbers that do not decrease in a row. Between two that are equal there is no
            bin.

        Raises
        ------
        ValueError
            For edges of another shape or order, and before the layer is built.
        """
        if not self.built:
            raise ValueError(
                "set_edges needs a layer that knows its inputs; call it on some, or build((None, "
                "n_features))."
            )
        edges, (n_features, n_bins) = np.asarray(edges, dtype=np.float64), self.start.shape
        if edges.shape != (n_features, n_bins + 1):
            raise ValueError(
                "edges must have the shape (n_features, n_bins + 1) of this layer, "
                f"{(n_features, n_bins + 1)}; got {edges.shape}."
            )
        width = np.diff(edges, axis=1)
        fits = (width >= 0) & (width < np.inf)
        if not fits.all():
            raise ValueError(
                "edges must be finite and must not decrease in a row; got "
                f"{edges[~fits.all(axis=1)][0].tolist()}."
            )
        is_bin = (width >= _WIDTHS[0]) & (width <= _WIDTHS[1])
        self.start.assign(np.where(is_bin, edges[:, :-1], 0))
        self.inverse_width.assign(np.where(is_bin, 1 / np.where(is_bin, width, 1), 0))

    def call(self, inputs: Any) -> Any:
        """Return the positions in the bins, in [0, 1]."""
        x = ops.expand_dims(inputs, -1)
        positions = ops.clip((x - self.start) * self.inverse_width, 0.0, 1.0)
        return ops.reshape(positions, (-1, inputs.shape[1] * self.n_bins))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape of the outputs."""
        if inputs.sparse:
            raise ValueError(
                "PiecewiseLinear takes dense rows, as zeros do not stay zeros; use an input with "
                "sparse=False."
            )
        shape = (inputs.shape[0], self._check_inputs(inputs.shape) * self.n_bins)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "n_bins": self.n_bins}

    @staticmethod
    def _check_inputs(shape: Sequence[int | None]) -> int:
        """Return the number of features of inputs of this shape."""
        if len(shape) != 2 or shape[1] is None:
            raise ValueError(
                "PiecewiseLinear takes inputs of shape (n_samples, n_features); got "
                f"{tuple(shape)}."
            )
        return shape[1]


@keras.saving.register_keras_serializable("skmultilabel_keras")
class SmoothClip(keras.layers.Layer):
    """Keep scaled features as they are where they are small, and outliers near them.

    Each number x becomes ``x / sqrt(1 + (x / limit) ** 2)``, which has the slope 1 at 0 and
    approaches ``limit`` and ``-limit``.

    Parameters
    ----------
    limit : float, default=3.0
        What no output exceeds in size.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        If ``limit`` is no finite number above 0.

    Notes
    -----
    Zeros stay zeros, and sparse inputs sparse.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
    on Tabular Data", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> SmoothClip(limit=3)(np.array([[0.0, 4.0, -1e30]])).numpy().round(2)
    array([[ 0. ,  2.4, -3. ]], dtype=float32)
    """

    def __init__(self, limit: float = 3.0, **kwargs: Any) -> None:
        limit = check_number("limit", limit, 0, above=True)
        # In float32 whatever the policy: half precision overflows for outliers.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.limit = limit

    def call(self, inputs: Any) -> Any:
        """Return the clipped features."""
        if hasattr(inputs, "with_values"):  # a SparseTensor
            return inputs.with_values(self._clip(inputs.values))
        return self._clip(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the inputs' own shape."""
        return keras.KerasTensor(inputs.shape, self.compute_dtype, sparse=inputs.sparse)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "limit": self.limit}

    def _clip(self, numbers: Any) -> Any:
        numbers = ops.cast(numbers, self.compute_dtype)
        x = ops.clip(numbers / self.limit, -LARGE, LARGE)
        return self.limit * (x / ops.sqrt(1.0 + x * x))
