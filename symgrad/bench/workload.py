"""A training step as one declaration, from which every way of running it is made.

A step has no arguments, changes its own parameters and returns the loss as a Python float, which is
what a training loop that reports its loss pays for. Every way starts from the same arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import symgrad as sg
from symgrad.bench.timing import Step

Arrays = tuple[np.ndarray, ...]
Loss = Callable[..., Any]


@dataclass(frozen=True)
class Sgd:
    """p -= rate g, or with momentum v = momentum v + g and p -= rate v."""

    rate: float
    momentum: float = 0.0


@dataclass(frozen=True)
class Adam:
    """Adam with PyTorch's other defaults."""

    rate: float


@dataclass(frozen=True)
class Workload:
    """What is computed: data, first parameters, loss and update; sizes are the subclasses' fields.

    `peers` names the libraries it is written for; `update` None means that the gradients are the result.
    """

    name: str
    title: str
    update: Sgd | Adam | None

    peers: ClassVar[tuple[str, ...]] = ("torch", "torch.compile", "jax")
    compiles: ClassVar[bool] = True

    def data(self) -> Arrays:
        """What the loss is given besides the parameters."""
        raise NotImplementedError

    def start(self) -> Arrays:
        """Fresh arrays with the parameters' first values."""
        raise NotImplementedError

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        """Parameters and the loss as a function of the data, in the names that `lib` has: symgrad or torch."""
        raise NotImplementedError

    def jax_state(self) -> Any:
        """What the step changes besides the parameters, for JAX to pass along."""
        return ()

    def jax_loss(self, params: Any, state: Any, *data: Any) -> tuple[Any, Any]:
        """Loss and next state, as functions of arrays."""
        raise NotImplementedError

    def numpy(self) -> Step | None:
        """The step written out in NumPy, where somebody would."""
        return None

    def comparable(self) -> Workload:
        """The same work as far as losses can show it: no random numbers, and always an update."""
        return self

    def eager(self) -> Step:
        """Tensors and the tape, op by op."""
        function, data = self.training_step()
        return lambda: float(function(*data).item())

    def compiled(self, backend: str = "auto") -> Step:
        """The very same function under `sg.compile`."""
        function, data = self.training_step()
        step = sg.compile(function, backend=backend, fullgraph=True)
        return lambda: float(step(*data).item())

    def training_step(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The step as a function of the data, and the data."""
        params, loss_of = self.network(sg)
        optimizer = optimizer_of(sg, self.update, params)
        if optimizer is None:
            return gradients_step(params, loss_of), tensors(sg, self.data())

        def step(*data: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(*data)
            loss.backward()
            optimizer.step()
            return loss

        return step, tensors(sg, self.data())


@dataclass(frozen=True)
class Formula(Workload):
    """A workload whose loss is one formula of all parameters, in operators that every library has."""

    def formula(self, words: Any, params: Any, *data: Any) -> Any:
        """The loss; `words` has what is no operator: relu."""
        raise NotImplementedError

    def numpy(self) -> Step:
        """The step written out in NumPy."""
        raise NotImplementedError

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        params = parameters(lib, self.start())
        return params, lambda *data: self.formula(lib, params, *data)

    def jax_loss(self, params: Any, state: Any, *data: Any) -> tuple[Any, Any]:
        import jax.nn

        return self.formula(jax.nn, params, *data), state


def gradients_step(params: list[Any], loss_of: Loss) -> Callable[..., Any]:
    """A step that leaves new gradients and no more, for symgrad as for torch."""

    def step(*data: Any) -> Any:
        for param in params:
            param.grad = None
        loss = loss_of(*data)
        loss.backward()
        return loss

    return step


def optimizer_of(lib: Any, update: Sgd | Adam | None, params: list[Any], **options: Any) -> Any:
    """The optimizer of `lib` that makes `update`, or None."""
    if isinstance(update, Adam):
        return lib.optim.Adam(params, lr=update.rate, **options)
    if isinstance(update, Sgd):
        return lib.optim.SGD(params, lr=update.rate, momentum=update.momentum, **options)
    return None


def tensors(lib: Any, arrays: Sequence[np.ndarray]) -> tuple[Any, ...]:
    """Each array as a tensor of `lib`, on the same memory."""
    return tuple(lib.from_numpy(array) for array in arrays)


def parameters(lib: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """Each array as a tensor that requires its gradient."""
    return [tensor.requires_grad_() for tensor in tensors(lib, arrays)]


def filled(lib: Any, module: Any, arrays: Sequence[np.ndarray]) -> list[Any]:
    """The parameters of `module`, given these first values in its order."""
    params = list(module.parameters())
    with lib.no_grad():
        for param, array in zip(params, arrays, strict=True):
            param.copy_(lib.from_numpy(array))
    return params


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal float32 numbers."""
    return np.asarray(rng.standard_normal(shape), np.float32)
