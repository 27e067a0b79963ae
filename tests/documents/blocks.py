"""A block of a document, run as written: `torch` is PyTorch, then symgrad, then symgrad compiled.

A block is a function whose first parameter is called `torch`; the others are tensors. What it returns is
compared; where the block draws random numbers, only shapes and dtypes are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from opinfo.compare import difference
from opinfo.convert import leaves
from oracle import torch

import symgrad as sg

Block = Callable[..., Any]


def made(lib: Any, arrays: Any, requires_grad: bool) -> list[Any]:
    """Tensors of `lib` on copies of the arrays; the floating ones as leaves."""
    out = []
    for array in arrays:
        tensor = lib.from_numpy(np.array(array))
        out.append(tensor.requires_grad_(requires_grad and tensor.is_floating_point()))
    return out


def outcome(lib: Any, block: Block, arrays: Any, grad: bool, backend: str = "") -> tuple[Any, list[Any]]:
    """The block's results, and the gradients of its operands for the sum of the differentiable ones."""
    given = made(lib, arrays, grad)
    run = (lambda *t: block(lib, *t)) if not backend else sg.compile(Call(block), backend=backend, fullgraph=True)
    result = run(*given)
    roots = [t for t in leaves(result, lib.Tensor) if t.requires_grad] if grad else []
    if roots:
        sum((r * (i + 1)).sum() for i, r in enumerate(roots)).backward()
    return result, [g.grad for g in given]


class Call:
    """The block with symgrad as its `torch`."""

    def __init__(self, block: Block):
        self.block = block

    def __call__(self, *tensors: Any) -> Any:
        return self.block(sg, *tensors)


def shown(block: Block, *arrays: Any, grad: bool = False, numbers: bool = True, backends: tuple[str, ...] = ()) -> Any:
    """Run a block everywhere and compare; what it gave on symgrad, eagerly."""
    want, gradients = outcome(torch, block, arrays, grad)
    got, found = outcome(sg, block, arrays, grad)
    same(got, want, numbers)
    same(found, gradients, numbers)
    for backend in backends:
        compiled, found = outcome(sg, block, arrays, grad, backend)
        same(compiled, want, numbers, fields=False)
        same(found, gradients, numbers)
    return got


def same(got: Any, want: Any, numbers: bool = True, fields: bool = True) -> None:
    text = difference(got, want, numbers=numbers, fields=fields)
    if text is not None:
        pytest.fail(text)
