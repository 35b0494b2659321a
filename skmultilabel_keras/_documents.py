"""Rows that are texts: checks of the strings, and the file format of word vectors.

Owns: which containers of strings are taken, one clear error for each kind of bad text, vectors of
words read from a file.
Does not own: words (``_tensorflow.words``), vocabularies and networks (``networks``).
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from scipy import sparse

from skmultilabel_keras._validation import dtype_kind, is_missing

_LOOKED_AT = 10  # as some may be of another kind, of which check_documents speaks

_FITTED_ON_ROWS = ("n_features_in_", "feature_names_in_")


def check_documents(estimator: Any, X: Any, *, reset: bool, min_samples: int = 0) -> np.ndarray:
    """Check rows that are texts.

    Parameters
    ----------
    estimator : object
        Where ``reset`` is True, it gets ``X_shape_`` and loses what an earlier fit on features
        left: texts have neither a number of features nor names of them.
    X : list, tuple, 1-D ndarray or Series of str, length n_samples
        The texts; empty ones are allowed.
    reset : bool
        True in ``fit``, False afterwards.
    min_samples : int, default=0
        Texts that there must be: 1 for training.

    Returns
    -------
    ndarray of object, shape (n_samples,)

    Raises
    ------
    ValueError
        For anything else, naming the first row that is no string.
    """
    texts = _as_array(X)
    if len(texts) < min_samples:
        raise ValueError(
            f"Found array with {len(texts)} sample(s) (shape={texts.shape}) while a minimum of "
            f"{min_samples} is required."
        )
    _reject_non_strings(texts)
    _reject_unencodable(texts)
    if reset:
        for name in _FITTED_ON_ROWS:
            vars(estimator).pop(name, None)
        estimator.X_shape_ = texts.shape
    return texts


def holds_texts(X: Any) -> bool:
    """Tell whether rows are texts, by their container and the first ten that are not missing.

    Examples
    --------
    >>> holds_texts(["a text", "another"]), holds_texts([["a", "b"]]), holds_texts([0.5])
    (True, False, False)
    """
    one_d = len(X.shape) == 1 if hasattr(X, "shape") else isinstance(X, (list, tuple))
    if not one_d or sparse.issparse(X):
        return False
    if getattr(X, "dtype", None) is not None and dtype_kind(X.dtype) in "biufcmM":
        return False
    present = (value for value in X if not (isinstance(value, float) or is_missing(value)))
    return any(isinstance(value, str) for value in islice(present, _LOOKED_AT))


def read_vectors(path: Any, places: Mapping[str, int], dim: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Read the vectors of some words from a text file, as GloVe and word2vec write them.

    Parameters
    ----------
    path : str or path-like
        File in UTF-8, a word and its numbers in each line, separated by spaces; compressed where
        its name ends in ".gz". A first line of two integers, as word2vec writes it, is skipped.
    places : mapping of str to int
        The words wanted, and their rows in the result.
    dim : int
        Numbers of each word.

    Returns
    -------
    vectors : ndarray of float32, shape (n_found, dim)
    rows : ndarray of int, shape (n_found,)
        The rows of the words that are in the file, each once.

    Raises
    ------
    ValueError
        If there is no such file, if a line has other than ``dim`` numbers, or if none of the words
        is in it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "vectors.txt"
    ...     _ = path.write_text("the 0.1 0.2\ncat 0.3 0.4\n")
    ...     read_vectors(path, {"cat": 5, "dog": 6}, 2)
    (array([[0.3, 0.4]], dtype=float32), array([5]))
    """
    found: dict[int, np.ndarray] = {}
    with _open_text(path) as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip().partition(" ")
            if number == 1:
                if _is_header(word, numbers):
                    _check_length(path, number, int(numbers), dim)
                    continue
                _parse(path, number, numbers, dim)  # whatever the word, the file must fit
            row = places.get(word)
            if row is None or row in found or (number > 1 and numbers.count(" ") >= dim):
                continue  # the last: a word with spaces, of which this is the start
            found[row] = _parse(path, number, numbers, dim)
    if not found:
        raise ValueError(
            f"model__vectors must be a file with vectors for words of X; none of the {len(places)} "
            f"words is in {str(path)!r}. Words of X are in lower case."
        )
    return np.stack(list(found.values())), np.array(list(found))


def _as_array(X: Any) -> np.ndarray:
    """Return texts as an object array of one dimension."""
    wanted = "X must be a list, 1-D array or Series of strings, as the network takes text"
    if isinstance(X, (str, bytes)):
        raise ValueError(f"{wanted}; got one string, {X!r}. Pass a list, [X].")
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError("X is a masked array with missing texts. Fill them in, with '' say.")
    if isinstance(X, (list, tuple)):
        return np.fromiter(X, dtype=object, count=len(X))
    shape = getattr(X, "shape", None)
    if shape is None or len(shape) != 1:
        kind = type(X).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")
        raise ValueError(f"{wanted}; got {kind}. Pass one column of a table, X['text'] say.")
    return np.asarray(X, dtype=object)


def _reject_non_strings(texts: np.ndarray) -> None:
    if all(issubclass(kind, str) for kind in set(map(type, texts))):
        return
    row, text = next((i, text) for i, text in enumerate(texts) if not isinstance(text, str))
    remedy = "Decode it before." if isinstance(text, bytes) else "Write '' where a text is missing."
    raise ValueError(
        f"X must hold strings, as the network takes text; got {text!r}, of type "
        f"{type(text).__name__}, in row {row}. {remedy}"
    )


def _reject_unencodable(texts: np.ndarray) -> None:
    """Raise for halves of characters, which come from text that was decoded with errors."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        row = next(i for i, text in enumerate(texts) if not _is_encodable(text))
        raise ValueError(
            f"X must hold text that UTF-8 can encode; row {row} holds a surrogate, half of a "
            "character. Replace it, by text.encode(errors='replace').decode() say."
        ) from None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _open_text(path: Any) -> Iterator[TextIO]:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"model__vectors must be the path of a text file; got {path!r}.")
    opener: Any = gzip.open if Path(path).suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="\n") as file:
            yield file
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(
            f"model__vectors must be a text file in UTF-8 with a word and its vector in each line; "
            f"{str(path)!r} cannot be read: {error}"
        ) from error


def _is_header(word: str, numbers: str) -> bool:
    """Tell whether a first line is word2vec's: how many words there are, and numbers of each."""
    return word.isdecimal() and numbers.isdecimal()


def _check_length(path: Any, line: int, length: int, dim: int) -> None:
    if length != dim:
        raise ValueError(
            f"model__vectors must be a file with model__embedding_dim={dim} numbers behind each "
            f"word; line {line} of {str(path)!r} has {length}."
        )


def _parse(path: Any, line: int, numbers: str, dim: int) -> np.ndarray:
    found = numbers.split()
    _check_length(path, line, len(found), dim)
    try:
        vector = np.array(found, dtype=np.float32)
    except ValueError:
        vector = np.full(dim, np.nan, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(
            f"model__vectors must be a file with finite numbers behind each word; line {line} of "
            f"{str(path)!r} has {numbers[:40]!r}."
        )
    return vector
