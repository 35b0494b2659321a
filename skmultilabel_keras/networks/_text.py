"""Networks for texts: rows that are strings.

Owns: the ``text`` network, and what says that a network takes text.
Does not own: layers (``_text_layers``), what a word is (``_tensorflow.words``), checks of strings
and files of word vectors (``_documents``), which names networks go by (the package itself).

A network for text is two things in a row: a :class:`TextEncoder`, which holds the vocabulary, and a
network that starts from the numbers of words. The fitted ``model_`` is both, so that it takes
strings and is saved whole. The encoder has nothing to train, and strings cannot be kept where
compiled training needs its rows; so the estimator asks it for all numbers once per fit and once per
prediction (``TextEncoder.prepare``), and compiles and trains the second part. That part has no
vocabulary in it, only its size, rounded up: the folds of a search, whose vocabularies differ, share
one compiled function. Ways that were left: a ``keras.layers.TextVectorization`` inside the trained
network, which would cut up the same texts in each epoch; and a vocabulary kept beside the network,
which ``model_.save`` would lose.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from skmultilabel_keras._documents import read_vectors
from skmultilabel_keras._tensorflow.words import N_RESERVED
from skmultilabel_keras.networks._checks import (
    check_choice,
    check_counts,
    check_dense,
    check_flags,
    check_sizes,
)
from skmultilabel_keras.networks._dense import dense_head
from skmultilabel_keras.networks._text_layers import (
    AttentionPooling,
    MaxOverText,
    TextEncoder,
    WordVectors,
)

_POOLINGS = ("tfidf", "average", "attention", "convolution")

_Function = TypeVar("_Function", bound=Callable[..., Any])


def takes_text(function: _Function) -> _Function:
    """Declare that a model function takes text, as a decorator.

    ``X`` of an estimator with this function is then a list, 1-D array or Series of strings.

    Parameters
    ----------
    function : callable
        A function ``(meta, ...) -> keras.Model``. Its network must be a :class:`TextEncoder` and a
        network behind it.

    Returns
    -------
    callable
        The function.

    Examples
    --------
    >>> @takes_text
    ... def build(meta, dim=8):
    ...     encoder = TextEncoder.learn(meta, max_tokens=1000, max_length=50)
    ...     words = keras.Input((encoder.row_length,), dtype="int32")
    ...     vectors = WordVectors(encoder.table_length, dim, pooling="average")(words)
    ...     network = keras.Model(words, keras.layers.Dense(meta["n_units_"])(vectors))
    ...     texts = keras.Input((), dtype="string")
    ...     return keras.Model(texts, network(encoder(texts)))
    >>> build({"documents_": ["a cat", "a dog"], "n_units_": 2}).output_shape
    (None, 2)
    """
    setattr(function, "takes_text", True)  # noqa: B010 - functions have no such attribute for mypy
    return function


def reads_text(model: Any) -> bool:
    """Tell whether a model function is declared to take text, or a Keras model has such an input.

    Examples
    --------
    >>> reads_text(text), reads_text(lambda meta: None)
    (True, False)
    """
    if isinstance(model, keras.Model):
        inputs = getattr(model, "inputs", None) or []
        return any(keras.backend.standardize_dtype(entry.dtype) == "string" for entry in inputs)
    while isinstance(model, functools.partial):
        model = model.func
    return bool(getattr(model, "takes_text", False))


@takes_text
def text(
    meta: Mapping[str, Any],
    *,
    pooling: str = "tfidf",
    max_tokens: int = 20_000,
    min_count: int = 1,
    max_length: int = 256,
    ngrams: int = 1,
    embedding_dim: int = 128,
    vectors: Any = None,
    trainable_vectors: bool = True,
    filters: int = 64,
    kernel_sizes: Sequence[int] = (3, 4, 5),
    hidden_layer_sizes: Sequence[int] = (),
    activation: Any = "relu",
    dropout: float = 0.5,
    prior_bias: bool = True,
) -> keras.Model:
    """Network for texts: vectors of words, what is made of those of a text, dense layers.

    ``X`` is a list, 1-D array or Series of strings. The vocabulary is that of the training rows
    (those with a weight above zero, and those set aside by ``validation_split``). Its counts and
    inverse document frequencies take each of them once, whatever the weight: they are numbers of
    texts, which weights without a unit cannot give. A word is a run of letters, digits and marks,
    in lower case. A text without words, an empty one say, is as good as no information: it gets the
    same prediction as any other such text.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    pooling : {"tfidf", "average", "attention", "convolution"}, default="tfidf"
        What becomes of the vectors of a text. "tfidf" is their sum, with the weights of
        ``TfidfVectorizer(sublinear_tf=True)``, through ``activation``: all in all a hidden layer
        with ``embedding_dim`` units on those features. "average" is their mean, "attention" a mean
        with weights that are learnt, see :class:`AttentionPooling`, and "convolution", for each of
        ``filters`` one-dimensional convolutions of each size, the largest value in the text, if it
        is above zero.
    max_tokens : int, default=20000
        Words and n-grams that have a vector, the most frequent ones, with one vector for all other
        words and one for none.
    min_count : int, default=1
        Occurrences that a word or n-gram needs.
    max_length : int, default=256
        Words of a text that count: the first ones. Attention and convolutions take time and
        memory for each, also in shorter texts; for the others what counts is the longest text.
    ngrams : int, default=1
        Longest sequence of neighbouring words that has a vector. 1 for convolutions, which look at
        neighbours themselves.
    embedding_dim : int, default=128
        Length of the vectors.
    vectors : str or path, default=None
        Text file with vectors of words to start from, as GloVe and word2vec write them: a word and
        ``embedding_dim`` numbers in each line, in lower case; compressed where its name ends in
        ".gz". Words that are not in it start at small random vectors, or at zero where vectors are
        not trained.
    trainable_vectors : bool, default=True
        Whether vectors are trained.
    filters : int, default=64
        Convolutions of each kernel size.
    kernel_sizes : sequence of int, default=(3, 4, 5)
        Words that a convolution looks at together.
    hidden_layer_sizes : sequence of int, default=()
        Units of each hidden layer; empty for none.
    activation : str or callable, default="relu"
        Activation of the hidden layers, one of Keras' names.
    dropout : float, default=0.5
        Share of what each dense layer gets that is dropped in each training step, in [0, 1).
    prior_bias : bool, default=True
        Whether the biases of the outputs start at the logits of the label priors, see
        :class:`LabelPrior`, or at zero.

    Returns
    -------
    keras.Model
        Network from strings to logits of shape ``(n_samples, meta["n_units_"])``.

    Raises
    ------
    ValueError
        For a parameter out of range, a file of vectors that cannot be read, or training texts
        without words.

    References
    ----------
    Joulin, Grave, Bojanowski, Mikolov, "Bag of Tricks for Efficient Text Classification", 2016.
    Kim, "Convolutional Neural Networks for Sentence Classification", 2014.

    Examples
    --------
    >>> meta = {"documents_": ["a cat", "a dog"], "n_units_": 3}
    >>> network = text(meta, embedding_dim=4)
    >>> network.output_shape, network.get_layer("encoder").vocabulary
    ((None, 3), ('a', 'cat', 'dog'))
    """
    check_counts(max_length=max_length, min_count=min_count, ngrams=ngrams)
    check_counts(embedding_dim=embedding_dim, filters=filters)
    check_counts(max_tokens=max_tokens, at_least=N_RESERVED + 1)
    check_sizes("kernel_sizes", kernel_sizes)
    check_flags(trainable_vectors=trainable_vectors)
    activation = check_dense(hidden_layer_sizes, activation, dropout, prior_bias)
    _check_pooling(pooling, ngrams, kernel_sizes)
    sums_words = pooling in ("average", "tfidf")
    encoder = TextEncoder.learn(
        meta,
        max_tokens=max_tokens,
        min_count=min_count,
        max_length=max_length,
        ngrams=ngrams,
        fixed_length=not sums_words,
    )
    words = keras.Input((encoder.row_length,), dtype="int32", name="words")
    table = WordVectors(
        encoder.table_length,
        embedding_dim,
        pooling=pooling if sums_words else None,
        trainable=trainable_vectors,
        name="vectors",
    )
    x = table(words)
    if meta.get("vocabulary_") is None:  # else the values of all variables are at hand
        _set_table(table, encoder, vectors)
    if pooling == "attention":
        x = AttentionPooling(embedding_dim, name="pooling")([x, words])
    elif pooling == "convolution":
        x = _convolve(x, words, int(filters), kernel_sizes)
    elif pooling == "tfidf":
        x = keras.layers.Activation(activation)(x)
    outputs = dense_head(
        x,
        meta,
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        dropout=dropout,
        prior_bias=prior_bias,
    )
    network = keras.Model(words, outputs, name="network")
    texts = keras.Input((), dtype="string", name="texts")
    return keras.Model(texts, network(encoder(texts)))


def _check_pooling(pooling: Any, ngrams: int, kernel_sizes: Sequence[int]) -> None:
    check_choice("pooling", pooling, _POOLINGS)
    if pooling == "convolution" and ngrams > 1:
        raise ValueError(
            "model__ngrams must be 1 for model__pooling='convolution', whose kernels look at "
            f"neighbouring words themselves; got {ngrams}."
        )
    if pooling == "convolution" and not len(kernel_sizes):
        raise ValueError(
            "model__kernel_sizes must hold a number for model__pooling='convolution'; got none."
        )


def _convolve(x: Any, words: Any, filters: int, kernel_sizes: Sequence[int]) -> Any:
    """Return the largest value of each convolution in a text."""
    found = [
        MaxOverText()([keras.layers.Conv1D(filters, int(size), padding="same")(x), words])
        for size in kernel_sizes
    ]
    return keras.layers.Concatenate()(found) if len(found) > 1 else found[0]


def _set_table(table: WordVectors, encoder: TextEncoder, path: Any) -> None:
    """Put what is known of the words into a table: how rare they are, vectors from a file."""
    if table.pooling == "tfidf":
        table.idf.assign(encoder.idf)
    if path is None:
        return
    places = {word: number for number, word in enumerate(encoder.vocabulary, start=N_RESERVED)}
    found, rows = read_vectors(path, places, table.dim)
    values = table.vectors.numpy() if table.trainable else np.zeros(table.vectors.shape)
    values[rows] = found
    table.vectors.assign(values)
