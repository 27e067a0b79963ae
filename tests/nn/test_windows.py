"""Convolution and pooling beside PyTorch's where the sweeps do not look: edges, layouts, compiled with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, make

import symgrad as sg

RNG = np.random.default_rng(3)
Program = Callable[..., Any]


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def beside(program: Program, *arrays: Any, backend: str | None = None, tol: float = 1e-4) -> None:
    """`program(F, *tensors)` agrees with PyTorch in values, gradients and strides, eagerly or compiled."""

    def run(lib: Any) -> Any:
        xs = [make(lib, a, True) for a in arrays]
        call = lambda *xs: program(lib.nn.functional, *xs)  # noqa: E731
        if lib is sg and backend is not None:
            call = sg.compile(call, backend=backend, fullgraph=True)
        out = call(*xs)
        (out * make(lib, np.cos(np.arange(out.numel())).reshape(tuple(out.shape)).astype(np.float32))).sum().backward()
        return out, *[x.grad for x in xs]

    agree(run, rtol=tol, atol=tol)


PROGRAMS: dict[str, tuple[Program, tuple[tuple[int, ...], ...]]] = {
    "strided": (lambda F, x, w, b: F.conv2d(x, w, b, padding=1, stride=2), ((4, 9, 7), (6, 4, 3, 3), (6,))),
    "grouped": (lambda F, x, w: F.conv2d(x, w, groups=2, padding="same", dilation=2), ((4, 9, 7), (6, 2, 3, 3))),
    "depthwise": (lambda F, x, w: F.conv1d(x, w, groups=4, padding=2), ((4, 9), (8, 1, 3))),
    "transposed": (lambda F, x, w: F.conv_transpose2d(x, w, None, 2, 1, 1, groups=2), ((4, 5, 7), (4, 3, 3, 3))),
    "3d": (lambda F, x, w: F.conv3d(x, w, stride=(1, 2, 1)), ((2, 4, 5, 6), (3, 2, 2, 3, 2))),
    "largest": (lambda F, x: F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), ((4, 9, 7),)),
    "mean": (lambda F, x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), ((4, 9, 7),)),
    "uneven mean": (lambda F, x: F.adaptive_avg_pool2d(x, (4, 3)), ((4, 9, 7),)),
    "uneven largest": (lambda F, x: F.adaptive_max_pool2d(x, (4, None)), ((4, 9, 7),)),
    "bilinear": (lambda F, x: F.interpolate(x, size=(5, 9), mode="bilinear"), ((4, 7, 7),)),
}


@pytest.mark.parametrize("batch", (0, 1, 3))
@pytest.mark.parametrize("name", PROGRAMS)
def test_batches(name: str, batch: int) -> None:
    program, (first, *rest) = PROGRAMS[name]
    if batch or name != "bilinear":  # PyTorch refuses to resample nothing
        beside(program, normal(batch, *first), *[normal(*s) for s in rest])


@pytest.mark.parametrize("backend", ("numpy", "numba"))
@pytest.mark.parametrize("name", ("strided", "grouped", "transposed", "largest", "mean", "uneven mean"))
def test_compiled(name: str, backend: str) -> None:
    program, (first, *rest) = PROGRAMS[name]
    beside(program, normal(2, *first), *[normal(*s) for s in rest], backend=backend)


@pytest.mark.parametrize("backend", (None, "numpy"))
def test_operands_that_are_not_contiguous(backend: str | None) -> None:
    beside(lambda F, x, w: F.conv2d(x.transpose(2, 3)[:, :, ::2], w), normal(2, 3, 8, 9), normal(4, 3, 3, 3),
           backend=backend)  # fmt: skip
    beside(lambda F, x, w: F.max_pool2d(F.conv2d(x.permute(0, 3, 1, 2), w), 2), normal(2, 8, 9, 3), normal(4, 3, 3, 3),
           backend=backend)  # fmt: skip


@pytest.mark.parametrize("backend", (None, "numpy"))
@pytest.mark.parametrize("program", (
    lambda F, x, w: F.conv2d(x, w), lambda F, x, w: F.conv_transpose2d(x, w.transpose(0, 1), padding=1),
    lambda F, x, w: F.max_pool2d(x, 2), lambda F, x, w: F.avg_pool2d(x, 2, padding=1),
    lambda F, x, w: F.interpolate(x, size=(5, 6), mode="bilinear"), lambda F, x, w: F.adaptive_avg_pool2d(x, 3),
))  # fmt: skip
def test_results_are_row_major(program: Program, backend: str | None) -> None:
    """So that `.view` of them works, as in most networks."""
    beside(lambda F, x, w: program(F, x, w).view(2, -1) + w.sum(), normal(2, 3, 8, 8), normal(4, 3, 3, 3),
           backend=backend)  # fmt: skip


def test_largest_of_equal_nan_and_infinite() -> None:
    """The first of equal elements has the gradient; nan is the largest; of -inf alone the first inside counts."""
    x = normal(2, 3, 8, 8)
    x[0, 0, 1, 1], x[1, 1], x[1, 2, :3], x[0, 1] = np.nan, np.inf, -np.inf, 1.0
    beside(lambda F, x: F.max_pool2d(x, 2), x)
    for lib in BOTH:
        out, at = lib.nn.functional.max_pool2d(make(lib, x), 3, 2, 1, return_indices=True)
        assert at.dtype is lib.int64 and tuple(at.shape) == tuple(out.shape)
    agree(lambda lib: lib.nn.functional.max_pool2d(make(lib, x), 3, 2, 1, return_indices=True))


def test_a_weight_that_multiplies_many_matrices() -> None:
    """With more outputs than positions its gradient is one product, not a sum of one for each sample."""
    beside(lambda F, x, w: F.conv2d(x, w), normal(3, 2, 4, 4), normal(40, 2, 3, 3))
    beside(lambda F, x, w: F.linear(x, w), normal(3, 5, 4), normal(6, 4))


def test_compiled_step_of_a_small_network_follows_batch_size() -> None:
    """Loss and gradients are eager's; a smaller last batch works as well."""
    sg.manual_seed(0)
    nn = sg.nn
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2))

    def step(x: Any) -> Any:
        net.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        return loss

    compiled = sg.compile(step, backend="numpy", fullgraph=True)
    for batch in (4, 4, 3):
        x = sg.tensor(normal(batch, 1, 8, 8))
        want = step(x).item(), *[p.grad.numpy().copy() for p in net.parameters()]
        got = compiled(x).item(), *[p.grad.numpy() for p in net.parameters()]
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("call", "kind"), (
    (lambda F, x: F.conv2d(x, sg.ones(2, 2, 3, 3)), RuntimeError),
    (lambda F, x: F.conv2d(x, sg.ones(2, 3, 9, 9)), RuntimeError),
    (lambda F, x: F.conv2d(x, sg.ones(2, 3, 3, 3), stride=2, padding="same"), RuntimeError),
    (lambda F, x: F.conv2d(x, sg.ones(2, 3, 3, 3, dtype=sg.float64)), RuntimeError),
    (lambda F, x: F.max_pool2d(x, 3, padding=2), RuntimeError),
    (lambda F, x: F.max_pool2d(x, 0), RuntimeError),
    (lambda F, x: F.avg_pool2d(x, 2, divisor_override=0), RuntimeError),
    (lambda F, x: F.interpolate(x), ValueError),
    (lambda F, x: F.fold(x, 4, 2), RuntimeError),
))  # fmt: skip
def test_errors(call: Program, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call(sg.nn.functional, sg.ones(1, 3, 8, 8))
