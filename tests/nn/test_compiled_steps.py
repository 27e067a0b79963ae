"""Training steps compiled: what changes between them changes as it does eagerly, traced anew only where it must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sampling import values

import symgrad as sg

F = sg.nn.functional
backends = pytest.mark.parametrize("backend", ["numpy", "numba"])
X = sg.from_numpy(values(24, 5).astype(np.float32))
T = sg.arange(24) % 3


def net() -> Any:
    sg.manual_seed(3)
    return sg.nn.Sequential(sg.nn.Linear(5, 8), sg.nn.Tanh(), sg.nn.Dropout(0.3), sg.nn.Linear(8, 3))


def test_gradients_of_another_kind_are_traced_anew() -> None:
    p = sg.nn.Parameter(sg.ones(3))

    def micro(x: Any) -> Any:
        loss = (p * x).sum()
        loss.backward()
        return loss

    run, x = sg.compile(micro, backend="numpy", fullgraph=True), sg.tensor([1.0, 2.0, 3.0])
    shared = sg.zeros(6)
    for grad in (None, sg.ones(3), sg.ones(3) * 5, shared[:3], shared[::2], x, sg.ones(3) * 2):
        expected = x.detach().clone() + (0 if grad is None else grad)
        p.grad = grad
        run(x)
        np.testing.assert_array_equal(p.grad.numpy(), expected.numpy())
        assert grad is None or p.grad is grad
        x = sg.tensor([1.0, 2.0, 3.0])


class Trainer:
    """A model, an optimizer and a step, which may be compiled."""

    def __init__(self, backend: str, model: Any = None, clip: Any = None, fullgraph: bool = True, **options: Any):
        self.model = net() if model is None else model
        self.opt = sg.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, **options)
        self.clip = clip
        self.step = self._step if not backend else sg.compile(self._step, backend=backend, fullgraph=fullgraph)

    def _step(self, x: Any, t: Any) -> Any:
        self.opt.zero_grad()
        loss = F.cross_entropy(self.model(x), t)
        loss.backward()
        if self.clip is not None:
            self.clip(self.model.parameters())
        self.opt.step()
        return loss

    def traces(self) -> int:
        """How many programs the step has."""
        return programs(self.step)


def programs(compiled: Any) -> int:
    """How many programs a compiled callable has."""
    return sum(map(len, compiled.variants.values()))


def both(backend: str, script: Callable[[Trainer], list[Any]], traces: int, **how: Any) -> None:
    """The script gives the same losses and parameters eagerly and compiled, in so many programs."""
    results = []
    for mode in ("", backend):
        trainer = Trainer(mode, **{k: v() for k, v in how.items()})
        sg.manual_seed(5)
        losses = [float(loss) for loss in script(trainer)]
        results.append((losses, [p.detach().numpy().copy() for p in trainer.model.parameters()]))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=2e-5)
    for mine, theirs in zip(results[1][1], results[0][1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-6)
    assert trainer.traces() == traces


def steps(trainer: Trainer, count: int = 3) -> list[Any]:
    return [trainer.step(X[i * 8 : i * 8 + 8], T[i * 8 : i * 8 + 8]) for i in range(count)]


@backends
def test_train_and_eval(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        trainer.model.eval()
        losses += steps(trainer)
        trainer.model.train()
        return losses + steps(trainer)

    both(backend, script, 2)


@backends
def test_a_layer_frozen_and_thawed(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        trainer.model[0].requires_grad_(False)
        losses += steps(trainer)
        trainer.model[0].requires_grad_(True)
        return losses + steps(trainer)

    both(backend, script, 2)


@backends
def test_a_parameter_replaced(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        with sg.no_grad():
            trainer.model[3].bias = sg.nn.Parameter(sg.ones(3))
            trainer.model[0].weight.data = trainer.model[0].weight.detach() * 2
        return losses + steps(trainer)

    both(backend, script, 3)  # the optimizer does not know the new one, whose gradient is never dropped


@backends
def test_values_put_into_a_parameter(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        saved = {k: v.clone() for k, v in trainer.model.state_dict().items()}
        losses += steps(trainer)
        trainer.model.load_state_dict(saved)
        sg.nn.init.constant_(trainer.model[3].bias, 0.25)
        return losses + steps(trainer)

    both(backend, script, 1)


@backends
@pytest.mark.parametrize("every", [2, 3])
def test_gradient_accumulation(backend: str, every: int) -> None:
    results = []
    for mode in ("", backend):
        sg.manual_seed(5)
        model = net()
        opt = sg.optim.SGD(model.parameters(), lr=0.1)

        def micro(x: Any, t: Any, model: Any = model) -> Any:
            loss = F.cross_entropy(model(x), t) / every
            loss.backward()
            return loss

        def update(opt: Any = opt) -> None:
            opt.step()
            opt.zero_grad()

        if mode:
            micro, update = (sg.compile(f, backend=mode, fullgraph=True) for f in (micro, update))
        losses = []
        for i in range(12):
            losses.append(float(micro(X[i : i + 8], T[i : i + 8])))
            if (i + 1) % every == 0:
                update()
        results.append(losses)
    np.testing.assert_allclose(results[1], results[0], rtol=2e-5)
    assert programs(micro) == 2  # without and with a gradient to add to
    assert programs(update) == 1


CLIPS = {
    "norm": lambda: lambda params: sg.nn.utils.clip_grad_norm_(params, 0.1),
    "norm of order 1": lambda: lambda params: sg.nn.utils.clip_grad_norm_(params, 0.1, norm_type=1),
    "largest": lambda: lambda params: sg.nn.utils.clip_grad_norm_(params, 0.1, norm_type=float("inf")),
    "values": lambda: lambda params: sg.nn.utils.clip_grad_value_(params, 0.02),
}


@backends
@pytest.mark.parametrize("name", CLIPS)
def test_clipping(backend: str, name: str) -> None:
    both(backend, lambda t: steps(t) + steps(t), 1, clip=CLIPS[name])


def test_an_error_for_what_is_not_finite_compiles_as_a_branch() -> None:
    clip = lambda params: sg.nn.utils.clip_grad_norm_(params, 0.1, error_if_nonfinite=True)  # noqa: E731
    both("numpy", steps, 1, clip=lambda: clip)
    trainer = Trainer("numpy", clip=clip)
    steps(trainer)
    with pytest.raises(RuntimeError, match="non-finite"):
        trainer.step(X[:8] * float("inf"), T[:8])


@backends
def test_a_smaller_last_batch(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        cuts = [0, 10, 20, 24]
        return [trainer.step(X[a:b], T[a:b]) for _ in range(3) for a, b in zip(cuts, cuts[1:])]

    both(backend, script, 2)


class Tied(sg.nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        sg.manual_seed(3)
        self.first, self.out = sg.nn.Linear(5, 5), sg.nn.Linear(5, 3)
        self.second = sg.nn.Linear(5, 5)
        self.second.weight = self.first.weight

    def forward(self, x: Any) -> Any:
        return self.out(self.second(self.first(x).tanh()).tanh())


@backends
def test_tied_weights(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        assert trainer.model.second.weight is trainer.model.first.weight
        return losses + steps(trainer)

    both(backend, script, 1, model=Tied)


@backends
def test_tied_weights_untied(backend: str) -> None:
    def script(trainer: Trainer) -> list[Any]:
        losses = steps(trainer)
        trainer.model.second.weight = sg.nn.Parameter(trainer.model.first.weight.detach().clone())
        return losses + steps(trainer)

    both(backend, script, 3, model=Tied)  # as above


@backends
def test_the_loss_alone_compiled(backend: str) -> None:
    """Backward, clipping and the step run eagerly over a compiled loss."""
    results = []
    for mode in ("", backend):
        model = net()
        opt = sg.optim.Adam(model.parameters(), lr=0.01)
        loss_of = lambda x, t, model=model: F.cross_entropy(model(x), t)  # noqa: E731
        run = sg.compile(loss_of, backend=mode, fullgraph=True) if mode else loss_of
        sg.manual_seed(5)
        losses = []
        for i in range(6):
            if i == 3:
                model.eval()
            opt.zero_grad()
            loss = run(X[i : i + 8], T[i : i + 8])
            loss.backward()
            sg.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            losses.append(float(loss))
        results.append(losses)
    np.testing.assert_allclose(results[1], results[0], rtol=2e-5)


@backends
def test_a_compiled_module_follows_its_mode(backend: str) -> None:
    model = net()
    run = sg.compile(model, backend=backend, fullgraph=True)
    for training in (True, False, True, False):
        model.train(training)
        results = []
        for call in (model, run):
            sg.manual_seed(7)
            results.append(call(X).detach().numpy())
        np.testing.assert_allclose(results[1], results[0], rtol=2e-5, atol=1e-6)
    assert programs(run) == 2
