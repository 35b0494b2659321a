"""Layers of networks for texts, for any Keras model to use.

Owns: the layer that makes numbers of strings, and its vocabulary; vectors of words; the layers that
make one vector of those of a text.
Does not own: what a word is (``_tensorflow.words``), networks (``_text``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from skmultilabel_keras._tensorflow.words import (
    N_RESERVED,
    PADDING,
    Counts,
    count_words,
    encode_texts,
    find_no_words,
    mean_vectors,
    row_length,
    sort_vocabulary,
    tfidf_vectors,
)
from skmultilabel_keras.networks._checks import check_choice, check_counts

# Texts whose words are in memory at once.
_TEXTS_AT_ONCE = 4096

# Numbers of a text below which rows are not cut: compiled functions serve rows of one width, and
# powers of two from here on are few.
_LEAST_WIDTH = 256

# Ways to make one vector of those of a text, None for neither.
_SUMS = (None, "average", "tfidf")

# What takes the place of scores that do not count; float16 can hold it.
_VERY_SMALL = -3e4

_register = keras.saving.register_keras_serializable("skmultilabel_keras")


@_register
class TextEncoder(keras.layers.Layer):
    """The numbers of the words of each text.

    A word is a run of letters, digits and marks of any script, in lower case. 0 stands for none, 1
    for a word that is not in the vocabulary, 2 for its first word, and so on.

    Parameters
    ----------
    vocabulary : sequence of str
        Words, and sequences of neighbouring words with a space between.
    max_length : int, default=256
        Words of a text that count: the first ones.
    ngrams : int, default=1
        Longest sequence of neighbouring words that may be in the vocabulary. The numbers of a text
        are those of its words, then those of its pairs that are known, and so on.
    max_tokens : int, default=None
        Numbers that there are at most, the two that stand for no word included; None for as many as
        there are words.
    fixed_length : bool, default=True
        Whether rows are as long as a text can be. If not, they go no further than the longest text
        that is there, some more zeros aside, which takes less time and memory. The network behind
        then has to take rows of any length, and must not see how many zeros are at their ends.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        For a parameter out of range, a vocabulary that is longer than ``max_tokens`` allows, or
        words in it that no text can have: in upper case, say.

    Examples
    --------
    >>> encoder = TextEncoder(["cat", "the", "the cat"], max_length=4, ngrams=2)
    >>> encoder.prepare(["The cat's", "", "The dog; the cat, THE cat!"]).tolist()
    [[3, 2, 1, 4, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [3, 1, 3, 2, 4, 0, 0]]
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        max_length: int = 256,
        ngrams: int = 1,
        max_tokens: int | None = None,
        fixed_length: bool = True,
        **kwargs: Any,
    ) -> None:
        check_counts(max_length=max_length, ngrams=ngrams, prefix="")
        _check_vocabulary(vocabulary, ngrams, max_tokens)
        super().__init__(**kwargs)
        self.vocabulary = tuple(vocabulary)
        self.max_length = int(max_length)
        self.ngrams = int(ngrams)
        self.max_tokens = max_tokens
        self.fixed_length = bool(fixed_length)
        self._hashes, self._numbers = sort_vocabulary(self.vocabulary)
        self._frequencies: np.ndarray | None = None
        self.built = True

    @classmethod
    def learn(
        cls,
        meta: Mapping[str, Any],
        *,
        max_tokens: int = 20_000,
        min_count: int = 1,
        max_length: int = 256,
        ngrams: int = 1,
        fixed_length: bool = True,
    ) -> TextEncoder:
        """Return an encoder with the vocabulary of the training texts.

        Parameters
        ----------
        meta : mapping
            What a model function gets: the texts are ``meta["documents_"]``. Where a fitted
            estimator is put together again, ``meta["vocabulary_"]`` is the vocabulary it had.
        max_tokens : int, default=20000
            Numbers that there are at most, the two that stand for no word included. The most
            frequent words are kept; of equally frequent ones the first in alphabetical order.
        min_count : int, default=1
            Occurrences that a word needs.
        max_length, ngrams : int
            As in the constructor.
        fixed_length : bool
            As in the constructor.

        Raises
        ------
        ValueError
            If no word occurs as often, or for a parameter out of range.

        Examples
        --------
        >>> meta = {"documents_": ["a cat, a dog", "a cow"]}
        >>> TextEncoder.learn(meta, max_tokens=4).vocabulary
        ('a', 'cat')
        """
        check_counts(max_length=max_length, ngrams=ngrams, min_count=min_count, prefix="")
        check_counts(max_tokens=max_tokens, at_least=N_RESERVED + 1, prefix="")
        vocabulary = meta.get("vocabulary_")
        if vocabulary is None:
            counts = _count_all(meta["documents_"], max_length, ngrams)
            kept = _most_frequent(counts, max_tokens - N_RESERVED, min_count)
            vocabulary = [word.decode() for word in counts.words[kept]]
        encoder = cls(
            vocabulary,
            max_length=max_length,
            ngrams=ngrams,
            max_tokens=max_tokens,
            fixed_length=fixed_length,
            name="encoder",
        )
        if meta.get("vocabulary_") is None:
            encoder._frequencies = (1 + counts.texts[kept]) / (1 + len(meta["documents_"]))
        return encoder

    @property
    def idf(self) -> np.ndarray | None:
        """Inverse document frequencies of an encoder that has just learnt, None of any other.

        float32 of shape (table_length,): ``1 - log((1 + n_texts_with_it) / (1 + n_texts))``, as
        scikit-learn's ``TfidfTransformer`` has it; 0 for the numbers that stand for no word.
        """
        if self._frequencies is None:
            return None
        values = np.zeros(self.table_length, dtype=np.float32)
        values[N_RESERVED : N_RESERVED + len(self.vocabulary)] = 1 - np.log(self._frequencies)
        return values

    @property
    def row_length(self) -> int | None:
        """Numbers of a text, None where they are not fixed: the length of a network's input."""
        return row_length(self.max_length, self.ngrams) if self.fixed_length else None

    @property
    def table_length(self) -> int:
        """Rows for a table with one row for each number.

        A power of two, unless ``max_tokens`` is less, so that networks with vocabularies of about
        the same size can share compiled functions.
        """
        needed = len(self.vocabulary) + N_RESERVED
        rounded = 2 ** (needed - 1).bit_length()
        return needed if self.max_tokens is None else min(rounded, self.max_tokens)

    def prepare(self, X: Sequence[str]) -> np.ndarray:
        """Return the numbers of texts, int32 of shape (n_samples, row_length).

        Where ``row_length`` is None, rows have the length of the longest text, rounded up.
        """
        rows = np.zeros((len(X), self._width(0)), dtype=np.int32)
        for start in range(0, len(X), _TEXTS_AT_ONCE):
            block = self.call(X[start : start + _TEXTS_AT_ONCE])
            n_rows, width = block.shape
            if width > rows.shape[1]:
                rows = np.pad(rows, [(0, 0), (0, self._width(width) - rows.shape[1])])
            rows[start : start + n_rows, :width] = block
        return rows

    def _width(self, longest: int) -> int:
        """Return the length of rows that hold so many numbers, one of few lengths."""
        most = row_length(self.max_length, self.ngrams)
        if self.fixed_length:
            return most
        return min(most, max(_LEAST_WIDTH, 2 ** (longest - 1).bit_length()))

    def call(self, inputs: Any) -> Any:
        """Return the numbers of a batch of texts."""
        return encode_texts(
            inputs,
            self._hashes,
            self._numbers,
            max_length=self.max_length,
            n_grams=self.ngrams,
            width=self.row_length,
        )

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the numbers."""
        return keras.KerasTensor((inputs.shape[0], self.row_length), "int32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("max_length", "ngrams", "max_tokens", "fixed_length")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "vocabulary": list(self.vocabulary), **own}


@_register
class WordVectors(keras.layers.Layer):
    """A trained vector for each number of a word, or one vector for those of a text.

    Parameters
    ----------
    n_words : int
        Numbers that there are, 0 for none included.
    dim : int
        Length of a vector.
    pooling : {"average", "tfidf"} or None, default=None
        What becomes of the vectors of a text: their mean; their sum, weighted by TF-IDF; or all of
        them are given back. The first two are zero for a text without words, and take far less
        time and memory than all vectors.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        For numbers that are no integers of at least 1, and another pooling.

    Attributes
    ----------
    idf : keras.Variable of shape (n_words,)
        Inverse document frequencies for "tfidf", ones until they are set. Not trained.

    Notes
    -----
    Unlike those of ``keras.layers.Embedding``, gradients are dense: Keras' optimizers, Adam among
    them, would make them dense anyway, but square them before the parts of a word that stands
    several times in a batch are summed.

    Examples
    --------
    >>> import numpy as np
    >>> layer = WordVectors(4, 2)
    >>> layer(np.array([[1, 3, 0]])).shape
    TensorShape([1, 3, 2])
    >>> bool((layer(np.array([[1, 3, 0]]))[0, 2].numpy() == 0).all())
    True
    """

    def __init__(
        self, n_words: int, dim: int, *, pooling: str | None = None, **kwargs: Any
    ) -> None:
        check_counts(n_words=n_words, dim=dim, prefix="")
        check_choice("pooling", pooling, _SUMS, prefix="")
        super().__init__(**kwargs)
        self.n_words = int(n_words)
        self.dim = int(dim)
        self.pooling = pooling

    @property
    def sums_words(self) -> bool:
        """Whether there is one vector for each text, which XLA cannot compute."""
        return self.pooling is not None

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the vectors, small random ones."""
        self.vectors = self.add_weight(
            name="vectors", shape=(self.n_words, self.dim), initializer="uniform"
        )
        if self.pooling == "tfidf":
            self.idf = self.add_weight(
                name="idf", shape=(self.n_words,), initializer="ones", trainable=False
            )

    def call(self, rows: Any) -> Any:
        """Return vectors of shape (n, length, dim), or one for each text, shape (n, dim)."""
        if self.pooling == "average":
            return mean_vectors(ops.convert_to_tensor(self.vectors), rows)
        if self.pooling == "tfidf":
            vectors, idf = map(ops.convert_to_tensor, (self.vectors, self.idf))
            return tfidf_vectors(vectors, idf, rows)
        is_word = ops.cast(ops.arange(self.n_words) != PADDING, self.compute_dtype)
        return ops.take(self.vectors * is_word[:, None], rows, axis=0)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the vectors."""
        kept = input_shape[:1] if self.pooling else input_shape
        return (*kept, self.dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("n_words", "dim", "pooling")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@_register
class AttentionPooling(keras.layers.Layer):
    """Weighted mean of the vectors of a text, with weights that are learnt.

    The weight of a vector is the softmax, over the text, of ``u @ tanh(W @ vector + b)``; zeros for
    a text without words.

    Source: Yang, Yang, Dyer, He, Smola, Hovy, "Hierarchical Attention Networks for Document
    Classification", 2016.

    Parameters
    ----------
    units : int
        Rows of ``W``.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = AttentionPooling(4)
    >>> layer([np.ones((2, 3, 5)), np.array([[1, 1, 0], [0, 0, 0]])]).numpy().tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        check_counts(units=units, prefix="")
        super().__init__(**kwargs)
        self.units = int(units)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Create the weights."""
        dim = input_shape[0][-1]
        self.kernel = self.add_weight(name="kernel", shape=(dim, self.units))
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.query = self.add_weight(name="query", shape=(self.units, 1))

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the means, for vectors (n, length, dim) and numbers of words (n, length)."""
        vectors, rows = inputs
        is_word = ops.not_equal(rows, PADDING)[..., None]
        scores = ops.matmul(ops.tanh(ops.matmul(vectors, self.kernel) + self.bias), self.query)
        weights = ops.softmax(ops.where(is_word, scores, _VERY_SMALL), axis=1)
        return ops.sum(weights * ops.cast(is_word, weights.dtype) * vectors, axis=1)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the means."""
        return (input_shape[0][0], input_shape[0][-1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@_register
class MaxOverText(keras.layers.Layer):
    """The largest of each number over the words of a text, at least zero.

    Parameters
    ----------
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.array([[[1.0, -2.0], [3.0, -1.0], [9.0, 9.0]]])
    >>> MaxOverText()([features, np.array([[7, 8, 0]])]).numpy().tolist()
    [[3.0, 0.0]]
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return maxima, for features (n, length, units) and numbers of words (n, length)."""
        features, rows = inputs
        is_word = ops.cast(ops.not_equal(rows, PADDING)[..., None], features.dtype)
        return ops.max(ops.relu(features) * is_word, axis=1)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the maxima."""
        return (input_shape[0][0], input_shape[0][-1])


def _check_vocabulary(vocabulary: Sequence[str], ngrams: int, max_tokens: int | None) -> None:
    """Raise unless these are words as texts are cut up, no more than there are numbers for."""
    if max_tokens is not None:
        check_counts(max_tokens=max_tokens, at_least=N_RESERVED + 1, prefix="")
        if len(vocabulary) > max_tokens - N_RESERVED:
            raise ValueError(
                f"vocabulary must hold at most {max_tokens - N_RESERVED} words for "
                f"max_tokens={max_tokens}, two of which stand for no word; got {len(vocabulary)}."
            )
    if isinstance(vocabulary, str) or not all(isinstance(word, str) for word in vocabulary):
        raise ValueError(f"vocabulary must be a sequence of strings; got {vocabulary!r}.")
    strange = find_no_words(vocabulary, ngrams)
    if strange:
        raise ValueError(
            "vocabulary must hold words as TextEncoder cuts them out of texts: letters, digits and "
            f"marks in lower case, or sequences of at most ngrams={ngrams} of them with a space "
            f"between; got {strange[0]!r}."
        )


def _count_all(documents: Sequence[str], max_length: int, ngrams: int) -> Counts:
    """Count words and sequences of them, some texts at a time."""
    starts = range(0, len(documents), _TEXTS_AT_ONCE)
    blocks = (documents[start : start + _TEXTS_AT_ONCE] for start in starts)
    return Counts.sum([count_words(block, max_length, ngrams) for block in blocks])


def _most_frequent(counts: Counts, n_words: int, min_count: int) -> np.ndarray:
    """Return places of words, the most frequent first, then in alphabetical order."""
    kept = np.flatnonzero(counts.occurrences >= min_count)
    if not len(kept):
        raise ValueError(
            f"X must hold words that occur model__min_count={min_count} times or more; the most "
            f"frequent one of these texts occurs {counts.occurrences.max(initial=0)} times."
        )
    if len(kept) > n_words:  # so that fewer have to be sorted
        enough = np.partition(counts.occurrences[kept], -n_words)[-n_words]
        kept = kept[counts.occurrences[kept] >= enough]
    # Sorted by words first, which keeps them in order where they are equally frequent.
    kept = kept[np.argsort(counts.words[kept], kind="stable")]
    return kept[np.argsort(-counts.occurrences[kept], kind="stable")][:n_words]
