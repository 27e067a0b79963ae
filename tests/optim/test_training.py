"""Training runs: mini-batches, a schedule, a checkpoint half-way; eager, compiled, and in PyTorch the same losses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optim_table import same
from oracle import make, torch
from sampling import values

import symgrad as sg

EPOCHS, BATCH, COUNT = 6, 16, 56  # a smaller last batch


def network(lib: Any) -> Any:
    nn = lib.nn
    net = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    with lib.no_grad():
        for seed, p in enumerate(net.parameters()):
            p.copy_(make(lib, values(*p.shape, low=-0.5, high=0.5, seed=seed).astype("float32")))
    return net


def batches(lib: Any) -> Any:
    x = values(COUNT, 6, seed=3).astype("float32")
    y = np.argmax(x @ values(6, 3, seed=4), 1)
    for start in range(0, COUNT, BATCH):
        yield make(lib, x[start : start + BATCH]), make(lib, y[start : start + BATCH])


SETUPS: dict[str, tuple[Callable[..., Any], Callable[..., Any], bool]] = {
    # optimizer, schedule, stepped after each batch
    "momentum, one cycle": (lambda lib, ps: lib.SGD(ps, lr=0.1, momentum=0.9, weight_decay=1e-4),
                            lambda S, o: S.OneCycleLR(o, 0.2, epochs=EPOCHS, steps_per_epoch=4), True),
    "Adam, restarts": (lambda lib, ps: lib.Adam(ps, lr=0.02, amsgrad=True),
                       lambda S, o: S.CosineAnnealingWarmRestarts(o, 2), False),
    "AdamW, cycles of betas": (lambda lib, ps: lib.AdamW(ps, lr=0.01),
                               lambda S, o: S.CyclicLR(o, 0.001, 0.03, 5, base_momentum=0.85), True),
    "RMSprop, plateau": (lambda lib, ps: lib.RMSprop(ps, lr=0.01, momentum=0.5, centered=True),
                         lambda S, o: S.ReduceLROnPlateau(o, patience=0, threshold=0.3), False),
    "NAdam, warm-up": (lambda lib, ps: lib.NAdam(ps, lr=0.02, weight_decay=0.01, decoupled_weight_decay=True),
                       lambda S, o: S.SequentialLR(o, [S.LinearLR(o, 0.1), S.ExponentialLR(o, 0.9)], [5]), True),
    "RAdam, steps": (lambda lib, ps: lib.RAdam(ps, lr=0.05), lambda S, o: S.MultiStepLR(o, [2, 4]), False),
    "Adagrad, groups": (
        lambda lib, ps: lib.Adagrad([{"params": ps[::2], "lr": 0.1}, {"params": ps[1::2]}], lr=0.05, weight_decay=0.01),
        lambda S, o: S.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]), False),
    "Adadelta, polynomial": (lambda lib, ps: lib.Adadelta(ps), lambda S, o: S.PolynomialLR(o, 10), False),
    "Adamax, chained": (lambda lib, ps: lib.Adamax(ps, lr=0.03), lambda S, o: S.ChainedScheduler(
        [S.ConstantLR(o, 0.5, 2), S.StepLR(o, 3)]), False),
    "ASGD, exponential": (lambda lib, ps: lib.ASGD(ps, lr=0.1, t0=8), lambda S, o: S.ExponentialLR(o, 0.8), False),
    "Rprop, constant": (lambda lib, ps: lib.Rprop(ps, lr=0.001), lambda S, o: S.ConstantLR(o), False),
}  # fmt: skip


class Run:
    """A network, an optimizer and a schedule, and how a step is carried out."""

    def __init__(self, lib: Any, name: str, way: str = "eager", **how: Any):
        self.lib = lib
        optimizer, schedule, self.each_batch = SETUPS[name]
        self.net = network(lib)
        self.optimizer = optimizer(lib.optim, list(self.net.parameters()))
        self.schedule = schedule(lib.optim.lr_scheduler, self.optimizer)
        self.losses: list[float] = []
        net, opt = self.net, self.optimizer

        def loss_of(x: Any, y: Any) -> Any:
            return lib.nn.functional.cross_entropy(net(x), y)

        compiled = sg.compile(loss_of, fullgraph=True, **how) if way == "loss" else loss_of

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = compiled(x, y)
            loss.backward()
            opt.step()
            return loss

        self.step = sg.compile(step, fullgraph=True, **how) if way == "step" else step
        self.compiled = self.step if way == "step" else compiled

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            total = 0.0
            for x, y in batches(self.lib):
                loss = float(self.step(x, y))
                self.losses.append(loss)
                total += loss
                if self.each_batch:
                    self.schedule.step()
            if not self.each_batch:
                self.schedule.step(*([total] if "Plateau" in type(self.schedule).__name__ else []))

    def state(self) -> Any:
        parts = (self.net, self.optimizer, self.schedule)
        return copy.deepcopy([part.state_dict() for part in parts])

    def load(self, saved: Any) -> None:
        for part, its in zip((self.net, self.optimizer, self.schedule), saved):
            part.load_state_dict(its)


def parameters(run: Run) -> list[Any]:
    return [p.detach() for p in run.net.parameters()]


@pytest.mark.parametrize("name", SETUPS)
def test_as_in_pytorch(name: str) -> None:
    def program(lib: Any) -> Any:
        run = Run(lib, name)
        run.train(EPOCHS)
        return run.losses, parameters(run), [float(g["lr"]) for g in run.optimizer.param_groups]

    same(program, 2e-3, 1e-4)


def check(name: str, way: str, **how: Any) -> None:
    """The same losses compiled as eager, and after a checkpoint half-way loaded into fresh objects."""
    eager = Run(sg, name)
    eager.train(EPOCHS)
    first = Run(sg, name, way, **how)
    first.train(EPOCHS // 2)
    saved = first.state()
    first.train(EPOCHS - EPOCHS // 2)
    again = Run(sg, name, way, **how)
    again.load(saved)
    again.train(EPOCHS - EPOCHS // 2)
    half = len(first.losses) // 2
    assert again.losses == first.losses[half:]
    np.testing.assert_allclose(first.losses, eager.losses, 2e-4, 1e-5)
    assert eager.losses[-1] < eager.losses[0]
    for mine, its in zip(parameters(first), parameters(eager)):
        np.testing.assert_allclose(mine.numpy(), its.numpy(), 2e-3, 2e-4)
    assert len(first.compiled.variants) == 2  # one for each batch size: no schedule makes another


@pytest.mark.parametrize("name", SETUPS)
def test_the_whole_step_compiled(name: str) -> None:
    check(name, "step", backend="numpy")


@pytest.mark.parametrize("name", ["momentum, one cycle", "RMSprop, plateau", "Adagrad, groups"])
def test_the_loss_compiled(name: str) -> None:
    check(name, "loss", backend="numpy")


@pytest.mark.slow
@pytest.mark.parametrize("name, way", [("momentum, one cycle", "step"), ("Adam, restarts", "step"),
                                       ("AdamW, cycles of betas", "loss")])  # fmt: skip
def test_compiled_natively(name: str, way: str) -> None:
    check(name, way, backend="numba")


@pytest.mark.parametrize("name", ["momentum, one cycle", "NAdam, warm-up", "RAdam, steps", "Adagrad, groups"])
def test_a_checkpoint_of_pytorchs(name: str) -> None:
    """States of all three that PyTorch made half-way, converted tensor by tensor, go on alike, compiled."""
    theirs = Run(torch, name)
    theirs.train(EPOCHS // 2)

    def converted(value: Any) -> Any:
        if isinstance(value, dict):
            return type(value)({k: converted(v) for k, v in value.items()})
        if isinstance(value, (list, tuple)):
            return type(value)(converted(v) for v in value)
        return make(sg, value.numpy()) if isinstance(value, torch.Tensor) else value

    mine = Run(sg, name, "step", backend="numpy")
    mine.load([converted(dict(part)) for part in theirs.state()])
    theirs.train(EPOCHS - EPOCHS // 2)
    mine.train(EPOCHS - EPOCHS // 2)
    np.testing.assert_allclose(mine.losses, theirs.losses[len(mine.losses) :], 2e-3, 1e-4)
