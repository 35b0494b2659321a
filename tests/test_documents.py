"""Rows that are texts: containers of strings, and files of word vectors."""

import gzip
import types

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skmultilabel_keras._documents import check_documents, holds_texts, read_vectors

TEXTS = ["a cat", "", "Zwölf Boxkämpfer\n\x00", "한국어 हिन्दी 🙂"]

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": lambda texts: np.array(texts, dtype=object),
    "string array": np.array,
    "series": lambda texts: pd.Series(texts, index=[9, 3, 5, 1]),
    "object series": lambda texts: pd.Series(texts, dtype=object),
    "string series": lambda texts: pd.Series(texts, dtype="string"),
    "categories": lambda texts: pd.Series(texts, dtype="category"),
    "masked array": lambda texts: np.ma.MaskedArray(texts, mask=False, dtype=object),
    "list of numpy strings": lambda texts: [np.str_(text) for text in texts],
}


def estimator(**attributes):
    return types.SimpleNamespace(**attributes)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers(kind):
    texts = [text.rstrip("\x00") for text in TEXTS]  # which NumPy drops
    found = check_documents(estimator(), CONTAINERS[kind](texts), reset=True, min_samples=1)
    assert found.dtype == object
    assert found.tolist() == texts


def test_texts_have_no_features():
    """What an earlier fit on features left is gone; later calls leave the estimator alone."""
    fitted = estimator(n_features_in_=3, feature_names_in_=["a", "b", "c"], X_shape_=(5, 3))
    check_documents(fitted, TEXTS, reset=True)
    assert vars(fitted) == {"X_shape_": (4,)}
    check_documents(fitted, TEXTS[:1], reset=False)
    assert vars(fitted) == {"X_shape_": (4,)}


@pytest.mark.parametrize("empty", [[], (), np.array([]), np.array([], dtype=object), pd.Series([])])
def test_no_texts(empty):
    assert check_documents(estimator(), empty, reset=False).shape == (0,)
    with pytest.raises(ValueError, match=r"0 sample\(s\) .* minimum of 1 is required"):
        check_documents(estimator(), empty, reset=True, min_samples=1)


BAD = {
    "one string": ("a cat", "got one string, 'a cat'. Pass a list"),
    "bytes": (b"a cat", "got one string, b'a cat'"),
    "bytes in it": (["a", b"cat"], "got b'cat', of type bytes, in row 1. Decode"),
    "array of bytes": (np.array([b"a", b"b"]), "of type bytes, in row 0. Decode"),
    "none": (["a", "b", None], "got None, of type NoneType, in row 2. Write ''"),
    "nan": (["a", float("nan")], "got nan, of type float, in row 1. Write ''"),
    "missing in a series": (pd.Series(["a", None], dtype="string"), "in row 1. Write ''"),
    "number": (["a", 3], "got 3, of type int, in row 1"),
    "numbers": ([1.0, 2.0], "got 1.0, of type float, in row 0"),
    "lists": ([["a", "cat"], ["b"]], r"got \['a', 'cat'\], of type list, in row 0"),
    "array of numbers": (np.arange(3), "got 0, of type int, in row 0"),
    "masked": (np.ma.MaskedArray(["a", "b"], mask=[0, 1]), "masked array with missing texts"),
    "one column": (np.array([["a"], ["b"]]), r"got ndarray of shape \(2, 1\)\. Pass one column"),
    "table": (pd.DataFrame({"text": ["a"]}), r"got DataFrame of shape \(1, 1\)\. Pass one column"),
    "features": (np.zeros((2, 3)), r"1-D array or Series of strings.*shape \(2, 3\)"),
    "sparse": (sparse.csr_array(np.eye(2)), r"got csr_array of shape \(2, 2\)"),
    "generator": ((text for text in "ab"), "got generator"),
    "surrogate": (["a", "b\ud800"], "row 1 holds a surrogate"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("reset", [True, False])
def test_bad_texts(case, reset):
    X, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        check_documents(estimator(), X, reset=reset)


# Word vectors


def write(path, text):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


LINES = "the 1 2.5\nkatze -3e-2 4\n猫 5 6\nthe 7 8\n"
PLACES = {"猫": 9, "the": 4, "dog": 5}


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.vec.gz"])
@pytest.mark.parametrize("head", ["", "4 2\n"])
@pytest.mark.parametrize("ending", ["\n", " \n", "\r\n"])
def test_vectors_of_words(name, head, ending, tmp_path):
    """GloVe's files, and word2vec's; of a word that stands there twice the first vector."""
    path = write(tmp_path / name, (head + LINES).replace("\n", ending))
    for given in (path, str(path)):
        vectors, rows = read_vectors(given, PLACES, 2)
        assert vectors.dtype == np.float32
        assert dict(zip(rows.tolist(), vectors.tolist(), strict=True)) == {4: [1, 2.5], 9: [5, 6]}


def test_words_with_spaces_are_not_mistaken_for_their_starts(tmp_path):
    path = write(tmp_path / "vectors.txt", "a 0 0\nthe end 1 2\nthe 3 4\n")
    vectors, rows = read_vectors(path, PLACES, 2)
    assert rows.tolist() == [4]
    assert vectors.tolist() == [[3, 4]]


BAD_FILES = {
    "other length": ("the 1 2 3\n", "embedding_dim=2 .* line 1 of .* has 3"),
    "other length of an unknown word": ("a 1\nthe 1 2\n", "line 1 of .* has 1"),
    "header": ("4 3\nthe 1 2 3\n", "embedding_dim=2 .* line 1 of .* has 3"),
    "short line": ("a 1 2\nthe 1\n", "line 2 of .* has 1"),
    "no numbers": ("a 1 2\nthe x 2\n", "finite numbers .* line 2 of .* has 'x 2'"),
    "not finite": ("the nan 2\n", "finite numbers .* line 1 of"),
    "no known word": ("a 1 2\n", "none of the 3 words is in .*lower case"),
    "nothing": ("", "none of the 3 words"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_vectors(case, tmp_path):
    text, message = BAD_FILES[case]
    path = write(tmp_path / "vectors.txt", text)
    with pytest.raises(ValueError, match=message):
        read_vectors(path, PLACES, 2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.txt", None),
        ("latin.txt", "caf\xe9 1 2\n".encode("latin-1")),
        ("no.gz", b"the 1 2\n"),
        ("broken.gz", gzip.compress(LINES.encode() * 1000, mtime=0)[:60]),
    ],
)
def test_files_that_cannot_be_read(name, content, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"text file in UTF-8 .*{name}' cannot be read"):
        read_vectors(tmp_path / name, PLACES, 2)


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_a_mark_of_the_byte_order_is_no_part_of_a_word(name, tmp_path):
    write(tmp_path / name, "\ufeffcat 1 2\ndog 3 4\n")
    vectors, rows = read_vectors(tmp_path / name, {"cat": 0, "dog": 1}, 2)
    assert vectors[np.argsort(rows)].tolist() == [[1, 2], [3, 4]]


def test_a_path_is_a_string_or_a_path():
    with pytest.raises(TypeError, match="model__vectors must be the path of a text file; got 5"):
        read_vectors(5, {"cat": 0}, 2)


def test_texts_are_told_in_every_series():
    texts = ["a cat", "a dog"]
    for make in (list, tuple, np.array, pd.Series, pl.Series):
        assert holds_texts(make(texts))
        assert not holds_texts(make([1.0, 2.0]))
    for missing in (None, np.nan, pd.NA):
        assert holds_texts([missing] * 20 + texts)
        assert holds_texts(pd.Series([missing] * 20 + texts))
        assert not holds_texts([missing] * 20)
