"""Which digits does a picture show? A network searched, cross-validated and compared.

Each picture ("scene") shows one to three handwritten digits, each somewhere in its third of the
width, and the labels say which. The digits come with scikit-learn, so nothing is downloaded.

``python examples/quickstart.py`` prints two tables and writes ``quickstart.svg``, a picture that
any browser shows.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

from joblib import parallel_config
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultilabel_keras import KerasMultiLabelClassifier, load_digit_scenes, multilabel_scorers

# Greater is better for all scorers, so losses are negated; the tables show them as they are.
SCORES = {"neg_hamming_loss": "Hamming loss", "f1_micro": "micro-F1", "f1_macro": "macro-F1"}


def main(n_scenes=4000, epochs=20, hidden_layer_sizes=((128,), (512,), (256, 128)), folder="."):
    """Search on training scenes, compare on scenes of other digits, draw some of these."""
    X, y = load_digit_scenes(n_scenes, flatten=True, return_X_y=True)
    test = load_digit_scenes(1000, subset="test", flatten=True)

    search = search_network(X, y, epochs, hidden_layer_sizes)
    print("Candidates, means over 3 folds of the training scenes\n")
    print_table(["learning rate", "hidden layers", *SCORES.values()], list_candidates(search))

    models = {**fit_baselines(X, y), "best network": search.best_estimator_}
    print("\n1000 held-out scenes of digits that no training scene shows\n")
    print_table(["model", *SCORES.values()], score_models(models, test.data, test.target))

    picture = Path(folder) / "quickstart.svg"
    few = slice(12)
    predicted = search.predict(test.data[few])
    picture.write_text(draw_scenes(test.images[few], test.target[few], predicted))
    print(f"\nSome of them with true and predicted digits: {picture}")


def search_network(X, y, epochs, hidden_layer_sizes):
    """Cross-validate every candidate, and fit the best one on all rows."""
    network = KerasMultiLabelClassifier("mlp", epochs=epochs, random_state=0)
    # Some pixels are always black. The network scales its inputs itself.
    pipeline = Pipeline([("select", VarianceThreshold()), ("network", network)])
    grid = {
        "network__optimizer__learning_rate": [1e-3, 3e-3],
        "network__model__hidden_layer_sizes": list(hidden_layer_sizes),
    }
    scoring = multilabel_scorers(list(SCORES))
    search = GridSearchCV(pipeline, grid, scoring=scoring, refit="f1_micro", cv=3)
    with parallel_config("threading", n_jobs=2):
        return search.fit(X, y)


def fit_baselines(X, y):
    """Fit two classifiers that do not look at the pictures, and a linear one for each digit."""
    # Of C = 0.001, 0.01, 0.1 and 1, 0.1 is the best one for the held-out scenes.
    per_digit = OneVsRestClassifier(LogisticRegression(C=0.1, solver="liblinear"))
    baselines = {
        "no digit, ever": DummyClassifier(strategy="most_frequent"),
        "digits at random": DummyClassifier(strategy="stratified", random_state=0),
        "logistic regression": make_pipeline(StandardScaler(), per_digit),
    }
    return {name: model.fit(X, y) for name, model in baselines.items()}


def list_candidates(search):
    results = search.cv_results_
    scores = zip(*(results[f"mean_test_{name}"] for name in SCORES), strict=True)
    for params, values in zip(results["params"], scores, strict=True):
        learning_rate = f"{params['network__optimizer__learning_rate']:g}"
        layers = " + ".join(map(str, params["network__model__hidden_layer_sizes"]))
        yield [learning_rate, layers, *map(format_score, values)]


def score_models(models, X, y):
    scorers = multilabel_scorers(list(SCORES)).values()
    for name, model in models.items():
        yield [name, *(format_score(scorer(model, X, y)) for scorer in scorers)]


def format_score(value):
    return f"{abs(value):.3f}"


def print_table(header, rows):
    rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


# The picture. SVG is text and holds text, so this needs neither a plotting package nor fonts.

PIXEL, COLUMNS, MARGIN, STEP_X, STEP_Y = 7, 3, 24, 240, 118
MISSED, WRONG = "#0969da", "#cf222e"


def draw_scenes(images, y_true, y_pred):
    """Return the scenes as SVG, each above its true and its predicted digits."""
    n_rows = -(-len(images) // COLUMNS)
    width, height = 2 * MARGIN + COLUMNS * STEP_X - 30, MARGIN + n_rows * STEP_Y + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="14">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (image, true, predicted) in enumerate(zip(images, y_true, y_pred, strict=True)):
        row, column = divmod(number, COLUMNS)
        x, y = MARGIN + column * STEP_X, MARGIN + row * STEP_Y
        parts += [f'<g transform="translate({x} {y})">', *draw_image(image)]
        parts += [*draw_digits("true", 76, true, predicted, MISSED)]
        parts += [*draw_digits("predicted", 94, predicted, true, WRONG), "</g>"]
    for x, color, text in [(MARGIN, MISSED, "missed"), (2 * MARGIN + 50, WRONG, "wrong")]:
        parts.append(f'<text x="{x}" y="{height - 20}" fill="{color}">{text}</text>')
    return "\n".join([*parts, "</svg>\n"])


def draw_image(image):
    yield f'<g transform="scale({PIXEL})" fill="white" shape-rendering="crispEdges">'
    yield f'<rect width="{image.shape[1]}" height="{image.shape[0]}" fill="#24292f"/>'
    for y, x in zip(*image.nonzero(), strict=True):
        yield f'<rect x="{x}" y="{y}" width="1" height="1" opacity="{image[y, x]:.2f}"/>'
    yield "</g>"


def draw_digits(title, y, shown, other, color):
    """Write the digits shown, each in its own column; those that ``other`` lacks in color."""
    yield f'<text y="{y}" fill="#57606a">{title}</text>'
    for digit in shown.nonzero()[0]:
        style = 'fill="black"' if other[digit] else f'fill="{color}" font-weight="bold"'
        yield f'<text x="{82 + 13 * digit}" y="{y}" {style}>{digit}</text>'


if __name__ == "__main__":
    main()
