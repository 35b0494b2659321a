"""Words of texts, as tensors: where they begin and end, their numbers, means over them.

Owns: what a word is, n-grams, counts of them, the search in a vocabulary, means and weighted sums
of the vectors of a text.
Does not own: which words make a vocabulary, layers (``networks``).

All are operations of TensorFlow, so that a network which takes strings does in its graph just what
a fit does once before training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Letters of any script, marks on them, digits: RE2's \w is ASCII.
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"

# Words are searched by a hash of 63 bits, which needs no table with a life of its own. That two of
# some 1e5 words share one has a probability of 1e-9.
_LARGEST = int(np.iinfo(np.int64).max)

# Numbers that no word has.
PADDING, UNKNOWN = 0, 1
N_RESERVED = 2


def split_words(texts: Any, max_length: int) -> Any:
    """Return the first words of each text, in lower case.

    Parameters
    ----------
    texts : string tensor of shape (n,)
        In UTF-8.
    max_length : int
        Words of a text that are kept.

    Returns
    -------
    RaggedTensor of strings, shape (n, None)
    """
    # In this order: the change to lower case ends at a null character.
    words = tf.strings.regex_replace(texts, _BETWEEN_WORDS, " ")
    return tf.strings.split(tf.strings.lower(words, encoding="utf-8"))[:, :max_length]


def join_neighbours(words: Any, n_words: int) -> Any:
    """Return every sequence of ``n_words`` neighbours of a text as one string."""
    return tf.strings.ngrams(words, n_words, separator=" ")


def hash_words(words: Any) -> Any:
    """Return int64 numbers of words by which they are searched, below the largest of its kind."""
    return tf.strings.to_hash_bucket_fast(words, _LARGEST)


def find_no_words(vocabulary: Sequence[str], n_grams: int) -> list[str]:
    """Return the strings among these that are no word or n-gram of any text."""
    words = split_words(tf.constant(vocabulary, tf.string, shape=(len(vocabulary),)), n_grams + 1)
    cut_up = tf.strings.reduce_join(words, axis=-1, separator=" ").numpy()
    found = zip(vocabulary, cut_up, words.row_lengths().numpy(), strict=True)
    return [word for word, cut, n in found if cut.decode() != word or not 1 <= n <= n_grams]


def sort_vocabulary(vocabulary: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return what :func:`encode_texts` searches in.

    Parameters
    ----------
    vocabulary : list of str
        Words and n-grams; the first has the number 2.

    Returns
    -------
    hashes : ndarray of int64, shape (n_words + 1,)
        Sorted; the last one is greater than any hash, so that a search always ends at one.
    numbers : ndarray of int32, shape (n_words + 1,)
    """
    # NumPy's dtype of an empty list is no string's.
    hashes = hash_words(tf.constant(vocabulary, tf.string, shape=(len(vocabulary),))).numpy()
    order = np.argsort(hashes)
    numbers = np.append(order + N_RESERVED, PADDING).astype(np.int32)
    return np.append(hashes[order], _LARGEST), numbers


def encode_texts(
    texts: Any,
    hashes: np.ndarray,
    numbers: np.ndarray,
    *,
    max_length: int,
    n_grams: int,
    width: int | None,
) -> Any:
    """Return the numbers of the words of each text, then those of its known n-grams.

    Parameters
    ----------
    texts : string tensor of shape (n,)
        In UTF-8.
    hashes, numbers : ndarray
        From :func:`sort_vocabulary`.
    max_length : int
        Words of a text that count.
    n_grams : int
        Longest sequence of neighbouring words that may be in the vocabulary.
    width : int or None
        Numbers of a text, :func:`row_length` at most; None for those of the longest one.

    Returns
    -------
    int32 tensor of shape (n, width)
        0 behind the end of a text, 1 for an unknown word; unknown n-grams are left out.
    """
    words = split_words(texts, max_length)
    encoded = [_search(words, hashes, numbers, missing=UNKNOWN)]
    for n in range(2, n_grams + 1):
        found = _search(join_neighbours(words, n), hashes, numbers, missing=PADDING)
        encoded.append(tf.ragged.boolean_mask(found, found > PADDING))
    return tf.concat(encoded, axis=1).to_tensor(default_value=PADDING, shape=(None, width))


def row_length(max_length: int, n_grams: int) -> int:
    """Return how many words and n-grams a text has at most."""
    return sum(max(0, max_length - n + 1) for n in range(1, n_grams + 1))


def mean_vectors(vectors: Any, rows: Any) -> Any:
    """Return the mean of the vectors of each text, zeros for a text without words.

    Parameters
    ----------
    vectors : float tensor of shape (n_words, dim)
        The vector of each number.
    rows : int tensor of shape (n, length)
        Numbers; 0 stands for none.

    Returns
    -------
    float tensor of shape (n, dim)
    """
    # One operation for looking up and summing: all vectors of a batch are never in memory at once,
    # and the gradient is a dense one.
    places = tf.where(rows > PADDING)
    numbers = tf.gather_nd(rows, places)
    return tf.sparse.segment_mean(vectors, numbers, places[:, 0], num_segments=tf.shape(rows)[0])


def tfidf_vectors(vectors: Any, idf: Any, rows: Any) -> Any:
    """Return sums of the vectors of each text, weighted by TF-IDF.

    Source: Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, sections 6.2
    and 6.4 (``ltc``). The weight of a number that stands ``t`` times in a text is
    ``(1 + log(t)) * idf``; the weights of a text are divided by their Euclidean norm.

    Parameters
    ----------
    vectors : float tensor of shape (n_words, dim)
        The vector of each number.
    idf : float tensor of shape (n_words,)
        The inverse document frequency of each number.
    rows : int tensor of shape (n, length)
        Numbers; 0 stands for none.

    Returns
    -------
    float tensor of shape (n, dim)
        Zeros for a text without words, or with words of weight zero alone.
    """
    n_words = tf.shape(vectors, tf.int64)[0]
    n_rows = tf.shape(rows, tf.int64)[0]
    places = tf.where(rows > PADDING)
    numbers = tf.cast(tf.gather_nd(rows, places), tf.int64)
    # Each text's numbers once, in the order of the texts.
    pairs, _, counts = tf.unique_with_counts(places[:, 0] * n_words + numbers)
    row, number = pairs // n_words, pairs % n_words
    weights = (1 + tf.math.log(tf.cast(counts, tf.float32))) * tf.gather(_in_float32(idf), number)
    norms = tf.sqrt(tf.math.unsorted_segment_sum(weights**2, row, n_rows))
    weights = tf.math.divide_no_nan(weights, tf.gather(norms, row))
    bags = tf.SparseTensor(tf.stack([row, number], axis=1), weights, tf.stack([n_rows, n_words]))
    return tf.cast(tf.sparse.sparse_dense_matmul(bags, _in_float32(vectors)), vectors.dtype)


def count_words(texts: Any, max_length: int, n_grams: int) -> Counts:
    """Count the words and n-grams of texts.

    Parameters
    ----------
    texts : ndarray of object, shape (n,)
        The texts.
    max_length, n_grams : int
        As in :func:`encode_texts`.
    """
    words = split_words(texts, max_length)
    grams = [words, *(join_neighbours(words, n) for n in range(2, n_grams + 1))]
    found = tf.concat(grams, axis=1)
    rows, hashes = found.value_rowids().numpy(), hash_words(found.flat_values).numpy()
    unique, first, place, counts = np.unique(
        hashes, return_index=True, return_inverse=True, return_counts=True
    )
    pairs = np.unique(rows * len(unique) + place)
    texts_with = np.bincount(pairs % max(1, len(unique)), minlength=len(unique))
    return Counts(unique, tf.gather(found.flat_values, first).numpy(), counts, texts_with)


class Counts(NamedTuple):
    """How often words occur, ndarrays of shape (n_words,): hashes, words, occurrences, texts."""

    hashes: np.ndarray
    words: np.ndarray
    occurrences: np.ndarray
    texts: np.ndarray

    @classmethod
    def sum(cls, parts: Sequence[Counts]) -> Counts:
        """Return the counts of all texts together."""
        hashes, words, *counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        unique, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        sums = (np.bincount(place, values, len(unique)).astype(np.int64) for values in counts)
        return cls(unique, words[first], *sums)


def _in_float32(values: Any) -> Any:
    return tf.cast(values, tf.float32)


def _search(words: Any, hashes: np.ndarray, numbers: np.ndarray, *, missing: int) -> Any:
    found = hash_words(words.flat_values)
    places = tf.searchsorted(hashes, found)
    known = tf.gather(hashes, places) == found
    return words.with_flat_values(tf.where(known, tf.gather(numbers, places), missing))
