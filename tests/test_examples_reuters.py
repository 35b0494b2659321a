"""The example on Reuters' stories runs, in a small size."""

import os
import re
from importlib import import_module
from pathlib import Path

import pytest

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
    path = Path(os.environ.get("SKMLK_DATA", "")) / FILE
    if "SKMLK_DATA" not in os.environ or not path.is_file():
        if os.environ.get("SKMLK_REQUIRE_DATA") == "1":
            pytest.fail(f"SKMLK_REQUIRE_DATA=1, but there is no {path}.")
        pytest.skip(f"There is no {path}; set SKMLK_DATA to the folder of real data.")
    reuters.main(n_train=1200, n_test=300, epochs=10, thresholds=(0.2, 0.5))
    first, *_, text, tfidf, ensemble = capsys.readouterr().out.splitlines()
    assert first == "1200 training stories, 300 test stories, 90 topics"
    lines = {"text": text, "TF-IDF, mlp": tfidf, "TF-IDF, ensemble": ensemble}
    for name, line in lines.items():
        row = re.split(r" {2,}", line.strip())
        assert row[0] == name
        assert float(row[1]) in (0.2, 0.5)
        assert float(row[2]) > 0.6
