"""Eager as the oracle: the same program built twice runs eagerly and compiled, and is compared after every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import symgrad as sg

Make = Callable[[], tuple[Any, ...]]
RTOL, ATOL = 2e-5, 2e-6


def leaf(*shape: int, seed: int = 0, dtype: str = "f4") -> Any:
    """A tensor that requires grad, its values fixed by `seed` and shape."""
    return data(*shape, seed=seed, dtype=dtype).requires_grad_()


def data(*shape: int, seed: int = 100, dtype: str = "f4") -> Any:
    """A tensor without grad; values in about -1..1, none near zero."""
    values = np.random.default_rng(seed).uniform(0.2, 1.0, shape)
    signs = np.random.default_rng(seed + 1).choice([-1.0, 1.0], shape)
    return sg.from_numpy(np.asarray(values * signs, dtype))


def image(x: Any, memo: dict[int, int] | None = None) -> Any:
    """What can be said of `x`: values, dtype, strides, grad and, for tensors met before, which."""
    memo = {} if memo is None else memo
    if isinstance(x, sg.Tensor):
        if id(x) in memo:
            return ("the same as", memo[id(x)])
        memo[id(x)] = len(memo)
        values = x.detach().numpy().copy()
        about = (tuple(x.shape), x.dtype.name, x.requires_grad, x.is_leaf, x.is_contiguous())
        return ("tensor", about, values, image(x.grad, memo) if x.is_leaf else None)
    if isinstance(x, np.ndarray):
        return ("array", x.copy())
    if isinstance(x, sg.nn.Module):
        return ("module", image(dict(x.named_parameters()), memo), image(dict(x.named_buffers()), memo))
    if isinstance(x, sg.optim.Optimizer):
        kept = [(k, [(n, image(v, memo)) for n, v in sorted(s.items())]) for k, s in x.state_dict()["state"].items()]
        return ("optimizer", kept)
    if isinstance(x, dict):
        return {k: image(v, memo) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return (type(x).__name__, *[image(v, memo) for v in x])
    return x


def assert_alike(got: Any, want: Any, where: str = "") -> None:
    """Two images agree: structure exactly, numbers within rounding."""
    if isinstance(want, np.ndarray):
        assert isinstance(got, np.ndarray) and got.dtype == want.dtype, f"{where}: {got!r} for {want!r}"
        # an element that cancelled has the rounding of the large ones beside it
        near = ATOL + 1e-5 * float(np.abs(want).max(initial=0)) if want.dtype.kind == "f" else 0
        np.testing.assert_allclose(got, want, RTOL, near, err_msg=where)
    elif isinstance(want, dict):
        assert list(got) == list(want), where
        for key in want:
            assert_alike(got[key], want[key], f"{where}.{key}")
    elif isinstance(want, (list, tuple)):
        assert type(got) is type(want) and len(got) == len(want), f"{where}: {got!r} for {want!r}"
        for i, (a, b) in enumerate(zip(got, want)):
            assert_alike(a, b, f"{where}[{i}]")
    elif isinstance(want, float):
        np.testing.assert_allclose(got, want, RTOL, ATOL, equal_nan=True, err_msg=where)
    else:
        assert got == want, f"{where}: {got!r} for {want!r}"


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives: its result, or the builtin error it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever eager raises is the oracle
        return next(c for c in type(error).__mro__ if c.__module__ in ("builtins", "symgrad.errors"))


def agree(
    make: Make,
    backend: str,
    *,
    calls: int = 3,
    variants: int | None = 1,
    between: Sequence[Callable[..., Any]] = (),
    fullgraph: bool = True,
) -> Any:
    """`make()` gives (step, what to watch, arguments …): eager and compiled leave the same behind.

    `between[i]` changes the watched things (given as its arguments) before call i + 1. Returns the Compiled.
    """
    step, watched, *args = make()
    other, other_watched, *other_args = make()
    compiled = sg.compile(other, backend=backend, fullgraph=fullgraph)
    for call in range(max(calls, len(between) + 1)):
        if 0 < call <= len(between):
            between[call - 1](*watched)
            between[call - 1](*other_watched)
        want = outcome(step, *args)
        got = outcome(compiled, *other_args)
        where = f"call {call + 1}"
        assert_alike(image((got, other_watched, other_args)), image((want, watched, args)), where)
    if variants is not None:
        known = sum(map(len, compiled.variants.values()))
        assert known == variants, f"{known} variants: {compiled.misses}"
    return compiled
