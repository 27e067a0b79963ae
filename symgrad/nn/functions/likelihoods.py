"""Losses that are minus a log-likelihood: Bernoulli, Poisson, normal, and the divergence of two distributions."""

from __future__ import annotations

import math
import warnings
from typing import Any

from symgrad.errors import DomainError, DTypeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, reduction_of, size
from symgrad.nn.functions.sigmoidal import logsigmoid
from symgrad.ops import functional as ops
from symgrad.ops.entropy import binary_entropy_p, probabilities_p
from symgrad.ops.exponential import xlogy
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "kl_div", "poisson_nll_loss",
]  # fmt: skip

MEAN_WARNING = (
    "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only "
    "by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
    "'batchmean' in the next major release."
)


@functional()
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None,
                         size_average: bool | None = None, reduce: bool | None = None,
                         reduction: str = "mean") -> Tensor:  # fmt: skip
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities, weighted and reduced.

    Shapes: input and target alike; weight broadcasts with them
    Gradient: dinput = g (input - target) / (input (1 - input))
    Raises: RuntimeError for an input outside [0, 1]
    Note: logarithms are limited to -100 and the gradient's divisor to 1e-12.
    >>> sg.nn.functional.binary_cross_entropy(sg.tensor([0.5, 0.9]), sg.tensor([0.0, 1.0]))
    tensor(0.3993)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) "
                         "is deprecated. Please ensure they have the same size.")
    for name, given in (("target", target), ("weight", weight)):
        if given is not None and given.dtype is not input.dtype:
            raise DTypeError(f"Found dtype {given.dtype.name} of {name} but expected {input.dtype.name}",
                             hint="convert it with .to(input.dtype)")  # fmt: skip
    if state.capture() is not None:
        input = bind(probabilities_p, (input,), {})
    elif input.numel():
        check_probabilities(input)
    losses = bind(binary_entropy_p, (input, target), {})
    return reduced(losses if weight is None else losses * weight, reduction)


def check_probabilities(input: Tensor) -> None:
    """Raise where there are numbers that are no probability."""
    with state.no_grad():
        inside = bool(ops.amin(input) >= 0) and bool(ops.amax(input) <= 1)  # type: ignore[operator]
    if not inside:
        raise DomainError("all elements of input should be between 0 and 1",
                          hint="apply sigmoid first, or use binary_cross_entropy_with_logits")  # fmt: skip


@functional(top=True)
def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     size_average: bool | None = None, reduce: bool | None = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """`binary_cross_entropy` of sigmoid(input), without losing small probabilities.

    Shapes: input and target alike; weight and pos_weight broadcast with them
    Gradient: dinput = g (sigmoid(input) - target)
    Note: `pos_weight` says how much more a target of 1 counts than one of 0.
    >>> sg.nn.functional.binary_cross_entropy_with_logits(sg.tensor([0.0, 1000.0]), sg.tensor([0.0, 1.0]))
    tensor(0.3466)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    x, t = input, target
    log_p: Any = logsigmoid(x)
    if pos_weight is not None:
        log_p = log_p * ((pos_weight - 1) * t + 1)  # type: ignore[operator]
    losses = (1 - t) * x - log_p  # type: ignore[operator]
    return reduced(losses if weight is None else losses * weight, reduction)


@functional()
def kl_div(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
           reduction: str = "mean", log_target: bool = False) -> Tensor:  # fmt: skip
    """target (log(target) - input), where the input is a log-probability; with `log_target` the target is one too.

    Gradient: dinput = -target g
    Note: the mean is over all elements; "batchmean" is the sum divided by the first extent.
    >>> log_p = sg.tensor([[0.5, 0.5]]).log()
    >>> sg.nn.functional.kl_div(log_p, sg.tensor([[0.25, 0.75]]), reduction="batchmean")
    tensor(0.1308)
    """
    if size_average is not None or reduce is not None or reduction != "batchmean":
        if reduction == "mean" and size_average is None and reduce is None:
            warnings.warn(MEAN_WARNING, stacklevel=2)
        found = reduction_of(size_average, reduce, reduction)
    else:
        found = "sum"
    if not input.dtype.is_inexact or not target.dtype.is_inexact:
        raise DTypeError("kl_div: Integral inputs not supported.", hint="convert with .float()")
    if log_target:
        losses: Any = target.exp() * (target - input)  # type: ignore[attr-defined, operator]
    else:
        losses = xlogy(target, target) - target * input  # type: ignore[operator]
    result = reduced(losses, found)
    return result / input.shape[0] if reduction == "batchmean" and input.ndim else result  # type: ignore[operator]


@functional(top=True)
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
                     size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:  # fmt: skip
    """exp(input) - target input: counts `target` of a Poisson process whose rate has the logarithm `input`.

    Gradient: dinput = g (exp(input) - target); of a rate, g (1 - target / (input + eps))
    Note: without `log_input` the input is the rate; `full` adds Stirling's approximation of log(target!).
    >>> sg.nn.functional.poisson_nll_loss(sg.tensor([0.0, 1.0]), sg.tensor([1.0, 2.0]))
    tensor(0.8591)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input, target
    if log_input:
        losses: Any = x.exp() - t * x  # type: ignore[attr-defined, operator]
    else:
        losses = x - t * (x + eps).log()  # type: ignore[operator]
    if full:
        stirling = t * t.log() - t + 0.5 * (2 * math.pi * t).log()  # type: ignore[attr-defined, operator]
        losses = losses + ops.where(t <= 1, 0.0, stirling)  # type: ignore[operator]
    return reduced(losses, reduction)


@functional()
def gaussian_nll_loss(input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """(log(var) + (input - target)^2 / var) / 2: targets of normal distributions with means `input`.

    Shapes: var a number, input's shape, that without its last extent, or with one extent 1
    Gradient: dinput = g (input - target) / var, dvar = g (1 - (input - target)^2 / var) / (2 var)
    Raises: ValueError for a negative variance (eagerly) or shapes that do not fit
    Note: variances are at least `eps`, which the gradient does not see; `full` adds log(2 pi) / 2.
    >>> sg.nn.functional.gaussian_nll_loss(sg.tensor([0.0, 1.0]), sg.tensor([1.0, 1.0]), sg.tensor([1.0, 1.0]))
    tensor(0.2500)
    """
    variance = variance_of(var, input)
    reduction = reduction_of(None, None, reduction)
    variance = variance.clone()
    with state.no_grad():
        variance.clamp_(min=eps)
    losses = 0.5 * (variance.log() + ops.square(input - target) / variance)  # type: ignore[operator]
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def variance_of(var: Any, input: Tensor) -> Any:
    """The variance as a tensor that broadcasts with the input; raises where it is negative or does not fit."""
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        return ops.expand(ops.full_scalar(var, input.dtype), input.shape)
    if state.capture() is None and bool((var.detach() < 0).any()):  # type: ignore[attr-defined]
        raise ValueError("var has negative entry/entries")
    if var.shape == input.shape:
        return var
    if tuple(input.shape[:-1]) == tuple(var.shape):
        return ops.unsqueeze(var, -1)
    if input.ndim == var.ndim and sum(n for m, n in zip(input.shape, var.shape) if m != n) == 1:
        return var
    raise ValueError(f"var is of incorrect size: {size(var)} for input {size(input)}")
