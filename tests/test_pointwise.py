"""Elementwise operations where they meet the rest: host numbers, operators in place, complex numbers, bad divisors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import BOTH, torch

import symgrad as sg
from symgrad.errors import DomainError

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
Z = np.array([1 + 2j, -0.3 + 0.7j, 2 - 1j])


def same(mine: Any, theirs: Any, rtol: float = 1e-6) -> None:
    for n, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-7, err_msg=str(n))


@pytest.mark.parametrize("mode", ["numpy", "numba"])
def test_numbers_are_read_anew_at_each_call(mode: str) -> None:
    def program(x: Any, a: float) -> Any:
        return (x // a, x % a, sg.fmod(x, a), sg.clamp(x, min=a), sg.clamp(x, max=a), x**a, sg.add(x, x, alpha=a),
                sg.copysign(x, a), sg.xlogy(x, a), x.sub(x, alpha=a), x > a, a / x, a - x)  # fmt: skip

    compiled = sg.compile(program, backend=mode, fullgraph=True)
    x = sg.tensor([1.0, 2.5, -3.0])
    for a in (2.0, 0.3, -1.5):
        same(compiled(x, a), program(x, a))


def operators_in_place(lib: Any, x: Any, k: Any) -> Any:
    y, k = x.clone(), k.clone()
    y //= 2
    y %= 3
    y **= 2
    y += 1
    y /= 4
    z = x > 0
    z &= x < 2
    z |= x == -3
    z ^= lib.tensor(True)
    k <<= 2
    k >>= 1
    k //= 3
    k %= 5
    return y, z, k, ~k, -k, +x, abs(x), 7 // k.clamp(1), 2**x, 1 << k.clamp(0, 5)


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
def test_operators_in_place(mode: str) -> None:
    x, k = np.array([1, 2.5, -3], "f"), np.array([1, -7, 30])
    run = lambda x, k: operators_in_place(sg, x, k)  # noqa: E731
    if mode != "eager":
        run = sg.compile(run, backend=mode, fullgraph=True)
    same(run(sg.from_numpy(x), sg.from_numpy(k)), operators_in_place(torch, torch.from_numpy(x), torch.from_numpy(k)))


def parts_in_place(lib: Any, z: Any) -> Any:
    w = z * (1 + 2j)
    w.real.mul_(2)
    w.imag += 1
    lib.view_as_real(w)[..., 1].add_(0.5)
    return w, w.abs(), w.conj() * 1, lib.view_as_real(w), lib.angle(w), lib.sgn(w), lib.complex(w.real, w.imag)


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
def test_parts_of_complex_tensors_are_views(mode: str) -> None:
    run = lambda z: parts_in_place(sg, z)  # noqa: E731
    if mode != "eager":
        run = sg.compile(run, backend=mode, fullgraph=True)
    same(run(sg.tensor(Z)), parts_in_place(torch, torch.tensor(Z)), 1e-12)


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
@pytest.mark.parametrize("name", "exp sgn abs angle log1p reciprocal rsqrt tanh sinc square asin acosh".split())
def test_complex_gradients(name: str, mode: str) -> None:
    def program(lib: Any, z: Any) -> Any:
        return (getattr(lib, name)(z) * (2.0 - 1.0j)).real.sum()

    grads = []
    for lib in BOTH:
        z = lib.tensor(Z).requires_grad_(True)
        run = program
        if lib is sg and mode != "eager":
            compiled = sg.compile(lambda z: program(sg, z), backend=mode, fullgraph=True)
            run = lambda lib, z, compiled=compiled: compiled(z)  # noqa: E731
        run(lib, z).backward()
        grads.append(z.grad)
    same(grads[:1], grads[1:], 1e-9)


DIVISIONS = {
    "//": lambda a, b: a // b, "%": lambda a, b: a % b, "fmod": lambda a, b: sg.fmod(a, b),
    "trunc": lambda a, b: sg.div(a, b, rounding_mode="trunc"), "//=": lambda a, b: a.clone().floor_divide_(b),
}  # fmt: skip


@pytest.mark.parametrize("name", DIVISIONS)
def test_integers_divided_by_zero(name: str) -> None:
    divide, a = DIVISIONS[name], sg.tensor([5, -7, -(2**63)])
    with pytest.raises(DomainError, match="ZeroDivisionError"):
        divide(a, 0)
    with pytest.raises(RuntimeError):
        divide(a, sg.tensor([1, 0, 2]))
    for mode in ("numpy", "numba"):
        got = sg.compile(divide, backend=mode, fullgraph=True)(a, sg.tensor([2, 0, -1]))
        assert got.tolist() == [{"%": 1, "fmod": 1}.get(name, 2), 0, {"%": 0, "fmod": 0}.get(name, -(2**63))]


def test_integers_to_negative_powers() -> None:
    with pytest.raises(DomainError):
        sg.tensor([2]) ** -1
    assert (sg.tensor([2, 1, -1, 0]) ** sg.tensor([-1, -2, -3, -1])).tolist() == [0, 1, -1, 0]
