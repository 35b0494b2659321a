"""Forked processes and worker processes: a clear error, and no more threads than are due."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._tensorflow.process import _thread_limit, check_process, limit_threads

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
needs_processors = pytest.mark.skipif(
    (os.cpu_count() or 1) < 2, reason="one processor leaves nothing to limit"
)


def test_nothing_happens_in_a_main_process():
    before = tf.config.threading.get_intra_op_parallelism_threads()
    for _ in range(2):
        check_process()
        limit_threads()
    assert tf.config.threading.get_intra_op_parallelism_threads() == before


# Forks

_FORKS = """
import multiprocessing
import tensorflow as tf
from skmultilabel_keras._tensorflow.process import check_process, limit_threads

def work(answers):
    try:
        check_process()
        answers.put(str(float(tf.add(1.0, 2.0))))
    except RuntimeError as error:
        answers.put(str(error))

context = multiprocessing.get_context("fork")

def run_forked(target):
    answers = context.Queue()
    child = context.Process(target=target, args=(answers,))
    child.start()
    print(answers.get(timeout=60))
    child.join(60)

def fork_again(answers):
    child = context.Process(target=work, args=(answers,))
    child.start()
    child.join(60)

check_process()
run_forked(work)
run_forked(work)
limit_threads()
print(tf.config.threading.get_intra_op_parallelism_threads())
tf.config.list_logical_devices()
check_process()
run_forked(work)
run_forked(fork_again)
"""


@pytest.fixture(scope="module")
def forks():
    """Return what a fresh process and its forks print: before TensorFlow ran in it, and after."""
    environment = {name: text for name, text in os.environ.items() if "NUM_" not in name}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORKS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.thorough
@needs_fork
def test_a_fork_before_tensorflow_ran_works(forks):
    """Importing TensorFlow is not running it; nor does the check make it run."""
    assert forks[:2] == ["3.0"] * 2


@pytest.mark.thorough
@needs_fork
@pytest.mark.parametrize("place", [3, 4], ids=["work", "fork again"])
def test_a_fork_after_tensorflow_ran_is_an_error(forks, place):
    """In the child and in its children, instead of waiting for ever."""
    message = forks[place]
    assert "forked after TensorFlow had run in its parent" in message
    assert "'threading' or 'loky' backend" in message
    assert "get_context('spawn')" in message


@pytest.mark.thorough
@needs_fork
@needs_processors
def test_a_main_process_keeps_its_threads(forks):
    """Whatever OMP_NUM_THREADS says: there it was not a tool that shared processors out."""
    assert forks[2] == "0"


def _answer(send):
    try:
        check_process()
        send.send("no error")
    except RuntimeError as error:
        send.send(str(error))


@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
def test_a_fork_of_this_process_is_an_error():
    tf.add(1, 2)
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(send,))
    child.start()
    try:
        assert receive.poll(60)
        assert "was forked after TensorFlow" in receive.recv()
    finally:
        child.kill()
        child.join()
    check_process()  # still no error in the parent


# Threads of workers


def _threads(before=None):
    """Return what the threads are limited to, after running ``before``."""
    if before is not None:
        before()
    for _ in range(2):
        limit_threads()
    config = tf.config.threading
    return config.get_intra_op_parallelism_threads(), config.get_inter_op_parallelism_threads()


def _set_own():
    tf.config.threading.set_intra_op_parallelism_threads(2)


def _set_own_variable():
    os.environ["TF_NUM_INTEROP_THREADS"] = "2"


def _use():
    tf.add(1, 2)


# What the worker does first, and the threads (intra-op, inter-op) wanted then; 0 is TensorFlow's.
LIMITS = {
    "plain": (None, (1, 1)),
    "own": (_set_own, (2, 1)),
    "own variable": (_set_own_variable, (1, 0)),
    "too late": (_use, (0, 0)),
}


@pytest.mark.parametrize("limit", ["10000", "0", "", "1.5", "many"])
def test_what_is_no_share_of_the_processors(limit, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert _thread_limit() is None


@needs_processors
@pytest.mark.parametrize("limit", ["1", "1,4"], ids=["plain", "nested"])
def test_the_outermost_level_has_the_share_of_the_processors(limit, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert _thread_limit() == 1


@needs_processors
@pytest.mark.slow
@pytest.mark.parametrize("case", LIMITS)
def test_threads_of_a_worker(case):
    """A process of multiprocessing, told its share as joblib's are."""
    before, wanted = LIMITS[case]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            patch.delenv(name, raising=False)
        patch.setenv("OMP_NUM_THREADS", "1")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_threads, (before,)) == wanted


def _fit(X, Y):
    threads = _threads()
    estimator = KerasMultiLabelClassifier(
        "mlp", random_state=0, epochs=3, model__hidden_layer_sizes=(64,), model__dropout=0.3
    )
    return threads, estimator.fit(X, Y).predict_proba(X)


@needs_processors
@pytest.mark.slow
def test_a_limited_loky_worker_fits_what_its_parent_fits(multilabel_data):
    """Bit by bit, with one thread there and all of them here."""
    X, Y = multilabel_data
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        results = joblib.Parallel(n_jobs=2)(joblib.delayed(_fit)(X, Y) for _ in range(2))
    _, wanted = _fit(X, Y)
    for threads, y_score in results:
        assert threads == (1, 1)
        assert np.array_equal(y_score, wanted)


_SCHEDULES = keras.optimizers.schedules
_WARM_UP = _SCHEDULES.CosineDecay(1e-4, 9, warmup_target=1e-3, warmup_steps=3)

ON_ONE_THREAD = {
    "plain": {},
    "validation": {"validation_split": 0.2},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "warm-up": {"optimizer__learning_rate": _WARM_UP},
    "steps": {"optimizer__learning_rate": _SCHEDULES.PiecewiseConstantDecay([2], [1e-3, 1e-4])},
    "warm-up and validation": {
        "optimizer__learning_rate": _WARM_UP,
        "validation_split": 0.2,
    },
    "own steps": {"optimizer": "nadam", "validation_split": 0.2},
    "xla": {"jit_compile": True, "validation_split": 0.2},
    "ensemble": {"model": "ensemble", "validation_split": 0.2},
    "cnn": {"model": "cnn", "validation_split": 0.2},
}


def _fit_on_one_thread(parameters, X, Y):
    if parameters.get("model") == "cnn":
        X = np.tile(X[:, :1, None], (1, 9, 9))
    estimator = KerasMultiLabelClassifier(model="mlp", random_state=0, epochs=3).set_params(
        **parameters
    )
    history = estimator.fit(X, Y).history_
    return history, estimator.predict_proba(X).shape


@pytest.fixture(scope="module")
def one_thread():
    """A process in which TensorFlow has one thread of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            patch.setenv(name, "1")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            yield pool


@pytest.mark.thorough
@pytest.mark.parametrize("case", ON_ONE_THREAD)
def test_no_fit_waits_for_a_second_thread(one_thread, multilabel_data, case):
    """A conditional within the executor of one thread hung where there was no other one."""
    X, Y = multilabel_data
    waiting = one_thread.apply_async(_fit_on_one_thread, (ON_ONE_THREAD[case], X, Y))
    history, shape = waiting.get(timeout=120)

    assert shape == Y.shape
    assert np.isfinite(history.get("val_loss", history["loss"])).all()
