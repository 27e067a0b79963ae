"""Lazy layers beside PyTorch: before, at and after their first call."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, warned
from sampling import values

import symgrad as sg

pytestmark = pytest.mark.filterwarnings("ignore:Lazy modules are")

LAYERS = {
    "linear": (lambda nn: nn.LazyLinear(3), (2, 5)),
    "linear without bias": (lambda nn: nn.LazyLinear(3, bias=False), (5,)),
    "conv 1": (lambda nn: nn.LazyConv1d(4, 2), (2, 3, 6)),
    "conv 2": (lambda nn: nn.LazyConv2d(4, 3, padding=1, groups=2), (2, 4, 5, 5)),
    "conv 2 unbatched": (lambda nn: nn.LazyConv2d(4, kernel_size=2, stride=2), (3, 6, 6)),
    "conv 3": (lambda nn: nn.LazyConv3d(2, 2), (1, 2, 3, 3, 3)),
    "transposed": (lambda nn: nn.LazyConvTranspose2d(4, 3), (1, 2, 4, 4)),
    "batch norm 1": (lambda nn: nn.LazyBatchNorm1d(), (4, 3)),
    "batch norm 1 of sequences": (lambda nn: nn.LazyBatchNorm1d(momentum=0.3), (4, 3, 2)),
    "batch norm 2": (lambda nn: nn.LazyBatchNorm2d(affine=False), (2, 3, 4, 4)),
    "instance norm": (lambda nn: nn.LazyInstanceNorm2d(affine=True, track_running_stats=True), (2, 3, 4, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_first_call(name: str) -> None:
    build, shape = LAYERS[name]

    def program(lib: Any) -> Any:
        layer, x = build(lib.nn), make(lib, values(*shape).astype(np.float32))
        before = repr(layer), layer.has_uninitialized_params(), list(layer.state_dict())
        params = list(layer.parameters())
        layer(x)
        with lib.no_grad():
            for i, p in enumerate(layer.parameters()):
                p.copy_(make(lib, values(*p.shape, seed=i).astype(np.float32)))
        out = layer.eval()(x)
        kept = [a is b for a, b in zip(params, layer.parameters(), strict=True)]
        return before, kept, repr(layer), type(layer).__name__, out, list(layer.state_dict())

    agree(program, 1e-5, 1e-5)


PROGRAMS = {
    "uninitialized": lambda lib: (repr(lib.nn.LazyLinear(3).weight), lib.nn.LazyLinear(3).weight.requires_grad),
    "shape": lambda lib: lib.nn.LazyLinear(3).weight.shape,
    "count": lambda lib: sum(p.numel() for p in lib.nn.LazyLinear(3).parameters()),
    "wrong rank": lambda lib: lib.nn.LazyConv2d(4, 3)(lib.zeros(5)),
    "double": lambda lib: lib.nn.LazyLinear(3).double()(lib.zeros(2, 4, dtype=lib.float64)).shape,
    "loaded": lambda lib: (lambda m: (repr(m.load_state_dict(filled(lib).state_dict())), repr(m), m(lib.ones(2, 4)),
                                      repr(m)))(lib.nn.LazyLinear(3)),
    "norm loaded": lambda lib: (lambda m: (repr(m.load_state_dict(lib.nn.BatchNorm1d(4).state_dict())),
                                           m(lib.ones(2, 4)).shape))(lib.nn.LazyBatchNorm1d()),
    "nested": lambda lib: (lambda m: (repr(m), m(lib.zeros(2, 6)).shape, repr(m)))(
        lib.nn.Sequential(lib.nn.LazyLinear(4), lib.nn.ReLU(), lib.nn.LazyLinear(2))),
}


def filled(lib: Any) -> Any:
    layer = lib.nn.Linear(4, 3)
    with lib.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(1.0)
    return layer


@pytest.mark.parametrize("name", PROGRAMS)
def test_beside_pytorch(name: str) -> None:
    agree(PROGRAMS[name])


def test_starting_values_are_the_layer_s() -> None:
    sg.manual_seed(0)
    layer = sg.nn.LazyLinear(50)
    layer(sg.zeros(1, 100))
    assert 0.08 < np.abs(layer.weight.detach().numpy()).max() < 0.1


def test_an_optimizer_made_before_and_a_compiled_call_after() -> None:
    model = sg.nn.Sequential(sg.nn.LazyLinear(4), sg.nn.Tanh(), sg.nn.LazyLinear(1))
    opt = sg.optim.SGD(model.parameters(), lr=0.1)
    twin = copy.deepcopy(model)
    run = sg.compile(model, backend="numpy", fullgraph=True)
    with pytest.raises(sg.errors.TraceError, match="has not been called"):
        run(sg.ones(2, 3))
    assert "Lazy" in repr(twin)
    model(sg.ones(2, 3))
    run(sg.ones(2, 3)).sum().backward()
    before = model[0].weight.detach().clone()
    opt.step()
    assert not (model[0].weight == before).all()
    assert twin(sg.ones(2, 7)).shape == (2, 1)


def test_the_warning() -> None:
    assert "Lazy modules" in warned(lambda: sg.nn.LazyLinear(2))[0][1]
