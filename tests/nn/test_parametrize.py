"""`nn.utils.parametrize` and `parametrizations` beside PyTorch."""

from __future__ import annotations

import copy
import importlib
import pickle
from typing import Any

import numpy as np
import pytest
from oracle import agree, make
from sampling import values

import symgrad as sg

X = values(4, 3).astype(np.float32)


def tools(lib: Any, name: str = "parametrize") -> Any:
    return importlib.import_module(f"{lib.__name__}.nn.utils.{name}")


def layer(lib: Any) -> Any:
    made = lib.nn.Linear(3, 3)
    with lib.no_grad():
        made.weight.copy_(make(lib, values(3, 3).astype(np.float32)))
        made.bias.fill_(0.5)
    return made


def kinds(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    class Scaled(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = lib.nn.Parameter(lib.tensor(2.0))

        def forward(self, x: Any) -> Any:
            return x * self.scale

    return Symmetric(), Scaled()


def chain(lib: Any) -> Any:
    made, (symmetric, scaled) = layer(lib), kinds(lib)
    tools(lib).register_parametrization(made, "weight", symmetric)
    tools(lib).register_parametrization(made, "weight", scaled)
    return made


def used(lib: Any) -> Any:
    made = chain(lib)
    out = made(make(lib, X))
    (out * out).sum().backward()
    seen = (repr(made), list(made.state_dict()), [n for n, _ in made.named_parameters()], made.weight, out,
            [p.grad for p in made.parameters()], tools(lib).is_parametrized(made),
            tools(lib).is_parametrized(made, "bias"), tools(lib).type_before_parametrizations(made).__name__)
    tools(lib).remove_parametrizations(made, "weight")
    return seen, repr(made), made.weight, list(made.state_dict()), made(make(lib, X))


def assigned(lib: Any) -> Any:
    made, (symmetric, scaled) = layer(lib), kinds(lib)
    tools(lib).register_parametrization(made, "weight", symmetric)
    made.weight = lib.ones(3, 3)
    whole = made.weight, made.parametrizations.weight.original
    tools(lib).register_parametrization(made, "weight", scaled)
    with pytest.raises(RuntimeError):
        made.weight = lib.ones(3, 3)
    tools(lib).remove_parametrizations(made, "weight", leave_parametrized=False)
    return whole, made.weight


def normed(lib: Any, dim: Any = 0) -> Any:
    made = tools(lib, "parametrizations").weight_norm(layer(lib), dim=dim)
    out = made(make(lib, X))
    (out * out).sum().backward()
    seen = (made.weight, out, [p.grad for p in made.parameters()], list(made.state_dict()), repr(made))
    made.weight = lib.ones(3, 3) * 3
    old = {"bias": lib.zeros(3), "weight_g": lib.ones(3, 1), "weight_v": lib.ones(3, 3)}
    loaded = repr(made.load_state_dict(old)) if dim == 0 else ""
    return seen, made.weight, loaded


def spectral(lib: Any) -> Any:
    made = tools(lib, "parametrizations").spectral_norm(layer(lib), n_power_iterations=2)
    norm = made.parametrizations.weight[0]
    with lib.no_grad():
        norm._u.copy_(lib.tensor([0.6, 0.8, 0.0]))
        norm._v.copy_(lib.tensor([0.0, 0.6, 0.8]))
    outs = []
    for training in (True, True, False, False):
        made.train(training)
        out = made(make(lib, X))
        made.zero_grad()
        (out * out).sum().backward()
        outs += [out, made.parametrizations.weight.original.grad, norm._u, norm._v]
        outs = [o.clone() for o in outs]
    return outs, repr(made), list(made.state_dict())


PROGRAMS = {
    "chain": used, "assigned": assigned, "weight norm": normed, "weight norm 1": lambda lib: normed(lib, 1),
    "weight norm None": lambda lib: normed(lib, None), "spectral norm": spectral,
    "vector": lambda lib: tools(lib, "parametrizations").spectral_norm(layer(lib), "bias").bias,
    "spectral dim": lambda lib: tools(lib, "parametrizations").spectral_norm(layer(lib), dim=2),
    "spectral count": lambda lib: tools(lib, "parametrizations").spectral_norm(layer(lib), n_power_iterations=0),
    "no such": lambda lib: tools(lib).register_parametrization(layer(lib), "nothing", kinds(lib)[0]),
    "not there": lambda lib: tools(lib).remove_parametrizations(layer(lib), "weight"),
    "shape": lambda lib: tools(lib).register_parametrization(layer(lib), "weight", lib.nn.Flatten(0)),
    "leave": lambda lib: tools(lib).remove_parametrizations(
        tools(lib, "parametrizations").weight_norm(layer(lib)), "weight", leave_parametrized=False),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_beside_pytorch(name: str) -> None:
    agree(PROGRAMS[name], 2e-5, 1e-6)


def test_cached_computes_once() -> None:
    made = chain(sg)
    with tools(sg).cached():
        assert made.weight is made.weight
    assert made.weight is not made.weight


def test_copies_and_pickles() -> None:
    made = tools(sg, "parametrizations").weight_norm(layer(sg))
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert repr(twin) == repr(made) and (twin.weight == made.weight).all()
        twin.parametrizations.weight.original0.data.mul_(2)
        assert not (twin.weight == made.weight).any()


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_compiled(kind: str) -> None:
    sg.manual_seed(0)
    made = getattr(tools(sg, "parametrizations"), kind)(layer(sg))
    other = copy.deepcopy(made)
    opts = [sg.optim.SGD(m.parameters(), lr=0.05) for m in (made, other)]

    def step(x: Any) -> Any:
        opts[0].zero_grad()
        loss = made(x).square().mean()
        loss.backward()
        opts[0].step()
        return loss

    run = sg.compile(step, backend="numpy", fullgraph=True)
    for _ in range(4):
        opts[1].zero_grad()
        loss = other(sg.from_numpy(X)).square().mean()
        loss.backward()
        opts[1].step()
        assert run(sg.from_numpy(X)).item() == pytest.approx(loss.item(), rel=1e-5)
