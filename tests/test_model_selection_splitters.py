"""Laws of the stratified splitters: every row once, sizes as asked, labels in proportion."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iterstrat import ml_stratifiers
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from skmultilabel_keras.model_selection import (
    MultilabelStratifiedKFold,
    MultilabelStratifiedShuffleSplit,
)
from skmultilabel_keras.model_selection._rarest import RarestLabels
from skmultilabel_keras.model_selection._splits import deal_in_turn

SPLITTERS = [
    MultilabelStratifiedKFold(3, random_state=0),
    MultilabelStratifiedKFold(4, shuffle=False),
    MultilabelStratifiedShuffleSplit(3, test_size=0.3, random_state=0),
    MultilabelStratifiedShuffleSplit(2, train_size=0.5, test_size=4, random_state=0),
]


def random_labels(n_samples, n_labels=3, density=0.3, seed=0):
    return (np.random.default_rng(seed).random((n_samples, n_labels)) < density).astype(int)


def listed(splitter, y, X=None):
    splits = splitter.split(np.zeros(len(y)) if X is None else X, y)
    return [(train.tolist(), test.tolist()) for train, test in splits]


class TestKFold:
    @given(
        n_samples=st.integers(2, 40),
        n_labels=st.integers(1, 12),
        density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
        n_splits=st.integers(2, 10),
        shuffle=st.booleans(),
        seed=st.integers(0, 2**31 - 1),
    )
    def test_every_row_is_tested_once_in_folds_of_one_size(
        self, n_samples, n_labels, density, n_splits, shuffle, seed
    ):
        """Few rows with many labels: without repair some folds are empty."""
        y = random_labels(n_samples, n_labels, density, seed)
        n_splits = min(n_splits, n_samples)
        splitter = MultilabelStratifiedKFold(
            n_splits, shuffle=shuffle, random_state=seed if shuffle else None
        )

        splits = list(splitter.split(y, y))

        assert len(splits) == n_splits == splitter.get_n_splits()
        sizes = [len(test) for _, test in splits]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1
        np.testing.assert_array_equal(np.sort(np.hstack([t for _, t in splits])), range(n_samples))
        for train, test in splits:
            assert train.dtype.kind == test.dtype.kind == "i"
            np.testing.assert_array_equal(np.sort(np.hstack([train, test])), range(n_samples))

    @pytest.mark.parametrize("n_labels", [1, 2, 3])
    @pytest.mark.parametrize("n_splits", [2, 3, 5])
    @pytest.mark.parametrize("seed", range(4))
    def test_each_label_is_in_proportion(self, n_labels, n_splits, seed):
        y = random_labels(200, n_labels, seed=seed)
        for _, test in MultilabelStratifiedKFold(n_splits, random_state=seed).split(y, y):
            assert np.abs(y[test].sum(axis=0) - y.sum(axis=0) / n_splits).max() <= 1

    @pytest.mark.parametrize("shuffle", [True, False])
    def test_many_labels_are_nearer_to_proportion_than_in_a_plain_draw(self, shuffle):
        y = random_labels(300, 40, density=0.05)
        rng = np.random.RandomState(0) if shuffle else None
        folds = MultilabelStratifiedKFold(5, shuffle=shuffle, random_state=rng)

        def deviation(tests):
            return np.mean([np.abs(y[test].sum(axis=0) - y.sum(axis=0) / 5) for test in tests])

        plain = np.array_split(np.random.RandomState(0).permutation(300), 5)
        assert deviation([test for _, test in folds.split(y, y)]) < 0.5 * deviation(plain)

    @pytest.mark.parametrize("n_splits", [3, 5, 10])
    def test_a_label_of_few_rows_is_in_as_many_folds(self, n_splits):
        y = np.zeros((100, 3), dtype=int)
        y[:50, 0] = y[50:52, 1] = 1
        for seed in range(10):
            splits = list(MultilabelStratifiedKFold(n_splits, random_state=seed).split(y, y))
            assert sum(y[test, 1].any() for _, test in splits) == 2

    @pytest.mark.parametrize("seed", [1, 3, 4, 5, 6])
    def test_moves_to_even_sizes_cost_no_proportions(self, seed):
        """Many labels on few rows, none of them without a label, make uneven folds."""
        y = random_labels(150, 60, density=0.03, seed=seed)
        y[np.arange(150), np.random.default_rng(seed).integers(60, size=150)] = 1
        uneven = ml_stratifiers.MultilabelStratifiedKFold(3, shuffle=True, random_state=seed)
        even = MultilabelStratifiedKFold(3, random_state=seed)

        def deviation(cv):
            return np.mean(
                [np.abs(y[t].sum(axis=0) - y.sum(axis=0) / 3) for _, t in cv.split(y, y)]
            )

        assert len({len(test) for _, test in uneven.split(y, y)}) > 1
        assert deviation(even) <= deviation(uneven) + 1e-9

    def test_every_training_part_knows_each_label(self):
        """The estimator raises for a label of which nothing is known."""
        for seed in range(100):
            y = np.full((40, 3), np.nan)
            for label in range(3):
                known = np.random.default_rng([seed, label]).choice(40, 2, replace=False)
                y[known, label] = [0, label % 2]
            for train, _ in MultilabelStratifiedKFold(4, random_state=seed).split(y, y):
                assert (~np.isnan(y[train])).any(axis=0).all()

    def test_without_shuffle_it_is_always_the_same(self):
        y = random_labels(50)
        splitter = MultilabelStratifiedKFold(3, shuffle=False)
        assert listed(splitter, y) == listed(splitter, y)

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            ({"n_splits": 1}, ValueError, "n_splits=2 or more"),
            ({"n_splits": 2.5}, ValueError, "of Integral type"),
            ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
            ({"shuffle": False, "random_state": 0}, ValueError, "random_state has no effect"),
        ],
    )
    def test_illegal_parameters(self, params, error, message):
        with pytest.raises(error, match=message):
            MultilabelStratifiedKFold(**params)

    def test_more_folds_than_rows(self):
        y = random_labels(3)
        with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples"):
            next(MultilabelStratifiedKFold(5).split(y, y))


class TestShuffleSplit:
    @given(
        n_samples=st.integers(2, 40),
        n_labels=st.integers(1, 12),
        density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
        test_size=st.one_of(st.none(), st.floats(0.05, 0.45), st.integers(1, 3)),
        train_size=st.one_of(st.none(), st.floats(0.5, 0.55), st.integers(1, 3)),
        seed=st.integers(0, 2**31 - 1),
    )
    def test_sizes_are_those_of_scikit_learn(
        self, n_samples, n_labels, density, test_size, train_size, seed
    ):
        y = random_labels(n_samples, n_labels, density, seed)
        sizes = {"test_size": test_size, "train_size": train_size}
        try:
            expected = [tuple(map(len, s)) for s in ShuffleSplit(3, **sizes).split(y)]
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)[:12]):
                next(MultilabelStratifiedShuffleSplit(3, **sizes).split(y, y))
            return

        splitter = MultilabelStratifiedShuffleSplit(3, **sizes, random_state=seed)
        splits = list(splitter.split(y, y))

        assert [(len(train), len(test)) for train, test in splits] == expected
        assert splitter.get_n_splits() == 3
        for train, test in splits:
            assert not set(train) & set(test)
            assert set(train) | set(test) <= set(range(n_samples))

    def test_rows_may_be_left_over(self):
        """The package hands all rows out, in the ratio of the two sizes."""
        y = random_labels(100)
        splitter = MultilabelStratifiedShuffleSplit(
            1, test_size=0.2, train_size=0.3, random_state=0
        )
        train, test = next(splitter.split(y, y))
        assert (len(train), len(test)) == (30, 20)
        for part, share in [(train, 0.3), (test, 0.2)]:
            assert np.abs(y[part].sum(axis=0) - share * y.sum(axis=0)).max() <= 1.5

    def test_draws_differ(self):
        y = random_labels(60)
        tests = [tuple(test) for _, test in listed(MultilabelStratifiedShuffleSplit(5), y)]
        assert len(set(tests)) > 1

    def test_a_tenth_is_the_default(self):
        y = random_labels(60)
        assert {len(test) for _, test in MultilabelStratifiedShuffleSplit().split(y, y)} == {6}


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
class TestBoth:
    @pytest.mark.parametrize("n_labels", [1, 3])
    @pytest.mark.parametrize(
        "make",
        [
            np.ndarray.tolist,
            pd.DataFrame,
            lambda y: pd.DataFrame(y, dtype="Int64"),
            sparse.csr_array,
            sparse.csc_matrix,
            sparse.coo_array,
            np.asfortranarray,
            lambda y: y.astype(bool),
            lambda y: y.astype(np.float32),
            lambda y: y.astype(object),
        ],
    )
    def test_the_container_does_not_matter(self, splitter, make, n_labels):
        y = random_labels(40, n_labels)
        X = np.zeros(40)
        assert listed(splitter, make(y), X) == listed(splitter, y)

    def test_sparse_targets_stay_sparse(self, splitter, monkeypatch):
        """With many labels each dense copy would take far more memory than the data."""
        rng = np.random.default_rng(0)
        labels = np.column_stack([rng.integers(0, 3, 200), rng.integers(3, 10**5, 200)])
        starts = np.arange(0, 401, 2)
        y = sparse.csr_array((np.ones(400, int), labels.ravel(), starts), shape=(200, 10**5))
        monkeypatch.setattr(sparse.csr_array, "toarray", None)
        parts = listed(splitter, y, labels)
        monkeypatch.undo()
        assert parts == listed(splitter, y[:, np.unique(labels)].toarray())

    def test_what_is_known_of_labels_is_kept_in_proportion(self, splitter):
        y = random_labels(40).astype(float)
        holes = np.where(np.random.default_rng(1).random(y.shape) < 0.2, np.nan, y)
        expected = listed(splitter, np.hstack([np.nan_to_num(holes), ~np.isnan(holes)]))
        frame = pd.DataFrame(holes).astype("Int64")
        assert frame.isna().to_numpy().any()
        assert listed(splitter, holes) == listed(splitter, frame) == expected
        masked = np.ma.array(np.nan_to_num(y), mask=np.isnan(holes))
        assert listed(splitter, masked) == expected

    def test_a_single_label_with_missing_entries(self, splitter):
        y = np.where(np.arange(40) % 3, np.arange(40) % 2, np.nan)[:, np.newaxis]
        assert listed(splitter, y) == listed(splitter, np.hstack([y == 1, ~np.isnan(y)]))

    @pytest.mark.parametrize("collect", [list, set, tuple])
    def test_lists_of_label_names(self, splitter, collect):
        y = random_labels(40)
        y[0] = 1  # the order of first appearance is that of the columns
        names = [collect(np.array(["a", "b", "c"])[row == 1].tolist()) for row in y]
        if collect is not set:  # sets have no order, which ties depend on
            assert listed(splitter, names, y) == listed(splitter, y)
        assert len(listed(splitter, pd.Series(names), y)) == splitter.get_n_splits()

    @pytest.mark.parametrize("classes", [[0, 1, 2], ["a", "b", "c"]])
    def test_classes(self, splitter, classes):
        codes = np.random.default_rng(0).integers(0, 3, size=40)
        y = np.array(classes)[codes]
        assert listed(splitter, y) == listed(splitter, np.eye(3)[codes])
        assert listed(splitter, y.tolist(), codes) == listed(splitter, y)

    @pytest.mark.parametrize("value", [0, 1])
    @pytest.mark.parametrize("n_labels", [1, 4])
    def test_constant_labels(self, splitter, value, n_labels):
        y = np.full((13, n_labels), value)
        assert all(train and test for train, test in listed(splitter, y))

    def test_the_seed_settles_the_split(self, splitter):
        y = random_labels(40)
        expected = listed(splitter, y)
        assert listed(splitter, y) == expected
        assert listed(copy.deepcopy(splitter), y) == expected
        assert listed(clone(splitter, safe=False), y) == expected
        assert listed(pickle.loads(pickle.dumps(splitter)), y) == expected

    def test_features_and_groups_are_not_looked_at(self, splitter):
        y = random_labels(40)
        expected = listed(splitter, y)
        for X in (np.full((40, 2), np.nan), ["text"] * 40, sparse.csr_array((40, 3))):
            splits = splitter.split(X, y, groups=np.arange(40))
            assert [(a.tolist(), b.tolist()) for a, b in splits] == expected

    def test_the_callers_labels_are_left_alone(self, splitter):
        y = random_labels(40)
        before = y.copy()
        list(splitter.split(y, y))
        np.testing.assert_array_equal(y, before)

    def test_it_is_one_of_the_package(self, splitter):
        assert isinstance(splitter, getattr(ml_stratifiers, type(splitter).__name__))

    @pytest.mark.parametrize("routing", [True, False])
    def test_searches_take_it(self, splitter, routing):
        X = np.random.default_rng(0).normal(size=(80, 4))
        y = (X[:, :3] + np.random.default_rng(1).normal(size=(80, 3)) > 0).astype(int)
        classifier = KNeighborsClassifier()
        with config_context(enable_metadata_routing=routing):
            search = GridSearchCV(classifier, {"n_neighbors": [1, 5]}, cv=splitter).fit(X, y)
            scores = cross_validate(classifier, X, y, cv=splitter)["test_score"]
        assert search.n_splits_ == splitter.get_n_splits() == len(scores)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (None, "requires y to be passed"),
            (np.full((20, 2), 2), "only 0 and 1 .*got 2.*pass y > 0"),
            (np.full((20, 2), -1.0), "only 0 and 1 .*got -1"),
            (sparse.csr_array(np.full((20, 2), 3)), "only 0 and 1 .*got 3"),
            (np.zeros((20, 2, 2)), "one dimension .*or two"),
            (np.zeros((20, 0)), "at least one label column"),
            (np.full((20, 2), "a"), "only 0 and 1 in a label indicator; got 'a'"),
            (pd.DataFrame({"a": ["x"] * 20}), "DataFrame y must hold only 0 and 1"),
            ([[]] * 20, "only empty label lists"),
        ],
    )
    def test_what_cannot_be_split(self, splitter, y, message):
        with pytest.raises(ValueError, match=message):
            next(splitter.split(np.zeros(20), y))

    def test_another_number_of_rows(self, splitter):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            next(splitter.split(np.zeros(20), random_labels(19)))


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: MultilabelStratifiedKFold(3, random_state=seed),
        lambda seed: MultilabelStratifiedShuffleSplit(2, test_size=0.3, random_state=seed),
    ],
)
class TestRandomState:
    @pytest.mark.parametrize("seed", [None, 0])
    def test_numpys_global_generator_is_left_alone(self, make, seed):
        y = random_labels(40)
        np.random.seed(0)
        expected = np.random.random(3)
        np.random.seed(0)
        list(make(seed).split(y, y))
        np.testing.assert_array_equal(np.random.random(3), expected)

    def test_it_settles_the_draw(self, make):
        y = random_labels(60)
        assert len({str(listed(make(seed), y)) for seed in range(6)}) > 1
        assert len({str(listed(make(None), y)) for _ in range(6)}) > 1
        state = np.random.RandomState(0)
        assert listed(make(state), y) != listed(make(state), y)
        assert listed(make(np.random.RandomState(0)), y) == listed(
            make(np.random.RandomState(0)), y
        )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("max_labels", "max_density"), [(12, 1.0), (400, 0.05)])
def test_rows_are_dealt_as_the_package_deals_them(seed, max_labels, max_density):
    """The same draws and the same parts, in a fraction of the time, of many rare labels too."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60), rng.integers(1, max_labels)
    labels = rng.random(shape) < max_density * rng.random()
    n_parts = rng.integers(2, 6)
    shares = np.full(n_parts, 1 / n_parts) if seed % 2 else rng.dirichlet(np.ones(n_parts))
    one, other = np.random.RandomState(seed), np.random.RandomState(seed)
    wanted = ml_stratifiers.IterativeStratification(labels, shares, one)
    dealt = deal_in_turn(sparse.csr_array(labels), shares, other)
    np.testing.assert_array_equal(dealt, wanted)
    assert one.random_sample() == other.random_sample()


@pytest.mark.parametrize("n_labels", [1, 2, 5, 99, 100, 101])
def test_the_rarest_labels_have_the_fewest_rows_of_those_with_any(n_labels):
    rng = np.random.default_rng(n_labels)
    counts = rng.integers(0, 5, n_labels) + (np.arange(n_labels) == 0)
    rarest = RarestLabels(counts)

    while counts.any():
        fewest = np.flatnonzero(counts == counts[counts > 0].min())
        assert [rarest[place] for place in range(len(rarest))] == fewest.tolist()
        left = np.repeat(np.arange(n_labels), counts)
        removed = rng.permutation(left)[: 1 + n_labels // 10]
        np.subtract.at(counts, removed, 1)
        rarest.remove(removed)

    assert len(rarest) == 0


def test_representations_show_parameters():
    assert repr(MultilabelStratifiedKFold(3, random_state=1)) == (
        "MultilabelStratifiedKFold(n_splits=3, random_state=1, shuffle=True)"
    )
    assert repr(MultilabelStratifiedShuffleSplit(2, test_size=0.5)) == (
        "MultilabelStratifiedShuffleSplit(n_splits=2, random_state=None, test_size=0.5,\n"
        "                 train_size=None)"
    )
