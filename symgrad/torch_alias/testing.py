"""`torch.testing`: the comparison that scripts and tests assert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ops.from_data import as_tensor
from symgrad.tensor.core import Tensor

__all__ = ["assert_close"]

TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
              "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}  # fmt: skip
"""PyTorch's (rtol, atol) by dtype; integers and truth values must be equal."""


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
                 atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
                 check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
                 msg: str | Callable[[str], str] | None = None) -> None:  # fmt: skip
    """AssertionError unless two tensors, numbers, or containers of them are equal within tolerances."""
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")

    def fail(text: str) -> None:
        raise AssertionError(msg(text) if callable(msg) else msg or text)

    def compare(a: Any, b: Any, where: str) -> None:
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if set(a) != set(b):
                fail(f"The keys of the mappings do not match{where}: {list(a)} and {list(b)}")
            for key in a:
                compare(a[key], b[key], f"{where}[{key!r}]")
        elif isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
            if len(a) != len(b):
                fail(f"The length of the sequences mismatch{where}: {len(a)} != {len(b)}")
            for i, (x, y) in enumerate(zip(a, b)):
                compare(x, y, f"{where}[{i}]")
        elif a is not None or b is not None:
            tensors(a, b, where)

    def tensors(a: Any, b: Any, where: str) -> None:
        if isinstance(a, Tensor) != isinstance(b, Tensor):
            raise TypeError(f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.")
        loose = not isinstance(a, Tensor)
        a, b = as_tensor(a).detach(), as_tensor(b).detach()  # type: ignore[attr-defined]
        if a.shape != b.shape:
            fail(f"The values for attribute 'shape' do not match{where}: {a.shape} != {b.shape}.")
        if check_dtype and not loose and a.dtype is not b.dtype:
            fail(f"The values for attribute 'dtype' do not match{where}: {a.dtype} != {b.dtype}.")
        if check_stride and a.stride() != b.stride():
            fail(f"The values for attribute 'stride()' do not match{where}: {a.stride()} != {b.stride()}.")
        kinds = [TOLERANCES.get(t.dtype.name, (0.0, 0.0)) for t in (a, b)]
        r, t = (max(k[0] for k in kinds), max(k[1] for k in kinds)) if rtol is None or atol is None else (rtol, atol)
        wide = dtypes.promote_types(dtypes.promote_types(a.dtype, b.dtype), dtypes.float64).np
        x, y = (z.reshape(-1).cpu().numpy().astype(wide) for z in (a, b))
        close = np.isclose(x, y, rtol=r, atol=t, equal_nan=equal_nan)
        if not close.all():
            gaps = np.abs(x[~close] - y[~close])
            worst = "nan" if np.isnan(gaps).any() else float(gaps.max())
            fail(f"Tensor-likes are not close{where}!\n\nMismatched elements: {int((~close).sum())} / {close.size}\n"
                 f"Greatest absolute difference: {worst} (up to {t} allowed, and {r} relative)")

    compare(actual, expected, "")
