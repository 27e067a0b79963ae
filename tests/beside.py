"""One function beside PyTorch's: its value, its gradients and the gradients of those."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle import agree, array_of, make

RNG = np.random.default_rng(5)


def normal(*shape: int, dtype: str = "float64") -> Any:
    """Numbers of a dtype; small integers where it has no others."""
    kind = np.dtype(dtype)
    if kind.kind == "i":
        return RNG.integers(-4, 5, shape).astype(kind)
    out = RNG.normal(size=shape)
    return (out + 1j * RNG.normal(size=shape) if kind.kind == "c" else out).astype(kind)


def regular(*shape: int, dtype: str = "float64") -> Any:
    """Square matrices far from singular, with distinct singular values and eigenvalues."""
    return normal(*shape, dtype=dtype) + np.diag(np.arange(3, 3 + 2 * shape[-1], 2)).astype(dtype)


def positive(*shape: int, dtype: str = "float64") -> Any:
    """Hermitian positive-definite matrices with distinct eigenvalues."""
    x = normal(*shape, dtype=dtype)
    return (x @ np.swapaxes(x, -1, -2).conj() + np.diag(np.arange(1, 1 + shape[-1]))).astype(dtype)


def both(function: Any, *arrays: Any, grad: bool = True, second: bool = True, tol: float = 1e-5) -> None:
    """`function(lib, *tensors)` agrees with PyTorch, and so do its gradients (and theirs, if `second`)."""

    def program(lib: Any) -> Any:
        inexact = [grad and np.asarray(a).dtype.kind in "fc" for a in arrays]
        xs = [make(lib, a, need) for a, need in zip(arrays, inexact)]
        out = function(lib, *xs)
        wanted = [x for x, need in zip(xs, inexact) if need]
        if not wanted or not out.requires_grad:
            return out
        weight = make(lib, np.cos(np.arange(out.numel())).reshape(tuple(out.shape)).astype(array_of(out).dtype))
        first = lib.autograd.grad(out, wanted, weight, create_graph=second, allow_unused=True)
        more: Any = [None] * len(wanted)
        if second:
            total = sum((f * f).sum() for f in first if f is not None)
            if getattr(total, "requires_grad", False):
                seed = make(lib, np.ones((), array_of(total).dtype))
                more = lib.autograd.grad(total, wanted, seed, allow_unused=True)
        zeros = [lib.zeros_like(x) for x in wanted]
        return out, *[z if f is None else f.detach() for f, z in zip((*first, *more), (*zeros, *zeros))]

    agree(program, rtol=tol, atol=tol)
