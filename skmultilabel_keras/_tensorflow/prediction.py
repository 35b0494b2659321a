"""The prediction loop: outputs for any number of rows, in batches of bounded size.

Owns: how rows are cut and outputs are put together.
Does not own: the reading of outputs (``_heads``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._keras_objects import has_hooks
from skmultilabel_keras._tensorflow.functions import NetworkFunctions

_HOOKS = (
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
)


def in_predictions(
    callbacks: Iterable[keras.callbacks.Callback],
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that look at predictions; those of training alone would slow them.

    A fitted network has the averages of its weights already, so ``SwapEMAWeights`` has nothing to
    do here. It would never undo its swap, and mistake weights for averages in the next fit.
    """
    swaps = keras.callbacks.SwapEMAWeights
    return [c for c in callbacks if has_hooks(c, _HOOKS) and not isinstance(c, swaps)]


def predict_outputs(
    functions: NetworkFunctions,
    X: Any,
    n_units: int,
    *,
    batch_size: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = 0,
) -> np.ndarray:
    """Return the network's outputs.

    Parameters
    ----------
    functions : NetworkFunctions
        The fitted network.
    X : ndarray or CSR of shape (n_samples, ...)
        Checked features.
    n_units : int
        Number of outputs.
    batch_size : int or None, default=None
        Rows at a time; -1 for all at once, None for as many as are fast in bounded memory.
    callbacks : sequence of keras.callbacks.Callback, default=()
        Their prediction hooks are called.
    verbose : int or "auto", default=0
        0 for no progress bar.

    Returns
    -------
    ndarray of shape (n_samples, n_units)
        float32, an array of its own.
    """
    forward = None if callbacks or verbose else functions.forward
    if forward is not None:
        return forward.outputs(X, batch_size)
    n_samples = X.shape[0]
    size = functions.batch_length(X) if batch_size is None else batch_size
    if size == -1:
        size = max(1, n_samples)
    starts = range(0, n_samples, size)
    progress = keras.callbacks.CallbackList(
        list(callbacks),
        add_progbar=verbose not in (0, False),
        verbose=1 if verbose == "auto" else int(verbose),
        model=functions.model if callbacks or verbose else None,
        epochs=1,
        steps=len(starts),
    )
    outputs = np.empty((n_samples, n_units), dtype=np.float32)
    progress.on_predict_begin()
    for number, start in enumerate(starts):
        progress.on_predict_batch_begin(number)
        rows = slice(start, start + size)
        outputs[rows] = functions.predict(functions.take(X, rows))
        progress.on_predict_batch_end(number, {"outputs": outputs[rows]})
    progress.on_predict_end()
    return outputs
