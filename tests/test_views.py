"""Chains of views share memory and history: reads, writes through them and gradients, against PyTorch and compiled."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import agree, torch

import symgrad as sg

STEPS: dict[str, Callable[[Any, random.Random], Any]] = {
    "t": lambda x, r: x.t() if x.ndim <= 2 else x.mT,
    "slice": lambda x, r: x[r.randrange(2) :] if x.ndim and x.shape[0] > 2 else x.unsqueeze(-1),
    "step": lambda x, r: x[..., ::2] if x.ndim else x.view(1, 1),
    "select": lambda x, r: x[r.randrange(x.shape[0])] if x.ndim > 1 and x.shape[0] else x,
    "unsqueeze": lambda x, r: x.unsqueeze(r.randrange(x.ndim + 1)),
    "squeeze": lambda x, r: x.squeeze(),
    "permute": lambda x, r: x.permute(r.sample(range(x.ndim), x.ndim)),
    "movedim": lambda x, r: x.movedim(0, -1) if x.ndim else x,
    "diagonal": lambda x, r: x.diagonal(r.randrange(-1, 2)) if x.ndim > 1 and min(x.shape[:2]) > 1 else x,
    "split": lambda x, r: (x.split(2, -1)[0] if isinstance(x, sg.Tensor) else x[..., :2]) if x.ndim else x,
    "chunk": lambda x, r: (x.chunk(2)[0] if isinstance(x, sg.Tensor) else x[: -(-len(x) // 2)]) if x.ndim else x,
    "unbind": lambda x, r: (x.unbind(-1)[0] if isinstance(x, sg.Tensor) else x[..., 0]) if x.ndim > 1 else x,
    "windows": lambda x, r: x.unfold(0, 2, 2) if x.ndim and x.shape[0] > 1 else x,
    "flatten": lambda x, r: x.view(-1) if x.is_contiguous() else x,
    "unflatten": lambda x, r: x.unflatten(0, (-1, 1)) if x.ndim and x.shape[0] else x,
}  # fmt: skip


# PyTorch forbids writing to one of several views made at once; there a slice stands for it.


def walk(x: Any, seed: int) -> Any:
    """A view at the end of a random chain; the seed alone decides."""
    r = random.Random(seed)
    for name in r.sample(sorted(STEPS), r.randrange(2, 5)):
        x = STEPS[name](x, r)
    return x


def written(lib: Any, seed: int) -> Any:
    """A write through one chain and a read through another; gradients of what was there and what was written."""
    leaf = lib.arange(1.0, 25.0, dtype=lib.float64).reshape(4, 6).requires_grad_(True)
    w = lib.tensor(1.5, dtype=lib.float64, requires_grad=True)
    base = leaf * 2
    other = walk(base, seed + 1000)
    part = walk(base, seed)
    part.mul_(w)
    (part + base.sum()).sum().backward()
    seen = other * w
    return base, part, seen, leaf.grad, w.grad


@pytest.mark.parametrize("seed", range(60))
def test_writes_through_chains_of_views(seed: int) -> None:
    agree(lambda T: written(T, seed), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(0, 60, 12))
def test_writes_through_chains_of_views_compiled(seed: int, backend: str) -> None:
    def step(leaf: Any, w: Any) -> Any:
        base = leaf * 2
        other = walk(base, seed + 1000)
        part = walk(base, seed)
        part.mul_(w)
        (part.sum() + (other * w).sum() + base.sum()).backward()
        return base, leaf.grad, w.grad

    def run(function: Any) -> Any:
        leaf = sg.arange(1.0, 25.0, dtype=sg.float64).reshape(4, 6).requires_grad_(True)
        return function(leaf, sg.tensor(1.5, dtype=sg.float64, requires_grad=True))

    for got, want in zip(run(sg.compile(step, backend=backend, fullgraph=True)), run(step)):
        np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-12)


VIEWS = {
    "diagonal": lambda x: x.diagonal(1),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 2), (6, 1), 3),
    "split": lambda x: x.split(2)[1],
    "chunk": lambda x: x.chunk(3, 1)[2],
    "unbind": lambda x: x.unbind(1)[3],
    "movedim": lambda x: x.movedim(0, 1),
    "unflatten": lambda x: x.unflatten(1, (2, 3)),
    "expand as it is": lambda x: x.expand(4, 6),
    "bits": lambda x: x.view((sg if isinstance(x, sg.Tensor) else torch).int32),
    "T": lambda x: x.T, "mT": lambda x: x.mT, "atleast_3d": lambda x: x.reshape(4, 6, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory(name: str) -> None:
    def program(T: Any) -> Any:
        x = T.arange(24, dtype=T.float32).reshape(4, 6)
        v = VIEWS[name](x)
        v += 1
        return x, v, v.stride(), v.storage_offset()

    agree(program)


COPIES = {"flip": lambda x: x.flip(0), "repeat": lambda x: x.repeat(1, 1), "roll": lambda x: x.roll(0),
          "tile": lambda x: x.tile(1), "repeat_interleave": lambda x: x.repeat_interleave(1, 0),
          "rot90": lambda x: x.rot90(0), "diag": lambda x: x.diag()}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not(name: str) -> None:
    def program(T: Any) -> Any:
        x = T.arange(16.0).reshape(4, 4)
        COPIES[name](x).add_(1)
        return x

    agree(program)


def turned(T: Any, x: Any) -> Any:
    """In-place changes of shape, between views made before and after them."""
    y = x * 2
    early = y[0]
    y.t_()
    late = y[0]
    late.mul_(3)
    early.add_(1)
    y.unsqueeze_(0).squeeze_(0).transpose_(0, 1)
    y.mul_(x)
    return y, early, late, y.stride()


def test_shape_changed_in_place() -> None:
    def program(T: Any) -> Any:
        x = T.arange(6.0).reshape(2, 3).requires_grad_(True)
        y, early, late, stride = turned(T, x)
        (y.sum() + early.sum() + (late * late).sum()).backward()
        return y, early, late, stride, x.grad

    agree(program)


def test_shape_changed_in_place_compiled(backend: str) -> None:
    def step(x: Any) -> Any:
        y, early, late, _ = turned(sg, x)
        (y.sum() + early.sum() + (late * late).sum()).backward()
        return y.clone(), early.clone(), x.grad

    make = lambda: sg.arange(6.0).reshape(2, 3).requires_grad_(True)
    want, got = step(make()), sg.compile(step, backend=backend, fullgraph=True)(make())
    for a, b in zip(got, want):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())


@pytest.mark.parametrize("change", ["t_", "squeeze_"])
def test_a_changed_shape_makes_saved_values_stale(change: str) -> None:
    def program(T: Any) -> Any:
        x = T.ones(1, 2, requires_grad=True)
        y = x * 2
        z = y * y
        getattr(y, change)()
        z.sum().backward()
        return x.grad

    agree(program)


def test_resize_and_set() -> None:
    def program(T: Any) -> Any:
        x, y = T.arange(6.0), T.arange(4.0)
        x.resize_(2, 2)
        grown = T.arange(2).resize_(1, 2)
        z = T.zeros(3).set_(y)
        z[0] = 9
        return x, x.stride(), grown, y, z

    agree(program)


def test_a_leaf_keeps_its_shape() -> None:
    agree(lambda T: T.ones(1, 2, requires_grad=True).t_())
    agree(lambda T: T.ones(2, requires_grad=True).resize_(1))
