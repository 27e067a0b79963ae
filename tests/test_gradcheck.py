"""gradcheck and gradgradcheck: they pass where PyTorch's pass, and fail with its words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, make

import symgrad as sg


def leaf(lib: Any, *shape: int, complex: bool = False, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    data = rng.uniform(0.5, 1.5, shape)
    return make(lib, data + 1j * rng.uniform(0.5, 1.5, shape) if complex else data, True)


RIGHT = {
    "one": (lambda lib, x, y: (x * y).exp(), False),
    "two outputs": (lambda lib, x, y: ((x * y).sum(), x / y), False),
    "unused input": (lambda lib, x, y: x * 2, False),
    "complex": (lambda lib, x, y: x * y, True),
    "complex to real": (lambda lib, x, y: (x * y.conj()).abs(), True),
    "real part": (lambda lib, x, y: (x * y).real, True),
}


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name: str, fast: bool) -> None:
    function, is_complex = RIGHT[name]

    def program(lib: Any) -> Any:
        given = leaf(lib, 2, 3, complex=is_complex), leaf(lib, 2, 3, complex=is_complex, seed=1)
        call = lambda x, y: function(lib, x, y)
        return lib.autograd.gradcheck(call, given, fast_mode=fast), \
            lib.autograd.gradgradcheck(call, given, fast_mode=fast)

    agree(program)


def wrong(lib: Any, factor: float = 3.0, second: float = 1.0) -> Any:
    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * factor * (x if second == 1.0 else x.detach())

    return Wrong.apply


def message(lib: Any, check: Any) -> str:
    with pytest.raises(RuntimeError) as caught:
        check(lib)
    return str(caught.value)


@pytest.mark.parametrize("fast", [False, True])
def test_a_wrong_gradient_is_named(fast: bool) -> None:
    check = lambda lib: lib.autograd.gradcheck(wrong(lib), leaf(lib, 3), fast_mode=fast)
    for lib in BOTH:
        text = message(lib, check)
        assert "Jacobian mismatch for output 0 with respect to input 0" in text
        assert re.search("numerical:.*analytical:", text, re.DOTALL)
    assert sg.autograd.gradcheck(wrong(sg), leaf(sg, 3), raise_exception=False, fast_mode=fast) is False
    with pytest.raises(sg.autograd.GradcheckError):
        check(sg)


def test_a_wrong_second_derivative_fails_gradgradcheck_only() -> None:
    def program(lib: Any) -> Any:
        function = wrong(lib, 2.0, 0.0)
        return lib.autograd.gradcheck(function, leaf(lib, 3)), \
            lib.autograd.gradgradcheck(function, leaf(lib, 3), raise_exception=False)

    agree(program)


def test_a_wrong_imaginary_part_is_named() -> None:
    def check(lib: Any) -> Any:
        class Half(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g.real.to(g.dtype)

        return lib.autograd.gradcheck(Half.apply, leaf(lib, 2, complex=True))

    for lib in BOTH:
        assert "imaginary part of complex outputs" in message(lib, check)


def test_a_backward_that_changes_its_mind() -> None:
    def check(lib: Any) -> Any:
        calls: list[int] = []

        class Fickle(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                calls.append(1)
                return g * 2 * (1 + 1e-9 * len(calls))

        return lib.autograd.gradcheck(Fickle.apply, leaf(lib, 1))

    for lib in BOTH:
        assert "not reentrant" in message(lib, check)


def test_a_gradient_not_multiplied_by_the_cotangent() -> None:
    def check(lib: Any) -> Any:
        class Constant(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 1

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return lib.ones_like(g)

        return lib.autograd.gradcheck(Constant.apply, leaf(lib, 1))

    for lib in BOTH:
        assert "not multiplied by grad_output" in message(lib, check)


ERRORS = {
    "nothing requires grad": lambda lib: lib.autograd.gradcheck(lambda x: x, leaf(lib, 2).detach()),
    "overlapping memory": lambda lib: lib.autograd.gradcheck(
        lambda x: x * 2, leaf(lib, 1).detach().expand(3).requires_grad_()),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    agree(ERRORS[name])


def test_single_precision_is_warned_about() -> None:
    for lib in BOTH:
        x = lib.ones(2, requires_grad=True)
        with pytest.warns(UserWarning, match="double precision"):
            lib.autograd.gradcheck(lambda x: x * 2, x, raise_exception=False)


def test_forward_mode_is_the_named_error() -> None:
    with pytest.raises(NotImplementedError, match="forward-mode"):
        sg.autograd.gradcheck(lambda x: x, leaf(sg, 2), check_forward_ad=True)


def test_not_differentiable_outputs_must_not_move() -> None:
    def program(lib: Any) -> Any:
        return lib.autograd.gradcheck(lambda x: x.detach() * 0, leaf(lib, 2))

    agree(program)

    def moving(lib: Any) -> Any:
        return lib.autograd.gradcheck(lambda x: x.detach() * 2, leaf(lib, 2))

    for lib in BOTH:
        assert "expected to be zero" in message(lib, moving)
