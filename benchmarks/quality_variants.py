"""The default recipe with one thing changed: what its parts are worth.

Owns: the table of variants.
Does not own: the recipe itself (``skmultilabel_keras._recipes``), measuring (``quality_cells``).
"""

from __future__ import annotations

from typing import Any

from datasets import DENSE
from quality_peers import Peer, Recipe

BOTH, TABLES, TEXTS = "tables and text", "tables", "text"


def concerns(name: str, kind: str) -> bool:
    """Return whether a variant changes anything for rows of a kind."""
    kinds = VARIANTS[name].about
    return kinds == BOTH or (kinds == TABLES) == (kind == DENSE)


def _changed(**settings: Any) -> Recipe:
    """Return our default estimator with some settings."""

    def build(kind, seed):
        from skmultilabel_keras import KerasMultiLabelClassifier

        return KerasMultiLabelClassifier(random_state=seed, **settings)

    return build


def _weighed_words(kind, seed):
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfTransformer(), _changed()(kind, seed))


def _variant(name: str, kinds: str, **settings: Any) -> Peer:
    return Peer(name, _changed(**settings), kinds)


_AVERAGED = {"optimizer__use_ema": True, "optimizer__ema_momentum": 0.98}

# What is tried, for the kinds of rows in `about`.
VARIANTS: dict[str, Peer] = {
    "default": _variant("the default", BOTH),
    "no_bins": _variant("no bins", TABLES, model__n_bins=None),
    "no_clip": _variant("outliers left", TABLES, model__smooth_clip=None),
    "more_bins": _variant("16 bins", TABLES, model__n_bins=16),
    "one_member": _variant("one member", BOTH, model__n_members=1),
    "more_members": _variant("16 members", BOTH, model__n_members=16),
    "one_layer": _variant("one hidden layer", TABLES, model__hidden_layer_sizes=(256,)),
    "two_layers": _variant("two hidden layers", TEXTS, model__hidden_layer_sizes=(128, 128)),
    "wider": _variant("256 hidden units", TEXTS, model__hidden_layer_sizes=(256,)),
    "selu": _variant("SELU", BOTH, model__activation="selu"),
    "less_dropout": _variant("dropout 0.2", BOTH, model__dropout=0.2),
    "more_dropout": _variant("dropout 0.7", BOTH, model__dropout=0.7),
    "no_prior": _variant("biases from zero", BOTH, model__prior_bias=False),
    "l2": _variant("L2 penalty 1e-4", BOTH, model__l2=1e-4),
    "smoothing": _variant("label smoothing 0.05", BOTH, loss__label_smoothing=0.05),
    "averaged": _variant("averaged weights", BOTH, **_AVERAGED),
    "early_stopping": _variant("early stopping", BOTH, early_stopping=True),
    "tfidf": Peer("TF-IDF", _weighed_words, TEXTS),
}
