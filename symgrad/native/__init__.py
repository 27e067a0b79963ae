"""A small ahead-of-time compiler of the Python that emitted modules consist of.

A module's text is Numba's Python, and Numba compiles it: in seconds, most of them spent on finding types
that the text already says. This package reads the same functions – scalars, flat arrays, counted loops – and
writes LLVM assembly for them in one walk. It stands in for `numba` where such a module is loaded.
"""

from symgrad.native import types
from symgrad.native.function import Function, njit, prange

__all__ = ["Function", "njit", "prange", "types"]
