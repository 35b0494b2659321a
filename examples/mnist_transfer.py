"""MNIST by transfer: ten outputs on top of a frozen network that was trained on photographs.

6,000 digits as colour pictures of 32 x 32 pixels, a backbone whose weights stay as they are,
global average pooling and one dense layer, whose initial weights are seeded. It is trained twice:
on integers with logits for 40 epochs, and on one-hot rows with softmax for 20. What the backbone
makes of the pictures is computed once for each fit, whatever the number of epochs.

``python examples/mnist_transfer.py`` reads MNIST and the weights of a MobileNetV2 (alpha=0.35)
from the folder that ``SKMLK_DATA`` names: ``mnist.npz`` and
``weights/mobilenet_v2_0.35_224_notop.weights.h5``. ``--backbone VGG16 --weights FILE`` takes a file
with the weights of VGG16, and random ones without ``--weights``.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np
from mnist_multiclass import load_mnist

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.networks import transfer

# What each backbone is built with. MobileNetV2 sees little in small pictures: of 96, 128 and 160
# pixels the last is best for digits that are neither trained nor tested on.
BACKBONES = {
    "MobileNetV2": {"image_size": 160, "backbone_options": {"alpha": 0.35}},
    "VGG16": {"image_size": 32, "backbone_options": {}},
}
WEIGHTS = {"MobileNetV2": "weights/mobilenet_v2_0.35_224_notop.weights.h5"}


def main(backbone="MobileNetV2", weights=None, n_train=6000, n_test=1000, epochs=(40, 20)):
    """Train on both encodings, and print what the test pictures say."""
    X, digits, X_test, digits_test = load_mnist(n_train, n_test)
    X, X_test = (as_colour(images) for images in (X, X_test))
    if weights is None and backbone in WEIGHTS:
        weights = Path(os.environ["SKMLK_DATA"]) / WEIGHTS[backbone]
    one_hot = np.eye(10, dtype=int)
    heads = {
        "integers, logits": (digits, digits_test, {}),
        "one-hot, softmax": (
            one_hot[digits],
            one_hot[digits_test],
            {"exclusive": True, "model__activation": "softmax"},
        ),
    }
    print(f"{backbone}, weights: {'random' if weights is None else Path(weights).name}\n")
    print("head              epochs  accuracy in training  test accuracy")
    for (name, (y, y_test, params)), n_epochs in zip(heads.items(), epochs, strict=True):
        clf = KerasMultiLabelClassifier(
            build_on_backbone,
            model__backbone=backbone,
            model__weights=weights,
            **{f"model__{key}": value for key, value in BACKBONES[backbone].items()},
            optimizer="adam",
            metrics=["accuracy"],
            batch_size=32,
            epochs=n_epochs,
            random_state=0,
            **params,
        ).fit(X, y)
        trained, tested = clf.history_["accuracy"][-1], clf.score(X_test, y_test)
        print(f"{name:16}  {n_epochs:6}  {trained:20.4f}  {tested:13.4f}")


def build_on_backbone(
    meta, backbone, weights=None, image_size=None, backbone_options=None, activation=None
):
    """Put a dense layer of its own on the features of the built-in network ``transfer``."""
    network = transfer(
        meta,
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        backbone_options=backbone_options,
        pooling="average",
    )
    outputs = keras.layers.Dense(
        meta["n_units_"],
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=42),
    )
    return keras.Model(network.input, outputs(network.get_layer("features").output))


def as_colour(images):
    """Return gray images (n, 28, 28) as (n, 32, 32, 3), with a margin of two pixels."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return np.repeat(padded[..., np.newaxis], 3, axis=-1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backbone", choices=list(BACKBONES), default="MobileNetV2")
    parser.add_argument("--weights", help="file with the weights of the backbone")
    main(**vars(parser.parse_args()))
