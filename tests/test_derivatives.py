"""`autograd.functional` and `func` against PyTorch: values, structures, histories, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, make
from samples import values

import symgrad as sg

X, Y = values(2), values(3, seed=1)


def both(lib: Any) -> Any:
    return make(lib, X), make(lib, Y)


def several(x: Any, y: Any) -> Any:
    return x[:, None] * y.exp(), (x * x).sum()


def scalar(x: Any, y: Any) -> Any:
    return (x[:, None] ** 3 * y).sum()


PRODUCTS = {
    "jacobian": lambda F, lib: F.jacobian(several, both(lib)),
    "jacobian of one": lambda F, lib: F.jacobian(lambda x: x.exp(), make(lib, X)),
    "jacobian of a scalar": lambda F, lib: F.jacobian(lambda x: x.exp().sum(), make(lib, X)),
    "jacobian of a constant": lambda F, lib: F.jacobian(lambda x: make(lib, Y), make(lib, X)),
    "jacobian vectorized": lambda F, lib: F.jacobian(several, both(lib), vectorize=True),
    "hessian": lambda F, lib: F.hessian(scalar, both(lib)),
    "hessian of one": lambda F, lib: F.hessian(lambda x: (x**3).sum(), make(lib, X)),
    "vjp": lambda F, lib: F.vjp(several, both(lib), (make(lib, values(2, 3)), make(lib, X[0]))),
    "vjp without v": lambda F, lib: F.vjp(scalar, both(lib)),
    "jvp": lambda F, lib: F.jvp(several, both(lib), both(lib)),
    "jvp without v": lambda F, lib: F.jvp(lambda x: x.exp(), make(lib, X[:1])),
    "hvp": lambda F, lib: F.hvp(scalar, both(lib), both(lib)),
    "vhp": lambda F, lib: F.vhp(scalar, both(lib), both(lib)),
    "hvp of a linear one": lambda F, lib: F.hvp(lambda x: x.sum(), make(lib, X), make(lib, X)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_functional(name: str) -> None:
    agree(lambda lib: PRODUCTS[name](lib.autograd.functional, lib), 1e-9)


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_functional_with_a_history(name: str) -> None:
    """`create_graph`: the result can be differentiated by the inputs and by what the function reads."""

    def program(lib: Any) -> Any:
        x, w = make(lib, X, True), make(lib, X, True)
        function = (lambda x: (x**3 * w).sum()) if name in ("hessian", "hvp", "vhp") else (lambda x: x**3 * w)
        vector = () if name in ("jacobian", "hessian") else (make(lib, X + 1),)
        found = getattr(lib.autograd.functional, name)(function, x, *vector, create_graph=True)
        result = found[1] if isinstance(found, tuple) else found
        return found, lib.autograd.grad(result.sum(), [x, w])

    agree(program, 1e-9)


STRICT = {
    "no output depends": lambda F, lib, x: F.jacobian(lambda x: lib.ones(2), x, strict=True),
    "an input is unused": lambda F, lib, x: F.jacobian(lambda x, y: x * 2, (x, x), strict=True),
    "a constant Jacobian": lambda F, lib, x: F.jacobian(lambda x: x * 2, x, strict=True, create_graph=True),
    "vjp of an unused input": lambda F, lib, x: F.vjp(lambda x, y: x.sum(), (x, x), strict=True),
    "jvp of an unused input": lambda F, lib, x: F.jvp(lambda x, y: x * x, (x, x), (x, x), strict=True),
    "hvp of a linear one": lambda F, lib, x: F.hvp(lambda x: x.sum(), x, x, strict=True),
    "hessian of a linear one": lambda F, lib, x: F.hessian(lambda x: x.sum(), x, strict=True),
}
WRONG = {
    "vector missing": lambda F, lib, x: F.vjp(lambda x: x * x, x),
    "vector of another size": lambda F, lib, x: F.vjp(lambda x: x * x, x, lib.ones(3)),
    "vectors too few": lambda F, lib, x: F.jvp(several, both(lib), (x,)),
    "input no tensor": lambda F, lib, x: F.vjp(lambda x: x, 3, x),
    "output no tensor": lambda F, lib, x: F.jacobian(lambda x: 3, x),
    "an output no tensor": lambda F, lib, x: F.jacobian(lambda x: (x, 3), x),
    "hessian of no scalar": lambda F, lib, x: F.hessian(lambda x: x * 2, x),
    "hessian of two": lambda F, lib, x: F.hessian(lambda x: (x.sum(), x.sum()), x),
    "strict and vectorized": lambda F, lib, x: F.jacobian(lambda x: x, x, strict=True, vectorize=True),
    "no such strategy": lambda F, lib, x: F.jacobian(lambda x: x, x, strategy="sideways"),
    "forward, not vectorized": lambda F, lib, x: F.jacobian(lambda x: x, x, strategy="forward-mode"),
}
REFUSED = {**STRICT, **WRONG}


@pytest.mark.parametrize("name", REFUSED)
def test_functional_refuses_in_the_same_words(name: str) -> None:
    texts = []
    for lib in BOTH:
        with pytest.raises((RuntimeError, TypeError, ValueError, AssertionError)) as caught:
            REFUSED[name](lib.autograd.functional, lib, make(lib, X))
        text = str(caught.value).split("\n")[0].replace("isonly", "is only")[:60]
        texts.append((isinstance(caught.value, TypeError), text))
    assert texts[0] == texts[1]


TRANSFORMS = {
    "grad": lambda f, lib: f.grad(scalar, argnums=(0, 1))(*both(lib)),
    "grad of the second": lambda f, lib: f.grad(scalar, argnums=1)(*both(lib)),
    "grad of the last": lambda f, lib: f.grad(scalar, argnums=-1)(*both(lib)),
    "grad of grad": lambda f, lib: f.grad(f.grad(lambda x: x**3))(make(lib, X[0])),
    "grad with aux": lambda f, lib: f.grad(lambda x: (x.exp().sum(), x * 2), has_aux=True)(make(lib, X)),
    "grad of a constant": lambda f, lib: f.grad(lambda x: lib.ones(()))(make(lib, X)),
    "grad of a dict": lambda f, lib: sorted(
        f.grad(lambda p: (p["w"] * p["b"]).sum())({"w": make(lib, X), "b": make(lib, X)}).items()),
    "value": lambda f, lib: f.grad_and_value(scalar)(*both(lib)),
    "value with aux": lambda f, lib: f.grad_and_value(lambda x: (x.exp().sum(), x * 2), has_aux=True)(make(lib, X)),
    "vjp": lambda f, lib: (lambda out, pull: (out, pull((make(lib, values(2, 3)), make(lib, X[0])))))(
        *f.vjp(several, *both(lib))),
    "vjp with aux": lambda f, lib: (lambda out, pull, aux: (out, pull(make(lib, X)), aux))(
        *f.vjp(lambda x: (x.exp(), x * 3), make(lib, X), has_aux=True)),
    "jvp": lambda f, lib: f.jvp(several, both(lib), both(lib)),
    "jvp with aux": lambda f, lib: f.jvp(lambda x: (x.exp(), x * 3), (make(lib, X),), (make(lib, X),), has_aux=True),
    "jacrev": lambda f, lib: f.jacrev(several, argnums=(0, 1))(*both(lib)),
    "jacrev with aux": lambda f, lib: f.jacrev(lambda x: (x.exp(), x * 3), has_aux=True)(make(lib, X)),
    "jacfwd": lambda f, lib: f.jacfwd(lambda x: x.exp())(make(lib, X)),
    "hessian": lambda f, lib: f.hessian(scalar, argnums=(0, 1))(*both(lib)),
    "under no_grad": lambda f, lib: lib.no_grad()(f.grad(lambda x: (x**3).sum()))(make(lib, X)),
    "an inner gradient of the outer's": lambda f, lib: f.grad(
        lambda a: f.grad(lambda b: (a * b * b).sum())(a.detach() + 1).sum())(make(lib, X)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str) -> None:
    agree(lambda lib: TRANSFORMS[name](lib.func, lib), 1e-9)


def test_value_and_grad_is_the_other_order() -> None:
    value, gradient = sg.func.value_and_grad(lambda x: (x**3).sum())(make(sg, X))
    assert value.item() == pytest.approx(float((X**3).sum()))
    np.testing.assert_allclose(gradient.numpy(), 3 * X**2)


def test_transforms_keep_the_history_of_what_they_read() -> None:
    def program(lib: Any) -> Any:
        w = make(lib, X, True)
        read = lib.func.grad(lambda x: (x**2 * w).sum())(make(lib, X))
        own = lib.func.grad(lambda x: (x**3).sum())(make(lib, X))
        outer = lib.func.grad(lambda x: (x**3).sum())(w)
        return read, own, outer, lib.autograd.grad((read + outer).sum(), w)

    agree(program)


BAD = {
    "no scalar": lambda f, x: f.grad(lambda a: a * 2)(x),
    "no tensor": lambda f, x: f.grad(lambda a: 3)(x),
    "a number": lambda f, x: f.grad(lambda a: a)(3.0),
    "no aux": lambda f, x: f.grad(lambda a: a.sum(), has_aux=True)(x),
    "argnums": lambda f, x: f.grad(lambda a: a.sum(), argnums=3)(x),
    "integers": lambda f, x: f.grad(lambda a: a.sum())(x.long()),
    "jvp without a tuple": lambda f, x: f.jvp(lambda a: a * 2, x, x),
    "jvp of another structure": lambda f, x: f.jvp(lambda a: a * 2, (x,), (x, x)),
    "vjp of another structure": lambda f, x: f.vjp(lambda a: a * 2, x)[1]((x, x)),
}


@pytest.mark.parametrize("name", BAD)
def test_transform_errors(name: str) -> None:
    agree(lambda lib: BAD[name](lib.func, make(lib, X)))
