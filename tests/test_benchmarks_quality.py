"""The comparison on real data: its own logic, and a small run; no figure of it is a test."""

import os
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from resources import real_file
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("cells", "peers", "ranks", "report", "variants")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("SKMLK_DATA", os.environ.get("SKMLK_DATA", "somewhere"))
    modules = {name: import_module(f"quality_{name}") for name in MODULES}
    others = {name: import_module(name) for name in ("datasets", "quality", "scored")}
    return SimpleNamespace(**modules, **others)


@pytest.fixture
def make_row(bench):
    """Return a function that makes the row of a cell, with one value for all its scores."""

    def make_row(data, peer, seed=0, fold=0, value=0.5, status="ok", **others):
        row = {"data": data, "peer": peer, "seed": seed, "fold": fold, "status": status}
        if status == "ok":
            row |= dict.fromkeys((*bench.cells.COSTS, *bench.cells.SCORES), value)
        return row | {"tuning": "yes", **others}

    return make_row


@pytest.fixture
def start(bench, tmp_path):
    """Return a function that runs the command quietly, on a file of results of the test's own."""

    def start(*arguments, page=None):
        files = ["--results", str(tmp_path / "quality.csv")]
        files += [] if page is None else ["--page", str(page)]
        return bench.quality.main([*map(str, arguments), *files, "--quiet"])

    return start


@pytest.fixture
def small_split(bench, multilabel_data):
    X, y = multilabel_data
    return bench.datasets.Split(X[:80], y[:80], X[80:], y[80:])


# Probabilities.


def with_constant_labels(y):
    return np.column_stack([y, np.zeros(len(y), int), np.ones(len(y), int)])


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=["list", "list of neighbours", "array"],
)
@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_probabilities_of_constant_labels(bench, multilabel_data, classifier):
    X, y = multilabel_data
    y = with_constant_labels(y)

    values = bench.peers.probabilities(classifier.fit(X, y), X, 5)

    assert values.shape == y.shape
    np.testing.assert_array_equal(values[:, 3:], y[:, 3:])
    assert ((values[:, :3] > 0.5) == y[:, :3]).mean() > 0.7


@pytest.mark.parametrize("build", [ClassifierChain, MultiOutputClassifier])
def test_constant_labels_in_classifiers_that_need_two_classes(bench, multilabel_data, build):
    X, y = multilabel_data
    y = with_constant_labels(y)

    model = build(bench.peers.OrConstant(LogisticRegression())).fit(X, y)

    values = bench.peers.probabilities(model, X, 5)
    np.testing.assert_array_equal(values[:, 3:], y[:, 3:])
    np.testing.assert_array_equal(bench.peers.decisions(model, X, 5)[:, 3:], y[:, 3:])


@pytest.mark.parametrize(
    ("response", "classes", "expected"),
    [
        ([[0.2], [0.7]], None, [[0.2], [0.7]]),
        ([0.2, 0.7], None, [[0.2], [0.7]]),
        ([[0.8, 0.2], [0.3, 0.7]], np.array([0, 1]), [[0.2], [0.7]]),
        ([[1.0], [1.0]], np.array([0]), [[0.0], [0.0]]),
        ([[1.0], [1.0]], np.array([1]), [[1.0], [1.0]]),
        (sparse.csr_array([[0.2], [0.7]]), None, [[0.2], [0.7]]),
        ([[-1e-9], [1 + 1e-9]], None, [[0.0], [1.0]]),
    ],
    ids=["column", "flat", "two classes", "never", "always", "sparse", "rounding"],
)
def test_probabilities_of_one_label(bench, response, classes, expected):
    response = response if sparse.issparse(response) else np.array(response)
    model = SimpleNamespace(predict_proba=lambda X: response, classes_=classes)

    np.testing.assert_allclose(bench.peers.probabilities(model, None, 1), expected)


def test_probabilities_must_be_finite(bench):
    model = SimpleNamespace(predict_proba=lambda X: np.array([[np.nan, 0.5]]))

    with pytest.raises(ValueError, match="predict_proba must be finite"):
        bench.peers.probabilities(model, None, 2)


def test_decisions_are_whole_numbers(bench):
    for predicted in (np.array([[1.0, 0.0]]), sparse.csr_array([[1, 0]])):
        model = SimpleNamespace(predict=lambda X, predicted=predicted: predicted)
        decided = bench.peers.decisions(model, None, 2)
        assert (decided.tolist(), decided.dtype) == ([[1, 0]], np.int64)


# Splits.


@pytest.mark.parametrize(("name", "n_folds"), [("flags", 10), ("slashdot", 5)])
def test_folds_are_disjoint_and_repeatable(bench, name, n_folds):
    folds = bench.datasets.list_folds(name, 1, 57)

    assert len(folds) == n_folds
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), range(57))
    for (train, test), again in zip(folds, bench.datasets.list_folds(name, 1, 57), strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), range(57))
        np.testing.assert_array_equal(test, again[1])
    assert not np.array_equal(folds[0][1], bench.datasets.list_folds(name, 2, 57)[0][1])


def test_original_split_is_kept(bench):
    real_file("corel5k.npz")

    split = bench.datasets.load_fold("corel5k", seed=3, fold=0)

    assert split.X_train.shape == (4500, 499)
    assert split.X_test.dtype == np.float32
    assert sparse.issparse(split.X_test)
    assert split.y_test.shape == (500, 374)


def test_pictures_are_tables_of_mean_colours(bench):
    with np.load(real_file("movie_posters_2k.npz")) as data:
        pictures, labels = data["x_test"], data["y_test"]

    split = bench.datasets.load_fold("posters", seed=1, fold=0)

    assert split.X_train.shape == (1500, 72)
    np.testing.assert_array_equal(split.y_test, labels)
    corner, end = pictures[:, :8, :8], pictures[:, -8:, -8:]
    np.testing.assert_allclose(split.X_test[:, :3], corner.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(split.X_test[:, -3:], end.mean((1, 2)), rtol=1e-5)


def test_inner_folds_where_labels_cannot_be_stratified(bench, monkeypatch, small_split):
    def refuse(*args, **kwargs):
        raise ValueError

    stratified = bench.cells.list_inner_folds(small_split, 0)
    monkeypatch.setattr(bench.cells, "MultilabelStratifiedKFold", refuse)
    plain = bench.cells.list_inner_folds(small_split, 0)

    for folds in (stratified, plain):
        assert len(folds) == 5
        tested = np.sort(np.concatenate([test for _, test in folds]))
        np.testing.assert_array_equal(tested, range(80))


# Cells.


def test_tables_are_complete(bench):
    kinds = {(one.kind, one.purpose) for one in bench.datasets.DATA.values()}
    assert len(kinds) == 4
    page = bench.quality.PAGE.read_text(encoding="utf-8")
    for name in ("run", *bench.report.SECTIONS):
        assert f"<!-- {name}: begin -->" in page
    scores = {column.score for column in bench.report.TABLE}
    assert scores <= set(bench.cells.SCORES)
    assert set(bench.report.SHORT_SETS) <= set(bench.datasets.DATA)
    assert set(bench.report.SHORT_PEERS) <= set(bench.peers.PEERS)


def test_out_of_fold_scores_are_of_rows_not_fitted(bench, small_split):
    """A classifier that knows its training rows by heart does not know the others."""
    labels = np.random.default_rng(0).integers(0, 2, small_split.y_train.shape)
    split = small_split._replace(y_train=labels)
    model = KNeighborsClassifier(1).fit(split.X_train, labels)
    folds = bench.cells.list_inner_folds(split, 0)

    out_of_fold = bench.cells.score_out_of_fold(model, split, folds)

    assert (bench.peers.probabilities(model, split.X_train, 3) == labels).all()
    assert (out_of_fold == labels).mean() < 0.7


@pytest.mark.thorough
def test_all_decisions_are_rated(bench, small_split):
    model = OneVsRestClassifier(LogisticRegression())
    model, y_score, costs = bench.cells.fit_and_predict(model, small_split)
    folds = bench.cells.list_inner_folds(small_split, 0)
    out_of_fold = bench.cells.score_out_of_fold(model, small_split, folds)
    decided = bench.peers.decisions(model, small_split.X_test, 3)

    rates = bench.cells.rate_rankings(small_split.y_test, y_score)
    rates |= bench.cells.rate_sets("default", small_split.y_test, decided)
    rates |= bench.cells.rate_rules(small_split, y_score)
    rates |= bench.cells.rate_tuned(small_split, out_of_fold, folds, y_score)

    assert set(rates) == set(bench.cells.SCORES)
    assert set(costs) == set(bench.cells.COSTS)
    assert costs["fit_s"] > 0


def test_searches_keep_what_they_chose_in_inner_folds(bench, small_split):
    search = bench.peers.PEERS["logistic"].build("dense", 0).fit(*small_split[:2])
    folds = bench.cells.list_inner_folds(small_split, 0)

    out_of_fold = bench.cells.score_out_of_fold(search, small_split, folds)

    assert out_of_fold.shape == small_split.y_train.shape
    np.testing.assert_array_equal(
        out_of_fold, bench.cells.score_out_of_fold(search.best_estimator_, small_split, folds)
    )


# Runs.


@pytest.fixture
def answers(bench, monkeypatch, make_row):
    """Let cells be answered by made-up rows, and return the list of those that were run."""
    asked = []

    def call_fresh(reference, cell, tuning, *others, limit):
        asked.append(cell)
        if cell[1] == "scikeras":
            raise RuntimeError("Traceback:\n  File\nValueError: y must be dense\n  see there\n")
        if cell[1] == "boosting":
            raise TimeoutError
        return make_row(*cell, tuning="yes" if tuning else "no")

    monkeypatch.setattr(bench.quality, "call_fresh", call_fresh)
    return asked


def test_cheap_peers_and_first_seeds_come_first(bench):
    arguments = ["--data", "bibtex", "flags", "--peers", "forest", "prior", "--seeds", "2"]

    cells = bench.quality.list_cells(bench.quality.parse([*arguments, "--folds", "1"]))

    assert [tuple(cell) for cell in cells] == [
        ("flags", "prior", 0, 0),
        ("bibtex", "prior", 0, 0),
        ("flags", "forest", 0, 0),
        ("bibtex", "forest", 0, 0),
        ("flags", "prior", 1, 0),  # other folds; bibtex has the same ones
        ("flags", "forest", 1, 0),
        ("bibtex", "forest", 1, 0),
    ]


def test_lists_choose_sets(bench):
    development = bench.quality.parse(["--list", "development"]).data
    confirmation = bench.quality.parse(["--list", "confirmation"]).data

    assert development == ["flags", "emotions", "birds", "posters", "slashdot", "bibtex"]
    assert set(development) | set(confirmation) == set(bench.datasets.DATA)


def test_finished_cells_are_not_run_again(start, answers):
    arguments = ("--data", "flags", "--peers", "prior", "--seeds", 1)

    start(*arguments, "--folds", 2)
    start(*arguments, "--folds", 3)

    assert [cell[3] for cell in answers] == [0, 1, 2]


def test_cells_without_tuned_thresholds_are_run_again_for_these(start, answers):
    arguments = ("--data", "flags", "--peers", "prior", "--seeds", 1, "--folds", 1)

    start(*arguments, "--no-tuning")
    start(*arguments)
    start(*arguments)
    start(*arguments, "--no-tuning")

    assert len(answers) == 2


def test_failed_tuning_costs_no_figures(bench, start, answers, tmp_path, monkeypatch):
    arguments = ("--data", "flags", "--peers", "prior", "--seeds", 1, "--folds", 1)
    start(*arguments, "--no-tuning")
    (before,) = bench.quality.Results.read(tmp_path / "quality.csv").rows

    def call_fresh(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(bench.quality, "call_fresh", call_fresh)
    assert start(*arguments) == 0

    (after,) = bench.quality.Results.read(tmp_path / "quality.csv").rows
    assert after == {**before, "tuning": "no time"}


def test_costs_are_those_of_the_first_run(bench, start, tmp_path, make_row, monkeypatch):
    arguments = ("--data", "flags", "--peers", "prior", "--seeds", 1, "--folds", 1)

    for value, options in ((1.0, ["--no-tuning"]), (2.0, [])):
        row = make_row("flags", "prior", value=value, tuning="no" if options else "yes")
        monkeypatch.setattr(bench.quality, "call_fresh", lambda *_, row=row, **__: row)
        start(*arguments, *options)

    (row,) = bench.quality.Results.read(tmp_path / "quality.csv").rows
    assert row["tuning"] == "yes"
    assert {row[name] for name in bench.cells.COSTS} == {"1.0"}
    assert {row[name] for name in bench.cells.SCORES} == {"2.0"}


def test_failed_cells_become_rows(bench, start, answers, tmp_path):
    arguments = ("--data", "flags", "--peers", "scikeras", "--seeds", 1, "--folds", 1)

    codes = [start(*arguments), start(*arguments), start(*arguments, "--retry")]

    assert codes == [1, 1, 1]
    assert len(answers) == 2
    (row,) = bench.quality.Results.read(tmp_path / "quality.csv").rows
    assert row["status"] == "failed: ValueError: y must be dense"
    assert row["label_log_loss"] == ""


def test_slow_peers_are_not_tried_on_other_folds(bench, start, answers, tmp_path):
    arguments = ("--data", "flags", "--peers", "boosting", "--seeds", 2, "--jobs", 1)

    assert start(*arguments) == 0

    assert len(answers) == 1
    (row,) = bench.quality.Results.read(tmp_path / "quality.csv").rows
    assert row["status"] == "over time"


def test_forgotten_peers_are_run_again(bench, start, answers, tmp_path):
    arguments = ("--data", "flags", "--peers", "prior", "boomer", "--seeds", 1, "--folds", 1)

    start(*arguments)
    start(*arguments, "--forget", "boomer")

    assert [cell[1] for cell in answers] == ["prior", "boomer", "boomer"]
    assert len(bench.quality.Results.read(tmp_path / "quality.csv").rows) == 2


@pytest.mark.parametrize(("change", "code"), [(0.0, 0), (1e-12, 1)])
def test_check_fails_unless_metrics_are_equal(
    bench, start, answers, make_row, monkeypatch, capsys, change, code
):
    arguments = ("--data", "flags", "--peers", "prior", "--seeds", 1, "--folds", 3)
    start(*arguments)

    def call_fresh(reference, cell, *others, limit):
        row = make_row(*cell, fit_s=9.0)
        return row | {"default.f1_micro": 0.5 + change}

    monkeypatch.setattr(bench.quality, "call_fresh", call_fresh)

    assert start(*arguments, "--check", 2) == code
    assert f"{0 if code else 2} of 2 cells" in capsys.readouterr().out


def test_rough_figures_stay_out_of_the_results(bench):
    assert bench.quality.parse([]).results == bench.quality.RESULTS
    assert bench.quality.parse([]).page == bench.quality.PAGE
    quick = bench.quality.parse(["--quick"])
    assert quick.results != bench.quality.RESULTS
    assert quick.page is None
    assert bench.quality.parse(["--results", "other.csv"]).page is None


# Ranks and the page.


def test_ranks_share_ties(bench):
    values = np.array([[0.9, 0.5, 0.9], [0.1, 0.2, 0.3]])

    np.testing.assert_allclose(bench.ranks.average_ranks(values), [2.25, 2.5, 1.25])
    np.testing.assert_allclose(bench.ranks.average_ranks(values, True), [1.75, 1.5, 2.75])


def test_critical_difference_is_that_of_the_paper(bench):
    """Demsar (2006), section 3.2.2: four classifiers on 14 sets, q = 2.569."""
    assert bench.ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_peers_that_finished_little_are_not_ranked(bench):
    finished = {"a": {"x", "y", "z"}, "b": {"x", "y"}, "c": {"z"}}

    assert bench.ranks.choose_ranked(finished) == (["a", "b"], ["x", "y"])


def test_groups_are_as_long_as_the_difference_allows(bench):
    assert bench.ranks.find_groups([1.0, 1.5, 2.0, 4.0, 4.5], 1.0) == [(0, 2), (3, 4)]


@pytest.fixture
def made_up(make_row):
    """Return rows of three peers on two sets: one peer best, one cut off, one without tuning."""
    values = {"prior": 0.2, "boomer": 0.4, "forest": 0.6}
    rows = [
        make_row("emotions", peer, seed, fold, value + 0.1 * seed)
        for peer, value in values.items()
        for seed in (0, 1)
        for fold in (0, 1)
    ]
    rows += [make_row("corel5k", peer, value=value) for peer, value in values.items()]
    rows[-1] = make_row("corel5k", "forest", status="over time")
    for row in rows:
        if row["peer"] == "boomer":
            row["tuned_f1_micro.f1_micro"] = ""
    return rows


def find_line(text, name, start=""):
    lines = text[text.index(start) :].splitlines()
    return next(line for line in lines if line.startswith(f"| {name} |"))


def test_page_from_made_up_rows(bench, made_up, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.report, "LEAST_SETS", 1)
    page = tmp_path / "quality.md"
    page.write_text(bench.quality.PAGE.read_text(encoding="utf-8"), encoding="utf-8")

    bench.report.write_page(page, made_up, "the command")

    text = page.read_text(encoding="utf-8")
    assert find_line(text, "label prior", "### emotions").startswith(
        "| label prior | 0.250 ± 0.071 | **0.2500** ± 0.0707 |"
    )
    assert find_line(text, "RandomForest", "### emotions").startswith(
        "| RandomForest | **0.650** ± 0.071 |"
    )
    assert "| – |" in find_line(text, "mlrl-boomer", "### emotions")
    assert find_line(text, "RandomForest", "### corel5k").startswith(
        "| RandomForest | *over time* |"
    )
    assert find_line(text, "mlrl-boomer", "### corel5k").startswith("| mlrl-boomer | **0.400** |")
    assert "LRAP over corel5k. Two peers differ" in text
    assert "unfinished: RandomForest" in text
    assert re.search(r"\| RandomForest \| 0\.650 \| over time \|", text)
    assert "`the command`" in text
    assert "nan" not in text
    picture = (tmp_path / "quality_ranks.svg").read_text(encoding="utf-8")
    assert "critical difference" in picture


@pytest.mark.thorough
def test_page_is_the_same_again(bench, made_up, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.report, "LEAST_SETS", 1)
    page = tmp_path / "quality.md"
    page.write_text(bench.quality.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    written = []
    for _ in range(2):
        bench.report.write_page(page, made_up, "the command")
        written.append((page.read_bytes(), (tmp_path / "quality_ranks.svg").read_bytes()))

    assert written[0] == written[1]


@pytest.mark.thorough
def test_few_sets_make_no_picture(bench, made_up, tmp_path):
    page = tmp_path / "quality.md"
    page.write_text(bench.quality.PAGE.read_text(encoding="utf-8"), encoding="utf-8")

    bench.report.write_page(page, made_up, "the command")

    assert "Average ranks" in page.read_text(encoding="utf-8")
    assert not (tmp_path / "quality_ranks.svg").exists()


def test_a_seed_counts_once_all_have_finished_it(bench, made_up, make_row):
    """A run that is cut off in a later seed leaves what there is."""
    cut_off = [make_row("emotions", "prior", 2, 0, value=0.9)]
    before, after = (bench.report.Summary(rows) for rows in (made_up, [*made_up, *cut_off]))

    assert bench.report.write_set(after, "emotions") == bench.report.write_set(before, "emotions")
    assert bench.report.describe_split(after, "emotions") == "2 folds, 2 seeds"


def test_tuned_figures_may_be_of_the_first_seeds_only(bench, made_up):
    for row in made_up:
        if row["data"] == "emotions" and row["peer"] == "forest" and row["seed"] == 1:
            row["tuned_f1_macro.f1_macro"] = ""

    text = bench.report.write_set(bench.report.Summary(made_up), "emotions")

    line = find_line(text, "RandomForest").split(" | ")
    assert line[-1] == "**0.600** (1 seed) |"
    assert line[-2] == "**0.650** ± 0.071"
    assert "(1 seed)" not in find_line(text, "mlrl-boomer")


def test_second_versions_are_not_ranked(bench, made_up, make_row):
    rows = [*made_up, *(make_row("corel5k", peer) for peer in ("ours", "ours_mlp"))]

    ranks = bench.report.rank(bench.report.Summary(rows), "confirmation").ranks

    assert set(ranks) == {"label prior", "mlrl-boomer", "KerasMultiLabelClassifier"}


def test_a_column_is_ranked_where_it_has_values(bench, made_up):
    """The one peer without tuned thresholds is left out there, and only there."""
    text = bench.report.write_ranks(bench.report.Summary(made_up))

    columns = [cell.strip() for cell in find_line(text, "peer").strip("|").split("|")]
    ranks = [cell.strip() for cell in find_line(text, "mlrl-boomer").strip("|").split("|")]
    by_title = dict(zip(columns, ranks, strict=True))
    assert by_title["micro-F1, tuned"] == "–"
    assert by_title["micro-F1"] == "2.00"


@pytest.mark.thorough
def test_sets_that_are_left_out_are_named(bench, made_up, make_row):
    rows = [
        *made_up,
        *(make_row(data, "prior") for data in ("rcv1sub1", "delicious")),
        *(make_row(data, "boomer") for data in ("rcv1sub1",)),
        make_row("delicious", "boomer", status="over time"),
    ]

    text = bench.report.write_ranks(bench.report.Summary(rows))

    assert "Left out, since some did not finish: delicious (mlrl-boomer)." in text


@pytest.mark.thorough
def test_those_that_finished_all_sets_are_ranked_on_them_too(bench, made_up, make_row):
    sets = ("corel5k", "rcv1sub1", "delicious")
    rows = [
        *made_up,
        *(make_row(data, "prior", value=0.2) for data in sets[1:]),
        *(make_row(data, "neighbours", value=0.3) for data in sets),
        make_row("rcv1sub1", "boomer", value=0.4),
    ]

    text = bench.report.write_ranks(bench.report.Summary(rows))
    most, whole = text.split("The same for those that finished all 3 sets.")

    assert "| mlrl-boomer | **1.00** |" in most
    assert "| KNeighbors | **1.00** |" in whole
    assert "mlrl-boomer" not in whole


def test_friedman_by_hand(bench):
    """Three columns in the same order on all of four rows: chi-square 8 of two degrees."""
    values = np.array([[1.0, 2, 3], [1, 2, 4], [0, 5, 6], [3, 4, 9]])
    assert bench.ranks.friedman_p(values) == pytest.approx(np.exp(-4))
    assert np.isnan(bench.ranks.friedman_p(values[:, :2]))
    assert np.isnan(bench.ranks.friedman_p(values[:1]))


def test_unequal_folds_are_not_compared(bench, made_up, make_row):
    rows = [*made_up, make_row("emotions", "boosting", value=0.9)]

    summary = bench.report.Summary(rows)

    assert summary.describe("emotions", "boosting") == "1 of 4 folds"
    assert "**0.650**" in bench.report.write_set(summary, "emotions")


def test_leads_are_shares_of_the_best_other_classifier(bench, make_row):
    """Of the ranked ones that finished; more is better, or less, by column."""
    values = {"ours": 0.5, "prior": 0.4, "neighbours": 0.25, "ours_mlp": 0.9}
    rows = [make_row("flags", peer, value=value) for peer, value in values.items()]
    rows += [make_row("emotions", peer, value=values[peer]) for peer in ("prior", "neighbours")]
    text = bench.report.write_leads(bench.report.Summary(rows))

    head, _, *lines = ([cell.strip() for cell in line.split("|")] for line in text.splitlines())
    assert len(lines) == 1  # ours was not run on the other set
    cells = dict(zip(head, lines[0], strict=True))
    assert cells["set"] == "flags"
    assert cells["LRAP"] == "+25.0%"
    assert cells["ranking loss"] == "-100.0%"


def test_ours_stands_beside_published_figures(bench, make_row):
    """Bold where it is better: more, or less, by column."""
    write, summary = bench.report.write_published, bench.report.Summary
    text = write(summary([make_row("emotions", "ours", value=0.7)]))
    assert find_line(text, "LRAP") == "| LRAP | 0.822 | 0.700 |  |  |"
    assert find_line(text, "ranking loss") == "| ranking loss | 0.1390 | 0.7000 |  |  |"
    assert find_line(text, "example-F1").count("**0.700**") == 3
    assert find_line(text, "Hamming loss") == "| Hamming loss | 0.1805 | 0.7000 |  | 0.7000 |"

    text = write(summary([make_row("emotions", "ours", value=0.1)]))
    assert find_line(text, "ranking loss") == "| ranking loss | 0.1390 | **0.1000** |  |  |"
    assert "**0.1000**" not in write(summary([make_row("emotions", "prior", value=0.1)]))


def test_variants_are_differences_from_the_default(bench, make_row, tmp_path):
    values = {"default": 0.5, "no_bins": 0.25, "tfidf": 0.75}
    rows = [make_row(d, p, value=v) for d in ("flags", "slashdot") for p, v in values.items()]
    page = tmp_path / "page.md"
    page.write_text("<!-- variants: begin -->\n<!-- variants: end -->\n")
    bench.report.write_variants(page, rows, "python quality.py")

    text = page.read_text()
    assert "| the default | 0.500 | 0.500 |" in text
    assert "| no bins | -0.250 |  |" in text
    assert "| TF-IDF |  | +0.250 |" in text


def test_variants_are_no_peers(bench, start, answers):
    """They are run on development sets, untuned, into a file of their own."""
    assert not set(bench.variants.VARIANTS) & set(bench.peers.PEERS)
    options = bench.quality.parse(["--variants"])
    assert options.results == bench.quality.VARIANT_RESULTS
    assert not options.tuning
    cells = bench.quality.list_cells(options)
    assert {cell.peer for cell in cells} == set(bench.variants.VARIANTS)
    assert {bench.datasets.DATA[cell.data].purpose for cell in cells} == {"development"}
    run_on = {(cell.peer, bench.datasets.DATA[cell.data].kind) for cell in cells}
    assert {("no_bins", "dense"), ("tfidf", "sparse"), ("l2", "sparse")} <= run_on
    assert not {("no_bins", "sparse"), ("tfidf", "dense")} & run_on


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_variants_have_legal_parameters(bench, kind):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((20, 3)) < 0.5, rng.random((20, 3)), 0)
    y = rng.integers(0, 2, (20, 2))
    for name, variant in bench.variants.VARIANTS.items():
        if not bench.variants.concerns(name, kind):
            continue
        model = variant.build(kind, 0)
        model = getattr(model, "steps", [(None, model)])[-1][1]
        model.initialize(X if kind == "dense" else sparse.csr_array(X), y)
        assert model.random_state == 0, name


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_all_peers_can_be_built(bench, kind):
    for name, peer in bench.peers.PEERS.items():
        if name == "boomer":
            continue  # its library is no dependency of the tests
        model = peer.build(kind, 7)
        assert hasattr(model, "fit"), name
        assert clone(model) is not model


def test_the_command_stands_as_it_was_typed(bench):
    arguments = ["--data", "flags", "--peers", "prior", "--seeds", "1", "--limit", "9"]
    options = bench.quality.parse([*arguments, "--no-tuning"])
    told = bench.quality.describe(options).removeprefix("python benchmarks/quality.py ").split()
    assert sorted(told) == sorted([*arguments, "--no-tuning"])
    assert bench.quality.describe(bench.quality.parse([])) == "python benchmarks/quality.py"


def test_short_table_is_of_the_first_seed(bench, made_up):
    """Which is all that the command in the README runs."""
    lines = bench.report.short_table(made_up).splitlines()

    assert len(lines) == 7
    assert lines[2] == "| emotions | –, – | **0.600**, **0.600** | –, – | –, – |"
    assert lines[4] == "| bibtex | –, – | –, – | –, – | –, – |"


def test_short_table_stands_in_the_readme(bench, made_up, tmp_path):
    page = tmp_path / "README.md"
    page.write_text(bench.quality.README.read_text(encoding="utf-8"), encoding="utf-8")

    bench.report.write_short(page, made_up)

    text = page.read_text(encoding="utf-8")
    assert bench.report.short_table(made_up) in text
    assert text.startswith("# skmultilabel_keras")


@pytest.mark.slow
def test_quick_run(bench, start, tmp_path):
    """Two cheap peers run on a slice of a real set, and their figures go into a page."""
    real_file("flags.npz")
    page = tmp_path / "quality.md"
    page.write_text(bench.quality.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    arguments = ("--quick", "--data", "flags", "--peers", "prior", "neighbours")

    assert start(*arguments, page=page) == 0
    assert start(*arguments, "--check", 2) == 0

    assert "| KNeighbors |" in page.read_text(encoding="utf-8")
