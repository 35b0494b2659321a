"""Initial values of the built-in networks, for any Keras model to use.

Owns: the mark of biases that are to start at the priors of the labels.
Does not own: the priors, which the estimator takes from the training rows (``_rows``).
"""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("skmultilabel_keras")
class LabelPrior(keras.initializers.Initializer):
    """Start the biases of an output layer at the logits of the label priors.

    The layer itself starts at zeros. Before training, ``KerasMultiLabelClassifier`` sets its biases
    to the logits of the shares of the labels among the training rows, or to the logarithms of the
    frequencies of classes that exclude each other. So a network starts from the best constant
    prediction, and no step is spent on learning how rare labels are. Weights of rows, entries and
    labels count, and labels that are missing do not.

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal Loss for Dense Object Detection", 2017, for one
    prior of all labels.

    Examples
    --------
    >>> layer = keras.layers.Dense(2, bias_initializer=LabelPrior())
    >>> layer.build((None, 3))
    >>> layer.bias.numpy().tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return zeros."""
        return keras.ops.zeros(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, of which there are none."""
        return {}
