"""Names that measurements, targets and the report have in common.

Owns: contenders and cases. It imports nothing, so that the report needs no TensorFlow.
"""

OURS = "KerasMultiLabelClassifier"
OURS_SERIAL = "KerasMultiLabelClassifier, n_jobs=1"
KERAS = "Keras"
SCIKERAS = "SciKeras"
PERCEPTRON = "MLPClassifier"
PERCEPTRON_PROCESSES = "MLPClassifier, 2 processes"
PARTS = "features once in Keras, then our fit of the head"
LOGISTIC = "OneVsRest(LogisticRegression)"

FIRST = "first in the process"
LATER = "later"

ONE_ARCHITECTURE = "one architecture"
MANY_ARCHITECTURES = "many architectures"

SMALL = "table, 600 × 70, 6 labels"
RARE = "table, 600 × 70, 6 rare labels"
LARGE = "table, 10,000 × 2,000, 200 labels"
LARGE_SPARSE = "sparse rows, 10,000 × 2,000, 200 labels"

TIME = "time"
PEAK_MEMORY = "peak memory"
MEMORY_GROWTH = "memory growth"
TIME_GROWTH = "growth of time"
