"""Custom Functions against PyTorch: several results, plain arguments, saved tensors, higher orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import agree, make
from sampling import values

import symgrad as sg

A, B = values(3, 4), values(3, 4, seed=1)


def legendre(lib: Any) -> Any:
    class LegendrePolynomial3(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, input: Any) -> Any:
            ctx.save_for_backward(input)
            return 0.5 * (5 * input**3 - 3 * input)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (input,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * input**2 - 1)

    return LegendrePolynomial3.apply


def test_legendre() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        y = legendre(lib)(0.3 * x)
        (y * y).sum().backward()
        return y, x.grad, y.is_leaf

    agree(program, 1e-12)


def test_differentiated_twice() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        (g,) = lib.autograd.grad(legendre(lib)(x).sum(), x, create_graph=True)
        return g, lib.autograd.grad((g * g).sum(), x)

    agree(program, 1e-11)


def test_several_results_and_plain_arguments() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []

        class Split(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any, factor: float, y: Any, flag: Any = None) -> Any:
                ctx.factor = factor
                ctx.save_for_backward(x, y)
                return x * factor, x * y

            @staticmethod
            def backward(ctx: Any, g1: Any, g2: Any) -> Any:
                seen.append(ctx.needs_input_grad)
                x, y = ctx.saved_tensors
                return g1 * ctx.factor + g2 * y, None, g2 * x, None

        x, y = make(lib, A, True), make(lib, B)
        p, q = Split.apply(x, 2.0, y, None)
        (p.sum() + (q * q).sum()).backward()
        first = x.grad.clone()
        p, q = Split.apply(x, 3.0, make(lib, B, True), None)
        p.sum().backward()
        return first, x.grad, seen

    agree(program, 1e-12)


def test_returning_the_gradient_itself() -> None:
    def program(lib: Any) -> Any:
        class Same(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x.clone()

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g

        x = make(lib, A, True)
        Same.apply(x).sum().backward()
        x.grad.zero_()
        Same.apply(x).sum().backward()
        return x.grad

    agree(program)


def test_identity_forward() -> None:
    def program(lib: Any) -> Any:
        class Reverse(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x.view_as(x)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return -g

        x = make(lib, A, True)
        (Reverse.apply(x) * x).sum().backward()
        return x.grad

    agree(program)


def test_non_differentiable_result() -> None:
    def program(lib: Any) -> Any:
        class WithSign(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                s = x.sign()
                ctx.mark_non_differentiable(s)
                return x * s, s

            @staticmethod
            def backward(ctx: Any, g: Any, _: Any) -> Any:
                return g * 2

        x = make(lib, A, True)
        y, s = WithSign.apply(x)
        y.sum().backward()
        return x.grad, y.requires_grad, s.requires_grad

    agree(program)


def test_under_no_grad_and_with_constants() -> None:
    def program(lib: Any) -> Any:
        P3 = legendre(lib)
        with lib.no_grad():
            out = P3(make(lib, A, True))
        return out, P3(make(lib, A)).requires_grad

    agree(program, 1e-12)


def bad(lib: Any, result: Any) -> Any:
    class Bad(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(x)
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return result(g)

    x = make(lib, A, True)
    out = Bad.apply(x, make(lib, B, True))
    return x, out


@pytest.mark.parametrize("name, result", [("one of two", lambda g: g), ("raises", lambda g: 1 / 0)])
def test_wrong_backward(name: str, result: Any) -> None:
    def program(lib: Any) -> Any:
        bad(lib, result)[1].sum().backward()

    agree(program)


def test_none_for_a_tensor_means_no_gradient() -> None:
    def program(lib: Any) -> Any:
        x, out = bad(lib, lambda g: (g, None))
        out.sum().backward()
        return x.grad

    agree(program)


def test_saved_tensor_changed_in_place() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        h = x * 1
        y = legendre(lib)(h)
        h.add_(1)
        y.sum().backward()
        return x.grad

    agree(program)


def test_forward_must_be_written() -> None:
    class Nothing(sg.autograd.Function):
        pass

    with pytest.raises(RuntimeError, match="forward"):
        Nothing.apply(sg.ones(1, requires_grad=True))


def test_variable_is_a_tensor() -> None:
    def program(lib: Any) -> Any:
        T = lib.ones(2, 2)
        x = lib.autograd.Variable(T, requires_grad=True)
        y = lib.exp(x + 2)
        yy = lib.exp(-x - 2)
        z = (y + yy) / 2
        out = z.mean()
        out.backward(lib.FloatTensor([1.0])[0], retain_graph=True)
        T.add_(1) if False else None
        return x.grad, isinstance(x, lib.autograd.Variable), isinstance(y, lib.Tensor), out

    agree(program)
    base = sg.ones(2)
    x = sg.autograd.Variable(base, requires_grad=True)
    assert not base.requires_grad and np.shares_memory(base.numpy(), x.detach().numpy())
