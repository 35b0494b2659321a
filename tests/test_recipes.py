"""What "auto" stands for: the network and its training, by the kind and the size of the rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, compile_cache_info
from skmultilabel_keras._documents import holds_texts
from skmultilabel_keras._recipes import choose_recipe, what_is_open

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(60, 5)).astype(np.float32)
Y = (TABLE[:, :3] > 0).astype(int)
WORDS = np.array(["rain", "cat", "soup", "green", "red"])
TEXTS = [" ".join(WORDS[row > 0.2]) for row in TABLE]

# Rows of each kind, and the network for them.
KINDS = {
    "table": (TABLE, "ensemble"),
    "integers": ((9 * TABLE).astype(int), "ensemble"),
    "frame": (pd.DataFrame(TABLE, columns=list("abcde")), "ensemble"),
    "lists": (TABLE.tolist(), "ensemble"),
    "sparse": (sparse.csr_array(TABLE), "ensemble"),
    "sparse matrix": (sparse.csc_matrix(TABLE), "ensemble"),
    "gray images": (RNG.random((60, 12, 12)), "cnn"),
    "images": ((255 * RNG.random((60, 12, 12, 3))).astype(np.uint8), "cnn"),
    "texts": (TEXTS, "text"),
    "series": (pd.Series(TEXTS, index=range(60, 120)), "text"),
    "array of texts": (np.array(TEXTS), "text"),
}
over_kinds = pytest.mark.parametrize("kind", KINDS)


def classifier(**params):
    small = {"epochs": 2, "random_state": 0, "model__hidden_layer_sizes": (4,)}
    return KerasMultiLabelClassifier(**small | params)


def meta_of(n_rows, n_features, n_labels, *, is_sparse=False, label_share=0.3):
    return {
        "X_shape_": (n_rows, n_features),
        "n_rows_": n_rows,
        "label_share_": label_share,
        "X_sparse_": is_sparse,
        "n_units_": n_labels,
    }


def recipe_of(*sizes, is_sparse=False, label_share=0.3, **params):
    given = KerasMultiLabelClassifier(**params).get_params()
    meta = meta_of(*sizes, is_sparse=is_sparse, label_share=label_share)
    return what_is_open(given, choose_recipe(given, given["model"], meta))


@over_kinds
def test_network_fits_the_kind_of_rows(kind):
    X, network = KINDS[kind]
    clf = classifier().fit(X, Y)
    assert clf.recipe_["model"] == network
    assert clf.predict_proba(X).shape == Y.shape
    assert clf.predict(X[:1]).shape == (1, 3)


@pytest.mark.parametrize("kind", ["table", "sparse", "images", "texts"])
def test_clones_agree_and_name_the_network_themselves(kind):
    """A clone is as the first; and what the recipe says, said by a user, does the same."""
    X, _ = KINDS[kind]
    clf = classifier().fit(X, Y)
    wanted = clf.predict_proba(X)
    assert np.array_equal(clone(clf).fit(X, Y).predict_proba(X), wanted)
    assert clone(clf).model == "auto"
    named = classifier().set_params(**clf.recipe_).fit(X, Y)
    assert np.array_equal(named.predict_proba(X), wanted)
    assert named.recipe_ == {}


@pytest.mark.parametrize("y", [Y[:, 0], Y[:, :1], [["a"], ["b"]] * 30], ids=["1-D", "one", "lists"])
def test_any_targets(y):
    clf = classifier().fit(TABLE, y)
    assert clf.predict_proba(TABLE).shape == (60, clf.n_labels_)


@pytest.mark.thorough
def test_networks_of_a_user_are_trained_plainly():
    clf = KerasMultiLabelClassifier("mlp", random_state=0).fit(TABLE, Y)
    assert clf.recipe_ == {"epochs": 100, "optimizer": "adam"}
    assert clf.n_iter_ == 100


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 3), ("batch_size", 7), ("model__n_bins", None), ("model__dropout", 0.1)],
)
def test_what_is_set_stays(name, value):
    assert name not in recipe_of(60, 5, 3, **{name: value})
    assert name in recipe_of(60, 5, 3)


def test_settings_of_adam_are_for_adam_only():
    assert "optimizer__learning_rate" in recipe_of(60, 5, 3)
    assert not [n for n in recipe_of(60, 5, 3, optimizer="sgd") if n.startswith("optimizer")]
    clf = classifier(optimizer="sgd").fit(TABLE, Y)
    assert type(clf.model_.optimizer).__name__ == "SGD"


def test_rate_is_the_users():
    clf = classifier(optimizer__learning_rate=0.125).fit(TABLE, Y)
    assert float(clf.model_.optimizer.learning_rate) == 0.125


def test_epochs_run_as_chosen():
    clf = classifier(epochs="auto").fit(TABLE, Y)
    assert clf.n_iter_ == clf.recipe_["epochs"]


def test_a_parameter_of_another_network_is_an_error():
    """Which network it is, only the rows tell; nothing fitted is lost."""
    clf = classifier().fit(TABLE, Y)
    before = clf.predict_proba(TABLE)
    clf.set_params(model__filters=(2,))
    match = "no parameter 'model__filters'.*model='auto' is 'ensemble' for these rows"
    with pytest.raises(ValueError, match=match):
        clf.fit(TABLE, Y)
    assert np.array_equal(clf.predict_proba(TABLE), before)


@pytest.mark.thorough
def test_folds_of_a_search_share_one_trace():
    clear_compile_cache()
    grid = {"optimizer__learning_rate": [0.01, 0.001]}
    search = GridSearchCV(classifier(), grid, cv=KFold(7), scoring="f1_micro", refit=False)
    search.fit(TABLE, Y)
    assert compile_cache_info().traces == 1


def test_partial_fit_goes_on():
    clf = classifier(epochs="auto")
    for part in (slice(0, 30), slice(30, 60)):
        clf.partial_fit(TABLE[part], Y[part])
    assert len(clf.history_["loss"]) == 2


def test_warm_start_goes_on():
    clf = classifier(warm_start=True).fit(TABLE, Y)
    assert len(clf.fit(TABLE[:50], Y[:50]).history_["loss"]) == 2
    assert clf.recipe_["model"] == "ensemble"


@pytest.mark.parametrize("name", ["fit__batchsize", "callbacks__nope", "optimizer__rate"])
def test_misspelt_names_are_found_before_the_rows_are_read(name):
    with pytest.raises(ValueError, match=name):
        classifier(**{name: 3}).fit(None, None)
    clf = classifier(warm_start=True).fit(TABLE, Y).set_params(**{name: 3})
    with pytest.raises(ValueError, match=name):
        clf.fit(TABLE, Y)


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["auto", "linear"])
def test_epochs_may_be_opened_later(model):
    clf = KerasMultiLabelClassifier(model, epochs=2, warm_start=True, random_state=0)
    clf.fit(TABLE, Y).set_params(epochs="auto").fit(TABLE, Y)
    assert clf.n_iter_ > 2
    assert KerasMultiLabelClassifier(model, epochs=2).fit(TABLE, Y, epochs="auto").n_iter_ > 2


@pytest.mark.thorough
def test_rows_of_weight_zero_change_nothing():
    """Not even the sizes that a recipe goes by."""
    X, y = np.tile(TABLE, (60, 1)), np.tile(Y, (60, 1))
    weight = (np.arange(len(X)) < 60).astype(float)
    clf = KerasMultiLabelClassifier(random_state=0, epochs=2).fit(X, y, weight)
    few = KerasMultiLabelClassifier(random_state=0, epochs=2).fit(TABLE, Y)
    assert clf.recipe_ == few.recipe_


@pytest.mark.thorough
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("n_rows", "batch_size"), [(60, -1), (15, None)])
def test_a_weight_does_what_copies_do(make, n_rows, batch_size):
    """In one batch, asked for or of few rows, to the last bit, by recipes for unlike numbers."""
    weight = np.arange(n_rows) % 3
    X, y = TABLE[:n_rows], Y[:n_rows]
    clf = KerasMultiLabelClassifier(batch_size=batch_size, random_state=0)
    copies = clone(clf).fit(make(X.repeat(weight, 0)), y.repeat(weight, 0))
    clf.fit(make(X), y, weight)
    assert np.array_equal(clf.predict_proba(make(X)), copies.predict_proba(make(X)))


def test_epochs_and_rate_go_with_the_batches():
    recipe = recipe_of(4000, 5, 3, batch_size=-1)
    assert recipe["epochs"] > recipe_of(4000, 5, 3)["epochs"]
    rates = [
        recipe_of(10**5, 5, 3, batch_size=size)["optimizer__learning_rate"]
        for size in (8, 64, 256, 10**5)
    ]
    assert rates == sorted(rates)


@pytest.mark.parametrize("how", ["parameter", "routed", "call"])
def test_what_a_fit_is_told_is_not_open(how):
    """However it is told: epochs and rate go with its batches, and are not those of others."""
    given = {"batch_size": 7}
    clf = KerasMultiLabelClassifier(random_state=0, model__hidden_layer_sizes=(4,))
    if how == "call":
        clf.fit(TABLE, Y, **given)
    else:
        clf.set_params(**{f"fit__{n}" if how == "routed" else n: v for n, v in given.items()})
        clf.fit(TABLE, Y)
    assert "batch_size" not in clf.recipe_
    expected = recipe_of(60, 5, 3, batch_size=7)
    assert clf.recipe_["epochs"] == expected["epochs"] == clf.n_iter_
    clf.fit(TABLE, Y, epochs=1)
    assert "epochs" not in clf.recipe_
    assert clf.n_iter_ == 1


@pytest.mark.parametrize("is_sparse", [False, True])
def test_early_stopping_has_epochs_to_stop_in(is_sparse):
    assert recipe_of(3000, 70, 6, is_sparse=is_sparse, early_stopping=True)["epochs"] == 100
    assert recipe_of(3000, 70, 6, early_stopping=True, epochs=5).get("epochs") is None


def test_parameters_that_a_subclass_declares_are_the_users():
    class Narrow(KerasMultiLabelClassifier):
        def __init__(self, model="auto", *, hidden_layer_sizes=(7,), **kwargs):
            super().__init__(model, **kwargs)
            self.hidden_layer_sizes = hidden_layer_sizes

    clf = Narrow(epochs=1).fit(TABLE, Y)
    assert "model__hidden_layer_sizes" not in clf.recipe_
    assert [layer.units for layer in clf.model_.layers if hasattr(layer, "units")] == [7, 3]


@pytest.mark.parametrize("shape", [(60, 1, 1), (60, 50, 3), (60, 2, 3, 4, 5)], ids=str)
def test_rows_too_small_for_images_are_tables(shape):
    clf = classifier().fit(RNG.normal(size=shape), Y)
    assert clf.recipe_["model"] == "ensemble"


def test_unknown_names_are_compared_with_auto():
    with pytest.raises(ValueError, match="'auto'"):
        KerasMultiLabelClassifier("autoo").fit(TABLE, Y)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("n_labels", [1, 20, 1000, 100_000])
@pytest.mark.parametrize("n_features", [1, 70, 2_000, 100_000])
@pytest.mark.parametrize("n_rows", [1, 200, 10_000, 1_000_000])
def test_recipes_are_sound_for_any_size(n_rows, n_features, n_labels, is_sparse):
    recipe = recipe_of(n_rows, n_features, n_labels, is_sparse=is_sparse)
    assert recipe["epochs"] >= 1
    assert recipe["batch_size"] >= 1
    assert recipe["model__n_members"] >= 1
    assert 0 < recipe["optimizer__learning_rate"] < 0.01
    assert recipe["epochs"] * n_rows / recipe["batch_size"] < 60_000
    n_inputs = n_features * (1 + (recipe.get("model__n_bins") or 0))
    assert recipe["model__hidden_layer_sizes"][0] * n_inputs <= 10_000_000
    if is_sparse:
        n_weights = recipe["model__hidden_layer_sizes"][0] * (n_features + n_labels)
        assert recipe["model__n_members"] * n_weights <= 8_000_000


@pytest.mark.parametrize("is_sparse", [False, True])
def test_more_rows_never_take_more_epochs(is_sparse):
    epochs = [
        recipe_of(n, 70, 6, is_sparse=is_sparse)["epochs"]
        for n in np.geomspace(10, 1e6, 20, dtype=int).tolist()
    ]
    assert epochs == sorted(epochs, reverse=True)


@pytest.mark.parametrize("n_rows", [20, 700, 5000])
def test_rarer_labels_never_take_fewer_epochs(n_rows):
    """Of tables their share counts, of sparse rows their number."""
    epochs = [
        recipe_of(n_rows, 70, 6, label_share=share)["epochs"]
        for share in (1.0, 0.5, 0.3, 0.1, 0.02, 0.0)
    ]
    assert epochs == sorted(epochs)
    assert recipe_of(n_rows, 70, 400)["epochs"] == recipe_of(n_rows, 70, 6)["epochs"]
    epochs = [recipe_of(n_rows, 70, n, is_sparse=True)["epochs"] for n in (1, 2, 6, 20, 100, 400)]
    assert epochs == sorted(epochs)


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["array", "CSR", "missing", "weights"])
def test_share_of_labels_is_that_of_known_entries(how):
    """Which are those with a weight, in rows with a weight, that are not missing."""
    rare = np.tile(np.eye(20, dtype=int)[:10], (6, 1))
    usual = KerasMultiLabelClassifier(random_state=0, model__hidden_layer_sizes=(4,))
    wanted = recipe_of(60, 5, 20, label_share=0.05)["epochs"]
    weight, y = None, rare
    if how == "CSR":
        y = sparse.csr_array(rare)
    if how == "missing":
        y = np.where(np.arange(20) < 10, rare, np.nan)
        y[0, 10:] = 1  # known once, and positive: ten shares of a tenth and ten of one
        wanted = recipe_of(60, 5, 20, label_share=0.55)["epochs"]
    if how == "weights":
        y, weight = rare.copy(), np.ones(60)
        y[:10], weight[:10] = 1, 0
        wanted = recipe_of(50, 5, 20, label_share=0.05)["epochs"]
    assert usual.fit(TABLE, y, weight).recipe_["epochs"] == wanted


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("n_rows", [500, 3000])
def test_smaller_batches_take_as_many_steps(n_rows, is_sparse):
    usual = recipe_of(n_rows, 70, 6, is_sparse=is_sparse)
    half = usual["batch_size"] // 2
    fewer = recipe_of(n_rows, 70, 6, is_sparse=is_sparse, batch_size=half)
    assert fewer["epochs"] == pytest.approx(usual["epochs"] / 2, abs=1)


@pytest.mark.parametrize(
    ("X", "wanted"),
    [
        (["a", "b"], True),
        (("a",), True),
        (pd.Series(["a"], index=[7]), True),
        (np.array(["a"], dtype=object), True),
        ([], False),
        ([1.0], False),
        ([["a"]], False),
        (np.array([["a"]]), False),
        (pd.DataFrame({"a": ["b"]}), False),
        ([None, "a"], True),
        (sparse.coo_array(np.ones(3)), False),
        ("a text", False),
        (None, False),
        (sparse.csr_array((2, 2)), False),
    ],
    ids=str,
)
def test_rows_that_are_texts(X, wanted):
    assert holds_texts(X) is wanted
