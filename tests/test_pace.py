"""How many steps a call may take."""

import pytest

from skmultilabel_keras._tensorflow import pace as pace_module
from skmultilabel_keras._tensorflow.pace import Pace


@pytest.fixture
def make_call(monkeypatch):
    """Return a function that lets a pace measure calls with steps of a given length."""
    clock = [0.0]
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: clock[0])

    def call(pace, seconds_per_step, n_steps=None):
        n_steps = pace.steps if n_steps is None else n_steps
        with pace.measure(n_steps):
            clock[0] += n_steps * seconds_per_step

    return call


@pytest.mark.parametrize("seconds", [1e-5, 1e-3, 0.1])
def test_calls_come_to_take_half_a_second(make_call, seconds):
    pace = Pace()
    for _ in range(20):
        make_call(pace, seconds)
    assert pace.steps == pytest.approx(0.5 / seconds, rel=0.3, abs=1)


def test_steps_at_most_double(make_call):
    pace = Pace()
    before = pace.steps
    make_call(pace, 1e-9)
    assert pace.steps == 2 * before


def test_a_step_that_takes_longer_than_a_call_may_is_one_call(make_call):
    pace = Pace()
    make_call(pace, 10.0)
    assert pace.steps == 1


def test_a_short_call_keeps_what_is_known(make_call):
    """The last call of a fit may have few steps: the next fit must not start anew."""
    pace = Pace()
    for _ in range(10):
        make_call(pace, 1e-4)
    known = pace.steps
    make_call(pace, 1e-4, n_steps=3)
    assert pace.steps >= known
