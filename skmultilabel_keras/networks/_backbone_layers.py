"""Parts of networks on top of one that was trained elsewhere, for any Keras model to use.

Owns: the layers that prepare images for a backbone, compute it as in prediction, and mark features
which training does not change; the model whose backbone learns at a lower rate.
Does not own: networks (``_transfer``), or when features are computed once for all epochs
(``_tensorflow.frozen``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from skmultilabel_keras._compat import is_plain

# Pixels may overshoot their range, after interpolation say: by this share of its width.
_OVERSHOOT = 0.5


@keras.saving.register_keras_serializable("skmultilabel_keras")
class BackboneInput(keras.layers.Layer):
    """Images as a backbone expects them: of its size, with its channels and range of pixels.

    Parameters
    ----------
    size : tuple of int
        Height and width of the result; images of another size are resized (bilinear).
    channels : int
        Channels of the result; gray images are repeated.
    pixel_range : tuple of float
        What is black and what is white in the inputs.
    preprocessing : {"tf", "torch", "caffe", "none"}
        What pixels from 0 to 255 become, a mode of
        ``keras.applications.imagenet_utils.preprocess_input``; "none" leaves them.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BackboneInput((1, 2), 3, (0, 1), "tf")
    >>> layer(np.array([[[[0.0], [1.0]]]]))[0, 0].numpy().tolist()
    [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(
        self,
        size: Sequence[int],
        channels: int,
        pixel_range: Sequence[float],
        preprocessing: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.channels = channels
        self.pixel_range = tuple(pixel_range)
        self.preprocessing = preprocessing
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the prepared images, of shape (n, height, width, channels)."""
        images = keras.ops.cast(inputs, self.compute_dtype)
        if tuple(images.shape[1:3]) != self.size:
            images = keras.ops.image.resize(
                images, self.size, interpolation="bilinear", data_format="channels_last"
            )
        black, white = self.pixel_range
        if (black, white) != (0, 255):
            images = (images - black) * (255 / (white - black))
        if images.shape[-1] < self.channels:
            images = keras.ops.concatenate([images] * self.channels, axis=-1)
        if self.preprocessing == "none":
            return images
        return keras.applications.imagenet_utils.preprocess_input(
            images, data_format="channels_last", mode=self.preprocessing
        )

    def check(self, X: Any) -> None:
        """Raise if rows cannot hold the pixels that the layer takes them for.

        Parameters
        ----------
        X : ndarray of shape (n, height, width) or (n, height, width, channels)
            The rows.

        Raises
        ------
        ValueError
            If values are far out of the range of pixels.
        """
        if not len(X):
            return
        black, white = self.pixel_range
        low, high = float(X.min()), float(X.max())
        margin = _OVERSHOOT * abs(white - black)
        if low < min(black, white) - margin or high > max(black, white) + margin:
            raise ValueError(
                f"X holds {X.dtype} pixels from {low:g} to {high:g}, but the network takes "
                f"model__pixel_range=({black:g}, {white:g}) for black and white. Give the range of "
                "the pixels as model__pixel_range, or scale them."
            )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the prepared images."""
        return (input_shape[0], *self.size, self.channels)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("size", "channels", "pixel_range", "preprocessing")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("skmultilabel_keras")
class InferenceMode(keras.layers.Layer):
    """A network that computes as in prediction, in training too.

    Its batch normalisation uses the statistics that it has and leaves them alone, its dropout drops
    nothing. In a functional model ``network(x, training=False)`` does not do that: where the model
    is called with ``training=True``, Keras hands that on.

    Parameters
    ----------
    network : keras.Model
        The network, which may be trained all the same.
    rate : float, default=1.0
        Its learning rate in a :class:`FineTuned` model, as a share of that of the other layers.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)])
    >>> float(keras.ops.min(InferenceMode(network)(keras.ops.ones((1, 100)), training=True)))
    1.0
    """

    def __init__(self, network: keras.Model, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.rate = rate
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the network's outputs."""
        return self.network(inputs, training=False)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the specification of the network's outputs."""
        return self.network.compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what :meth:`from_config` needs."""
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "rate": self.rate}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InferenceMode:
        """Return the layer that :meth:`get_config` describes."""
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**{**config, "network": network})


@keras.saving.register_keras_serializable("skmultilabel_keras")
class FrozenFeatures(keras.layers.Layer):
    """Mark features that training does not change: no gradient passes.

    What a network computes before this layer must depend on the row alone: no weights that are
    trained, no dropout, no random changes, and no batch normalisation but in inference mode; see
    :class:`InferenceMode`. ``KerasMultiLabelClassifier`` then computes the features once for each
    fit, and trains what follows.

    Parameters
    ----------
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Examples
    --------
    >>> inputs = keras.Input((2,))
    >>> features = FrozenFeatures()(keras.layers.Dense(3, trainable=False)(inputs))
    >>> before, after = split_at_features(keras.Model(inputs, keras.layers.Dense(1)(features)))
    >>> before.output_shape, after.output_shape
    ((None, 3), (None, 1))
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the features."""
        return keras.ops.stop_gradient(inputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the inputs' own shape."""
        return tuple(input_shape)


@keras.saving.register_keras_serializable("skmultilabel_keras")
class FineTuned(keras.Model):
    """A model in which networks inside :class:`InferenceMode` are trained at a rate of their own.

    After each step of the optimizer, their weights go back by a share of what they were moved: with
    any optimizer and any schedule this is what a lower learning rate of theirs does. Such a network
    may be anywhere in the model; one inside another has the rate of the outer one.

    Examples
    --------
    >>> inputs = keras.Input((2,))
    >>> backbone = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> outputs = keras.layers.Dense(1)(InferenceMode(backbone, rate=0.0)(inputs))
    >>> model, before = FineTuned(inputs, outputs), backbone.get_weights()[0]
    >>> model.compile("sgd", "mse")
    >>> logs = model.train_on_batch(keras.ops.ones((4, 2)), keras.ops.ones((4, 1)))
    >>> bool((backbone.get_weights()[0] == before).all())
    True
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """Do a training step of ``keras.Model``, and hold back what learns at a lower rate."""
        before = [keras.ops.copy(variable.value) for variable in self.trainable_variables]
        logs = super().train_step(data)
        self.hold_back(before)
        return logs

    def hold_back(self, before: Sequence[Any]) -> None:
        """Undo a share of what an update did to networks with a lower rate.

        Parameters
        ----------
        before : sequence of tensors
            Values of all trained variables before the update.

        Raises
        ------
        ValueError
            For an optimizer with averages of the weights, which were taken before this.
        """
        rates: dict[int, float] = {}
        for layer in self._flatten_layers():
            if isinstance(layer, InferenceMode):
                for variable in layer.trainable_variables:
                    rates.setdefault(id(variable), layer.rate)  # outer layers come first
        if getattr(self.optimizer, "use_ema", False):
            rate = min(rates.values(), default=1.0)
            raise ValueError(
                "optimizer__use_ema must be False for layers of the backbone that learn at a lower "
                f"rate, model__backbone_rate={rate}: the averages would not be those of its "
                "weights. Leave it out, or set model__backbone_rate=1."
            )
        for variable, old in zip(self.trainable_variables, before, strict=True):
            rate = rates.get(id(variable), 1.0)
            if rate != 1:
                variable.assign(old + (variable.value - old) * rate)


def split_at_features(network: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Return a network up to its frozen features, and from there on.

    The two share the layers of the network.

    Parameters
    ----------
    network : keras.Model
        Any model.

    Returns
    -------
    tuple of (keras.Model, keras.Model) or None
        From the input to the features, and from these to the output; None but for a functional
        model with one layer :class:`FrozenFeatures` that all ways to its output go through.

    Raises
    ------
    ValueError
        If something is to be trained before the features.

    Examples
    --------
    >>> inputs = keras.Input((2,))
    >>> split_at_features(keras.Model(inputs, keras.layers.Dense(1)(inputs))) is None
    True
    """
    marks = [layer for layer in network.layers if isinstance(layer, FrozenFeatures)]
    if len(marks) != 1 or not is_plain(network):
        return None
    if not len(network.inputs) == len(network.outputs) == 1:
        return None
    features = marks[0].output
    if _leads_round(network.outputs[0], features):
        return None
    before = keras.Model(network.inputs[0], features)
    _check_frozen(before)
    return before, keras.Model(features, network.outputs[0])


def _check_frozen(before: keras.Model) -> None:
    """Raise if what a network computes changes in training, or from one time to the next."""
    if before.trainable_variables:
        path = before.trainable_variables[0].path
        raise ValueError(
            f"What comes before FrozenFeatures must not be trained, but the weights {path!r} are. "
            "Set trainable = False on its layers, or leave FrozenFeatures out."
        )
    for layer in before.layers:
        if isinstance(layer, InferenceMode):
            continue
        for part in layer._flatten_layers():
            moves = isinstance(part, keras.layers.BatchNormalization) and part.trainable
            if moves or getattr(part, "seed_generator", None) is not None:
                raise ValueError(
                    "What comes before FrozenFeatures must be the same in each epoch, but the "
                    f"layer {part.name!r} acts otherwise in training. Put the network that it "
                    "belongs to into InferenceMode, or leave FrozenFeatures out."
                )


def _leads_round(output: Any, features: Any) -> bool:
    """Tell whether a tensor needs something else than ``features``, or is just that."""
    if output is features:
        return True
    waiting, seen = [output], {id(features)}
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, place, _ = tensor._keras_history
        needed = operation._inbound_nodes[place].input_tensors
        if not needed:  # an input of the network
            return True
        waiting += needed
    return False
