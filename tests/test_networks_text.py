"""The network for texts: words, vocabulary, vectors, and the estimator on rows of strings."""

import copy
import functools
import pickle
import unicodedata
from collections import Counter

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
)
from skmultilabel_keras.networks import (
    AttentionPooling,
    MaxOverText,
    TextEncoder,
    WordVectors,
    is_for_text,
    takes_text,
    text,
)

POOLINGS = ("tfidf", "average", "attention", "convolution")
LABELS = np.array(["animal", "colour", "food", "weather"])
WORDS = {
    "animal": ["cat", "dog", "horse", "ant"],
    "colour": ["red", "green", "blue"],
    "food": ["bread", "soup", "cheese", "rice"],
    "weather": ["rain", "wind", "snow"],
}
FILLER = ["the", "a", "of", "in", "on", "this", "that", "very", "much", "some", "here", "today"]


def make_texts(n_texts=90, seed=0):
    """Return texts and their labels: a word of a label stands in the text, or none does."""
    rng = np.random.default_rng(seed)
    Y = (rng.random((n_texts, len(LABELS))) < 0.4).astype(np.int64)
    texts = []
    for row in Y:
        words = list(rng.choice(FILLER, rng.integers(2, 9)))
        words += [rng.choice(WORDS[label]) for label in LABELS[row == 1]]
        texts.append(" ".join(rng.permutation(words)).capitalize() + ".")
    return texts, Y


TEXTS, Y = make_texts()


def classifier(**params):
    defaults = {
        "random_state": 0,
        "epochs": 2,
        "model__embedding_dim": 6,
        "model__max_length": 12,
        "model__filters": 4,
        "optimizer__learning_rate": 0.02,
    }
    return KerasMultiLabelClassifier("text", **{**defaults, **params})


@pytest.fixture(scope="module")
def fitted():
    return classifier(epochs=3).fit(TEXTS, Y)


# Words and their numbers


def cut_up(document):
    """Return the words of a text, by Python's own tables of characters."""
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in document.lower())
    return "".join(kept).split()


documents = st.lists(
    st.text("abAZ09_'-.,\n\t\x00 éÖßñжЯ中文नमस्ते한국ا١🙂’½\u00a0\u0301", max_size=30), max_size=6
)


@pytest.mark.thorough
@given(documents=documents, max_length=st.integers(1, 5), ngrams=st.integers(1, 3))
@settings(max_examples=60)
def test_numbers_of_words_are_those_of_brute_force(documents, max_length, ngrams):
    words = [cut_up(document)[:max_length] for document in documents]
    lengths = range(1, ngrams + 1)
    vocabulary = sorted({" ".join(row[:n]) for row in words for n in lengths if len(row) >= n})
    numbers = {word: number for number, word in enumerate(vocabulary, start=2)}
    encoder = TextEncoder(vocabulary, max_length=max_length, ngrams=ngrams)

    found = encoder.prepare(documents)

    assert found.dtype == np.int32
    assert found.shape == (len(documents), encoder.row_length)
    for row, ids in zip(words, found, strict=True):
        expected = [numbers.get(word, 1) for word in row]
        for n in range(2, ngrams + 1):
            grams = [" ".join(row[i : i + n]) for i in range(len(row) - n + 1)]
            expected += [numbers[gram] for gram in grams if gram in numbers]
        assert ids.tolist() == expected + [0] * (encoder.row_length - len(expected))


def test_vocabulary_counts_as_scikit_learn_does():
    counter = CountVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2))
    counts = counter.fit_transform(TEXTS).toarray().sum(axis=0)
    names = counter.get_feature_names_out()
    by_count = sorted(zip(-counts, names, strict=True))
    meta = {"documents_": np.array(TEXTS, dtype=object)}
    for max_tokens in (3, 10, 40, 10_000):
        encoder = TextEncoder.learn(meta, max_tokens=max_tokens, ngrams=2)
        assert list(encoder.vocabulary) == [name for _, name in by_count][: max_tokens - 2]
    often = TextEncoder.learn(meta, min_count=5, ngrams=2)
    assert list(often.vocabulary) == [name for count, name in by_count if count <= -5]


@pytest.mark.parametrize(
    ("n_words", "max_tokens", "length"),
    [(1, 100, 4), (2, 100, 4), (3, 100, 8), (6, 100, 8), (90, 100, 100), (98, 100, 100), (5, 8, 8)],
)
def test_tables_are_of_few_sizes(n_words, max_tokens, length):
    encoder = TextEncoder([f"w{i}" for i in range(n_words)], max_tokens=max_tokens)
    assert encoder.table_length == length
    assert TextEncoder(encoder.vocabulary).table_length == n_words + 2


def test_words_beyond_the_length_do_not_count():
    encoder = TextEncoder(["a", "b"], max_length=2)
    assert encoder.prepare(["a b a a", "a"]).tolist() == [[2, 3], [2, 0]]


LEARN = functools.partial(TextEncoder.learn, {"documents_": ["a b c d"]})
BAD_ARGUMENTS = [
    (TextEncoder, ([*"abcd"],), {"max_tokens": 5}, "at most 3 words for max_tokens=5, .* got 4"),
    (TextEncoder, (["a"],), {"max_tokens": 2}, "max_tokens must be an integer of at least 3"),
    (TextEncoder, (["a"],), {"max_length": 0}, "^max_length must be an integer of at least 1"),
    (TextEncoder, (["a"],), {"ngrams": 1.5}, "^ngrams must be an integer of at least 1; got 1.5"),
    (TextEncoder, ("cat",), {}, "vocabulary must be a sequence of strings; got 'cat'"),
    (TextEncoder, (["a", 1],), {}, "vocabulary must be a sequence of strings"),
    (LEARN, (), {"max_tokens": 1}, "^max_tokens must be an integer of at least 3; got 1"),
    (LEARN, (), {"min_count": 0}, "^min_count must be an integer of at least 1; got 0"),
    (WordVectors, (4, 2), {"pooling": "tf-idf"}, "^pooling must be one of None, .* got 'tf-idf'"),
    (WordVectors, (0, 2), {}, "^n_words must be an integer of at least 1; got 0"),
    (WordVectors, (4, "2"), {}, "^dim must be an integer of at least 1; got '2'"),
    (AttentionPooling, (0,), {}, "^units must be an integer of at least 1; got 0"),
]


@pytest.mark.parametrize(("make", "arguments", "options", "message"), BAD_ARGUMENTS)
def test_bad_arguments_of_layers(make, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments, **options)


@pytest.mark.parametrize(
    "word", ["Cat", "", " ", "the cat sat", "the  cat", "cat's", "ÄÖ", "a\x00"]
)
def test_a_vocabulary_has_words_that_texts_can_have(word):
    with pytest.raises(ValueError, match="vocabulary must hold words as TextEncoder cuts them"):
        TextEncoder(["cat", word], ngrams=2)


# Layers


def random_rows(n_rows=5, length=7, n_words=9, seed=0):
    """Return numbers of words, a text without any among them."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, n_words, (n_rows, length))
    rows[np.arange(length) >= rng.integers(1, length + 1, n_rows)[:, None]] = 0
    rows[2] = 0
    return rows.astype(np.int32)


def built(layer, *inputs):
    layer(inputs[0] if len(inputs) == 1 else list(inputs))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def test_vectors_and_their_means():
    rows = random_rows()
    single, mean = WordVectors(9, 3), WordVectors(9, 3, pooling="average")
    table = built(single, rows).get_weights()[0]
    mean.build(rows.shape)
    mean.set_weights([table])
    expected = np.where((rows > 0)[..., None], table[rows], 0)
    assert np.array_equal(single(rows), expected)
    sums = expected.sum(axis=1) / np.maximum((rows > 0).sum(axis=1), 1)[:, None]
    assert np.allclose(mean(rows), sums, atol=1e-6)


def test_weighted_sums_are_those_of_scikit_learn():
    """TF-IDF of the words of training texts; unknown words count nothing."""
    meta = {"documents_": TEXTS}
    encoder = TextEncoder.learn(meta, max_tokens=30, ngrams=2)
    table = built(WordVectors(encoder.table_length, 3, pooling="tfidf"), encoder.prepare(TEXTS))
    table.idf.assign(encoder.idf)
    vectorizer = TfidfVectorizer(
        vocabulary=encoder.vocabulary,
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b",
        ngram_range=(1, 2),
    ).fit(TEXTS)
    some = [*TEXTS, "", "xyz", "a cat xyz a cat a"]
    expected = vectorizer.transform(some) @ table.get_weights()[0][2 : 2 + len(encoder.vocabulary)]
    assert np.allclose(table(encoder.prepare(some)), expected, atol=1e-5)
    assert TextEncoder(encoder.vocabulary, ngrams=2).idf is None


@pytest.mark.parametrize("pooling", [None, "average", "tfidf"])
def test_gradients_of_vectors_are_dense_and_right(pooling):
    """Of a word that stands several times in a batch as well; none for the place of no word."""
    rows = random_rows()
    layer = built(WordVectors(9, 3, pooling=pooling), rows)
    factors = np.random.default_rng(2).normal(size=layer(rows).shape).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(rows) * factors)
    gradient = tape.gradient(value, layer.vectors.value)
    assert isinstance(gradient, tf.Tensor)
    # The outputs are linear in the vectors, so that a gradient is a difference.
    values = layer.vectors.numpy()
    expected = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        moved = values.copy()
        moved[place] += 1
        layer.vectors.assign(moved)
        expected[place] = tf.reduce_sum(layer(rows) * factors) - value
    assert np.allclose(gradient, expected, atol=1e-4)
    assert not np.asarray(gradient)[0].any()


def test_attention_is_its_formula():
    rows = random_rows()
    vectors = np.random.default_rng(3).normal(size=(*rows.shape, 3)).astype(np.float32)
    layer = built(AttentionPooling(4), vectors, rows)
    kernel, bias, query = layer.get_weights()
    found = layer([vectors, rows]).numpy()
    for i, row in enumerate(rows):
        words = vectors[i][row > 0]
        scores = np.exp(np.tanh(words @ kernel + bias) @ query)
        expected = (scores * words).sum(axis=0) / max(scores.sum(), 1e-9)
        assert np.allclose(found[i], expected, atol=1e-5)


def test_maximum_over_a_text():
    rows = random_rows()
    features = np.random.default_rng(4).normal(size=(*rows.shape, 3)).astype(np.float32)
    expected = np.where((rows > 0)[..., None], np.maximum(features, 0), 0).max(axis=1)
    assert np.array_equal(MaxOverText()([features, rows]), expected)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_layers_in_half_precision(policy):
    rows = random_rows()
    for pooling in ("tfidf", "average", None):
        layer = WordVectors(9, 3, pooling=pooling, dtype=policy)
        outputs = layer(rows)
        assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    pooled = AttentionPooling(4, dtype=policy)([outputs, rows])
    assert np.isfinite(np.asarray(keras.ops.cast(pooled, "float32"))).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_places_behind_the_end_of_a_text_do_not_matter(pooling):
    """The same weights give the same outputs, however long rows are."""
    meta = {"documents_": TEXTS, "n_units_": 3}
    options = {"pooling": pooling, "embedding_dim": 5, "filters": 4}
    short, long = (text(meta, max_length=length, **options) for length in (12, 40))
    long.set_weights(short.get_weights())
    some = np.array(["", "cat", *TEXTS[:9], "xyz cat xyz"], dtype=object)
    assert np.allclose(short(tf.constant(some)), long(tf.constant(some)), atol=1e-6)


def test_rows_of_any_length_go_as_far_as_the_texts(monkeypatch):
    """Rounded up, and in one width for all texts, whichever come first."""
    monkeypatch.setattr("skmultilabel_keras.networks._text_layers._TEXTS_AT_ONCE", 2)
    documents = ["a b", "", "c", "a c " * 150, "b", "b " * 5000, "a"]
    fixed, open_ = (
        TextEncoder(["a", "b", "a c"], max_length=3000, ngrams=2, fixed_length=fixed_length)
        for fixed_length in (True, False)
    )
    assert (fixed.row_length, open_.row_length) == (5999, None)
    for n_texts, width in ((0, 256), (3, 256), (4, 512), (7, 4096)):
        full, cut = (encoder.prepare(documents[:n_texts]) for encoder in (fixed, open_))
        assert cut.shape == (n_texts, width)
        assert np.array_equal(cut, full[:, :width])
        assert not full[:, width:].any()
    assert open_(tf.constant(documents[:3])).shape == (3, 2)
    short = TextEncoder(["a"], max_length=3, fixed_length=False)
    assert short.prepare(documents).shape == (7, 3)


@pytest.mark.thorough
@pytest.mark.parametrize("pooling", ["tfidf", "average"])
def test_how_many_words_may_count_costs_nothing_where_texts_are_short(pooling):
    """Nor does it change a number; texts of another length meet the same weights."""
    some, many = (
        classifier(model__max_length=length, model__pooling=pooling).fit(
            TEXTS, Y, validation_data=(["a cat " * 400], Y[:1])
        )
        for length in (800, 10**7)
    )
    mixed = [*TEXTS[:5], "a cat " * 400]
    logits = many.decision_function(mixed)
    assert np.array_equal(logits, some.decision_function(mixed))
    assert np.array_equal(many.decision_function(TEXTS[:5]), logits[:5])
    assert many.history_ == some.history_
    again = pickle.loads(pickle.dumps(many))
    assert np.array_equal(again.decision_function(mixed), logits)


# Parameters of the network


@pytest.mark.parametrize("pooling", POOLINGS)
def test_network_ends_in_logits(pooling):
    meta = {"documents_": TEXTS, "n_units_": 3}
    model = text(meta, pooling=pooling, hidden_layer_sizes=(8, 5), dropout=0.1, activation="tanh")
    assert (model.input_shape, model.output_shape) == ((None,), (None, 3))
    assert not model.compiled
    layers = model.get_layer("network").layers
    assert [layer.units for layer in layers if isinstance(layer, keras.layers.Dense)] == [8, 5, 3]
    assert [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)] == [0.1] * 3


BAD_PARAMETERS = {
    "pooling": ("max", "'average', 'attention', 'convolution'; got 'max'"),
    "max_tokens": (2, "integer of at least 3; got 2"),
    "min_count": (0, "integer of at least 1; got 0"),
    "max_length": (12.5, "integer of at least 1; got 12.5"),
    "ngrams": (True, "integer of at least 1; got True"),
    "embedding_dim": ("6", "integer of at least 1; got '6'"),
    "filters": (0, "integer of at least 1"),
    "kernel_sizes": (3, "tuple or list of integers"),
    "hidden_layer_sizes": ([0], "tuple or list of integers"),
    "activation": ("rely", "name of one of Keras' activations"),
    "dropout": (1.0, r"a finite number in \[0, 1\)"),
    "trainable_vectors": ("no", "True or False; got 'no'"),
    "prior_bias": (None, "True or False; got None"),
    "vectors": ("/nowhere/vectors.txt", "text file in UTF-8 .*cannot be read"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name):
    value, message = BAD_PARAMETERS[name]
    clf = classifier(**{f"model__{name}": value})
    with pytest.raises(ValueError, match=f"model__{name} must be .*{message}"):
        clf.fit(TEXTS, Y)
    assert not hasattr(clf, "model_")


def test_convolutions_take_no_ngrams_and_need_kernels():
    with pytest.raises(ValueError, match=r"model__ngrams must be 1 for .*'convolution'.*got 2"):
        classifier(model__pooling="convolution", model__ngrams=2).fit(TEXTS, Y)
    with pytest.raises(ValueError, match="model__kernel_sizes must hold a number"):
        classifier(model__pooling="convolution", model__kernel_sizes=()).fit(TEXTS, Y)


@pytest.mark.parametrize(("documents", "most"), [(["", " .\n"] * 3, 0), (["a b c", "A d"], 2)])
def test_texts_need_words(documents, most):
    with pytest.raises(ValueError, match=f"model__min_count=3 times or more; .* occurs {most}"):
        classifier(model__min_count=3).fit(documents, Y[: len(documents)])


# Word vectors from a file


@pytest.fixture
def vectors_file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("unseen 0 0 0\ncat 1 2 3\nrain -1 0.5 2\n")
    return path


@pytest.mark.parametrize(
    ("pooling", "trainable"), [("average", True), ("tfidf", False), ("convolution", False)]
)
def test_vectors_start_from_a_file(pooling, trainable, vectors_file):
    params = {"model__vectors": vectors_file, "model__trainable_vectors": trainable}
    clf = classifier(model__pooling=pooling, model__embedding_dim=3, **params).initialize(TEXTS, Y)
    words = clf.model_.get_layer("encoder").vocabulary
    layer = clf.model_.get_layer("network").get_layer("vectors")
    start = layer.vectors.numpy()
    assert start[2 + words.index("cat")].tolist() == [1, 2, 3]
    assert start[2 + words.index("rain")].tolist() == [-1, 0.5, 2]
    others = np.delete(start, [2 + words.index(word) for word in ("cat", "rain")], axis=0)
    assert np.abs(others).max() < 0.1
    assert others.any() == trainable
    clf.fit(TEXTS, Y)
    end = clf.model_.get_layer("network").get_layer("vectors").vectors.numpy()
    assert np.array_equal(start, end) == (not trainable)


def test_a_fitted_estimator_needs_its_file_no_more(vectors_file):
    clf = classifier(model__vectors=vectors_file, model__embedding_dim=3).fit(TEXTS, Y)
    state = pickle.dumps(clf)
    vectors_file.unlink()
    assert np.array_equal(pickle.loads(state).predict_proba(TEXTS), clf.predict_proba(TEXTS))


def test_file_of_another_length(vectors_file):
    with pytest.raises(ValueError, match=r"model__embedding_dim=6 numbers .* line 1 of .* has 3"):
        classifier(model__vectors=vectors_file).fit(TEXTS, Y)


# The estimator

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": lambda texts: np.array(texts, dtype=object),
    "string array": np.array,
    "series": lambda texts: pd.Series(texts, index=range(5, 5 + len(texts))),
    "string series": lambda texts: pd.Series(texts, dtype="string"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_of_strings(kind, fitted):
    X = CONTAINERS[kind](TEXTS)
    clf = clone(fitted).fit(X, Y)
    assert np.array_equal(clf.decision_function(X), fitted.decision_function(TEXTS))
    assert clf.score(X, Y) == fitted.score(TEXTS, Y)


@pytest.mark.parametrize(("pooling", "n_labels"), list(zip(POOLINGS, (1, 2, 3, 1), strict=True)))
def test_shapes(pooling, n_labels):
    clf = classifier(model__pooling=pooling, epochs=1).fit(TEXTS, Y[:, :n_labels])
    for n_texts in (0, 1, 5):
        some = TEXTS[:n_texts]
        for method in (clf.predict_proba, clf.decision_function, clf.predict):
            assert method(some).shape == (n_texts, n_labels)
            assert method(np.array(some, dtype=object)).shape == (n_texts, n_labels)


@pytest.mark.parametrize(
    ("X", "y"),
    [(TEXTS[:1], Y[:1]), (TEXTS[:5], Y[:5] * 0), (TEXTS[:5], Y[:5] | 1), (["a", ""], Y[:2])],
)
def test_any_fold_means_the_same(X, y):
    clf = classifier(epochs=1).fit(X, y)
    assert clf.predict_proba(TEXTS).shape == (len(TEXTS), 4)
    assert np.array_equal(clf.classes_, [[0, 1]] * 4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_words_that_tell_the_labels_are_learnt(pooling):
    X, y = make_texts(400)
    clf = classifier(model__pooling=pooling, epochs=30, model__embedding_dim=16).fit(X, y)
    assert clf.engine_.name == "shared"
    assert clf.score(*make_texts(100, seed=1)) > 0.95


@pytest.mark.thorough
def test_kinds_of_targets():
    names = [LABELS[row == 1].tolist() for row in Y]
    lists = classifier(label_names=list(LABELS)).fit(TEXTS, names)
    assert lists.predict_labels([""]) == [LABELS[lists.predict([""])[0] == 1].tolist()]
    csr = classifier().fit(TEXTS, sparse.csr_array(Y))
    assert isinstance(csr.predict(TEXTS), sparse.csr_array)
    dense = classifier().fit(TEXTS, Y)
    assert np.allclose(csr.predict_proba(TEXTS), dense.predict_proba(TEXTS), atol=1e-6)
    one_hot = np.eye(4, dtype=int)[Y.sum(axis=1) % 4]
    exclusive = classifier(exclusive=True).fit(TEXTS, one_hot)
    assert np.allclose(exclusive.predict_proba(TEXTS).sum(axis=1), 1, atol=1e-5)
    classes = classifier().fit(TEXTS, LABELS[Y.sum(axis=1) % 4])
    assert set(classes.predict(TEXTS)) <= set(LABELS)
    binary = classifier().fit(TEXTS, Y[:, 0])
    assert binary.decision_function(TEXTS).shape == (len(TEXTS),)


@pytest.mark.thorough
@pytest.mark.parametrize(("pooling", "optimizer"), [("tfidf", "adam"), ("attention", "adamw")])
def test_engine_equals_keras_fit(pooling, optimizer):
    """Traced steps, with dropout and validation; without these two: test_networks_all."""
    params = {"model__pooling": pooling, "model__dropout": 0.3, "model__hidden_layer_sizes": (5,)}
    ours, keras_own = (
        classifier(engine=engine, optimizer=optimizer, epochs=3, batch_size=20, **params).fit(
            TEXTS, Y, validation_data=(TEXTS[:30], Y[:30])
        )
        for engine in ("auto", "keras")
    )
    assert (ours.engine_.name, keras_own.engine_.name) == ("shared", "keras")
    assert np.allclose(ours.predict_proba(TEXTS), keras_own.predict_proba(TEXTS), atol=1e-5)
    for name in ("loss", "val_loss"):
        assert np.allclose(ours.history_[name], keras_own.history_[name], rtol=1e-4)


@pytest.mark.slow
def test_compiled_by_xla():
    params = {"model__pooling": "attention", "model__dropout": 0.3, "epochs": 3, "batch_size": 20}
    plain, compiled = (classifier(jit_compile=jit, **params).fit(TEXTS, Y) for jit in (False, True))
    assert compiled.engine_.jit_compile
    assert np.allclose(plain.predict_proba(TEXTS), compiled.predict_proba(TEXTS), atol=1e-4)


@pytest.mark.parametrize("pooling", ["tfidf", "average"])
def test_sums_over_words_are_not_for_xla(pooling):
    with pytest.raises(ValueError, match=r"jit_compile must be False .* the layer 'vectors'"):
        classifier(jit_compile=True, model__pooling=pooling).fit(TEXTS, Y)


@pytest.mark.thorough
def test_folds_of_a_search_share_one_trace():
    """Each fold has a vocabulary of its own; its size alone is in the key."""
    clear_compile_cache()
    before = compile_cache_info().traces
    clf = classifier(model__pooling="attention", epochs=1)
    search = GridSearchCV(clf, {"model__dropout": [0.1, 0.2]}, cv=KFold(3), refit=False)
    search.fit(TEXTS, Y)
    training_and_prediction = 2
    assert compile_cache_info().traces - before == training_and_prediction
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", ["list", "series"])
def test_cross_validation_cuts_strings_up(kind):
    X = CONTAINERS[kind](TEXTS)
    found = cross_val_predict(classifier(epochs=1), X, Y, cv=KFold(2), method="predict")
    assert np.asarray(found).shape == Y.shape


class Strip(TransformerMixin, BaseEstimator):
    """A transformer from strings to strings."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [text.replace("cat", "dog") for text in X]


def test_pipeline():
    pipe = make_pipeline(Strip(), classifier()).fit(TEXTS, Y)
    assert np.array_equal(pipe.predict_proba(["a cat"]), pipe.predict_proba(["a dog"]))


def test_words_are_looked_for_once(monkeypatch):
    calls = []
    prepare = TextEncoder.prepare
    monkeypatch.setattr(
        TextEncoder, "prepare", lambda self, X: calls.append(len(X)) or prepare(self, X)
    )
    clf = classifier(epochs=5, early_stopping=True, metrics=["f1_micro"]).fit(TEXTS, Y)
    assert calls == [90]
    clf.predict(TEXTS[:7])
    assert calls == [90, 7]
    clf.fit(TEXTS[:50], Y[:50], validation_data=(TEXTS[50:], Y[50:]))
    assert calls == [90, 7, 50, 40]


@pytest.mark.thorough
def test_model_takes_strings_and_is_saved_whole(fitted, tmp_path):
    X = np.array([*TEXTS[:20], "", "words not known"], dtype=object)
    logits = fitted.decision_function(X)
    assert np.allclose(fitted.model_(tf.constant(X)), logits, atol=1e-5)
    assert np.allclose(fitted.model_.predict(tf.constant(X), verbose=0), logits, atol=1e-5)
    fitted.model_.save(tmp_path / "text.keras")
    again = keras.models.load_model(tmp_path / "text.keras")
    assert np.allclose(again(tf.constant(X)), logits, atol=1e-5)
    exported = tmp_path / "served"
    again.export(exported, verbose=False)
    served = tf.saved_model.load(exported)
    assert np.allclose(served.serve(tf.constant(X)), logits, atol=1e-5)


@pytest.mark.thorough
def test_copies_predict_the_same():
    clf = classifier(model__pooling="attention").fit(TEXTS, Y)
    logits = clf.decision_function(TEXTS)
    for again in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert np.array_equal(again.decision_function(TEXTS), logits)
        assert again.model_.get_layer("encoder").vocabulary == (
            clf.model_.get_layer("encoder").vocabulary
        )
        again.partial_fit(TEXTS, Y)
    assert np.array_equal(clf.decision_function(TEXTS), logits)


def test_training_goes_on_with_its_vocabulary(fitted):
    clf = copy.deepcopy(fitted)
    words = clf.model_.get_layer("encoder").vocabulary
    clf.partial_fit(["zebra cat"], Y[:1])
    assert clf.model_.get_layer("encoder").vocabulary == words
    warm = classifier(warm_start=True).fit(TEXTS, Y)
    network = warm.model_
    assert warm.fit([*TEXTS, "zebra"], np.vstack([Y, Y[:1]])).model_ is network


def test_model_of_a_fit_is_trained_further(fitted):
    """A Keras model whose input are strings keeps its vocabulary; each fit works on a copy."""
    clf = KerasMultiLabelClassifier(fitted.model_, epochs=1, random_state=0)
    before = fitted.decision_function(TEXTS)
    clf.fit(TEXTS[:40], Y[:40])
    assert clf.model_.get_layer("encoder").vocabulary == (
        fitted.model_.get_layer("encoder").vocabulary
    )
    assert not np.array_equal(clf.decision_function(TEXTS), before)
    assert np.array_equal(fitted.decision_function(TEXTS), before)


def test_texts_without_known_words(fitted):
    """All of them are the same to the network: those of no word, and those of unknown ones."""
    empty = fitted.predict_proba(["", "  ", ".?!", "\n"])
    unknown = fitted.predict_proba(["xyz", "xyz quux quux", "ÄÖ"])
    assert (empty == empty[0]).all()
    assert np.allclose(unknown, unknown[0], atol=1e-6)


def test_rows_of_no_weight_teach_no_words():
    weight = np.ones(len(TEXTS))
    weight[:10] = 0
    marked = [*(f"{text} marked" for text in TEXTS[:10]), *TEXTS[10:]]
    clf = classifier().fit(marked, Y, sample_weight=weight)
    assert "marked" not in clf.model_.get_layer("encoder").vocabulary
    left_out = classifier().fit(TEXTS[10:], Y[10:])
    assert left_out.model_.get_layer("encoder").vocabulary == (
        clf.model_.get_layer("encoder").vocabulary
    )


@pytest.mark.thorough
def test_words_are_counted_in_rows_whatever_their_weights():
    """What is learnt of words would depend on the unit of the weights otherwise."""
    weight = np.random.default_rng(0).integers(1, 9, len(TEXTS))
    params = {"model__max_tokens": 12, "model__min_count": 8, "epochs": 1}
    plain, weighted = (
        classifier(**params).fit(TEXTS, Y, sample_weight=given) for given in (None, weight)
    )
    one, two = (clf.model_.get_layer("encoder").vocabulary for clf in (plain, weighted))
    assert one == two
    idfs = [clf.model_.get_layer("network").get_layer("vectors").idf for clf in (plain, weighted)]
    assert np.array_equal(*idfs)


# Which networks take text


@takes_text
def build_bag(meta, units=8):
    """Return a network for text as users write them."""
    encoder = TextEncoder.learn(meta, max_tokens=50, max_length=10)
    words = keras.Input((encoder.row_length,), dtype="int32")
    vectors = keras.layers.Embedding(encoder.table_length, units)(words)
    x = keras.layers.GlobalAveragePooling1D()(vectors)
    network = keras.Model(words, keras.layers.Dense(meta["n_units_"])(x))
    inputs = keras.Input((), dtype="string")
    return keras.Model(inputs, network(encoder(inputs)))


@pytest.mark.thorough
def test_functions_of_users():
    function = functools.partial(build_bag, units=4)
    clf = KerasMultiLabelClassifier(function, random_state=0, epochs=2, model__units=5)
    clf.fit(TEXTS, Y)
    assert clf.engine_.name == "shared"
    again = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(again.predict_proba(TEXTS), clf.predict_proba(TEXTS))


def test_what_takes_text(fitted):
    partial = functools.partial(functools.partial(build_bag), units=2)
    assert all(map(is_for_text, ("text", text, build_bag, partial, fitted.model_)))
    assert not any(map(is_for_text, ("mlp", "none such", None, fitted._network, lambda meta: 0)))


def test_tags():
    for clf, reads_text in ((classifier(), True), (KerasMultiLabelClassifier("mlp"), False)):
        tags = clf.__sklearn_tags__().input_tags
        assert (tags.string, tags.one_d_array) == (reads_text, reads_text)
        assert (tags.two_d_array, tags.three_d_array, tags.sparse) == (not reads_text,) * 3


@pytest.mark.parametrize("X", [np.zeros((90, 3)), sparse.csr_array((90, 3)), np.zeros(90)])
def test_features_for_a_network_of_text(X, fitted):
    with pytest.raises(ValueError, match=r"as the network takes text; got"):
        classifier().fit(X, Y)
    with pytest.raises(ValueError, match=r"as the network takes text; got"):
        fitted.predict(X)


@pytest.mark.parametrize("model", ["mlp", "linear"])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_text_for_a_network_of_features(model, kind):
    with pytest.raises(ValueError, match=r"X must be numeric; it holds text.*model='text'"):
        KerasMultiLabelClassifier(model).fit(CONTAINERS[kind](TEXTS), Y)


@pytest.mark.thorough
def test_fits_on_features_and_texts_in_turn(fitted):
    clf = KerasMultiLabelClassifier("mlp", epochs=1, random_state=0)
    features = pd.DataFrame(np.zeros((90, 2)), columns=["a", "b"])
    clf.fit(features, Y)
    clf.set_params(model="text", model__embedding_dim=3).fit(TEXTS, Y)
    assert not hasattr(clf, "n_features_in_")
    assert not hasattr(clf, "feature_names_in_")
    clf.set_params(model=build_bag, model__units=3)
    clf = KerasMultiLabelClassifier("mlp", epochs=1).fit(features, Y)
    assert clf.n_features_in_ == 2


def test_networks_of_text_without_an_encoder():
    @takes_text
    def build(meta):
        inputs = keras.Input((), dtype="string")
        x = keras.layers.TextVectorization(vocabulary=["a"], output_sequence_length=3)(inputs)
        x = keras.layers.Flatten()(keras.layers.Embedding(3, 2)(x))
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    with pytest.raises(ValueError, match=r"must be a TextEncoder and one network behind it"):
        KerasMultiLabelClassifier(build).fit(TEXTS, Y)


def test_counts_are_python_counts():
    """Words of all texts, cut up in Python, and counted."""
    counts = Counter(word for document in TEXTS for word in cut_up(document))
    encoder = TextEncoder.learn({"documents_": TEXTS})
    by_count = sorted(counts, key=lambda word: (-counts[word], word))
    assert list(encoder.vocabulary) == by_count
