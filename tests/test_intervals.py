"""One check of numbers for all parameters."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmultilabel_keras._intervals import check_number

NUMBERS = st.integers(-5, 5) | st.floats(-5, 5) | st.fractions(-5, 5, max_denominator=100)


@given(value=NUMBERS, low=st.integers(-5, 0), high=st.integers(1, 5), data=st.data())
def test_numbers_within_pass_and_others_are_named(value, low, high, data):
    above, below = data.draw(st.booleans()), data.draw(st.booleans())
    within = low <= value <= high and not (above and value == low) and not (below and value == high)
    if within:
        number = check_number("rate", value, low, high, above=above, below=below)
        assert type(number) is float
        assert number == float(value)
        return
    ends = rf"\{'(' if above else '['}{low}, {high}\{')' if below else ']'}"
    with pytest.raises(ValueError, match=rf"^rate must be a finite number in {ends}; got .*\.$"):
        check_number("rate", value, low, high, above=above, below=below)


@pytest.mark.parametrize(
    "value",
    [np.inf, -np.inf, np.nan, 10**400, "1", None, True, np.True_, 1j, [1], np.ones(1)],
    ids=repr,
)
def test_what_is_no_finite_number(value):
    with pytest.raises(ValueError, match=r"^a must be a finite number; got .*\. It is a hint\.$"):
        check_number("a", value, hint="It is a hint.")


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1), Fraction(1)], ids=repr)
def test_numbers_of_any_kind(value):
    assert check_number("a", value, 1) == 1.0
    with pytest.raises(ValueError, match="a must be a finite number above 1; got"):
        check_number("a", value, 1, above=True)
    with pytest.raises(ValueError, match="a must be a finite number of at least 2; got"):
        check_number("a", value, 2)
