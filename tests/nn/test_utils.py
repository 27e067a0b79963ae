"""`nn.utils` beside PyTorch: clipping, vectors of parameters, weights as length and direction."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, warn_alike
from sampling import values

import symgrad as sg

X = values(4, 3).astype(np.float32)


def with_grads(lib: Any, scale: float = 1.0) -> Any:
    shapes = [(3, 2), (4,), ()]
    params = [lib.nn.Parameter(make(lib, values(*s, seed=i).astype(np.float32))) for i, s in enumerate(shapes)]
    for p in params[:2]:
        p.grad = p.detach() * scale
    return params


def clipped(lib: Any, limit: float = 1.0, scale: float = 1.0, **how: Any) -> Any:
    params = with_grads(lib, scale)
    total = lib.nn.utils.clip_grad_norm_(params, limit, **how)
    return total, [p.grad for p in params]


CLIPS = {
    **{f"norm {p}": lambda lib, p=p: clipped(lib, norm_type=p) for p in (2, 1, 3.5, 0.5, float("inf"), "inf")},
    "large limit": lambda lib: clipped(lib, 1e6),
    "limit 0": lambda lib: clipped(lib, 0.0),
    "foreach": lambda lib: clipped(lib, foreach=True),
    "no foreach": lambda lib: clipped(lib, foreach=False),
    "infinite": lambda lib: clipped(lib, scale=float("inf")),
    "infinite error": lambda lib: clipped(lib, scale=float("inf"), error_if_nonfinite=True),
    "nan error": lambda lib: clipped(lib, scale=float("nan"), error_if_nonfinite=True),
    "finite error": lambda lib: clipped(lib, error_if_nonfinite=True),
    "one": lambda lib: (lambda p: (lib.nn.utils.clip_grad_norm_(p, 0.5), p.grad))(with_grads(lib)[0]),
    "none": lambda lib: lib.nn.utils.clip_grad_norm_([], 1.0),
    "no gradients": lambda lib: lib.nn.utils.clip_grad_norm_([lib.zeros(2, requires_grad=True)], 1.0),
    "float64": lambda lib: (lambda p: (lib.nn.utils.clip_grad_norm_(p, 0.5), p[0].grad))(mixed(lib)),
    "value": lambda lib: (lambda p: (lib.nn.utils.clip_grad_value_(p, 0.5), [q.grad for q in p]))(with_grads(lib))[1],
    "value of one": lambda lib: (lambda p: (lib.nn.utils.clip_grad_value_(p, 1), p.grad))(with_grads(lib)[0])[1],
    "total": lambda lib: lib.nn.utils.get_total_norm([lib.ones(2, 2), lib.ones(5)], norm_type=1),
    "total of none": lambda lib: lib.nn.utils.get_total_norm([]),
    "scaled": lambda lib: (lambda p: (lib.nn.utils.clip_grads_with_norm_(p, 1.0, lib.tensor(4.0)), p[0].grad))(
        with_grads(lib))[1],
}


def mixed(lib: Any) -> Any:
    params = with_grads(lib)
    params.append(lib.nn.Parameter(lib.ones(2, dtype=lib.float64)))
    params[-1].grad = lib.ones(2, dtype=lib.float64)
    return params


@pytest.mark.parametrize("name", CLIPS)
def test_clipping(name: str) -> None:
    agree(CLIPS[name], 1e-5)


@pytest.mark.parametrize("call", [
    lambda lib: lib.nn.utils.clip_grad_norm_((p for p in []), 1.0),
    lambda lib: lib.nn.utils.clip_grad_norm(with_grads(lib), 1.0),
])  # fmt: skip
def test_warnings(call: Any) -> None:
    assert warn_alike(call)


def there_and_back(lib: Any) -> Any:
    params, other = with_grads(lib), with_grads(lib)
    vector = lib.nn.utils.parameters_to_vector(params)
    (vector * vector).sum().backward()
    doubled = vector.detach() * 2
    lib.nn.utils.vector_to_parameters(doubled, other)
    doubled[0] = 100.0
    return vector, params[0].grad, other, [p.requires_grad for p in other]


VECTORS = {
    "there and back": there_and_back,
    "not a vector": lambda lib: lib.nn.utils.vector_to_parameters([1.0], with_grads(lib)),
    "too short": lambda lib: lib.nn.utils.vector_to_parameters(lib.zeros(3), with_grads(lib)),
    "none": lambda lib: lib.nn.utils.parameters_to_vector([]),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str) -> None:
    agree(VECTORS[name])


def normed(lib: Any, dim: Any = 0, **how: Any) -> Any:
    layer = lib.nn.Linear(3, 2)
    with lib.no_grad():
        layer.weight.copy_(make(lib, values(2, 3).astype(np.float32)))
        layer.bias.fill_(0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lib.nn.utils.weight_norm(layer, dim=dim, **how)


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(dim: Any) -> None:
    def program(lib: Any) -> Any:
        layer = normed(lib, dim)
        before = repr(layer), sorted(layer.state_dict()), layer.weight_g, layer.weight
        out = layer(make(lib, X))
        (out * out).sum().backward()
        grads = layer.weight_g.grad, layer.weight_v.grad, layer.bias.grad
        with lib.no_grad():
            layer.weight_g.mul_(2)
        again = layer(make(lib, X))
        lib.nn.utils.remove_weight_norm(layer)
        return before, grads, again, sorted(layer.state_dict()), layer.weight, layer(make(lib, X))

    agree(program, 1e-5, 1e-6)


@pytest.mark.parametrize("call", [
    lambda lib: lib.nn.utils.weight_norm(normed(lib)), lambda lib: lib.nn.utils.remove_weight_norm(lib.nn.Linear(1, 1)),
])  # fmt: skip
def test_weight_norm_errors(call: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(call)


def test_weight_norm_compiles_and_copies() -> None:
    layer = normed(sg)
    twin, run = copy.deepcopy(layer), sg.compile(layer, backend="numpy", fullgraph=True)
    for scale in (1, 3):
        with sg.no_grad():
            layer.weight_g.mul_(scale)
        np.testing.assert_allclose(run(sg.from_numpy(X)).detach(), layer(sg.from_numpy(X)).detach(), rtol=1e-5)
    assert not np.allclose(twin.weight.detach(), layer.weight.detach())
    sg.nn.utils.remove_weight_norm(layer)
    np.testing.assert_allclose(run(sg.from_numpy(X)).detach(), layer(sg.from_numpy(X)).detach(), rtol=1e-5)
