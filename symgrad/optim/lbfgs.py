"""L-BFGS: a quasi-Newton method that remembers its last steps; it evaluates the loss itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.ops.complex import view_as_real
from symgrad.ops.creation import zeros_like
from symgrad.ops.joining import cat
from symgrad.optim.line_search import Point, strong_wolfe
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class LBFGS(Optimizer):
    """Steps along -H g, H being an approximate inverse Hessian made of the last steps and changes of gradient.

    It decides by the values of the loss, so it runs eagerly; compile the closure.
    Source: Liu & Nocedal 1989

    >>> w = sg.tensor([3.0, -1.0], requires_grad=True)
    >>> optimizer = sg.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - sg.tensor([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    13.0
    >>> w.detach().round(decimals=4)
    tensor([1., 2.])
    """

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ):  # fmt: skip
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, checked(
            lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change, history_size=history_size, line_search_fn=line_search_fn))  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @state.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to `max_iter` iterations; `closure` clears the gradients, computes the loss, and calls backward."""
        if (active := state.capture()) is not None:
            active.refuse("LBFGS decides by the loss how it goes on")
        group = self.param_groups[0]
        lr = group["lr"].reshape(()) if isinstance(group["lr"], Tensor) else group["lr"]
        least, max_iter, max_eval = group["tolerance_change"], group["max_iter"], group["max_eval"]
        memory = self.state[group["params"][0]]
        memory.setdefault("func_evals", 0)
        memory.setdefault("n_iter", 0)

        first = self._loss(closure)
        loss, gradient, evaluations = float(first), self._gradient(), 1
        memory["func_evals"] += 1
        if gradient.abs().max() <= group["tolerance_grad"]:
            return first
        for iteration in range(1, max_iter + 1):
            memory["n_iter"] += 1
            d = memory["d"] = self._direction(memory, gradient, group["history_size"])
            memory["prev_flat_grad"], memory["prev_loss"] = gradient.clone(), loss
            t = min(1.0, 1.0 / gradient.abs().sum()) * lr if memory["n_iter"] == 1 else lr
            memory["t"] = t
            slope = gradient.dot(d)
            if slope > -least:
                break
            spent = 0
            if group["line_search_fn"] is not None:
                start = Point(0, loss, gradient, slope)
                found, spent = self._search(closure, start, t, d, max_eval - evaluations)
                loss, gradient, t = found.loss, found.gradient, found.t
                memory["t"] = t
                self._move(t, d)
            else:
                self._move(t, d)
                if iteration != max_iter:
                    loss, gradient, spent = float(self._loss(closure)), self._gradient(), 1
            evaluations += spent
            memory["func_evals"] += spent
            if (
                evaluations >= max_eval
                or gradient.abs().max() <= group["tolerance_grad"]
                or (d * t).abs().max() <= least
                or abs(loss - memory["prev_loss"]) < least
            ):
                break
        return first

    def _direction(self, memory: dict[str, Any], gradient: Any, history: int) -> Any:
        """-H g by the two-loop recursion, after the last step went into the memory."""
        if memory["n_iter"] == 1:
            memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -gradient
        changes, steps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
        change, step = gradient - memory["prev_flat_grad"], memory["d"] * memory["t"]
        curvature = change.dot(step)
        if curvature > 1e-10:
            if len(changes) == history:
                del changes[0], steps[0], ro[0]
            changes.append(change)
            steps.append(step)
            ro.append(1.0 / curvature)
            memory["H_diag"] = curvature / change.dot(change)
        al = memory.setdefault("al", [None] * history)
        d = -gradient
        for i in reversed(range(len(changes))):
            al[i] = steps[i].dot(d) * ro[i]
            d.add_(changes[i], alpha=-al[i])
        d.mul_(memory["H_diag"])
        for i in range(len(changes)):
            d.add_(steps[i], alpha=al[i] - changes[i].dot(d) * ro[i])
        return d

    def _search(self, closure: Any, start: Point, t: Any, d: Any, most: int) -> tuple[Point, int]:
        """A point along `d` by line search; the parameters stay where they were."""
        if self.param_groups[0]["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        params = self.param_groups[0]["params"]
        held = [param.clone() for param in params]

        def evaluate(t: Any) -> Point:
            self._move(t, d)
            loss, gradient = float(self._loss(closure)), self._gradient()
            for param, value in zip(params, held):
                param.copy_(value)
            return Point(t, loss, gradient, gradient.dot(d))

        return strong_wolfe(evaluate, start, t, d.abs().max(), most)

    def _loss(self, closure: Callable[[], Any]) -> Any:
        with state.enable_grad():
            return closure()

    def _gradient(self) -> Any:
        """All gradients in one row; complex ones as pairs of real numbers."""
        parts = []
        for param in self._parameters():
            grad: Any = zeros_like(param) if param.grad is None else param.grad
            parts.append((view_as_real(grad) if grad.dtype.is_complex else grad).reshape(-1))
        return cat(parts)

    def _move(self, t: Any, d: Any) -> None:
        start = 0
        for param in self._parameters():
            part: Any = view_as_real(param) if param.dtype.is_complex else param
            part.add_(d[start : start + part.numel()].reshape(part.shape), alpha=t)
            start += part.numel()
