"""Python numbers beside arrays, and arrays of one number: what NumPy is slow at.

Beside an array, a ufunc spends more time on making an array of a Python number than on adding some hundred
elements; one that was met before is found here, made already. On arrays without dimensions it spends more
than Python's own operators do on what they hold.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from numpy._core import umath
except ImportError:  # NumPy 1
    from numpy.core import umath  # type: ignore[no-redef]

clip: Any = getattr(umath, "clip", np.clip)
"""The ufunc under `np.clip`, which takes three times as long to get to it."""
ROOM = 1024
"""How many numbers are kept of a dtype."""

_known: defaultdict[Any, dict[Any, Any]] = defaultdict(dict)
"""By NumPy's dtype, arrays by the number they are of."""


def beside(number: Any, dtype: Any) -> Any:
    """A Python float or int as an operand beside an array of a floating dtype: the number, or an array of it."""
    found = _known[dtype].get(number)
    return found if found is not None else _made(number, dtype)


def _made(number: Any, dtype: Any) -> Any:
    exact = 0 < abs(number) < (1e30 if type(number) is float else 1 << 24)  # not 0.0, which equals -0.0; no overflow
    if not exact or dtype.char not in "fd":
        return number
    known = _known[dtype]
    if len(known) >= ROOM:
        known.clear()
    array = np.asarray(number, dtype)
    array.flags.writeable = False
    known[number] = array
    return array


OF_ONE: dict[Any, Callable[[Any, Any], Any]] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.true_divide: operator.truediv,
}  # fmt: skip
"""Ufuncs and the operators that do the same to single numbers."""
