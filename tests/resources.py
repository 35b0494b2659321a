"""What tests need of the machine: real data, the memory of a process, what is alive in it."""

import gc
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux' /proc")


def real_file(name):
    """Return the path of a file of real data; skip the test, or fail, where it is not there."""
    folder = os.environ.get("SKMLK_DATA")
    path = Path(folder or "", name)
    if not (folder and path.is_file()):
        if os.environ.get("SKMLK_REQUIRE_DATA") == "1":
            pytest.fail(f"SKMLK_REQUIRE_DATA=1, but there is no {path}.")
        pytest.skip(f"There is no {path}; set SKMLK_DATA to the folder of real data.")
    return path


def resident_megabytes():
    """Return the memory that this process holds, once its garbage is gone."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def kept_alive():
    """Return how many graphs, networks and variables there are, once all garbage is gone."""
    import keras
    import tensorflow as tf

    gc.collect()
    kinds = (tf.Graph, keras.Model, keras.Variable)
    return sum(issubclass(type(one), kinds) for one in gc.get_objects())


def in_new_process(function, *args):
    """Return what a function gives in a process where nothing else has run."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()
