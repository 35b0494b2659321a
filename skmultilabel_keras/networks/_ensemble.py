"""Many networks in one: members that share weights, trained and computed together.

Owns: the ``ensemble`` network, its layers, and the model that trains on members.
Does not own: the input that networks for tables share (``_tables``), checks (``_checks``).

Members share weight matrices as in BatchEnsemble, in the simplified form of TabM: what tells them
apart is a scale of +1 or -1 for each input, biases, and an output layer of their own each. So the
products of all members are one product of ``n_samples * n_members`` rows. For sparse rows, whose
scaling would have to be done for each member, members have all weights of their own instead, and
the first product is one with ``n_members * units`` columns.

What is trained is the mean of the losses of the members; what is predicted is the mean of their
probabilities. No one output can give both, so the last layer gives two things: in training the
logits of all members, else the logits of the mean probability, as any other network gives them.
:class:`EnsembleModel` takes the mean of the losses, and shows the mean probability to metrics. That
works with any loss and any way of training, Keras' own ``fit`` included: each member becomes a row
as all losses know them, beside a copy of its target and weight. Ways that were left:

- ``add_loss`` in a layer knows neither targets nor the loss that a model is compiled with.
- A loss that knows of members would have to be every loss, and would be forgotten where a user
  compiles the network with another one.
- Members as further rows of the network's output do not fit the targets that Keras' metrics and
  ``predict`` get.

References
----------
Wen, Tran, Ba, "BatchEnsemble: An Alternative Approach to Efficient Ensemble and Lifelong Learning",
2020.
Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
Ensembling", 2024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from skmultilabel_keras import losses
from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.networks._checks import (
    check_counts,
    check_dense,
    check_flags,
    is_count,
)
from skmultilabel_keras.networks._initializers import LabelPrior
from skmultilabel_keras.networks._layers import Dropout
from skmultilabel_keras.networks._tables import table_input

_register = keras.saving.register_keras_serializable("skmultilabel_keras")

# Small initial weights: members start at the priors of the labels, and near to one another in what
# they predict. Compared on the folds of one shuffle of `emotions`, by log loss.
_HIDDEN_GAIN = 1 / math.sqrt(3)
_OUTPUT_GAIN = 0.1


def ensemble(
    meta: Mapping[str, Any],
    *,
    n_members: int = 16,
    hidden_layer_sizes: Sequence[int] = (256, 256),
    activation: Any = "relu",
    dropout: float = 0.3,
    share_weights: bool | None = None,
    l2: float = 0.0,
    prior_bias: bool = True,
    standardize: bool = True,
    smooth_clip: float | None = None,
    n_bins: int | None = None,
) -> keras.Model:
    """Ensemble of multilayer perceptrons that are trained as one network.

    The mean of the members' losses is trained, and the mean of their probabilities predicted.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    n_members : int, default=16
        Number of members.
    hidden_layer_sizes : sequence of int, default=(256, 256)
        Units of each hidden layer of a member; empty for none.
    activation : str or callable, default="relu"
        Activation of the hidden layers, one of Keras' names.
    dropout : float, default=0.3
        Share of the hidden units dropped in each training step, in [0, 1); other ones for each
        member.
    share_weights : bool or None, default=None
        Whether members share the weights of hidden layers, and differ in biases, in a trained
        scale of each input that starts at +1 or -1, and in the output layer. None shares them
        for dense rows; members for sparse rows have all weights of their own, and cannot share.
    l2 : float, default=0.0
        Factor of the sum of the squared weights of a member, biases and scales left out, that is
        added to its loss.
    prior_bias : bool, default=True
        Whether the biases of the outputs start at the logits of the label priors, see
        :class:`LabelPrior`, or at zero.
    standardize : bool, default=True
        As in :func:`mlp`.
    smooth_clip : float or None, default=None
        As in :func:`mlp`.
    n_bins : int or None, default=None
        As in :func:`mlp`.

    Returns
    -------
    EnsembleModel
        Network whose outputs are the logits of the mean probabilities, of shape
        ``(n_samples, meta["n_units_"])``; in training those of all members, of shape
        ``(n_samples, n_members, meta["n_units_"])``.

    Raises
    ------
    ValueError
        For a parameter that is none of these, and where sparse rows are to share weights or to
        have bins.

    References
    ----------
    Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with
    Parameter-Efficient Ensembling", 2024.

    Examples
    --------
    >>> network = ensemble({"X_shape_": (5, 3), "n_units_": 2}, n_members=4)
    >>> network.output_shape
    (None, 2)
    """
    check_counts(n_members=n_members)
    activation = check_dense(hidden_layer_sizes, activation, dropout, prior_bias)
    check_number("model__l2", l2, 0)
    share = _resolve_share(share_weights, is_sparse=meta.get("X_sparse_", False))
    inputs, x = table_input(meta, standardize=standardize, smooth_clip=smooth_clip, n_bins=n_bins)
    for number, units in enumerate(map(int, hidden_layer_sizes)):
        x = MemberDense(
            units,
            int(n_members),
            share=share,
            scale_inputs=share and number == 0,
            activation=activation,
            gain=_HIDDEN_GAIN,
            kernel_regularizer=_penalty(l2, 1 if share else n_members),
        )(x)
        if dropout:
            x = Dropout(dropout)(x)
    logits = MemberDense(
        meta["n_units_"],
        int(n_members),
        gain=_OUTPUT_GAIN,
        bias_initializer=LabelPrior() if prior_bias else "zeros",
        kernel_regularizer=_penalty(l2, n_members),
        name="member_logits",
    )(x)
    return EnsembleModel(inputs, MemberMean(_reading_of(meta), name="logits")(logits))


@_register
class MemberDense(keras.layers.Layer):
    """A dense layer of each member of an ensemble, all computed in one product.

    Parameters
    ----------
    units : int
        Units of each member.
    n_members : int
        Number of members.
    share : bool, default=False
        Whether members share the weights, and differ in their biases only.
    scale_inputs : bool, default=False
        Whether each member has a trained scale for each input, which starts at +1 or -1; for
        ``share=True`` only.
    activation : str, callable or None, default=None
        Activation.
    gain : float, default=1.0
        Standard deviation of the initial weights, times the root of the number of inputs. 1 keeps
        the variance of standardised inputs.
    bias_initializer : str or keras.initializers.Initializer, default="zeros"
        Initial biases.
    kernel_regularizer : str, keras.regularizers.Regularizer or None, default=None
        Penalty of the weights.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        If ``units`` or ``n_members`` is no integer of at least 1, ``gain`` is below 0, or
        ``scale_inputs`` is asked for without ``share``.

    Notes
    -----
    Takes rows of shape (n_samples, n_features), the same for all members, or of shape
    (n_samples, n_members, n_features), and returns (n_samples, n_members, units). Initial weights
    are uniform, and depend on the number of inputs of one member alone.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MemberDense(3, n_members=4)
    >>> layer(np.ones((5, 2), dtype="float32")).shape
    TensorShape([5, 4, 3])
    """

    def __init__(
        self,
        units: int,
        n_members: int,
        *,
        share: bool = False,
        scale_inputs: bool = False,
        activation: Any = None,
        gain: float = 1.0,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("units", units), ("n_members", n_members)):
            if not is_count(value):
                raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
        if scale_inputs and not share:
            raise ValueError(
                "scale_inputs must be False where members have weights of their own, which scale "
                "their inputs; use share=True, or leave it out."
            )
        super().__init__(**kwargs)
        self.units = int(units)
        self.n_members = int(n_members)
        self.share = share
        self.scale_inputs = scale_inputs
        self.gain = check_number("gain", gain, 0)
        self.activation = keras.activations.get(activation)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights for inputs of 2 or 3 dimensions."""
        n_inputs = self._check_inputs(input_shape)
        shapes: dict[bool, tuple[int, ...]] = {
            # The weights of all members side by side, or one matrix after the other.
            True: (n_inputs, self.n_members, self.units),
            False: (self.n_members, n_inputs, self.units),
        }
        limit = self.gain * math.sqrt(3 / n_inputs)  # of a uniform distribution
        self.kernel = self.add_weight(
            name="kernel",
            shape=(n_inputs, self.units) if self.share else shapes[len(input_shape) == 2],
            initializer=keras.initializers.RandomUniform(-limit, limit),
            regularizer=self.kernel_regularizer,
        )
        self.scale = None
        if self.scale_inputs:
            self.scale = self.add_weight(
                name="scale", shape=(self.n_members, n_inputs), initializer=_random_signs
            )
        self.bias = self.add_weight(
            name="bias", shape=(self.n_members, self.units), initializer=self.bias_initializer
        )

    def call(self, inputs: Any) -> Any:
        """Return the outputs of all members, of shape (n_samples, n_members, units)."""
        if not self.share:
            z = self._multiply_each(inputs)
        elif self.scale_inputs:
            rows = inputs if len(inputs.shape) == 3 else ops.expand_dims(inputs, 1)
            z = self._multiply(rows * self.scale)
        elif len(inputs.shape) == 3:
            z = self._multiply(inputs)
        else:
            z = ops.expand_dims(ops.matmul(inputs, self.kernel), 1)
        return self.activation(z + self.bias)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        self._check_inputs(input_shape)
        return (input_shape[0], self.n_members, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "n_members": self.n_members,
            "share": self.share,
            "scale_inputs": self.scale_inputs,
            "gain": self.gain,
            "activation": keras.activations.serialize(self.activation),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }

    def _multiply(self, rows: Any) -> Any:
        """Return the products of rows of all members with the weights that they share."""
        flat = ops.matmul(ops.reshape(rows, (-1, rows.shape[-1])), self.kernel)
        return ops.reshape(flat, (-1, self.n_members, self.units))

    def _multiply_each(self, inputs: Any) -> Any:
        """Return the products with weights that each member has of its own."""
        if len(inputs.shape) == 2:
            side_by_side = ops.reshape(self.kernel, (-1, self.n_members * self.units))
            flat = ops.matmul(inputs, side_by_side)
            return ops.reshape(flat, (-1, self.n_members, self.units))
        by_member = ops.matmul(ops.transpose(inputs, (1, 0, 2)), self.kernel)
        return ops.transpose(by_member, (1, 0, 2))

    def _check_inputs(self, shape: Sequence[int | None]) -> int:
        """Return the number of features of inputs of this shape."""
        shape = tuple(shape)
        fits = len(shape) == 2 or (len(shape) == 3 and shape[1] == self.n_members)
        if not fits or shape[-1] is None:
            raise ValueError(
                "MemberDense takes inputs of shape (n_samples, n_features) or (n_samples, "
                f"{self.n_members}, n_features); got {shape}."
            )
        return shape[-1]


@_register
class MemberMean(keras.layers.Layer):
    """The logits of the mean probability of the members; in training the members' own logits.

    Parameters
    ----------
    reading : {"sigmoid", "softmax"}
        What makes probabilities of logits: of each label alone, or of classes that exclude each
        other.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        For any other ``reading``.

    Notes
    -----
    The last layer of an :class:`EnsembleModel`. Takes (n_samples, n_members, n_units); returns
    (n_samples, n_units), in training its inputs as they are.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.log([[[1.0], [3.0]]]).astype("float32")  # probabilities 1/2 and 3/4
    >>> p = keras.ops.sigmoid(MemberMean("sigmoid")(z))
    >>> round(float(p[0, 0]), 4)
    0.625
    """

    def __init__(self, reading: str, **kwargs: Any) -> None:
        if reading not in ("sigmoid", "softmax"):
            raise ValueError(f"reading must be 'sigmoid' or 'softmax'; got {reading!r}.")
        super().__init__(**kwargs)
        self.reading = reading

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the logits of the mean probability, in training those of the members."""
        return inputs if training else self.combine(inputs)

    def combine(self, logits: Any) -> Any:
        """Return the logits of the mean probability, computed without leaving logarithms."""
        if self.reading == "softmax":
            log_p = ops.log_softmax(logits, axis=-1)
            return ops.logsumexp(log_p, axis=1) - math.log(logits.shape[1])
        log_p = ops.log_sigmoid(logits)
        # log(1 - p) is log(p) - z, and the numbers of members cancel.
        return ops.logsumexp(log_p, axis=1) - ops.logsumexp(log_p - logits, axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the outputs in predictions."""
        return (input_shape[0], input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "reading": self.reading}


@_register
class EnsembleModel(keras.Model):
    """A network that ends in :class:`MemberMean` and is trained on the mean of members' losses.

    Made and used as any ``keras.Model(inputs, outputs)``: compiled with any loss and metrics,
    fitted, saved. In training it must be the outermost model: inside another one, its outputs would
    be the logits of all members, which only its own way of computing the loss can take.

    Evaluation gives the loss of the mean probability, which is what is predicted; for the
    cross-entropy it is at most the mean of the losses of the members, which training logs.

    Examples
    --------
    >>> inputs = keras.Input((3,))
    >>> logits = MemberDense(2, n_members=4)(inputs)
    >>> model = EnsembleModel(inputs, MemberMean("sigmoid")(logits))
    >>> model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch; that of members' logits is the mean over members."""
        loss_of = super().compute_loss
        if len(y_pred.shape) == 2:
            return loss_of(x, y, y_pred, sample_weight, training)
        if losses.is_mean_of_rows(self.loss):  # then a member may be a row
            rows = ops.reshape(y_pred, (-1, y_pred.shape[2]))
            y, weight = (_repeat(part, y_pred.shape[1]) for part in (y, sample_weight))
            return loss_of(x, y, rows, weight, training)
        members = ops.unstack(y_pred, axis=1)
        return ops.mean(
            ops.stack([loss_of(x, y, one, sample_weight, training) for one in members]), axis=0
        )

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the metrics of the mean probability."""
        if len(y_pred.shape) == 3:
            y_pred = self.outputs[0]._keras_history.operation.combine(y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight=sample_weight)


def _repeat(values: Any, times: int) -> Any:
    return None if values is None else ops.repeat(values, times, axis=0)


def _random_signs(shape: Sequence[int], dtype: Any = None) -> Any:
    uniform = keras.initializers.RandomUniform(-1.0, 1.0)(shape, dtype=dtype)
    return ops.where(uniform < 0, -ops.ones_like(uniform), ops.ones_like(uniform))


def _penalty(l2: float, n_owners: int) -> Any:
    """Return the share of a member's penalty in the mean, for weights of this many members."""
    return keras.regularizers.L2(float(l2) / n_owners) if l2 else None


def _reading_of(meta: Mapping[str, Any]) -> str:
    exclusive = meta.get("target_type_") in ("multiclass", "multiclass-onehot")
    return "softmax" if exclusive else "sigmoid"


def _resolve_share(share_weights: bool | None, *, is_sparse: bool) -> bool:
    if share_weights is None:
        return not is_sparse
    check_flags(share_weights=share_weights)
    if share_weights and is_sparse:
        raise ValueError(
            "model__share_weights must be None or False for sparse X, whose rows would have to be "
            "scaled for each member; got True. Pass X.toarray() to share weights."
        )
    return bool(share_weights)
