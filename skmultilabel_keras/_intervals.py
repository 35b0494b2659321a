"""Numbers in an interval: one check, and one message, for the parameters of everything.

Owns: which values are real numbers, and how an interval is put into words.
Does not own: which interval a parameter has.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def is_real(value: Any) -> bool:
    """Tell whether this is a real number, which a truth value is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    hint: str = "",
) -> float:
    """Return a finite number of an interval.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.
    value : object
        What was passed.
    low, high : float
        The ends of the interval.
    above, below : bool, default=False
        Whether the lower and the upper end are left out.
    hint : str, default=""
        What else the message says.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        number = float(value) if is_real(value) else math.nan
    except OverflowError:  # an integer of some hundred digits
        number = math.inf
    starts = low < number if above else low <= number
    ends = number < high if below else number <= high
    if math.isfinite(number) and starts and ends:
        return number
    if high < math.inf:
        rule = f" in {'(' if above else '['}{low:g}, {high:g}{')' if below else ']'}"
    elif low > -math.inf:
        rule = f" {'above' if above else 'of at least'} {low:g}"
    else:
        rule = ""
    raise ValueError(f"{name} must be a finite number{rule}; got {value!r}. {hint}".rstrip())
