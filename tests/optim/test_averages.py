"""Averages of weights against PyTorch's swa_utils, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from optim_table import same
from oracle import agree, array_of, make
from sampling import values

import symgrad as sg


def network(lib: Any) -> Any:
    nn = lib.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2)).double()
    with lib.no_grad():
        for seed, p in enumerate(net.parameters()):
            p.copy_(make(lib, values(*p.shape, low=-1, high=1, seed=seed)))
    return net


AVERAGES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "equal": lambda U: {},
    "equal, one by one": lambda U: dict(avg_fn=U.get_swa_avg_fn()),
    "equal, together": lambda U: dict(multi_avg_fn=U.get_swa_multi_avg_fn()),
    "exponential": lambda U: dict(multi_avg_fn=U.get_ema_multi_avg_fn(0.9)),
    "exponential, one by one": lambda U: dict(avg_fn=U.get_ema_avg_fn(0.9)),
    "with buffers": lambda U: dict(use_buffers=True, avg_fn=lambda a, b, n: (a + b) / 2),
    "one's own": lambda U: dict(avg_fn=lambda averaged, new, count: 0.7 * averaged + 0.3 * new),
}


def training(lib: Any, name: str, wrap: Any = lambda f: f, inside: bool = False) -> Any:
    net = network(lib)
    optimizer = lib.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    averaged = lib.optim.swa_utils.AveragedModel(net, **AVERAGES[name](lib.optim.swa_utils))
    x = make(lib, values(6, 4, seed=2))

    def step() -> Any:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        if inside:
            averaged.update_parameters(net)
        return loss

    run = wrap(step)
    for _ in range(6):
        run()
        if not inside:
            averaged.update_parameters(net)
    averaged.eval()
    return [*averaged.state_dict().items(), averaged(x).detach()], run


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name: str) -> None:
    rounding = 1e-7 if name == "equal, together" else 1e-10  # PyTorch's weight 1/n is a float32 there
    same(lambda lib: training(lib, name)[0], rounding, rounding / 10)


@pytest.mark.parametrize("name", ["equal", "exponential", "one's own"])
def test_averages_in_a_compiled_step(name: str) -> None:
    eager, _ = training(sg, name)
    compiled, run = training(sg, name, lambda f: sg.compile(f, backend="numpy", fullgraph=True), inside=True)
    for a, b in zip(eager[:-1], compiled[:-1], strict=True):
        assert a[0] == b[0]
        assert array_of(a[1]) == pytest.approx(array_of(b[1]), rel=1e-9)
    assert sum(map(len, run.variants.values())) == 2  # the first update is a copy


@pytest.mark.parametrize("annealing", [dict(), dict(anneal_epochs=4, anneal_strategy="linear"), dict(anneal_epochs=0)])
def test_annealing(annealing: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        first, second = (lib.zeros(1, requires_grad=True) for _ in range(2))
        optimizer = lib.optim.SGD([{"params": first}, {"params": second, "lr": 2.0}], lr=0.5)
        before = lib.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.9)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, swa_lr=[0.05, 0.1], **annealing)
        rows = []
        for epoch in range(40):
            optimizer.step()
            (scheduler if epoch > 15 else before).step()
            rows.append([g["lr"] for g in optimizer.param_groups])
        saved = scheduler.state_dict()
        again = lib.optim.swa_utils.SWALR(optimizer, swa_lr=0.3, **annealing)
        again.load_state_dict(saved)
        again.step()
        return rows, sorted(saved), again.get_last_lr()

    same(program, 1e-12)


def test_statistics_of_batch_norms_anew() -> None:
    def program(lib: Any) -> Any:
        net = network(lib)
        net.eval()
        loader = [(make(lib, values(5, 4, seed=k)), k) for k in range(3)]
        lib.optim.swa_utils.update_bn(loader, net)
        return [*net.state_dict().items()], net.training, net[1].momentum

    same(program, 1e-10)
    same(lambda lib: lib.optim.swa_utils.update_bn([], lib.nn.Linear(1, 1)))


def test_errors() -> None:
    U = "swa_utils"
    agree(lambda lib: getattr(lib.optim, U).get_ema_avg_fn(1.5))
    agree(lambda lib: getattr(lib.optim, U).get_ema_multi_avg_fn(-0.5))
    agree(lambda lib: getattr(lib.optim, U).AveragedModel(lib.nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max))
    agree(lambda lib: getattr(lib.optim, U).SWALR(lib.optim.SGD([lib.zeros(1)]), 0.1, anneal_strategy="x"))
    agree(lambda lib: getattr(lib.optim, U).SWALR(lib.optim.SGD([lib.zeros(1)]), 0.1, anneal_epochs=-1))
