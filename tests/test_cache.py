"""The cache of compiled functions: counted, bounded, safe in threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from skmultilabel_keras import compile_cache_info, set_compile_cache_size
from skmultilabel_keras._tensorflow.cache import CompileCache


class Maker:
    """Makes functions, and knows for which keys."""

    def __init__(self, seconds=0.0):
        self.made = []
        self._seconds = seconds

    def __call__(self, key):
        def make():
            time.sleep(self._seconds)
            self.made.append(key)
            return f"function {key}"

        return make


def fill(cache, maker, keys):
    return [cache.get(key, maker(key)) for key in keys]


def test_a_key_is_made_once():
    cache, maker = CompileCache(4), Maker()
    assert fill(cache, maker, "aab") == ["function a", "function a", "function b"]
    assert maker.made == ["a", "b"]
    assert cache.info() == (1, 2, 0, 2, 4)


def test_traces_are_counted_apart():
    """One miss may trace nothing, and a function of one fit alone is no miss."""
    cache = CompileCache(4)
    cache.count_trace()
    cache.count_trace()
    assert cache.info()._asdict() == {
        "hits": 0,
        "misses": 0,
        "traces": 2,
        "size": 0,
        "maxsize": 4,
    }


def test_the_function_used_longest_ago_goes_first():
    cache, maker = CompileCache(2), Maker()
    fill(cache, maker, "abac")  # b is the older one now
    fill(cache, maker, "ac")
    assert maker.made == ["a", "b", "c"]
    fill(cache, maker, "b")
    assert maker.made == ["a", "b", "c", "b"]
    assert cache.info().size == 2


@pytest.mark.parametrize("maxsize", [0, 1, 3])
def test_no_more_is_kept_than_asked_for(maxsize):
    cache, maker = CompileCache(maxsize), Maker()
    fill(cache, maker, "abcde")
    assert cache.info().size == maxsize
    assert cache.info().misses == 5


def test_a_smaller_cache_drops_the_oldest():
    cache, maker = CompileCache(4), Maker()
    fill(cache, maker, "abcd")
    cache.resize(2)
    assert cache.info().size == 2
    fill(cache, maker, "cd")
    assert maker.made == ["a", "b", "c", "d"]
    cache.resize(0)
    assert fill(cache, maker, "d") == ["function d"]
    assert cache.info().size == 0


def test_clearing_drops_functions_and_counters():
    cache, maker = CompileCache(4), Maker()
    fill(cache, maker, "aab")
    cache.count_trace()
    cache.clear()
    assert cache.info() == (0, 0, 0, 0, 4)
    fill(cache, maker, "a")
    assert maker.made == ["a", "b", "a"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_no_entry(error):
    cache, maker = CompileCache(4), Maker()

    def fail():
        raise error

    with pytest.raises(error):
        cache.get("a", fail)
    assert cache.info() == (0, 0, 0, 0, 4)
    assert fill(cache, maker, "aa") == ["function a"] * 2
    assert maker.made == ["a"]


def test_threads_that_ask_for_one_key_share_what_the_first_makes():
    cache, maker = CompileCache(4), Maker(seconds=0.05)
    barrier = threading.Barrier(8)

    def ask(_):
        barrier.wait(5)
        return cache.get("a", maker("a"))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"function a"}
    assert maker.made == ["a"]
    assert cache.info()[:2] == (7, 1)


def test_different_keys_are_made_at_the_same_time():
    cache, both = CompileCache(4), threading.Barrier(2)

    def make():
        both.wait(5)  # breaks if one waits for the other's end
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: cache.get(key, make), "ab")) == ["made"] * 2


def test_a_thread_that_waited_for_one_that_failed_makes_its_own():
    """And what it makes is kept."""
    cache, maker, started = CompileCache(4), Maker(), threading.Event()

    def fail():
        started.set()
        time.sleep(0.1)
        raise RuntimeError("no")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", fail)
        started.wait(5)
        second = pool.submit(cache.get, "a", maker("a"))
        assert isinstance(first.exception(), RuntimeError)
        assert second.result() == "function a"
    fill(cache, maker, "a")
    assert maker.made == ["a"]
    assert cache.info().size == 1


def test_clearing_while_a_function_is_made_does_no_harm():
    cache, maker, started = CompileCache(4), Maker(), threading.Event()

    def make():
        started.set()
        time.sleep(0.05)
        return "made"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "a", make)
        started.wait(5)
        cache.clear()
        cache.resize(1)
        fill(cache, maker, "b")
        assert slow.result() == "made"
    assert cache.info().size == 1


def test_the_size_of_the_shared_cache_can_be_set():
    before = compile_cache_info().maxsize
    try:
        set_compile_cache_size(3)
        assert compile_cache_info().maxsize == 3
    finally:
        set_compile_cache_size(before)


@pytest.mark.parametrize("maxsize", [-1, 1.5, True, "2", None])
def test_sizes_that_are_none(maxsize):
    with pytest.raises(ValueError, match="maxsize must be an integer of at least 0; got"):
        set_compile_cache_size(maxsize)
