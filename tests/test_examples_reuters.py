"""The example on Reuters' stories runs, in a small size."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from resources import real_file

EXAMPLES = Path(__file__).parents[1] / "examples"
FILE = "reuters21578_r90_text.jsonl.gz"


@pytest.fixture
def reuters(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module("reuters")


@pytest.mark.parametrize("folder", [None, "here"])
def test_without_stories_the_way_out_is_told(reuters, monkeypatch, tmp_path, folder):
    monkeypatch.delenv("SKMLK_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("SKMLK_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=f"Set SKMLK_DATA to a folder that holds {FILE}"):
        reuters.main()


@pytest.mark.slow
def test_reuters(reuters, capsys):
    real_file(FILE)
    reuters.main(n_train=500, n_test=200, epochs=8, thresholds=(0.2, 0.5))
    first, *_, text, tfidf, ensemble = capsys.readouterr().out.splitlines()
    assert first == "500 training stories, 200 test stories, 90 topics"
    lines = {"text": text, "TF-IDF, mlp": tfidf, "TF-IDF, ensemble": ensemble}
    for name, line in lines.items():
        row = re.split(r" {2,}", line.strip())
        assert row[0] == name
        assert float(row[1]) in (0.2, 0.5)
        assert float(row[2]) > 0.5
