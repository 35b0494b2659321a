"""The example on film posters runs, in a small size."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from resources import real_file

EXAMPLES = Path(__file__).parents[1] / "examples"
POSTERS = "movie_posters_2k.npz"


@pytest.fixture
def posters(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module("posters")


@pytest.mark.parametrize("folder", [None, "here"])
def test_without_posters_the_way_out_is_told(posters, monkeypatch, tmp_path, folder):
    monkeypatch.delenv("SKMLK_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("SKMLK_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=f"Set SKMLK_DATA to a folder that holds {POSTERS}"):
        posters.main()


@pytest.mark.slow
def test_posters(posters, capsys):
    real_file(POSTERS)
    real_file(posters.WEIGHTS)
    posters.main(n_train=300, n_test=150, epochs=(2, 12), image_size=(96, 64))
    first, *_, shares, cnn, transfer = capsys.readouterr().out.splitlines()
    assert first == "300 training posters, 150 test posters, 25 genres"
    rows = {
        name: re.split(r" +", line.strip())
        for name, line in (("shares", shares), ("cnn", cnn), ("transfer", transfer))
    }
    assert all(row[0] == name for name, row in rows.items())
    assert all(float(rows[name][1]) in (3e-4, 1e-3) for name in ("cnn", "transfer"))
    assert float(rows["transfer"][2]) > float(rows["shares"][1])  # ranking precision
