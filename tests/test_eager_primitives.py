"""Every primitive, eagerly: the inferred type is the real one, gradients agree with differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import SAMPLES, WITHOUT_SAMPLES, Sample
from samples_linalg import SAMPLES as MATRICES

import symgrad as sg
from symgrad import dtypes
from symgrad.ir.types import TensorType, contiguous_strides
from symgrad.ops import PRIMITIVES
from symgrad.tensor import bind
from symgrad.tensor.core import array_type, wrap

CASES = [
    pytest.param(name, s, id=f"{name}-{s.label}-{i}")
    for name, found in SAMPLES.items() for i, s in enumerate(found)
]  # fmt: skip
SMOOTH = [c for c in CASES if PRIMITIVES[c.values[0]].differentiable and c.values[1].smooth]


def test_every_primitive_has_samples() -> None:
    assert set(SAMPLES) | set(WITHOUT_SAMPLES) == set(PRIMITIVES) | set(WITHOUT_SAMPLES)
    assert not set(SAMPLES) & set(WITHOUT_SAMPLES)
    for name, found in SAMPLES.items():
        labels = " ".join(s.label for s in found)
        without = ("matmul", "iota", "coordinate", "overlap_add", "normalize", "class_loss", "class_loss_back",
                   *MATRICES)  # those take no 0-d operand  # fmt: skip
        assert "0-d" in labels or name in without, name


def tensors(sample: Sample, requires_grad: bool = False) -> list[Any]:
    out = []
    for x in sample.inputs:
        if isinstance(x, np.ndarray):
            x = wrap(x)
            if requires_grad and x.dtype.is_floating_point:
                x.requires_grad_(True)
        out.append(x)
    return out


def scalar_type(x: Any, others: list[Any]) -> TensorType:
    if isinstance(x, sg.Tensor):
        return array_type(x._data)
    known = [o.dtype for o in others if isinstance(o, sg.Tensor)]
    return TensorType((), known[-1] if known else dtypes.int64)


def steps(kind: TensorType) -> list[int]:
    """The strides that matter: those of extents over 1."""
    strides = kind.strides or contiguous_strides(kind.shape)
    return [s for e, s in zip(kind.shape, strides) if e != 1]


@pytest.mark.parametrize("name, sample", CASES)
def test_inferred_type_is_the_real_one(name: str, sample: Sample) -> None:
    prim = PRIMITIVES[name]
    inputs = tensors(sample)
    before = [x.numpy().copy() for x in inputs if isinstance(x, sg.Tensor)]
    out = bind(prim, tuple(inputs), sample.params)
    said = prim.infer(*[scalar_type(x, inputs) for x in inputs], **sample.params)
    assert len(outputs(out)) == len(outputs(said))
    for one, kind in zip(outputs(out), outputs(said)):
        assert tuple(one.shape) == tuple(kind.shape)
        assert one.dtype is kind.dtype
        if one.numel() > 1:
            assert steps(array_type(one._data)) == steps(kind)
    after = [x.numpy() for x in inputs if isinstance(x, sg.Tensor)]
    assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(before, after))


def outputs(out: Any) -> tuple[Any, ...]:
    """One output or several, as a tuple."""
    return out if isinstance(out, tuple) else (out,)


def floating(out: Any) -> list[Any]:
    """The outputs that have a gradient."""
    return [one for one in outputs(out) if one.dtype.is_floating_point]


def cotangents(outs: list[Any], rng: Any) -> list[Any]:
    """A random array like each of `outs`."""
    return [np.asarray(rng.uniform(-1, 1, tuple(out.shape))) for out in outs]


def inner(a: Any, b: Any) -> float:
    return float(np.sum(np.asarray(a) * np.asarray(b)))


def directional(function: Any, point: list[Any], direction: list[Any], step: float = 1e-5) -> Any:
    """The derivative of `function` at `point` along `direction`, by a fourth-order central difference."""
    def at(t: float) -> Any:
        return function([x if d is None else np.asarray(x + t * d) for x, d in zip(point, direction)])

    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def directions(sample: Sample, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, x.shape)) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else None
            for x in sample.inputs]  # fmt: skip


@pytest.mark.parametrize("name, sample", SMOOTH)
def test_gradient_agrees_with_differences(name: str, sample: Sample) -> None:
    """<u, J v> by differences equals <J^T u, v> by the gradient rules."""
    prim = PRIMITIVES[name]
    inputs = tensors(sample, requires_grad=True)
    outs = floating(bind(prim, tuple(inputs), sample.params))
    us = cotangents(outs, np.random.default_rng(1))
    sg.autograd.backward(outs, [sg.from_numpy(u) for u in us])
    v = directions(sample, 2)

    def at(xs: list[Any]) -> float:
        found = [np.asarray(y) for y in outputs(prim.evaluate(*xs, **sample.params))]
        return sum(inner(y, u) for y, u in zip([y for y in found if y.dtype.kind == "f"], us))

    moved = directional(at, list(sample.inputs), v)
    pulled = 0.0
    for x, d in zip(inputs, v):
        if d is not None:
            assert x.grad is not None and x.grad.shape == x.shape and x.grad.dtype is x.dtype
            pulled += inner(x.grad.numpy(), d)
    assert moved == pytest.approx(pulled, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("name, sample", SMOOTH)
def test_second_derivative_agrees_with_differences(name: str, sample: Sample) -> None:
    """The gradient of <J^T u, w> agrees with differences of it."""
    prim = PRIMITIVES[name]
    rng = np.random.default_rng(3)
    w = directions(sample, 4)
    us: list[Any] = []

    def pulled(arrays: list[Any], create_graph: bool) -> tuple[Any, list[Any]]:
        leaves = [wrap(x).requires_grad_(True) if isinstance(x, np.ndarray) and x.dtype.kind == "f"
                  else wrap(x) if isinstance(x, np.ndarray) else x for x in arrays]  # fmt: skip
        outs = floating(bind(prim, tuple(leaves), sample.params))
        us.extend([] if us else cotangents(outs, rng))
        wanted = [x for x, d in zip(leaves, w) if d is not None]
        found = sg.autograd.grad(outs, wanted, [sg.from_numpy(u) for u in us], create_graph=create_graph,
                                 allow_unused=True)  # fmt: skip
        total: Any = sum((g * sg.from_numpy(d)).sum() for g, d in zip(found, [d for d in w if d is not None])
                         if g is not None)  # fmt: skip
        return total, wanted

    total, leaves = pulled([np.array(x) if isinstance(x, np.ndarray) else x for x in sample.inputs], True)
    v = directions(sample, 5)
    numeric = directional(lambda xs: float(pulled(xs, False)[0]), list(sample.inputs), v)
    if not total.requires_grad:
        assert numeric == pytest.approx(0.0, abs=1e-8)
        return
    second = sg.autograd.grad(total, leaves, allow_unused=True)
    exact = sum(inner(g.numpy(), d) for g, d in zip(second, [d for d in v if d is not None]) if g is not None)
    assert numeric == pytest.approx(exact, rel=1e-6, abs=1e-8)
