"""The examples run, in a small size, and write what they promise."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def load_example():
    """Return a function that imports an example by name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def quickstart(load_example):
    return load_example("quickstart")


def read_texts(svg):
    """Return text, fill and weight of every text in a picture."""
    return [
        (element.text, element.get("fill"), element.get("font-weight"))
        for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.slow
def test_quickstart(quickstart, tmp_path, capsys):
    sizes = [(8,), (8, 4)]
    quickstart.main(n_scenes=150, epochs=2, hidden_layer_sizes=sizes, folder=tmp_path)

    output = capsys.readouterr().out
    scores = r"  +0\.\d{3}  +0\.\d{3}  +0\.\d{3}$"
    candidates = re.findall(rf"^(0\.00\d) +(\d[\d +]*){scores}", output, re.MULTILINE)
    assert [(rate, layers.strip()) for rate, layers in candidates] == [
        ("0.001", "8"),
        ("0.003", "8"),
        ("0.001", "8 + 4"),
        ("0.003", "8 + 4"),
    ]
    models = re.findall(rf"^([a-z][a-z, ]*?){scores}", output, re.MULTILINE)
    assert models == ["no digit, ever", "digits at random", "logistic regression", "best network"]
    picture = (tmp_path / "quickstart.svg").read_text()
    assert str(tmp_path / "quickstart.svg") in output
    assert [text for text, *_ in read_texts(picture)].count("predicted") == 12


@pytest.mark.slow
def test_decisions(load_example, capsys):
    decisions = load_example("decisions")
    decisions.main(n_scenes=300, epochs=5)

    output = capsys.readouterr().out
    cells = r"  +(\*?0\.\d{3} \([+-]0\.\d{3}\))" * len(decisions.METRICS)
    lines = re.findall(rf"^(\S.*?){cells}$", output, re.MULTILINE)
    assert [line[0] for line in lines] == [
        *map(str, decisions.RULES),
        "tuned for f1_micro",
        "tuned for f1_macro",
    ]
    assert all(cell.endswith("(+0.000)") for cell in lines[0][1:])
    for column in zip(*(line[1:] for line in lines), strict=True):
        values = [float(cell.lstrip("*").split()[0]) for cell in column]
        assert max(values) in [v for v, cell in zip(values, column, strict=True) if cell[0] == "*"]


def test_gains_are_against_the_first_rule(load_example):
    decisions = load_example("decisions")
    y_true = np.array([[1, 0], [1, 1]])
    lines = decisions.compare({"first": y_true * 0, "second": y_true}, y_true)

    assert [line[:3] for line in lines] == [
        ["first", "0.250 (+0.000)", "0.000 (+0.000)"],
        ["second", "*1.000 (+0.750)", "*1.000 (+1.000)"],
    ]


def test_picture_marks_missed_and_wrong_digits(quickstart):
    true, predicted = np.zeros((2, 1, 10), dtype=int)
    true[0, [2, 7]] = predicted[0, [2, 9]] = 1
    image = np.zeros((1, 8, 30))
    image[0, 3, 4] = 0.5

    picture = quickstart.draw_scenes(image, true, predicted)

    assert picture.count('<rect x="4" y="3" width="1" height="1" opacity="0.50"/>') == 1
    digits = [text for text in read_texts(picture) if text[0].isdigit()]
    assert digits == [
        ("2", "black", None),
        ("7", quickstart.MISSED, "bold"),
        ("2", "black", None),
        ("9", quickstart.WRONG, "bold"),
    ]


def test_table_aligns_columns(quickstart, capsys):
    quickstart.print_table(["name", "n"], [["long name", "1"], ["x", "22"]])

    assert capsys.readouterr().out.splitlines() == [
        "name        n",
        "---------  --",
        "long name   1",
        "x          22",
    ]
