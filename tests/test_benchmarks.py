"""The benchmarks' own logic, and a smoke run; no figure of a benchmark is a test."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

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


def test_contenders_take_turns(bench):
    order = []

    def sampler(name):
        return lambda: order.append(name) or bench.timing.Sample(len(order))

    settings = bench.timing.Settings(repeats=2, patience=0.0)
    samples = bench.timing.take_turns({name: sampler(name) for name in "AB"}, settings)

    assert order == ["A", "B", "A", "B"]
    assert [sample.value for sample in samples["A"]] == [1, 3]


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
        "images",
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


def test_page_is_replaced_only_by_a_full_run(bench):
    assert bench.run.parse([]).output == bench.run.PAGE
    assert bench.run.parse(["--quick"]).output is None
    assert bench.run.parse(["--only", "images"]).output is None
    assert bench.run.parse(["--quick", "--output", "page.md"]).output == Path("page.md")


@pytest.mark.slow
def test_smoke_run(bench, tmp_path):
    """Two rows run, and have a figure for each of their targets."""
    names = ("warm_fit", "predict")
    page = tmp_path / "page.md"
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--repeats", "1"]

    subprocess.run([*command, "--only", *names, "--output", str(page)], check=True, timeout=500)

    lines = page.read_text(encoding="utf-8").splitlines()
    assert "failed" not in "".join(lines)
    judged = [line for line in lines if line.endswith(("| yes |", "| no |"))]
    rows = [row for row in bench.rows.ROWS if row.name in names]
    assert len(judged) == sum(len(row.targets) for row in rows)
