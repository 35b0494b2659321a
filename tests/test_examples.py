"""The examples run, in a small size, and write what they promise."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def quickstart():
    spec = importlib.util.spec_from_file_location("quickstart", EXAMPLES / "quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
