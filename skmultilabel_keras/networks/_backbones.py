"""Networks that were trained elsewhere, without their last layers: backbones.

Owns: which there are, how they are built and get their weights, what pixels each of them expects.
Does not own: what is built around them (``_transfer``).
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from skmultilabel_keras._validation import nearest_names

# How Keras' ``preprocess_input`` of each module of ``keras.applications`` treats pixels: None
# where the network does it itself.
_PREPROCESSING: dict[str, str | None] = {
    "convnext": None,
    "densenet": "torch",
    "efficientnet": None,
    "efficientnet_v2": None,
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": None,
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}

# Characters of an error of Keras' that are told.
_LONGEST_REASON = 500

# Arguments of applications that are settled here.
_SETTLED = (
    "classes",
    "classifier_activation",
    "include_preprocessing",
    "include_top",
    "input_shape",
    "input_tensor",
    "name",
    "pooling",
    "weights",
)


def find_application(name: str) -> Callable[..., keras.Model]:
    """Return the function of ``keras.applications`` that has this name.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known ones.

    Examples
    --------
    >>> find_application("VGG16") is keras.applications.VGG16
    True
    """
    known = {
        key: value
        for key, value in vars(keras.applications).items()
        if key[0].isupper() and callable(value) and _module_of(value) in _PREPROCESSING
    }
    if name not in known:
        raise ValueError(
            "model__backbone must be the name of a network of keras.applications or a Keras "
            f"model; got {name!r}. {nearest_names(name, known)}"
        )
    return known[name]


def preprocessing_of(application: Callable[..., keras.Model]) -> str | None:
    """Return how an application wants its pixels; None for as they are, from 0 to 255.

    Examples
    --------
    >>> preprocessing_of(keras.applications.ResNet50)
    'caffe'
    """
    return _PREPROCESSING[_module_of(application)]


def build_application(
    name: str, size: tuple[int, int], weights: Any, options: Mapping[str, Any] | None
) -> keras.Model:
    """Return an application without its last layers, for colour images of a size.

    Parameters
    ----------
    name : str
        Its name.
    size : tuple of int
        Height and width.
    weights : str, path or None
        A file, "imagenet" for the file that Keras downloads, None for random ones.
    options : mapping or None
        Further arguments, ``{"alpha": 0.35}`` say.

    Raises
    ------
    ValueError
        For unknown arguments, images that are too small, weights that are not there or do not fit.
    """
    application = find_application(name)
    options = {} if options is None else options
    _check_options(name, application, options)
    downloads = isinstance(weights, str) and weights == "imagenet"
    arguments = {
        "include_top": False,
        "input_shape": (*size, 3),
        "weights": weights if downloads else None,
    }
    try:
        network = application(**arguments, **options)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"model__backbone={name!r} cannot be built for images of {size[0]} x {size[1]} pixels "
            f"with model__backbone_options={dict(options)!r}: {error} Images are enlarged to "
            "model__image_size before they reach it."
        ) from error
    except Exception as error:
        # Keras has no class of its own for this.
        if not (downloads and "URL fetch failure on" in str(error)):
            raise
        raise _no_download(name, str(error)) from error
    if weights is not None and not downloads:
        load_weights(network, weights)
    return network


def copy_backbone(model: keras.Model, weights: Any) -> keras.Model:
    """Return a copy of a Keras model with its weights, or with those of a file.

    Raises
    ------
    ValueError
        If it cannot be copied, does not take one image per row, or the weights do not fit.
    """
    if len(getattr(model, "inputs", None) or ()) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(
            "model__backbone must have one input of images, of shape (n, height, width, channels); "
            f"got a {type(model).__name__} with {_input_shapes(model)}."
        )
    if len(model.outputs) != 1:
        raise ValueError(
            f"model__backbone must have one output; got a {type(model).__name__} with "
            f"{len(model.outputs)}. Pass keras.Model(model.inputs, model.outputs[0]), say."
        )
    try:
        twin = keras.models.clone_model(model)
        twin.set_weights(model.get_weights())
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise ValueError(
            f"model__backbone cannot be copied for the fit, as each fit needs a fresh one: {error}"
        ) from error
    if weights is not None:
        load_weights(twin, weights)
    return twin


def load_weights(network: keras.Model, weights: Any) -> None:
    """Load weights from a file.

    Raises
    ------
    ValueError
        If there is no such file, or its weights do not fit.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            f"model__weights must be None, 'imagenet' or the path of a file; got {weights!r}."
        )
    path = Path(weights)
    if not path.is_file():
        raise ValueError(
            f"model__weights must be None, 'imagenet' or the path of a file; there is no file "
            f"{str(path)!r}."
        )
    try:
        with warnings.catch_warnings():
            # Keras' word for layers that are not in the file, and keep their random weights.
            warnings.filterwarnings("error", message="Skipping nested container")
            network.load_weights(path)
    except (ValueError, TypeError, OSError, KeyError, IndexError, UserWarning) as error:
        raise ValueError(
            f"model__weights: the file {path.name!r} does not fit the backbone {network.name!r}: "
            f"{_in_short(error)} It must hold the weights of the same network without its last "
            "layers (include_top=False), built with the same model__backbone_options, in a file "
            "that Keras wrote (.weights.h5, .h5 or .keras)."
        ) from error


def _in_short(error: Exception) -> str:
    """Return the first words of an error; some versions of Keras add all numbers of a weight."""
    message = " ".join(str(error).split())
    return message if len(message) <= _LONGEST_REASON else f"{message[:_LONGEST_REASON]} ..."


def _check_options(
    name: str, application: Callable[..., keras.Model], options: Mapping[str, Any]
) -> None:
    if not isinstance(options, Mapping):
        raise ValueError(
            f"model__backbone_options must be a dict of arguments of the backbone; got {options!r}."
        )
    parameters = inspect.signature(application).parameters
    legal = [key for key in parameters if key not in _SETTLED]
    for key in options:
        if key in _SETTLED:
            raise ValueError(
                f"model__backbone_options must not have {key!r}, which is settled by other "
                "parameters of the network."
            )
        if key not in legal:
            raise ValueError(
                f"model__backbone_options has {key!r}, which {name} does not take. "
                f"{nearest_names(str(key), legal)}"
            )


def _no_download(name: str, message: str) -> ValueError:
    """Return the error for weights that Keras could not download, with the file to get instead."""
    url = message.partition("URL fetch failure on ")[2].partition(": ")[0]
    file = url.rpartition("/")[2]
    return ValueError(
        f"model__weights='imagenet' needs the file {file!r} for {name}, and Keras could not "
        f"download it ({message}). Download {url} where there is a connection, and pass the path "
        f"of the file as model__weights, or put it into {_models_folder()}."
    )


def _models_folder() -> str:
    """Return where Keras looks for weights that it has downloaded before."""
    home = os.environ.get("KERAS_HOME") or str(Path.home() / ".keras")
    return str(Path(home) / "models")


def _module_of(function: Any) -> str:
    return str(getattr(function, "__module__", "")).rpartition(".")[2]


def _input_shapes(model: keras.Model) -> str:
    inputs = getattr(model, "inputs", None) or ()
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in inputs)
    return f"inputs of shape {shapes}" if shapes else "no known inputs"
