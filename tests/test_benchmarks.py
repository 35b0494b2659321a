"""The benchmarks' own logic, and a smoke run; no figure of a benchmark is a test."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skmultilabel_keras.calibration import MultiLabelCalibratedClassifierCV
from skmultilabel_keras.decision_rules import Threshold
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("fresh", "names", "report", "rows", "run", "timing")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return SimpleNamespace(**{name: import_module(name) for name in MODULES})


@pytest.fixture
def measure(bench):
    def measure(contender, *values, foreign=0.0, **kwargs):
        samples = tuple(bench.timing.Sample(value, foreign) for value in values)
        return bench.timing.Measurement(contender, samples, **kwargs)

    return measure


@pytest.fixture
def make_row(bench):
    def make_row(*targets):
        targets = tuple(bench.rows.Target(*target) for target in targets)
        return bench.rows.Row("fit", "Fit", "module:function", "One fit.", targets)

    return make_row


# Samples.


def test_disturbed_samples_do_not_count(bench):
    quiet = [bench.timing.Sample(value) for value in (1.0, 3.0, 2.0)]
    disturbed = [bench.timing.Sample(9.0, foreign=1.0)] * 2

    measurement = bench.timing.Measurement("ours", (*quiet, *disturbed))

    assert measurement.value == 2.0
    assert measurement.n_disturbed == 2


def test_disturbed_samples_count_where_most_are(measure):
    assert measure("ours", 1.0, 5.0, 2.0, foreign=1.0).value == 2.0


@pytest.mark.thorough
def test_contenders_take_turns(bench):
    order = []

    def sampler(name):
        return lambda: order.append(name) or bench.timing.Sample(len(order))

    settings = bench.timing.Settings(repeats=2, patience=0.0)
    samples = bench.timing.take_turns({name: sampler(name) for name in "AB"}, settings)

    assert order == ["A", "B", "A", "B"]
    assert [sample.value for sample in samples["A"]] == [1, 3]


@pytest.mark.thorough
def test_part_of_the_work_is_scaled(bench):
    calls = []
    settings = bench.timing.Settings(repeats=3, patience=0.0)
    contenders = [
        bench.timing.Contender("whole", lambda: calls.append("whole")),
        bench.timing.Contender("part", lambda: calls.append("part"), lambda: None, 1e9, "a part"),
    ]

    whole, part = bench.timing.compare(contenders, settings)

    assert (calls.count("whole"), calls.count("part")) == (4, 3)
    assert part.value > whole.value
    assert part.note == "a part"


# Processes.


def test_fresh_process_returns_and_fails(bench):
    assert bench.fresh.call_fresh("math:sqrt", 4.0) == 2.0
    with pytest.raises(RuntimeError, match=r"math domain error|nonnegative"):
        bench.fresh.call_fresh("math:sqrt", -1.0)


def test_fresh_process_ends_at_its_limit(bench, monkeypatch):
    monkeypatch.setattr(bench.fresh, "GRACE", 0.1)
    with pytest.raises(TimeoutError, match=r"time:sleep took more than 0\.5 s"):
        bench.fresh.call_fresh("time:sleep", 60, limit=0.5)


def test_failing_row_is_reported(bench, make_row):
    result = bench.run.run_row(make_row(), bench.timing.Settings(), limit=60)

    assert "No module named 'module'" in result.error
    assert "failed: ModuleNotFoundError" in bench.report.write_report([result], "command")


# Ratios.


@pytest.mark.parametrize(
    ("bound", "ours", "theirs", "met"), [(4, 1, 4, True), (4, 1, 3.9, False), (4, 0, 1, None)]
)
def test_target_on_a_ratio(bench, measure, make_row, bound, ours, theirs, met):
    measurements = (measure(bench.names.OURS, ours), measure("Keras", theirs))
    result = bench.report.Result(make_row((bound, "Keras")), measurements)

    (comparison,) = bench.report.compare_all(result)

    assert comparison.ratio == (theirs / ours if ours else None)
    assert comparison.met is met


@pytest.mark.parametrize(("value", "met"), [(0.02, True), (0.03, False), (-0.1, True)])
def test_target_on_our_figure(bench, measure, make_row, value, met):
    kind = {"quantity": bench.names.MEMORY_GROWTH, "unit": "MB a fit"}
    measurements = (measure(bench.names.OURS, value, **kind), measure("Keras", 5.0, **kind))
    row = make_row((0.02, "", "", bench.names.MEMORY_GROWTH))

    bounded, compared = bench.report.compare_all(bench.report.Result(row, measurements))

    assert (bounded.met, bounded.theirs) == (met, None)
    assert (compared.met, compared.theirs.contender) == (None, "Keras")


def test_only_equal_cases_are_compared(bench, measure, make_row):
    measurements = tuple(
        measure(contender, value, case=case)
        for contender, value in ((bench.names.OURS, 1.0), ("Keras", 8.0))
        for case in ("1 row", "100 rows")
    )
    row = make_row((9, "Keras", "1 row"))

    comparisons = bench.report.compare_all(bench.report.Result(row, measurements))

    assert [one.ours.case for one in comparisons] == ["1 row", "100 rows"]
    assert [one.met for one in comparisons] == [False, None]


# The page.


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (123.4, "s", "123 s"),
        (0.0125, "s", "12.5 ms"),
        (6e-6, "s", "6.00 µs"),
        (0.0051, "MB a fit", "0.0051 MB a fit"),
        (1234.5, "MB", "1,234 MB"),
        (0.0, "s", "0 s"),
    ],
)
def test_figures_have_three_digits(bench, value, unit, text):
    assert bench.report.format_value(value, unit) == text


def test_page_has_ratio_target_and_machine(bench, measure, make_row):
    measurements = (
        measure(bench.names.OURS, 0.1, 0.1, 0.2),
        measure("Keras", 2.0, 2.0, 2.0, foreign=1.0, note="dense"),
    )
    result = bench.report.Result(make_row((12, "Keras")), measurements)

    page = bench.report.write_report([result], "python benchmarks/run.py")

    assert "| Fit | 100 ms | Keras | 2.00 s | 20.0× | ≥ 12× | yes |" in page
    assert "| time | Keras | 2.00 s | 2.00 s | 3 (3 disturbed) | dense |" in page
    assert "100 ms to 200 ms" in page
    for word in ("`python benchmarks/run.py`", "cores", "GiB", "tensorflow", "scikit-learn"):
        assert word in page


# The table of rows, and the command.


def test_rows_are_complete(bench):
    assert [row.name for row in bench.rows.ROWS] == [
        "warm_fit",
        "first_fit",
        "search",
        "search_threads",
        "search_regularised",
        "default_fit",
        "images",
        "transfer",
        "sparse",
        "predict",
        "predict_many",
        "memory",
        "growth",
    ]
    for row in bench.rows.ROWS:
        function = bench.fresh.resolve(row.measure)
        assert list(inspect.signature(function).parameters) == ["settings"]
        assert row.explanation.endswith(".")
        assert row.targets


@pytest.mark.thorough
def test_modules_hide_no_library():
    """SciPy, for one, takes a module that is named "sparse" for the library of this name."""
    names = [path.stem for path in BENCHMARKS.glob("*.py")]
    assert not sys.stdlib_module_names.intersection(names)
    imports = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import {', '.join(names)}"
    use = "from scipy import stats; assert stats.kstest([0.1, -0.2], 'norm').pvalue > 0"
    environment = os.environ | {"SKMLK_DATA": os.environ.get("SKMLK_DATA", "somewhere")}
    command = [sys.executable, "-c", f"{imports}; {use}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_page_is_replaced_only_by_a_full_run(bench):
    assert bench.run.parse([]).output == bench.run.PAGE
    assert bench.run.parse(["--quick"]).output is None
    assert bench.run.parse(["--only", "images"]).output is None
    assert bench.run.parse(["--quick", "--output", "page.md"]).output == Path("page.md")


@pytest.mark.slow
def test_smoke_run(bench, tmp_path):
    """A row runs, and has a figure for each of its targets."""
    names = ("warm_fit",)
    page = tmp_path / "page.md"
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--repeats", "1"]

    subprocess.run([*command, "--only", *names, "--output", str(page)], check=True, timeout=500)

    lines = page.read_text(encoding="utf-8").splitlines()
    assert "failed" not in "".join(lines)
    judged = [line for line in lines if line.endswith(("| yes |", "| no |"))]
    rows = [row for row in bench.rows.ROWS if row.name in names]
    assert len(judged) == sum(len(row.targets) for row in rows)


# Decisions: quality on real data.


@pytest.fixture
def decisions(bench):
    return import_module("decisions")


@pytest.fixture
def quality(bench):
    return import_module("decision_parts")


@pytest.fixture
def make_quality(quality):
    """Return a function that makes a result from the values of each contender and metric."""
    return lambda **values: quality.Quality("`set`: 9 rows", values)


def test_best_of_a_column_is_bold(decisions):
    more, less = decisions.Metric("F1"), decisions.Metric("loss", 2, less_is_better=True)

    assert decisions.mark_best([0.1, 0.7001, 0.7004], more) == ["0.100", "**0.700**", "**0.700**"]
    assert decisions.mark_best([0.1, 0.7], less) == ["**0.10**", "0.70"]


def test_comparison_has_means_and_the_largest_range(decisions, make_quality):
    focal, hill = {"f1_micro": [0.5, 0.7]}, {"f1_micro": [0.4, 0.5]}

    text = decisions.write_comparisons("loss", ["f1_micro"], [make_quality(focal=focal, hill=hill)])

    assert text.splitlines() == [
        "`set`: 9 rows.",
        "",
        "| loss | micro-F1 |",
        "| --- | ---: |",
        "| focal | **0.600** |",
        "| hill | 0.450 |",
        "| *range over seeds, at most* | *0.200* |",
    ]


@pytest.mark.parametrize(("empty", "n_columns"), [(0.5, 1), (0.6, 2)])
def test_example_f_of_empty_rows_is_shown_where_there_are_some(
    decisions, make_quality, empty, n_columns
):
    result = make_quality(rule={"f1_samples": [0.5], "f1_samples_empty": [empty]})

    text = decisions.write_comparisons("rule", ["f1_samples", "f1_samples_empty"], [result])

    assert text.count("example-F1") == n_columns


def test_gain_of_costs_is_their_fall(decisions, make_quality):
    result = make_quality(
        plain={"cost": [0.5, 0.3], "f1_micro": [0.5, 0.5]},
        tuned={"cost": [0.3, 0.4], "f1_micro": [0.4, 0.6]},
    )

    lines = decisions.write_gains([result]).splitlines()

    assert lines[2:] == [
        "| `set`: 9 rows | cost | 0.4000 | 0.3500 | +0.0500 | yes | 1 of 2 |",
        "| `set`: 9 rows | micro-F1 | 0.500 | 0.500 | +0.000 | no | 1 of 2 |",
    ]


@pytest.mark.parametrize(("second", "verdict"), [(0.64, "yes"), (0.62, "no")])
def test_lift_must_be_enough_with_every_seed(decisions, make_quality, second, verdict):
    rest = {"hamming_loss": [0.2, 0.2], "f1_micro": [0.6, 0.6]}
    plain, ruled = {"f1_samples": [0.6, 0.6]}, {"f1_samples": [0.7, second]}

    text = decisions.write_folds([make_quality(plain=plain | rest, ruled=ruled | rest)])

    assert "| 0 | 0.600 | 0.700 | 0.2000 | 0.2000 | 0.600 | 0.600 |" in text
    assert text.endswith(f"At least 0.03 with every seed: {verdict}.")


def test_sections_are_replaced_between_their_markers(decisions):
    page = "# Title\n\n<!-- rules: begin -->\nold\n<!-- rules: end -->\n\nThe rest.\n"

    replaced = decisions.replace_section(page, "rules", "| new |")

    assert replaced == (
        "# Title\n\n<!-- rules: begin -->\n\n| new |\n\n<!-- rules: end -->\n\nThe rest.\n"
    )
    assert decisions.replace_section(replaced, "rules", "| new |") == replaced
    with pytest.raises(ValueError, match=r"<!-- losses: begin --> and <!-- losses: end -->"):
        decisions.replace_section(page, "losses", "")


def test_parts_are_complete(decisions, quality):
    """Each part has a function that measures it, a place in the page, and known metrics."""
    page = decisions.PAGE.read_text(encoding="utf-8")
    for name in decisions.PARTS:
        assert list(inspect.signature(getattr(quality, name)).parameters) == ["settings"]
    for name in ("run", *decisions.PARTS):
        decisions.replace_section(page, name, "")
    assert set(quality.OBJECTIVES) <= set(decisions.METRICS)


def test_decisions_page_is_replaced_only_by_a_full_run(decisions, monkeypatch):
    monkeypatch.setenv("SKMLK_DATA", "somewhere")
    assert decisions.parse([]).output == decisions.PAGE
    assert decisions.parse(["--quick"]).output is None
    assert decisions.parse(["--only", "rules"]).output is None


def test_data_must_be_there(decisions, quality, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SKMLK_DATA", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"a folder that holds birds\.npz; got"):
        quality.load_split("birds")
    monkeypatch.delenv("SKMLK_DATA")
    with pytest.raises(RuntimeError, match="SKMLK_DATA must name the folder"):
        import_module("datasets").find_data("birds")
    with pytest.raises(SystemExit):
        decisions.parse([])
    assert "SKMLK_DATA must name the folder" in capsys.readouterr().err


@pytest.mark.parametrize("objective", ["f1_micro", "f1_macro", "f1_samples", "neg_hamming_loss"])
def test_scores_that_are_kept_tune_as_the_classifier_does(quality, multilabel_data, objective):
    X, y = multilabel_data
    y = np.column_stack([y, np.isin(np.arange(len(y)), (3, 20, 41, 66))])  # rarer than folds
    split = quality.Split(X[:80], y[:80], X[80:], y[80:])
    classifier = OneVsRestClassifier(LogisticRegression(solver="liblinear"))

    scored = quality.score(classifier, split, seed=3)

    tuned = MultiLabelTunedThresholdClassifierCV(
        classifier, objective=objective, cv=quality.N_FOLDS, random_state=3
    ).fit(X[:80], y[:80])
    np.testing.assert_array_equal(scored.tune(objective), tuned.predict(X[80:]))
    np.testing.assert_array_equal(
        scored.decide(Threshold()), tuned.estimator_.predict_proba(X[80:]) > 0.5
    )


def test_scores_that_are_kept_calibrate_as_the_classifier_does(quality, multilabel_data):
    X, y = multilabel_data
    split = quality.Split(X[:80], y[:80], X[80:], y[80:])
    classifier = OneVsRestClassifier(LogisticRegression(solver="liblinear"))

    scored = quality.score(classifier, split, seed=0)

    calibrated = MultiLabelCalibratedClassifierCV(classifier, cv=scored.folds).fit(X[:80], y[:80])
    np.testing.assert_allclose(
        scored.calibrate(), calibrated.predict_proba(X[80:]), rtol=0, atol=1e-6
    )


@pytest.mark.slow
def test_smoke_run_of_decisions(decisions, tmp_path):
    """All parts run, and their tables go into the page."""
    if not os.environ.get("SKMLK_DATA") and os.environ.get("SKMLK_REQUIRE_DATA") != "1":
        pytest.skip("Set SKMLK_DATA to the folder of real data.")
    page = tmp_path / "page.md"
    page.write_text(decisions.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, str(BENCHMARKS / "decisions.py"), "--quick", "--output", str(page)]

    subprocess.run(command, check=True, timeout=500)

    text = page.read_text(encoding="utf-8")
    assert "smoke run" in text
    for name in decisions.PARTS:
        section = text.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        assert "| --- |" in section
        assert "nan" not in section
